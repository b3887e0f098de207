//! The rules of this server that no profile can say, because they depend on the day, on the table of target groups, or on what this
//! server can follow (fhir-profiles, sections 2 and 3; deadline-rules, section 2).

use serde_json::Value;

use super::Context;
use super::dates::{self, DateRule};
use super::findings::Sink;
use super::references::{names_something, target_type};
use crate::fhir::{IssueCode, Reference, Severity, names, view};

const GROUP_RULE: &str = "kp-group-1";

/// Elements that a clock reads: the type, the element's keys in JSON, and what is asked of the date.
const DATES: &[(&str, &str, DateRule)] = &[
    ("Patient", "deceasedDateTime", DateRule::Happened),
    ("Condition", "recordedDate", DateRule::Happened),
    ("CarePlan", "created", DateRule::Happened),
    ("ServiceRequest", "occurrenceDateTime", DateRule::FullDate),
    ("ServiceRequest", "occurrencePeriod.start", DateRule::FullDate),
    ("ServiceRequest", "occurrencePeriod.end", DateRule::FullDate),
    ("ServiceRequest", "authoredOn", DateRule::Happened),
    ("Encounter", "period.start", DateRule::FullDate),
];

/// References that must be there and must name something, by which a person or a practice is found.
const NAMED: &[(&str, &[&str])] = &[
    ("Condition", &["subject"]),
    ("CarePlan", &["subject", "author", "addresses"]),
    ("ServiceRequest", &["subject", "requester"]),
    ("Encounter", &["subject", "basedOn"]),
    ("Goal", &["subject"]),
];

/// The statuses of a Subscription that a client can ask for: the server itself sets `active` and `error`
/// (<https://hl7.org/fhir/R4/subscription.html>).
const SUBSCRIPTION_STATUS: &[&str] = &["requested", "off"];

/// Checks a resource against the rules of its type.
pub(super) fn check(resource: &Value, kind: &str, context: &Context<'_>, sink: &mut Sink) {
    for (_, names) in NAMED.iter().filter(|(of, _)| *of == kind) {
        for name in *names {
            check_named(resource, kind, name, sink);
        }
    }
    for (_, keys, rule) in DATES.iter().filter(|(of, ..)| *of == kind) {
        check_date(resource, kind, keys, *rule, context, sink);
    }
    match kind {
        "Condition" => check_group(resource, context, sink),
        "Encounter" => check_begun(resource, context, sink),
        "Subscription" => check_subscription(resource, sink),
        _ => {}
    }
    check_extensions(resource, kind, context, sink);
}

fn check_named(resource: &Value, kind: &str, name: &str, sink: &mut Sink) {
    let (references, is_many) = match &resource[name] {
        Value::Array(items) => (items.as_slice(), true),
        Value::Null => return,
        one => (std::slice::from_ref(one), false),
    };
    for (at, reference) in references.iter().enumerate().filter(|(_, reference)| reference.is_object()) {
        let path = if is_many { format!("{kind}.{name}[{at}]") } else { format!("{kind}.{name}") };
        if !names_something(reference) {
            let what = "expected a reference with 'reference', or with 'identifier' that has a value; found neither";
            sink.add(Severity::Error, IssueCode::Required, &path, "", what);
        }
        let is_contained = matches!(Reference::read(reference), Reference::Contained(_));
        if name == "subject" && is_contained && target_type(reference, resource).is_none_or(|kind| kind == "Patient") {
            let what = "expected a reference to a stored Patient, found one to a contained resource";
            sink.add(Severity::Error, IssueCode::BusinessRule, &path, super::persons::STORED, what);
        }
    }
}

fn check_date(resource: &Value, kind: &str, keys: &str, rule: DateRule, context: &Context<'_>, sink: &mut Sink) {
    let found = keys.split('.').try_fold(resource, |value, key| value.get(key)).and_then(Value::as_str);
    if let Some(text) = found {
        let path = keys.replace("DateTime", "").replace("occurrencePeriod", "occurrence");
        dates::check(text, rule, &format!("{kind}.{path}"), context.today, sink);
    }
}

/// Extensions that a clock reads hold dates too.
fn check_extensions(resource: &Value, kind: &str, context: &Context<'_>, sink: &mut Sink) {
    let extensions = resource["extension"].as_array().into_iter().flatten().enumerate();
    for (at, extension) in extensions {
        let path = format!("{kind}.extension[{at}]");
        match extension["url"].as_str() {
            Some(names::CONDITION_ASSERTED_DATE) => {
                if let Some(text) = extension["valueDateTime"].as_str() {
                    dates::check(text, DateRule::Happened, &format!("{path}.value"), context.today, sink);
                }
            }
            Some(names::EXT_POSTPONEMENT) => check_postponement(extension, &path, context, sink),
            _ => {}
        }
    }
}

fn check_postponement(extension: &Value, path: &str, context: &Context<'_>, sink: &mut Sink) {
    let parts = extension["extension"].as_array().into_iter().flatten().enumerate();
    for (at, part) in parts.filter(|(_, part)| part["url"] == "period") {
        for end in ["start", "end"] {
            if let Some(text) = part["valuePeriod"][end].as_str() {
                dates::check(text, DateRule::FullDate, &format!("{path}.extension[{at}].value.{end}"), context.today, sink);
            }
        }
    }
}

fn check_group(condition: &Value, context: &Context<'_>, sink: &mut Sink) {
    // The extension decides alone, and has findings of its own if it is not as it should be.
    let by_extension = view::extensions(condition, names::EXT_TARGET_GROUP).next().is_some();
    if !by_extension && !(context.has_target_group)(condition) {
        let what = format!(
            "expected a diagnosis of one of the target groups, found none of them; add a coding of SKS, ICD-10, ICPC-2 or SNOMED CT \
             that stands for one, or the extension {} with a code of the system {} (the way to say low-back-pain and \
             complex-multimorbidity)",
            names::EXT_TARGET_GROUP,
            names::CS_TARGET_GROUP,
        );
        sink.add(Severity::Error, IssueCode::BusinessRule, &"Condition.code", GROUP_RULE, &what);
    }
}

/// An offer that has begun is a fact; one that is planned may lie ahead.
fn check_begun(encounter: &Value, context: &Context<'_>, sink: &mut Sink) {
    let begun = matches!(encounter["status"].as_str(), Some("in-progress" | "finished"));
    if let Some(start) = encounter["period"]["start"].as_str().filter(|_| begun) {
        dates::check(start, DateRule::NotFuture, "Encounter.period.start", context.today, sink);
    }
}

fn check_subscription(subscription: &Value, sink: &mut Sink) {
    if let Some(status) = subscription["status"].as_str().filter(|status| !SUBSCRIPTION_STATUS.contains(status)) {
        let what = format!("expected one of the codes {}, found {}", SUBSCRIPTION_STATUS.join(", "), super::findings::quoted(status));
        sink.add(Severity::Error, IssueCode::CodeInvalid, &"Subscription.status", "", &what);
    }
}
