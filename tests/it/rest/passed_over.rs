//! The things that a request may have beside what it asks for: parameters that mean nothing, a body
//! that is not there, a byte order mark; and the words about an operation that is not there.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{changes, clinic, expect, population};
use crate::support::people::patient;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Requests whose body begins with the mark: method, path, media type and the rest of the body.
const MARKED: &[(&str, &str, &str, &str)] = &[
    (
        "POST",
        "/fhir",
        "application/fhir+json",
        "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}",
    ),
    (
        "POST",
        "Patient/_search",
        "application/x-www-form-urlencoded",
        "_id=marked",
    ),
    (
        "POST",
        "Patient/marked/$rights",
        "application/fhir+json",
        "{\"resourceType\":\"Parameters\"}",
    ),
    (
        "PATCH",
        "Patient/marked",
        "application/json-patch+json",
        "[{\"op\":\"add\",\"path\":\"/language\",\"value\":\"da\"}]",
    ),
    (
        "PATCH",
        "Patient/marked",
        "application/merge-patch+json",
        "{\"language\":\"en\"}",
    ),
    (
        "PATCH",
        "Patient/marked",
        "application/json",
        "{\"language\":\"de\"}",
    ),
    (
        "POST",
        "Patient/$validate",
        "application/fhir+json",
        "{\"resourceType\":\"Patient\"}",
    ),
];

#[test]
fn a_parameter_that_means_nothing_is_passed_over_on_reads_and_histories() {
    let facade = population();
    for (path, unsaid, strict, lenient) in [
        ("Patient/p?_=1", 200, 400, 200),
        ("Patient/p?cache-bust=7&_pretty=true", 200, 400, 200),
        ("Patient/p/_history/1?_=1", 200, 400, 200),
        ("Patient/p/_history?_=1", 200, 400, 200),
        ("Patient/_history?_=1&_count=2", 200, 400, 200),
        ("_history?_=1", 200, 400, 200),
        ("Patient/p?_count=1", 400, 400, 200),
        ("Patient/p?identifier=1", 400, 400, 200),
        ("Patient/p?name:exact=x", 400, 400, 200),
        ("Patient/p?_since=2027", 400, 400, 200),
        ("Patient/p/_history/1?_include=*", 400, 400, 200),
        ("Patient/p/_history?_lastUpdated=gt2027", 400, 400, 200),
        ("Patient/_history?name=x", 400, 400, 200),
        ("_history?_type=Patient", 400, 400, 200),
        // On searches and operations nothing is passed over unless the client says so.
        ("Patient?_=1", 400, 400, 200),
        ("Patient/p/Condition?_=1", 400, 400, 200),
        ("/fhir?_=1", 400, 400, 200),
        ("Patient/p/$rights?_=1", 400, 400, 200),
        ("Patient/p/$everything?_=1", 400, 400, 200),
    ] {
        for (prefer, status) in [
            ("", unsaid),
            ("handling=strict", strict),
            ("handling=lenient", lenient),
        ] {
            let headers = [("prefer", prefer)];
            let alone = facade.send("GET", path, &headers, "");
            assert_eq!(
                alone.status.as_u16(),
                status,
                "{path} {prefer}: {}",
                alone.text
            );
            let entry =
                json!({ "request": { "method": "GET", "url": path.trim_start_matches("/fhir") } });
            for kind in ["batch", "transaction"] {
                let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
                let reply = facade.send("POST", "/fhir", &headers, bundle.to_string());
                let found = match kind {
                    "batch" => reply.json()["entry"][0]["response"]["status"].clone(),
                    _ => Value::from(reply.status.to_string()),
                };
                assert!(
                    found.as_str().unwrap().starts_with(&status.to_string()),
                    "{path}: {found}"
                );
            }
        }
    }
    let history = facade.get("Patient/p/_history?_=1").json();
    let own = history["link"][0]["url"].as_str().unwrap();
    assert!(own.ends_with("/Patient/p/_history"), "{own}");
}

#[test]
fn a_write_passes_nothing_over() {
    let facade = clinic();
    let before = changes(&facade);
    let sent = patient("p").to_string();
    for (method, path) in [
        ("PUT", "Patient/p?_=1"),
        ("DELETE", "Patient/p?_=1"),
        ("POST", "Patient?_=1"),
        ("POST", "/fhir?_=1"),
    ] {
        expect(&facade.send(method, path, &[], sent.clone()), 400);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_search_by_post_may_have_everything_in_its_address_and_no_body() {
    let facade = population();
    for path in [
        "Condition/_search?patient=p",
        "Condition/_search?patient=p&_count=1",
        "Patient/p/Condition/_search?code=DJ449",
        "/fhir/_search?_type=Condition&_id=c",
    ] {
        let expected = facade.get(&path.replace("/_search", "")).json();
        for content_type in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("application/fhir+json"),
        ] {
            let uri = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/fhir/{path}")
            };
            let mut request = Request::post(uri);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let reply = facade.send_request(request.body(Body::empty()).unwrap());
            expect(&reply, 200);
            assert_eq!(reply.json()["entry"], expected["entry"], "{path}");
            assert_eq!(reply.json()["total"], 1, "{path}");
        }
    }
    let with_body = Request::post("/fhir/Condition/_search?patient=p").body(Body::from("code=x"));
    expect(&facade.send_request(with_body.unwrap()), 415);
}

#[test]
fn an_operation_that_is_not_there_is_told_with_those_that_are() {
    let facade = population();
    for (path, words) in [
        ("$foo", "there are $meta, $intake, $export, $reindex"),
        ("$validate", "[base]/[type]/$validate"),
        ("Patient/$foo", "there are $validate, $meta, $export"),
        ("Patient/$everything", "[base]/Patient/[id]/$everything"),
        (
            "Patient/p/$foo",
            "$validate, $meta, $meta-add, $meta-delete, $everything, $rights",
        ),
        (
            "Patient/p/$export",
            "[base]/$export or [base]/Patient/$export",
        ),
        (
            "Condition/c/$rights",
            "there are $validate, $meta, $meta-add, $meta-delete",
        ),
        ("Condition/$status", "there are $validate, $meta"),
        ("Patient/p/_history/1/$foo", "there are $meta"),
        ("Task/t/$meta-add", "there are $validate, $meta"),
    ] {
        for method in ["GET", "POST"] {
            let reply = facade.send(method, path, &[], "{\"resourceType\":\"Parameters\"}");
            expect(&reply, 404);
            let outcome = reply.json();
            let text = outcome["issue"][0]["details"]["text"].as_str().unwrap();
            assert!(text.starts_with("no such operation"), "{text}");
            assert!(text.contains(words), "{path}: {text}");
            assert_eq!(outcome["issue"][0]["code"], "not-found");
        }
        let request = json!({ "method": "GET", "url": path });
        let bundle =
            json!({ "resourceType": "Bundle", "type": "batch", "entry": [{ "request": request }] });
        let answer = facade.post(&bundle).json()["entry"][0]["response"].clone();
        assert_eq!(answer["status"], "404 Not Found");
        let text = answer["outcome"]["issue"][0]["details"]["text"]
            .as_str()
            .unwrap();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_body_may_begin_with_a_byte_order_mark_which_is_not_kept() {
    let facade = population();
    let marked = |text: &str| [MARK, text.as_bytes()].concat();
    let sent = patient("marked").to_string();
    let written = facade.send("PUT", "Patient/marked", &[], marked(&sent));
    expect(&written, 201);
    assert!(written.text.starts_with('{'));
    let stored = facade.get("Patient/marked");
    assert!(
        stored.text.starts_with("{\"resourceType\""),
        "{}",
        stored.text
    );
    let again = facade.send("PUT", "Patient/marked", &[], sent);
    assert_eq!(
        again.header("etag"),
        "W/\"1\"",
        "the mark is no part of the content"
    );
    for (method, path, kind, body) in MARKED {
        let reply = facade.send(method, path, &[("content-type", kind)], marked(body));
        expect(&reply, 200);
        if path.ends_with("_search") {
            assert_eq!(reply.json()["total"], 1);
        }
    }
}
