//! A rule read from its PlanDefinition (fhir-profiles, `kp-rule`). Everything that is wrong with
//! one is told at once.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::rule::Rule;
use super::words::{AttributeContacts, Group, PausePolicy, Right, StartOn, StopMode, Unit};
use crate::fhir::view::{codings, extensions, items};
use crate::fhir::{FhirDate, names};

/// The longest deadline or warning that is taken for meant: ten years, in each unit.
const DAYS_MAX: u32 = 3_660;
const WORKING_DAYS_MAX: u32 = 2_600;
const MONTHS_MAX: u32 = 120;
const WARN_DAYS_DEFAULT: u32 = 7;

/// The parameters that a rule may have, each once.
const SINGLE: &[&str] = &[
    "right",
    "days",
    "unit",
    "warn-days",
    "pause-policy",
    "stop-mode",
    "start-on",
    "attribute-contacts",
];
/// The parameter that a rule may have any number of times.
const EXCLUDED_CONTACT: &str = "excluded-contact";

/// The classes that R4 gives an Encounter
/// (<http://terminology.hl7.org/ValueSet/v3-ActEncounterCode>), and those that municipalities send
/// beside them (`http://fhir.kl.dk/term/CodeSystem/CareSocialCodes`): by telephone, and on a screen.
const CLASSES: &[&str] = &[
    "AMB",
    "EMER",
    "FLD",
    "HH",
    "IMP",
    "ACUTE",
    "NONAC",
    "OBSENC",
    "PRENC",
    "SS",
    "VR",
    "1b55a4b0-1156-4f58-b2df-b5c6014d9048",
    "124be95d-6924-4609-9d2a-e7c73ae3ab3d",
];

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
        let group = self.group();
        self.no_others();
        let right = self.parameter_code("right", None, Right::from_code);
        let unit = self.parameter_code("unit", Some(Unit::Day), Unit::from_code);
        let most = match unit {
            Some(Unit::Month) => MONTHS_MAX,
            Some(Unit::WorkingDay) => WORKING_DAYS_MAX,
            Some(Unit::Day) | None => DAYS_MAX,
        };
        let days = self.parameter_days("days", 1..=most, None);
        let warn_days = self.parameter_days("warn-days", 0..=DAYS_MAX, Some(WARN_DAYS_DEFAULT));
        let pause_policy = self.parameter_code(
            "pause-policy",
            Some(PausePolicy::Tag),
            PausePolicy::from_code,
        );
        let stop_mode =
            self.parameter_code("stop-mode", Some(StopMode::Started), StopMode::from_code);
        let start_on = self.parameter_code("start-on", Some(StartOn::Authored), StartOn::from_code);
        let attribute_contacts = self.parameter_code(
            "attribute-contacts",
            Some(AttributeContacts::Never),
            AttributeContacts::from_code,
        );
        Some(Rule {
            excluded_contacts: self.excluded_contacts(),
            url: url?.to_owned(),
            version: version?.to_owned(),
            group: group?,
            right: right?,
            effective_from: effective_from?,
            days: days?,
            unit: unit?,
            warn_days: warn_days?,
            pause_policy: pause_policy?,
            stop_mode: stop_mode?,
            start_on: start_on?,
            attribute_contacts: attribute_contacts?,
        })
    }

    fn group(&mut self) -> Option<Group> {
        let contexts = items(&self.definition["useContext"]);
        let focus = contexts.filter(|context| context["code"]["code"] == "focus");
        let mut groups = focus.flat_map(|context| codings(&context["valueCodeableConcept"]));
        let group = groups
            .find(|(system, _)| *system == names::CS_TARGET_GROUP)
            .map(|(_, code)| code);
        self.needed(
            group.and_then(Group::from_code),
            "useContext (focus)",
            "a code of kp-target-group",
            group,
        )
    }

    /// Finds the parameters that are not known, or stand twice: a rule whose words are not all
    /// understood is no rule.
    fn no_others(&mut self) {
        let mut blocks = extensions(self.definition, names::EXT_RULE_PARAMETERS);
        let parameters: Vec<&str> = items(&blocks.next().unwrap_or(&Value::Null)["extension"])
            .map(|parameter| parameter["url"].as_str().unwrap_or(""))
            .collect();
        if blocks.next().is_some() {
            self.find("kp-rule-parameters", "it once", Some("it twice"));
        }
        for (at, name) in parameters.iter().enumerate() {
            let element = format!("kp-rule-parameters.{name}");
            if !SINGLE.contains(name) && *name != EXCLUDED_CONTACT {
                let known = format!("one of {}, {EXCLUDED_CONTACT}", SINGLE.join(", "));
                self.find(&element, &known, Some(name));
            } else if SINGLE.contains(name) && parameters[..at].contains(name) {
                self.find(&element, "it once", Some("it twice"));
            }
        }
    }

    /// Reads the classes of contacts that are no start, in order and each once.
    fn excluded_contacts(&mut self) -> Vec<String> {
        let parameters = extensions(self.definition, names::EXT_RULE_PARAMETERS).next();
        let found: Vec<Option<&str>> = parameters
            .into_iter()
            .flat_map(|parameters| extensions(parameters, EXCLUDED_CONTACT))
            .map(|parameter| parameter["valueCode"].as_str())
            .collect();
        let (element, known) = (
            format!("kp-rule-parameters.{EXCLUDED_CONTACT}"),
            format!("a class of Encounter ({})", CLASSES.join(", ")),
        );
        let codes: Vec<Option<&str>> = found
            .into_iter()
            .map(|code| {
                let is_class = code.filter(|code| CLASSES.contains(code));
                self.needed(is_class, &element, &known, code)
            })
            .collect();
        let codes: BTreeSet<&str> = codes.into_iter().flatten().collect();
        codes.into_iter().map(str::to_owned).collect()
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

    fn parameter_days(
        &mut self,
        name: &str,
        range: RangeInclusive<u32>,
        default: Option<u32>,
    ) -> Option<u32> {
        let (element, expected) = (
            format!("kp-rule-parameters.{name}"),
            format!("a whole number from {} to {}", range.start(), range.end()),
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
            .filter(|days| range.contains(days));
        self.needed(
            days,
            &element,
            &expected,
            value.map(Value::to_string).as_deref(),
        )
    }
}
