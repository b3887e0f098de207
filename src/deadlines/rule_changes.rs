//! The difference between two sets of rules, as whoever puts others in force must see it.

use super::rule::Rule;
use super::rules::Rules;

/// The rules that differ between two sets.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RuleChanges {
    /// The rules that are new.
    pub added: Vec<Rule>,
    /// The rules that are gone.
    pub removed: Vec<Rule>,
    /// The rules that say something else under the same url and version: before, and after.
    pub altered: Vec<(Rule, Rule)>,
}

impl RuleChanges {
    /// Compares two sets of rules.
    pub fn between(before: &Rules, after: &Rules) -> Self {
        let mut changes = RuleChanges::default();
        for rule in after.iter() {
            match before.named(&rule.url, &rule.version) {
                None => changes.added.push(rule.clone()),
                Some(old) if old != rule => changes.altered.push((old.clone(), rule.clone())),
                Some(_) => {}
            }
        }
        let gone = before
            .iter()
            .filter(|rule| after.named(&rule.url, &rule.version).is_none());
        changes.removed.extend(gone.cloned());
        changes
    }

    /// Tells whether the sets are the same.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.altered.is_empty()
    }

    /// Tells each difference in a line.
    pub fn lines(&self) -> Vec<String> {
        let gone = self.removed.iter();
        let gone = gone.map(|rule| format!("no longer: {}", rule.written()));
        let new = self.added.iter();
        let new = new.map(|rule| format!("new: {}", rule.written()));
        let altered = self.altered.iter().map(|(before, after)| {
            let (before, after) = (before.written(), after.written());
            format!("of the same version, was: {before}; is: {after}")
        });
        gone.chain(new).chain(altered).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fhir::guide;
    use serde_json::Value;

    fn rule(days: u32, version: &str) -> Rules {
        let text = guide::definitions_of("PlanDefinition")
            .find(|text| text.contains("copd-treatment-plan"))
            .unwrap();
        let mut definition: Value = serde_json::from_str(text).unwrap();
        definition["version"] = version.into();
        definition["extension"][0]["extension"][1]["valueInteger"] = days.into();
        Rules::from_plan_definitions([&definition]).unwrap()
    }

    #[test]
    fn rules_differ_by_name_or_by_what_they_say_under_it() {
        let counts = |before: &Rules, after: &Rules| {
            let changes = RuleChanges::between(before, after);
            assert_eq!(changes.is_empty(), changes.lines().is_empty());
            let RuleChanges {
                added,
                removed,
                altered,
            } = changes;
            (added.len(), removed.len(), altered.len())
        };
        let first = rule(30, "1");
        for (after, expected) in [
            (rule(30, "1"), (0, 0, 0)),
            (rule(20, "1"), (0, 0, 1)),
            (rule(20, "2"), (1, 1, 0)),
            (Rules::default(), (0, 1, 0)),
        ] {
            assert_eq!(counts(&first, &after), expected, "{after:?}");
        }
        let altered = RuleChanges::between(&first, &rule(20, "1")).lines();
        for part in ["days 30", "days 20", "copd-treatment-plan|1"] {
            assert!(altered[0].contains(part), "{altered:?}");
        }
    }
}
