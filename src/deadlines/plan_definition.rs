//! A rule read from its PlanDefinition (fhir-profiles, `kp-rule`). Everything that is wrong with
//! one is told at once.

use serde_json::Value;

use super::rule::{PausePolicy, Rule, StopMode};
use super::words::{Group, Right};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{FhirDate, names};

/// The longest deadline or warning that is taken for meant: ten years.
const DAYS_MAX: u32 = 3_660;
const WARN_DAYS_DEFAULT: u32 = 7;

/// Reads the rule in a PlanDefinition.
///
/// # Errors
/// One sentence for each finding.
pub(super) fn read_rule(definition: &Value) -> Result<Rule, Vec<String>> {
    let mut reader = PlanDefinitionReader {
        definition,
        findings: Vec::new(),
    };
    let rule = reader.rule();
    match rule {
        Some(rule) if reader.findings.is_empty() => Ok(rule),
        _ => Err(reader.findings),
    }
}

/// One PlanDefinition, and what was found wrong with it so far.
struct PlanDefinitionReader<'a> {
    definition: &'a Value,
    findings: Vec<String>,
}

impl<'a> PlanDefinitionReader<'a> {
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
        let pause_policy = self.parameter_code(
            "pause-policy",
            Some(PausePolicy::DEFAULT),
            PausePolicy::from_code,
        );
        let stop_mode =
            self.parameter_code("stop-mode", Some(StopMode::DEFAULT), StopMode::from_code);
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

    /// Returns the value of a parameter as it is written; none if the parameter is not there.
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
