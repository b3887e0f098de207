//! transaction (<https://hl7.org/fhir/R4/http.html#transaction>): all or nothing, in FHIR's order
//! of processing.

mod among_others;
mod criteria;
mod links;
mod literals;
mod meeting;
mod references;
mod refusals;
mod same_person;

use serde_json::{Value, json};

use super::{changes, clinic, expect, identified, organization, without_id};
use crate::support::facade::{BASE, Facade, Reply};
use crate::support::people::{copd, patient, plan};

/// Makes an entry with that method, address and resource.
fn entry(method: &str, url: &str, resource: Value) -> Value {
    let mut entry = json!({ "request": { "method": method, "url": url } });
    if !resource.is_null() {
        entry["resource"] = resource;
    }
    entry
}

fn post(full_url: &str, resource: Value) -> Value {
    let mut entry = entry(
        "POST",
        resource["resourceType"].as_str().unwrap(),
        without_id(resource.clone()),
    );
    entry["fullUrl"] = full_url.into();
    entry
}

fn put(resource: Value) -> Value {
    let url = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    );
    entry("PUT", &url, resource)
}

fn with(mut entry: Value, member: &str, value: &str) -> Value {
    entry["request"][member] = value.into();
    entry
}

fn send(facade: &Facade, entries: Vec<Value>) -> Reply {
    facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
}

/// Returns the statuses of the entries.
#[track_caller]
fn statuses(reply: &Reply) -> Vec<String> {
    expect(reply, 200);
    let bundle = reply.json();
    assert_eq!(bundle["type"], "transaction-response");
    bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().to_owned())
        .collect()
}

/// Sends entries that must be refused, and checks that nothing is left of them.
#[track_caller]
fn refused(facade: &Facade, entries: Vec<Value>, status: u16, issues: &[&str]) {
    let before = changes(facade);
    let reply = send(facade, entries);
    expect(&reply, status);
    assert_eq!(reply.issues(), issues, "{}", reply.text);
    assert_eq!(changes(facade), before, "something was written");
}

#[test]
fn deletes_come_before_creates_and_these_before_updates_and_reads_and_answers_stand_in_the_order_asked()
 {
    let facade = clinic();
    facade.put_ok(&identified(copd("old", "p", "2027-02-20"), "1"));
    let mut again = post("urn:uuid:new", identified(copd("", "p", "2027-02-21"), "1"));
    again["request"]["ifNoneExist"] = "identifier=https://ehr.test/id|1".into();
    let reply = send(
        &facade,
        vec![
            entry("GET", "Condition?patient=p", Value::Null),
            entry("GET", "Condition/c", Value::Null),
            put(copd("c", "p", "2027-02-22")),
            again,
            entry("DELETE", "Condition/old", Value::Null),
        ],
    );
    assert_eq!(
        statuses(&reply),
        [
            "200 OK",
            "200 OK",
            "201 Created",
            "201 Created",
            "204 No Content"
        ]
    );
    let answer = reply.json();
    assert_eq!(answer["entry"][0]["resource"]["total"], 2);
    assert_eq!(answer["entry"][1]["resource"]["recordedDate"], "2027-02-22");
    expect(&facade.get("Condition/old"), 410);
}

#[test]
fn if_none_exist_with_one_match_makes_its_full_url_name_the_match() {
    let facade = clinic();
    let mut person = post("urn:uuid:p", patient(""));
    person["request"]["ifNoneExist"] = "identifier=urn:oid:1.2.208.176.1.2|0405440001".into();
    let mut condition = copd("c", "", "2027-02-20");
    condition["subject"]["reference"] = "urn:uuid:p".into();
    let reply = send(&facade, vec![put(condition), person]);
    assert_eq!(statuses(&reply), ["201 Created", "200 OK"]);
    assert_eq!(
        reply.json()["entry"][1]["response"]["location"],
        format!("{BASE}/Patient/p/_history/1")
    );
    assert_eq!(
        facade.get("Condition/c").json()["subject"]["reference"],
        "Patient/p"
    );
    assert_eq!(facade.search_all("Patient").len(), 1);
}

#[test]
fn if_match_and_a_conditional_read_are_honoured() {
    let facade = clinic();
    let etag = facade
        .put_ok(&organization("a", "one"))
        .header("etag")
        .to_owned();
    let reply = send(
        &facade,
        vec![
            with(put(organization("a", "two")), "ifMatch", &etag),
            with(put(organization("b", "one")), "ifNoneMatch", "*"),
            with(
                entry("GET", "Patient/p", Value::Null),
                "ifNoneMatch",
                "W/\"1\"",
            ),
            with(
                entry("GET", "Patient/p", Value::Null),
                "ifNoneMatch",
                "W/\"2\"",
            ),
            entry("GET", "Organization/a/_history/1", Value::Null),
            entry("GET", "Patient/p/$rights?as-of=2027-03-01", Value::Null),
        ],
    );
    assert_eq!(
        statuses(&reply),
        [
            "200 OK",
            "201 Created",
            "304 Not Modified",
            "200 OK",
            "200 OK",
            "200 OK"
        ]
    );
    let answer = reply.json();
    assert_eq!(answer["entry"][2].get("resource"), None);
    assert_eq!(answer["entry"][2]["response"]["etag"], "W/\"1\"");
    assert_eq!(answer["entry"][3]["resource"]["id"], "p");
    assert_eq!(answer["entry"][4]["resource"]["name"], "one");
    assert_eq!(answer["entry"][5]["resource"]["resourceType"], "Bundle");
}

#[test]
fn what_is_answered_of_each_write_follows_prefer() {
    let facade = clinic();
    let bundle = |id: &str| {
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [put(organization(id, "one"))] }).to_string()
    };
    for (prefer, has_resource, has_outcome) in [
        ("return=minimal", false, false),
        ("return=representation", true, false),
        ("return=OperationOutcome", false, true),
    ] {
        let reply = facade.send(
            "POST",
            "/fhir",
            &[("prefer", prefer)],
            bundle(&prefer.replace("return=", "")),
        );
        expect(&reply, 200);
        let entry = &reply.json()["entry"][0];
        assert_eq!(entry.get("resource").is_some(), has_resource, "{prefer}");
        assert_eq!(
            entry["response"].get("outcome").is_some(),
            has_outcome,
            "{prefer}"
        );
        assert_eq!(entry["response"]["status"], "201 Created");
        assert_eq!(entry["response"]["etag"], "W/\"1\"");
        assert_eq!(
            entry["response"]["lastModified"].as_str().unwrap()[..19],
            *"2027-03-01T08:00:00"
        );
    }
}

#[test]
fn the_same_transaction_again_writes_nothing() {
    let facade = clinic();
    let condition = copd("c", "p", "2027-02-20");
    let plan = plan("cp", "p", "c", "2027-02-25");
    expect(&facade.transaction(&[&plan, &condition]), 200);
    let before = changes(&facade);
    assert_eq!(
        statuses(&facade.transaction(&[&plan, &condition])),
        ["200 OK"; 2]
    );
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_transaction_may_delete_a_patient_with_everything_about_the_person() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let entries = vec![
        entry("DELETE", "Patient/p", Value::Null),
        entry("DELETE", "Condition/c", Value::Null),
    ];
    assert_eq!(statuses(&send(&facade, entries)), ["204 No Content"; 2]);
    expect(&facade.get("Patient/p"), 410);
    expect(&facade.get("Condition/c"), 410);
}

#[test]
fn the_rights_of_a_person_are_those_after_the_writes_and_a_deleted_one_has_none() {
    let facade = clinic();
    let rights = |id: &str| entry("GET", &format!("Patient/{id}/$rights"), Value::Null);
    let reply = send(
        &facade,
        vec![
            rights("x"),
            put(patient("x")),
            put(copd("c", "x", "2027-02-20")),
        ],
    );
    assert_eq!(statuses(&reply), ["200 OK", "201 Created", "201 Created"]);
    assert_eq!(
        reply.json()["entry"][0]["resource"]["entry"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    refused(
        &facade,
        vec![rights("p"), entry("DELETE", "Patient/p", Value::Null)],
        404,
        &["error not-found Bundle.entry[0].request"],
    );
}
