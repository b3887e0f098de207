//! Notifications: the status of a subscription as a Parameters resource, and the Bundle that begins
//! with it (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-notification-r4.html>).
//!
//! Pure, and careful with what it says: only messages with the content full-resource have the
//! content of a Task, and nothing in any other tells of a person.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::names::{PROFILE_NOTIFICATION, PROFILE_STATUS, TOPIC};
use super::{PayloadContent, Status};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, Version};
use crate::storage::Event;

/// The type of a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotificationType {
    /// Asks an endpoint whether it listens.
    Handshake,
    /// Nothing happened for a while.
    Heartbeat,
    /// Something happened.
    EventNotification,
    /// Answers a query for the status of a subscription.
    QueryStatus,
    /// Answers a query for past events.
    QueryEvent,
}

impl NotificationType {
    /// Returns the code (<http://hl7.org/fhir/ValueSet/subscription-notification-type>).
    pub const fn as_str(self) -> &'static str {
        match self {
            NotificationType::Handshake => "handshake",
            NotificationType::Heartbeat => "heartbeat",
            NotificationType::EventNotification => "event-notification",
            NotificationType::QueryStatus => "query-status",
            NotificationType::QueryEvent => "query-event",
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
    /// Its status.
    pub status: Status,
    /// The detail of its notifications.
    pub content: PayloadContent,
    /// Tells apart the Subscriptions that had this id one after the other.
    pub life: u64,
    /// The number of its last event, delivered or not.
    pub events_since_start: u64,
    /// A description of its problem, for the subscriber.
    pub error: Option<&'a str>,
}

impl About<'_> {
    /// Returns the address of the Subscription.
    fn address(&self) -> String {
        format!("{}/Subscription/{}", self.base_url, self.id)
    }
}

/// An event of a notification.
#[derive(Clone, Copy, Debug)]
pub struct NotifiedEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// The stored bytes of the version that it is about; used for the content full-resource alone.
    pub resource: Option<&'a [u8]>,
}

/// Makes the status of a subscription: a Parameters resource that fits
/// `backport-subscription-status-r4`.
pub fn status(about: &About<'_>, kind: NotificationType, told: &[NotifiedEvent<'_>]) -> Value {
    let mut parameters =
        vec![json!({ "name": "subscription", "valueReference": { "reference": about.address() } })];
    // The guide excludes it from an empty message.
    if about.content != PayloadContent::Empty {
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
    if about.content != PayloadContent::Empty {
        let focus = format!("{}/{}", about.base_url, event.focus);
        parts.push(json!({ "name": "focus", "valueReference": { "reference": focus, "type": event.focus.resource_type.as_str() } }));
    }
    parts
}

/// Makes the message: a Bundle that fits `backport-subscription-notification-r4`, with resources
/// byte for byte as they are stored.
pub fn bundle(
    about: &About<'_>,
    kind: NotificationType,
    told: &[NotifiedEvent<'_>],
    timestamp: Timestamp,
) -> Vec<u8> {
    linked_bundle(about, kind, told, (timestamp, &[]))
}

/// Makes the same as [`bundle`], with links: relation and address of each.
pub fn linked_bundle(
    about: &About<'_>,
    kind: NotificationType,
    told: &[NotifiedEvent<'_>],
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
    if about.content != PayloadContent::Empty && !told.is_empty() {
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

/// Makes the entry that every message begins with.
fn status_entry(
    about: &About<'_>,
    kind: NotificationType,
    told: &[NotifiedEvent<'_>],
    bundle: &Uuid,
) -> Value {
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

/// Appends the entry of an event: the request that made the version, its response, and the version
/// itself if the content allows it.
fn event_entry(
    out: &mut Vec<u8>,
    about: &About<'_>,
    NotifiedEvent { event, resource }: &NotifiedEvent<'_>,
) {
    let full_url = format!("{}/{}", about.base_url, event.focus);
    out.extend_from_slice(format!("{{\"fullUrl\":{}", Value::from(full_url)).as_bytes());
    if let Some(resource) = resource.filter(|_| about.content == PayloadContent::FullResource) {
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

/// Returns the id of a message. A message with events for their subscriber has the same id whenever
/// it is sent again; each other message has its own.
pub(super) fn message_id(
    about: &About<'_>,
    kind: NotificationType,
    told: &[NotifiedEvent<'_>],
    timestamp: Timestamp,
) -> Uuid {
    match (kind, told) {
        (NotificationType::EventNotification, [first, ..]) => {
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

/// Returns the permanent id of the message with those events. It depends on the server too, since a
/// subscriber of two servers recognizes duplicates by it.
pub fn bundle_id(base_url: &str, subscription: &Id, life: u64, first: u64, last: u64) -> Uuid {
    let name = format!("{base_url}/Subscription/{subscription}#{life}/{first}-{last}");
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}
