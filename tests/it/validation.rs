//! The checks of a resource before a clock may depend on it: rows of an edit and the findings that it
//! must give.

#![allow(clippy::unwrap_used)]

mod asked;
mod binding;
mod bounds;
mod bundle;
mod choices;
mod clock;
mod condition;
mod constraints;
mod content;
mod datatypes;
mod definitions;
mod element_rules;
pub(crate) mod examples;
mod extensions;
mod ids;
mod narrative;
mod persons;
mod plans_and_referrals;
mod primitives;
mod references;
mod resources;
mod robust;
mod slicing;
mod structure;
mod who;

use frist::fhir::{Issue, Resource, Severity, view};
use frist::validation::{self, CheckContext, Validator};

use crate::support::facade::guide_validator;
use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};

/// The day on which everything in these tests is written.
const TODAY: Date = date(2031, 1, 1);

/// Returns the findings about a value.
fn findings(value: &Value) -> Vec<Issue> {
    let validator = guide_validator();
    let context = CheckContext {
        validator: &validator,
        profiles: &[],
        now: frist::fhir::start_of_day(TODAY),
        why_no_group: &why_no_group,
    };
    validation::check(&Resource::from_value(value.clone()).unwrap(), &context)
}

/// Says that a Condition has no target group, if it has none.
fn why_no_group(condition: &Value) -> Option<String> {
    let told = frist::deadlines::GroupTable::shipped().why_no_group(condition);
    (!has_target_group(condition)).then(|| told.expect("the table says the same"))
}

/// Returns the table of fhir-profiles, section 3, as short as it can be said.
fn has_target_group(condition: &Value) -> bool {
    if view::extensions(
        condition,
        "https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group",
    )
    .next()
    .is_some()
    {
        return true;
    }
    view::codings(&condition["code"]).any(|(system, code)| {
        let code = code.to_uppercase().replace('.', "");
        let icd = |code: &str| {
            [
                "J44", "E11", "I20", "I21", "I22", "I23", "I24", "I25", "I48", "I50",
            ]
            .iter()
            .any(|prefix| code.starts_with(prefix))
        };
        match system {
            "urn:oid:1.2.208.176.2.4.12" | "urn:oid:1.2.208.176.2.4" => {
                code.strip_prefix('D').is_some_and(icd)
            }
            "http://hl7.org/fhir/sid/icd-10" => icd(&code),
            "urn:oid:1.2.208.176.2.31" | "http://hl7.org/fhir/sid/icpc-2" => {
                ["R95", "T90", "K74", "K75", "K76", "K77", "K78"].contains(&code.as_str())
            }
            "http://snomed.info/sct" => [
                "13645005",
                "278860009",
                "44054006",
                "414545008",
                "84114007",
                "49436004",
            ]
            .contains(&code.as_str()),
            _ => false,
        }
    })
}

/// Returns `severity code expression rule`, the rule left out if there is none.
fn line(issue: &Issue) -> String {
    format!(
        "{} {} {} {}",
        issue.severity.as_str(),
        issue.code.as_str(),
        issue.expression,
        issue.rule
    )
    .trim_end()
    .to_owned()
}

/// Applies the edit (a JSON merge patch: null removes) to the valid resource of that type; exactly
/// these findings must come, in this order.
#[track_caller]
fn check(kind: &str, edit: Value, expected: &[&str]) {
    let mut value = valid(kind);
    merge(&mut value, &edit);
    let found = told(&value);
    assert_eq!(found, expected, "{kind} with {edit}");
}

/// Holds a value against its type, the profiles that it claims and these, by this validator;
/// exactly these findings must come, in this order.
#[track_caller]
fn check_by(validator: &Validator, value: &Value, profiles: &[&str], expected: &[&str]) {
    let found = lines(&validator.check(value, profiles));
    assert_eq!(found, expected, "{value}");
}

/// Returns the findings, each as a line; what is only good to know (good practice that the small
/// resources of these tests do not follow, codes that nobody here can check) is left out.
fn lines(issues: &[Issue]) -> Vec<String> {
    issues
        .iter()
        .filter(|issue| issue.severity != Severity::Information)
        .map(line)
        .collect()
}

/// Returns the findings about a resource on its way into the server, each as a line.
fn told(value: &Value) -> Vec<String> {
    lines(&findings(value))
}

fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(
                        target.entry(key).or_insert(Value::Object(Map::new())),
                        value,
                    );
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// Returns the value with the edit applied.
fn merged(value: &Value, edit: &Value) -> Value {
    let mut value = value.clone();
    merge(&mut value, edit);
    value
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
        "Appointment" => json!({
            "status": "booked",
            "start": "2031-01-10T09:00:00+01:00",
            "end": "2031-01-10T10:00:00+01:00",
            "created": "2030-12-31",
            "basedOn": [{ "reference": "ServiceRequest/1" }],
            "participant": [{ "actor": { "reference": "Patient/1" }, "status": "accepted" }],
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
    let mut extension =
        json!({ "url": format!("https://kronikerpakker.dk/fhir/StructureDefinition/{id}") });
    merge(&mut extension, &value);
    extension
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

fn own_concept(system: &str, code: &str) -> Value {
    concept(
        &format!("https://kronikerpakker.dk/fhir/CodeSystem/{system}"),
        code,
    )
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
        "Appointment",
        "Goal",
        "CareTeam",
        "Subscription",
    ] {
        check(kind, json!({}), &[]);
    }
}

#[test]
fn all_findings_come_at_once_first_of_the_elements_then_of_the_whole_then_of_this_server() {
    let empty = |kind: &str| told(&json!({ "resourceType": kind }));
    for (kind, expected) in [
        ("Patient", vec!["error required Patient.identifier"]),
        (
            "Organization",
            vec![
                "error required Organization.identifier",
                "error invariant Organization org-1",
            ],
        ),
        (
            "Condition",
            vec![
                "error required Condition.verificationStatus",
                "error required Condition.category",
                "error required Condition.code",
                "error required Condition.subject",
                "error required Condition.recordedDate",
                "error business-rule Condition.code kp-group-1",
            ],
        ),
        (
            "CarePlan",
            vec![
                "error required CarePlan.status",
                "error required CarePlan.intent",
                "error required CarePlan.category",
                // The slice of the code treatment-plan.
                "error required CarePlan.category",
                "error required CarePlan.subject",
                "error required CarePlan.created",
                "error required CarePlan.author",
                "error required CarePlan.addresses",
            ],
        ),
    ] {
        assert_eq!(empty(kind), expected, "{kind}");
    }
}

#[test]
fn all_findings_of_a_referral_a_contact_a_goal_or_a_subscription_come_at_once() {
    let empty = |kind: &str| told(&json!({ "resourceType": kind }));
    for (kind, expected) in [
        (
            "ServiceRequest",
            vec![
                "error required ServiceRequest.status",
                "error required ServiceRequest.intent",
                "error required ServiceRequest.code",
                "error required ServiceRequest.subject",
                "error required ServiceRequest.authoredOn",
                "error required ServiceRequest.requester",
                "error invariant ServiceRequest kp-sr-1",
            ],
        ),
        (
            "Encounter",
            vec![
                "error required Encounter.status",
                "error required Encounter.class",
                "error required Encounter.type",
                "error required Encounter.subject",
                "error required Encounter.period",
                "error invariant Encounter kp-enc-2",
            ],
        ),
        (
            "Appointment",
            vec![
                "error required Appointment.status",
                "error required Appointment.start",
                "error required Appointment.basedOn",
                "error required Appointment.participant",
                "error invariant Appointment app-3",
            ],
        ),
        (
            "Goal",
            vec![
                "error required Goal.lifecycleStatus",
                "error required Goal.description",
                "error required Goal.subject",
            ],
        ),
        (
            "Subscription",
            vec![
                "error required Subscription.status",
                "error required Subscription.reason",
                "error required Subscription.criteria",
                "error required Subscription.channel",
            ],
        ),
    ] {
        assert_eq!(empty(kind), expected, "{kind}");
    }
}

#[test]
fn every_resource_has_a_fitting_id_and_known_profiles() {
    let base = "https://kronikerpakker.dk/fhir/StructureDefinition";
    check("Goal", json!({ "id": "a_b" }), &["error value Goal.id"]);
    check("Goal", json!({ "id": 7 }), &["error structure Goal.id"]);
    check(
        "Goal",
        json!({ "meta": [] }),
        &["error structure Goal.meta"],
    );
    check(
        "Goal",
        json!({ "meta": { "profile": "x" } }),
        &["error structure Goal.meta.profile"],
    );
    check(
        "Goal",
        json!({ "meta": { "profile": [format!("{base}/kp-goal")] } }),
        &["warning not-supported Goal.meta.profile[0]"],
    );
    check(
        "Goal",
        json!({ "meta": { "profile": ["http://example.org/x"] } }),
        &["warning not-supported Goal.meta.profile[0]"],
    );
    check(
        "Condition",
        json!({ "meta": { "profile": [format!("{base}/kp-condition|0.1.0")] } }),
        &[],
    );
    check(
        "Condition",
        json!({ "meta": { "profile": ["http://example.org/x", format!("{base}/kp-careplan")] } }),
        &[
            "warning not-supported Condition.meta.profile[0]",
            "error structure Condition.meta.profile[1]",
        ],
    );
}

#[test]
fn a_wrong_json_type_of_a_patient_or_a_condition_is_a_finding() {
    for (kind, edit, expected) in [
        (
            "Patient",
            json!({ "identifier": { "system": "x" } }),
            "error structure Patient.identifier",
        ),
        (
            "Patient",
            json!({ "identifier": ["x"] }),
            "error structure Patient.identifier[0]",
        ),
        (
            "Patient",
            json!({ "identifier": [] }),
            "error required Patient.identifier",
        ),
        (
            "Patient",
            json!({ "name": [] }),
            "error structure Patient.name",
        ),
        (
            "Patient",
            json!({ "deceasedBoolean": "true" }),
            "error structure Patient.deceased",
        ),
        (
            "Patient",
            json!({ "deceasedDateTime": 2027 }),
            "error structure Patient.deceased",
        ),
        (
            "Condition",
            json!({ "category": { "text": "x" } }),
            "error structure Condition.category",
        ),
        (
            "Condition",
            json!({ "subject": "Patient/1" }),
            "error structure Condition.subject",
        ),
        (
            "Condition",
            json!({ "subject": { "reference": ["Patient/1"] } }),
            "error structure Condition.subject.reference",
        ),
        (
            "Condition",
            json!({ "extension": {} }),
            "error structure Condition.extension",
        ),
        (
            "Condition",
            json!({ "extension": [{ "valueCode": "x" }] }),
            "error required Condition.extension[0].url",
        ),
    ] {
        check(kind, edit, &[expected]);
    }
}

#[test]
fn a_wrong_json_type_of_a_plan_a_referral_or_a_contact_is_a_finding() {
    for (kind, edit, expected) in [
        (
            "CarePlan",
            json!({ "author": [{ "reference": "Organization/1" }] }),
            "error structure CarePlan.author",
        ),
        (
            "CarePlan",
            json!({ "addresses": [true] }),
            "error structure CarePlan.addresses[0]",
        ),
        (
            "CarePlan",
            json!({ "status": ["active"] }),
            "error structure CarePlan.status",
        ),
        (
            "ServiceRequest",
            json!({ "occurrencePeriod": "2027" }),
            "error structure ServiceRequest.occurrence",
        ),
        (
            "Encounter",
            json!({ "class": "AMB" }),
            "error structure Encounter.class",
        ),
        (
            "Encounter",
            json!({ "period": [] }),
            "error structure Encounter.period",
        ),
        (
            "Subscription",
            json!({ "reason": "" }),
            "error value Subscription.reason",
        ),
        (
            "Subscription",
            json!({ "channel": "rest-hook" }),
            "error structure Subscription.channel",
        ),
        (
            "CareTeam",
            json!({ "subject": 1 }),
            "error structure CareTeam.subject",
        ),
    ] {
        check(kind, edit, &[expected]);
    }
}

#[test]
fn an_element_that_is_empty_is_a_finding() {
    check("ServiceRequest", json!({ "code": {} }), &[]);
    let mut value = valid("ServiceRequest");
    value["code"] = json!({});
    value["subject"] = Value::Null;
    assert_eq!(
        told(&value),
        [
            "error structure ServiceRequest.code",
            "error structure ServiceRequest.subject"
        ]
    );
}
