//! The rules: data, never code. One PlanDefinition for each target group, right and rule version
//! (deadline-rules, section 1; fhir-profiles, `kp-rule`).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde_json::Value;

use super::plan_definition::read_rule;
use super::rule::Rule;
use super::words::{Group, Right};
use crate::fhir::guide;

static SHIPPED: LazyLock<Rules> = LazyLock::new(|| {
    let definitions: Vec<Value> = guide::definitions_of("PlanDefinition")
        .map(|text| {
            crate::fhir::json::parse(text.as_bytes())
                .expect("the shipped rules are read by a test of this file")
        })
        .collect();
    Rules::from_plan_definitions(&definitions)
        .expect("the shipped rules are read by a test of this file")
});

/// A set of rules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// By url and version.
    by_canonical: BTreeMap<(String, String), Rule>,
}

impl Rules {
    /// Returns the rules that the project ships.
    pub fn shipped() -> &'static Rules {
        &SHIPPED
    }

    /// Reads rules from PlanDefinitions.
    ///
    /// # Errors
    /// One sentence for each finding, with the rule's `url|version`, the element, what was expected
    /// and what came.
    pub fn from_plan_definitions<'a>(
        definitions: impl IntoIterator<Item = &'a Value>,
    ) -> Result<Rules, Vec<String>> {
        let (mut rules, mut findings) = (Rules::default(), Vec::new());
        for definition in definitions {
            match read_rule(definition) {
                Ok(rule) => {
                    let key = (rule.url.clone(), rule.version.clone());
                    if let Some(twice) = rules.by_canonical.insert(key, rule) {
                        findings.push(format!(
                            "{}: expected each url and version once, found it twice",
                            twice.canonical()
                        ));
                    }
                }
                Err(mut of_rule) => findings.append(&mut of_rule),
            }
        }
        if findings.is_empty() {
            Ok(rules)
        } else {
            Err(findings)
        }
    }

    /// Returns these rules with the additional ones: one for the same group and right replaces, under
    /// whatever url, if it has the same version or begins on the same day; any other is added.
    pub fn with(mut self, additional: Rules) -> Rules {
        let replaces = |new: &Rule, rule: &Rule| {
            (new.group, new.right) == (rule.group, rule.right)
                && (new.version == rule.version || new.effective_from == rule.effective_from)
        };
        self.by_canonical
            .retain(|_, rule| !additional.iter().any(|new| replaces(new, rule)));
        self.by_canonical.extend(additional.by_canonical);
        self
    }

    /// Selects the rule for a clock of that group and right that starts on that day: the version
    /// with the latest effective start on or before it. Of several with the same effective start
    /// the lowest version, which was there first: a version that is added later to the same set never
    /// moves a due date that stands (to correct one, replace it: [`Rules::with`]).
    pub fn select(&self, group: Group, right: Right, clock_start: Date) -> Option<&Rule> {
        let candidates = self.iter().filter(|rule| {
            rule.group == group && rule.right == right && rule.effective_from <= clock_start
        });
        candidates.min_by_key(|rule| {
            (
                Reverse(rule.effective_from),
                version_order(&rule.version),
                &rule.url,
            )
        })
    }

    /// Returns the rules that no clock ever uses, because a lower version for the same group and
    /// right has the same effective start; worth a warning to whoever added them.
    pub fn unused(&self) -> Vec<&Rule> {
        self.iter()
            .filter(|rule| self.select(rule.group, rule.right, rule.effective_from) != Some(rule))
            .collect()
    }

    /// Returns the first day on which a clock of that group and right can start; none if there is no
    /// rule for it.
    pub fn begin(&self, group: Group, right: Right) -> Option<Date> {
        let for_it = self
            .iter()
            .filter(|rule| rule.group == group && rule.right == right);
        for_it.map(|rule| rule.effective_from).min()
    }

    /// Returns the rule of that url and version.
    pub(super) fn named(&self, url: &str, version: &str) -> Option<&Rule> {
        self.by_canonical.get(&(url.to_owned(), version.to_owned()))
    }

    /// Returns all rules, by url and version.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_canonical.values()
    }
}

/// Splits a version so that versions sort in the order people mean: `2027.9` before `2027.10`.
fn version_order(version: &str) -> Vec<(u64, &str)> {
    version
        .split('.')
        .map(|part| (part.parse().unwrap_or(0), part))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadlines::{AttributeContacts, PausePolicy, StartOn, StopMode, Unit};
    use crate::fhir::names;
    use jiff::civil::date;

    #[test]
    fn the_shipped_rules_are_the_table_of_the_law() {
        assert_eq!(Rules::shipped().iter().count(), 10);
        for (group, first) in [
            (Group::Copd, date(2027, 1, 1)),
            (Group::LowBackPain, date(2027, 1, 1)),
            (Group::Type2Diabetes, date(2028, 1, 1)),
            (Group::HeartDisease, date(2029, 1, 1)),
            (Group::ComplexMultimorbidity, date(2031, 1, 1)),
        ] {
            for (right, days) in [(Right::TreatmentPlan, 30), (Right::PreventionStart, 21)] {
                let rule = Rules::shipped().select(group, right, first).unwrap();
                assert_eq!(
                    (rule.days, rule.warn_days, rule.pause_policy, rule.stop_mode),
                    (days, 7, PausePolicy::Tag, StopMode::Started)
                );
                assert_eq!(
                    rule.canonical(),
                    format!(
                        "{}/PlanDefinition/{group}-{right}|2027.1",
                        names::CANONICAL_BASE
                    )
                );
                assert_eq!(
                    Rules::shipped().select(group, right, first.yesterday().unwrap()),
                    None
                );
            }
        }
    }

    fn definition(version: &str, days: u32, start: &str) -> Value {
        let shipped = guide::FOLDER.get_file("PlanDefinition-copd-treatment-plan-2027.1.json");
        let mut definition = crate::fhir::json::parse(shipped.unwrap().contents()).unwrap();
        definition["version"] = version.into();
        definition["effectivePeriod"]["start"] = start.into();
        definition["extension"][0]["extension"][1]["valueInteger"] = days.into();
        definition
    }

    #[test]
    fn a_version_is_replaced_or_added_and_the_latest_effective_one_is_used() {
        let additional = [
            definition("2027.1", 31, "2027-01-01"),
            definition("2027.10", 20, "2029-01-01"),
            definition("2027.9", 14, "2029-01-01"),
        ];
        let rules = Rules::shipped()
            .clone()
            .with(Rules::from_plan_definitions(&additional).unwrap());
        assert_eq!(rules.iter().count(), 12);
        for (start, days) in [(date(2028, 12, 31), 31), (date(2029, 1, 1), 14)] {
            assert_eq!(
                rules
                    .select(Group::Copd, Right::TreatmentPlan, start)
                    .map(|rule| rule.days),
                Some(days)
            );
        }
        assert_eq!(
            rules
                .unused()
                .iter()
                .map(|rule| rule.version.as_str())
                .collect::<Vec<_>>(),
            ["2027.10"]
        );
        assert!(Rules::shipped().unused().is_empty());
        // One of another version that begins on the same day takes the place too.
        let corrected = [definition("2027.2", 20, "2027-01-01")];
        let rules = Rules::shipped()
            .clone()
            .with(Rules::from_plan_definitions(&corrected).unwrap());
        let copd = rules.select(Group::Copd, Right::TreatmentPlan, date(2027, 2, 1));
        assert_eq!(copd.map(|rule| rule.days), Some(20));
        assert_eq!((rules.iter().count(), rules.unused().len()), (10, 0));
    }

    /// Returns the shipped rule with these parameters more, each a url and a code.
    fn with_parameters(parameters: &[(&str, &str)]) -> Value {
        let mut definition = definition("1", 30, "2027-01-01");
        let all = definition["extension"][0]["extension"]
            .as_array_mut()
            .unwrap();
        // Those that the shipped rule says already are replaced.
        all.retain(|one| parameters.iter().all(|(url, _)| one["url"] != *url));
        let more = parameters.iter();
        all.extend(more.map(|(url, code)| serde_json::json!({ "url": url, "valueCode": code })));
        definition
    }

    #[test]
    fn each_parameter_has_its_choices_and_a_default() {
        let read = |parameters: &[(&str, &str)]| {
            let rules = Rules::from_plan_definitions([&with_parameters(parameters)]).unwrap();
            rules.iter().next().unwrap().clone()
        };
        let plain = read(&[]);
        assert_eq!(
            (plain.unit, plain.start_on, plain.attribute_contacts),
            (Unit::Day, StartOn::Authored, AttributeContacts::Never)
        );
        assert!(plain.excluded_contacts.is_empty());
        for unit in Unit::ALL {
            assert_eq!(read(&[("unit", unit.code())]).unit, *unit);
        }
        let other = read(&[
            ("start-on", "received"),
            ("attribute-contacts", "single-chain"),
            ("pause-policy", "deduct"),
            ("stop-mode", "offered"),
            ("excluded-contact", "VR"),
            ("excluded-contact", "HH"),
            ("excluded-contact", "1b55a4b0-1156-4f58-b2df-b5c6014d9048"),
            ("excluded-contact", "VR"),
        ]);
        assert_eq!(
            (other.start_on, other.attribute_contacts),
            (StartOn::Received, AttributeContacts::SingleChain)
        );
        assert_eq!(
            (other.pause_policy, other.stop_mode),
            (PausePolicy::Deduct, StopMode::Offered)
        );
        assert_eq!(
            other.excluded_contacts,
            ["1b55a4b0-1156-4f58-b2df-b5c6014d9048", "HH", "VR"]
        );
        assert_ne!(other.written(), plain.written());
    }

    #[test]
    fn the_example_of_the_guide_is_a_rule_that_is_read() {
        let text = include_str!("../../profiles/package/example/PlanDefinition-rule-received.json");
        let definition: Value = serde_json::from_str(text).unwrap();
        let rules = Rules::from_plan_definitions([&definition]).unwrap();
        let rule = rules.iter().next().unwrap();
        assert_eq!(rule.start_on, StartOn::Received);
        assert_eq!(
            rule.excluded_contacts,
            ["124be95d-6924-4609-9d2a-e7c73ae3ab3d", "VR"]
        );
    }

    #[test]
    fn an_unknown_parameter_or_value_refuses_the_rule_by_name() {
        for (parameters, name, found) in [
            (
                &[("grace", "x")][..],
                "kp-rule-parameters.grace",
                "one of right, days",
            ),
            (&[("unit", "week")], "kp-rule-parameters.unit", "'week'"),
            (
                &[("start-on", "sent")],
                "kp-rule-parameters.start-on",
                "'sent'",
            ),
            (
                &[("stop-mode", "booked")],
                "kp-rule-parameters.stop-mode",
                "'booked'",
            ),
            (
                &[("pause-policy", "")],
                "kp-rule-parameters.pause-policy",
                "''",
            ),
            (
                &[("attribute-contacts", "always")],
                "kp-rule-parameters.attribute-contacts",
                "'always'",
            ),
            (
                &[("excluded-contact", "VR"), ("excluded-contact", "TEL")],
                "kp-rule-parameters.excluded-contact",
                "'TEL'",
            ),
            (
                &[("unit", "day"), ("unit", "month")],
                "kp-rule-parameters.unit",
                "twice",
            ),
        ] {
            let definition = with_parameters(parameters);
            let findings = Rules::from_plan_definitions([&definition]).unwrap_err();
            assert_eq!(findings.len(), 1, "{findings:?}");
            for part in ["copd-treatment-plan|1: ", name, found] {
                assert!(findings[0].contains(part), "{part}: {findings:?}");
            }
        }
        for (unit, most) in [("day", 3_660), ("working-day", 2_600), ("month", 120)] {
            let mut definition = with_parameters(&[("unit", unit)]);
            for (days, fits) in [(most, true), (most + 1, false), (0, false)] {
                definition["extension"][0]["extension"][1]["valueInteger"] = days.into();
                let read = Rules::from_plan_definitions([&definition]);
                assert_eq!(read.is_ok(), fits, "{days} {unit}: {read:?}");
            }
        }
    }

    #[test]
    fn every_finding_names_the_rule_and_the_element() {
        let mut broken = definition("1", 0, "2027-01");
        broken["status"] = "draft".into();
        broken["useContext"] = Value::Null;
        broken["modifierExtension"] =
            serde_json::json!([{ "url": "https://example.org/not", "valueBoolean": true }]);
        broken["extension"][0]["extension"][3]["valueCode"] = "skip".into();
        let twice = [
            broken,
            definition("2", 9, "2027-01-01"),
            definition("2", 9, "2027-01-01"),
        ];
        let findings = Rules::from_plan_definitions(&twice).unwrap_err();
        for element in [
            "status",
            "modifierExtension",
            "useContext",
            "days",
            "effectivePeriod.start",
            "pause-policy",
        ] {
            assert!(
                findings
                    .iter()
                    .any(|finding| finding.contains("copd-treatment-plan|1: ")
                        && finding.contains(element)),
                "{findings:?}"
            );
        }
        assert_eq!(findings.len(), 7);
        assert!(findings[6].contains("twice"));
    }
}
