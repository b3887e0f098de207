//! The usual course: a handshake, then every event in order, whoever writes and however often the
//! server starts anew.

use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use frist::fhir::Id;
use frist::subscriptions::signing::webhook_secret;
use serde_json::{Value, json};

use super::delivering_server::{DeliveringServer, ONCE, Setup, subscription, with_channel};
use super::endpoint::{Answer, Endpoint};

#[test]
fn a_handshake_makes_it_active_and_events_come_in_order() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    let mut asked = subscription("s", &endpoint.url());
    asked["channel"]["header"] = json!(["Authorization: Bearer of-the-test", "X-Twice: 1"]);
    server.put(&asked);
    let handshake = endpoint.expect("handshake");
    assert_eq!(handshake.path, "/notified");
    assert_eq!(
        handshake.header("content-type"),
        "application/fhir+json; fhirVersion=4.0"
    );
    assert_eq!(
        (
            handshake.header("authorization"),
            handshake.header("x-twice")
        ),
        ("Bearer of-the-test", "1")
    );
    assert_eq!(
        (
            handshake.numbers(),
            handshake.parameter("events-since-subscription-start", "valueString")
        ),
        (vec![], "0".into())
    );
    server.until("s", "active");
    let mut last = 0;
    for _ in 0..4 {
        last = server.change("s");
    }
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(endpoint.connections(), 1, "the connection is kept");
}

#[test]
fn a_message_is_signed_by_a_secret_of_its_subscription() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    let message = endpoint.expect("handshake");
    assert_eq!(message.id(), message.json()["id"]);
    let life = server.stream("s").life;
    let secret = webhook_secret(
        server.as_server().store.secret(),
        &Id::parse("s").unwrap(),
        life,
    );
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut signed =
        format!("{}.{}.", message.id(), message.header("webhook-timestamp")).into_bytes();
    signed.extend_from_slice(&message.body);
    assert_eq!(
        message.header("webhook-signature"),
        format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &signed)))
    );
    let seconds: i64 = message.header("webhook-timestamp").parse().unwrap();
    assert!(
        (0..=120).contains(&(server.context().now.as_second() - seconds)),
        "the server's clock"
    );
}

/// Computes the HMAC by its definition (RFC 2104), as a subscriber may have it.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let padded = |with: u8| {
        (0..64)
            .map(|at| key.get(at).copied().unwrap_or(0) ^ with)
            .collect::<Vec<_>>()
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

#[test]
fn events_of_several_writers_come_each_once_and_in_order() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    thread::scope(|scope| {
        for writer in ["p1", "p2", "p3"] {
            let server = &server;
            scope.spawn(move || (0..5).map(|_| server.change_of(writer, "s")).max());
        }
    });
    let last = server.stream("s").last;
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
}

#[test]
fn full_resources_are_the_tasks_as_they_were_at_the_event() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    let mut asked = subscription("s", &endpoint.url());
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";
    asked["channel"]["_payload"] =
        json!({ "extension": [{ "url": url, "valueCode": "full-resource" }] });
    server.put(&asked);
    server.until("s", "active");
    endpoint.expect("handshake");
    let last = server.change("s").max(server.change("s"));
    let events = server
        .as_server()
        .store
        .events(&Id::parse("s").unwrap(), 0, 100)
        .unwrap();
    assert_eq!(events.len() as u64, last);
    for event in events {
        let message = endpoint.expect("event-notification");
        let stored = server
            .as_server()
            .store
            .read_version(&event.focus, event.version)
            .unwrap()
            .unwrap()
            .body
            .unwrap();
        let stored: Value = serde_json::from_slice(&stored).unwrap();
        assert_eq!(message.json()["entry"][1]["resource"], stored);
    }
}

#[test]
fn a_start_goes_on_where_the_stop_was() {
    let (mut server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    let first = server.change("s");
    endpoint.expect("handshake");
    assert_eq!(
        endpoint.numbers_until(first),
        (1..=first).collect::<Vec<_>>()
    );
    endpoint.answer(|_| Answer::Status(500));
    let second = server.change("s");
    let refused = endpoint.expect("event-notification");
    assert_eq!(refused.numbers(), [first + 1]);
    server.stop();
    drop(endpoint.unread());
    endpoint.answer(|_| Answer::Status(200));
    server.start(Setup::default());
    let again = endpoint.expect("event-notification");
    assert_eq!(
        (again.numbers(), again.id()),
        (vec![first + 1], refused.id()),
        "no handshake, and the same message"
    );
    let third = server.change("s");
    if second > first + 1 || third > first + 1 {
        assert_eq!(
            endpoint.numbers_until(third),
            (first + 2..=third).collect::<Vec<_>>()
        );
    }
}

#[test]
fn after_an_error_the_client_asks_again_and_gets_everything_since() {
    let (mut server, endpoint) = (DeliveringServer::at(ONCE), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    endpoint.answer(|_| Answer::Status(500));
    let mut last = server.change("s");
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    let failed = server.until("s", "error");
    assert_eq!(failed["error"], "the endpoint answered 500");
    for _ in 0..3 {
        last = server.change("s");
    }
    server.stop();
    endpoint.answer(|_| Answer::Status(200));
    server.start(Setup {
        pace: ONCE,
        ..Setup::default()
    });
    last = last.max(server.change("s"));
    assert_eq!(
        endpoint.unread().len(),
        0,
        "the server never heals an error by itself"
    );
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    assert_eq!(server.until("s", "active")["error"], Value::Null);
}

#[test]
fn a_message_of_several_events_keeps_its_events_over_a_crash() {
    let (mut server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    let asked = with_channel(
        subscription("s", &endpoint.url()),
        "max-count",
        "valuePositiveInt",
        4,
    );
    server.put(&asked);
    server.until("s", "active");
    endpoint.expect("handshake");
    // Those that follow a start go out one by one; past them, several go together.
    let mut last = 0;
    while last < 128 {
        last = server.change("s");
    }
    assert_eq!(endpoint.numbers_until(last).len() as u64, last);
    endpoint.answer(|_| Answer::Status(500));
    server.change("s");
    let refused = endpoint.expect("event-notification");
    for _ in 0..6 {
        last = server.change("s");
    }
    let first = refused.id();
    endpoint.answer(move |message| Answer::Status(if message.id() == first { 200 } else { 500 }));
    let batch = loop {
        let message = endpoint.expect("event-notification");
        if message.id() != refused.id() {
            break message;
        }
        assert_eq!(
            message.numbers(),
            refused.numbers(),
            "however many came meanwhile"
        );
    };
    let begin = refused.numbers().last().unwrap() + 1;
    assert_eq!(batch.numbers(), (begin..begin + 4).collect::<Vec<_>>());
    last = last.max(server.change("s"));
    server.crash();
    drop(endpoint.unread());
    endpoint.answer(|_| Answer::Status(200));
    server.start(Setup::default());
    let again = endpoint.expect("event-notification");
    assert_eq!((again.numbers(), again.id()), (batch.numbers(), batch.id()));
    let next = batch.numbers().last().unwrap() + 1;
    assert_eq!(
        endpoint.numbers_until(last),
        (next..=last).collect::<Vec<_>>()
    );
}
