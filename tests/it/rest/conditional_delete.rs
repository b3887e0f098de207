//! Conditional delete (<https://hl7.org/fhir/R4/http.html#3.1.0.7.1>): one match goes, several
//! stay.

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, clinic, expect, identified};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

const QUERY: &str = "Condition?identifier=https://ehr.test/id|1";

/// Makes a clinic with two Conditions of the identifier 1 and one of 2.
fn server() -> Facade {
    let facade = clinic();
    for (id, value) in [("a", "1"), ("b", "1"), ("c", "2")] {
        facade.put_ok(&identified(copd(id, "p", "2027-02-20"), value));
    }
    facade
}

fn delete(facade: &Facade, query: &str) -> Reply {
    facade.send("DELETE", query, &[], Body::empty())
}

fn bundle(facade: &Facade, kind: &str, entries: &[Value]) -> Reply {
    facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": entries }))
}

#[test]
fn one_match_is_deleted_and_none_is_deleted_already() {
    let facade = server();
    let reply = delete(&facade, "Condition?identifier=2");
    expect(&reply, 204);
    assert_eq!(reply.header("etag"), "W/\"2\"");
    expect(&facade.get("Condition/c"), 410);
    let before = changes(&facade);
    expect(&delete(&facade, "Condition?identifier=2"), 204);
    expect(&delete(&facade, "Condition?identifier=nothing"), 204);
    assert_eq!(changes(&facade), before);
}

#[test]
fn several_matches_all_stay_and_so_does_everything_without_criteria() {
    let facade = server();
    let before = changes(&facade);
    let several = delete(&facade, QUERY);
    expect(&several, 412);
    assert_eq!(several.issues(), ["error multiple-matches"]);
    for (query, status) in [
        ("Condition", 412),
        ("Condition?_count=1", 412),
        ("Condition?_pretty=true", 412),
        ("Condition?colour=red", 400),
        ("Condition?identifier=2&colour=red", 400),
        ("Task?_id=x", 405),
        ("Condition/c?identifier=2", 400),
    ] {
        expect(&delete(&facade, query), status);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn if_match_counts_for_the_match() {
    let facade = server();
    let delete = |etag| {
        facade.send(
            "DELETE",
            "Condition?identifier=2",
            &[("if-match", etag)],
            Body::empty(),
        )
    };
    for (etag, status) in [("W/\"2\"", 412), ("W/\"1\"", 204), ("W/\"1\"", 412)] {
        expect(&delete(etag), status);
    }
}

#[test]
fn a_deletion_in_a_transaction_comes_before_what_else_would_match() {
    let facade = server();
    let create = json!({ "resource": identified(copd("new", "p", "2027-02-21"), "2"),
        "request": { "method": "POST", "url": "Condition", "ifNoneExist": "identifier=2" } });
    let delete = json!({ "request": { "method": "DELETE", "url": "Condition?identifier=2" } });
    let reply = bundle(&facade, "transaction", &[create, delete.clone()]);
    expect(&reply, 200);
    let answer = reply.json();
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(answer["entry"][1]["response"]["status"], "204 No Content");
    let found = facade.search_all("Condition?identifier=2");
    assert_eq!(
        (found.len(), &found[0]["recordedDate"]),
        (1, &json!("2027-02-21"))
    );
    let several = json!({ "request": { "method": "DELETE", "url": QUERY } });
    let refused = bundle(&facade, "transaction", &[delete.clone(), several.clone()]);
    expect(&refused, 412);
    assert_eq!(
        refused.issues(),
        ["error multiple-matches Bundle.entry[1].request"]
    );
    let batch = bundle(&facade, "batch", &[delete, several]).json();
    assert_eq!(batch["entry"][0]["response"]["status"], "204 No Content");
    assert_eq!(
        batch["entry"][1]["response"]["status"],
        "412 Precondition Failed"
    );
}

#[test]
fn of_many_at_once_the_match_is_deleted_once() {
    let facade = clinic();
    facade.put_ok(&identified(
        json!({ "resourceType": "Practitioner", "id": "x" }),
        "1",
    ));
    let before = changes(&facade);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                expect(
                    &delete(&facade, "Practitioner?identifier=https://ehr.test/id|1"),
                    204,
                )
            });
        }
    });
    assert_eq!(changes(&facade), before + 1);
}
