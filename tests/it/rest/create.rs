//! create (<https://hl7.org/fhir/R4/http.html#create>).

use serde_json::json;

use super::{NOW, changes, clinic, expect, organization, without_id};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, plan};

#[test]
fn create_answers_201_with_the_resource_its_location_etag_and_instant() {
    let facade = Facade::at(NOW);
    let reply = facade.post(&without_id(organization("", "Prøve")));
    expect(&reply, 201);
    let created = reply.json();
    let id = created["id"].as_str().unwrap();
    assert_eq!(
        reply.header("location"),
        format!("{BASE}/Organization/{id}/_history/1")
    );
    assert_eq!(reply.header("etag"), "W/\"1\"");
    assert_eq!(
        reply.header("last-modified"),
        "Mon, 01 Mar 2027 08:00:00 GMT"
    );
    assert_eq!(created["meta"]["versionId"], "1");
    assert_eq!(
        created["meta"]["lastUpdated"],
        "2027-03-01T08:00:00.000000Z"
    );
    assert_eq!(created["name"], "Prøve");
    assert_eq!(facade.get(&format!("Organization/{id}")).text, reply.text);
}

#[test]
fn create_ignores_the_id_version_and_instant_that_the_client_sent() {
    let facade = Facade::at(NOW);
    let mut sent = organization("mine", "Prøve");
    sent["meta"] = serde_json::json!({ "versionId": "7", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [{ "code": "kept" }] });
    let created = facade.post(&sent).json();
    assert_ne!(created["id"], "mine");
    assert_eq!(created["meta"]["versionId"], "1");
    assert_eq!(
        created["meta"]["lastUpdated"],
        "2027-03-01T08:00:00.000000Z"
    );
    assert_eq!(created["meta"]["tag"][0]["code"], "kept");
    expect(&facade.get("Organization/mine"), 404);
}

#[test]
fn two_creates_of_the_same_content_make_two_resources() {
    let facade = Facade::at(NOW);
    let sent = without_id(organization("", "Prøve"));
    let (first, second) = (facade.post(&sent).json(), facade.post(&sent).json());
    assert_ne!(first["id"], second["id"]);
    assert_eq!(facade.search_all("Organization").len(), 2);
}

#[test]
fn create_of_what_breaks_rules_names_all_findings_and_writes_nothing() {
    let facade = clinic();
    let before = changes(&facade);
    let mut sent = without_id(plan("", "p", "c", "2027-03-02"));
    sent["status"] = "colourful".into();
    sent["author"] = serde_json::json!({});
    let reply = facade.post(&sent);
    expect(&reply, 422);
    let issues = reply.issues().join("\n");
    for expression in ["CarePlan.status", "CarePlan.author", "CarePlan.created"] {
        assert!(
            issues.contains(expression),
            "{expression} is not in {issues}"
        );
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn create_derives_the_rights_in_the_same_commit() {
    let facade = clinic();
    expect(&facade.post(&without_id(copd("", "p", "2027-02-20"))), 201);
    assert_eq!(
        facade
            .search_all("Task?patient=p&right=treatment-plan")
            .len(),
        1
    );
}

#[test]
fn an_address_and_an_identifier_that_name_two_persons_are_refused() {
    let facade = clinic();
    let about = |system: &str, value: &str| {
        let mut condition = copd("c", "p", "2027-02-20");
        condition["subject"]["identifier"] = json!({ "system": system, "value": value });
        facade.put(&condition)
    };
    let refused = about("urn:oid:1.2.208.176.1.2", "0505550002");
    expect(&refused, 422);
    assert_eq!(refused.issues(), ["error business-rule Condition.subject"]);
    assert!(!refused.text.contains("0505550002"));
    expect(&about("urn:oid:1.2.208.176.1.2", "0405440001"), 201);
    expect(&about("https://ehr.test/id", "7"), 200);
}

#[test]
fn a_second_patient_with_the_same_identifier_is_warned_about() {
    let facade = clinic();
    let put = |id: &str, cpr: &str| {
        let mut sent = patient(id);
        sent["identifier"][0]["value"] = cpr.into();
        facade.send(
            "PUT",
            &format!("Patient/{id}"),
            &[("prefer", "return=OperationOutcome")],
            sent.to_string(),
        )
    };
    expect(&put("one", "0505550002"), 201);
    let reply = put("two", "0505550002");
    expect(&reply, 201);
    assert_eq!(reply.issues(), ["warning duplicate Patient.identifier[0]"]);
    assert!(reply.text.contains("Patient/one") && !reply.text.contains("0505550002"));
    assert!(put("one", "0606660004").issues().is_empty());
}

#[test]
fn a_diagnosis_that_is_named_by_identifier_alone_is_warned_about() {
    let facade = clinic();
    let mut sent = plan("cp", "p", "c", "2027-03-01");
    sent["addresses"] =
        json!([{ "identifier": { "system": "https://ehr.test/id", "value": "7" } }]);
    let reply = facade.send(
        "PUT",
        "CarePlan/cp",
        &[("prefer", "return=OperationOutcome")],
        sent.to_string(),
    );
    expect(&reply, 201);
    assert_eq!(
        reply.issues(),
        [
            "warning not-supported CarePlan.addresses[0]",
            "warning business-rule CarePlan.addresses"
        ]
    );
}
