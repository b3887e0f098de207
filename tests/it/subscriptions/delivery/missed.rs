//! Events that retention forgets before they are delivered: the subscriber learns which, and is
//! told all others.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use frist::interactions::upkeep::retention::forget;
use serde_json::{Value, json};

use super::delivering_server::{DeliveringServer, ONCE, Setup, subscription, with_channel};
use super::endpoint::{Answer, Endpoint, Gate, Received};
use crate::subscriptions::{parameter, shape};

/// Forgets the events before that instant.
fn forget_before(server: &DeliveringServer, before: &str) {
    forget(
        server.as_server(),
        &server.context(),
        before.parse().unwrap(),
    )
    .unwrap();
}

fn get(server: &DeliveringServer, path: &str) -> (u16, String) {
    server.ask(Request::get(path).body(Body::empty()).unwrap())
}

/// Returns the error that `$status` tells.
fn told_by_status(server: &DeliveringServer) -> String {
    let (_, text) = get(server, "/fhir/Subscription/s/$status");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let status = &bundle["entry"][0]["resource"];
    assert_eq!(shape::unfit_status(status), [""; 0]);
    error_in(status)
}

fn error_in(status: &Value) -> String {
    assert_eq!(parameter(status, "error"), "", "it is a CodeableConcept");
    let errors: Vec<_> = status["parameter"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|parameter| parameter["name"] == "error")
        .collect();
    assert!(errors.len() <= 1, "{errors:?}");
    errors.first().map_or_else(String::new, |error| {
        error["valueCodeableConcept"]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    })
}

/// Returns the error that a message tells.
fn told_by(message: &Received) -> String {
    let bundle = message.json();
    assert_eq!(shape::unfit_notification(&bundle), [""; 0]);
    assert_eq!(shape::refused_by_r4(&bundle), [""; 0]);
    error_in(&bundle["entry"][0]["resource"])
}

fn missed(last: u64) -> String {
    format!(
        "events 1 to {last} were never acknowledged and are no longer kept: what they told is in the history of the Tasks"
    )
}

/// Makes a server on 1 March with a subscription in error, which has so many events of that day
/// that were never acknowledged.
fn in_error(endpoint: &Endpoint) -> (DeliveringServer, u64) {
    let server = DeliveringServer::at(ONCE);
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    endpoint.answer(|_| Answer::Status(500));
    let last = server.change("s");
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    server.until("s", "error");
    (server, last)
}

/// Makes a server on 11 March, which has forgotten the events of the day on which the subscription
/// came to be in error, and keeps later ones: their last number, and the last that was forgotten.
fn that_forgot(endpoint: &Endpoint) -> (DeliveringServer, u64, u64) {
    let (server, missed_until) = in_error(endpoint);
    server.set_clock("2027-03-11T08:00:00Z");
    server.change_of("p1", "s");
    let last = server.change_of("p2", "s");
    assert_eq!(told_by_status(&server), "the endpoint answered 500");
    forget_before(&server, "2027-03-10T08:00:00Z");
    (server, last, missed_until)
}

#[test]
fn an_operator_sees_how_many_events_a_subscriber_missed() {
    let endpoint = Endpoint::up();
    let (server, last, missed_until) = that_forgot(&endpoint);
    assert_eq!(
        told_by_status(&server),
        format!("the endpoint answered 500; {}", missed(missed_until))
    );
    let (_, metrics) = get(&server, "/metrics");
    assert!(
        metrics.contains(&format!(
            "\nfrist_subscription_missed_events {missed_until}\n"
        )),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!(
            "\nfrist_subscription_queue_events {}\n",
            last - missed_until
        )),
        "{metrics}"
    );
    let (_, page) = get(&server, "/");
    assert!(
        page.contains(&format!("<td>{missed_until} event")),
        "{page}"
    );
}

#[test]
fn who_was_in_error_for_longer_than_events_are_kept_is_told_what_it_missed() {
    let endpoint = Endpoint::up();
    let (mut server, last, missed_until) = that_forgot(&endpoint);
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    endpoint.answer(move |message| {
        if message.kind() == "handshake" {
            Answer::Status(200)
        } else {
            Answer::Held(Arc::clone(&held))
        }
    });
    server.put(&subscription("s", &endpoint.url()));
    assert_eq!(told_by(&endpoint.expect("handshake")), missed(missed_until));
    let first = endpoint.expect("event-notification");
    assert_eq!(
        (first.numbers(), told_by(&first)),
        (vec![missed_until + 1], missed(missed_until))
    );
    // It was not acknowledged yet: it is told again.
    server.crash();
    gate.open();
    endpoint.answer(|_| Answer::Status(200));
    server.start(Setup {
        pace: ONCE,
        ..Setup::default()
    });
    let again = endpoint.expect("event-notification");
    assert_eq!(
        (again.id(), told_by(&again)),
        (first.id(), missed(missed_until))
    );
    for number in missed_until + 2..=last {
        let next = endpoint.expect("event-notification");
        assert_eq!(
            (next.numbers(), told_by(&next)),
            (vec![number], String::new())
        );
    }
    server.stop();
    server.start(Setup {
        pace: ONCE,
        ..Setup::default()
    });
    assert_eq!(told_by_status(&server), "", "its subscriber knows");
    let (status, _) = get(&server, "/fhir/Subscription/s/$events?eventsSinceNumber=1");
    assert_eq!(status, 422);
}

#[test]
fn if_nothing_is_kept_the_handshake_says_so_and_the_next_event_too() {
    let endpoint = Endpoint::up();
    let (server, last) = in_error(&endpoint);
    forget_before(&server, "2027-03-10T08:00:00Z");
    endpoint.answer(|_| Answer::Status(200));
    server.put(&with_channel(
        subscription("s", &endpoint.url()),
        "heartbeat-period",
        "valueUnsignedInt",
        1,
    ));
    assert_eq!(told_by(&endpoint.expect("handshake")), missed(last));
    assert_eq!(told_by(&endpoint.expect("heartbeat")), missed(last));
    server.change_of("p1", "s");
    let next = loop {
        let next = endpoint.next();
        if next.kind() == "event-notification" {
            break next;
        }
    };
    assert_eq!(
        (next.numbers(), told_by(&next)),
        (vec![last + 1], missed(last))
    );
}

#[test]
fn what_is_on_its_way_is_not_forgotten_however_old_it_is() {
    let endpoint = Endpoint::up();
    let mut server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    let delivered = server.change("s");
    assert_eq!(
        endpoint.numbers_until(delivered),
        (1..=delivered).collect::<Vec<_>>()
    );
    endpoint.answer(|_| Answer::Status(500));
    server.change_of("p1", "s");
    let last = server.change_of("p2", "s");
    // Down for longer than events are kept.
    server.stop();
    server.set_clock("2027-09-01T08:00:00Z");
    server.start(Setup::default());
    forget_before(&server, "2027-06-01T08:00:00Z");
    let stream = server.stream("s");
    assert_eq!((stream.forgotten, stream.last), (delivered, last));
    drop(endpoint.unread());
    endpoint.answer(|_| Answer::Status(200));
    loop {
        let message = endpoint.expect("event-notification");
        assert_eq!(told_by(&message), "");
        if message.numbers() == [last] {
            break;
        }
    }
    // A client that wants none any more has no one to tell.
    let mut off = subscription("s", &endpoint.url());
    off["status"] = json!("off");
    server.put(&off);
    forget_before(&server, "2027-06-01T08:00:00Z");
    assert_eq!(server.stream("s").forgotten, last);
}
