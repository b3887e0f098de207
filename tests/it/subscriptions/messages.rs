//! Every message that subscribers can be told: each fits the profiles, tells as much as its content
//! says, and has an id of its own.

use frist::fhir::dates::format_instant;
use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use frist::storage::Event;
use frist::subscriptions::notification::{
    About, NotificationType, NotifiedEvent, bundle, bundle_id, status,
};
use frist::subscriptions::{PayloadContent, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::shape::{items, named, refused_by_r4, unfit_notification, unfit_status};
use crate::support::facade::BASE;

const KINDS: &[NotificationType] = &[
    NotificationType::Handshake,
    NotificationType::Heartbeat,
    NotificationType::EventNotification,
    NotificationType::QueryStatus,
    NotificationType::QueryEvent,
];
const STATUSES: &[Status] = &[
    Status::Requested,
    Status::Active,
    Status::Error,
    Status::Off,
];
const CONTENTS: &[PayloadContent] = &[
    PayloadContent::Empty,
    PayloadContent::IdOnly,
    PayloadContent::FullResource,
];

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn event(number: u64, task: &str, version: &str) -> Event {
    let focus = ResourceKey::new(ResourceType::Task, Id::parse(task).unwrap());
    Event {
        number,
        instant: instant("2027-03-01T08:00:00.5Z"),
        focus,
        version: Version::parse(version).unwrap(),
    }
}

/// A Task as it may be stored: with digits and an order of its own.
const TASK: &str = r#"{"resourceType":"Task","id":"t1","status":"requested","intent":"order","restriction":{"repetitions":1},"input":[{"type":{"text":"x"},"valueDecimal":1.00}]}"#;

fn about<'a>(id: &'a Id, status: Status, content: PayloadContent) -> About<'a> {
    About {
        base_url: BASE,
        id,
        status,
        content,
        life: 7,
        events_since_start: 12,
        error: (status == Status::Error).then_some("no answer"),
    }
}

pub(super) fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Returns all messages that there can be.
pub(super) fn messages() -> Vec<(String, Vec<u8>)> {
    let (id, now) = (Id::parse("s1").unwrap(), instant("2027-03-01T08:00:01Z"));
    let events = [event(11, "t1", "1"), event(12, "t1", "2")];
    let told: Vec<_> = events
        .iter()
        .map(|event| NotifiedEvent {
            event,
            resource: Some(TASK.as_bytes()),
        })
        .collect();
    let mut messages = Vec::new();
    for kind in KINDS {
        for status in STATUSES {
            for content in CONTENTS {
                let told: &[NotifiedEvent] = if matches!(
                    kind,
                    NotificationType::EventNotification | NotificationType::QueryEvent
                ) {
                    &told
                } else {
                    &[]
                };
                let name = format!("{kind:?} {status:?} {content:?}");
                messages.push((
                    name,
                    bundle(&about(&id, *status, *content), *kind, told, now),
                ));
            }
        }
    }
    messages
}

#[test]
fn every_message_fits_the_profiles_of_the_guide_and_r4() {
    for (name, bytes) in messages() {
        let message = parsed(&bytes);
        assert_eq!(unfit_notification(&message), [""; 0], "{name}: {message:#}");
        assert_eq!(refused_by_r4(&message), [""; 0], "{name}: {message:#}");
        assert_eq!(
            refused_by_r4(&message["entry"][0]["resource"]),
            [""; 0],
            "{name}"
        );
    }
}

#[test]
fn a_message_tells_as_much_as_its_content_says() {
    for (name, bytes) in messages() {
        let message = parsed(&bytes);
        let (entries, text) = (items(&message["entry"]), String::from_utf8(bytes).unwrap());
        let parameters = items(&entries[0]["resource"]["parameter"]);
        let events: Vec<_> = named(parameters, "notification-event").collect();
        let tells = name.starts_with("EventNotification") || name.starts_with("QueryEvent");
        assert_eq!(events.len(), if tells { 2 } else { 0 }, "{name}");
        assert_eq!(
            named(parameters, "events-since-subscription-start")
                .next()
                .unwrap()["valueString"],
            "12",
            "{name}"
        );
        let foci = events
            .iter()
            .flat_map(|event| named(items(&event["part"]), "focus"))
            .count();
        match name.rsplit(' ').next().unwrap() {
            "Empty" => {
                assert_eq!((foci, entries.len()), (0, 1), "{name}");
                assert!(
                    !text.contains("t1") && !text.contains("topic"),
                    "{name}: {text}"
                );
            }
            "IdOnly" => {
                assert_eq!(
                    (foci, entries.len()),
                    (events.len(), 1 + events.len()),
                    "{name}"
                );
                assert!(
                    entries[1..]
                        .iter()
                        .all(|entry| entry["fullUrl"] == format!("{BASE}/Task/t1")),
                    "{name}"
                );
                assert!(
                    entries[1..]
                        .iter()
                        .all(|entry| entry.get("resource").is_none()),
                    "{name}"
                );
            }
            _ => {
                assert_eq!(
                    (foci, entries.len()),
                    (events.len(), 1 + events.len()),
                    "{name}"
                );
                assert_eq!(
                    text.matches(TASK).count(),
                    events.len(),
                    "the stored bytes, unchanged, in {name}: {text}"
                );
            }
        }
    }
}

#[test]
fn the_entry_of_an_event_says_what_happened() {
    let (_, bytes) = messages()
        .into_iter()
        .find(|(name, _)| name == "EventNotification Active IdOnly")
        .unwrap();
    let message = parsed(&bytes);
    let entry = |etag: &str, status: &str| {
        let response = json!({ "status": status, "etag": etag, "lastModified": format_instant(instant("2027-03-01T08:00:00.5Z")) });
        json!({ "fullUrl": format!("{BASE}/Task/t1"), "request": { "method": "PUT", "url": "Task/t1" }, "response": response })
    };
    assert_eq!(
        items(&message["entry"])[1..],
        [entry("W/\"1\"", "201"), entry("W/\"2\"", "200")]
    );
}

/// A moment of the day of the messages, and a second later.
const SENT: &str = "2027-03-01T08:00:01Z";
const SENT_LATER: &str = "2027-03-01T08:00:02Z";

/// Returns the id of a message.
fn id_of(about: &About, kind: NotificationType, told: &[NotifiedEvent], now: &str) -> Value {
    parsed(&bundle(about, kind, told, instant(now)))["id"].clone()
}

#[test]
fn a_message_that_is_sent_again_has_the_same_id_and_no_other_has_it() {
    use NotificationType::{EventNotification, Heartbeat, QueryEvent};
    let id = Id::parse("s1").unwrap();
    let about = about(&id, Status::Active, PayloadContent::IdOnly);
    let (first, second) = (event(11, "t1", "1"), event(12, "t2", "1"));
    let both = [&first, &second].map(|event| NotifiedEvent {
        event,
        resource: None,
    });
    let sent = id_of(&about, EventNotification, &both, SENT);
    assert_eq!(sent, bundle_id(BASE, &id, 7, 11, 12).to_string());
    assert_eq!(
        sent,
        id_of(&about, EventNotification, &both, "2027-03-02T08:00:01Z"),
        "sent again a day later"
    );
    let other_life = About { life: 8, ..about };
    let other_server = About {
        base_url: "http://other.test/fhir",
        ..about
    };
    for (what, other) in [
        (
            "fewer events",
            id_of(&about, EventNotification, &both[..1], SENT),
        ),
        (
            "another life",
            id_of(&other_life, EventNotification, &both, SENT),
        ),
        (
            "another server",
            id_of(&other_server, EventNotification, &both, SENT),
        ),
        ("a query", id_of(&about, QueryEvent, &both, SENT)),
        ("a heartbeat", id_of(&about, Heartbeat, &[], SENT)),
        (
            "a later heartbeat",
            id_of(&about, Heartbeat, &[], SENT_LATER),
        ),
    ] {
        assert_ne!(sent, other, "{what}");
    }
    assert_ne!(
        id_of(&about, Heartbeat, &[], SENT),
        id_of(&about, Heartbeat, &[], SENT_LATER),
        "each heartbeat is a message of its own"
    );
}

#[test]
fn a_status_that_is_asked_for_fits_its_profile() {
    let id = Id::parse("s1").unwrap();
    for status_code in STATUSES {
        let told = status(
            &about(&id, *status_code, PayloadContent::IdOnly),
            NotificationType::QueryStatus,
            &[],
        );
        assert_eq!(unfit_status(&told), [""; 0], "{told:#}");
        assert_eq!(
            named(items(&told["parameter"]), "error").count(),
            usize::from(*status_code == Status::Error)
        );
    }
}
