//! Messages with one fault each: the rules of their shape find it.

use serde_json::{Value, json};

use super::messages::{messages, parsed};
use super::shape::unfit_notification;
use crate::support::facade::BASE;

/// The place at which the status of a notification has its parts.
const STATUS: &str = "/entry/0/resource/parameter";

/// Checks that a notification with another value at that place is found to be wrong.
fn check_wrong(pointer: &str, value: Value, expected: &str) {
    let (_, bytes) = messages()
        .into_iter()
        .find(|(name, _)| name == "EventNotification Active IdOnly")
        .unwrap();
    let mut wrong = parsed(&bytes);
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    match wrong.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        parent => parent[member] = value,
    }
    let found = unfit_notification(&wrong);
    assert!(
        found.iter().any(|found| found.starts_with(expected)),
        "{pointer}: {found:?}"
    );
}

#[test]
fn the_rules_find_what_is_wrong_with_the_bundle() {
    for (pointer, value, expected) in [
        ("/type", json!("collection"), "type"),
        ("/timestamp", json!(null), "timestamp"),
        ("/meta/profile", json!([]), "meta.profile"),
        (
            "/entry/0/resource/resourceType",
            json!("Basic"),
            "a status, as the first entry",
        ),
        (
            "/entry/0/fullUrl",
            json!("urn:uuid:x"),
            "fullUrl of the status",
        ),
        ("/entry/0/request/url", json!("Subscription/s1"), "request"),
        ("/entry/0/response/status", json!("201"), "response"),
        (
            "/entry/1/response",
            json!(null),
            "request and response of each entry",
        ),
    ] {
        check_wrong(pointer, value, expected);
    }
}

#[test]
fn the_rules_find_what_is_wrong_with_the_parameters_of_the_status() {
    for (pointer, value, expected) in [
        (
            format!("{STATUS}/0/name"),
            json!("subscriptions"),
            "subscription: 0 times",
        ),
        (
            format!("{STATUS}/2/valueCode"),
            json!("entered"),
            "status: no such code",
        ),
        (
            format!("{STATUS}/3/valueCode"),
            json!("event"),
            "type: no such code",
        ),
        (
            format!("{STATUS}/4"),
            json!({ "name": "events-since-subscription-start", "valueInteger": 1 }),
            "events-since",
        ),
        (
            format!("{STATUS}/5/part/0/name"),
            json!("number"),
            "event-number: 0 times",
        ),
        (
            format!("{STATUS}/5/part/1"),
            json!({ "name": "timestamp", "valueDateTime": "2027-03-01" }),
            "timestamp: ",
        ),
        (
            format!("{STATUS}/0/valueReference/reference"),
            json!(format!("{BASE}/Task/s1")),
            "subscription: no Subscription",
        ),
        (
            format!("{STATUS}/1/valueCanonical"),
            json!("https://kronikerpakker.dk/fhir/SubscriptionTopic/other"),
            "topic: no such topic",
        ),
    ] {
        check_wrong(&pointer, value, expected);
    }
}

#[test]
fn the_rules_find_what_is_wrong_with_the_numbers_of_the_status() {
    for (pointer, value, expected) in [
        (
            format!("{STATUS}/3/valueCode"),
            json!("heartbeat"),
            "type: ",
        ),
        (
            format!("{STATUS}/4/valueString"),
            json!("11"),
            "events-since-subscription-start: ",
        ),
        (
            format!("{STATUS}/4/valueString"),
            json!("-1"),
            "events-since-subscription-start: ",
        ),
        (
            format!("{STATUS}/5/part/0/valueString"),
            json!("10"),
            "event-number: ",
        ),
        (
            format!("{STATUS}/5/part/0/valueString"),
            json!("first"),
            "event-number: ",
        ),
    ] {
        check_wrong(&pointer, value, expected);
    }
}

#[test]
fn the_rules_find_what_is_wrong_with_the_events() {
    for (pointer, value, expected) in [
        (
            format!("{STATUS}/5/part/2/name"),
            json!("additional-context"),
            "2 events, 1 foci",
        ),
        (
            format!("{STATUS}/5/part/2/valueReference/reference"),
            json!(format!("{BASE}/Patient/t1")),
            "focus: ",
        ),
        (
            format!("{STATUS}/1/name"),
            json!("theme"),
            "empty: references or entries",
        ),
        (
            "/entry/1/fullUrl".to_owned(),
            json!(format!("{BASE}/Task/t2")),
            "focus: ",
        ),
        (
            "/entry/1/request/method".to_owned(),
            json!("GET"),
            "request of an event",
        ),
        (
            "/entry/1/response/status".to_owned(),
            json!("404"),
            "response of an event",
        ),
        (
            "/entry/1/resource".to_owned(),
            json!({ "resourceType": "Task", "id": "t1" }),
            "some entries have a resource",
        ),
        (
            "/entry/1/resource".to_owned(),
            json!({ "resourceType": "Task", "id": "t2" }),
            "resource of ",
        ),
    ] {
        check_wrong(&pointer, value, expected);
    }
}
