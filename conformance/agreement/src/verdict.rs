//! What Frist says of a resource, through the library: its form and its profiles, and not the rules of its business (dates that have
//! not come yet, persons who are not stored), of which no validator of FHIR can know.

use frist::fhir::{Issue, IssueCode, Resource, json};
use frist::validation::{self, Context};

use crate::line::{Finding, Line, Verdict};

/// Frist's verdict of each line.
pub(crate) fn of(lines: &[Line]) -> Vec<Verdict> {
    lines.iter().map(|line| Verdict { name: line.name.clone(), findings: findings(line), crash: None }).collect()
}

fn findings(line: &Line) -> Vec<Finding> {
    let value = match json::parse(line.resource.as_bytes()) {
        Ok(value) => value,
        Err(text) => return vec![Finding { severity: "fatal".into(), location: String::new(), id: "json".into(), message: text }],
    };
    check(value, &line.profiles).iter().map(finding).collect()
}

/// The one place that knows how the library is asked.
fn check(value: serde_json::Value, _profiles: &[String]) -> Vec<Issue> {
    let context = Context { today: jiff::civil::Date::MAX, has_target_group: &|_| true };
    let found = Resource::from_value(value).map_or_else(|issue| vec![issue], |resource| validation::check(&resource, &context));
    found.into_iter().filter(|issue| issue.code != IssueCode::BusinessRule).collect()
}

fn finding(issue: &Issue) -> Finding {
    Finding {
        severity: issue.severity.as_str().to_owned(),
        location: issue.expression.clone(),
        id: format!("{} {}", issue.code.as_str(), issue.rule).trim_end().to_owned(),
        message: issue.text.clone(),
    }
}
