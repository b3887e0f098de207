//! What a subscriber is told: the status of a subscription as a Parameters resource, and the Bundle
//! that it leads (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-notification-r4.html>).
//!
//! Pure, and careful with what it says: no content of a Task but in a message of the content
//! full-resource, and nothing of a person in any other.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::names::{PROFILE_NOTIFICATION, PROFILE_STATUS, TOPIC};
use super::{Content, Status};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, Version};
use crate::storage::Event;

/// Why something is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An endpoint is asked whether it listens.
    Handshake,
    /// Nothing happened for a while.
    Heartbeat,
    /// Something happened.
    EventNotification,
    /// Somebody asked how a subscription stands.
    QueryStatus,
    /// Somebody asked for events of the past.
    QueryEvent,
}

impl Kind {
    /// The code (<http://hl7.org/fhir/ValueSet/subscription-notification-type>).
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Handshake => "handshake",
            Kind::Heartbeat => "heartbeat",
            Kind::EventNotification => "event-notification",
            Kind::QueryStatus => "query-status",
            Kind::QueryEvent => "query-event",
        }
    }
}

/// The subscription that a message is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The base of this server's addresses.
    pub base_url: &'a str,
    /// The id of the Subscription.
    pub id: &'a Id,
    /// How it stands.
    pub status: Status,
    /// How much is told.
    pub content: Content,
    /// Which of the Subscriptions that had this id.
    pub life: u64,
    /// The number of its last event, delivered or not.
    pub events_since_start: u64,
    /// What is wrong with it, for its subscriber to read.
    pub error: Option<&'a str>,
}

impl About<'_> {
    /// The address of the Subscription.
    fn address(&self) -> String {
        format!("{}/Subscription/{}", self.base_url, self.id)
    }
}

/// An event that is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The event.
    pub event: &'a Event,
    /// The stored bytes of the version that it is about; used for the content full-resource alone.
    pub resource: Option<&'a [u8]>,
}

/// The status of a subscription, as a Parameters resource that fits
/// `backport-subscription-status-r4`.
pub fn status(about: &About<'_>, kind: Kind, told: &[Told<'_>]) -> Value {
    let mut parameters =
        vec![json!({ "name": "subscription", "valueReference": { "reference": about.address() } })];
    // The guide: not in an empty message.
    if about.content != Content::Empty {
        parameters.push(json!({ "name": "topic", "valueCanonical": TOPIC }));
    }
    parameters.push(json!({ "name": "status", "valueCode": about.status.as_str() }));
    parameters.push(json!({ "name": "type", "valueCode": kind.as_str() }));
    parameters.push(json!({ "name": "events-since-subscription-start", "valueString": about.events_since_start.to_string() }));
    parameters.extend(told.iter().map(
        |told| json!({ "name": "notification-event", "part": event_parts(about, told.event) }),
    ));
    parameters.extend(
        about
            .error
            .map(|error| json!({ "name": "error", "valueCodeableConcept": { "text": error } })),
    );
    json!({ "resourceType": "Parameters", "meta": { "profile": [PROFILE_STATUS] }, "parameter": parameters })
}

fn event_parts(about: &About<'_>, event: &Event) -> Vec<Value> {
    let mut parts = vec![
        json!({ "name": "event-number", "valueString": event.number.to_string() }),
        json!({ "name": "timestamp", "valueInstant": format_instant(event.instant) }),
    ];
    if about.content != Content::Empty {
        let focus = format!("{}/{}", about.base_url, event.focus);
        parts.push(json!({ "name": "focus", "valueReference": { "reference": focus, "type": event.focus.resource_type.as_str() } }));
    }
    parts
}

/// The message: a Bundle that fits `backport-subscription-notification-r4`. Resources stand in it
/// byte for byte as they are stored.
pub fn bundle(about: &About<'_>, kind: Kind, told: &[Told<'_>], timestamp: Timestamp) -> Vec<u8> {
    linked_bundle(about, kind, told, (timestamp, &[]))
}

/// As [`bundle`], with links: relation and address of each.
pub fn linked_bundle(
    about: &About<'_>,
    kind: Kind,
    told: &[Told<'_>],
    (timestamp, links): (Timestamp, &[(&str, String)]),
) -> Vec<u8> {
    let id = message_id(about, kind, told, timestamp);
    let mut head = json!({
        "resourceType": "Bundle",
        "id": id.to_string(),
        "meta": { "profile": [PROFILE_NOTIFICATION] },
        "type": "history",
        "timestamp": format_instant(timestamp),
    });
    if !links.is_empty() {
        head["link"] = links
            .iter()
            .map(|(relation, url)| json!({ "relation": relation, "url": url }))
            .collect();
    }
    head["entry"] = json!([status_entry(about, kind, told, &id)]);
    let mut out = head.to_string().into_bytes();
    if about.content != Content::Empty && !told.is_empty() {
        // Behind the last entry, which ends the array and the Bundle.
        out.truncate(out.len() - "]}".len());
        for told in told {
            out.push(b',');
            event_entry(&mut out, about, told);
        }
        out.extend_from_slice(b"]}");
    }
    out
}

/// The entry that every message begins with.
fn status_entry(about: &About<'_>, kind: Kind, told: &[Told<'_>], bundle: &Uuid) -> Value {
    let id = Uuid::new_v5(bundle, b"status");
    let mut entry = json!({ "fullUrl": id.urn().to_string() });
    let mut resource = status(about, kind, told);
    if let Some(members) = resource.as_object_mut() {
        members.shift_insert(1, "id".to_owned(), Value::from(id.to_string()));
    }
    entry["resource"] = resource;
    entry["request"] = json!({ "method": "GET", "url": format!("{}/$status", about.address()) });
    entry["response"] = json!({ "status": "200" });
    entry
}

/// The entry of an event: what was asked for when the version came to be, what was answered, and
/// the version itself if it may be told.
fn event_entry(out: &mut Vec<u8>, about: &About<'_>, Told { event, resource }: &Told<'_>) {
    let full_url = format!("{}/{}", about.base_url, event.focus);
    out.extend_from_slice(format!("{{\"fullUrl\":{}", Value::from(full_url)).as_bytes());
    if let Some(resource) = resource.filter(|_| about.content == Content::FullResource) {
        out.extend_from_slice(b",\"resource\":");
        out.extend_from_slice(resource);
    }
    let is_first = event.version == Version::after(None);
    let request = json!({ "method": "PUT", "url": event.focus.to_string() });
    let response = json!({
        "status": if is_first { "201" } else { "200" },
        "etag": format!("W/\"{}\"", event.version),
        "lastModified": format_instant(event.instant),
    });
    out.extend_from_slice(format!(",\"request\":{request},\"response\":{response}}}").as_bytes());
}

/// The id of a message. One that tells events to their subscriber has the same whenever it is sent
/// again; any other is a message of its own.
pub(super) fn message_id(
    about: &About<'_>,
    kind: Kind,
    told: &[Told<'_>],
    timestamp: Timestamp,
) -> Uuid {
    match (kind, told) {
        (Kind::EventNotification, [first, ..]) => {
            let last = told.last().unwrap_or(first);
            bundle_id(
                about.base_url,
                about.id,
                about.life,
                first.event.number,
                last.event.number,
            )
        }
        _ => {
            let name = format!(
                "{}#{}/{}/{}",
                about.address(),
                about.life,
                kind.as_str(),
                format_instant(timestamp)
            );
            Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
        }
    }
}

/// The id of the message with those events, for ever: it names the server too, since a subscriber
/// of two servers tells duplicates by it.
pub fn bundle_id(base_url: &str, subscription: &Id, life: u64, first: u64, last: u64) -> Uuid {
    let name = format!("{base_url}/Subscription/{subscription}#{life}/{first}-{last}");
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}
