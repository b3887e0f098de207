//! Reports about one value, without its place: the caller knows it.

use crate::fhir::{IssueCode, Severity};

/// The receiver of a finding: how bad it is, its kind, and what was expected and found in plain
/// English.
pub type ValueReport<'r> = dyn FnMut(Severity, IssueCode, &str) + 'r;

/// Reports an error of the value.
pub(super) fn refuse(report: &mut ValueReport<'_>, what: &str) {
    report(Severity::Error, IssueCode::Value, what);
}

/// Reports a warning about the value.
pub(super) fn warn(report: &mut ValueReport<'_>, what: &str) {
    report(Severity::Warning, IssueCode::Value, what);
}
