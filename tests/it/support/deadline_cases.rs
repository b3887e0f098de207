//! `conformance/deadline-cases.json` and `deadline-cases-2.json`: persons, days and the rights that
//! the rules page gives them; the second file has what its second version brought.

use std::collections::BTreeMap;

use frist::deadlines::{GroupTable, PersonFacts, PracticeTable, Rules, Stored};
use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use serde_json::{Value, json};

use super::rules::RuleSpec;

/// One person.
pub(crate) struct DeadlineCase {
    pub(crate) name: String,
    /// The id of the Patient.
    pub(crate) patient: String,
    pub(crate) resources: Vec<Value>,
    /// For each day the rights, in the order of the file.
    pub(crate) expected: BTreeMap<String, Vec<Value>>,
    /// The rules to use instead of the shipped ones, as PlanDefinitions; empty if the shipped ones
    /// are meant.
    pub(crate) plan_definitions: Vec<Value>,
}

/// Returns all cases of both files.
pub(crate) fn all() -> Vec<DeadlineCase> {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");
    ["deadline-cases.json", "deadline-cases-2.json"]
        .iter()
        .flat_map(|file| {
            let text = std::fs::read(format!("{FOLDER}/{file}"));
            let text = text.expect("the cases are part of the project");
            let Value::Array(cases) = serde_json::from_slice(&text).expect("the cases are JSON")
            else {
                panic!("the cases are an array")
            };
            cases.iter().map(DeadlineCase::read).collect::<Vec<_>>()
        })
        .collect()
}

impl DeadlineCase {
    fn read(case: &Value) -> DeadlineCase {
        let text = |name: &str| case[name].as_str().expect("a text").to_owned();
        let expected = case["expected"]
            .as_object()
            .expect("expected answers by day")
            .iter();
        let rules = case["rules"].as_array().into_iter().flatten();
        DeadlineCase {
            name: text("name"),
            patient: text("patient"),
            resources: case["resources"].as_array().expect("resources").clone(),
            expected: expected
                .map(|(day, rights)| (day.clone(), rights.as_array().expect("rights").clone()))
                .collect(),
            plan_definitions: rules.map(RuleSpec::plan_definition_of_case).collect(),
        }
    }

    /// Returns the rules of the case.
    pub(crate) fn rules(&self) -> Rules {
        if self.plan_definitions.is_empty() {
            return Rules::shipped().clone();
        }
        Rules::from_plan_definitions(&self.plan_definitions)
            .expect("the rules of a case can be read")
    }
}

/// Returns the key of a resource.
pub(crate) fn key(resource: &Value) -> ResourceKey {
    let text = |name: &str| {
        resource[name]
            .as_str()
            .expect("a resource has a type and an id")
    };
    ResourceKey::parse(&format!("{}/{}", text("resourceType"), text("id")))
        .expect("a held type and a fitting id")
}

/// Returns the facts of a person from resources, each in its first version.
pub(crate) fn facts(patient: &str, resources: &[Value]) -> PersonFacts {
    let stored: Vec<Stored<'_>> = resources
        .iter()
        .map(|value| Stored {
            key: key(value),
            version: Version(1),
            value,
        })
        .collect();
    PersonFacts::read(
        &patient_key(patient),
        &stored,
        GroupTable::shipped(),
        &PracticeTable::default(),
    )
}

/// Returns the key of a Patient.
pub(crate) fn patient_key(id: &str) -> ResourceKey {
    ResourceKey::new(ResourceType::Patient, Id::parse(id).expect("a fitting id"))
}

/// Sums up what a rights Task says, in the words of the cases.
pub(crate) fn summary(task: &Value) -> Value {
    let code = |concept: &Value, system: &str| {
        let codings = concept["coding"].as_array().into_iter().flatten();
        codings
            .filter(|coding| coding["system"] == system)
            .map(|coding| coding["code"].clone())
            .next()
    };
    let input = |name: &str| {
        let inputs = task["input"].as_array().into_iter().flatten();
        inputs
            .filter(|input| {
                code(&input["type"], frist::fhir::names::CS_RIGHT_INPUT) == Some(json!(name))
            })
            .map(|input| input["valueDate"].clone())
            .next()
    };
    let forecast = task["extension"].as_array().into_iter().flatten();
    let forecast = forecast
        .filter(|extension| extension["url"] == frist::fhir::names::EXT_FORECAST)
        .map(|extension| extension["valueCode"].clone())
        .next();
    let mut summary = json!({
        "right": code(&task["code"], frist::fhir::names::CS_RIGHT),
        "group": code(&task["extension"][0]["valueCodeableConcept"], frist::fhir::names::CS_TARGET_GROUP),
        "focus": task["focus"]["reference"],
        "status": task["status"],
        "businessStatus": code(&task["businessStatus"], frist::fhir::names::CS_RIGHT_STATUS),
        "start": task["executionPeriod"]["start"],
        "due": task["restriction"]["period"]["end"],
        "grossDue": input("gross-due"),
        "netDue": input("net-due"),
        "stop": task["executionPeriod"]["end"],
        "rule": task["instantiatesCanonical"].as_str().and_then(|rule| rule.split_once('|')).map(|(_, version)| version),
    });
    if let Some(forecast) = forecast {
        summary["forecast"] = forecast;
    }
    summary
}
