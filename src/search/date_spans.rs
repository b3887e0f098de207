//! Spans of time of the elements that say when something was: dates, Periods and Timings.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::Value;

use crate::fhir::{FhirDate, danish_instants, view};

/// A span of time: the first microsecond since 1970, and the first one after it.
pub(super) type DateSpan = (i64, i64);

/// Returns the span of a date; none if the value is not one. A time without a zone, as only
/// definitions of others have it, is Denmark's: both instants of one that comes twice with what lies
/// between, the later one of one that the clock leaves out.
pub(super) fn date_span(date: &Value) -> Option<DateSpan> {
    let text = date.as_str()?;
    if let Some(date) = FhirDate::parse(text) {
        return Some(date.range_us());
    }
    let spans = danish_spans(text)?;
    match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => Some((first.0, last.1)),
        // The clock has not been changed yet.
        _ => FhirDate::parse(&format!("{text}+01:00")).map(FhirDate::range_us),
    }
}

/// Returns the spans that a time without a zone has in Denmark: two in the hour that comes twice in
/// October, none in the hour that is left out in March.
pub(super) fn danish_spans(text: &str) -> Option<Vec<DateSpan>> {
    let FhirDate::Instant(shown, length_ns, None) = FhirDate::parse(&format!("{text}Z"))? else {
        return None;
    };
    let span = |start: Timestamp| {
        let from_us = start.as_microsecond();
        (from_us, from_us + (length_ns / 1_000).max(1))
    };
    let starts = danish_instants(Offset::UTC.to_datetime(shown));
    Some(starts.into_iter().map(span).collect())
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
