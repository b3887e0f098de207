//! The bounds that a definition sets besides the type: `maxLength`, `minValue[x]` and `maxValue[x]`
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>).

use std::cmp::Ordering;

use serde_json::Value;

use super::report::ValueReport;
use super::{numbers, text};
use crate::fhir::{FhirDate, IssueCode, Severity};
use crate::validation::findings::quoted;

/// The bounds of an element.
#[derive(Clone, Copy, Default, Debug)]
pub struct ValueBounds<'a> {
    /// The most characters.
    pub max_length: Option<u32>,
    /// The least value, as FHIR JSON.
    pub min_value: Option<&'a Value>,
    /// The greatest value, as FHIR JSON.
    pub max_value: Option<&'a Value>,
}

/// Checks whether the value lies within the bounds; values that cannot be compared are not checked.
///
/// Numbers compare exactly. Dates compare as spans of time: a value is outside if all of it is. The
/// numbers of a Quantity compare if system and code are the same; if they are not, a warning says
/// so.
pub fn check_bounds(value: &Value, bounds: &ValueBounds<'_>, report: &mut ValueReport<'_>) {
    if let (Some(max), Value::String(text)) = (bounds.max_length.filter(|max| *max > 0), value)
        && text::is_longer(text, usize::try_from(max).unwrap_or(usize::MAX))
    {
        report(
            Severity::Error,
            IssueCode::TooLong,
            &format!("expected at most {max} characters, found more"),
        );
    }
    for (bound, wrong, name) in [
        (bounds.min_value, Ordering::Less, "at least"),
        (bounds.max_value, Ordering::Greater, "at most"),
    ] {
        let Some(bound) = bound else { continue };
        if value.is_object() && bound.is_object() && !is_same_unit(value, bound) {
            let what = format!(
                "expected a Quantity of {name} a given value, found one of another unit, which \
                 cannot be compared"
            );
            report(Severity::Warning, IssueCode::Value, &what);
        } else if compare(value, bound) == Some(wrong) {
            let found = if wrong == Ordering::Less {
                "less"
            } else {
                "more"
            };
            report(
                Severity::Error,
                IssueCode::Value,
                &format!("expected {name} {}, found {found}", told(bound)),
            );
        }
    }
}

/// Names a bound, which may be repeated since it comes from a definition.
fn told(bound: &Value) -> String {
    match bound {
        Value::Object(quantity) => quantity.get("value").map(told).unwrap_or_default(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn is_same_unit(one: &Value, other: &Value) -> bool {
    one["system"].is_string()
        && one["code"].is_string()
        && one["system"] == other["system"]
        && one["code"] == other["code"]
}

fn compare(value: &Value, bound: &Value) -> Option<Ordering> {
    match (value, bound) {
        (Value::Number(value), Value::Number(bound)) => {
            Some(numbers::compare(value.as_str(), bound.as_str()))
        }
        (Value::Object(value), Value::Object(bound)) => {
            let numbers = (value.get("value")?, bound.get("value")?);
            if numbers.0.is_number() && numbers.1.is_number() {
                compare(numbers.0, numbers.1)
            } else {
                None
            }
        }
        (Value::String(value), Value::String(bound)) => compare_text(value, bound),
        _ => None,
    }
}

/// Compares dates by the time that they stand for; times of day, which all have the same form, by
/// their letters.
fn compare_text(value: &str, bound: &str) -> Option<Ordering> {
    if let (Some(value), Some(bound)) = (FhirDate::parse(value), FhirDate::parse(bound)) {
        let (value, bound) = (value.range_us(), bound.range_us());
        let outside = if value.1 <= bound.0 {
            Ordering::Less
        } else if value.0 >= bound.1 {
            Ordering::Greater
        } else {
            Ordering::Equal
        };
        return Some(outside);
    }
    let is_time =
        |text: &str| text.len() >= 8 && text.as_bytes()[2] == b':' && text.as_bytes()[5] == b':';
    (is_time(value) && is_time(bound))
        .then(|| value.trim_end_matches('0').cmp(bound.trim_end_matches('0')))
}
