//! The origin of what was taken: one Provenance for each resource that a Bundle says, with every
//! assumption that was made for it (intake, section 3).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::content::derived_id;
use super::conversion::{Conversion, Proposal};
use super::statement::{Statement, identifier_element};
use crate::fhir::dates::format_instant;
use crate::fhir::{Id, ResourceKey, Version, names};

const PARTICIPANT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// Returns the id of the Provenance of a resource: a second sending of the same Bundle finds it.
pub fn intake_provenance_id(statement: &Statement<'_>, key: &ResourceKey) -> Id {
    let (system, value) = &statement.source;
    derived_id(&format!("intake|{system}|{value}|{key}"))
}

/// Builds the Provenance of a version of what is proposed.
pub fn intake_provenance(
    statement: &Statement<'_>,
    conversion: &Conversion,
    proposal: &Proposal,
    version: Version,
    recorded: Timestamp,
) -> Value {
    let mut provenance = Map::new();
    let mut set = |name: &str, value: Value| {
        provenance.insert(name.to_owned(), value);
    };
    let key = &proposal.key;
    set("resourceType", json!("Provenance"));
    set("id", json!(intake_provenance_id(statement, key).as_str()));
    set(
        "target",
        json!([{ "reference": format!("{key}/_history/{version}") }]),
    );
    if let Some((text, _)) = &statement.instant {
        set("occurredDateTime", json!(text));
    }
    set("recorded", json!(format_instant(recorded)));
    let coded =
        |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    if !proposal.reasons.is_empty() {
        let reasons = proposal.reasons.iter();
        let reasons = reasons.map(|reason| coded(names::CS_INTAKE_REASON, reason.code()));
        set("reason", reasons.collect());
    }
    set("activity", coded(names::CS_INTAKE, statement.format.code()));
    let agent =
        |role: &str, who: Value| json!({ "type": coded(PARTICIPANT_TYPE, role), "who": who });
    let author = conversion.sender.clone().map(|who| agent("author", who));
    let assembler = agent("assembler", json!({ "display": "Frist" }));
    set("agent", author.into_iter().chain([assembler]).collect());
    let source = identifier_element(&statement.source);
    set(
        "entity",
        json!([{ "role": "source", "what": { "identifier": source, "display": statement.format.guide() } }]),
    );
    Value::Object(provenance)
}
