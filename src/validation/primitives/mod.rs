//! The FHIR primitive types, against which one JSON value is checked
//! (<https://hl7.org/fhir/R4/datatypes.html#primitive>).
//!
//! A check is pure and total, and allocates only for a finding. It knows nothing of elements,
//! bindings or definitions; [`check_bounds`] checks the bounds that a definition adds. Text of
//! XHTML is left to [`narrative`](super::narrative).
//!
//! The HL7 validator is followed, except where R4 is clear: `time` may have a fraction of a second,
//! and only a `string` or `markdown` may be nothing but whitespace. A `base64Binary` has to be
//! Base64, and may be broken by whitespace.

mod base64;
mod bounds;
mod numbers;
mod report;
mod temporal;
mod text;
mod uris;

use serde_json::Value;

use super::findings::json_type;
use crate::fhir::{IssueCode, Severity};
use report::refuse;

pub use base64::decoded_length;
pub use bounds::{ValueBounds, check_bounds};
pub use report::ValueReport;
pub use uris::is_absolute;
pub(crate) use uris::is_uuid;

/// The primitive types of R4.
pub const TYPES: &[&str] = &[
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
    "xhtml",
];

/// Checks whether `value` is a value of that primitive type; types that are not in [`TYPES`] are
/// not checked.
///
/// `null` is never such a value: where an array holds it for the sake of an `_element` beside it,
/// do not call this.
pub fn check(type_name: &str, value: &Value, report: &mut ValueReport<'_>) {
    match (type_name, value) {
        ("boolean", Value::Bool(_)) => {}
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", Value::Number(number)) => {
            numbers::check(type_name, number.as_str(), report)
        }
        ("boolean", _) => wrong_type("true or false", value, report),
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", _) => {
            wrong_type("a number", value, report)
        }
        (_, Value::String(text)) => check_text(type_name, text, report),
        (name, _) if TYPES.contains(&name) => wrong_type("text", value, report),
        _ => {}
    }
}

fn check_text(type_name: &str, text: &str, report: &mut ValueReport<'_>) {
    if text.is_empty() && TYPES.contains(&type_name) {
        return refuse(report, "expected a value, found empty text");
    }
    match type_name {
        "string" => text::check_string(text, report),
        "markdown" => text::check_markdown(text, report),
        "code" => text::check_code(text, report),
        "id" => text::check_id(text, report),
        "date" | "dateTime" | "instant" | "time" => temporal::check(type_name, text, report),
        "uri" | "url" | "canonical" | "oid" | "uuid" => uris::check(type_name, text, report),
        "base64Binary" => base64::check(text, report),
        _ => return,
    }
    text::check_characters(text, report);
}

fn wrong_type(expected: &str, value: &Value, report: &mut ValueReport<'_>) {
    report(
        Severity::Error,
        IssueCode::Structure,
        &format!("expected {expected}, found {}", json_type(value)),
    );
}
