//! delete (<https://hl7.org/fhir/R4/http.html#delete>): the resource is gone, its history stays.

use axum::body::Body;

use super::{NOW, changes, clinic, expect, organization};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

fn delete(facade: &Facade, path: &str) -> Reply {
    facade.send("DELETE", path, &[], Body::empty())
}

/// Makes a server whose `Organization/a` had two versions and is deleted.
fn deleted() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    facade.put_ok(&organization("a", "two"));
    let reply = delete(&facade, "Organization/a");
    expect(&reply, 204);
    assert_eq!((reply.header("etag"), reply.text.as_str()), ("W/\"3\"", ""));
    facade
}

#[test]
fn a_deleted_resource_is_gone_and_says_in_which_version() {
    let facade = deleted();
    for path in ["Organization/a", "Organization/a/_history/3"] {
        let reply = facade.get(path);
        expect(&reply, 410);
        assert_eq!(reply.header("etag"), "W/\"3\"");
        assert_eq!(reply.issues(), ["error deleted"]);
    }
    assert_eq!(facade.search_all("Organization?_id=a").len(), 0);
    assert_eq!(
        facade
            .search_all("Organization?identifier=550891000016003")
            .len(),
        0
    );
}

#[test]
fn the_versions_before_a_deletion_and_the_history_stay() {
    let facade = deleted();
    for (version, name) in [(1, "one"), (2, "two")] {
        let reply = facade.get(&format!("Organization/a/_history/{version}"));
        expect(&reply, 200);
        assert_eq!(reply.json()["name"], name);
    }
    let history = facade.get("Organization/a/_history");
    expect(&history, 200);
    let entries = history.json()["entry"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["request"]["method"], "DELETE");
    assert_eq!(entries[0].get("resource"), None);
}

#[test]
fn an_update_after_a_deletion_goes_on_with_the_version_numbers() {
    let facade = deleted();
    let reply = facade.put(&organization("a", "two"));
    expect(&reply, 201);
    assert_eq!(reply.header("etag"), "W/\"4\"");
    expect(&facade.get("Organization/a"), 200);
    expect(&facade.get("Organization/a/_history/3"), 410);
    assert_eq!(facade.search_all("Organization?_id=a").len(), 1);
}

#[test]
fn deleting_what_is_not_there_is_no_error_and_writes_nothing() {
    let facade = deleted();
    let before = changes(&facade);
    for path in ["Organization/a", "Organization/never", "Organization/a"] {
        expect(&delete(&facade, path), 204);
    }
    assert_eq!(changes(&facade), before);
    expect(&facade.get("Organization/never"), 404);
}

#[test]
fn delete_honours_if_match() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    facade.put_ok(&organization("a", "two"));
    for (etag, status) in [
        ("W/\"1\"", 412),
        ("garbage", 400),
        ("W/\"2\"", 204),
        ("W/\"2\"", 412),
        ("W/\"3\"", 412),
    ] {
        expect(
            &facade.send(
                "DELETE",
                "Organization/a",
                &[("if-match", etag)],
                Body::empty(),
            ),
            status,
        );
    }
    expect(&facade.get("Organization/a"), 410);
}

#[test]
fn delete_answers_an_outcome_if_the_client_prefers_one() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    let reply = facade.send(
        "DELETE",
        "Organization/a",
        &[("prefer", "return=OperationOutcome")],
        Body::empty(),
    );
    expect(&reply, 200);
    assert_eq!(reply.json()["resourceType"], "OperationOutcome");
}

#[test]
fn a_patient_stays_while_anything_is_about_the_person() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let reply = delete(&facade, "Patient/p");
    expect(&reply, 409);
    assert!(reply.text.contains("Condition/c"), "{}", reply.text);
    expect(&delete(&facade, "Condition/c"), 204);
    expect(&delete(&facade, "Patient/p"), 204);
    expect(&facade.get("Patient/p"), 410);
}
