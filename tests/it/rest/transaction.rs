//! transaction (<https://hl7.org/fhir/R4/http.html#transaction>): all or nothing, in FHIR's order
//! of processing.

use axum::body::Body;
use serde_json::{Value, json};

use super::{NOW, changes, clinic, expect, identified, organization, person, without_id};
use crate::support::facade::{BASE, Facade, Reply};
use crate::support::people::{copd, patient, plan, practice, referral, region};

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

/// A clinic with two diagnoses that have the same identifier.
fn two_of_one_identifier() -> Facade {
    let facade = clinic();
    facade.put_ok(&identified(copd("a", "p", "2027-02-20"), "1"));
    facade.put_ok(&identified(copd("b", "p", "2027-02-20"), "1"));
    facade
}

/// Checks that a transaction is refused for its second entry, and that nothing of its first is kept.
fn refused_beside_a_good_one(facade: &Facade, bad: Value, status: u16, issue: &str) {
    let good = put(copd("good", "p", "2027-02-20"));
    refused(
        facade,
        vec![good, bad],
        status,
        &[&format!("error {issue}")],
    );
    expect(&facade.get("Condition/good"), 404);
}

#[test]
fn an_entry_whose_condition_fails_leaves_nothing_of_the_others() {
    let facade = two_of_one_identifier();
    let many = with(
        post("urn:uuid:x", copd("", "p", "2027-02-20")),
        "ifNoneExist",
        "identifier=1",
    );
    for (bad, status, issue) in [
        (many, 412, "multiple-matches Bundle.entry[1].request"),
        (
            with(put(copd("a", "p", "2027-02-21")), "ifMatch", "W/\"7\""),
            412,
            "conflict Bundle.entry[1].request",
        ),
        (
            with(put(copd("a", "p", "2027-02-21")), "ifNoneMatch", "*"),
            412,
            "conflict Bundle.entry[1].request",
        ),
        (
            with(put(copd("a", "p", "2027-02-21")), "ifNoneMatch", "W/\"1\""),
            400,
            "invalid Bundle.entry[1].request.ifNoneMatch",
        ),
        (
            with(put(copd("a", "p", "2027-02-21")), "ifMatch", "garbage"),
            400,
            "invalid Bundle.entry[1].request.ifMatch",
        ),
        (
            entry("DELETE", "Patient/p", Value::Null),
            409,
            "conflict Bundle.entry[1].request",
        ),
    ] {
        refused_beside_a_good_one(&facade, bad, status, issue);
    }
}

#[test]
fn an_entry_that_asks_for_what_is_not_there_leaves_nothing_of_the_others() {
    let facade = two_of_one_identifier();
    for (bad, status, issue) in [
        (
            entry("GET", "Condition/nope", Value::Null),
            404,
            "not-found Bundle.entry[1].request",
        ),
        (
            entry("GET", "Condition?colour=red", Value::Null),
            400,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry("GET", "Condition/a?x=1", Value::Null),
            400,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry("OPTIONS", "Condition/a", json!({})),
            405,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry(
                "PUT",
                "Condition/a?identifier=1",
                copd("a", "p", "2027-02-20"),
            ),
            400,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry("DELETE", "Task?identifier=1", Value::Null),
            405,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry("POST", "Task", json!({ "resourceType": "Task" })),
            405,
            "not-supported Bundle.entry[1].request",
        ),
        (
            entry(
                "POST",
                "Observation",
                json!({ "resourceType": "Observation" }),
            ),
            404,
            "not-found Bundle.entry[1].request",
        ),
    ] {
        refused_beside_a_good_one(&facade, bad, status, issue);
    }
}

#[test]
fn an_entry_with_a_wrong_resource_leaves_nothing_of_the_others() {
    let facade = two_of_one_identifier();
    for (bad, status, issue) in [
        (
            entry("POST", "Goal", copd("", "p", "2027-02-20")),
            400,
            "invalid Bundle.entry[1].resource.resourceType",
        ),
        (
            entry("PUT", "Condition/x", copd("y", "p", "2027-02-20")),
            400,
            "invalid Bundle.entry[1].resource.id",
        ),
        (
            entry("PUT", "Condition/x", Value::Null),
            400,
            "invalid Bundle.entry[1].resource",
        ),
        (
            entry("POST", "Condition", json!([])),
            400,
            "invalid Bundle.entry[1].resource",
        ),
    ] {
        refused_beside_a_good_one(&facade, bad, status, issue);
    }
}

#[test]
fn an_entry_without_a_request_leaves_nothing_of_the_others() {
    let facade = two_of_one_identifier();
    for (bad, status, issue) in [
        (
            json!({ "request": { "url": "Condition/a" } }),
            400,
            "invalid Bundle.entry[1].request.method",
        ),
        (
            entry("GET", &format!("{BASE}/Condition/a"), Value::Null),
            400,
            "invalid Bundle.entry[1].request.url",
        ),
        (
            json!({ "request": { "method": "GET" } }),
            400,
            "invalid Bundle.entry[1].request.url",
        ),
        (json!({}), 400, "invalid Bundle.entry[1].request.method"),
        (json!("x"), 400, "invalid Bundle.entry[1].request.method"),
    ] {
        refused_beside_a_good_one(&facade, bad, status, issue);
    }
}

#[test]
fn an_entry_that_writes_what_another_writes_leaves_nothing_of_it() {
    let facade = two_of_one_identifier();
    for (bad, status, issue) in [
        (
            put(copd("good", "p", "2027-02-21")),
            400,
            "duplicate Bundle.entry[1].request",
        ),
        (
            entry("DELETE", "Condition/good", Value::Null),
            400,
            "duplicate Bundle.entry[0].request",
        ),
    ] {
        refused_beside_a_good_one(&facade, bad, status, issue);
    }
}

#[test]
fn all_findings_of_all_entries_come_back_at_once_and_name_the_entry_as_it_was_sent() {
    let facade = clinic();
    facade.put_ok(&copd("old", "p", "2027-02-20"));
    let mut no_date = copd("c", "p", "2027-02-20");
    no_date
        .as_object_mut()
        .unwrap()
        .shift_remove("recordedDate");
    let mut wrong = referral("s", "p", "c", "2027-03-02");
    wrong["status"] = "colourful".into();
    let mut lost = copd("d", "", "2027-02-20");
    lost["subject"]["reference"] = "urn:uuid:nobody".into();
    let entries = vec![
        put(no_date),
        entry("GET", "$export", Value::Null),
        put(wrong),
        entry("DELETE", "Condition/old", Value::Null),
        put(lost),
    ];
    let reply = send(&facade, entries.clone());
    expect(&reply, 405);
    let reply = send(
        &facade,
        [
            &entries[..1],
            &[entry("GET", "Patient/p", Value::Null)],
            &entries[2..],
        ]
        .concat(),
    );
    expect(&reply, 422);
    let issues = reply.issues().join("\n");
    for expected in [
        "error required Bundle.entry[0].resource.recordedDate",
        "error code-invalid Bundle.entry[2].resource.status",
        "Bundle.entry[2].resource.authoredOn",
        "error value Bundle.entry[4].resource.subject.reference",
    ] {
        assert!(issues.contains(expected), "{expected} is not in\n{issues}");
    }
    let places: Vec<_> = reply
        .issues()
        .iter()
        .map(|issue| issue.split("Bundle.entry[").nth(1).unwrap()[..1].to_owned())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    expect(&facade.get("Condition/old"), 200);
}

#[test]
fn several_entries_that_cannot_be_carried_out_are_all_named() {
    let facade = clinic();
    let entries = vec![
        entry("OPTIONS", "Patient/p", json!({})),
        entry("GET", "Observation", Value::Null),
        entry("PUT", "Condition/x", Value::Null),
    ];
    let expected = [
        "error not-supported Bundle.entry[0].request",
        "error not-found Bundle.entry[1].request",
        "error invalid Bundle.entry[2].resource",
    ];
    refused(&facade, entries, 405, &expected);
    let stale = vec![
        with(put(organization("gp", "x")), "ifMatch", "W/\"9\""),
        put(organization("new", "x")),
        with(put(organization("region", "x")), "ifMatch", "W/\"8\""),
    ];
    refused(
        &facade,
        stale,
        412,
        &[
            "error conflict Bundle.entry[0].request",
            "error conflict Bundle.entry[2].request",
        ],
    );
}

#[test]
fn two_entries_under_one_address_or_one_condition_are_refused() {
    let facade = Facade::at(NOW);
    let twice = vec![
        post("urn:uuid:1", region("")),
        post("urn:uuid:1", practice("")),
    ];
    refused(
        &facade,
        twice,
        400,
        &["error duplicate Bundle.entry[1].fullUrl"],
    );
    let conditional = |url: &str| {
        with(
            post(url, region("")),
            "ifNoneExist",
            "identifier=550891000016003",
        )
    };
    refused(
        &facade,
        vec![conditional("urn:uuid:1"), conditional("urn:uuid:2")],
        400,
        &["error duplicate Bundle.entry[1].request"],
    );
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

#[test]
fn a_bundle_of_another_type_or_shape_is_refused() {
    let facade = clinic();
    for sent in [
        json!({ "resourceType": "Bundle", "type": "collection" }),
        json!({ "resourceType": "Bundle", "type": "message", "entry": [] }),
        json!({ "resourceType": "Bundle" }),
        json!({ "resourceType": "Bundle", "type": 7 }),
        json!({ "resourceType": "Patient" }),
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": {} }),
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": put(patient("x")) }),
        json!({ "resourceType": "Bundle", "type": "batch", "entry": "x" }),
        json!({ "type": "batch" }),
        json!([]),
    ] {
        let before = changes(&facade);
        expect(
            &facade.send("POST", "/fhir", &[], Body::from(sent.to_string())),
            400,
        );
        assert_eq!(changes(&facade), before);
    }
    for kind in ["batch", "transaction"] {
        expect(
            &facade.post(&json!({ "resourceType": "Bundle", "type": kind })),
            200,
        );
        expect(
            &facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": [] })),
            200,
        );
    }
}

#[test]
fn more_than_a_thousand_entries_are_refused_and_a_thousand_are_not() {
    let facade = clinic();
    for kind in ["batch", "transaction"] {
        let bundle = |count: usize| {
            let read = entry("GET", "Patient/p", Value::Null);
            json!({ "resourceType": "Bundle", "type": kind, "entry": vec![read; count] })
        };
        let reply = facade.post(&bundle(1_001));
        expect(&reply, 400);
        assert_eq!(reply.issues(), ["error too-costly Bundle.entry"]);
        let reply = facade.post(&bundle(1_000));
        expect(&reply, 200);
        assert_eq!(reply.json()["entry"].as_array().unwrap().len(), 1_000);
    }
}
