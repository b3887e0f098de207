//! Conditional update (<https://hl7.org/fhir/R4/http.html#cond-update>), alone and in Bundles.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, clinic, expect, identified, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, plan};

const QUERY: &str = "Condition?identifier=https://ehr.test/id|1";

/// Makes a Condition of that day with the identifier that [`QUERY`] asks for.
fn sent(id: &str, recorded: &str) -> Value {
    let resource = identified(copd(id, "p", recorded), "1");
    if id.is_empty() {
        without_id(resource)
    } else {
        resource
    }
}

fn put(facade: &Facade, query: &str, resource: &Value) -> Reply {
    facade.send("PUT", query, &[], resource.to_string())
}

fn entry(method: &str, url: &str, resource: &Value) -> Value {
    json!({ "resource": resource, "request": { "method": method, "url": url } })
}

fn send(facade: &Facade, kind: &str, entries: &[Value]) -> Reply {
    facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": entries }))
}

fn statuses(reply: &Reply) -> Vec<String> {
    let answer = reply.json();
    let entries = answer["entry"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", reply.text));
    entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn no_match_creates_under_a_new_id_and_one_match_is_updated() {
    let facade = clinic();
    let created = put(&facade, QUERY, &sent("", "2027-02-20"));
    expect(&created, 201);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        created.header("location"),
        format!("http://frist.test/fhir/Condition/{id}/_history/1")
    );
    let updated = put(&facade, QUERY, &sent("", "2027-02-21"));
    expect(&updated, 200);
    assert_eq!(
        (updated.json()["id"].as_str(), updated.header("etag")),
        (Some(&*id), "W/\"2\"")
    );
    let before = changes(&facade);
    expect(&put(&facade, QUERY, &sent(&id, "2027-02-21")), 200);
    assert_eq!(
        changes(&facade),
        before,
        "the same content again writes nothing"
    );
    assert_eq!(facade.search_all("Condition").len(), 1);
    assert_eq!(facade.search_all("Task").len(), 1, "the right follows");
}

#[test]
fn no_match_creates_under_the_id_of_the_content_if_it_is_free() {
    let facade = clinic();
    let created = put(&facade, QUERY, &sent("mine", "2027-02-20"));
    expect(&created, 201);
    assert_eq!(created.json()["id"], "mine");
    facade.put_ok(&copd("other", "p", "2027-02-20"));
    let before = changes(&facade);
    let wrong = put(
        &facade,
        "Condition?identifier=2",
        &sent("other", "2027-02-20"),
    );
    expect(&wrong, 409);
    assert_eq!(wrong.issues(), ["error conflict Condition.id"]);
    for (query, id, status) in [
        (QUERY, "other", 400),
        ("Condition?identifier=2", "0405440001", 422),
        ("Condition?identifier=2", "a b", 400),
    ] {
        let wrong = put(&facade, query, &sent(id, "2027-02-20"));
        expect(&wrong, status);
        assert!(
            wrong.issues()[0].ends_with("Condition.id"),
            "{}",
            wrong.text
        );
    }
    assert_eq!(changes(&facade), before);
    facade.send("DELETE", "Condition/other", &[], Body::empty());
    expect(
        &put(
            &facade,
            "Condition?identifier=2",
            &identified(copd("other", "p", "2027-02-20"), "2"),
        ),
        201,
    );
}

#[test]
fn several_matches_or_criteria_that_cannot_be_honoured_write_nothing() {
    let facade = clinic();
    for id in ["a", "b"] {
        facade.put_ok(&sent(id, "2027-02-20"));
    }
    let before = changes(&facade);
    let several = put(&facade, QUERY, &sent("", "2027-02-21"));
    expect(&several, 412);
    assert_eq!(several.issues(), ["error multiple-matches"]);
    for (query, status) in [
        ("Condition", 412),
        ("Condition?", 412),
        ("Condition?_count=1", 412),
        ("Condition?_format=json", 412),
        ("Condition?colour=red", 400),
        ("Condition?identifier=", 400),
        ("Organization?identifier=1", 400),
        ("Observation?identifier=1", 404),
        ("Task?identifier=1", 405),
    ] {
        expect(&put(&facade, query, &sent("", "2027-02-21")), status);
    }
    let lenient = [("prefer", "handling=lenient")];
    expect(
        &facade.send(
            "PUT",
            "Condition?identifier=1&colour=red",
            &lenient,
            sent("", "2027-02-21").to_string(),
        ),
        400,
    );
    assert_eq!(changes(&facade), before);
}

#[test]
fn what_a_header_requires_of_the_version_counts_for_the_match() {
    let facade = clinic();
    let put =
        |header, recorded| facade.send("PUT", QUERY, &[header], sent("", recorded).to_string());
    expect(&put(("if-match", "W/\"1\""), "2027-02-20"), 412);
    expect(&put(("if-none-match", "*"), "2027-02-20"), 201);
    expect(&put(("if-none-match", "*"), "2027-02-21"), 412);
    expect(&put(("if-match", "W/\"1\""), "2027-02-21"), 200);
    expect(&put(("if-match", "W/\"1\""), "2027-02-22"), 412);
}

#[test]
fn the_content_is_checked_as_in_an_update() {
    let facade = clinic();
    let mut wrong = sent("", "2027-02-20");
    wrong["colour"] = "red".into();
    wrong["subject"]["reference"] = "Patient/nobody".into();
    let reply = put(&facade, QUERY, &wrong);
    expect(&reply, 422);
    assert!(reply.issues().len() > 1, "{}", reply.text);
    assert_eq!(facade.search_all("Condition").len(), 0);
}

#[test]
fn of_64_at_once_exactly_one_creates() {
    let facade = clinic();
    let replies: Vec<(u16, String)> = std::thread::scope(|scope| {
        let one = || {
            let reply = put(&facade, QUERY, &sent("", "2027-02-20"));
            (
                reply.status.as_u16(),
                reply.json()["id"].as_str().unwrap_or("").to_owned(),
            )
        };
        let senders: Vec<_> = (0..64).map(|_| scope.spawn(one)).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect()
    });
    let count = |status: u16| replies.iter().filter(|(found, _)| *found == status).count();
    assert_eq!((count(201), count(200)), (1, 63), "{replies:?}");
    assert_eq!(
        replies
            .iter()
            .map(|(_, id)| id)
            .collect::<BTreeSet<_>>()
            .len(),
        1
    );
}

#[test]
fn entries_of_a_bundle_may_be_conditional_and_are_named_by_their_full_url() {
    let facade = clinic();
    let mut condition = entry("PUT", QUERY, &sent("", "2027-02-20"));
    condition["fullUrl"] = "urn:uuid:c".into();
    let mut plan = plan("cp", "p", "c", "2027-02-25");
    plan["addresses"][0]["reference"] = "urn:uuid:c".into();
    let plan = entry("PUT", "CarePlan/cp", &plan);
    let first = send(&facade, "transaction", &[plan.clone(), condition.clone()]);
    expect(&first, 200);
    assert_eq!(statuses(&first), ["201 Created", "201 Created"]);
    let id = facade.search_all(QUERY)[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        facade.get("CarePlan/cp").json()["addresses"][0]["reference"],
        format!("Condition/{id}")
    );
    let before = changes(&facade);
    assert_eq!(
        statuses(&send(&facade, "transaction", &[plan, condition])),
        ["200 OK", "200 OK"]
    );
    assert_eq!(
        changes(&facade),
        before,
        "the same transaction again writes nothing"
    );
    let changed = entry("PUT", QUERY, &sent("", "2027-02-21"));
    assert_eq!(
        statuses(&send(&facade, "batch", std::slice::from_ref(&changed))),
        ["200 OK"]
    );
    assert_eq!(
        facade.get(&format!("Condition/{id}")).json()["recordedDate"],
        "2027-02-21"
    );
    facade.put_ok(&sent("second", "2027-02-20"));
    assert_eq!(
        statuses(&send(&facade, "batch", &[changed])),
        ["412 Precondition Failed"]
    );
}

#[test]
fn entries_of_one_transaction_never_share_a_match() {
    let facade = clinic();
    let before = changes(&facade);
    let conditional = |day| entry("PUT", QUERY, &sent("", day));
    for entries in [
        [conditional("2027-02-20"), conditional("2027-02-21")],
        [
            conditional("2027-02-20"),
            entry("PUT", "Condition?identifier=1", &sent("", "2027-02-20")),
        ],
        [
            conditional("2027-02-20"),
            entry("POST", "Condition", &sent("", "2027-02-20")),
        ],
        [
            conditional("2027-02-20"),
            entry("PUT", "Condition/x", &sent("x", "2027-02-20")),
        ],
    ] {
        let reply = send(&facade, "transaction", &entries);
        expect(&reply, 400);
        assert!(
            reply
                .issues()
                .iter()
                .all(|issue| issue.starts_with("error duplicate Bundle.entry[")),
            "{}",
            reply.text
        );
    }
    assert_eq!(changes(&facade), before);
    facade.put_ok(&sent("a", "2027-02-20"));
    let both = [
        conditional("2027-02-20"),
        entry("PUT", "Condition/a", &sent("a", "2027-02-21")),
    ];
    expect(&send(&facade, "transaction", &both), 400);
    let anew = [
        conditional("2027-02-22"),
        json!({ "request": { "method": "DELETE", "url": "Condition/a" } }),
    ];
    assert_eq!(
        statuses(&send(&facade, "transaction", &anew)),
        ["201 Created", "204 No Content"]
    );
}
