//! Findings of severity information: told to who asks for them, and never before a warning.

use serde_json::{Value, json};

use super::clinic;
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient};

const FOR_FINDINGS: (&str, &str) = ("prefer", "return=OperationOutcome");

/// Makes a person about whom there is a warning (a profile that is not known) and something that is
/// good to know (no narrative).
fn person() -> Value {
    let mut person = patient("q");
    person["identifier"][0]["value"] = "0505550002".into();
    person["meta"] = json!({ "profile": ["https://ehr.test/StructureDefinition/other"] });
    person
}

/// Makes a person about whom there is an error too.
fn wrong() -> Value {
    let mut person = person();
    person["gender"] = "blue".into();
    person
}

fn severities(outcome: &Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().into_iter().flatten();
    issues
        .map(|issue| issue["severity"].as_str().unwrap().to_owned())
        .collect()
}

fn entry(method: &str, url: &str, resource: &Value) -> Value {
    json!({ "request": { "method": method, "url": url }, "resource": resource })
}

fn sent(facade: &Facade, method: &str, path: &str, body: &Value) -> Reply {
    facade.send(method, path, &[FOR_FINDINGS], body.to_string())
}

/// Returns the severities that are told of a request, alone or of the only entry of a Bundle.
fn told(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    match body["resourceType"].as_str() {
        Some("Bundle") => severities(&body["entry"][0]["response"]["outcome"]),
        _ => severities(&body),
    }
}

#[test]
fn what_is_good_to_know_comes_after_all_else_and_only_if_it_is_asked_for() {
    for (resource, others) in [
        (person(), &["warning"][..]),
        (wrong(), &["error", "warning"]),
    ] {
        let bundle = |kind: &str, url: &str| {
            let entry = entry("PUT", url, &resource);
            json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] })
        };
        let parameters = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "resource", "resource": resource }, { "name": "_verbose", "valueBoolean": true }] });
        for (method, path, body, is_verbose) in [
            ("PUT", "Patient/q", resource.clone(), false),
            ("PUT", "Patient/q?_verbose=false", resource.clone(), false),
            ("PUT", "Patient/q?_verbose=true", resource.clone(), true),
            ("POST", "Patient", resource.clone(), false),
            ("POST", "Patient?_verbose=true", resource.clone(), true),
            ("PUT", "Patient?_id=q&_verbose=true", resource.clone(), true),
            ("POST", "Patient/$validate", resource.clone(), false),
            (
                "POST",
                "Patient/$validate?_verbose=true",
                resource.clone(),
                true,
            ),
            ("POST", "Patient/$validate", parameters, true),
            ("POST", "", bundle("batch", "Patient/q"), false),
            ("POST", "", bundle("batch", "Patient/q?_verbose=true"), true),
            ("POST", "?_verbose=true", bundle("batch", "Patient/q"), true),
            ("POST", "", bundle("transaction", "Patient/q"), false),
            (
                "POST",
                "",
                bundle("transaction", "Patient/q?_verbose=true"),
                true,
            ),
            (
                "POST",
                "?_verbose=true",
                bundle("transaction", "Patient/q"),
                true,
            ),
        ] {
            let facade = clinic();
            let path = format!("/fhir/{path}").replace("/fhir/?", "/fhir?");
            let path = path.strip_suffix('/').unwrap_or(&path);
            let reply = sent(&facade, method, path, &body);
            let mut expected = others.to_vec();
            expected.extend(is_verbose.then_some("information"));
            assert_eq!(
                told(&reply),
                expected,
                "{method} {path} {body}: {}",
                reply.text
            );
        }
    }
}

#[test]
fn a_patch_tells_what_is_good_to_know_if_it_is_asked_for() {
    let facade = clinic();
    for (path, value, expected) in [
        ("Patient/p", "male", vec!["information"]),
        ("Patient/p?_verbose=true", "female", vec!["information"]),
    ] {
        let patch = json!([{ "op": "add", "path": "/gender", "value": value }]);
        let headers = [
            FOR_FINDINGS,
            ("content-type", "application/json-patch+json"),
        ];
        let reply = facade.send("PATCH", path, &headers, patch.to_string());
        assert_eq!(told(&reply), expected, "{}", reply.text);
        let is_told = reply.text.contains("dom-6");
        assert_eq!(is_told, path.contains("_verbose"), "{}", reply.text);
    }
}

#[test]
fn the_wish_is_no_criterion_of_a_write_and_is_said_in_two_words() {
    let facade = clinic();
    let created = facade.send("POST", "Patient?_verbose=true", &[], person().to_string());
    assert_eq!(created.status.as_u16(), 201, "{}", created.text);
    for (method, path) in [
        ("POST", "Patient?_verbose=yes"),
        ("PUT", "Patient/q?_verbose=true&_verbose=false"),
        ("POST", "Patient/$validate?_verbose="),
        ("DELETE", "Patient/q?_verbose=true"),
        ("GET", "Patient?_verbose=true"),
    ] {
        let reply = sent(&facade, method, path, &person());
        assert_eq!(
            reply.status.as_u16(),
            400,
            "{method} {path}: {}",
            reply.text
        );
    }
}

#[test]
fn a_refusal_begins_with_what_refuses() {
    let facade = clinic();
    let mut diagnosis = copd("c", "p", "2027-03-02");
    diagnosis["meta"] = json!({ "profile": ["https://ehr.test/StructureDefinition/other"] });
    let reply = facade.send(
        "PUT",
        "Condition/c?_verbose=true",
        &[],
        diagnosis.to_string(),
    );
    assert_eq!(reply.status.as_u16(), 422);
    let told = severities(&reply.json());
    assert!(told.is_sorted_by_key(|severity| {
        ["error", "warning", "information"]
            .iter()
            .position(|known| known == severity)
    }));
    assert_eq!(told.first().map(String::as_str), Some("error"), "{told:?}");
    assert_eq!(
        told.last().map(String::as_str),
        Some("information"),
        "{told:?}"
    );
}
