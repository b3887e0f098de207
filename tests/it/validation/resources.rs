//! Resources alone and inside others: their type, what is contained, the entries of a Bundle, and
//! the profiles that they claim.

use frist::validation::{self, CheckContext};
use serde_json::{Value, json};

use super::{TODAY, check_by, lines, merged, valid, why_no_group};
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

#[track_caller]
fn check(value: Value, expected: &[&str]) {
    check_by(&guide_validator(), &value, &[], expected);
}

#[test]
fn a_resource_says_of_which_type_it_is() {
    for value in [
        json!({}),
        json!({ "resourceType": 1 }),
        json!({ "resourceType": "" }),
        json!({ "resourceType": "Nothing" }),
        json!({ "resourceType": "patient" }),
        json!({ "resourceType": "Resource" }),
        json!({ "id": "a", "active": true }),
        json!("Patient"),
        json!(1),
        json!(null),
        json!([{ "resourceType": "Patient" }]),
    ] {
        check(value, &["error structure Resource"]);
    }
    // Types that R4 has, and no resource is of.
    for name in ["DomainResource", "HumanName"] {
        check(
            json!({ "resourceType": name }),
            &[&format!("error structure {name}")],
        );
    }
    check(json!({ "resourceType": "Patient" }), &[]);
}

#[test]
fn the_head_of_a_resource_is_as_it_should_be() {
    for (members, expected) in [
        (json!({ "id": "a.b-1" }), vec![]),
        (json!({ "id": "a b" }), vec!["error value Patient.id"]),
        (json!({ "id": "" }), vec!["error value Patient.id"]),
        (
            json!({ "id": "x".repeat(65) }),
            vec!["error value Patient.id"],
        ),
        (json!({ "id": 7 }), vec!["error structure Patient.id"]),
        (
            json!({ "id": "a", "_id": { "extension": [{ "url": "http://x.test/e", "valueString": "x" }] } }),
            vec![],
        ),
        (
            json!({ "_id": { "extension": [{ "url": "http://x.test/e", "valueString": "x" }] } }),
            vec!["error value Patient.id"],
        ),
        (
            json!({ "meta": { "lastUpdated": "2027-01-01" } }),
            vec!["error value Patient.meta.lastUpdated kp-date-1"],
        ),
        (
            json!({ "meta": { "versionId": "a b" } }),
            vec!["error value Patient.meta.versionId"],
        ),
        (
            json!({ "meta": { "profile": "http://x.test" } }),
            vec!["error structure Patient.meta.profile"],
        ),
        (
            json!({ "meta": { "profile": [1] } }),
            vec!["error structure Patient.meta.profile[0]"],
        ),
        (
            json!({ "implicitRules": "no address" }),
            vec!["error value Patient.implicitRules"],
        ),
    ] {
        check(
            merged(&json!({ "resourceType": "Patient" }), &members),
            &expected,
        );
    }
}

#[test]
fn what_is_contained_is_a_resource_of_its_own() {
    let organization = json!({ "resourceType": "Organization", "id": "o", "name": "x" });
    let with = |contained: Value| json!({ "resourceType": "Patient", "contained": contained, "managingOrganization": { "reference": "#o" } });
    let in_first = |more: Value| with(json!([merged(&organization, &more)]));
    let at = "Patient.contained[0]";
    for (value, expected) in [
        (in_first(json!({})), vec![]),
        (
            in_first(json!({ "nickname": "x" })),
            vec![format!("error structure {at}")],
        ),
        (
            in_first(json!({ "name": 1 })),
            vec![format!("error structure {at}.name")],
        ),
        (
            in_first(json!({ "name": null, "active": true })),
            vec![format!("error invariant {at} org-1")],
        ),
        (
            in_first(json!({ "telecom": [{ "system": "pigeon" }] })),
            vec![format!("error code-invalid {at}.telecom[0].system")],
        ),
        (
            in_first(json!({ "meta": { "versionId": "1" } })),
            vec!["error invariant Patient dom-4".to_owned()],
        ),
        (
            in_first(
                json!({ "meta": { "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R" }] } }),
            ),
            vec!["error invariant Patient dom-5".to_owned()],
        ),
        (
            in_first(json!({ "meta": { "profile": ["http://x.test/unknown"] } })),
            vec![format!("warning not-supported {at}.meta.profile[0]")],
        ),
        (
            in_first(
                json!({ "meta": { "profile": ["https://kronikerpakker.dk/fhir/StructureDefinition/kp-organization"] } }),
            ),
            vec![format!("error required {at}.identifier")],
        ),
        (
            with(json!([organization, { "resourceType": "Organization", "id": "p", "name": "x" }])),
            vec!["error invariant Patient.contained[1] dom-3".to_owned()],
        ),
        (
            with(json!([organization, organization])),
            vec!["error duplicate Patient.contained[1].id".to_owned()],
        ),
    ] {
        check(
            value,
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn what_is_contained_without_type_or_id_or_twice_is_refused() {
    let patient = |contained: Value| json!({ "resourceType": "Patient", "contained": contained });
    for (value, expected) in [
        (
            patient(json!([{ "id": "o", "name": "x" }])),
            vec![
                "error structure Patient.contained[0]",
                "error invariant Patient.contained[0] dom-3",
            ],
        ),
        (
            patient(json!([{ "resourceType": "Nothing", "id": "o" }])),
            vec![
                "error structure Patient.contained[0]",
                "error invariant Patient.contained[0] dom-3",
            ],
        ),
        (
            patient(json!({ "resourceType": "Organization" })),
            vec!["error structure Patient.contained"],
        ),
        (
            patient(json!(["#o"])),
            vec![
                "error structure Patient.contained[0]",
                "error required Patient.contained[0].id",
                "error invariant Patient.contained[0] dom-3",
            ],
        ),
    ] {
        check(value, &expected);
    }
    let inner = json!({ "resourceType": "Organization", "id": "i", "name": "x" });
    let outer = json!({ "resourceType": "Organization", "id": "o", "name": "x", "contained": [inner], "partOf": { "reference": "#i" } });
    let nested = json!({ "resourceType": "Patient", "contained": [outer], "managingOrganization": { "reference": "#o" } });
    check(
        nested,
        &[
            "error invariant Patient.contained[0].partOf ref-1",
            "error not-found Patient.contained[0].partOf.reference",
            "error invariant Patient dom-2",
        ],
    );
}

#[test]
fn an_entry_of_a_bundle_is_held_against_its_type_and_what_it_claims() {
    let uuid = "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c";
    let bundle = |kind: &str, entry: Value| json!({ "resourceType": "Bundle", "type": kind, "entry": [merged(&json!({ "fullUrl": uuid }), &entry)] });
    let of = |resource: Value| bundle("collection", json!({ "resource": resource }));
    for (value, expected) in [
        (of(json!({ "resourceType": "Patient" })), vec![]),
        (
            of(json!({ "resourceType": "Patient", "gender": "f" })),
            vec!["error code-invalid Bundle.entry[0].resource.gender"],
        ),
        (
            of(json!({ "resourceType": "Nothing" })),
            vec!["error structure Bundle.entry[0].resource"],
        ),
        (
            of(json!({ "active": true })),
            vec!["error structure Bundle.entry[0].resource"],
        ),
        (
            of(json!("Patient/1")),
            vec!["error structure Bundle.entry[0].resource"],
        ),
        (
            of(json!([{ "resourceType": "Patient" }])),
            vec!["error structure Bundle.entry[0].resource"],
        ),
        (
            of(
                json!({ "resourceType": "Patient", "meta": { "profile": ["https://kronikerpakker.dk/fhir/StructureDefinition/kp-patient"] } }),
            ),
            vec!["error required Bundle.entry[0].resource.identifier"],
        ),
        (
            of(
                json!({ "resourceType": "Patient", "contained": [{ "resourceType": "Organization", "id": "o", "name": "x" }] }),
            ),
            vec!["error invariant Bundle.entry[0].resource.contained[0] dom-3"],
        ),
    ] {
        check(value, &expected);
    }
}

#[test]
fn an_entry_of_a_bundle_has_what_the_type_of_the_bundle_asks_for() {
    let uuid = "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c";
    let bundle = |kind: &str, entry: Value| json!({ "resourceType": "Bundle", "type": kind, "entry": [merged(&json!({ "fullUrl": uuid }), &entry)] });
    let put = json!({ "method": "PUT", "url": "Patient/a" });
    for (value, expected) in [
        (
            bundle(
                "transaction",
                json!({ "resource": { "resourceType": "Patient", "id": "a" }, "request": put }),
            ),
            vec![],
        ),
        (
            bundle(
                "transaction",
                json!({ "resource": { "resourceType": "Patient", "id": "a" } }),
            ),
            vec!["error invariant Bundle bdl-3"],
        ),
        (
            bundle(
                "transaction",
                json!({ "resource": { "resourceType": "Patient", "id": "a" }, "request": { "method": "FETCH", "url": "Patient/a" } }),
            ),
            vec!["error code-invalid Bundle.entry[0].request.method"],
        ),
        (
            bundle(
                "collection",
                json!({ "resource": { "resourceType": "Patient" }, "request": put }),
            ),
            vec!["error invariant Bundle bdl-3"],
        ),
        (
            bundle("heap", json!({ "resource": { "resourceType": "Patient" } })),
            vec!["error code-invalid Bundle.type"],
        ),
        (
            bundle(
                "collection",
                json!({ "resource": { "resourceType": "Patient" }, "search": { "mode": "match" } }),
            ),
            vec!["error invariant Bundle bdl-2"],
        ),
        (
            bundle("collection", json!({ "link": [{ "relation": "self" }] })),
            vec![
                "error required Bundle.entry[0].link[0].url",
                "error invariant Bundle.entry[0] bdl-5",
            ],
        ),
    ] {
        check(value, &expected);
    }
}

#[test]
fn a_parameter_may_be_a_resource() {
    let of = |parameter: Value| json!({ "resourceType": "Parameters", "parameter": [parameter] });
    for (value, expected) in [
        (
            of(json!({ "name": "a", "resource": { "resourceType": "Patient" } })),
            vec![],
        ),
        (
            of(json!({ "name": "a", "resource": { "resourceType": "Patient", "active": 1 } })),
            vec!["error structure Parameters.parameter[0].resource.active"],
        ),
        (
            of(
                json!({ "name": "a", "valueString": "x", "resource": { "resourceType": "Patient" } }),
            ),
            vec!["error invariant Parameters.parameter[0] inv-1"],
        ),
        (
            of(
                json!({ "name": "a", "part": [{ "name": "b", "valueCode": "x" }, { "valueCode": "x" }] }),
            ),
            vec!["error required Parameters.parameter[0].part[1].name"],
        ),
    ] {
        check(value, &expected);
    }
}

/// Profiles of someone else's package: an Observation has a method; another asks for a note.
fn of_others() -> Vec<Value> {
    let rule = json!({ "key": "x-1", "severity": "error", "human": "a method has a text", "expression": "method.empty() or method.text.exists()" });
    let method = Profile::on("Observation", "with-method")
        .with("Observation.method", json!({ "min": 1 }))
        .with("Observation", json!({ "constraint": [rule] }));
    let warning = json!({ "key": "x-2", "severity": "warning", "human": "a note is short", "expression": "note.text.all(length() < 3)" });
    let note = Profile::on("Observation", "with-note")
        .with("Observation.note", json!({ "min": 1 }))
        .with("Observation", json!({ "constraint": [warning] }));
    vec![method.build(), note.build()]
}

#[test]
fn a_profile_that_is_claimed_is_enforced() {
    let validator = validator(of_others());
    let own = |id: &str| format!("{PUBLISHED}/{id}");
    let observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
    let coded = json!({ "coding": [{ "system": "http://x.test/codes", "code": "m" }] });
    for (profiles, members, expected) in [
        (
            vec![own("with-method")],
            json!({ "method": { "text": "x" } }),
            vec![],
        ),
        (
            vec![own("with-method|1.0.0")],
            json!({}),
            vec!["error required Observation.method"],
        ),
        (
            vec![own("with-method")],
            json!({ "method": coded }),
            vec!["error invariant Observation x-1"],
        ),
        (
            vec![own("with-method"), own("with-note")],
            json!({}),
            vec![
                "error required Observation.method",
                "error required Observation.note",
            ],
        ),
        // What is wrong by the type is told once, however many profiles are claimed.
        (
            vec![own("with-method"), own("with-note")],
            json!({ "status": "done", "method": { "text": "x" }, "note": [{ "text": "long" }] }),
            vec![
                "error code-invalid Observation.status",
                "warning invariant Observation x-2",
            ],
        ),
    ] {
        let mut value = merged(&observation, &members);
        value["meta"] = json!({ "profile": profiles });
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn a_claim_of_a_profile_that_is_not_known_is_a_warning() {
    let validator = validator(of_others());
    let own = |id: &str| format!("{PUBLISHED}/{id}");
    let observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
    for (profiles, members, expected) in [
        (
            vec![own("unknown")],
            json!({}),
            vec!["warning not-supported Observation.meta.profile[0]"],
        ),
        (
            vec![own("with-method|2.0.0")],
            json!({}),
            vec!["warning not-supported Observation.meta.profile[0]"],
        ),
        (
            vec![own("unknown"), own("with-note")],
            json!({}),
            vec![
                "warning not-supported Observation.meta.profile[0]",
                "error required Observation.note",
            ],
        ),
    ] {
        let mut value = merged(&observation, &members);
        value["meta"] = json!({ "profile": profiles });
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn a_profile_of_r4_that_is_claimed_is_one_of_the_type() {
    let validator = validator(of_others());
    let observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
    for (profiles, members, expected) in [
        (
            vec!["http://hl7.org/fhir/StructureDefinition/Observation"],
            json!({}),
            vec![],
        ),
        (
            vec!["http://hl7.org/fhir/StructureDefinition/Resource"],
            json!({}),
            vec![],
        ),
        (
            vec!["http://hl7.org/fhir/StructureDefinition/Patient"],
            json!({}),
            vec!["error structure Observation.meta.profile[0]"],
        ),
        (
            vec!["https://kronikerpakker.dk/fhir/StructureDefinition/kp-condition"],
            json!({}),
            vec!["error structure Observation.meta.profile[0]"],
        ),
        (
            vec!["http://hl7.org/fhir/StructureDefinition/vitalsigns"],
            json!({}),
            vec![
                "error required Observation.category",
                // The slice of the category vital-signs.
                "error required Observation.category",
                "error required Observation.subject",
                "error required Observation.effective",
                "error invariant Observation vs-2",
            ],
        ),
    ] {
        let mut value = merged(&observation, &members);
        value["meta"] = json!({ "profile": profiles });
        check_by(&validator, &value, &[], &expected);
    }
}

#[test]
fn a_resource_is_held_against_the_profiles_that_are_asked_for() {
    let validator = validator(of_others());
    let observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
    for (profile, expected) in [
        (
            "http://x.test/StructureDefinition/with-method",
            vec!["error required Observation.method"],
        ),
        (
            "http://x.test/StructureDefinition/unknown",
            vec!["warning not-supported Observation"],
        ),
        (
            "https://kronikerpakker.dk/fhir/StructureDefinition/kp-condition",
            vec!["error structure Observation"],
        ),
    ] {
        check_by(&validator, &observation, &[profile], &expected);
    }
}

#[test]
fn a_type_of_the_packages_is_held_against_its_profile_and_those_of_other_packages() {
    let stricter = Profile::on("Condition", "stricter")
        .with("Condition.clinicalStatus", json!({ "min": 1 }))
        .build();
    let validator = validator([stricter]);
    let check = |value: &Value, profiles: &[&str]| {
        let context = CheckContext {
            validator: &validator,
            profiles,
            now: frist::fhir::start_of_day(TODAY),
            why_no_group: &why_no_group,
        };
        lines(&validation::check(
            &frist::fhir::Resource::from_value(value.clone()).unwrap(),
            &context,
        ))
    };
    let mut condition = valid("Condition");
    assert!(check(&condition, &[]).is_empty());
    let missing = ["error required Condition.clinicalStatus"];
    assert_eq!(
        check(&condition, &[&format!("{PUBLISHED}/stricter")]),
        missing
    );
    condition["meta"] = json!({ "profile": [format!("{PUBLISHED}/stricter")] });
    assert_eq!(check(&condition, &[]), missing);
    condition
        .as_object_mut()
        .unwrap()
        .shift_remove("recordedDate");
    assert_eq!(
        check(&condition, &[]),
        ["error required Condition.recordedDate", missing[0]]
    );
}
