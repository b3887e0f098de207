//! `$validate` tells what a write would find, and writes nothing
//! (<https://hl7.org/fhir/R4/resource-operation-validate.html>).

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, clinic, copd, expect, identified, patient, plan, population, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::practice;

/// Checks a resource; the findings.
#[track_caller]
fn validate(facade: &Facade, path: &str, resource: &Value) -> Value {
    let before = changes(facade);
    let reply = facade.send("POST", path, &[], resource.to_string());
    expect(&reply, 200);
    assert_eq!(changes(facade), before, "something was written");
    assert_eq!(reply.json()["resourceType"], "OperationOutcome");
    reply.json()["issue"].clone()
}

/// The beginnings of what a write says that it did to rights, or why nothing.
const OF_RIGHTS: &[&str] = &[
    "starts the right",
    "stops the clock of",
    "moves the due date of",
    "ends the right",
    "opens again the right",
    "changes the right",
    "starts no right",
    "stops no clock",
    "changes no forecast",
    "changes no right",
];

/// Returns the findings about the content: `$validate` derives no rights, so it cannot tell what a
/// write does to them.
fn about_content(issues: &Value) -> Value {
    let mut kept = issues.as_array().unwrap().clone();
    kept.retain(|issue| {
        let text = issue["details"]["text"].as_str().unwrap_or_default();
        !OF_RIGHTS
            .iter()
            .any(|beginning| text.starts_with(beginning))
    });
    if kept.is_empty() {
        kept.push(json!({
            "severity": "information", "code": "informational",
            "details": { "text": "All OK" }, "diagnostics": "All OK",
        }));
    }
    kept.into()
}

/// Writes; whether it was taken, and the findings about the content.
fn write(facade: &Facade, method: &str, path: &str, body: &Value) -> (bool, Value) {
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    let reply = facade.send(method, path, &[("prefer", "return=OperationOutcome")], body);
    let found = about_content(&reply.json()["issue"]);
    (reply.status.is_success(), found)
}

fn refuses(issues: &Value) -> bool {
    issues
        .as_array()
        .unwrap()
        .iter()
        .any(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal")))
}

/// Returns the places of the errors.
fn errors(issues: &Value) -> Vec<&str> {
    let errors = issues
        .as_array()
        .unwrap()
        .iter()
        .filter(|issue| issue["severity"] == "error");
    let mut places: Vec<_> = errors
        .map(|issue| issue["expression"][0].as_str().unwrap_or(""))
        .collect();
    places.sort_unstable();
    places
}

/// Returns the codes and places of the errors in an answer.
fn errors_of(reply: &Reply) -> Vec<String> {
    reply
        .issues()
        .into_iter()
        .filter(|issue| issue.starts_with("error "))
        .collect()
}

/// Returns the resource with each of its elements in turn left out or made something else.
fn mutants(resource: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    walk(resource, String::new(), &mut pointers);
    let mut mutants = Vec::new();
    for (at, pointer) in pointers.iter().enumerate() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut without = resource.clone();
        match without.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.shift_remove(name)),
            Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!(),
        }
        mutants.push(without);
        let others = [
            json!("Patient/q"),
            json!("2028-02-30"),
            json!(7),
            Value::Null,
            json!([]),
            json!({ "reference": "Patient/nobody" }),
        ];
        let mut other = resource.clone();
        *other.pointer_mut(pointer).unwrap() = others[at % others.len()].clone();
        mutants.push(other);
    }
    mutants.retain(|mutant| mutant["resourceType"] == resource["resourceType"]);
    mutants
}

fn walk(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), member))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (name, member) in members {
        let below = format!("{pointer}/{name}");
        pointers.push(below.clone());
        walk(member, below, pointers);
    }
}

/// Returns one of each type that clients write, as stored.
fn one_of_each(facade: &Facade) -> Vec<Value> {
    let kinds = frist::fhir::ResourceType::ALL
        .iter()
        .filter(|kind| kind.origin() == frist::fhir::key::Origin::Clients);
    kinds
        .map(|kind| facade.search_all(&format!("{kind}?_count=1")).remove(0))
        .collect()
}

#[test]
fn validate_finds_what_an_update_finds() {
    let facade = population();
    let (mut taken, mut refused) = (0, 0);
    for resource in one_of_each(&facade) {
        let path = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        for mutant in mutants(&resource) {
            let found = validate(&facade, &format!("{path}/$validate?mode=update"), &mutant);
            assert_eq!(
                found,
                validate(&facade, &format!("{path}/$validate"), &mutant),
                "{mutant}"
            );
            let (is_taken, told) = write(&facade, "PUT", &path, &mutant);
            assert_eq!((&found, !refuses(&found)), (&told, is_taken), "{mutant}");
            if is_taken { taken += 1 } else { refused += 1 }
        }
    }
    assert!(taken > 40 && refused > 200, "{taken} {refused}");
}

#[test]
fn validate_finds_what_a_create_finds() {
    let facade = population();
    let (mut taken, mut refused) = (0, 0);
    for resource in one_of_each(&facade) {
        let kind = resource["resourceType"].as_str().unwrap();
        for mutant in mutants(&without_id(resource.clone())) {
            let found = validate(&facade, &format!("{kind}/$validate?mode=create"), &mutant);
            assert_eq!(
                found,
                validate(&facade, &format!("{kind}/$validate"), &mutant),
                "{mutant}"
            );
            let (is_taken, told) = write(&facade, "POST", kind, &mutant);
            assert_eq!((&found, !refuses(&found)), (&told, is_taken), "{mutant}");
            if is_taken { taken += 1 } else { refused += 1 }
        }
    }
    assert!(taken > 40 && refused > 200, "{taken} {refused}");
}

#[test]
fn validate_finds_what_a_delete_finds() {
    let facade = population();
    let mut refused = 0;
    for path in [
        "Patient/p",
        "Patient/q",
        "Condition/c",
        "Practitioner/dr",
        "Condition/nothing",
        "PlanDefinition/x",
        "Task/x",
    ] {
        let found = validate(
            &facade,
            &format!("{path}/$validate?mode=delete"),
            &json!({ "resourceType": "Parameters" }),
        );
        assert_eq!(
            found,
            facade.get(&format!("{path}/$validate?mode=delete")).json()["issue"],
            "{path}"
        );
        let (is_taken, told) = write(&facade, "DELETE", path, &Value::Null);
        assert_eq!(refuses(&found), !is_taken, "{path}");
        // Of a type that is only read, the wire says which methods there are; here is said why.
        assert!(
            found == told
                || told[0]["details"]["text"]
                    .as_str()
                    .unwrap()
                    .starts_with("this address allows"),
            "{path} {found}"
        );
        refused += usize::from(!is_taken);
    }
    assert_eq!(refused, 5);
}

#[test]
fn findings_are_the_answer_and_not_a_failure() {
    let facade = clinic();
    let mut wrong = copd("c", "nobody", "2027-03-02");
    wrong["code"]["coding"][0]["code"] = "DJ45".into();
    let found = validate(&facade, "Condition/$validate", &wrong);
    assert_eq!(
        errors(&found),
        [
            "Condition.code",
            "Condition.recordedDate",
            "Condition.subject"
        ]
    );
    for path in ["Condition/$validate", "Condition/c/$validate"] {
        assert_eq!(
            errors(&validate(&facade, path, &copd("c", "p", "2027-02-20"))),
            [""; 0]
        );
    }
    assert_eq!(facade.get("Condition/c").status.as_u16(), 404);
}

#[test]
fn what_does_not_fit_its_address_is_a_finding() {
    let facade = clinic();
    for (path, resource, at) in [
        (
            "Condition/$validate",
            plan("x", "p", "c", "2027-02-20"),
            "CarePlan",
        ),
        (
            "Condition/x/$validate",
            plan("x", "p", "c", "2027-02-20"),
            "CarePlan",
        ),
        (
            "Condition/x/$validate",
            copd("y", "p", "2027-02-20"),
            "Condition.id",
        ),
        (
            "Condition/x/$validate?mode=update",
            without_id(copd("y", "p", "2027-02-20")),
            "Condition.id",
        ),
        (
            "Condition/0405440001/$validate",
            copd("0405440001", "p", "2027-02-20"),
            "Condition.id",
        ),
    ] {
        let found = validate(&facade, path, &resource);
        assert_eq!(
            (&found[0]["severity"], &found[0]["expression"]),
            (&json!("error"), &json!([at])),
            "{path} {found}"
        );
    }
}

#[test]
fn a_version_or_an_existence_that_a_write_would_miss_is_a_finding() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let body = copd("c", "p", "2027-02-20").to_string();
    let asked = |mode: &str, etag: &str| {
        let reply = facade.send(
            "POST",
            &format!("Condition/c/$validate?mode={mode}"),
            &[("if-match", etag)],
            body.clone(),
        );
        expect(&reply, 200);
        errors_of(&reply)
    };
    assert_eq!(asked("update", "W/\"1\""), [""; 0]);
    assert_eq!(asked("update", "W/\"2\""), ["error conflict"]);
    assert_eq!(asked("delete", "W/\"2\""), ["error conflict"]);
    let exists = facade.send(
        "POST",
        "Condition/c/$validate?mode=create",
        &[],
        body.clone(),
    );
    assert_eq!(exists.issues(), ["error conflict"]);
}

#[test]
fn what_is_stored_is_checked_in_its_place() {
    let facade = population();
    let mut checked = 0;
    for kind in frist::fhir::ResourceType::ALL {
        for stored in facade.search_all(kind.as_str()) {
            let path = format!("{kind}/{}/$validate", stored["id"].as_str().unwrap());
            let reply = facade.get(&path);
            expect(&reply, 200);
            assert!(!refuses(&reply.json()["issue"]), "{path} {}", reply.text);
            for body in ["", "{\"resourceType\":\"Parameters\"}"] {
                assert_eq!(
                    facade.send("POST", &path, &[], body).text,
                    reply.text,
                    "{path}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
    expect(&facade.get("Condition/nothing/$validate"), 404);
    expect(
        &facade.send("DELETE", "Practitioner/dr", &[], Body::empty()),
        204,
    );
    expect(&facade.get("Practitioner/dr/$validate"), 410);
}

#[test]
fn what_only_the_server_writes_is_checked_too_but_could_not_be_sent() {
    let facade = population();
    let task = facade.search_all("Task?_count=1").remove(0);
    assert!(!refuses(&validate(&facade, "Task/$validate", &task)));
    let path = format!("Task/{}/$validate", task["id"].as_str().unwrap());
    assert!(!refuses(&validate(&facade, &path, &task)));
    let mut wrong = task.clone();
    wrong["meta"]["profile"] =
        json!(["https://kronikerpakker.dk/fhir/StructureDefinition/kp-patient"]);
    assert!(refuses(&validate(&facade, "Task/$validate", &wrong)));
    for (path, code) in [
        ("Task/$validate?mode=create", "not-supported"),
        (&*format!("{path}?mode=update"), "not-supported"),
    ] {
        assert_eq!(validate(&facade, path, &task)[0]["code"], code, "{path}");
    }
}

/// Makes a Parameters resource of these parts.
fn parameters(parts: &[Value]) -> String {
    json!({ "resourceType": "Parameters", "parameter": parts }).to_string()
}

fn ask(facade: &Facade, path: &str, body: impl Into<Body>) -> Reply {
    facade.send("POST", path, &[], body)
}

#[test]
fn the_parameters_come_in_the_body_or_in_the_address() {
    let facade = clinic();
    let resource = identified(copd("c", "p", "2027-03-02"), "x");
    let part = json!({ "name": "resource", "resource": resource });
    let profile = "https://kronikerpakker.dk/fhir/StructureDefinition/kp-condition";
    let expected = ask(&facade, "Condition/$validate", resource.to_string());
    assert_eq!(
        errors_of(&expected),
        ["error business-rule Condition.recordedDate"]
    );
    for (query, parts) in [
        ("", vec![part.clone()]),
        ("?mode=create", vec![part.clone()]),
        (
            "",
            vec![
                json!({ "name": "mode", "valueCode": "create" }),
                part.clone(),
            ],
        ),
        (
            "",
            vec![
                part.clone(),
                json!({ "name": "profile", "valueUri": profile }),
            ],
        ),
        (
            "",
            vec![
                part.clone(),
                json!({ "name": "profile", "valueCanonical": format!("{profile}|0.1.0") }),
            ],
        ),
        (
            &*format!("?profile={profile}"),
            vec![
                part.clone(),
                json!({ "name": "mode", "valueCode": "create" }),
            ],
        ),
        ("?_format=json", vec![part.clone()]),
    ] {
        let reply = ask(
            &facade,
            &format!("Condition/$validate{query}"),
            parameters(&parts),
        );
        assert_eq!(
            (reply.status.as_u16(), &reply.text),
            (200, &expected.text),
            "{query} {parts:?}"
        );
    }
}

#[test]
fn parameters_that_do_not_go_together_are_400() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let resource = copd("c", "p", "2027-02-20");
    let part = json!({ "name": "resource", "resource": resource });
    let bare = resource.to_string();
    for (path, body) in [
        ("Condition/$validate", String::new()),
        ("Condition/$validate", parameters(&[])),
        (
            "Condition/$validate",
            parameters(&[json!({ "name": "resource", "valueString": "x" })]),
        ),
        (
            "Condition/$validate",
            parameters(&[part.clone(), part.clone()]),
        ),
        (
            "Condition/$validate",
            parameters(&[part.clone(), json!({ "name": "other", "valueCode": "x" })]),
        ),
        (
            "Condition/$validate",
            parameters(&[part.clone(), json!({ "name": "profile" })]),
        ),
        (
            "Condition/$validate?mode=create",
            parameters(&[
                part.clone(),
                json!({ "name": "mode", "valueCode": "create" }),
            ]),
        ),
        (
            "Condition/$validate",
            "{\"resourceType\":\"Parameters\",\"parameter\":{}}".into(),
        ),
        ("Condition/$validate?mode=update", bare.clone()),
        ("Condition/$validate?mode=delete", bare.clone()),
        ("Condition/$validate?mode=profile", bare.clone()),
        ("Condition/$validate?mode=check", bare.clone()),
        ("Condition/$validate?other=x", bare.clone()),
        ("Condition/c/$validate?mode=create", String::new()),
        ("Condition/c/$validate?mode=update", parameters(&[])),
        ("Condition/c/$validate?mode=profile", String::new()),
        (
            "Condition/c/$validate?mode=profile&profile=http://hl7.org/fhir/StructureDefinition/Condition",
            parameters(std::slice::from_ref(&part)),
        ),
    ] {
        expect(&ask(&facade, path, body.clone()), 400);
    }
    let of_stored = "Condition/c/$validate?mode=profile&profile=http://hl7.org/fhir/StructureDefinition/Condition";
    expect(&facade.get(of_stored), 200);
}

#[test]
fn what_is_no_resource_cannot_be_checked() {
    let facade = clinic();
    for body in [
        "",
        "x",
        "[]",
        "{}",
        "{\"resourceType\":\"Condition\",\"id\":\"a\",\"id\":\"b\"}",
    ] {
        expect(&ask(&facade, "Condition/$validate", body), 400);
    }
    let turtle = [("content-type", "application/fhir+turtle")];
    expect(
        &facade.send("POST", "Condition/$validate", &turtle, "x"),
        415,
    );
    expect(
        &ask(
            &facade,
            "Observation/$validate",
            "{\"resourceType\":\"Observation\"}",
        ),
        404,
    );
    expect(
        &ask(&facade, "$validate", "{\"resourceType\":\"Condition\"}"),
        404,
    );
    for (method, path) in [
        ("GET", "Condition/$validate"),
        ("PUT", "Condition/c/$validate"),
        ("DELETE", "Condition/$validate"),
    ] {
        expect(&facade.send(method, path, &[], Body::empty()), 405);
    }
}

#[test]
fn a_profile_that_the_server_does_not_have_is_an_error_and_no_verdict() {
    let facade = clinic();
    let body = copd("c", "p", "2027-02-20").to_string();
    for profile in [
        "https://example.org/StructureDefinition/secret",
        "kp-condition",
        "https://kronikerpakker.dk/fhir/StructureDefinition/x",
    ] {
        let reply = ask(
            &facade,
            &format!("Condition/$validate?profile={profile}"),
            body.clone(),
        );
        expect(&reply, 422);
        assert_eq!(reply.issues(), ["error not-supported"]);
        assert!(!reply.text.contains("secret"), "{}", reply.text);
    }
    let with_cpr_number = ask(
        &facade,
        "Condition/$validate?profile=https://example.org/StructureDefinition/0405440001",
        body.clone(),
    );
    expect(&with_cpr_number, 400);
    assert!(
        !with_cpr_number.text.contains("0405440001"),
        "{}",
        with_cpr_number.text
    );
    let other = ask(
        &facade,
        "Condition/$validate?profile=https://kronikerpakker.dk/fhir/StructureDefinition/kp-patient",
        body.clone(),
    );
    assert_eq!(
        (other.status.as_u16(), errors_of(&other)),
        (200, vec!["error structure Condition".to_owned()])
    );
}

#[test]
fn a_second_patient_with_one_identifier_is_warned_of_before_it_is_sent() {
    let facade = clinic();
    let found = validate(&facade, "Patient/$validate", &without_id(patient("p")));
    let duplicate = found
        .as_array()
        .unwrap()
        .iter()
        .find(|issue| issue["code"] == "duplicate")
        .unwrap();
    assert_eq!(
        (&duplicate["severity"], errors(&found).len()),
        (&json!("warning"), 0)
    );
    assert!(!refuses(&validate(
        &facade,
        "Organization/$validate",
        &practice("other")
    )));
}
