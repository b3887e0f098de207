//! The date rules (deadline-rules, section 2): a real day, of full precision where a clock reads it, and no fact in the future.

use jiff::civil::Date;

use super::findings::{Sink, quoted};
use crate::fhir::{FhirDate, IssueCode, Severity};

/// Rule: the date exists.
pub(super) const EXISTS: &str = "kp-date-1";
/// Rule: the precision reaches a day.
const FULL: &str = "kp-date-2";
/// Rule: what has happened is not in the future.
const NOT_FUTURE: &str = "kp-date-3";
/// Rule: what has happened has happened to someone who can be alive.
const PLAUSIBLE: &str = "kp-date-5";

/// Earlier years stand for "not known" in some systems: as a diagnosis date such a year would take a right away without a word.
const FIRST_YEAR: i16 = 1900;

/// What a clock asks of a date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DateRule {
    /// At least a full date.
    FullDate,
    /// A full date that is not in the future: something that has happened.
    Happened,
    /// A date that is not in the future.
    NotFuture,
}

/// Checks the text of a date.
pub(super) fn check(text: &str, rule: DateRule, at: &str, today: Date, sink: &mut Sink) {
    let Some(date) = FhirDate::parse(text) else {
        let what =
            format!("expected a FHIR date of a day that exists, such as 2027-03-31 or 2027-03-31T09:00:00+02:00, found {}", quoted(text));
        return sink.add(Severity::Error, IssueCode::Value, &at, EXISTS, &what);
    };
    let mut error = |rule: &'static str, what: String| sink.add(Severity::Error, IssueCode::BusinessRule, &at, rule, &what);
    if rule != DateRule::NotFuture && date.date().is_none() {
        error(FULL, format!("expected a full date (year, month and day), found {}", quoted(text)));
    }
    if rule != DateRule::FullDate && is_later(date, today) {
        let what = format!("expected a date that is not in the future (today is {today} in Copenhagen), found {}", quoted(text));
        error(NOT_FUTURE, what);
    }
    if rule == DateRule::Happened && year(date) < FIRST_YEAR {
        let what = format!("expected the day on which it happened, found {}, which can only stand for one that is not known", quoted(text));
        error(PLAUSIBLE, what);
    }
}

fn year(date: FhirDate) -> i16 {
    match date {
        FhirDate::Year(year) | FhirDate::Month(year, _) => year,
        FhirDate::Day(day) => day.year(),
        FhirDate::Instant(..) => date.date().map_or(FIRST_YEAR, |day| day.year()),
    }
}

/// A fact has a date no later than today in Copenhagen. A year or a month is later if it begins later.
fn is_later(date: FhirDate, today: Date) -> bool {
    match date {
        FhirDate::Year(year) => year > today.year(),
        FhirDate::Month(year, month) => (year, month) > (today.year(), today.month()),
        FhirDate::Day(_) | FhirDate::Instant(..) => date.date().is_some_and(|day| day > today),
    }
}
