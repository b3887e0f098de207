//! Words for newcomers: the types that there are, what is only read and why, the systems of
//! identifiers and codes, an example to begin with.

use frist::deadlines::{Group, Right, Rules};
use serde_json::{Value, json};

use super::clinic;
use crate::support::facade::Facade;
use crate::support::people::copd;

/// Returns the texts of the findings about a request, alone, and as an entry of a batch and of a
/// transaction.
fn told(facade: &Facade, method: &str, path: &str, body: &Value) -> Vec<String> {
    let texts = |outcome: &Value| {
        let issues = outcome["issue"].as_array().into_iter().flatten();
        let texts: Vec<_> = issues
            .map(|issue| issue["details"]["text"].as_str().unwrap().to_owned())
            .collect();
        texts.join("\n")
    };
    let alone = facade.send(method, &format!("/fhir/{path}"), &[], body.to_string());
    let request = json!({ "method": method, "url": path });
    let of_bundle = |kind: &str| {
        let entry = json!([{ "request": request, "resource": body }]);
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entry });
        facade.send("POST", "/fhir", &[], bundle.to_string()).json()
    };
    vec![
        texts(&alone.json()),
        texts(&of_bundle("batch")["entry"][0]["response"]["outcome"]),
        texts(&of_bundle("transaction")),
    ]
}

#[test]
fn a_refusal_names_what_to_send_instead() {
    let facade = clinic();
    let of = |kind: &str| json!({ "resourceType": kind, "id": "x" });
    let mut misplaced = copd("c", "p", "2027-02-20");
    misplaced["code"] =
        json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "J44.9" }] });
    let mut asthma = misplaced.clone();
    asthma["code"]["coding"][0]["code"] = "DJ45".into();
    let held = "clients write Patient, Practitioner, PractitionerRole, Organization,";
    let cpr_first = "the profile knows the systems of cpr (urn:oid:1.2.208.176.1.2), x-ecpr (";
    let groups = "copd (SKS DJ44, ICD-10 J44, ICPC-2 R95, SNOMED CT 13645005)";
    for (method, path, body, expected) in [
        ("POST", "patient", of("Patient"), "did you mean Patient?"),
        (
            "PUT",
            "care-plan/x",
            of("CarePlan"),
            "did you mean CarePlan?",
        ),
        ("GET", "Tasks", Value::Null, "did you mean Task?"),
        ("POST", "Observation", of("Observation"), held),
        (
            "POST",
            "Task",
            of("Task"),
            "Task is made by the server and only read: it follows from the Conditions",
        ),
        ("PUT", "Task/x", of("Task"), "send those"),
        ("DELETE", "Provenance/x", Value::Null, "from which versions"),
        ("PUT", "PlanDefinition/x", of("PlanDefinition"), "--rules"),
        ("PUT", "Patient/x", of("Patient"), cpr_first),
        (
            "PUT",
            "Organization/x",
            of("Organization"),
            "the profile knows the systems of sor (urn:oid:1.2.208.176.1.1)",
        ),
        (
            "PUT",
            "Condition/c",
            misplaced.clone(),
            "as ICD-10 writes it: in SKS this is DJ449",
        ),
        ("PUT", "Condition/c", misplaced, groups),
        (
            "PUT",
            "Condition/c",
            asthma,
            "urn:oid:1.2.208.176.2.31 (ICPC-2)",
        ),
    ] {
        for text in told(&facade, method, path, &body) {
            assert!(text.contains(expected), "{method} {path}: {text}");
        }
    }
}

#[test]
fn what_nothing_fills_is_not_announced() {
    let facade = clinic();
    let announced = facade.get("metadata").text;
    let document = facade.get("/openapi.json").text;
    for text in [announced, document] {
        assert!(text.contains("Provenance") && !text.contains("AuditEvent"));
    }
    assert_eq!(facade.get("AuditEvent").json()["total"], 0);
}

#[test]
fn every_type_says_what_it_needs() {
    let statement = clinic().get("metadata").json();
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let told = resource["documentation"].as_str().unwrap_or_default();
        assert!(told.ends_with('.'), "{}: {told}", resource["type"]);
    }
}

#[test]
fn the_example_of_a_transaction_is_taken_on_any_day_and_gives_a_right_from_the_first_day_on() {
    for (day, rights) in [
        ("2026-12-01", 0),
        ("2027-01-01", 1),
        ("2027-03-28", 1),
        ("2040-02-29", 1),
    ] {
        let facade = Facade::at(&format!("{day}T09:00:00+01:00"));
        let document = facade.get("/openapi.json").json();
        let content = &document["paths"]["/"]["post"]["requestBody"]["content"];
        let example = content["application/fhir+json"]["example"].to_string();
        for status in ["201 Created", "200 OK"] {
            let answer = facade.send("POST", "/fhir", &[], example.clone()).json();
            let answers = answer["entry"].as_array().unwrap();
            assert_eq!(answers.len(), 3, "{day}: {answer}");
            for entry in answers {
                assert_eq!(entry["response"]["status"], status, "{day}: {answer}");
            }
        }
        assert_eq!(facade.get("Task").json()["total"], rights, "{day}");
    }
}

#[test]
fn the_page_says_from_which_day_each_group_has_rights() {
    let row = "<tr><td>type-2-diabetes</td><td>2028-01-01</td><td>2028-01-01</td></tr>";
    let before = Facade::at("2026-12-31T23:59:00+01:00").get("/").text;
    assert!(before.contains(row), "{before}");
    assert!(
        before.contains("until 2027-01-01 nobody has a right"),
        "{before}"
    );
    let after = Facade::at("2027-01-01T00:00:00+01:00").get("/").text;
    assert!(after.contains(row), "{after}");
    assert!(!after.contains("nobody has a right"), "{after}");
}

#[test]
fn the_readme_says_the_year_of_each_group_as_the_rules_do() {
    let readme = include_str!("../../../README.md").replace('\n', " ");
    let (_, told) = readme.split_once("from a first day on").unwrap();
    for (group, name) in [
        (Group::Copd, "COPD"),
        (Group::LowBackPain, "low back pain"),
        (Group::Type2Diabetes, "type 2 diabetes"),
        (Group::HeartDisease, "heart disease"),
        (Group::ComplexMultimorbidity, "complex multimorbidity"),
    ] {
        let (_, after) = told.split_once(name).unwrap();
        let mut words = after.split(|letter: char| !letter.is_ascii_digit());
        let year = words.find(|word| word.len() == 4).unwrap();
        for right in Right::ALL {
            let begins = Rules::shipped().begin(group, *right).unwrap();
            assert_eq!(begins.to_string(), format!("{year}-01-01"), "{name}");
        }
    }
}
