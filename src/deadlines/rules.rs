//! The rules: data, never code. One PlanDefinition for each target group, right and rule version
//! (deadline-rules, section 1; fhir-profiles, `kp-rule`).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use serde_json::Value;

use super::words::{Group, Right};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{FhirDate, names};

/// The longest deadline or warning that is taken for meant: ten years.
const DAYS_MAX: u32 = 3_660;
const WARN_DAYS_DEFAULT: u32 = 7;

macro_rules! shipped {
    ($($id:literal),+ $(,)?) => { &[$(include_str!(concat!("../../profiles/package/PlanDefinition-", $id, ".json"))),+] };
}

static SHIPPED_PLAN_DEFINITIONS: &[&str] = shipped![
    "copd-treatment-plan-2027.1",
    "copd-prevention-start-2027.1",
    "low-back-pain-treatment-plan-2027.1",
    "low-back-pain-prevention-start-2027.1",
    "type-2-diabetes-treatment-plan-2027.1",
    "type-2-diabetes-prevention-start-2027.1",
    "heart-disease-treatment-plan-2027.1",
    "heart-disease-prevention-start-2027.1",
    "complex-multimorbidity-treatment-plan-2027.1",
    "complex-multimorbidity-prevention-start-2027.1",
];

static SHIPPED: LazyLock<Rules> = LazyLock::new(|| {
    let definitions: Vec<Value> = SHIPPED_PLAN_DEFINITIONS
        .iter()
        .map(|text| {
            crate::fhir::json::parse(text.as_bytes())
                .expect("the shipped rules are read by a test of this file")
        })
        .collect();
    Rules::from_plan_definitions(&definitions)
        .expect("the shipped rules are read by a test of this file")
});

/// What postponements do to the due date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PausePolicy {
    /// `tag`: they are shown, and the gross due date stands.
    Tag,
    /// `deduct`: their days do not count.
    Deduct,
}

/// What stops a prevention-start clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopMode {
    /// `started`: the offer starts.
    Started,
    /// `offered`: a first contact is offered.
    Offered,
}

/// One version of the rule for a group and a right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The canonical address, without version.
    pub url: String,
    /// The version.
    pub version: String,
    /// For whom.
    pub group: Group,
    /// Which right.
    pub right: Right,
    /// The first day a clock can start under this version.
    pub effective_from: Date,
    /// Calendar days from the start to the due date.
    pub days: u32,
    /// For how many days before the due date the right is due soon.
    pub warn_days: u32,
    /// What postponements do.
    pub pause_policy: PausePolicy,
    /// What stops a prevention-start clock; a treatment plan always stops its own.
    pub stop_mode: StopMode,
}

impl Rule {
    /// The canonical address with version: `url|version`.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }
}

/// A set of rules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// By url and version.
    by_canonical: BTreeMap<(String, String), Rule>,
}

impl Rules {
    /// The rules that the project ships.
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

    /// These rules, with the additional ones: one of the same version for the same group and right
    /// replaces, under whatever url; any other is added.
    pub fn with(mut self, additional: Rules) -> Rules {
        let identity = |rule: &Rule| (rule.group, rule.right, rule.version.clone());
        self.by_canonical
            .retain(|_, rule| additional.iter().all(|new| identity(new) != identity(rule)));
        self.by_canonical.extend(additional.by_canonical);
        self
    }

    /// The rule for a clock of that group and right that starts on that day: the version with the
    /// latest effective start on or before it. Of several with the same effective start the
    /// lowest version, which was there first: a version that is added later never moves a due
    /// date that stands (to correct one, replace it under the same url and version).
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

    /// The rules that no clock ever uses, because a lower version for the same group and right has
    /// the same effective start; worth a warning to whoever added them.
    pub fn unused(&self) -> Vec<&Rule> {
        self.iter()
            .filter(|rule| self.select(rule.group, rule.right, rule.effective_from) != Some(rule))
            .collect()
    }

    /// All rules, by url and version.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_canonical.values()
    }
}

/// Versions in the order people mean: `2027.9` before `2027.10`.
fn version_order(version: &str) -> Vec<(u64, &str)> {
    version
        .split('.')
        .map(|part| (part.parse().unwrap_or(0), part))
        .collect()
}

fn read_rule(definition: &Value) -> Result<Rule, Vec<String>> {
    let mut reader = Reader {
        definition,
        findings: Vec::new(),
    };
    let rule = reader.rule();
    match rule {
        Some(rule) if reader.findings.is_empty() => Ok(rule),
        _ => Err(reader.findings),
    }
}

/// Reads one PlanDefinition and collects what is wrong with it.
struct Reader<'a> {
    definition: &'a Value,
    findings: Vec<String>,
}

impl<'a> Reader<'a> {
    fn rule(&mut self) -> Option<Rule> {
        let definition = self.definition;
        self.fixed("resourceType", "PlanDefinition");
        self.fixed("status", "active");
        for modifier in ["modifierExtension", "implicitRules"] {
            if definition.get(modifier).is_some() {
                self.find(
                    modifier,
                    "nothing that changes what the rule means",
                    Some("it"),
                );
            }
        }
        let url = self.text("url");
        let version = self.text("version");
        let start = definition["effectivePeriod"]["start"].as_str();
        let effective_from = start.and_then(FhirDate::parse).and_then(FhirDate::date);
        let effective_from = self.needed(
            effective_from,
            "effectivePeriod.start",
            "a full date",
            start,
        );
        let focus =
            items(&definition["useContext"]).filter(|context| context["code"]["code"] == "focus");
        let mut groups = focus.flat_map(|context| codings(&context["valueCodeableConcept"]));
        let group = groups
            .find(|(system, _)| *system == names::CS_TARGET_GROUP)
            .map(|(_, code)| code);
        let group = self.needed(
            group.and_then(Group::from_code),
            "useContext (focus)",
            "a code of kp-target-group",
            group,
        );
        let right = self.parameter_code("right", None, Right::from_code);
        let days = self.parameter_days("days", 1, None);
        let warn_days = self.parameter_days("warn-days", 0, Some(WARN_DAYS_DEFAULT));
        let pause_policy =
            self.parameter_code("pause-policy", Some(PausePolicy::Tag), |code| match code {
                "tag" => Some(PausePolicy::Tag),
                "deduct" => Some(PausePolicy::Deduct),
                _ => None,
            });
        let stop_mode =
            self.parameter_code("stop-mode", Some(StopMode::Started), |code| match code {
                "started" => Some(StopMode::Started),
                "offered" => Some(StopMode::Offered),
                _ => None,
            });
        Some(Rule {
            url: url?.to_owned(),
            version: version?.to_owned(),
            group: group?,
            right: right?,
            effective_from: effective_from?,
            days: days?,
            warn_days: warn_days?,
            pause_policy: pause_policy?,
            stop_mode: stop_mode?,
        })
    }

    fn find(&mut self, element: &str, expected: &str, found: Option<&str>) {
        let part = |name: &str| self.definition[name].as_str().unwrap_or("?").to_owned();
        let found = found.map_or("nothing".to_owned(), |text| format!("'{text}'"));
        self.findings.push(format!(
            "{}|{}: {element}: expected {expected}, found {found}",
            part("url"),
            part("version")
        ));
    }

    fn needed<T>(
        &mut self,
        value: Option<T>,
        element: &str,
        expected: &str,
        found: Option<&str>,
    ) -> Option<T> {
        if value.is_none() {
            self.find(element, expected, found);
        }
        value
    }

    fn fixed(&mut self, element: &str, expected: &str) {
        let found = self.definition[element].as_str();
        self.needed(
            found.filter(|text| *text == expected),
            element,
            &format!("'{expected}'"),
            found,
        );
    }

    fn text(&mut self, element: &str) -> Option<&'a str> {
        let found = self.definition[element].as_str();
        self.needed(
            found.filter(|text| !text.is_empty() && !text.contains('|')),
            element,
            "a text without '|'",
            found,
        )
    }

    /// The value of a parameter as it is written; none if the parameter is not there.
    fn parameter(&self, name: &str) -> Option<&'a Value> {
        let parameters = extensions(self.definition, names::EXT_RULE_PARAMETERS).next()?;
        extensions(parameters, name).next()
    }

    fn parameter_code<T>(
        &mut self,
        name: &str,
        default: Option<T>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(parameter) = self.parameter(name) else {
            return self.needed(
                default,
                &format!("kp-rule-parameters.{name}"),
                "a code",
                None,
            );
        };
        let found = parameter["valueCode"].as_str();
        self.needed(
            found.and_then(read),
            &format!("kp-rule-parameters.{name}"),
            "a known code",
            found,
        )
    }

    fn parameter_days(&mut self, name: &str, min: u32, default: Option<u32>) -> Option<u32> {
        let (element, expected) = (
            format!("kp-rule-parameters.{name}"),
            format!("a whole number from {min} to {DAYS_MAX}"),
        );
        let Some(parameter) = self.parameter(name) else {
            return self.needed(default, &element, &expected, None);
        };
        let value = ["valueInteger", "valuePositiveInt", "valueUnsignedInt"]
            .iter()
            .find_map(|member| parameter.get(member));
        let days = value
            .and_then(Value::as_u64)
            .and_then(|days| u32::try_from(days).ok())
            .filter(|days| (min..=DAYS_MAX).contains(days));
        self.needed(
            days,
            &element,
            &expected,
            value.map(Value::to_string).as_deref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut definition =
            crate::fhir::json::parse(SHIPPED_PLAN_DEFINITIONS[0].as_bytes()).unwrap();
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
