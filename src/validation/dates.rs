//! The date rule that needs a clock (deadline-rules, section 2): no fact is in the future. The type
//! and the profiles check that a date exists and reaches a day.

use jiff::civil::Date;

use super::findings::{Sink, quoted};
use crate::fhir::{FhirDate, IssueCode, Severity};

/// Rule: the date exists.
pub(super) const EXISTS: &str = "kp-date-1";
/// Rule: the year is plausible. A warning.
pub(super) const PLAUSIBLE: &str = "kp-date-4";
/// Rule: a past fact is not in the future.
pub const NOT_IN_FUTURE: &str = "kp-date-3";

/// Checks the date of a past fact; text that is not a date has a finding of its own.
pub(super) fn check_past(text: &str, at: &str, today: Date, sink: &mut Sink) {
    if FhirDate::parse(text).is_some_and(|date| is_later(date, today)) {
        let what = format!(
            "expected a date that is not in the future (today is {today} in Copenhagen), found {}",
            quoted(text)
        );
        sink.add(
            Severity::Error,
            IssueCode::BusinessRule,
            &at,
            NOT_IN_FUTURE,
            &what,
        );
    }
}

/// Tells whether a date is later than today in Copenhagen. A year or a month is later if it begins
/// later.
fn is_later(date: FhirDate, today: Date) -> bool {
    match date {
        FhirDate::Year(year) => year > today.year(),
        FhirDate::Month(year, month) => (year, month) > (today.year(), today.month()),
        FhirDate::Day(_) | FhirDate::Instant(..) => date.date().is_some_and(|day| day > today),
    }
}
