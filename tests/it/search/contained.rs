//! Chains into contained resources: over each kind of condition, over several steps, and to both
//! contained and stored resources at once.

use serde_json::{Value, json};

use super::Shelf;

fn request(id: &str, contained: Value, performers: &[&str]) -> Value {
    let references: Vec<_> = performers
        .iter()
        .map(|reference| json!({ "reference": reference }))
        .collect();
    json!({ "resourceType": "ServiceRequest", "id": id, "contained": contained, "performer": references,
        "subject": { "reference": "Patient/p" } })
}

fn practitioner(id: &str, family: &str, gender: &str) -> Value {
    json!({ "resourceType": "Practitioner", "id": id, "gender": gender,
        "name": [{ "family": family }], "identifier": [{ "system": "urn:s", "value": family }] })
}

fn shelf() -> Shelf {
    let role = |organization: &str| {
        json!({ "resourceType": "PractitionerRole", "id": "r", "organization": { "reference": organization },
            "practitioner": { "reference": "#dr" } })
    };
    Shelf::new(&[
        json!({ "resourceType": "Organization", "id": "gp", "name": "Lægehuset" }),
        practitioner("dr", "Udenfor", "male"),
        json!({ "resourceType": "Patient", "id": "p", "gender": "female",
            "contained": [{ "resourceType": "Organization", "id": "o", "name": "Indenfor" }],
            "generalPractitioner": [{ "reference": "#o" }] }),
        request(
            "one",
            json!([practitioner("dr", "Indeni", "female")]),
            &["#dr"],
        ),
        // It stands there, but nobody performs it.
        request(
            "other",
            json!([practitioner("dr", "Indeni", "male")]),
            &["Practitioner/dr"],
        ),
        request(
            "both",
            json!([
                practitioner("a", "Anders", "male"),
                practitioner("b", "Børge", "other")
            ]),
            &["#a", "#b"],
        ),
        request(
            "role",
            json!([role("Organization/gp"), practitioner("dr", "Dyb", "male")]),
            &["#r"],
        ),
        request(
            "deep",
            json!([role("#o"), practitioner("dr", "Dybere", "male"),
                { "resourceType": "Organization", "id": "o", "name": "Indenfor" }]),
            &["#r"],
        ),
        request("dangling", json!([]), &["#dr"]),
        request("stored", json!([]), &["Practitioner/dr"]),
    ])
}

#[test]
fn chains_lead_into_contained_resources() {
    shelf().check(&[
        (
            "ServiceRequest?performer:Practitioner.name=indeni",
            Some(&["one"]),
        ),
        ("ServiceRequest?performer.name=indeni", Some(&["one"])),
        (
            "ServiceRequest?performer.family:exact=Indeni",
            Some(&["one"]),
        ),
        (
            "ServiceRequest?performer.family:contains=eni",
            Some(&["one"]),
        ),
        (
            "ServiceRequest?performer.identifier=urn:s|Indeni",
            Some(&["one"]),
        ),
        (
            "ServiceRequest?performer.name=udenfor",
            Some(&["other", "stored"]),
        ),
        (
            "ServiceRequest?performer.name=udenfor,indeni",
            Some(&["one", "other", "stored"]),
        ),
        (
            "ServiceRequest?performer:Organization.name=indeni",
            Some(&[]),
        ),
        // One of them is enough, and each is judged by itself.
        ("ServiceRequest?performer.gender=other", Some(&["both"])),
        (
            "ServiceRequest?performer:Practitioner.gender:not=male",
            Some(&["one", "both"]),
        ),
        (
            "ServiceRequest?performer:Practitioner.phone:missing=true&performer.name=a",
            Some(&["both"]),
        ),
        (
            "ServiceRequest?performer:Practitioner.name:missing=true",
            Some(&[]),
        ),
        // An id within a resource is none that can be asked for.
        (
            "ServiceRequest?performer:Practitioner._id=dr",
            Some(&["other", "stored"]),
        ),
        (
            "ServiceRequest?performer:Practitioner=dr",
            Some(&["other", "stored"]),
        ),
        ("ServiceRequest?performer:missing=true", Some(&[])),
    ]);
}

#[test]
fn chains_lead_on_from_contained_resources() {
    shelf().check(&[
        (
            "ServiceRequest?performer:PractitionerRole.organization.name=lægehuset",
            Some(&["role"]),
        ),
        (
            "ServiceRequest?performer:PractitionerRole.organization:Organization.name=indenfor",
            Some(&["deep"]),
        ),
        (
            "ServiceRequest?performer:PractitionerRole.practitioner.name=dyb",
            Some(&["role", "deep"]),
        ),
        (
            "ServiceRequest?performer:PractitionerRole.organization=gp",
            Some(&["role"]),
        ),
        (
            "ServiceRequest?subject:Patient.general-practitioner:Organization.name=indenfor",
            Some(&["one", "other", "both", "role", "deep", "dangling", "stored"]),
        ),
        // Nothing refers to a contained resource from outside.
        (
            "Patient?_has:ServiceRequest:subject:performer.name=indeni",
            Some(&["p"]),
        ),
        (
            "Practitioner?_has:ServiceRequest:performer:_id=one,stored",
            Some(&["dr"]),
        ),
    ]);
}

#[test]
fn who_a_contained_resource_is_tells_its_type() {
    let condition = |id: &str, contained: &str| {
        json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "#x" },
            "contained": [{ "resourceType": contained, "id": "x", "name": "Dyrene" }] })
    };
    Shelf::new(&[condition("person", "Patient"), condition("herd", "Group")]).check(&[
        ("Condition?patient:missing=false", Some(&["person"])),
        ("Condition?subject:missing=false", Some(&["person", "herd"])),
    ]);
}

#[test]
fn many_contained_resources_are_each_judged_once() {
    // One by one for each reference it would be 20,000 times 20,000 entries.
    let many = 20_000;
    let anchors: Vec<_> = (0..many).map(|number| format!("#a{number}")).collect();
    let performers: Vec<_> = anchors.iter().map(String::as_str).collect();
    let contained: Vec<_> = (0..many)
        .map(|number| practitioner(&format!("a{number}"), &format!("Nr{number}"), "male"))
        .collect();
    Shelf::new(&[request("many", Value::Array(contained), &performers)]).check(&[
        (
            "ServiceRequest?performer:Practitioner.name:missing=true",
            Some(&[]),
        ),
        (
            "ServiceRequest?performer:Practitioner.name=nr19999",
            Some(&["many"]),
        ),
        ("ServiceRequest?performer.gender=female", Some(&[])),
        ("ServiceRequest?performer.gender=male", Some(&["many"])),
    ]);
}
