//! Intake of foreign Bundles over HTTP: what is taken, what is said of the rest, and what is refused as a
//! whole (`profiles/intake.md`).

#![allow(clippy::unwrap_used)]

mod at_once;
mod condition_list;
mod dk_core;
mod fut;
mod hospital_notification;
mod kl_119;
mod kl_119_again;
mod parties;
mod published;
mod referral_draft;
mod refusals;
mod sameness;
mod words;
mod xml;

use serde_json::{Value, json};

use crate::support::facade::{Facade, Reply};

/// The time of all tests: after a diagnosis of 21 February 2027.
pub(crate) const NOW: &str = "2027-03-01T09:00:00+01:00";
const CPR: &str = "0405440001";
const SOR: &str = "61741000016007";
const YDER: &str = "077410";

/// One line of a report: type, outcome, reasons and hint.
#[track_caller]
pub(crate) fn lines(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let report = reply.json();
    let entries = parameters(&report, "entry");
    entries.iter().map(|entry| line(entry)).collect()
}

fn line(entry: &Value) -> String {
    let parts = entry["part"].as_array().unwrap();
    let codes = |name: &str| {
        let named = parts.iter().filter(|part| part["name"] == name);
        let codes: Vec<&str> = named
            .map(|part| part["valueCode"].as_str().unwrap())
            .collect();
        codes.join(" ")
    };
    let line = format!(
        "{} {} {} {}",
        codes("type"),
        codes("outcome"),
        codes("reason"),
        codes("hint")
    );
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the parameters of that name.
pub(crate) fn parameters<'r>(report: &'r Value, name: &str) -> Vec<&'r Value> {
    let all = report["parameter"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["name"] == name).collect()
}

/// Returns the references to what is stored, entry by entry; empty where there is none.
pub(crate) fn stored(reply: &Reply) -> Vec<String> {
    let report = reply.json();
    let entries = parameters(&report, "entry");
    let reference = |entry: &&Value| {
        let parts = entry["part"].as_array().unwrap().iter();
        let mut named = parts.filter(|part| part["name"] == "resource");
        let found = named
            .next()
            .map(|part| &part["valueReference"]["reference"]);
        found.and_then(Value::as_str).unwrap_or("").to_owned()
    };
    entries.iter().map(reference).collect()
}

/// Changes a resource.
pub(crate) fn changed(mut resource: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut resource);
    resource
}

/// An identifier.
pub(crate) fn numbered(system: &str, value: &str) -> Value {
    json!({ "system": system, "value": value })
}

/// Makes the entries of a Bundle, each under the address that follows from its type and id.
pub(crate) fn entries<'r>(
    resources: impl IntoIterator<Item = &'r Value>,
    full_url: impl Fn(&str, &str) -> String,
) -> Vec<Value> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = resources.into_iter();
    resources
        .map(|resource| {
            let (kind, id) = (text(&resource["resourceType"]), text(&resource["id"]));
            json!({ "fullUrl": full_url(&kind, &id), "resource": resource })
        })
        .collect()
}

/// Sends a Bundle to the operation.
pub(crate) fn take(facade: &Facade, bundle: &Value) -> Reply {
    facade.send("POST", "$intake", &[], bundle.to_string())
}

/// Sends a Bundle to the operation with a mode.
pub(crate) fn take_as(facade: &Facade, bundle: &Value, mode: &str) -> Reply {
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "bundle", "resource": bundle },
        { "name": "mode", "valueCode": mode },
    ] });
    facade.send("POST", "$intake", &[], body.to_string())
}

/// Counts all versions of a type that were ever written.
pub(crate) fn versions(facade: &Facade, kind: &str) -> usize {
    let path = format!("{kind}/_history?_count=1000");
    facade.get(&path).json()["entry"]
        .as_array()
        .map_or(0, Vec::len)
}

/// A ConditionList with these diagnoses, of the practice and the person of all tests.
pub(crate) fn document(number: u32, date: &str, conditions: &[Value]) -> Value {
    let mut entries = vec![
        json!({ "resourceType": "Composition", "id": "head", "status": "final",
            "type": { "coding": [{ "system": "http://loinc.org", "code": "11450-4" }] },
            "subject": { "reference": "Patient/person" }, "date": date,
            "author": [{ "reference": "Organization/practice" }], "title": "Diagnoseoversigt" }),
        json!({ "resourceType": "Patient", "id": "person",
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": CPR }],
            "name": [{ "use": "official", "family": "Hansen", "given": ["Elmer"] }],
            "gender": "male", "birthDate": "1944-05-04",
            "address": [{ "city": "Odense" }], "telecom": [{ "system": "phone", "value": "12345678" }] }),
        json!({ "resourceType": "Organization", "id": "practice",
            "identifier": [
                { "system": "urn:oid:1.2.208.176.1.1", "value": SOR },
                { "system": "urn:oid:1.2.208.176.1.4", "value": YDER },
            ], "name": "Lægerne Testby", "telecom": [{ "system": "phone", "value": "12345678" }] }),
    ];
    entries.extend(conditions.iter().cloned());
    let entries = entries.into_iter().map(|resource| {
        let (kind, id) = (
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap(),
        );
        let full_url = format!("http://gp.test/fhir/{kind}/{id}");
        json!({ "fullUrl": full_url, "resource": resource })
    });
    json!({
        "resourceType": "Bundle", "type": "document", "timestamp": date,
        "meta": { "profile": ["http://medcomfhir.dk/ig/conditionlist/StructureDefinition/medcom-conditionlist-bundle"] },
        "identifier": { "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:00000000-0000-4000-8000-{number:012}") },
        "entry": entries.collect::<Vec<_>>(),
    })
}

/// A diagnosis of the list: its code in SKS and its day.
pub(crate) fn diagnosis(id: &str, code: &str, recorded: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id,
        "category": [{ "coding": [{ "system": "http://snomed.info/sct", "code": "15240007" }] }],
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": code }] },
        "subject": { "reference": "Patient/person" },
        "recordedDate": recorded,
        "note": [{ "text": "noget fortroligt" }],
    })
}
