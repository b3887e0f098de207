//! The origin of a version of a rights Task (reliability-and-security;
//! <https://hl7.org/fhir/R4/provenance.html>).

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::stored::SourceVersion;
use super::task::NAMESPACE;
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, Version};

const DATA_OPERATION: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
const PARTICIPANT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// Builds the Provenance of one version of a derived Task: the versions it was computed from, the
/// rule, and the day it was computed for. Its id follows from the Task's id and version. The rule
/// is the one that the Task names.
pub fn provenance(
    task: &Value,
    task_version: Version,
    inputs: &[SourceVersion],
    day: Date,
    recorded: Timestamp,
) -> Value {
    let task_id = task["id"].as_str().unwrap_or_default();
    let id: Id = Uuid::new_v5(&NAMESPACE, format!("{task_id}/{task_version}").as_bytes()).into();
    let mut provenance = Map::new();
    let mut set = |name: &str, value: Value| {
        provenance.insert(name.to_owned(), value);
    };
    set("resourceType", json!("Provenance"));
    set("id", json!(id.as_str()));
    set(
        "target",
        json!([{ "reference": format!("Task/{task_id}/_history/{task_version}") }]),
    );
    set("occurredDateTime", json!(day.to_string()));
    set("recorded", json!(format_instant(recorded)));
    if let Some(rule) = task["instantiatesCanonical"].as_str() {
        set("policy", json!([rule]));
    }
    let activity = if task_version == Version::after(None) {
        "CREATE"
    } else {
        "UPDATE"
    };
    set(
        "activity",
        json!({ "coding": [{ "system": DATA_OPERATION, "code": activity }] }),
    );
    let assembler = json!({ "system": PARTICIPANT_TYPE, "code": "assembler" });
    set(
        "agent",
        json!([{ "type": { "coding": [assembler] }, "who": { "display": "Frist" } }]),
    );
    let entity = |(key, version): &SourceVersion| {
        let reference = format!("{key}/_history/{version}");
        json!({ "role": "source", "what": { "reference": reference } })
    };
    if !inputs.is_empty() {
        set("entity", inputs.iter().map(entity).collect());
    }
    Value::Object(provenance)
}
