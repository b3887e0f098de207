//! The date rules (deadline-rules, section 2): a real day, of full precision where a clock reads it, and no fact in the future.

use serde_json::Value;

use super::findings::{Findings, quoted};
use crate::fhir::{FhirDate, IssueCode};

/// Rule: the date exists.
pub(super) const EXISTS: &str = "kp-date-1";
/// Rule: the precision reaches a day.
pub(super) const FULL: &str = "kp-date-2";
/// Rule: what has happened is not in the future.
pub(super) const NOT_FUTURE: &str = "kp-date-3";
/// Rule: a period does not end before it starts.
pub(super) const END_AFTER_START: &str = "kp-date-4";
/// Rule: what has happened has happened to someone who can be alive.
pub(super) const PLAUSIBLE: &str = "kp-date-5";

/// Earlier years stand for "not known" in some systems: as a diagnosis date such a year would take a right away without a word.
const FIRST_YEAR: i16 = 1900;

/// What is asked of a date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DateRule {
    /// A `dateTime` of any precision.
    Any,
    /// A `date`: no time of day.
    DateOnly,
    /// At least a full date.
    FullDate,
    /// A full date that is not in the future: something that has happened.
    Happened,
}

/// Checks the text of a date.
pub(super) fn check(text: &str, rule: DateRule, path: &str, findings: &mut Findings<'_>) {
    let Some(date) = FhirDate::parse(text) else {
        let what =
            format!("expected a FHIR date of a day that exists, such as 2027-03-31 or 2027-03-31T09:00:00+02:00, found {}", quoted(text));
        return findings.error(IssueCode::Value, path, EXISTS, what);
    };
    match rule {
        DateRule::Any => {}
        DateRule::DateOnly => {
            if matches!(date, FhirDate::Instant(..)) {
                findings.error(IssueCode::Value, path, EXISTS, format!("expected a date without a time, found {}", quoted(text)));
            }
        }
        DateRule::FullDate => full(date, text, path, findings),
        DateRule::Happened => {
            full(date, text, path, findings);
            not_future(date, text, path, findings);
            plausible(date, text, path, findings);
        }
    }
}

fn plausible(date: FhirDate, text: &str, path: &str, findings: &mut Findings<'_>) {
    let year = match date {
        FhirDate::Year(year) | FhirDate::Month(year, _) => year,
        FhirDate::Day(day) => day.year(),
        FhirDate::Instant(..) => date.date().map_or(FIRST_YEAR, |day| day.year()),
    };
    if year < FIRST_YEAR {
        let what = format!("expected the day on which it happened, found {}, which can only stand for one that is not known", quoted(text));
        findings.error(IssueCode::BusinessRule, path, PLAUSIBLE, what);
    }
}

fn full(date: FhirDate, text: &str, path: &str, findings: &mut Findings<'_>) {
    if date.date().is_none() {
        let what = format!("expected a full date (year, month and day), found {}", quoted(text));
        findings.error(IssueCode::BusinessRule, path, FULL, what);
    }
}

/// A fact has a date no later than today in Copenhagen. A year or a month is later if it begins later.
pub(super) fn not_future(date: FhirDate, text: &str, path: &str, findings: &mut Findings<'_>) {
    let today = findings.today;
    let later = match date {
        FhirDate::Year(year) => year > today.year(),
        FhirDate::Month(year, month) => (year, month) > (today.year(), today.month()),
        FhirDate::Day(_) | FhirDate::Instant(..) => date.date().is_some_and(|day| day > today),
    };
    if later {
        let what = format!("expected a date that is not in the future (today is {today} in Copenhagen), found {}", quoted(text));
        findings.error(IssueCode::BusinessRule, path, NOT_FUTURE, what);
    }
}

/// Checks that a Period that has both ends does not end before it starts.
pub(super) fn check_order(period: &Value, path: &str, findings: &mut Findings<'_>) {
    let end_of = |name: &str| period[name].as_str().and_then(FhirDate::parse).map(FhirDate::range_us);
    if let (Some(start), Some(end)) = (end_of("start"), end_of("end"))
        && start.0 >= end.1
    {
        let what = "expected an end that is not before the start, found an earlier one";
        findings.error(IssueCode::Invariant, &format!("{path}.end"), END_AFTER_START, what);
    }
}
