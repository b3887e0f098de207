//! Events that retention forgets before they are delivered: the subscriber learns which, and is
//! told all others.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use frist::interactions::retention::forget;
use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Gate, Received};
use super::station::{ONCE, Setup, Station, subscription, with_channel};
use crate::subscriptions::{parameter, shape};

/// Forgets the events before that instant.
fn forget_before(station: &Station, before: &str) {
    forget(station.server(), &station.moment(), before.parse().unwrap()).unwrap();
}

fn get(station: &Station, path: &str) -> (u16, String) {
    station.ask(Request::get(path).body(Body::empty()).unwrap())
}

/// What `$status` says is wrong.
fn told_by_status(station: &Station) -> String {
    let (_, text) = get(station, "/fhir/Subscription/s/$status");
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

/// What a message says is wrong.
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

/// A station of 1 March with a subscription in error, which has so many events of that day that
/// were never acknowledged.
fn in_error(endpoint: &Endpoint) -> (Station, u64) {
    let station = Station::at(ONCE);
    station.put(&subscription("s", &endpoint.url()));
    station.until("s", "active");
    endpoint.expect("handshake");
    endpoint.answer(|_| Answer::Status(500));
    let last = station.change("s");
    assert_eq!(endpoint.expect("event-notification").numbers(), [1]);
    station.until("s", "error");
    (station, last)
}

#[test]
fn who_was_in_error_for_longer_than_events_are_kept_is_told_what_it_missed() {
    let endpoint = Endpoint::up();
    let (mut station, missed_until) = in_error(&endpoint);
    station.set_clock("2027-03-11T08:00:00Z");
    station.change_of("p1", "s");
    let last = station.change_of("p2", "s");
    assert_eq!(told_by_status(&station), "the endpoint answered 500");
    forget_before(&station, "2027-03-10T08:00:00Z");
    assert_eq!(
        told_by_status(&station),
        format!("the endpoint answered 500; {}", missed(missed_until))
    );
    let (_, metrics) = get(&station, "/metrics");
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
    let (_, page) = get(&station, "/");
    assert!(
        page.contains(&format!("<td>{missed_until} event")),
        "{page}"
    );

    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    endpoint.answer(move |message| {
        if message.kind() == "handshake" {
            Answer::Status(200)
        } else {
            Answer::Held(Arc::clone(&held))
        }
    });
    station.put(&subscription("s", &endpoint.url()));
    assert_eq!(told_by(&endpoint.expect("handshake")), missed(missed_until));
    let first = endpoint.expect("event-notification");
    assert_eq!(
        (first.numbers(), told_by(&first)),
        (vec![missed_until + 1], missed(missed_until))
    );
    // It was not acknowledged yet: it is told again.
    station.crash();
    gate.open();
    endpoint.answer(|_| Answer::Status(200));
    station.start(Setup {
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
    station.stop();
    station.start(Setup {
        pace: ONCE,
        ..Setup::default()
    });
    assert_eq!(told_by_status(&station), "", "its subscriber knows");
    let (status, _) = get(&station, "/fhir/Subscription/s/$events?eventsSinceNumber=1");
    assert_eq!(status, 422);
}

#[test]
fn if_nothing_is_kept_the_handshake_says_so_and_the_next_event_too() {
    let endpoint = Endpoint::up();
    let (station, last) = in_error(&endpoint);
    forget_before(&station, "2027-03-10T08:00:00Z");
    endpoint.answer(|_| Answer::Status(200));
    station.put(&with_channel(
        subscription("s", &endpoint.url()),
        "heartbeat-period",
        "valueUnsignedInt",
        1,
    ));
    assert_eq!(told_by(&endpoint.expect("handshake")), missed(last));
    assert_eq!(told_by(&endpoint.expect("heartbeat")), missed(last));
    station.change_of("p1", "s");
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
    let mut station = Station::new();
    station.put(&subscription("s", &endpoint.url()));
    station.until("s", "active");
    endpoint.expect("handshake");
    let delivered = station.change("s");
    assert_eq!(
        endpoint.numbers_until(delivered),
        (1..=delivered).collect::<Vec<_>>()
    );
    endpoint.answer(|_| Answer::Status(500));
    station.change_of("p1", "s");
    let last = station.change_of("p2", "s");
    // Down for longer than events are kept.
    station.stop();
    station.set_clock("2027-09-01T08:00:00Z");
    station.start(Setup::default());
    forget_before(&station, "2027-06-01T08:00:00Z");
    let stream = station.stream("s");
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
    station.put(&off);
    forget_before(&station, "2027-06-01T08:00:00Z");
    assert_eq!(station.stream("s").forgotten, last);
}
