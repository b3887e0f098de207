//! Patients and organizations.

use serde_json::Value;
use serde_json::json;

use super::check;

#[test]
fn a_patient_has_identifiers_that_can_be_told_apart() {
    let cpr = |value: &str| json!({ "system": "urn:oid:1.2.208.176.1.2", "value": value });
    let identified = |identifiers: Value| json!({ "identifier": identifiers });
    check("Patient", identified(json!([cpr("3101010000")])), &[]);
    let wrong = "error invariant Patient.identifier[0].value kp-cpr-1";
    for value in ["3002010000", "0100010000", "310101000"] {
        check("Patient", identified(json!([cpr(value)])), &[wrong]);
    }
    for value in ["310101-0000", "31010100000"] {
        check(
            "Patient",
            identified(json!([cpr(value)])),
            &["error too-long Patient.identifier[0].value", wrong],
        );
    }
    check(
        "Patient",
        identified(json!([cpr("0101010000"), cpr("0201010000")])),
        &["error structure Patient.identifier[1]"],
    );
    check(
        "Patient",
        identified(json!([{ "system": "urn:oid:1.2.208.176.1.2" }])),
        &["error required Patient.identifier[0].value"],
    );
    check(
        "Patient",
        identified(json!([{ "system": "http://rn.dk", "value": "0706830VJ9" }])),
        &[],
    );
    let d_ecpr = |system: &str| json!({ "system": format!("urn:oid:1.2.208.176.1.6.1.3.{system}"), "value": "1206550VK9" });
    check(
        "Patient",
        identified(json!([d_ecpr("177"), d_ecpr("187")])),
        &["error invariant Patient kp-ecpr-3"],
    );
    let mut of_nobody = d_ecpr("183");
    of_nobody["value"] = "0703921VJ4".into();
    check(
        "Patient",
        identified(json!([of_nobody])),
        &["error invariant Patient.identifier[0].value kp-ecpr-2"],
    );
    let x_ecpr = |value: &str| json!({ "system": "urn:oid:1.2.208.176.1.6.1.1", "value": value });
    check(
        "Patient",
        identified(json!([x_ecpr("1206550VK9")])),
        &["error invariant Patient.identifier[0].value kp-ecpr-1"],
    );
    check(
        "Patient",
        identified(json!([
            cpr("0101010000"),
            d_ecpr("179"),
            x_ecpr("0703921VJ4")
        ])),
        &[],
    );
}

#[test]
fn a_patient_has_one_official_name_a_practice_and_a_real_death() {
    let absent = json!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" }] });
    let official = json!({ "use": "official", "family": "Test" });
    for (edit, expected) in [
        (
            json!({ "name": [{ "use": "official", "given": ["A"] }] }),
            vec!["error required Patient.name[0].family"],
        ),
        (
            json!({ "name": [{ "use": "official", "_family": absent }] }),
            vec![],
        ),
        (json!({ "name": [{ "use": "temp", "text": "A" }] }), vec![]),
        (
            json!({ "name": [official, { "use": "usual" }, official] }),
            vec!["error structure Patient.name[2]"],
        ),
        (
            json!({ "name": [{ "use": "Official" }] }),
            vec!["error code-invalid Patient.name[0].use"],
        ),
        (
            json!({ "generalPractitioner": [{ "reference": "Practitioner/1" }, { "reference": "PractitionerRole/1" }] }),
            vec![],
        ),
        (
            json!({ "generalPractitioner": [{ "display": "x" }, { "reference": "Patient/1" }] }),
            vec!["error structure Patient.generalPractitioner[1]"],
        ),
        (json!({ "deceasedBoolean": true }), vec![]),
        (
            json!({ "deceasedDateTime": "2030-12-31T23:00:00Z" }),
            vec![],
        ),
        (
            json!({ "deceasedDateTime": "2030-12" }),
            vec!["error invariant Patient.deceased kp-date-2"],
        ),
        (
            json!({ "deceasedDateTime": "2031-01-01T23:00:00Z" }),
            vec!["error business-rule Patient.deceased kp-date-3"],
        ),
        (
            json!({ "deceasedBoolean": true, "deceasedDateTime": "2030-01-01" }),
            vec!["error structure Patient.deceased"],
        ),
    ] {
        check("Patient", edit, &expected);
    }
}

#[test]
fn an_organization_has_a_national_identifier() {
    let identified = |identifiers: Value| json!({ "identifier": identifiers });
    for (system, valid, wrong, rule) in [
        ("urn:oid:1.2.208.176.1.1", "61741000016007", "1", "kp-sor-1"),
        (
            "https://kombit.dk/sts/organisation",
            "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13",
            "0c5e4905",
            "kp-kombit-1",
        ),
        ("http://cvr.dk", "25313763", "25313764", "kp-cvr-1"),
    ] {
        check(
            "Organization",
            identified(json!([{ "system": system, "value": valid }])),
            &[],
        );
        check(
            "Organization",
            identified(json!([{ "system": system, "value": wrong }])),
            &[&format!(
                "error invariant Organization.identifier[0].value {rule}"
            )],
        );
    }
    let yder = json!({ "system": "urn:oid:1.2.208.176.1.4", "value": "77410" });
    let sor = json!({ "system": "urn:oid:1.2.208.176.1.1", "value": "61741000016007" });
    check(
        "Organization",
        identified(json!([yder])),
        &["error invariant Organization kp-org-1"],
    );
    check(
        "Organization",
        identified(json!([sor, { "system": "urn:oid:1.2.208.176.1.4" }])),
        &["error required Organization.identifier[1].value"],
    );
    check(
        "Organization",
        identified(json!([sor, yder, { "system": "urn:oid.1.2.208.176.1.4", "value": "2" }])),
        &["error invariant Organization kp-org-2"],
    );
}
