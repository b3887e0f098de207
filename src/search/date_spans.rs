//! Spans of time of the elements that say when something was: dates, Periods and Timings.

use serde_json::Value;

use crate::fhir::{FhirDate, view};

/// A span of time: the first microsecond since 1970, and the first one after it.
pub(super) type DateSpan = (i64, i64);

/// Returns the span of a date; none if the value is not one.
pub(super) fn date_span(date: &Value) -> Option<DateSpan> {
    date.as_str()
        .and_then(FhirDate::parse)
        .map(FhirDate::range_us)
}

/// Returns the span of a Period, which is open on a side that it does not give.
pub(super) fn period_span(period: &Value) -> DateSpan {
    (
        date_span(&period["start"]).map_or(i64::MIN, |start| start.0),
        date_span(&period["end"]).map_or(i64::MAX, |end| end.1),
    )
}

/// Returns the span of a date or a Period, or the outer limits of a Timing.
pub(super) fn outer_span(value: &Value) -> Option<DateSpan> {
    match value {
        Value::String(_) => date_span(value),
        Value::Object(_) if value.get("start").is_some() || value.get("end").is_some() => {
            Some(period_span(value))
        }
        Value::Object(_) => {
            let bounds = value["repeat"].get("boundsPeriod").map(period_span);
            view::items(&value["event"])
                .filter_map(date_span)
                .chain(bounds)
                .reduce(|outer, span| (outer.0.min(span.0), outer.1.max(span.1)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}
