//! Rules as PlanDefinitions, written by tests.

use std::path::Path;

use frist::fhir::names;
use serde_json::{Value, json};

/// The rule that a test wants.
#[derive(Clone, Debug)]
pub(crate) struct RuleSpec<'a> {
    pub(crate) group: &'a str,
    pub(crate) right: &'a str,
    pub(crate) version: &'a str,
    pub(crate) start: &'a str,
    pub(crate) days: u64,
    pub(crate) warn: u64,
    pub(crate) pause: &'a str,
    pub(crate) stop: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) start_on: &'a str,
    pub(crate) excluded: &'a [&'a str],
    pub(crate) attribute: &'a str,
}

/// The rule of worked example 12: from 2029 an offer starts within 14 days.
pub(crate) const START_IN_14_DAYS: RuleSpec<'static> = RuleSpec {
    group: "copd",
    right: "prevention-start",
    version: "2029.1",
    start: "2029-01-01",
    days: 14,
    ..COPD_START
};

/// The shipped rule for the start of an offer with COPD.
pub(crate) const COPD_START: RuleSpec<'static> = RuleSpec {
    group: "copd",
    right: "prevention-start",
    version: "2027.1",
    start: "2027-01-01",
    days: 21,
    warn: 7,
    pause: "tag",
    stop: "started",
    unit: "day",
    start_on: "authored",
    excluded: &[],
    attribute: "never",
};

impl<'a> RuleSpec<'a> {
    /// Returns the rule as the files of cases write it; `excluded` are the contacts that it excludes.
    fn of_case(rule: &'a Value, excluded: &'a [&'a str]) -> Self {
        let text = |name: &str| {
            rule[name]
                .as_str()
                .unwrap_or_else(|| panic!("a text {name} in {rule}"))
        };
        let number = |name: &str| {
            rule[name]
                .as_u64()
                .unwrap_or_else(|| panic!("a number {name} in {rule}"))
        };
        RuleSpec {
            group: text("group"),
            right: text("right"),
            version: text("version"),
            start: text("start"),
            days: number("days"),
            warn: number("warn"),
            pause: text("pause"),
            stop: text("stop"),
            unit: text("unit"),
            start_on: text("on"),
            excluded,
            attribute: "never",
        }
    }

    /// Returns the PlanDefinition of a rule of the files of cases.
    pub(crate) fn plan_definition_of_case(rule: &Value) -> Value {
        let excluded = rule["excluded"].as_array().into_iter().flatten();
        let excluded: Vec<&str> = excluded.filter_map(Value::as_str).collect();
        RuleSpec::of_case(rule, &excluded).plan_definition()
    }

    /// Returns the id of its PlanDefinition.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}-{}", self.group, self.right, self.version)
    }

    /// Returns the rule as a PlanDefinition.
    pub(crate) fn plan_definition(&self) -> Value {
        let base = names::CANONICAL_BASE;
        let mut parameters = vec![
            json!({ "url": "right", "valueCode": self.right }),
            json!({ "url": "days", "valueInteger": self.days }),
            json!({ "url": "warn-days", "valueInteger": self.warn }),
            json!({ "url": "pause-policy", "valueCode": self.pause }),
            json!({ "url": "stop-mode", "valueCode": self.stop }),
            json!({ "url": "unit", "valueCode": self.unit }),
            json!({ "url": "start-on", "valueCode": self.start_on }),
            json!({ "url": "attribute-contacts", "valueCode": self.attribute }),
        ];
        let excluded = self.excluded.iter();
        parameters
            .extend(excluded.map(|code| json!({ "url": "excluded-contact", "valueCode": code })));
        json!({
            "resourceType": "PlanDefinition",
            "id": self.id(),
            "meta": { "profile": [format!("{base}/StructureDefinition/kp-rule")] },
            "extension": [{ "url": names::EXT_RULE_PARAMETERS, "extension": parameters }],
            "url": format!("{base}/PlanDefinition/{}-{}", self.group, self.right),
            "version": self.version,
            "name": "TestRule",
            "title": "Regel til prøve",
            "status": "active",
            "description": "Regel til prøve",
            "useContext": [{
                "code": { "system": "http://terminology.hl7.org/CodeSystem/usage-context-type", "code": "focus" },
                "valueCodeableConcept": { "coding": [{ "system": names::CS_TARGET_GROUP, "code": self.group }] },
            }],
            "effectivePeriod": { "start": self.start },
        })
    }
}

/// Writes the PlanDefinitions into a folder, as `--rules` reads it: one file for each.
pub(crate) fn write_rules(folder: &Path, definitions: &[Value]) {
    for definition in definitions {
        let id = definition["id"]
            .as_str()
            .expect("a test's PlanDefinition has an id");
        std::fs::write(
            folder.join(format!("PlanDefinition-{id}.json")),
            definition.to_string(),
        )
        .expect("a writable folder");
    }
}
