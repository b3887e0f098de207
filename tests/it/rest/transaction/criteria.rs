//! Criteria that name other entries of the same transaction, and criteria that meet.

use serde_json::{Value, json};

use super::{entry, post, put, refused, send, statuses, with};
use crate::rest::{NOW, changes, clinic, expect, identified, person};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, plan, practice};

const PERSON: &str = "urn:uuid:00000000-0000-4000-8000-00000000000a";
const DIAGNOSIS: &str = "urn:uuid:00000000-0000-4000-8000-00000000000b";

/// Makes an entry that creates a person unless there is one with the number.
fn person_unless_there(full_url: &str) -> Value {
    let by_number = "identifier=urn:oid:1.2.208.176.1.2|0606660003";
    with(
        post(full_url, person("", "0606660003")),
        "ifNoneExist",
        by_number,
    )
}

/// Makes the diagnosis `1` of the person under that address.
fn diagnosis(subject: &str) -> Value {
    let mut condition = identified(copd("", "", "2027-02-20"), "1");
    condition["subject"]["reference"] = subject.into();
    condition
}

#[test]
fn every_way_to_name_an_entry_in_criteria_is_one_resource_however_often_it_is_sent() {
    let of_person = "https://ehr.example/fhir/Patient/9";
    for (full_url, named, subject) in [
        (PERSON, PERSON, PERSON),
        (
            PERSON,
            "urn%3Auuid%3A00000000-0000-4000-8000-00000000000a",
            PERSON,
        ),
        ("urn:oid:1.2.3", "urn:oid:1.2.3", "urn:oid:1.2.3"),
        (of_person, of_person, of_person),
        (
            of_person,
            "https%3A%2F%2Fehr.example%2Ffhir%2FPatient%2F9",
            of_person,
        ),
        (of_person, "Patient/9", "Patient/9"),
        (
            PERSON,
            "Patient/nobody,urn:uuid:00000000-0000-4000-8000-00000000000a",
            PERSON,
        ),
    ] {
        let own = "https://ehr.example/fhir/Condition/8";
        let criteria = format!("identifier=https://ehr.test/id|1&subject={named}");
        let create = with(post(own, diagnosis(subject)), "ifNoneExist", &criteria);
        let mut by_address = post(own, diagnosis(subject));
        by_address["request"]["url"] = format!("Condition?{criteria}").into();
        let mut update = by_address.clone();
        update["request"]["method"] = "PUT".into();
        for asked in [create, by_address, update] {
            let facade = Facade::at(NOW);
            let entries = vec![asked.clone(), person_unless_there(full_url)];
            assert_eq!(
                statuses(&send(&facade, entries.clone())),
                ["201 Created"; 2],
                "{named}"
            );
            let before = changes(&facade);
            assert_eq!(statuses(&send(&facade, entries)), ["200 OK"; 2], "{asked}");
            assert_eq!(changes(&facade), before, "{asked}");
        }
    }
}

#[test]
fn criteria_may_ask_about_entries_that_are_found_by_criteria_themselves() {
    let facade = Facade::at(NOW);
    facade.put_ok(&practice("gp"));
    let by_person = format!("identifier=https://ehr.test/id|1&subject={PERSON}");
    let mut sent_plan = identified(plan("", "", "", "2027-02-25"), "2");
    sent_plan["subject"]["reference"] = PERSON.into();
    sent_plan["addresses"][0]["reference"] = DIAGNOSIS.into();
    let by_diagnosis = format!("subject={PERSON}&condition={DIAGNOSIS}");
    let entries = vec![
        with(
            post("urn:uuid:plan", sent_plan),
            "ifNoneExist",
            &by_diagnosis,
        ),
        with(
            post(DIAGNOSIS, diagnosis(PERSON)),
            "ifNoneExist",
            &by_person,
        ),
        person_unless_there(PERSON),
    ];
    assert_eq!(
        statuses(&send(&facade, entries.clone())),
        ["201 Created"; 3]
    );
    let before = changes(&facade);
    assert_eq!(statuses(&send(&facade, entries.clone())), ["200 OK"; 3]);
    assert_eq!(changes(&facade), before);
    // Later, with answers that come after it.
    let later = facade.send(
        "POST",
        "/fhir",
        &[("prefer", "respond-async")],
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string(),
    );
    expect(&later, 202);
}

#[test]
fn criteria_in_a_circle_are_told() {
    let facade = clinic();
    let circle = |full_url: &str, other: &str| {
        let criteria = format!("identifier=1&part-of={other}");
        let mut plan = plan("", "p", "c", "2027-02-25");
        plan["addresses"][0]["reference"] = "Condition/c".into();
        with(post(full_url, plan), "ifNoneExist", &criteria)
    };
    let entries = vec![
        circle("urn:uuid:a", "urn:uuid:b"),
        circle("urn:uuid:b", "urn:uuid:a"),
        circle("urn:uuid:c", "urn:uuid:a"),
    ];
    refused(
        &facade,
        entries,
        400,
        &[
            "error business-rule Bundle.entry[0].request",
            "error business-rule Bundle.entry[1].request",
        ],
    );
}

#[test]
fn criteria_with_a_urn_that_no_entry_has_are_refused_in_a_transaction_and_alone() {
    let facade = clinic();
    let criteria = "identifier=https://ehr.test/id|1&subject=urn:uuid:nobody";
    let create = with(
        post("urn:uuid:x", copd("", "p", "2027-02-20")),
        "ifNoneExist",
        criteria,
    );
    refused(
        &facade,
        vec![create.clone()],
        400,
        &["error value Bundle.entry[0].request"],
    );
    let before = changes(&facade);
    // A batch in which another entry has the urn is meant for a transaction, which is told.
    for (person, expected) in [
        (PERSON, "400 Bad Request"),
        ("urn:uuid:nobody", "422 Unprocessable Entity"),
    ] {
        let batch = facade.post(&json!({ "resourceType": "Bundle", "type": "batch",
            "entry": [person_unless_there(person), create] }));
        let status = &batch.json()["entry"][1]["response"]["status"];
        assert_eq!(status, expected, "{}", batch.text);
    }
    let alone = facade.send(
        "POST",
        "Condition",
        &[("if-none-exist", criteria)],
        copd("c", "p", "2027-02-20").to_string(),
    );
    expect(&alone, 400);
    assert_eq!(changes(&facade), before + 1);
}

#[test]
fn deletions_and_patches_by_criteria_may_name_an_entry_too() {
    let facade = Facade::at(NOW);
    let criteria = format!("Condition?identifier=https://ehr.test/id|1&subject={PERSON}");
    let add = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "add" }, { "name": "path", "valueString": "Condition" },
        { "name": "name", "valueString": "onset" }, { "name": "value", "valueDateTime": "2027-02-01" }] }] });
    let patch = entry("PATCH", &criteria, add);
    let delete = entry("DELETE", &criteria, Value::Null);
    // Of a person who is new, nothing is stored: there is nothing to delete, and nothing to patch.
    refused(
        &facade,
        vec![patch.clone(), person_unless_there(PERSON)],
        404,
        &["error not-found Bundle.entry[0].request"],
    );
    let first = vec![
        delete.clone(),
        person_unless_there(PERSON),
        post(DIAGNOSIS, diagnosis(PERSON)),
    ];
    assert_eq!(
        statuses(&send(&facade, first)),
        ["204 No Content", "201 Created", "201 Created"]
    );
    let patched = send(&facade, vec![patch, person_unless_there(PERSON)]);
    assert_eq!(statuses(&patched), ["200 OK"; 2]);
    assert_eq!(
        facade.search_all("Condition")[0]["onsetDateTime"],
        "2027-02-01"
    );
    let deleted = send(&facade, vec![delete, person_unless_there(PERSON)]);
    assert_eq!(statuses(&deleted), ["204 No Content", "200 OK"]);
    assert!(facade.search_all("Condition").is_empty());
}

#[test]
fn a_search_of_the_same_transaction_may_name_an_entry() {
    let facade = clinic();
    let search = format!("Condition?subject={PERSON}");
    let entries = vec![
        entry("GET", &search, Value::Null),
        person_unless_there(PERSON),
        post(DIAGNOSIS, diagnosis(PERSON)),
    ];
    let reply = send(&facade, entries);
    assert_eq!(statuses(&reply), ["200 OK", "201 Created", "201 Created"]);
    assert_eq!(reply.json()["entry"][0]["resource"]["total"], 1);
}

#[test]
fn creates_whose_criteria_meet_are_one_resource() {
    let practice_by = |full_url: &str, criteria: &str| {
        with(post(full_url, practice("")), "ifNoneExist", criteria)
    };
    let by_sor = "identifier=urn:oid:1.2.208.176.1.1|61741000016007";
    let by_yder = "identifier=urn:oid:1.2.208.176.1.4|077410";
    let mut of_id = practice("own");
    of_id["name"] = "Under an id of its own".into();
    for (name, entries, expected) in [
        (
            "the same criteria, written in two ways",
            vec![
                practice_by("urn:uuid:1", by_sor),
                practice_by(
                    "urn:uuid:2",
                    "identifier=urn%3Aoid%3A1.2.208.176.1.1%7C61741000016007",
                ),
            ],
            ["201 Created", "200 OK"],
        ),
        (
            "criteria that match what the first makes",
            vec![
                practice_by("urn:uuid:1", by_sor),
                practice_by("urn:uuid:2", by_yder),
            ],
            ["201 Created", "200 OK"],
        ),
        (
            "criteria that match what another makes without criteria, before or after",
            vec![
                practice_by("urn:uuid:1", by_sor),
                post("urn:uuid:2", practice("")),
            ],
            ["200 OK", "201 Created"],
        ),
        (
            "criteria that match what another puts under an id",
            vec![practice_by("urn:uuid:1", by_sor), put(of_id)],
            ["200 OK", "201 Created"],
        ),
        (
            "criteria that the content does not meet itself",
            vec![
                practice_by("urn:uuid:1", "identifier=of-nobody"),
                practice_by("urn:uuid:2", "identifier=of-nobody"),
            ],
            ["201 Created", "200 OK"],
        ),
    ] {
        let facade = Facade::at(NOW);
        let reply = send(&facade, entries);
        assert_eq!(statuses(&reply), expected, "{name}");
        let location = |at: usize| reply.json()["entry"][at]["response"]["location"].clone();
        assert_eq!(location(0), location(1), "{name}");
        assert_eq!(facade.search_all("Organization").len(), 1, "{name}");
    }
}

#[test]
fn criteria_may_name_an_entry_by_a_uri_and_meet_or_find_what_names_it_so() {
    let by_address = "https://ehr.example/fhir/Organization/9";
    for full_url in [PERSON, by_address] {
        let facade = clinic();
        let planned = || {
            let mut plan = identified(plan("", "p", "c", "2027-02-25"), "1");
            plan["instantiatesUri"] = json!([full_url]);
            plan
        };
        let criteria = format!("instantiates-uri={full_url}");
        let mut part = identified(plan("", "p", "c", "2027-02-26"), "2");
        part["partOf"] = json!([{ "reference": format!("CarePlan?{criteria}") }]);
        let entries = vec![
            post(DIAGNOSIS, planned()),
            post("urn:uuid:part", part),
            post(full_url, practice("")),
            with(post("urn:uuid:again", planned()), "ifNoneExist", &criteria),
        ];
        let reply = send(&facade, entries.clone());
        let made = "201 Created";
        assert_eq!(statuses(&reply), [made, made, made, "200 OK"], "{full_url}");
        let location = |at: usize| reply.json()["entry"][at]["response"]["location"].clone();
        assert_eq!(location(0), location(3), "{full_url}");
        let plans = facade.search_all("CarePlan");
        assert_eq!(plans.len(), 2, "{full_url}");
        let of = |number: &str| {
            let is_it = |plan: &&Value| {
                let identifiers = plan["identifier"].as_array().unwrap();
                identifiers.iter().any(|own| own["value"] == number)
            };
            plans.iter().find(is_it).unwrap()
        };
        let expected = format!("CarePlan/{}", of("1")["id"].as_str().unwrap());
        assert_eq!(of("2")["partOf"][0]["reference"], expected, "{full_url}");
        let practices = facade.search_all("Organization");
        let uri = of("1")["instantiatesUri"][0].as_str().unwrap();
        let names =
            |practice: &Value| uri == format!("Organization/{}", practice["id"].as_str().unwrap());
        assert!(practices.iter().any(names), "{full_url}: {uri}");
    }
}

#[test]
fn a_create_may_find_what_another_entry_changes() {
    let facade = clinic();
    let mut moved = practice("gp");
    moved["name"] = "Another name".into();
    let found = with(
        post("urn:uuid:1", practice("")),
        "ifNoneExist",
        "identifier=urn:oid:1.2.208.176.1.4|077410",
    );
    let reply = send(&facade, vec![found.clone(), put(moved.clone())]);
    assert_eq!(statuses(&reply), ["200 OK", "200 OK"]);
    let answer = reply.json();
    for at in [0, 1] {
        let location = &answer["entry"][at]["response"]["location"];
        assert_eq!(*location, format!("{BASE}/Organization/gp/_history/2"));
    }
    // One that gives its number away is no match after the transaction.
    moved["identifier"][1]["value"] = "077411".into();
    let reply = send(&facade, vec![found, put(moved)]);
    assert_eq!(statuses(&reply), ["201 Created", "200 OK"]);
}

#[test]
fn criteria_that_meet_two_resources_are_refused() {
    let facade = clinic();
    let found = with(
        post("urn:uuid:1", practice("")),
        "ifNoneExist",
        "identifier=urn:oid:1.2.208.176.1.4|077410",
    );
    refused(
        &facade,
        vec![found.clone(), post("urn:uuid:2", practice(""))],
        412,
        &["error multiple-matches Bundle.entry[0].request"],
    );
    let update = entry(
        "PUT",
        "Organization?identifier=urn:oid:1.2.208.176.1.4|077410",
        practice("gp"),
    );
    for (name, other) in [
        ("the same criteria", update.clone()),
        ("the resource by its id", put(practice("gp"))),
        ("the resource by other criteria", {
            let by_sor = "Organization?identifier=urn:oid:1.2.208.176.1.1|61741000016007";
            entry("PUT", by_sor, practice("gp"))
        }),
    ] {
        let reply = send(&facade, vec![update.clone(), other]);
        expect(&reply, 400);
        assert!(
            reply.issues()[0].starts_with("error duplicate"),
            "{name}: {}",
            reply.text
        );
    }
}
