//! The shape of what subscribers are told: the rules of the profiles
//! `backport-subscription-status-r4` and `backport-subscription-notification-r4` of the backport
//! guide 1.1.0, which the program does not carry, written out by hand; and those of R4 by its own
//! definitions.

use frist::fhir::{Id, Resource};
use frist::validation;
use frist::validation::CheckContext;
use serde_json::{Value, json};

use crate::support::facade::guide_validator;

const PROFILES: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";

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

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn named<'a>(parameters: &'a [Value], name: &str) -> impl Iterator<Item = &'a Value> {
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

/// Reads a number that is sent as text.
pub(super) fn number(text: &Value) -> Option<u64> {
    text.as_str()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Returns the value of the first parameter of that name.
pub(super) fn value(parameters: &[Value], name: &str, member: &str) -> Value {
    named(parameters, name)
        .next()
        .map(|found| found[member].clone())
        .unwrap_or_default()
}

/// Returns the faults of a status by its profile.
pub(crate) fn unfit_status(parameters: &Value) -> Vec<String> {
    let given = items(&parameters["parameter"]);
    let mut wrong = unfit(given, STATUS_PARAMETERS);
    for event in named(given, "notification-event") {
        wrong.extend(unfit(items(&event["part"]), EVENT_PARTS));
    }
    let reference = value(given, "subscription", "valueReference")["reference"]
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
    wrong.extend(unfit_numbers(given));
    wrong.extend(unfit_codes(given));
    if parameters["meta"]["profile"]
        != json!([format!("{PROFILES}/backport-subscription-status-r4")])
    {
        wrong.push("meta.profile".into());
    }
    wrong
}

/// Returns the faults in how the events of a status are numbered, and in whether there are any.
fn unfit_numbers(given: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let numbers: Vec<_> = named(given, "notification-event")
        .map(|event| number(&named(items(&event["part"]), "event-number").next()?["valueString"]))
        .collect();
    let since_start = number(&value(
        given,
        "events-since-subscription-start",
        "valueString",
    ));
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
        .any(|kind| value(given, "type", "valueCode") == *kind);
    let must_tell = value(given, "type", "valueCode") == "event-notification";
    if (numbers.is_empty() && must_tell) || !(numbers.is_empty() || tells_events) {
        wrong.push(format!(
            "type: {} with {} events",
            value(given, "type", "valueCode"),
            numbers.len()
        ));
    }
    wrong
}

/// Returns the faults of the codes of a status.
fn unfit_codes(given: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
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
        now: frist::fhir::start_of_day(jiff::civil::date(2031, 1, 1)),
        why_no_group: &|_: &Value| None,
    };
    let issues = validation::check(&Resource::from_value(resource.clone()).unwrap(), &context);
    issues
        .iter()
        .filter(|issue| issue.refuses())
        .map(|issue| format!("{} {}", issue.expression, issue.text))
        .collect()
}
