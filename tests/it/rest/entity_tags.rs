//! `If-Match` and `If-None-Match` of writes: one ETag, several, or `*`, alone and in the entries of
//! Bundles (<https://hl7.org/fhir/R4/http.html#concurrency>).

use serde_json::{Value, json};

use super::{NOW, changes, expect, organization};
use crate::support::facade::{Facade, Reply};

const IF_MATCH: (&str, &str) = ("if-match", "ifMatch");
const IF_NONE_MATCH: (&str, &str) = ("if-none-match", "ifNoneMatch");

/// Conditions on a write, and its status where version 2 is there and where nothing is.
const CASES: &[((&str, &str), &str, u16, u16)] = &[
    (IF_MATCH, "W/\"2\"", 200, 412),
    (IF_MATCH, "\"2\"", 200, 412),
    (IF_MATCH, "W/\"1\"", 412, 412),
    (IF_MATCH, "*", 200, 412),
    (IF_MATCH, " * ", 200, 412),
    (IF_MATCH, "W/\"1\", W/\"2\"", 200, 412),
    (IF_MATCH, "W/\"1\",\"2\",\"other\"", 200, 412),
    (IF_MATCH, "W/\"1\", W/\"3\"", 412, 412),
    (IF_MATCH, "*, W/\"2\"", 400, 400),
    (IF_MATCH, "2", 400, 400),
    (IF_MATCH, "", 400, 400),
    (IF_MATCH, "\"other\"", 400, 400),
    (IF_NONE_MATCH, "*", 412, 201),
    (IF_NONE_MATCH, "W/\"2\"", 412, 201),
    (IF_NONE_MATCH, "\"2\"", 412, 201),
    (IF_NONE_MATCH, "W/\"1\"", 200, 201),
    (IF_NONE_MATCH, "W/\"1\", W/\"2\"", 412, 201),
    (IF_NONE_MATCH, "W/\"1\", W/\"3\"", 200, 201),
    (IF_NONE_MATCH, "garbage", 400, 400),
];

/// Makes a server with version 2 of an Organization.
fn server() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("there", "one"));
    facade.put_ok(&organization("there", "two"));
    facade
}

/// Sends a PUT of another content in a Bundle; returns its status.
fn in_bundle(facade: &Facade, kind: &str, request: &Value, sent: &Value) -> u16 {
    let entry = json!({ "resource": sent, "request": request });
    let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
    let reply = facade.post(&bundle);
    if kind == "transaction" && !reply.status.is_success() {
        return reply.status.as_u16();
    }
    expect(&reply, 200);
    status_of(&reply)
}

fn status_of(reply: &Reply) -> u16 {
    let status = reply.json()["entry"][0]["response"]["status"].clone();
    status.as_str().unwrap()[..3].parse().unwrap()
}

#[test]
fn a_condition_names_one_version_or_several_or_any() {
    for ((header, member), tags, where_it_is, where_nothing_is) in CASES {
        for (id, expected) in [("there", *where_it_is), ("free", *where_nothing_is)] {
            let sent = organization(id, "three");
            let facade = server();
            let before = changes(&facade);
            let path = format!("Organization/{id}");
            let alone = facade.send("PUT", &path, &[(header, tags)], sent.to_string());
            assert_eq!(
                alone.status.as_u16(),
                expected,
                "{header}: {tags}: {}",
                alone.text
            );
            let written = u64::from(expected < 300);
            assert_eq!(changes(&facade), before + written, "{header}: {tags}");
            for kind in ["batch", "transaction"] {
                let facade = server();
                let mut request = json!({ "method": "PUT", "url": path });
                request[member] = (*tags).into();
                let status = in_bundle(&facade, kind, &request, &sent);
                assert_eq!(status, expected, "{member}: {tags} in a {kind}");
                assert_eq!(changes(&facade), before + written, "{member}: {tags}");
            }
        }
    }
}

#[test]
fn deletions_patches_labels_and_criteria_heed_them_too() {
    let labels = json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": { "tag": [{ "code": "x" }] } }] });
    let patch = json!([{ "op": "replace", "path": "/name", "value": "three" }]);
    for (method, path, kind, body) in [
        (
            "DELETE",
            "Organization/there",
            "application/fhir+json",
            Value::Null,
        ),
        (
            "DELETE",
            "Organization?name=two",
            "application/fhir+json",
            Value::Null,
        ),
        (
            "PATCH",
            "Organization/there",
            "application/json-patch+json",
            patch.clone(),
        ),
        (
            "PATCH",
            "Organization?name=two",
            "application/json-patch+json",
            patch,
        ),
        (
            "PUT",
            "Organization?name=two",
            "application/fhir+json",
            organization("there", "three"),
        ),
        (
            "POST",
            "Organization/there/$meta-add",
            "application/fhir+json",
            labels,
        ),
    ] {
        for (tags, is_met) in [
            ("*", true),
            ("W/\"2\"", true),
            ("W/\"1\", W/\"2\"", true),
            ("W/\"1\"", false),
            ("W/\"1\", W/\"3\"", false),
        ] {
            let facade = server();
            let headers = [("content-type", kind), ("if-match", tags)];
            let reply = facade.send(method, path, &headers, body.to_string());
            let expected = match (is_met, method) {
                (false, _) => 412,
                (true, "DELETE") => 204,
                (true, _) => 200,
            };
            assert_eq!(
                reply.status.as_u16(),
                expected,
                "{method} {path} {tags}: {}",
                reply.text
            );
        }
    }
}

#[test]
fn of_two_conditions_both_must_hold() {
    for (required, excluded, status) in [
        ("*", "W/\"1\"", 200),
        ("W/\"2\"", "W/\"2\"", 412),
        ("W/\"2\"", "*", 412),
        ("W/\"1\"", "W/\"1\"", 412),
    ] {
        let facade = server();
        let headers = [("if-match", required), ("if-none-match", excluded)];
        let sent = organization("there", "three");
        let alone = facade.send("PUT", "Organization/there", &headers, sent.to_string());
        assert_eq!(alone.status.as_u16(), status, "{required} {excluded}");
        let request = json!({ "method": "PUT", "url": "Organization/there", "ifMatch": required, "ifNoneMatch": excluded });
        let facade = server();
        assert_eq!(in_bundle(&facade, "batch", &request, &sent), status);
    }
}
