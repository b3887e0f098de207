//! Requests that the client does not wait for (`Prefer: respond-async`,
//! <https://hl7.org/fhir/R4/async.html>): each is carried out once, and its answer is the only
//! entry of a Bundle.

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, clinic, expect, population, without_id};
use crate::support::facade::{BASE, Facade, Reply, transaction_of};
use crate::support::people::copd;

const ASYNC: (&str, &str) = ("prefer", "respond-async");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Sends a request that must be taken; answers the path of its status.
#[track_caller]
fn begin(
    facade: &Facade,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> String {
    let reply = facade.send(method, path, &[&[ASYNC], headers].concat(), body);
    assert_eq!(
        (reply.status.as_u16(), &*reply.text),
        (202, ""),
        "{method} {path}: {}",
        reply.text
    );
    assert_eq!(reply.header("preference-applied"), "respond-async");
    let status = reply
        .header("content-location")
        .strip_prefix(BASE)
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    assert!(status.starts_with("_jobs/"), "{status}");
    status
}

/// Asks for the status until the work is done.
fn finished(facade: &Facade, status: &str) -> Reply {
    loop {
        let reply = facade.get(status);
        if reply.status.as_u16() != 202 {
            return reply;
        }
        assert!(
            ["waiting for its turn", "being worked on"].contains(&reply.header("x-progress")),
            "{:?}",
            reply.headers
        );
        assert!(!reply.header("retry-after").is_empty() && !reply.header("expires").is_empty());
    }
}

/// Returns the only entry of the answer.
#[track_caller]
fn entry(reply: &Reply) -> Value {
    expect(reply, 200);
    let bundle = reply.json();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&json!("Bundle"), &json!("batch-response"))
    );
    assert!(
        reply
            .header("content-type")
            .starts_with("application/fhir+json")
            && reply.header("expires").ends_with(" GMT")
    );
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    entries[0].clone()
}

#[test]
fn what_is_asked_for_later_is_what_would_be_answered_at_once() {
    let facade = population();
    for path in [
        "Condition?_include=Condition:subject",
        "/fhir?_type=Goal,CareTeam",
        "Patient/p/*",
        "Patient/p/$everything",
        "_history?_count=3",
        "Condition/_history",
        "Condition/c/_history",
    ] {
        let at_once = facade.get(path);
        let answer = entry(&finished(
            &facade,
            &begin(&facade, "GET", path, &[], Body::empty()),
        ));
        assert_eq!(
            answer,
            json!({ "resource": at_once.json(), "response": { "status": "200 OK" } }),
            "{path}"
        );
    }
    for (path, headers, body) in [
        ("Condition/_search", &[FORM][..], "patient=p"),
        ("_search", &[FORM][..], "_type=Goal"),
        ("Patient/p/Condition/_search", &[FORM][..], ""),
        (
            "Patient/p/$everything",
            &[][..],
            "{\"resourceType\":\"Parameters\"}",
        ),
    ] {
        let at_once = facade.send("POST", path, headers, body);
        let answer = entry(&finished(
            &facade,
            &begin(&facade, "POST", path, headers, body),
        ));
        assert_eq!(answer["resource"], at_once.json(), "{path}");
    }
}

#[test]
fn a_bundle_is_carried_out_once_however_often_its_status_is_asked_for() {
    let facade = clinic();
    let before = changes(&facade);
    let create = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": without_id(copd("c", "p", "2027-02-20")), "request": { "method": "POST", "url": "Condition" } },
    ] });
    let status = begin(
        &facade,
        "POST",
        "/fhir",
        &[("prefer", "return=representation")],
        create.to_string(),
    );
    let first = finished(&facade, &status);
    let answer = entry(&first);
    assert_eq!(answer["response"], json!({ "status": "200 OK" }));
    assert_eq!(answer["resource"]["type"], "transaction-response");
    let created = &answer["resource"]["entry"][0];
    assert_eq!(
        (
            &created["response"]["status"],
            &created["resource"]["resourceType"]
        ),
        (&json!("201 Created"), &json!("Condition"))
    );
    let written = changes(&facade);
    assert!(written > before);
    for _ in 0..3 {
        assert_eq!(facade.get(&status).text, first.text);
    }
    assert_eq!(changes(&facade), written);
    assert_eq!(
        facade.get("Condition?patient=p&_summary=count").json()["total"],
        1
    );
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "GET", "url": "Patient/p" } },
        { "request": { "method": "GET", "url": "Patient/nobody" } },
    ] });
    let answer = entry(&finished(
        &facade,
        &begin(&facade, "POST", "/fhir", &[], batch.to_string()),
    ));
    let statuses: Vec<_> = answer["resource"]["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].clone())
        .collect();
    assert_eq!(statuses, ["200 OK", "404 Not Found"]);
}

#[test]
fn a_refusal_is_the_entry_and_what_is_no_bundle_is_refused_at_once() {
    let facade = clinic();
    let before = changes(&facade);
    let mut wrong = copd("c", "nobody", "2027-02-20");
    let status = begin(
        &facade,
        "POST",
        "/fhir",
        &[],
        transaction_of(&[&wrong]).to_string(),
    );
    let answer = entry(&finished(&facade, &status));
    assert_eq!(
        (&answer["response"]["status"], answer.get("resource")),
        (&json!("422 Unprocessable Entity"), None)
    );
    assert_eq!(
        answer["response"]["outcome"]["resourceType"],
        "OperationOutcome"
    );
    wrong["subject"]["reference"] = "Patient/p".into();
    let at_once = facade.post(&transaction_of(&[&wrong]));
    expect(&at_once, 200);
    assert!(changes(&facade) > before);
    let answer = entry(&finished(
        &facade,
        &begin(&facade, "GET", "Condition?colour=red", &[], Body::empty()),
    ));
    assert_eq!(answer["response"]["status"], "400 Bad Request");
    expect(&facade.send("POST", "/fhir", &[ASYNC], "no JSON"), 400);
    expect(
        &facade.send(
            "POST",
            "/fhir",
            &[ASYNC, ("content-type", "text/plain")],
            "x",
        ),
        415,
    );
}

#[test]
fn what_does_not_take_long_is_answered_at_once() {
    let facade = clinic();
    for (method, path) in [
        ("GET", "Patient/p"),
        ("GET", "metadata"),
        ("GET", "Patient/p/$rights"),
        ("GET", "$meta"),
        ("HEAD", "Patient"),
    ] {
        let reply = facade.send(method, path, &[ASYNC], Body::empty());
        assert_eq!(
            (reply.status.as_u16(), reply.header("preference-applied")),
            (200, ""),
            "{method} {path}"
        );
    }
    let reply = facade.send(
        "PUT",
        "Condition/c",
        &[ASYNC],
        copd("c", "p", "2027-02-20").to_string(),
    );
    expect(&reply, 201);
}

#[test]
fn a_job_can_be_deleted_expires_and_has_no_files() {
    let facade = clinic();
    let status = begin(&facade, "GET", "Patient", &[], Body::empty());
    expect(&facade.send("DELETE", &status, &[], Body::empty()), 202);
    expect(&facade.get(&status), 404);
    expect(&facade.send("DELETE", &status, &[], Body::empty()), 404);
    let status = begin(&facade, "GET", "Patient", &[], Body::empty());
    expect(&finished(&facade, &status), 200);
    expect(&facade.get(&format!("{status}/Patient.ndjson")), 404);
    facade.set_clock("2027-03-01T09:59:59+01:00");
    expect(&facade.get(&status), 200);
    facade.set_clock("2027-03-01T10:00:00+01:00");
    expect(&facade.get(&status), 404);
    let status = begin(&facade, "GET", "Patient", &[], Body::empty());
    let facade = facade.restart("2027-03-01T10:00:01+01:00");
    expect(&facade.get(&status), 404);
}

#[test]
fn there_are_so_many_jobs_at_most() {
    let facade = clinic();
    let jobs: Vec<_> = (0..64)
        .map(|_| begin(&facade, "GET", "Patient?_count=0", &[], Body::empty()))
        .collect();
    let refused = facade.send("GET", "Patient", &[ASYNC], Body::empty());
    expect(&refused, 429);
    assert!(!refused.header("retry-after").is_empty());
    // Exports have places of their own, and a job that is deleted gives its place to another.
    expect(&facade.send("GET", "$export", &[ASYNC], Body::empty()), 202);
    expect(&facade.send("DELETE", &jobs[7], &[], Body::empty()), 202);
    begin(&facade, "GET", "Patient", &[], Body::empty());
    for job in jobs.iter().filter(|job| **job != jobs[7]) {
        assert_eq!(entry(&finished(&facade, job))["resource"]["total"], 1);
    }
}
