//! The rules of this server that no profile can say, because they depend on the day or on the table
//! of target groups (fhir-profiles, section 3; deadline-rules, section 2).

use serde_json::Value;

use super::context::CheckContext;
use super::dates;
use super::findings::Sink;
use crate::fhir::{IssueCode, Severity, names, view};

const GROUP_RULE: &str = "kp-group-1";

/// Dates of past facts: the type and the element's key in JSON.
const PAST: &[(&str, &str)] = &[
    ("Patient", "deceasedDateTime"),
    ("Condition", "recordedDate"),
    ("CarePlan", "created"),
    ("ServiceRequest", "authoredOn"),
    ("Appointment", "created"),
];

/// Types without a profile of the package that clocks or messages depend on.
const FOLLOWED: &[&str] = &["PractitionerRole", "Subscription"];

/// Tells whether the server acts upon a type although no profile of the package is for it: such a
/// resource must not hold anything that changes its meaning and is not understood
/// (<https://hl7.org/fhir/R4/extensibility.html#modifierExtension>).
pub(super) fn is_taken_at_its_word(kind: &str) -> bool {
    FOLLOWED.contains(&kind)
}

/// Checks a resource against the rules of its type.
pub(super) fn check(resource: &Value, kind: &str, context: &CheckContext<'_>, sink: &mut Sink) {
    for (_, key) in PAST.iter().filter(|(of, _)| *of == kind) {
        if let Some(text) = resource[key].as_str() {
            dates::check_past(
                text,
                &format!("{kind}.{}", key.trim_end_matches("DateTime")),
                context.today(),
                sink,
            );
        }
    }
    match kind {
        "Condition" => {
            check_group(resource, context, sink);
            check_asserted(resource, context, sink);
        }
        "ServiceRequest" => check_received(resource, context, sink),
        "Encounter" => check_begun(resource, context, sink),
        _ => {}
    }
}

fn check_asserted(condition: &Value, context: &CheckContext<'_>, sink: &mut Sink) {
    let dates = (names::CONDITION_ASSERTED_DATE, "valueDateTime");
    check_dated_extensions(condition, "Condition", dates, context, sink);
}

fn check_received(request: &Value, context: &CheckContext<'_>, sink: &mut Sink) {
    let dates = (names::EXT_RECEIVED, "valueDate");
    check_dated_extensions(request, "ServiceRequest", dates, context, sink);
}

/// Checks the dates in the extensions with that address, each the value of that name.
fn check_dated_extensions(
    resource: &Value,
    kind: &str,
    (url, value): (&str, &str),
    context: &CheckContext<'_>,
    sink: &mut Sink,
) {
    let extensions = resource["extension"].as_array().into_iter().flatten();
    for (at, extension) in extensions
        .enumerate()
        .filter(|(_, extension)| extension["url"] == url)
    {
        if let Some(text) = extension[value].as_str() {
            let element = format!("{kind}.extension[{at}].value");
            dates::check_past(text, &element, context.today(), sink);
        }
    }
}

fn check_group(condition: &Value, context: &CheckContext<'_>, sink: &mut Sink) {
    // The extension alone decides, and has findings of its own if it is wrong.
    let by_extension = view::extensions(condition, names::EXT_TARGET_GROUP)
        .next()
        .is_some();
    if let Some(what) = (context.why_no_group)(condition).filter(|_| !by_extension) {
        sink.add(
            Severity::Error,
            IssueCode::BusinessRule,
            &"Condition.code",
            GROUP_RULE,
            &what,
        );
    }
}

/// Checks the start of an offer: one that has begun is a fact; a planned one may lie ahead.
fn check_begun(encounter: &Value, context: &CheckContext<'_>, sink: &mut Sink) {
    let begun = matches!(
        encounter["status"].as_str(),
        Some("in-progress" | "finished")
    );
    if let Some(start) = encounter["period"]["start"].as_str().filter(|_| begun) {
        dates::check_past(start, "Encounter.period.start", context.today(), sink);
    }
}
