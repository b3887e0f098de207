//! Invariants of Bundles, as published.

use serde_json::{Value, json};

use super::invariants::{check, resource};

fn bundle(kind: &str, elements: Value) -> Value {
    let mut bundle = resource("Bundle", &elements);
    bundle["type"] = kind.into();
    bundle
}

/// Returns the elements of a Bundle with one Patient.
fn one_patient() -> Value {
    json!({ "entry": [{ "resource": { "resourceType": "Patient", "id": "p" } }] })
}

#[test]
fn of_entries_by_the_kind_of_bundle() {
    check(
        "Bundle",
        "bdl-1",
        &[bundle("searchset", json!({"total": 1}))],
        &[bundle("batch", json!({"total": 1}))],
    );
    let found = json!({"entry": [{"search": {"mode": "match"}}]});
    check(
        "Bundle",
        "bdl-2",
        &[bundle("searchset", found.clone())],
        &[bundle("collection", found)],
    );
    let (asked, answered) = (
        json!({"entry": [{"request": {"method": "GET"}}]}),
        json!({"entry": [{"response": {"status": "200"}}]}),
    );
    let plain = one_patient();
    check(
        "Bundle",
        "bdl-3",
        &[
            bundle("batch", asked.clone()),
            bundle("collection", plain.clone()),
        ],
        &[bundle("collection", asked)],
    );
    check(
        "Bundle",
        "bdl-3",
        &[bundle("history", json!({}))],
        &[bundle("transaction", plain.clone())],
    );
    check(
        "Bundle",
        "bdl-4",
        &[bundle("batch-response", answered.clone())],
        &[bundle("searchset", answered)],
    );
    check(
        "Bundle",
        "bdl-5",
        &[bundle("collection", plain)],
        &[bundle(
            "collection",
            json!({"entry": [{"fullUrl": "urn:x"}]}),
        )],
    );
}

#[test]
fn of_addresses_documents_and_messages() {
    let plain = one_patient();
    let twice = |kind: &str, version: &str| {
        let entry = |version: &str| json!({"fullUrl": "urn:x", "resource": {"resourceType": "Patient", "meta": {"versionId": version}}});
        bundle(kind, json!({ "entry": [entry("1"), entry(version)] }))
    };
    check(
        "Bundle",
        "bdl-7",
        &[twice("collection", "2"), twice("history", "1")],
        &[twice("collection", "1")],
    );
    let full_url = |url: &str| bundle("collection", json!({ "entry": [{ "fullUrl": url }] }));
    check(
        "Bundle",
        "bdl-8",
        &[full_url("urn:x"), bundle("collection", plain.clone())],
        &[full_url("http://x/Patient/1/_history/2")],
    );
    let identified = bundle(
        "document",
        json!({"identifier": {"system": "urn:x", "value": "1"}, "timestamp": "2020-01-01T00:00:00Z"}),
    );
    let anonymous = bundle(
        "document",
        json!({"identifier": {"value": "1"}, "_timestamp": {"id": "t"}}),
    );
    check(
        "Bundle",
        "bdl-9",
        std::slice::from_ref(&identified),
        std::slice::from_ref(&anonymous),
    );
    check(
        "Bundle",
        "bdl-10",
        &[identified, bundle("batch", json!({}))],
        &[anonymous],
    );
    let composition = bundle(
        "document",
        json!({"entry": [{"resource": {"resourceType": "Composition"}}, plain["entry"][0]]}),
    );
    check(
        "Bundle",
        "bdl-11",
        &[composition, bundle("batch", plain.clone())],
        &[bundle("document", plain.clone())],
    );
    let header = bundle(
        "message",
        json!({"entry": [{"resource": {"resourceType": "MessageHeader"}}]}),
    );
    check("Bundle", "bdl-12", &[header], &[bundle("message", plain)]);
}
