//! References between the entries of a transaction, and to what is stored.

use serde_json::json;

use super::{post, put, refused, send, statuses};
use crate::rest::{NOW, clinic, expect, person};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, plan, practice};

#[test]
fn entries_name_each_other_by_full_url_in_any_order() {
    let facade = Facade::at(NOW);
    let mut condition = copd("", "", "2027-02-20");
    condition["subject"]["reference"] = "urn:uuid:p".into();
    let mut plan = plan("", "", "", "2027-02-25");
    plan["subject"]["reference"] = "urn:uuid:p".into();
    plan["addresses"][0]["reference"] = "urn:uuid:c".into();
    plan["author"]["reference"] = "http://ehr.test/fhir/Organization/1".into();
    let mut person = patient("");
    person["generalPractitioner"][0]["reference"] = "http://ehr.test/fhir/Organization/1".into();
    let reply = send(
        &facade,
        vec![
            post("urn:uuid:plan", plan),
            post("urn:uuid:c", condition),
            post("urn:uuid:p", person),
            post("http://ehr.test/fhir/Organization/1", practice("")),
        ],
    );
    assert_eq!(statuses(&reply), ["201 Created"; 4]);
    let location = |at: usize| {
        reply.json()["entry"][at]["response"]["location"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let key = |at: usize| {
        location(at)
            .strip_prefix(BASE)
            .unwrap()
            .trim_start_matches('/')
            .replace("/_history/1", "")
    };
    let plan = facade.get(&key(0)).json();
    assert_eq!(plan["subject"]["reference"], key(2));
    assert_eq!(plan["addresses"][0]["reference"], key(1));
    assert_eq!(plan["author"]["reference"], key(3));
    assert_eq!(
        facade.get(&key(2)).json()["generalPractitioner"][0]["reference"],
        key(3)
    );
    assert_eq!(
        facade.search_all("Task")[0]["businessStatus"]["coding"][0]["code"],
        "met"
    );
}

#[test]
fn a_relative_reference_is_relative_to_the_base_of_its_entrys_full_url() {
    let facade = Facade::at(NOW);
    let mut person = patient("");
    person["generalPractitioner"][0]["reference"] = "Organization/1".into();
    let entries = vec![
        post("http://ehr.test/fhir/Patient/9", person),
        post("http://ehr.test/fhir/Organization/1", practice("")),
    ];
    assert_eq!(statuses(&send(&facade, entries)), ["201 Created"; 2]);
    let organization = facade.search_all("Organization").remove(0);
    let reference = format!("Organization/{}", organization["id"].as_str().unwrap());
    assert_eq!(
        facade.search_all("Patient")[0]["generalPractitioner"][0]["reference"],
        reference
    );
}

#[test]
fn a_full_address_of_this_server_becomes_relative_and_one_of_another_stays() {
    let facade = clinic();
    let mut sent = copd("c", "p", "2027-02-20");
    sent["subject"]["reference"] = format!("{BASE}/Patient/p").into();
    sent["recorder"] = json!({ "reference": "http://other.test/fhir/Practitioner/1" });
    assert_eq!(statuses(&send(&facade, vec![put(sent)])), ["201 Created"]);
    let stored = facade.get("Condition/c").json();
    assert_eq!(stored["subject"]["reference"], "Patient/p");
    assert_eq!(
        stored["recorder"]["reference"],
        "http://other.test/fhir/Practitioner/1"
    );
}

#[test]
fn a_reference_that_is_a_search_is_resolved_to_its_one_match() {
    let facade = clinic();
    let condition = |query: &str| {
        let mut condition = copd("c", "", "2027-02-20");
        condition["subject"]["reference"] = format!("Patient?{query}").into();
        condition
    };
    let by_cpr = "identifier=urn:oid:1.2.208.176.1.2|0405440001";
    let at = "Bundle.entry[0].resource.subject.reference";
    let multiple = format!("error multiple-matches {at}");
    refused(
        &facade,
        vec![put(condition("identifier=nobody"))],
        412,
        &[&format!("error not-found {at}")],
    );
    refused(
        &facade,
        vec![put(condition("colour=red"))],
        400,
        &[&format!("error not-supported {at}")],
    );
    refused(
        &facade,
        vec![put(condition(""))],
        412,
        &[&format!("error invalid {at}")],
    );
    assert_eq!(
        statuses(&send(&facade, vec![put(condition(by_cpr))])),
        ["201 Created"]
    );
    assert_eq!(
        facade.get("Condition/c").json()["subject"]["reference"],
        "Patient/p"
    );
    facade.put_ok(&person("p2", "0405440001"));
    refused(&facade, vec![put(condition(by_cpr))], 412, &[&multiple]);
    let outside = facade.put(&condition(by_cpr));
    expect(&outside, 422);
}

#[test]
fn a_reference_that_is_a_search_sees_what_the_same_transaction_writes() {
    let facade = clinic();
    let mut condition = copd("c", "", "2027-02-20");
    condition["subject"]["reference"] = "Patient?identifier=0606660003".into();
    let reply = send(
        &facade,
        vec![
            put(condition.clone()),
            post("urn:uuid:new", person("", "0606660003")),
        ],
    );
    assert_eq!(statuses(&reply), ["201 Created"; 2]);
    let stored = facade.get("Condition/c").json()["subject"]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(stored.starts_with("Patient/id-"), "{stored}");
    // The one that had the number gives it to another.
    facade.put_ok(&person("old", "0707770004"));
    condition["id"] = "d".into();
    condition["subject"]["reference"] = "Patient?identifier=0707770004".into();
    let moved = vec![
        put(condition),
        put(person("old", "0707770005")),
        put(person("next", "0707770004")),
    ];
    assert_eq!(
        statuses(&send(&facade, moved)),
        ["201 Created", "200 OK", "201 Created"]
    );
    assert_eq!(
        facade.get("Condition/d").json()["subject"]["reference"],
        "Patient/next"
    );
}

#[test]
fn a_subject_named_by_identifier_alone_is_resolved_when_written() {
    let facade = clinic();
    let logical = |id: &str, cpr: &str| {
        let mut condition = copd(id, "", "2027-02-20");
        condition["subject"] =
            json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.2", "value": cpr } });
        condition
    };
    expect(&facade.put(&logical("c", "0405440001")), 201);
    let stored = facade.get("Condition/c").json();
    assert_eq!(stored["subject"]["reference"], "Patient/p");
    assert_eq!(stored["subject"]["identifier"]["value"], "0405440001");
    let unknown = facade.put(&logical("d", "0606660003"));
    expect(&unknown, 422);
    assert!(
        unknown
            .issues()
            .contains(&"error business-rule Condition.subject.identifier".to_owned()),
        "{}",
        unknown.text
    );
    let together = send(
        &facade,
        vec![
            put(logical("d", "0606660003")),
            put(person("q", "0606660003")),
        ],
    );
    assert_eq!(statuses(&together), ["201 Created"; 2]);
    assert_eq!(
        facade.get("Condition/d").json()["subject"]["reference"],
        "Patient/q"
    );
    assert_eq!(facade.search_all("Task?patient=q").len(), 1);
}
