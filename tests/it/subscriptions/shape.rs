//! The shape of what subscribers are told: the rules of the profiles
//! `backport-subscription-status-r4` and `backport-subscription-notification-r4` of the backport
//! guide 1.1.0, which the program does not carry, written out by hand; and those of R4 by its own
//! definitions.

use frist::fhir::dates::format_instant;
use frist::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use frist::storage::Event;
use frist::subscriptions::notification::{
    About, NotificationType, NotifiedEvent, bundle, bundle_id, status,
};
use frist::subscriptions::{PayloadContent, Status};
use frist::validation::{self, CheckContext};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::facade::{BASE, guide_validator};

const PROFILES: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
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

/// The parameters of a status: name, type of the value, least and most.
const STATUS_PARAMETERS: &[(&str, &str, usize, usize)] = &[
    ("subscription", "valueReference", 1, 1),
    ("topic", "valueCanonical", 0, 1),
    ("status", "valueCode", 1, 1),
    ("type", "valueCode", 1, 1),
    ("events-since-subscription-start", "valueString", 0, 1),
    ("notification-event", "part", 0, usize::MAX),
    ("error", "valueCodeableConcept", 0, usize::MAX),
];
/// The parts of an event.
const EVENT_PARTS: &[(&str, &str, usize, usize)] = &[
    ("event-number", "valueString", 1, 1),
    ("timestamp", "valueInstant", 0, 1),
    ("focus", "valueReference", 0, 1),
    ("additional-context", "valueReference", 0, usize::MAX),
];

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn named<'a>(parameters: &'a [Value], name: &str) -> impl Iterator<Item = &'a Value> {
    parameters
        .iter()
        .filter(move |parameter| parameter["name"] == name)
}

/// Returns the faults of parameters or parts by such a table.
fn unfit(parameters: &[Value], table: &[(&str, &str, usize, usize)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, member, least, most) in table {
        let found: Vec<_> = named(parameters, name).collect();
        if found.len() < *least || found.len() > *most {
            wrong.push(format!("{name}: {} times", found.len()));
        }
        for parameter in found {
            let members: Vec<_> = parameter
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            if members != ["name", member] {
                wrong.push(format!("{name}: {members:?}"));
            }
        }
    }
    let known = |parameter: &&Value| table.iter().any(|row| parameter["name"] == row.0);
    wrong.extend(
        parameters
            .iter()
            .filter(|parameter| !known(parameter))
            .map(|parameter| format!("unknown: {}", parameter["name"])),
    );
    wrong
}

/// Returns the faults of a status by its profile.
pub(crate) fn unfit_status(parameters: &Value) -> Vec<String> {
    let given = items(&parameters["parameter"]);
    let mut wrong = unfit(given, STATUS_PARAMETERS);
    for event in named(given, "notification-event") {
        wrong.extend(unfit(items(&event["part"]), EVENT_PARTS));
    }
    let number = |text: &Value| {
        text.as_str()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse::<u64>()
            .ok()
    };
    let value = |name: &str, member: &str| {
        named(given, name)
            .next()
            .map(|found| found[member].clone())
            .unwrap_or_default()
    };
    let reference = value("subscription", "valueReference")["reference"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if reference
        .rsplit_once("/Subscription/")
        .is_none_or(|(_, id)| Id::parse(id).is_none())
    {
        wrong.push(format!("subscription: no Subscription: {reference}"));
    }
    if named(given, "topic").any(|topic| topic["valueCanonical"] != super::TOPIC) {
        wrong.push("topic: no such topic".into());
    }
    let numbers: Vec<_> = named(given, "notification-event")
        .map(|event| number(&named(items(&event["part"]), "event-number").next()?["valueString"]))
        .collect();
    let since_start = number(&value("events-since-subscription-start", "valueString"));
    if since_start.is_none() || numbers.last().is_some_and(|last| *last > since_start) {
        wrong.push(format!(
            "events-since-subscription-start: {since_start:?} after {numbers:?}"
        ));
    }
    if numbers.iter().any(Option::is_none)
        || numbers
            .windows(2)
            .any(|pair| pair[1] != pair[0].map(|number| number + 1))
    {
        wrong.push(format!("event-number: {numbers:?}"));
    }
    let tells_events = ["event-notification", "query-event"]
        .iter()
        .any(|kind| value("type", "valueCode") == *kind);
    let must_tell = value("type", "valueCode") == "event-notification";
    if (numbers.is_empty() && must_tell) || !(numbers.is_empty() || tells_events) {
        wrong.push(format!(
            "type: {} with {} events",
            value("type", "valueCode"),
            numbers.len()
        ));
    }
    let one_of = |name: &str, codes: &[&str]| {
        named(given, name).all(|found| codes.iter().any(|code| found["valueCode"] == *code))
    };
    if !one_of("status", &["requested", "active", "error", "off"]) {
        wrong.push("status: no such code".into());
    }
    if !one_of(
        "type",
        &[
            "handshake",
            "heartbeat",
            "event-notification",
            "query-status",
            "query-event",
        ],
    ) {
        wrong.push("type: no such code".into());
    }
    if parameters["meta"]["profile"]
        != json!([format!("{PROFILES}/backport-subscription-status-r4")])
    {
        wrong.push("meta.profile".into());
    }
    wrong
}

/// Returns the faults of a message by its profile, and by the guide's pages besides.
pub(crate) fn unfit_notification(bundle: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |is_so: bool, what: &str| {
        if !is_so {
            wrong.push(what.to_owned());
        }
    };
    let entries = items(&bundle["entry"]);
    expect(
        bundle["meta"]["profile"]
            == json!([format!("{PROFILES}/backport-subscription-notification-r4")]),
        "meta.profile",
    );
    expect(bundle["type"] == "history", "type");
    expect(bundle["timestamp"].is_string(), "timestamp");
    let statuses = entries
        .iter()
        .filter(|entry| entry["resource"]["resourceType"] == "Parameters")
        .count();
    expect(
        statuses == 1 && entries[0]["resource"]["resourceType"] == "Parameters",
        "a status, as the first entry",
    );
    let full_url = entries[0]["fullUrl"].as_str().unwrap_or_default();
    expect(
        full_url
            == format!(
                "urn:uuid:{}",
                entries[0]["resource"]["id"].as_str().unwrap_or_default()
            ),
        "fullUrl of the status",
    );
    let subscription = &entries[0]["resource"]["parameter"][0]["valueReference"]["reference"];
    expect(
        entries[0]["request"]
            == json!({ "method": "GET", "url": format!("{}/$status", subscription.as_str().unwrap()) }),
        "request",
    );
    expect(entries[0]["response"]["status"] == "200", "response");
    expect(
        entries
            .iter()
            .all(|entry| entry["request"].is_object() && entry["response"].is_object()),
        "request and response of each entry",
    );
    wrong.extend(unfit_status(&entries[0]["resource"]));
    wrong.extend(unfit_content(entries));
    wrong
}

/// Returns the faults in the detail of a message, which must be that of one content in all of its
/// parts.
fn unfit_content(entries: &[Value]) -> Vec<String> {
    let parameters = items(&entries[0]["resource"]["parameter"]);
    let parts = |event: &Value, name: &str| {
        named(items(&event["part"]), name)
            .map(|part| part["valueReference"].clone())
            .collect::<Vec<_>>()
    };
    let events: Vec<_> = named(parameters, "notification-event").collect();
    let foci: Vec<_> = events
        .iter()
        .flat_map(|event| parts(event, "focus"))
        .collect();
    let (is_empty, told) = (named(parameters, "topic").next().is_none(), &entries[1..]);
    let mut wrong = Vec::new();
    if is_empty {
        let has_context = events
            .iter()
            .any(|event| !parts(event, "additional-context").is_empty());
        if !foci.is_empty() || has_context || !told.is_empty() {
            wrong.push("empty: references or entries".to_owned());
        }
        return wrong;
    }
    if foci.len() != events.len() || told.len() != events.len() {
        wrong.push(format!(
            "{} events, {} foci, {} entries",
            events.len(),
            foci.len(),
            told.len()
        ));
    }
    for (focus, entry) in foci.iter().zip(told) {
        let key = focus["reference"]
            .as_str()
            .and_then(|reference| reference.rsplit_once("/Task/"))
            .map(|(_, id)| format!("Task/{id}"));
        if key.is_none() || focus["type"] != "Task" || entry["fullUrl"] != focus["reference"] {
            wrong.push(format!("focus: {focus} of {}", entry["fullUrl"]));
        }
        if entry["request"]["method"] != "PUT" || entry["request"]["url"].as_str() != key.as_deref()
        {
            wrong.push(format!("request of an event: {}", entry["request"]));
        }
        if ![json!("200"), json!("201")].contains(&entry["response"]["status"]) {
            wrong.push(format!("response of an event: {}", entry["response"]));
        }
        let resource = &entry["resource"];
        if !resource.is_null()
            && Some(format!(
                "Task/{}",
                resource["id"].as_str().unwrap_or_default()
            )) != key
        {
            wrong.push(format!(
                "resource of {}: {}",
                entry["fullUrl"], resource["id"]
            ));
        }
    }
    if told.iter().any(|entry| entry["resource"].is_null())
        && told.iter().any(|entry| !entry["resource"].is_null())
    {
        wrong.push("some entries have a resource and some have none".to_owned());
    }
    wrong
}

/// Returns the findings of R4 itself.
pub(crate) fn refused_by_r4(resource: &Value) -> Vec<String> {
    let validator = guide_validator();
    let context = CheckContext {
        validator: &validator,
        profiles: &[],
        today: jiff::civil::date(2031, 1, 1),
        has_target_group: &|_: &Value| true,
    };
    let issues = validation::check(&Resource::from_value(resource.clone()).unwrap(), &context);
    issues
        .iter()
        .filter(|issue| issue.refuses())
        .map(|issue| format!("{} {}", issue.expression, issue.text))
        .collect()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn event(number: u64, task: &str, version: &str) -> Event {
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

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// All messages that there can be.
fn messages() -> Vec<(String, Vec<u8>)> {
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
fn the_rules_of_the_profiles_find_what_is_wrong() {
    let (_, bytes) = messages()
        .into_iter()
        .find(|(name, _)| name == "EventNotification Active IdOnly")
        .unwrap();
    let right = parsed(&bytes);
    let status = "/entry/0/resource/parameter";
    for (pointer, value, expected) in [
        ("/type".to_owned(), json!("collection"), "type"),
        ("/timestamp".to_owned(), json!(null), "timestamp"),
        ("/meta/profile".to_owned(), json!([]), "meta.profile"),
        (
            "/entry/0/resource/resourceType".to_owned(),
            json!("Basic"),
            "a status, as the first entry",
        ),
        (
            "/entry/0/fullUrl".to_owned(),
            json!("urn:uuid:x"),
            "fullUrl of the status",
        ),
        (
            "/entry/0/request/url".to_owned(),
            json!("Subscription/s1"),
            "request",
        ),
        (
            "/entry/0/response/status".to_owned(),
            json!("201"),
            "response",
        ),
        (
            "/entry/1/response".to_owned(),
            json!(null),
            "request and response of each entry",
        ),
        (
            format!("{status}/0/name"),
            json!("subscriptions"),
            "subscription: 0 times",
        ),
        (
            format!("{status}/2/valueCode"),
            json!("entered"),
            "status: no such code",
        ),
        (
            format!("{status}/3/valueCode"),
            json!("event"),
            "type: no such code",
        ),
        (
            format!("{status}/4"),
            json!({ "name": "events-since-subscription-start", "valueInteger": 1 }),
            "events-since",
        ),
        (
            format!("{status}/5/part/0/name"),
            json!("number"),
            "event-number: 0 times",
        ),
        (
            format!("{status}/5/part/1"),
            json!({ "name": "timestamp", "valueDateTime": "2027-03-01" }),
            "timestamp: ",
        ),
        (
            format!("{status}/0/valueReference/reference"),
            json!(format!("{BASE}/Task/s1")),
            "subscription: no Subscription",
        ),
        (
            format!("{status}/1/valueCanonical"),
            json!("https://kronikerpakker.dk/fhir/SubscriptionTopic/other"),
            "topic: no such topic",
        ),
        (
            format!("{status}/3/valueCode"),
            json!("heartbeat"),
            "type: ",
        ),
        (
            format!("{status}/4/valueString"),
            json!("11"),
            "events-since-subscription-start: ",
        ),
        (
            format!("{status}/4/valueString"),
            json!("-1"),
            "events-since-subscription-start: ",
        ),
        (
            format!("{status}/5/part/0/valueString"),
            json!("10"),
            "event-number: ",
        ),
        (
            format!("{status}/5/part/0/valueString"),
            json!("first"),
            "event-number: ",
        ),
        (
            format!("{status}/5/part/2/name"),
            json!("additional-context"),
            "2 events, 1 foci",
        ),
        (
            format!("{status}/5/part/2/valueReference/reference"),
            json!(format!("{BASE}/Patient/t1")),
            "focus: ",
        ),
        (
            format!("{status}/1/name"),
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
        let mut wrong = right.clone();
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

#[test]
fn a_message_that_is_sent_again_has_the_same_id_and_no_other_has_it() {
    let id = Id::parse("s1").unwrap();
    let about = about(&id, Status::Active, PayloadContent::IdOnly);
    let (first, second) = (event(11, "t1", "1"), event(12, "t2", "1"));
    let both = [
        NotifiedEvent {
            event: &first,
            resource: None,
        },
        NotifiedEvent {
            event: &second,
            resource: None,
        },
    ];
    let id_of = |about: &About, kind, told: &[NotifiedEvent], now: &str| {
        parsed(&bundle(about, kind, told, instant(now)))["id"].clone()
    };
    let sent = id_of(
        &about,
        NotificationType::EventNotification,
        &both,
        "2027-03-01T08:00:01Z",
    );
    assert_eq!(sent, bundle_id(BASE, &id, 7, 11, 12).to_string());
    assert_eq!(
        sent,
        id_of(
            &about,
            NotificationType::EventNotification,
            &both,
            "2027-03-02T08:00:01Z"
        ),
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
            id_of(
                &about,
                NotificationType::EventNotification,
                &both[..1],
                "2027-03-01T08:00:01Z",
            ),
        ),
        (
            "another life",
            id_of(
                &other_life,
                NotificationType::EventNotification,
                &both,
                "2027-03-01T08:00:01Z",
            ),
        ),
        (
            "another server",
            id_of(
                &other_server,
                NotificationType::EventNotification,
                &both,
                "2027-03-01T08:00:01Z",
            ),
        ),
        (
            "a query",
            id_of(
                &about,
                NotificationType::QueryEvent,
                &both,
                "2027-03-01T08:00:01Z",
            ),
        ),
        (
            "a heartbeat",
            id_of(
                &about,
                NotificationType::Heartbeat,
                &[],
                "2027-03-01T08:00:01Z",
            ),
        ),
        (
            "a later heartbeat",
            id_of(
                &about,
                NotificationType::Heartbeat,
                &[],
                "2027-03-01T08:00:02Z",
            ),
        ),
    ] {
        assert_ne!(sent, other, "{what}");
    }
    assert_ne!(
        id_of(
            &about,
            NotificationType::Heartbeat,
            &[],
            "2027-03-01T08:00:01Z"
        ),
        id_of(
            &about,
            NotificationType::Heartbeat,
            &[],
            "2027-03-01T08:00:02Z"
        ),
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
