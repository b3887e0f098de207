//! A client that writes a Subscription without asking for anything else disturbs no delivery:
//! nothing is sent twice or out of order, no handshake comes, and an endpoint that fails has no
//! more time than without it.

use std::sync::Arc;
use std::time::Duration;

use frist::subscriptions::delivery::Pace;
use serde_json::{Value, json};

use super::delivering_server::{DeliveringServer, QUICK, subscription};
use super::endpoint::{Answer, Endpoint, Gate, Received};

/// Returns the stored Subscription with another telephone number.
fn with_contact(server: &DeliveringServer, number: usize) -> Value {
    let mut stored = server.subscription("s");
    stored["contact"] = json!([{ "system": "phone", "value": number.to_string() }]);
    stored
}

/// Writes the Subscription back a few times.
fn write_back(server: &DeliveringServer) {
    (0..5).for_each(|number| drop(server.put(&with_contact(server, number))));
}

/// Holds messages of that type until the gate opens; acknowledges all others.
fn holding(
    gate: &Arc<Gate>,
    kind: &'static str,
) -> impl FnMut(&Received) -> Answer + Send + 'static {
    let gate = Arc::clone(gate);
    move |message| {
        if message.kind() == kind {
            Answer::Held(Arc::clone(&gate))
        } else {
            Answer::Status(200)
        }
    }
}

#[test]
fn a_message_on_its_way_arrives_once_and_the_next_follow() {
    let gate = Arc::new(Gate::default());
    let endpoint = Endpoint::answering(holding(&gate, "event-notification"));
    let server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    server.change("s");
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    write_back(&server);
    let last = server.change("s");
    write_back(&server);
    gate.open();
    assert_eq!(endpoint.numbers_until(last), (2..=last).collect::<Vec<_>>());
    let stored = server.subscription("s");
    assert_eq!(
        (&stored["status"], &stored["contact"][0]["value"]),
        (&json!("active"), &json!("4"))
    );
}

#[test]
fn a_handshake_on_its_way_is_the_only_one() {
    let gate = Arc::new(Gate::default());
    let endpoint = Endpoint::answering(holding(&gate, "handshake"));
    let server = DeliveringServer::new();
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    write_back(&server);
    gate.open();
    assert_eq!(server.until("s", "active")["contact"][0]["value"], "4");
    let last = server.change("s");
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
}

#[test]
fn an_endpoint_that_fails_gets_no_more_time() {
    let pace = Pace {
        retry_window: Duration::from_millis(300),
        ..QUICK
    };
    let (server, endpoint) = (DeliveringServer::at(pace), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.answer(|_| Answer::Status(503));
    let last = server.change("s");
    // A window that began anew with each write would never end.
    let refused = (0..20_000).find_map(|number| {
        server
            .try_put(&{
                let mut sent = with_contact(&server, number);
                sent["status"] = json!("active");
                sent
            })
            .err()
    });
    assert!(refused.is_some(), "it never got into error");
    assert_eq!(
        server.until("s", "error")["error"],
        "the endpoint answered 503"
    );
    // Written back it stays in error, and nothing is sent.
    endpoint.answer(|_| Answer::Status(200));
    endpoint.unread();
    write_back(&server);
    assert_eq!(
        server.subscription("s")["error"],
        "the endpoint answered 503"
    );
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    assert_eq!(endpoint.numbers_until(last), (1..=last).collect::<Vec<_>>());
}

#[test]
fn other_filters_are_asked_for_by_a_new_handshake_and_numbers_go_on() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    endpoint.expect("handshake");
    server.until("s", "active");
    let before = server.change("s");
    assert_eq!(
        endpoint.numbers_until(before),
        (1..=before).collect::<Vec<_>>()
    );
    let mut filtered = subscription("s", &endpoint.url());
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria";
    filtered["_criteria"] =
        json!({ "extension": [{ "url": url, "valueString": "Task?patient=Patient/p1" }] });
    server.put(&filtered);
    endpoint.expect("handshake");
    server.until("s", "active");
    // What happens to another person is none of its concern any more.
    let other = Endpoint::up();
    server.put(&subscription("all", &other.url()));
    server.change("all");
    assert_eq!(server.stream("s").last, before);
    let after = server.change_of("p1", "s");
    assert!(after > before);
    assert_eq!(
        endpoint.numbers_until(after),
        (before + 1..=after).collect::<Vec<_>>()
    );
}
