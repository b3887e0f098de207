//! The findings of one check: their collection, and their wording.
//!
//! Every text says the place, what was expected and what was found. The latter is quoted only if it
//! cannot be a CPR number or a name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::fhir::issue::ISSUES_MAX;
use crate::fhir::{FhirDate, Issue, IssueCode, Severity};

/// The greatest length of a quoted date or code.
const QUOTED_LENGTH_MAX: usize = 35;

/// The findings so far, in order and without repetitions.
#[derive(Default)]
pub(super) struct Sink {
    issues: Vec<Issue>,
    /// The places of the findings about each expression.
    by_expression: HashMap<String, Vec<usize>>,
    refuses: bool,
    /// True if it matters only whether anything refuses.
    is_trial: bool,
    has_ended: bool,
}

impl Sink {
    /// Makes a sink of which only matters whether anything refuses.
    pub(super) fn of_a_trial() -> Sink {
        Sink {
            is_trial: true,
            ..Sink::default()
        }
    }

    /// Tells whether no further finding will be kept, so that the check can end.
    pub(super) fn is_settled(&self) -> bool {
        self.has_ended || (self.refuses && (self.is_trial || self.issues.len() > ISSUES_MAX))
    }

    /// Adds that the check ends at a place, and for which reason.
    pub(super) fn end(&mut self, at: &dyn fmt::Display, why: &str) {
        self.add(Severity::Error, IssueCode::TooCostly, at, "", why);
        self.has_ended = true;
    }

    /// Adds a finding at a place; `what` says what was expected and what was found.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        code: IssueCode,
        at: &dyn fmt::Display,
        rule: impl Into<Cow<'static, str>>,
        what: &str,
    ) {
        if self.is_settled() {
            return;
        }
        let expression = at.to_string();
        let text = format!("{expression}: {what}");
        self.put(Issue {
            severity,
            code,
            expression,
            rule: rule.into(),
            text,
        });
    }

    /// Adds information about the check itself, once however often it comes up.
    pub(super) fn note(&mut self, what: &str) {
        self.put(Issue::information("", what));
    }

    /// Adds that a rule is not checked, once.
    pub(super) fn warn_of_check(&mut self, rule: &str, what: &str) {
        self.put(Issue::warning(IssueCode::NotSupported, "", what).by_rule(rule.to_owned()));
    }

    /// Keeps as many findings as will be answered and the first that refuses; only the body bounds
    /// the number of wrong elements. If several profiles find the same thing, it is kept once, even
    /// if two of them word one rule differently.
    fn put(&mut self, issue: Issue) {
        let is_first_refusal = issue.refuses() && !self.refuses;
        if self.is_settled() || (!is_first_refusal && self.issues.len() > ISSUES_MAX) {
            return;
        }
        let is_known = |known: &Issue| {
            let is_same = known.code == issue.code && known.text == issue.text;
            known.rule == issue.rule && (is_same || !issue.rule.is_empty())
        };
        let beside = self
            .by_expression
            .get(&issue.expression)
            .map_or(&[][..], Vec::as_slice);
        if !beside.iter().any(|place| is_known(&self.issues[*place])) {
            self.by_expression
                .entry(issue.expression.clone())
                .or_default()
                .push(self.issues.len());
            self.refuses |= issue.refuses();
            self.issues.push(issue);
        }
    }

    /// Tells whether a finding about an element, or anything in it, refuses the content.
    pub(super) fn refuses_at(&self, at: &dyn fmt::Display) -> bool {
        let place = at.to_string();
        let is_inside = |expression: &str| {
            expression
                .strip_prefix(&place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.issues
            .iter()
            .any(|issue| issue.refuses() && is_inside(&issue.expression))
    }

    /// Tells whether any finding refuses the content.
    pub(super) fn refuses(&self) -> bool {
        self.refuses
    }

    /// Returns the findings.
    pub(super) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }
}

/// Names the JSON type of a value for a finding.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Returns the text in quotes if it looks like a date or a code; else words for it, because it
/// might be a CPR number or a name.
pub(super) fn quoted(text: &str) -> String {
    let like_a_code = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if text.is_empty() {
        "empty text".to_owned()
    } else if text.len() <= QUOTED_LENGTH_MAX && (like_a_code || like_a_date(text)) {
        format!("'{text}'")
    } else {
        "another text".to_owned()
    }
}

/// Tells whether the text was meant as a FHIR date: four digits, then nothing or a hyphen, and
/// never more than four digits in a row (unless it is an instant, whose fraction may be longer).
fn like_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins = bytes.len() >= 4
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes.get(4).is_none_or(|byte| *byte == b'-');
    let marks = bytes
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"-:+.TZ".contains(byte));
    let short_runs = bytes
        .split(|byte| !byte.is_ascii_digit())
        .all(|run| run.len() <= 4);
    begins && marks && (short_runs || FhirDate::parse(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_and_codes_are_quoted() {
        for text in [
            "2027",
            "2027-03",
            "2027-02-30",
            "2027-13-01",
            "2027-03-01T25:00:00Z",
            "2027-03-01T09:00:00.123456Z",
            "on-hold",
        ] {
            assert_eq!(quoted(text), format!("'{text}'"));
        }
        for text in [
            "0101901234",
            "010190-1234",
            "0101-901234",
            "Hansen",
            "01 01 90 1234",
            "2027-03-01 Hansen",
            "æ",
        ] {
            assert_eq!(quoted(text), "another text", "{text}");
        }
    }
}
