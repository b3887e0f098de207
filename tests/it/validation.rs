//! What a resource is refused for before a clock may depend on it: rows of an edit and the findings it must give.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use frist::fhir::{Issue, Resource, ResourceKey, view};
use frist::validation::{self, CODE_SYSTEMS, Context, ResolvedReference, Target, one_person, person_references};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The day on which everything in these tests is written.
const TODAY: Date = date(2031, 1, 1);

/// The findings about a value.
fn findings(value: &Value) -> Vec<Issue> {
    let context = Context { today: TODAY, has_target_group: &has_target_group };
    validation::check(&Resource::from_value(value.clone()).unwrap(), &context)
}

/// The table of fhir-profiles, section 3, as short as it can be said.
fn has_target_group(condition: &Value) -> bool {
    if view::extensions(condition, "https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group").next().is_some() {
        return true;
    }
    view::codings(&condition["code"]).any(|(system, code)| {
        let code = code.to_uppercase().replace('.', "");
        let icd = |code: &str| {
            ["J44", "E11", "I20", "I21", "I22", "I23", "I24", "I25", "I48", "I50"].iter().any(|prefix| code.starts_with(prefix))
        };
        match system {
            "urn:oid:1.2.208.176.2.4.12" | "urn:oid:1.2.208.176.2.4" => code.strip_prefix('D').is_some_and(icd),
            "http://hl7.org/fhir/sid/icd-10" => icd(&code),
            "urn:oid:1.2.208.176.2.31" | "http://hl7.org/fhir/sid/icpc-2" => {
                ["R95", "T90", "K74", "K75", "K76", "K77", "K78"].contains(&code.as_str())
            }
            "http://snomed.info/sct" => ["13645005", "278860009", "44054006", "414545008", "84114007", "49436004"].contains(&code.as_str()),
            _ => false,
        }
    })
}

/// `severity code expression rule`, the rule left out if there is none.
fn line(issue: &Issue) -> String {
    format!("{} {} {} {}", issue.severity.as_str(), issue.code.as_str(), issue.expression, issue.rule).trim_end().to_owned()
}

/// Applies the edit (a JSON merge patch: null removes) to the valid resource of that type; exactly these findings must come, in
/// this order.
fn check(kind: &str, edit: Value, expected: &[&str]) {
    let mut value = valid(kind);
    merge(&mut value, &edit);
    let found: Vec<String> = findings(&value).iter().map(line).collect();
    assert_eq!(found, expected, "{kind} with {edit}");
}

fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key).or_insert(Value::Object(Map::new())), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn valid(kind: &str) -> Value {
    let own = |id: &str| format!("https://kronikerpakker.dk/fhir/{id}");
    let mut value = match kind {
        "Patient" => json!({
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": "2902440001" }],
            "name": [{ "use": "official", "family": "Test", "given": ["Nr1"] }],
            "generalPractitioner": [{ "reference": "Organization/gp" }],
        }),
        "Organization" => json!({ "identifier": [
            { "system": "urn:oid:1.2.208.176.1.1", "value": "61741000016007" },
            { "system": "urn:oid:1.2.208.176.1.4", "value": "77410" },
        ] }),
        "Condition" => json!({
            "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed" }] },
            "category": [{ "text": "encounter diagnosis" }],
            "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] },
            "subject": { "reference": "Patient/1" },
            "recordedDate": "2031-01-01",
        }),
        "CarePlan" => json!({
            "status": "active",
            "intent": "plan",
            "category": [{ "coding": [{ "system": own("CodeSystem/kp-careplan-category"), "code": "treatment-plan" }] }],
            "subject": { "reference": "Patient/1" },
            "created": "2030-12-31T22:59:59Z",
            "author": { "identifier": { "system": "urn:oid:1.2.208.176.1.4", "value": "77410" } },
            "addresses": [{ "reference": "Condition/1" }],
        }),
        "ServiceRequest" => json!({
            "status": "active",
            "intent": "order",
            "code": { "coding": [{ "system": own("CodeSystem/kp-prevention-offer"), "code": "nutrition" }] },
            "subject": { "reference": "Patient/1" },
            "authoredOn": "2030-12-31T23:00:00Z",
            "requester": { "reference": "PractitionerRole/gp" },
            "reasonReference": [{ "reference": "Condition/1" }],
        }),
        "Encounter" => json!({
            "status": "finished",
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
            "type": [{ "coding": [{ "system": own("CodeSystem/kp-prevention-offer"), "code": "nutrition" }] }],
            "subject": { "reference": "Patient/1" },
            "basedOn": [{ "reference": "ServiceRequest/1" }],
            "period": { "start": "2030-05-01T09:00:00+02:00" },
        }),
        "Goal" => json!({
            "lifecycleStatus": "active",
            "description": { "text": "walk" },
            "subject": { "reference": "Patient/1" },
        }),
        "Subscription" => json!({
            "status": "requested",
            "reason": "to know",
            "criteria": "Task?status=requested",
            "channel": { "type": "rest-hook", "endpoint": "https://example.org" },
        }),
        _ => json!({}),
    };
    value["resourceType"] = kind.into();
    value
}

fn extension(id: &str, value: Value) -> Value {
    let mut extension = json!({ "url": format!("https://kronikerpakker.dk/fhir/StructureDefinition/{id}") });
    merge(&mut extension, &value);
    extension
}

fn postponement(period: Value, reason: &str) -> Value {
    extension(
        "kp-postponement",
        json!({ "extension": [{ "url": "period", "valuePeriod": period }, { "url": "reason", "valueCode": reason }] }),
    )
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn own_concept(system: &str, code: &str) -> Value {
    concept(&format!("https://kronikerpakker.dk/fhir/CodeSystem/{system}"), code)
}

#[test]
fn a_resource_as_it_should_be_has_no_findings() {
    for kind in [
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "HealthcareService",
        "Condition",
        "CarePlan",
        "ServiceRequest",
        "Encounter",
        "Goal",
        "CareTeam",
        "Subscription",
    ] {
        check(kind, json!({}), &[]);
    }
}

#[test]
fn all_findings_come_at_once_and_in_the_order_of_the_elements() {
    let empty = |kind: &str| findings(&json!({ "resourceType": kind })).iter().map(line).collect::<Vec<_>>();
    for (kind, expected) in [
        ("Patient", vec!["error required Patient.identifier"]),
        ("Organization", vec!["error required Organization.identifier"]),
        (
            "Condition",
            vec![
                "error required Condition.verificationStatus",
                "error required Condition.category",
                "error required Condition.code",
                "error business-rule Condition.code kp-group-1",
                "error required Condition.subject",
                "error required Condition.recordedDate",
            ],
        ),
        (
            "CarePlan",
            vec![
                "error required CarePlan.status",
                "error required CarePlan.intent",
                "error required CarePlan.category",
                "error required CarePlan.subject",
                "error required CarePlan.created",
                "error required CarePlan.author",
                "error required CarePlan.addresses",
            ],
        ),
        (
            "ServiceRequest",
            vec![
                "error invariant ServiceRequest kp-sr-1",
                "error required ServiceRequest.status",
                "error required ServiceRequest.intent",
                "error required ServiceRequest.code",
                "error required ServiceRequest.subject",
                "error required ServiceRequest.authoredOn",
                "error required ServiceRequest.requester",
            ],
        ),
        (
            "Encounter",
            vec![
                "error required Encounter.status",
                "error required Encounter.class",
                "error required Encounter.type",
                "error required Encounter.subject",
                "error required Encounter.basedOn",
                "error required Encounter.period",
            ],
        ),
        ("Goal", vec!["error required Goal.lifecycleStatus", "error required Goal.description", "error required Goal.subject"]),
        (
            "Subscription",
            vec![
                "error required Subscription.status",
                "error required Subscription.reason",
                "error required Subscription.criteria",
                "error required Subscription.channel",
            ],
        ),
        ("CareTeam", vec![]),
        ("Practitioner", vec![]),
        ("PractitionerRole", vec![]),
        ("HealthcareService", vec![]),
    ] {
        assert_eq!(empty(kind), expected);
    }
}

#[test]
fn every_resource_has_a_fitting_id_and_known_profiles_of_ours() {
    let base = "https://kronikerpakker.dk/fhir/StructureDefinition";
    check("Goal", json!({ "id": "a_b" }), &["error value Goal.id"]);
    check("Goal", json!({ "id": 7 }), &["error structure Goal.id"]);
    check("Goal", json!({ "meta": [] }), &["error structure Goal.meta"]);
    check("Goal", json!({ "meta": { "profile": "x" } }), &["error structure Goal.meta.profile"]);
    check("Goal", json!({ "meta": { "profile": [format!("{base}/kp-goal")] } }), &["warning not-supported Goal.meta.profile[0]"]);
    check("Goal", json!({ "meta": { "profile": ["http://example.org/x"] } }), &[]);
    check("Condition", json!({ "meta": { "profile": [format!("{base}/kp-condition|0.1.0")] } }), &[]);
    check(
        "Condition",
        json!({ "meta": { "profile": ["http://example.org/x", format!("{base}/kp-careplan")] } }),
        &["error structure Condition.meta.profile[1]"],
    );
}

#[test]
fn a_wrong_json_type_is_a_finding_wherever_it_is_read() {
    for (kind, edit, expected) in [
        ("Patient", json!({ "identifier": { "system": "x" } }), "error structure Patient.identifier"),
        ("Patient", json!({ "identifier": ["x"] }), "error structure Patient.identifier[0]"),
        ("Patient", json!({ "identifier": [] }), "error required Patient.identifier"),
        ("Patient", json!({ "name": [] }), "error structure Patient.name"),
        ("Patient", json!({ "deceasedBoolean": "true" }), "error structure Patient.deceased"),
        ("Patient", json!({ "deceasedDateTime": 2027 }), "error structure Patient.deceased"),
        ("Condition", json!({ "category": { "text": "x" } }), "error structure Condition.category"),
        ("Condition", json!({ "subject": "Patient/1" }), "error structure Condition.subject"),
        ("Condition", json!({ "subject": { "reference": ["Patient/1"] } }), "error structure Condition.subject.reference"),
        ("Condition", json!({ "extension": {} }), "error structure Condition.extension"),
        ("Condition", json!({ "extension": [{ "valueCode": "x" }] }), "error required Condition.extension[0].url"),
        ("CarePlan", json!({ "author": [{ "reference": "Organization/1" }] }), "error structure CarePlan.author"),
        ("CarePlan", json!({ "addresses": [true] }), "error structure CarePlan.addresses[0]"),
        ("CarePlan", json!({ "status": ["active"] }), "error structure CarePlan.status"),
        ("ServiceRequest", json!({ "code": {} }), ""),
        ("ServiceRequest", json!({ "occurrencePeriod": "2027" }), "error structure ServiceRequest.occurrence"),
        ("Encounter", json!({ "class": "AMB" }), "error structure Encounter.class"),
        ("Encounter", json!({ "period": [] }), "error structure Encounter.period"),
        ("Subscription", json!({ "reason": "" }), "error value Subscription.reason"),
        ("Subscription", json!({ "channel": "rest-hook" }), "error structure Subscription.channel"),
        ("CareTeam", json!({ "subject": 1 }), "error structure CareTeam.subject"),
    ] {
        check(kind, edit, &Vec::from_iter(Some(expected).filter(|expected| !expected.is_empty())));
    }
    let mut value = valid("ServiceRequest");
    value["code"] = json!({});
    value["subject"] = Value::Null;
    let found: Vec<String> = findings(&value).iter().map(line).collect();
    assert_eq!(found, ["error structure ServiceRequest.code", "error structure ServiceRequest.subject"]);
}

#[test]
fn a_patient_has_identifiers_that_can_be_told_apart() {
    let cpr = |value: &str| json!({ "system": "urn:oid:1.2.208.176.1.2", "value": value });
    let identified = |identifiers: Value| json!({ "identifier": identifiers });
    check("Patient", identified(json!([cpr("3101010000")])), &[]);
    for value in ["3002010000", "0100010000", "310101000", "310101-0000", "31010100000"] {
        check("Patient", identified(json!([cpr(value)])), &["error invariant Patient.identifier[0].value kp-cpr-1"]);
    }
    check("Patient", identified(json!([cpr("0101010000"), cpr("0201010000")])), &["error structure Patient.identifier[1]"]);
    check("Patient", identified(json!([{ "system": "urn:oid:1.2.208.176.1.2" }])), &["error required Patient.identifier[0].value"]);
    check("Patient", identified(json!([{ "system": "http://rn.dk", "value": "0706830VJ9" }])), &[]);
    let d_ecpr = |system: &str| json!({ "system": format!("urn:oid:1.2.208.176.1.6.1.3.{system}"), "value": "1206550VK9" });
    check("Patient", identified(json!([d_ecpr("177"), d_ecpr("187")])), &["error structure Patient.identifier[1]"]);
    check(
        "Patient",
        identified(json!([cpr("0101010000"), d_ecpr("179"), { "system": "urn:oid:1.2.208.176.1.6.1.1", "value": "0703921VJ4" }])),
        &[],
    );
}

#[test]
fn a_patient_has_one_official_name_a_practice_and_a_real_death() {
    let absent = json!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" }] });
    let official = json!({ "use": "official", "family": "Test" });
    for (edit, expected) in [
        (json!({ "name": [{ "use": "official", "given": ["A"] }] }), vec!["error required Patient.name[0].family"]),
        (json!({ "name": [{ "use": "official", "_family": absent }] }), vec![]),
        (json!({ "name": [{ "use": "temp", "text": "A" }] }), vec![]),
        (json!({ "name": [official, { "use": "usual" }, official] }), vec!["error structure Patient.name[2]"]),
        (json!({ "name": [{ "use": "Official" }] }), vec!["error code-invalid Patient.name[0].use"]),
        (json!({ "generalPractitioner": [{ "reference": "Practitioner/1" }, { "reference": "PractitionerRole/1" }] }), vec![]),
        (
            json!({ "generalPractitioner": [{ "display": "x" }, { "reference": "Patient/1" }] }),
            vec!["error structure Patient.generalPractitioner[1]"],
        ),
        (json!({ "deceasedBoolean": true }), vec![]),
        (json!({ "deceasedDateTime": "2030-12-31T23:00:00Z" }), vec![]),
        (json!({ "deceasedDateTime": "2030-12" }), vec!["error business-rule Patient.deceased kp-date-2"]),
        (json!({ "deceasedDateTime": "2031-01-01T23:00:00Z" }), vec!["error business-rule Patient.deceased kp-date-3"]),
        (json!({ "deceasedBoolean": true, "deceasedDateTime": "2030-01-01" }), vec!["error structure Patient.deceased"]),
    ] {
        check("Patient", edit, &expected);
    }
}

#[test]
fn an_organization_has_a_national_identifier() {
    let identified = |identifiers: Value| json!({ "identifier": identifiers });
    for system in ["urn:oid:1.2.208.176.1.1", "https://kombit.dk/sts/organisation", "http://cvr.dk"] {
        check("Organization", identified(json!([{ "system": system, "value": "1" }])), &[]);
    }
    let yder = json!({ "system": "urn:oid:1.2.208.176.1.4", "value": "77410" });
    let sor = json!({ "system": "urn:oid:1.2.208.176.1.1", "value": "1" });
    check("Organization", identified(json!([yder])), &["error invariant Organization kp-org-1"]);
    check(
        "Organization",
        identified(json!([sor, { "system": "urn:oid:1.2.208.176.1.4" }])),
        &["error required Organization.identifier[1].value"],
    );
    check(
        "Organization",
        identified(json!([sor, yder, { "system": "urn:oid.1.2.208.176.1.4", "value": "2" }])),
        &["error structure Organization.identifier[2]"],
    );
}

#[test]
fn the_dates_of_a_condition_are_full_real_and_past() {
    let asserted = |text: &str| {
        json!({ "extension": [
            { "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": text }
        ] })
    };
    for (text, code, rule) in [
        ("2030", "business-rule", "kp-date-2"),
        ("2030-12", "business-rule", "kp-date-2"),
        ("2030-02-30", "value", "kp-date-1"),
        ("2030-12-01T09:00:00", "value", "kp-date-1"),
        ("01-12-2030", "value", "kp-date-1"),
        ("2031-01-02", "business-rule", "kp-date-3"),
        ("2031-01-01T23:00:00Z", "business-rule", "kp-date-3"),
    ] {
        check("Condition", json!({ "recordedDate": text }), &[&format!("error {code} Condition.recordedDate {rule}")]);
        check("Condition", asserted(text), &[&format!("error {code} Condition.extension[0].value {rule}")]);
    }
    check(
        "Condition",
        json!({ "recordedDate": "2032" }),
        &["error business-rule Condition.recordedDate kp-date-2", "error business-rule Condition.recordedDate kp-date-3"],
    );
    check("Condition", asserted("2031-01-01T22:59:59.999Z"), &[]);
    check("Condition", json!({ "onsetDateTime": "2019" }), &[]);
    let twice = json!([asserted("2030-01-01")["extension"][0], asserted("2030-01-02")["extension"][0]]);
    check("Condition", json!({ "extension": twice }), &["error structure Condition.extension"]);
    let as_date = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDate": "2030-01-01" }]);
    check("Condition", json!({ "extension": as_date }), &["error required Condition.extension[0].value"]);
}

#[test]
fn the_group_of_a_condition_can_be_determined() {
    let by_extension = |code: &str| {
        let mut extension = extension("kp-target-group", json!({}));
        extension["valueCodeableConcept"] = own_concept("kp-target-group", code);
        json!({ "code": { "coding": [], "text": "back" }, "extension": [extension] })
    };
    let undeterminable = "error business-rule Condition.code kp-group-1";
    for code in ["DJ45", "DE10"] {
        check("Condition", json!({ "code": concept("urn:oid:1.2.208.176.2.4.12", code) }), &[undeterminable]);
    }
    check("Condition", json!({ "code": { "coding": null, "text": "KOL" } }), &[undeterminable]);
    check("Condition", json!({ "code": { "coding": [{ "code": "DJ44" }] } }), &[undeterminable]);
    check("Condition", by_extension("low-back-pain"), &["error structure Condition.code.coding"]);
    check(
        "Condition",
        by_extension("asthma"),
        &["error code-invalid Condition.extension[0].value.coding[0].code", "error structure Condition.code.coding"],
    );
    let text = findings(&json!({ "resourceType": "Condition", "code": { "text": "x" } }));
    let group = text.iter().find(|issue| issue.rule == "kp-group-1").unwrap();
    assert!(group.text.contains("StructureDefinition/kp-target-group") && group.text.contains("complex-multimorbidity"), "{}", group.text);
}

#[test]
fn a_condition_is_coded_once_in_each_terminology() {
    let coding = |system: &str, code: &str| json!({ "system": system, "code": code });
    let coded = |codings: &[Value]| json!({ "code": { "coding": codings } });
    let sks = coding("urn:oid:1.2.208.176.2.4.12", "DJ44");
    let icpc = coding("urn:oid:1.2.208.176.2.31", "R95");
    let snomed = coding("http://snomed.info/sct", "13645005");
    check("Condition", coded(&[sks.clone(), icpc.clone(), snomed.clone()]), &[]);
    for again in [&sks, &icpc, &snomed] {
        check(
            "Condition",
            coded(&[sks.clone(), icpc.clone(), snomed.clone(), again.clone()]),
            &["error structure Condition.code.coding[3]"],
        );
    }
    let status = |code: &str| json!({ "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code }] } });
    for code in ["unconfirmed", "provisional", "differential", "refuted", "entered-in-error"] {
        check("Condition", status(code), &[]);
    }
    check("Condition", status("sure"), &["error code-invalid Condition.verificationStatus.coding[0].code"]);
    check(
        "Condition",
        json!({ "verificationStatus": { "coding": null, "text": "sure" } }),
        &["error code-invalid Condition.verificationStatus"],
    );
    check("Condition", json!({ "asserter": { "reference": "Patient/1" } }), &["error structure Condition.asserter"]);
    check("Condition", json!({ "recorder": { "reference": "Patient/1" } }), &[]);
}

#[test]
fn a_subject_is_a_patient_that_can_be_stored() {
    for (subject, expected) in [
        (json!({ "reference": "Patient/1/_history/2" }), vec![]),
        (json!({ "reference": "https://example.org/fhir/Patient/1" }), vec![]),
        (json!({ "reference": "Patient?identifier=a|b" }), vec![]),
        (json!({ "reference": "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13" }), vec![]),
        (json!({ "reference": null, "identifier": { "system": "a", "value": "b" } }), vec![]),
        (json!({ "reference": "Group/1" }), vec!["error structure Condition.subject"]),
        (json!({ "reference": "Organization?identifier=a|b" }), vec!["error structure Condition.subject"]),
        (json!({ "reference": "https://example.org/fhir/Organization/1/_history/3" }), vec!["error structure Condition.subject"]),
        (json!({ "reference": null, "type": "Organization", "identifier": { "value": "b" } }), vec!["error structure Condition.subject"]),
        (json!({ "reference": null, "display": "x" }), vec!["error required Condition.subject"]),
        (json!({ "reference": null, "identifier": { "system": "a" } }), vec!["error required Condition.subject"]),
        (json!({ "reference": "#p" }), vec!["error business-rule Condition.subject kp-person-2"]),
    ] {
        check("Condition", json!({ "subject": subject }), &expected);
    }
}

#[test]
fn a_postponement_has_a_start_a_reason_and_an_end_that_is_not_before_it() {
    let at = "extension[0].extension";
    for (period, reason, expected) in [
        (json!({ "start": "2035-01-01" }), "patient", vec![]),
        (json!({ "start": "2035-01-01", "end": "2035-01-01" }), "clinical", vec![]),
        (json!({ "start": "2030-01" }), "patient", vec![format!("business-rule {at}[0].value.start kp-date-2")]),
        (json!({ "start": "2030-01-01", "end": "2031" }), "patient", vec![format!("business-rule {at}[0].value.end kp-date-2")]),
        (json!({ "start": "2030-01-02", "end": "2030-01-01" }), "patient", vec![format!("invariant {at}[0].value.end kp-date-4")]),
        (json!({ "end": "2030-01-02" }), "patient", vec![format!("required {at}[0].value.start")]),
        (json!({ "start": "2030-01-02" }), "weather", vec![format!("code-invalid {at}[1].value")]),
    ] {
        for kind in ["Condition", "ServiceRequest"] {
            let expected: Vec<String> =
                expected.iter().map(|line| format!("error {}", line.replacen("extension", &format!("{kind}.extension"), 1))).collect();
            let edit = json!({ "extension": [postponement(period.clone(), reason)] });
            check(kind, edit, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    let one = postponement(json!({ "start": "2030-01-01" }), "patient");
    check("Condition", json!({ "extension": [one, one] }), &[]);
    let missing = "error required Condition.extension[0].extension";
    check("Condition", json!({ "extension": [extension("kp-postponement", json!({}))] }), &[missing, missing, missing]);
    let without_period = extension("kp-postponement", json!({ "extension": [one["extension"][1]] }));
    check("Condition", json!({ "extension": [without_period] }), &[missing]);
    let two_reasons = extension("kp-postponement", json!({ "extension": [one["extension"][0], one["extension"][1], one["extension"][1]] }));
    check("Condition", json!({ "extension": [two_reasons] }), &["error structure Condition.extension[0].extension"]);
}

#[test]
fn a_plan_says_who_agreed_on_it_when_and_why_it_ended() {
    let reason = |code: &str| {
        let mut extension = extension("kp-status-reason", json!({}));
        extension["valueCodeableConcept"] = own_concept("kp-status-reason", code);
        extension
    };
    for (edit, expected) in [
        (json!({ "status": "revoked" }), vec!["error invariant CarePlan kp-cp-1"]),
        (json!({ "status": "revoked", "extension": [reason("superseded")] }), vec![]),
        (
            json!({ "status": "revoked", "extension": [reason("bored")] }),
            vec!["error code-invalid CarePlan.extension[0].value.coding[0].code"],
        ),
        (
            json!({ "extension": [extension("kp-status-reason", json!({ "valueCodeableConcept": { "text": "x" } }))] }),
            vec!["error code-invalid CarePlan.extension[0].value"],
        ),
        (json!({ "extension": [reason("ended"), reason("ended")] }), vec!["error structure CarePlan.extension"]),
        (json!({ "status": "planned" }), vec!["error code-invalid CarePlan.status"]),
        (json!({ "intent": "order" }), vec!["error value CarePlan.intent"]),
        (json!({ "category": [{ "text": "x" }] }), vec!["error code-invalid CarePlan.category"]),
        (json!({ "category": [{ "text": "x" }, own_concept("kp-careplan-category", "treatment-plan")] }), vec![]),
        (
            json!({ "category": [own_concept("kp-careplan-category", "other")] }),
            vec!["error code-invalid CarePlan.category[0].coding[0].code", "error code-invalid CarePlan.category"],
        ),
        (json!({ "created": "2030-12" }), vec!["error business-rule CarePlan.created kp-date-2"]),
        (json!({ "created": "2031-01-02" }), vec!["error business-rule CarePlan.created kp-date-3"]),
        (json!({ "author": { "reference": "Practitioner/1" } }), vec!["error structure CarePlan.author"]),
        (json!({ "author": { "reference": "PractitionerRole/1" } }), vec![]),
        (json!({ "author": { "identifier": null, "display": "x" } }), vec!["error required CarePlan.author"]),
        (json!({ "addresses": [] }), vec!["error required CarePlan.addresses"]),
        (
            json!({ "addresses": [{ "reference": "Condition/1" }, { "reference": "Goal/1" }, { "display": "x" }] }),
            vec!["error structure CarePlan.addresses[1]", "error required CarePlan.addresses[2]"],
        ),
    ] {
        check("CarePlan", edit, &expected);
    }
}

#[test]
fn a_referral_says_who_made_it_when_and_for_what() {
    let reason = json!({
        "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
        "valueCodeableConcept": own_concept("kp-status-reason", "patient-declined"),
    });
    let sks = json!({ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ44" });
    for (edit, expected) in [
        (json!({ "status": "revoked" }), vec!["error invariant ServiceRequest kp-sr-2"]),
        (json!({ "status": "on-hold" }), vec!["error invariant ServiceRequest kp-sr-2"]),
        (json!({ "status": "on-hold", "extension": [reason] }), vec![]),
        (json!({ "status": "revoked", "extension": [{ "url": reason["url"], "valueCodeableConcept": { "text": "x" } }] }), vec![]),
        (json!({ "status": "ordered" }), vec!["error code-invalid ServiceRequest.status"]),
        (json!({ "intent": "plan" }), vec!["error value ServiceRequest.intent"]),
        (json!({ "priority": "asap" }), vec![]),
        (json!({ "priority": "stat" }), vec!["error code-invalid ServiceRequest.priority"]),
        (json!({ "authoredOn": "2030" }), vec!["error business-rule ServiceRequest.authoredOn kp-date-2"]),
        (json!({ "authoredOn": "2031-01-01T23:00:00Z" }), vec!["error business-rule ServiceRequest.authoredOn kp-date-3"]),
        (json!({ "requester": { "reference": "Practitioner/1" } }), vec!["error structure ServiceRequest.requester"]),
        (json!({ "reasonReference": null }), vec!["error invariant ServiceRequest kp-sr-1"]),
        (json!({ "reasonReference": null, "reasonCode": [{ "coding": [sks] }] }), vec![]),
        (
            json!({ "reasonCode": [{ "coding": [sks] }, { "coding": [sks, sks] }] }),
            vec!["error structure ServiceRequest.reasonCode[1].coding[1]"],
        ),
        (
            json!({ "replaces": [{ "reference": "ServiceRequest/2" }, { "reference": "CarePlan/2" }] }),
            vec!["error structure ServiceRequest.replaces[1]"],
        ),
        (json!({ "occurrenceDateTime": "2035-01-01" }), vec![]),
        (json!({ "occurrenceDateTime": "2035-01" }), vec!["error business-rule ServiceRequest.occurrence kp-date-2"]),
        (json!({ "occurrencePeriod": { "start": "2035-01-01" } }), vec![]),
        (
            json!({ "occurrencePeriod": { "start": "2035", "end": "2034-01-01" } }),
            vec![
                "error business-rule ServiceRequest.occurrence.start kp-date-2",
                "error invariant ServiceRequest.occurrence.end kp-date-4",
            ],
        ),
        (json!({ "occurrenceTiming": { "event": ["2035-01-01"] } }), vec!["error structure ServiceRequest.occurrence"]),
        (
            json!({ "occurrenceDateTime": "2035-01-01", "occurrencePeriod": { "start": "2035-01-01" } }),
            vec!["error structure ServiceRequest.occurrence"],
        ),
        (json!({ "extension": [extension("kp-received", json!({ "valueDate": "2030-12-01" }))] }), vec![]),
        (
            json!({ "extension": [extension("kp-received", json!({ "valueDate": "2030-12-01T09:00:00Z" }))] }),
            vec!["error value ServiceRequest.extension[0].value kp-date-1"],
        ),
        (
            json!({ "extension": [extension("kp-received", json!({ "valueDate": "soon" }))] }),
            vec!["error value ServiceRequest.extension[0].value kp-date-1"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn an_offer_that_has_begun_has_a_past_start_and_one_that_is_planned_need_not() {
    let starts = |status: &str, start: &str| json!({ "status": status, "period": { "start": start } });
    for (edit, expected) in [
        (starts("finished", "2031-01-02"), vec!["error business-rule Encounter.period.start kp-date-3"]),
        (starts("in-progress", "2031-01-01T23:00:00Z"), vec!["error business-rule Encounter.period.start kp-date-3"]),
        (starts("planned", "2031-01-02"), vec![]),
        (starts("cancelled", "2031-01-02"), vec![]),
        (starts("planned", "2031-02"), vec!["error business-rule Encounter.period.start kp-date-2"]),
        (starts("done", "2030-01-02"), vec!["error code-invalid Encounter.status"]),
        (json!({ "period": { "start": null, "end": "2030-01-01" } }), vec!["error required Encounter.period.start"]),
        (json!({ "period": { "end": "2030-04-30" } }), vec!["error invariant Encounter.period.end kp-date-4"]),
        (json!({ "type": [{ "text": "x" }] }), vec!["error code-invalid Encounter.type"]),
        (json!({ "type": [{ "text": "x" }, own_concept("kp-prevention-offer", "clarifying-conversation")] }), vec![]),
        (json!({ "type": [own_concept("kp-prevention-offer", "yoga")] }), vec!["error code-invalid Encounter.type[0].coding[0].code"]),
        (json!({ "basedOn": [{ "reference": "CarePlan/1" }] }), vec!["error structure Encounter.basedOn[0]"]),
    ] {
        check("Encounter", edit, &expected);
    }
}

#[test]
fn a_client_can_only_ask_for_a_subscription_or_switch_it_off() {
    check("Subscription", json!({ "status": "off" }), &[]);
    for status in ["active", "error", "on"] {
        check("Subscription", json!({ "status": status }), &["error code-invalid Subscription.status"]);
    }
    check("Subscription", json!({ "channel": { "type": null } }), &["error required Subscription.channel.type"]);
    check("Subscription", json!({ "channel": { "type": "pigeon" } }), &["error code-invalid Subscription.channel.type"]);
}

#[test]
fn person_references_are_found_with_the_subject_first() {
    let expressions = |value: &Value| person_references(value).into_iter().map(|(expression, _)| expression).collect::<Vec<_>>();
    let plan = json!({
        "resourceType": "CarePlan",
        "addresses": [{ "reference": "Condition/1" }, { "reference": "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13" }],
        "author": { "reference": "Organization/1" },
        "contained": [{ "resourceType": "Goal", "id": "g", "subject": { "reference": "Patient/2" } }],
        "goal": [{ "reference": "#g" }, { "reference": "Goal?identifier=x" }],
        "extension": [{ "url": "x", "valueReference": { "reference": "https://example.org/fhir/Encounter/1" } }],
        "identifier": [{ "system": "a", "value": "b" }],
        "supportingInfo": [{ "type": "Condition", "identifier": { "value": "b" } }, { "identifier": { "value": "c" } }],
        "subject": { "identifier": { "system": "a", "value": "b" } },
    });
    let expected = [
        "CarePlan.subject",
        "CarePlan.addresses[0]",
        "CarePlan.addresses[1]",
        "CarePlan.contained[0].subject",
        "CarePlan.goal[1]",
        "CarePlan.extension[0].value",
        "CarePlan.supportingInfo[0]",
    ];
    assert_eq!(expressions(&plan), expected);
    assert_eq!(person_references(&plan)[1].1["reference"], "Condition/1");
    assert_eq!(expressions(&valid("Encounter")), ["Encounter.subject", "Encounter.basedOn[0]"]);
    let linked = json!({ "resourceType": "Patient", "link": [{ "other": { "reference": "Patient/2" }, "type": "seealso" }] });
    assert!(expressions(&linked).is_empty());
}

#[test]
fn everything_a_resource_names_belongs_to_one_person() {
    let key = |text: &str| ResourceKey::parse(text).unwrap();
    let is = |patient: &str| Target::Person(key(patient));
    let found = |targets: &[Target]| {
        let resolved = |(at, target): (usize, &Target)| ResolvedReference { expression: format!("X[{at}]"), target: target.clone() };
        one_person(&targets.iter().enumerate().map(resolved).collect::<Vec<_>>()).iter().map(line).collect::<Vec<_>>()
    };
    assert!(found(&[]).is_empty());
    assert!(found(&[is("Patient/1"), is("Patient/1"), Target::NoPerson]).is_empty());
    assert_eq!(found(&[is("Patient/1"), is("Patient/2"), is("Patient/1")]), ["error business-rule X[1] kp-person-1"]);
    assert_eq!(
        found(&[Target::PatientNotStored, is("Patient/1"), Target::NotYetStored, is("Patient/2")]),
        ["error business-rule X[0] kp-person-2", "warning not-found X[2] kp-person-3", "error business-rule X[3] kp-person-1"]
    );
}

#[test]
fn no_finding_repeats_a_number_or_a_name() {
    let secret = ["0101901234", "010190-1234", "Hansen", "Åse Test Hansen"];
    for kind in ["Patient", "Condition", "CarePlan", "ServiceRequest", "Encounter", "Goal", "CareTeam", "Subscription"] {
        let valid = valid(kind);
        for secret in secret {
            for pointer in texts(&valid).into_iter().filter(|pointer| pointer != "/resourceType") {
                let mut value = valid.clone();
                *value.pointer_mut(&pointer).unwrap() = secret.into();
                for issue in findings(&value) {
                    assert!(!issue.text.contains(secret), "{pointer}: {}", issue.text);
                }
            }
        }
    }
}

/// JSON pointers of all texts in a value.
fn texts(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| texts(value).into_iter().map(|rest| format!("/{key}{rest}")).collect::<Vec<_>>();
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, item)| below(at.to_string(), item)).collect(),
        Value::Object(members) => members.iter().flat_map(|(key, member)| below(key.clone(), member)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

#[test]
fn the_persons_of_the_deadline_cases_are_all_accepted() {
    let text = std::fs::read("conformance/deadline-cases.json").unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(cases.len(), 240);
    for case in &cases {
        for resource in case["resources"].as_array().unwrap() {
            let found: Vec<String> = findings(resource).iter().map(line).collect();
            assert!(found.is_empty(), "{} {}/{}: {found:?}", case["name"], resource["resourceType"], resource["id"]);
        }
    }
}

/// The published examples that are refused, and why; all others of a type that clients write are accepted.
const REFUSED_EXAMPLES: &[(&str, &[&str])] = &[
    // A pressure ulcer is none of the groups, and its sender gives no verification status.
    ("Condition-ConditionPressureUlcer", &["error required Condition.verificationStatus", "error business-rule Condition.code kp-group-1"]),
    // A pregnancy, a fracture, a melanoma and a pacemaker: diagnoses that the packages do not need.
    ("Condition-ElseGraviditet", &["error business-rule Condition.code kp-group-1"]),
    ("Condition-JohnFracture", &["error business-rule Condition.code kp-group-1"]),
    ("Condition-JohnMelanoma", &["error business-rule Condition.code kp-group-1"]),
    ("Condition-JohnPacemaker", &["error business-rule Condition.code kp-group-1"]),
    // Stays in hospital, not prevention offers: no type of ours, no referral.
    ("Encounter-0c5e4905-5c2e-4254-8837-770c3724cd13", &["error required Encounter.type", "error required Encounter.basedOn"]),
    ("Encounter-915a3cfb-2f3e-477b-8a9d-5d86c30e4929", &["error required Encounter.type", "error required Encounter.basedOn"]),
    // A proposal to a hospital that does not say what is asked for.
    ("ServiceRequest-HenvisningFraLageTilSygehus", &["error value ServiceRequest.intent", "error required ServiceRequest.code"]),
    // Home nursing that is planned: no order, nobody who asks, no day, no reason.
    ("ServiceRequest-JohnsServiceRequest", HOME_NURSING),
    ("ServiceRequest-MaxServiceRequest", HOME_NURSING),
];

const HOME_NURSING: &[&str] = &[
    "error invariant ServiceRequest kp-sr-1",
    "error value ServiceRequest.intent",
    "error required ServiceRequest.authoredOn",
    "error required ServiceRequest.requester",
];

#[test]
fn the_published_danish_examples_are_accepted_or_refused_for_a_named_reason() {
    let Some(file) = std::env::var_os("FRIST_DK_CORE") else {
        eprintln!("SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core");
        return;
    };
    let examples = examples(Path::new(&file));
    let refused: BTreeMap<&str, &[&str]> = REFUSED_EXAMPLES.iter().copied().collect();
    let unknown: Vec<_> = refused.keys().filter(|name| !examples.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "no such examples: {unknown:?}");
    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in &examples {
        let found: Vec<String> = findings(value).iter().map(line).collect();
        let expected = refused.get(name.as_str()).copied().unwrap_or_default();
        assert_eq!(found, expected, "{name}");
        if found.is_empty() {
            *accepted.entry(name.split('-').next().unwrap()).or_default() += 1;
        }
    }
    let expected = [("Condition", 1), ("Organization", 12), ("Patient", 48), ("Practitioner", 4), ("PractitionerRole", 2)];
    assert_eq!(accepted, BTreeMap::from(expected));
}

/// The examples of the types that clients write, by file name.
fn examples(package: &Path) -> BTreeMap<String, Value> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(package).unwrap()));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let Some(name) = path.strip_prefix("package/example").ok().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        let mut text = Vec::new();
        entry.read_to_end(&mut text).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        let kind = value["resourceType"].as_str().unwrap_or_default();
        let held = kind.parse::<frist::fhir::ResourceType>().is_ok_and(|kind| kind.origin() == frist::fhir::key::Origin::Clients);
        if held {
            found.insert(name.to_owned(), value);
        }
    }
    found
}

/// Any JSON value, with keys that checks read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{0,12}Z?)?)?)?".prop_map(Value::from),
        prop::sample::select(vec!["Patient/1", "#a", "urn:uuid:1", "Patient?x", "revoked", "official", "http://cvr.dk", "", "æ/ø"])
            .prop_map(Value::from),
        prop::sample::select(vec!["urn:oid:1.2.208.176.1.2", "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}

const KEYS: &[&str] = &[
    "id",
    "meta",
    "profile",
    "extension",
    "url",
    "valuePeriod",
    "valueCode",
    "valueDateTime",
    "valueCodeableConcept",
    "identifier",
    "system",
    "value",
    "name",
    "use",
    "family",
    "_family",
    "deceasedDateTime",
    "status",
    "category",
    "code",
    "coding",
    "subject",
    "reference",
    "type",
    "addresses",
    "basedOn",
    "reasonCode",
    "reasonReference",
    "occurrencePeriod",
    "occurrenceDateTime",
    "authoredOn",
    "recordedDate",
    "created",
    "period",
    "start",
    "end",
    "class",
    "channel",
    "contained",
    "resourceType",
    "verificationStatus",
];

proptest! {
    #[test]
    fn any_json_gives_findings_and_never_a_panic(
        members in prop::collection::vec((prop::sample::select(KEYS), any_json()), 0..12),
        kind in prop::sample::select(vec!["Patient", "Organization", "Condition", "CarePlan", "ServiceRequest", "Encounter", "Goal",
            "CareTeam", "Subscription", "Task", "Nothing", ""]),
    ) {
        let mut value: Value = Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        value["resourceType"] = kind.into();
        let found = findings(&value);
        prop_assert_eq!(&found, &findings(&value));
        let base = if kind.is_empty() || kind == "Nothing" { "Resource" } else { kind };
        for issue in found {
            prop_assert!(issue.expression.starts_with(base) && !issue.text.is_empty());
        }
        for (expression, element) in person_references(&value) {
            prop_assert!(!expression.is_empty() && element.is_object());
        }
    }
}

/// The definitions of the package, by file name.
fn definitions() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir("profiles/package").unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| {
        let value = frist::fhir::json::parse(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), value)
    })
    .collect()
}

fn codes_of(code_system: &Value) -> Vec<&str> {
    code_system["concept"].as_array().unwrap().iter().map(|concept| concept["code"].as_str().unwrap()).collect()
}

#[test]
fn the_codes_that_are_checked_are_those_that_are_published() {
    let definitions = definitions();
    for (url, codes) in CODE_SYSTEMS {
        let id = url.rsplit('/').next().unwrap();
        assert_eq!(codes_of(&definitions[&format!("CodeSystem-{id}")]), *codes, "{id}");
    }
}

#[test]
fn every_rule_that_the_source_names_is_published() {
    let definitions = definitions();
    let published: BTreeSet<&str> = codes_of(&definitions["CodeSystem-kp-finding"]).into_iter().collect();
    let mut named = BTreeSet::new();
    let mut folders = vec![Path::new("src").to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                named.extend(rules_in(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let unpublished: Vec<_> = named.iter().filter(|rule| !published.contains(rule.as_str())).collect();
    assert!(unpublished.is_empty(), "add to CodeSystem-kp-finding: {unpublished:?}");
    let unused: Vec<_> = published.iter().filter(|rule| !named.contains(**rule)).collect();
    assert!(unused.is_empty(), "no source names these: {unused:?}");
}

/// The text literals in a source file that have the form of a rule's key, as `kp-sr-2`, or are given to `by_rule`.
fn rules_in(source: &str) -> Vec<String> {
    let like_a_rule = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() == 3 && parts[0] == "kp" && parts[2].bytes().all(|byte| byte.is_ascii_digit()) && !parts[2].is_empty()
    };
    let code = source.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in lines {
        let literals: Vec<&str> = line.split('"').collect();
        for (at, literal) in literals.iter().enumerate().skip(1).step_by(2) {
            if like_a_rule(literal) || literals[at - 1].ends_with("by_rule(") {
                found.push((*literal).to_owned());
            }
        }
    }
    found
}
