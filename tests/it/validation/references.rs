//! References: what they may name, as far as the resource or the Bundle around it tells
//! (<https://hl7.org/fhir/R4/references.html>).

use serde_json::{Value, json};

use super::{check_by, merged};
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

fn observation(members: Value) -> Value {
    merged(
        &json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }),
        &members,
    )
}

#[test]
fn a_reference_names_one_of_the_types_that_the_element_allows() {
    let wrong = vec!["error structure Observation.subject"];
    for (subject, expected) in [
        (json!({ "reference": "Patient/1" }), vec![]),
        (json!({ "reference": "Group/1" }), vec![]),
        (json!({ "reference": "Organization/1" }), wrong.clone()),
        (
            json!({ "reference": "Organization/1/_history/2" }),
            wrong.clone(),
        ),
        (
            json!({ "reference": "https://x.test/fhir/Organization/1" }),
            wrong.clone(),
        ),
        (
            json!({ "reference": "https://x.test/fhir/Patient/1/_history/2" }),
            vec![],
        ),
        (
            json!({ "reference": "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c" }),
            vec![],
        ),
        (
            json!({ "reference": "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c", "type": "Organization" }),
            wrong.clone(),
        ),
        (
            json!({ "type": "Patient", "identifier": { "system": "http://x.test", "value": "1" } }),
            vec![],
        ),
        (
            json!({ "type": "Organization", "identifier": { "system": "http://x.test", "value": "1" } }),
            wrong.clone(),
        ),
        (
            json!({ "type": "Person", "identifier": { "system": "http://x.test", "value": "1" } }),
            wrong.clone(),
        ),
        (json!({ "display": "someone" }), vec![]),
    ] {
        check_by(
            &guide_validator(),
            &observation(json!({ "subject": subject })),
            &[],
            &expected,
        );
    }
    let focus = |focus: Value| observation(json!({ "focus": focus }));
    check_by(
        &guide_validator(),
        &focus(json!([{ "reference": "Task/1" }, { "reference": "Bundle/1" }])),
        &[],
        &[],
    );
    let performers = json!({ "performer": [{ "reference": "Practitioner/1" }, { "reference": "Device/1" }, { "reference": "Group/1" }] });
    check_by(
        &guide_validator(),
        &observation(performers),
        &[],
        &[
            "error structure Observation.performer[1]",
            "error structure Observation.performer[2]",
        ],
    );
}

#[test]
fn a_reference_has_the_parts_of_a_reference_alone() {
    for (subject, expected) in [
        (
            json!({ "reference": 1 }),
            vec!["error structure Observation.subject.reference"],
        ),
        (
            json!({ "reference": "Patient/1", "identifier": "1" }),
            vec!["error structure Observation.subject.identifier"],
        ),
        (
            json!({ "reference": "Patient/1", "ref": "x" }),
            vec!["error structure Observation.subject"],
        ),
        (
            json!([{ "reference": "Patient/1" }]),
            vec!["error structure Observation.subject"],
        ),
    ] {
        check_by(
            &guide_validator(),
            &observation(json!({ "subject": subject })),
            &[],
            &expected,
        );
    }
}

/// Makes a profile whose subject is a Patient with a name, and another one whose subject may be a
/// Device too.
fn named() -> Vec<Value> {
    let to = |id: &str| json!({ "type": [{ "code": "Reference", "targetProfile": [format!("{PUBLISHED}/{id}"), "http://hl7.org/fhir/StructureDefinition/Device"] }] });
    let target = Profile::on("Patient", "named").with("Patient.name", json!({ "min": 1 }));
    let about = Profile::on("Observation", "about").with("Observation.subject", to("named"));
    vec![target.build(), about.build()]
}

#[test]
fn what_a_reference_names_in_the_same_resource_fits_what_is_asked_of_it() {
    let validator = validator(named());
    let profile = format!("{PUBLISHED}/about");
    let about = |contained: Value| {
        observation(json!({ "contained": [contained], "subject": { "reference": "#a" } }))
    };
    let missing = ["error not-found Observation.subject.reference"];
    for (contained, expected) in [
        (
            json!({ "resourceType": "Patient", "id": "a", "name": [{ "text": "x" }] }),
            vec![],
        ),
        (json!({ "resourceType": "Device", "id": "a" }), vec![]),
        (
            json!({ "resourceType": "Patient", "id": "a", "active": true }),
            vec!["error structure Observation.subject"],
        ),
        (
            json!({ "resourceType": "Group", "id": "a", "type": "person", "actual": true }),
            vec!["error structure Observation.subject"],
        ),
    ] {
        check_by(&validator, &about(contained), &[&profile], &expected);
    }
    let elsewhere = observation(json!({ "subject": { "reference": "#a" } }));
    let mut expected = vec!["error invariant Observation.subject ref-1"];
    expected.extend(missing);
    check_by(&validator, &elsewhere, &[&profile], &expected);
}

#[test]
fn what_a_reference_names_in_the_same_bundle_fits_what_is_asked_of_it() {
    let validator = validator(named());
    let profile = format!("{PUBLISHED}/about");
    let about = |reference: &str, target: Value| {
        let observation = observation(
            json!({ "id": "o", "subject": { "reference": reference }, "meta": { "profile": [profile] } }),
        );
        json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "fullUrl": "https://x.test/fhir/Observation/o", "resource": observation },
            { "fullUrl": "https://x.test/fhir/Patient/p", "resource": target },
            { "fullUrl": "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c", "resource": { "resourceType": "Organization", "name": "x" } },
        ] })
    };
    let named = json!({ "resourceType": "Patient", "id": "p", "name": [{ "text": "x" }] });
    let unnamed = json!({ "resourceType": "Patient", "id": "p", "active": true });
    let wrong = vec!["error structure Bundle.entry[0].resource.subject"];
    for (reference, target, expected) in [
        ("Patient/p", &named, vec![]),
        ("https://x.test/fhir/Patient/p", &named, vec![]),
        ("Patient/p", &unnamed, wrong.clone()),
        ("https://x.test/fhir/Patient/p", &unnamed, wrong.clone()),
        (
            "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c",
            &named,
            wrong.clone(),
        ),
        ("https://y.test/fhir/Patient/p", &unnamed, vec![]),
    ] {
        check_by(
            &validator,
            &about(reference, target.clone()),
            &[],
            &expected,
        );
    }
}
