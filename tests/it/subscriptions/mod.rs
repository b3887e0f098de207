//! Subscriptions: what is accepted, what is told, and that nothing is missed.

#![allow(clippy::unwrap_used)]

mod delivery;
pub(crate) mod events;
mod filters;
mod messages;
mod refusals;
mod reliability;
mod retention;
pub(crate) mod shape;
mod status;
mod subscriber;
mod websocket;
mod written_back;
mod wrong_messages;

use axum::body::Body;
use serde_json::{Value, json};

use crate::support::facade::{Facade, Reply};

pub(crate) const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";
pub(crate) const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";

/// Returns a Subscription to everything, told by id.
pub(crate) fn subscription(id: &str) -> Value {
    json!({
        "resourceType": "Subscription",
        "id": id,
        "status": "requested",
        "reason": "To show what is overdue",
        "criteria": TOPIC,
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://ehr.example.org/hooks/frist",
            "payload": "application/fhir+json",
            "_payload": { "extension": [{ "url": format!("{GUIDE}/backport-payload-content"), "valueCode": "id-only" }] },
        },
    })
}

/// Returns the same with these filters.
pub(crate) fn filtered(id: &str, filters: &[&str]) -> Value {
    let mut subscription = subscription(id);
    let extension = |filter: &&str| json!({ "url": format!("{GUIDE}/backport-filter-criteria"), "valueString": filter });
    if filters.is_empty() {
        return subscription;
    }
    subscription["_criteria"] =
        json!({ "extension": filters.iter().map(extension).collect::<Vec<_>>() });
    subscription
}

/// Posts parameters to an operation.
fn ask(facade: &Facade, path: &str, parameters: Value) -> Reply {
    facade.send(
        "POST",
        path,
        &[],
        json!({ "resourceType": "Parameters", "parameter": parameters }).to_string(),
    )
}

fn delete(facade: &Facade, path: &str) {
    let reply = facade.send("DELETE", path, &[], Body::empty());
    assert!(reply.status.is_success(), "{}", reply.text);
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the value of a parameter of a status.
fn parameter<'a>(status: &'a Value, name: &str) -> &'a str {
    let found = items(&status["parameter"])
        .iter()
        .find(|parameter| parameter["name"] == name);
    let found = found.and_then(|parameter| {
        parameter
            .as_object()?
            .iter()
            .find(|(member, _)| member.starts_with("value"))
    });
    found.and_then(|(_, value)| value.as_str()).unwrap_or("")
}

/// Returns the numbers of the events in an answer of `$events` (all pages of it), and how many
/// pages there were.
fn event_numbers(facade: &Facade, path: &str) -> (Vec<u64>, usize) {
    let (mut numbers, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
    while let Some(path) = next {
        let reply = facade.get(&path);
        assert_eq!(reply.status, 200, "{}", reply.text);
        let bundle = reply.json();
        assert_eq!(shape::unfit_notification(&bundle), [""; 0], "{bundle:#}");
        assert_eq!(shape::refused_by_r4(&bundle), [""; 0], "{bundle:#}");
        let events = items(&bundle["entry"][0]["resource"]["parameter"])
            .iter()
            .filter(|found| found["name"] == "notification-event");
        numbers.extend(events.map(|event| {
            event["part"][0]["valueString"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        }));
        pages += 1;
        next = crate::support::facade::link(&bundle, "next");
    }
    (numbers, pages)
}
