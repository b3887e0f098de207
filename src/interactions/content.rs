//! What the content of a resource is held against: the one place that asks for a check. Knows no store: what is refused because of
//! other resources is found by who writes.

use jiff::civil::Date;
use serde_json::Value;

use crate::deadlines::GroupTable;
use crate::fhir::{Issue, IssueCode, Resource, ResourceType, names, view};
use crate::validation;

/// All findings about the content as of that day: those that every write makes, and those of a check against each of these profiles.
pub fn findings(resource: &Resource, groups: &GroupTable, today: Date, profiles: &[&str]) -> Vec<Issue> {
    let has_target_group = |condition: &Value| !groups.groups_of_condition(condition).is_empty();
    let context = validation::Context { today, has_target_group: &has_target_group };
    let mut issues = validation::check(resource, &context);
    for of in profiles.iter().filter_map(|profile| type_of(profile)) {
        if of != resource.type_name() {
            let text = format!("expected a resource of the profile's type, {of}");
            issues.push(Issue::error(IssueCode::Structure, resource.type_name(), text));
        }
    }
    issues
}

/// True if the server can check against the profile of that canonical address, with `|version` or without.
pub fn knows(profile: &str) -> bool {
    type_of(profile).is_some()
}

/// The type that a profile is for, if it is known: a type of R4 itself, or the type's profile of the guide, which is always checked.
fn type_of(profile: &str) -> Option<&'static str> {
    let address = view::without_version(profile);
    let held = || ResourceType::ALL.iter().copied();
    let base = address.strip_prefix("http://hl7.org/fhir/StructureDefinition/").and_then(|name| held().find(|held| held.as_str() == name));
    let found = base.or_else(|| held().find(|held| names::profile_of(*held) == Some(address)));
    found.map(ResourceType::as_str)
}
