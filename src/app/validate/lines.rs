//! Lines in which findings are told.

use serde_json::{Value, json};

use crate::fhir::Issue;
use crate::fhir::issue::operation_outcome;

/// Returns the text of a finding, without its place.
pub(super) fn text_without_place(issue: &Issue) -> &str {
    issue
        .text
        .strip_prefix(issue.expression.as_str())
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(&issue.text)
}

/// Makes a line for people.
pub(super) fn text_line(place: &str, issue: &Issue) -> String {
    let at = if issue.expression.is_empty() {
        String::new()
    } else {
        format!(":{}", issue.expression)
    };
    let rule = if issue.rule.is_empty() {
        String::new()
    } else {
        format!(" [{}]", issue.rule)
    };
    format!(
        "{place}{at}: {} {}{rule} {}",
        issue.severity.as_str(),
        issue.code.as_str(),
        text_without_place(issue)
    )
}

/// Makes a line of JSON.
pub(super) fn json_line(place: &str, resource: &str, issue: &Issue) -> String {
    json!({
        "place": place,
        "resource": resource,
        "severity": issue.severity.as_str(),
        "code": issue.code.as_str(),
        "expression": issue.expression,
        "rule": issue.rule,
        "text": text_without_place(issue),
    })
    .to_string()
}

/// Makes the OperationOutcome of one resource; each issue says in `diagnostics` where the resource was
/// read.
pub(super) fn outcome_line(place: &str, issues: &[Issue]) -> String {
    let mut outcome = operation_outcome(issues);
    for issue in outcome["issue"].as_array_mut().into_iter().flatten() {
        issue["diagnostics"] = Value::from(place);
    }
    outcome.to_string()
}
