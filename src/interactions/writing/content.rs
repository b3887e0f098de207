//! Checking the content of a resource: the one place that asks for a check. Knows no store: the
//! write path finds out what is refused because of other resources.

use jiff::civil::Date;
use serde_json::Value;

use crate::deadlines::GroupTable;
use crate::fhir::{Issue, Resource};
use crate::validation::{self, Validator};

/// Returns all findings about the content as of that day: those that every write makes, and those
/// of a check against each of these profiles.
pub fn findings(
    resource: &Resource,
    validator: &Validator,
    groups: &GroupTable,
    today: Date,
    profiles: &[&str],
) -> Vec<Issue> {
    let has_target_group = |condition: &Value| !groups.groups_of_condition(condition).is_empty();
    validation::check(
        resource,
        &validation::CheckContext {
            validator,
            profiles,
            today,
            has_target_group: &has_target_group,
        },
    )
}
