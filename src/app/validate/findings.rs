//! Findings about one resource, and about what is in a Bundle, as a server would have them.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::lines::text_without_place;
use crate::deadlines::GroupTable;
use crate::fhir::held::not_held;
use crate::fhir::json::without_mark;
use crate::fhir::reference::{self, is_search};
use crate::fhir::{Issue, IssueCode, Reference, Resource, ResourceType, Severity};
use crate::interactions::writing::content::{ContentStandard, part_finding};
use crate::validation::{self, BundleWalk, Validator};
use crate::xml;

/// Types that are sent and answered, though they are not held.
const PASSING: &[&str] = &["Bundle", "OperationOutcome", "Parameters"];

/// The standard by which resources are checked.
pub(super) struct ContentCheck<'a> {
    pub(super) validator: Validator,
    /// The instant of the check, after the day of which nothing may be dated.
    pub(super) now: Timestamp,
    /// True if the options say that day: what is dated later is an error then.
    pub(super) is_day_said: bool,
    pub(super) profiles: Vec<&'a str>,
}

impl ContentCheck<'_> {
    /// Reads a resource, as XML if it begins like that.
    pub(super) fn parse(&self, content: &[u8]) -> Result<Resource, Issue> {
        if without_mark(content).trim_ascii_start().starts_with(b"<") {
            xml::read(self.validator.definitions(), content)
                .and_then(|json| Resource::parse(json.as_bytes()))
        } else {
            Resource::parse(content)
        }
    }

    /// Checks a resource.
    pub(super) fn findings(&self, resource: &Resource) -> Vec<Issue> {
        let mut issues = self.standard(&self.profiles).findings(resource);
        let type_name = resource.type_name();
        if type_name != "Bundle" || is_carried_out(resource.value()) {
            issues.extend(part_finding(resource.value()));
        }
        if type_name.parse::<ResourceType>().is_err() && !PASSING.contains(&type_name) {
            let text = format!("a server would answer 404: {}", not_held(type_name));
            issues.push(Issue::warning(IssueCode::NotSupported, type_name, text));
        }
        if type_name == "Bundle" {
            self.findings_of_entries(resource.value(), "Bundle", &mut issues);
            each_once(&mut issues);
        } else {
            issues.extend(self.searches(resource));
        }
        if !self.is_day_said {
            issues
                .iter_mut()
                .filter(|issue| issue.rule == validation::NOT_IN_FUTURE)
                .for_each(leave_to_the_server);
        }
        issues
    }

    /// Returns the standard of a write at the instant of the check.
    fn standard<'a>(&'a self, profiles: &'a [&'a str]) -> ContentStandard<'a> {
        ContentStandard {
            validator: &self.validator,
            groups: GroupTable::shipped(),
            now: self.now,
            profiles,
        }
    }

    /// Warns of references that are searches: a server understands them in a transaction alone, and
    /// whether the resource is sent in one is not known here.
    fn searches(&self, resource: &Resource) -> Vec<Issue> {
        let definitions = self.validator.definitions();
        let is_type = |name: &str| definitions.is_resource_type(name);
        let mut found = Vec::new();
        reference::for_each(
            resource.type_name(),
            resource.value(),
            &mut |at, element| {
                let address = element["reference"].as_str().unwrap_or_default();
                let is_conditional = matches!(Reference::parse(address), Reference::Conditional(_));
                let text = if is_conditional {
                    "expected the address of a resource, found a search, which a server understands in a transaction only; sent in another way, it is refused (422)"
                } else if is_search(address, &is_type) {
                    "expected the address of a resource, found a search on another server; a server refuses it (422)"
                } else {
                    return;
                };
                found.push(Issue::warning(
                    IssueCode::Value,
                    format!("{at}.reference"),
                    text,
                ));
            },
        );
        found
    }

    /// Adds what a write would find of the resources in a Bundle: each among the others, or as if it
    /// were sent alone if they are those of a batch.
    fn findings_of_entries(&self, bundle: &Value, at: &str, issues: &mut Vec<Issue>) {
        let standard = self.standard(&[]);
        let together = BundleWalk::of(&self.validator, bundle);
        let is_batch = bundle["type"] == "batch";
        for (number, entry) in bundle["entry"].as_array().into_iter().flatten().enumerate() {
            let Some(value) = entry.get("resource") else {
                continue;
            };
            let at = format!("{at}.entry[{number}].resource");
            match Resource::from_value(value.clone()) {
                Ok(resource) => {
                    let found = if is_batch {
                        let mut found = standard.findings(&resource);
                        found.extend(self.searches(&resource));
                        found
                    } else {
                        standard.findings_of_entry(&together, number)
                    };
                    // What a search answers may be a part; what is to be written may not.
                    let part = is_carried_out(bundle)
                        .then(|| part_finding(resource.value()))
                        .flatten();
                    issues.extend(
                        part.into_iter()
                            .chain(found)
                            .map(|issue| below(&at, resource.type_name(), issue)),
                    );
                    if resource.type_name() == "Bundle" {
                        self.findings_of_entries(resource.value(), &at, issues);
                    }
                }
                Err(issue) => issues.push(below(&at, "", issue)),
            }
        }
    }
}

/// Tells whether a Bundle is one that a server carries out.
fn is_carried_out(bundle: &Value) -> bool {
    bundle["type"] == "transaction" || bundle["type"] == "batch"
}

/// Makes a warning of what a server will refuse if it is sent today.
fn leave_to_the_server(issue: &mut Issue) {
    issue.severity = Severity::Warning;
    issue.text += "; a server would refuse it today (--day makes it an error here too)";
}

/// Leaves out what was found of an entry both in its Bundle and by itself.
fn each_once(issues: &mut Vec<Issue>) {
    let mut told = HashSet::new();
    issues.retain(|issue| {
        told.insert((
            issue.severity,
            issue.code,
            issue.expression.clone(),
            issue.rule.clone(),
            text_without_place(issue).to_owned(),
        ))
    });
}

/// Makes the same finding about what stands at that place of another resource.
fn below(at: &str, type_name: &str, issue: Issue) -> Issue {
    let rest = issue.expression.strip_prefix(type_name).unwrap_or("");
    Issue {
        expression: format!("{at}{rest}"),
        text: text_without_place(&issue).to_owned(),
        ..issue
    }
}
