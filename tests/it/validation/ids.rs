//! Ids of elements: each is the only one of its resource (<https://hl7.org/fhir/R4/element.html#id>).
//! The verdicts are those of the public HL7 validator.

use serde_json::{Value, json};

use super::{check_by, lines, merged};
use crate::support::facade::guide_validator;

fn patient(members: Value) -> Value {
    merged(&json!({ "resourceType": "Patient", "id": "a" }), &members)
}

fn organization(id: &str, element: &str) -> Value {
    json!({ "resourceType": "Organization", "id": id, "name": "X", "contact": [{ "id": element, "telecom": [{ "system": "phone", "value": "1" }] }] })
}

fn bundle(entries: Value) -> Value {
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

#[test]
fn two_elements_of_a_resource_do_not_have_one_id() {
    let twice = |at: &'static str| vec![at];
    let two = json!({ "name": [{ "id": "x", "family": "A" }, { "id": "x", "family": "B" }] });
    for (value, expected) in [
        (
            patient(two.clone()),
            twice("error duplicate Patient.name[1].id"),
        ),
        (
            patient(
                json!({ "name": [{ "id": "x", "family": "A", "period": { "id": "x", "start": "2020" } }] }),
            ),
            twice("error duplicate Patient.name[0].period.id"),
        ),
        (
            patient(json!({ "extension": [
                { "id": "x", "url": "http://x.test/1", "valueString": "a" }, { "id": "x", "url": "http://x.test/1", "valueString": "a" }] })),
            twice("error duplicate Patient.extension[1].id"),
        ),
        (
            patient(
                json!({ "name": [{ "id": "x", "family": "A" }], "gender": "male", "_gender": { "id": "x" } }),
            ),
            twice("error duplicate Patient.gender.id"),
        ),
        (
            patient(
                json!({ "name": [{ "given": ["a", "b"], "_given": [{ "id": "x" }, { "id": "x" }] }] }),
            ),
            twice("error duplicate Patient.name[0].given[1].id"),
        ),
    ] {
        check_by(&guide_validator(), &value, &[], &expected);
    }
}

#[test]
fn resources_and_what_they_contain_have_ids_apart() {
    let twice = |at: &'static str| vec![at];
    let two = json!({ "name": [{ "id": "x", "family": "A" }, { "id": "x", "family": "B" }] });
    for (value, expected) in [
        // The id of a resource is not one of an element.
        (
            patient(json!({ "name": [{ "id": "a", "family": "A" }] })),
            vec![],
        ),
        (
            patient(
                json!({ "contained": [organization("o", "y")], "managingOrganization": { "reference": "#o" },
                "name": [{ "id": "o", "family": "A" }] }),
            ),
            vec![],
        ),
        // Contained resources and entries have ids of their own.
        (
            patient(
                json!({ "contained": [organization("o", "x"), organization("p", "x")], "name": [{ "id": "x", "family": "A" }],
                "managingOrganization": { "reference": "#o" }, "generalPractitioner": [{ "reference": "#p" }] }),
            ),
            vec![],
        ),
        (
            patient(
                json!({ "contained": [merged(&organization("o", "x"), &json!({ "address": [{ "id": "x", "city": "A" }] }))],
                "managingOrganization": { "reference": "#o" } }),
            ),
            twice("error duplicate Patient.contained[0].contact[0].id"),
        ),
        (
            bundle(json!([
                { "fullUrl": "http://x.test/Patient/a", "resource": patient(json!({ "name": [{ "id": "x", "family": "A" }] })) },
                { "id": "x", "fullUrl": "http://x.test/Patient/b", "resource": { "resourceType": "Patient", "id": "b", "name": [{ "id": "x", "family": "A" }] } }])),
            vec![],
        ),
        (
            bundle(json!([{ "fullUrl": "http://x.test/Patient/a", "resource": patient(two) }])),
            twice("error duplicate Bundle.entry[0].resource.name[1].id"),
        ),
        (
            bundle(json!([
                { "id": "x", "fullUrl": "http://x.test/Patient/a", "resource": patient(json!({ "active": true })) },
                { "id": "x", "fullUrl": "http://x.test/Patient/b", "resource": { "resourceType": "Patient", "id": "b" } }])),
            twice("error duplicate Bundle.entry[1].id"),
        ),
    ] {
        check_by(&guide_validator(), &value, &[], &expected);
    }
}

#[test]
fn a_definition_has_the_ids_of_its_elements_in_the_whole_and_in_what_it_changes() {
    let definition = |differential: Value| {
        json!({ "resourceType": "StructureDefinition", "url": "http://x.test/s", "name": "X", "status": "active", "kind": "resource",
            "abstract": false, "type": "Patient", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint",
            "snapshot": { "element": [{ "id": "Patient", "path": "Patient", "min": 0, "max": "*", "definition": "x",
                "base": { "path": "Patient", "min": 0, "max": "*" } }] },
            "differential": { "element": differential } })
    };
    let value = definition(json!([{ "id": "Patient", "path": "Patient" }]));
    let found = lines(&guide_validator().check(&value, &[]));
    assert!(
        found.iter().all(|line| !line.contains("duplicate")),
        "{found:?}"
    );
}
