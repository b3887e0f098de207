//! Conditional read in Bundles (<https://hl7.org/fhir/R4/http.html#cread>); by headers it is in
//! `read`.

use serde_json::{Value, json};

use super::{clinic, expect};
use crate::support::facade::Facade;

/// Checks the status and the resource of each answer to a GET of `Patient/p` with that in its
/// request.
fn check(facade: &Facade, kind: &str, cases: &[(Value, &str)]) {
    let entry = |(conditions, _): &(Value, &str)| {
        let mut request = json!({ "method": "GET", "url": "Patient/p" });
        request
            .as_object_mut()
            .unwrap()
            .extend(conditions.as_object().unwrap().clone());
        json!({ "request": request })
    };
    let entries: Vec<_> = cases.iter().map(entry).collect();
    let reply = facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": entries }));
    expect(&reply, 200);
    for ((conditions, status), answer) in
        cases.iter().zip(reply.json()["entry"].as_array().unwrap())
    {
        assert_eq!(answer["response"]["status"], *status, "{conditions}");
        assert_eq!(answer["response"]["etag"], "W/\"1\"", "{conditions}");
        assert!(
            answer["response"]["lastModified"]
                .as_str()
                .unwrap()
                .starts_with("2027-03-01T08:00:00.0"),
            "{answer}"
        );
        assert_eq!(
            answer.get("resource").is_some(),
            *status == "200 OK",
            "{conditions}"
        );
    }
}

#[test]
fn an_entry_is_not_sent_what_its_client_has_and_tags_win_over_instants() {
    let facade = clinic();
    let cases = [
        (json!({ "ifNoneMatch": "W/\"1\"" }), "304 Not Modified"),
        (json!({ "ifNoneMatch": "*" }), "304 Not Modified"),
        (
            json!({ "ifNoneMatch": "W/\"7\", W/\"1\"" }),
            "304 Not Modified",
        ),
        (json!({ "ifNoneMatch": "W/\"2\"" }), "200 OK"),
        (
            json!({ "ifModifiedSince": "2027-03-01T09:00:01+01:00" }),
            "304 Not Modified",
        ),
        (
            json!({ "ifModifiedSince": "2027-03-01T08:59:59+01:00" }),
            "200 OK",
        ),
        (json!({ "ifModifiedSince": "yesterday" }), "200 OK"),
        (
            json!({ "ifNoneMatch": "W/\"2\"", "ifModifiedSince": "2027-03-02T00:00:00Z" }),
            "200 OK",
        ),
        (
            json!({ "ifNoneMatch": "W/\"1\"", "ifModifiedSince": "2027-01-01T00:00:00Z" }),
            "304 Not Modified",
        ),
    ];
    for kind in ["batch", "transaction"] {
        check(&facade, kind, &cases);
    }
}
