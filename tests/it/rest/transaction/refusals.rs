//! Transactions that are refused: nothing is written, and each fault is told of its entry.

use axum::body::Body;
use serde_json::{Value, json};

use super::{entry, post, put, refused, send, with};
use crate::rest::{NOW, changes, clinic, expect, identified, organization};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, practice, referral, region};

/// Makes a clinic with two diagnoses that have the same identifier.
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
            412,
            "conflict Bundle.entry[1].request",
        ),
        (
            with(put(copd("a", "p", "2027-02-21")), "ifNoneMatch", "garbage"),
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
            entry("GET", "Condition/a?_count=1", Value::Null),
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
fn two_entries_under_one_address_are_refused() {
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
