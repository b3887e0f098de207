//! The life of a subscription: what a client, its end and the clock make of it, also in the middle
//! of a message and while the server is down.

use std::sync::Arc;

use serde_json::json;

use super::delivering_server::{DeliveringServer, ONCE, Setup, subscription, with_channel};
use super::endpoint::{Answer, Endpoint, Gate};

/// Answers 200 to handshakes, and holds what else comes until the gate opens.
fn holding(gate: &Arc<Gate>) -> impl FnMut(&super::endpoint::Received) -> Answer + Send + 'static {
    let gate = Arc::clone(gate);
    move |message| {
        if message.kind() == "handshake" {
            Answer::Status(200)
        } else {
            Answer::Held(Arc::clone(&gate))
        }
    }
}

#[test]
fn a_deleted_subscription_is_told_nothing_more_and_its_successor_begins_at_one() {
    let gate = Arc::new(Gate::default());
    let endpoint = Endpoint::answering(holding(&gate));
    let server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    server.change("s");
    server.change("s");
    let before = endpoint.expect("event-notification");
    server.delete("s");
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    // The answer to the event before is nobody's any more.
    gate.open();
    server.until("s", "active");
    let last = server.change("s");
    let after = endpoint.expect("event-notification");
    assert_eq!((after.numbers(), before.numbers()), (vec![1], vec![1]));
    assert_ne!(after.id(), before.id(), "another life");
    if last > 1 {
        assert_eq!(endpoint.numbers_until(last), (2..=last).collect::<Vec<_>>());
    }
}

#[test]
fn a_subscription_that_is_put_off_stops_at_once_and_goes_on_when_it_is_asked_for() {
    let gate = Arc::new(Gate::default());
    let endpoint = Endpoint::answering(holding(&gate));
    let server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    let last = server.change("s").max(server.change("s"));
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    let mut off = subscription("s", &endpoint.url());
    off["status"] = json!("off");
    server.put(&off);
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    gate.open();
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
}

#[test]
fn a_change_of_the_endpoint_is_a_new_handshake_and_what_is_left_goes_there() {
    let gate = Arc::new(Gate::default());
    let (before, after) = (Endpoint::answering(holding(&gate)), Endpoint::up());
    let server = DeliveringServer::new();
    server.put(&subscription("s", &before.url()));
    server.until("s", "active");
    before.expect("handshake");
    let last = server.change("s").max(server.change("s"));
    let held = before.expect("event-notification");
    server.put(&subscription("s", &after.url()));
    after.expect("handshake");
    let first = after.expect("event-notification");
    assert_eq!(
        (first.numbers(), first.id()),
        (held.numbers(), held.id()),
        "it was never acknowledged"
    );
    if last > 1 {
        assert_eq!(after.numbers_until(last), (2..=last).collect::<Vec<_>>());
    }
    assert_eq!(before.unread().len(), 0);
    gate.open();
}

#[test]
fn silence_is_broken_by_a_heartbeat_that_moves_no_number() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&with_channel(
        subscription("s", &endpoint.url()),
        "heartbeat-period",
        "valueUnsignedInt",
        1,
    ));
    endpoint.expect("handshake");
    let first = endpoint.expect("heartbeat");
    let second = endpoint.expect("heartbeat");
    assert_ne!(first.id(), second.id());
    assert_eq!(
        (
            second.numbers(),
            second.parameter("events-since-subscription-start", "valueString")
        ),
        (vec![], "0".to_owned())
    );
    assert_eq!(second.parameter("status", "valueCode"), "active");
}

#[test]
fn a_heartbeat_that_fails_is_a_delivery_that_fails() {
    let (server, endpoint) = (DeliveringServer::at(ONCE), Endpoint::up());
    endpoint.answer(|message| {
        Answer::Status(if message.kind() == "handshake" {
            200
        } else {
            503
        })
    });
    server.put(&with_channel(
        subscription("s", &endpoint.url()),
        "heartbeat-period",
        "valueUnsignedInt",
        1,
    ));
    assert_eq!(
        server.until("s", "error")["error"],
        "the endpoint answered 503"
    );
}

#[test]
fn at_its_end_a_subscription_is_off_whatever_it_was_and_wherever_the_server_was() {
    let (mut server, endpoint, wrong) = (
        DeliveringServer::at(ONCE),
        Endpoint::up(),
        Endpoint::answering(|_| Answer::Status(500)),
    );
    let ending = |id: &str, endpoint: &Endpoint, end: &str| {
        let mut ending = subscription(id, &endpoint.url());
        ending["end"] = json!(end);
        ending
    };
    server.put(&ending("s", &endpoint, "2027-03-01T12:00:00Z"));
    server.put(&ending("later", &endpoint, "2027-03-02T12:00:00Z"));
    server.put(&ending("wrong", &wrong, "2027-03-01T12:00:00Z"));
    server.until("s", "active");
    server.until("later", "active");
    server.until("wrong", "error");
    server.set_clock("2027-03-01T12:00:00Z");
    server.wake("s");
    server.wake("later");
    server.wake("wrong");
    server.until("s", "off");
    server.until("wrong", "off");
    assert_eq!(server.subscription("later")["status"], "active");
    server.stop();
    server.set_clock("2027-03-05T12:00:00Z");
    server.start(Setup::default());
    server.until("later", "off");
}

#[test]
fn an_end_that_comes_by_itself_needs_no_one_to_wake_it() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    let mut ending = subscription("s", &endpoint.url());
    ending["end"] = json!(
        server
            .context()
            .now
            .checked_add(jiff::SignedDuration::from_secs(2))
            .unwrap()
            .to_string()
    );
    server.put(&ending);
    server.until("s", "off");
}

#[test]
fn a_start_finds_every_subscription_as_it_was() {
    let gate = Arc::new(Gate::default());
    let requested = Endpoint::answering({
        let gate = Arc::clone(&gate);
        move |_| Answer::Held(Arc::clone(&gate))
    });
    let (active, error) = (Endpoint::up(), Endpoint::answering(|_| Answer::Status(500)));
    let mut server = DeliveringServer::at(ONCE);
    server.put(&subscription("requested", &requested.url()));
    server.put(&subscription("active", &active.url()));
    server.put(&subscription("error", &error.url()));
    let mut off = subscription("off", &active.url());
    off["status"] = json!("off");
    server.put(&off);
    requested.expect("handshake");
    active.expect("handshake");
    server.until("active", "active");
    server.until("error", "error");
    error.expect("handshake");
    server.crash();
    gate.open();
    server.start(Setup {
        pace: ONCE,
        ..Setup::default()
    });
    requested.expect("handshake");
    server.until("requested", "active");
    let last = server.change("active");
    for endpoint in [&active, &requested] {
        assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
    }
    assert_eq!(
        (
            error.unread().len(),
            server.stream("error").last,
            server.stream("off").last
        ),
        (0, last, 0)
    );
}
