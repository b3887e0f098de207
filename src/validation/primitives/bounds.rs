//! The bounds that a definition sets besides the type: `maxLength`, `minValue[x]` and `maxValue[x]`
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.minValue_x_>).

use std::cmp::Ordering;

use serde_json::Value;

use super::report::ValueReport;
use super::{numbers, text};
use crate::fhir::{FhirDate, IssueCode, Severity};
use crate::schema::UnitRatio;
use crate::validation::findings::quoted;

const UCUM: &str = "http://unitsofmeasure.org";

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
/// Numbers compare exactly. Dates compare as spans of time: a value is outside if all of it is. A
/// Quantity compares with one of another unit where UCUM gives the factor (100 mg is less than 10 g),
/// and is outside if its comparator says that it must be; if the units, or amounts as large as these in
/// them, cannot be compared, a warning says so.
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
        if is_beyond_comparison(value, bound) {
            let what = format!(
                "expected a Quantity of {name} {}, found one of another unit, which cannot be \
                 compared",
                told(bound)
            );
            report(Severity::Warning, IssueCode::Value, &what);
        } else if is_outside(value, bound, wrong) {
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
        Value::Object(quantity) => {
            let unit = ["unit", "code"]
                .iter()
                .find_map(|name| quantity.get(*name)?.as_str());
            let number = quantity.get("value").map(told).unwrap_or_default();
            unit.map_or(number.clone(), |unit| format!("{number} {unit}"))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Tells whether a value lies on the wrong side of a bound.
fn is_outside(value: &Value, bound: &Value, wrong: Ordering) -> bool {
    let found = compare(value, bound);
    match value["comparator"]
        .as_str()
        .and_then(|text| text.chars().next())
    {
        // Less, or more, than what is said: how much nobody knows.
        Some('<') if wrong == Ordering::Greater => false,
        Some('>') if wrong == Ordering::Less => false,
        Some(_) if matches!(value["comparator"].as_str(), Some("<" | ">")) => {
            found == Some(wrong) || found == Some(Ordering::Equal)
        }
        _ => found == Some(wrong),
    }
}

/// Returns how many units of the bound one of the value's is; none if they cannot be compared. A bound
/// without a unit is one of numbers alone.
fn unit_ratio(value: &Value, bound: &Value) -> Option<UnitRatio> {
    let unit = |quantity: &'_ Value| {
        let text = |name| quantity[name].as_str().map(str::to_owned);
        Some((text("system")?, text("code")?))
    };
    if bound.get("code").is_none() && bound.get("unit").is_none() {
        return Some(UnitRatio::ONE);
    }
    let ((system, code), (other_system, other_code)) = (unit(value)?, unit(bound)?);
    if system != other_system {
        None
    } else if code == other_code {
        Some(UnitRatio::ONE)
    } else if system == UCUM {
        UnitRatio::between(&code, &other_code)
    } else {
        None
    }
}

/// Tells whether these are Quantities whose units or amounts cannot be compared. One without a value has
/// no amount.
fn is_beyond_comparison(value: &Value, bound: &Value) -> bool {
    if !value.is_object() || !bound.is_object() {
        return false;
    }
    let has_amount = |quantity: &Value| quantity["value"].is_number();
    unit_ratio(value, bound).is_none()
        || (has_amount(value) && has_amount(bound) && compare(value, bound).is_none())
}

fn compare(value: &Value, bound: &Value) -> Option<Ordering> {
    match (value, bound) {
        (Value::Number(value), Value::Number(bound)) => {
            Some(numbers::compare(value.as_str(), bound.as_str()))
        }
        (Value::Object(_), Value::Object(_)) => {
            let ratio = unit_ratio(value, bound)?;
            let (Value::Number(value), Value::Number(bound)) = (&value["value"], &bound["value"])
            else {
                return None;
            };
            let value = numbers::product(value.as_str(), ratio.numerator, ratio.exponent)?;
            let bound = numbers::product(bound.as_str(), ratio.denominator, 0)?;
            Some(numbers::compare(&value, &bound))
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
    // 10:00:00.50 is 10:00:00.5, and 10:00:00.0 is 10:00:00.
    let shortest = |text: &'_ str| match text.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        None => text.to_owned(),
    };
    (is_time(value) && is_time(bound)).then(|| shortest(value).cmp(&shortest(bound)))
}
