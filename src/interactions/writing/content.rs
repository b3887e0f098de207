//! Checking the content of a resource: the one place that asks for a check. Knows no store: the
//! write path finds out what is refused because of other resources.

use jiff::Timestamp;
use serde_json::Value;

use crate::deadlines::GroupTable;
use crate::fhir::{Issue, IssueCode, Resource, view};
use crate::interactions::subset;
use crate::validation::{self, BundleWalk, CheckContext, Validator};

/// The standard by which content is checked.
#[derive(Clone, Copy)]
pub struct ContentStandard<'a> {
    /// The definitions.
    pub validator: &'a Validator,
    /// The table of target groups.
    pub groups: &'a GroupTable,
    /// The instant at which it is written.
    pub now: Timestamp,
    /// The profiles that it is checked against in addition to those of every write.
    pub profiles: &'a [&'a str],
}

impl ContentStandard<'_> {
    /// Returns all findings about the content: those that every write makes, and those of a check
    /// against each of the profiles.
    pub fn findings(&self, resource: &Resource) -> Vec<Issue> {
        self.within(|context| validation::check(resource, context))
    }

    /// Returns the findings about the resource in an entry of a Bundle, judged among the others.
    pub fn findings_of_entry(&self, entries: &BundleWalk<'_>, at: usize) -> Vec<Issue> {
        self.within(|context| validation::check_entry(entries, at, context))
    }

    fn within(&self, check: impl FnOnce(&CheckContext<'_>) -> Vec<Issue>) -> Vec<Issue> {
        let why_no_group = |condition: &Value| self.groups.why_no_group(condition);
        check(&CheckContext {
            validator: self.validator,
            profiles: self.profiles,
            now: self.now,
            why_no_group: &why_no_group,
        })
    }
}

/// Returns the finding about a resource that says of itself, or of one that it contains, that it is
/// only a part of one, as the answers to `_summary` and `_elements` do: written back, it would replace
/// the whole.
pub fn part_finding(resource: &Value) -> Option<Issue> {
    let type_name = resource["resourceType"].as_str().unwrap_or_default();
    let contained = || {
        let mut contained = view::items(&resource["contained"]).enumerate();
        contained
            .find_map(|(at, inner)| part_finding_at(&format!("{type_name}.contained[{at}]"), inner))
    };
    part_finding_at(type_name, resource).or_else(contained)
}

fn part_finding_at(place: &str, resource: &Value) -> Option<Issue> {
    let at = view::items(&resource["meta"]["tag"]).position(subset::is_subsetted)?;
    Some(Issue::error(
        IssueCode::BusinessRule,
        format!("{place}.meta.tag[{at}]"),
        "expected a whole resource, found one tagged SUBSETTED: it is a part, as _summary and _elements give it, and would replace the whole; \
         read it again without these, and send that",
    ))
}
