//! Patches that are refused, and say why.

use serde_json::json;

use super::{JSON_PATCH, patch, refused, server};
use crate::rest::{expect, organization};

#[test]
fn what_is_no_patch_is_refused_and_says_why() {
    let facade = server();
    let one = |op: &str, path: &str| json!([{ "op": op, "path": path, "value": "x", "from": "/nothing" }]);
    for (steps, status, issue) in [
        (json!({}), 400, "error structure"),
        (json!([{ "op": "add" }]), 400, "error invalid"),
        (one("change", "/id"), 400, "error invalid"),
        (one("add", "id"), 400, "error invalid"),
        (one("add", "/a~2"), 400, "error invalid"),
        (json!([{ "op": "add", "path": "/x" }]), 400, "error invalid"),
        (
            json!([{ "op": "move", "path": "/x" }]),
            400,
            "error invalid",
        ),
    ] {
        refused(&facade, "Condition/c", &steps, status, &[issue]);
    }
    let several = json!([{ "op": "add" }, { "op": "remove" }]);
    refused(
        &facade,
        "Condition/c",
        &several,
        400,
        &["error invalid", "error invalid"],
    );
}

#[test]
fn what_cannot_be_patched_is_refused_and_says_why() {
    let facade = server();
    let one = |op: &str, path: &str| json!([{ "op": op, "path": path, "value": "x", "from": "/nothing" }]);
    for (steps, status, issue) in [
        (one("remove", "/nothing"), 422, "error processing"),
        (one("remove", ""), 422, "error processing"),
        (one("replace", "/nothing"), 422, "error processing"),
        (one("add", "/nothing/here"), 422, "error processing"),
        (one("add", "/category/2"), 422, "error processing"),
        (one("add", "/category/01"), 422, "error processing"),
        (one("add", "/recordedDate/0"), 422, "error processing"),
        (one("move", "/x"), 422, "error processing"),
        (one("copy", "/x"), 422, "error processing"),
        (
            json!([{ "op": "move", "from": "/code", "path": "/code/x" }]),
            422,
            "error processing",
        ),
        (
            json!([{ "op": "test", "path": "/recordedDate", "value": "2027-02-21" }]),
            422,
            "error processing",
        ),
        (one("test", "/nothing"), 422, "error processing"),
        (
            one("replace", "/id"),
            422,
            "error business-rule Condition.id",
        ),
        (
            one("remove", "/id"),
            422,
            "error business-rule Condition.id",
        ),
        (
            one("replace", "/meta/versionId"),
            422,
            "error business-rule Condition.meta.versionId",
        ),
        (
            one("replace", "/meta/lastUpdated"),
            422,
            "error business-rule Condition.meta.lastUpdated",
        ),
        (
            json!([{ "op": "replace", "path": "/resourceType", "value": "Patient" }]),
            422,
            "error business-rule Condition.resourceType",
        ),
        (
            json!([{ "op": "replace", "path": "", "value": [] }]),
            422,
            "error business-rule Condition.resourceType",
        ),
    ] {
        refused(&facade, "Condition/c", &steps, status, &[issue]);
    }
    // As a whole or not at all.
    let half = json!([{ "op": "replace", "path": "/recordedDate", "value": "2027-02-10" }, { "op": "remove", "path": "/nothing" }]);
    refused(&facade, "Condition/c", &half, 422, &["error processing"]);
}

#[test]
fn what_a_patch_makes_is_checked_as_in_an_update() {
    let facade = server();
    for (step, expression) in [
        (
            json!({ "op": "add", "path": "/colour", "value": "red" }),
            "Condition",
        ),
        (
            json!({ "op": "remove", "path": "/verificationStatus" }),
            "Condition",
        ),
        (
            json!({ "op": "replace", "path": "/recordedDate", "value": "2027-03-02" }),
            "Condition.recordedDate",
        ),
        (
            json!({ "op": "replace", "path": "/subject/reference", "value": "Patient/nobody" }),
            "Condition.subject",
        ),
    ] {
        let reply = patch(&facade, "Condition/c", &json!([step]));
        expect(&reply, 422);
        assert!(
            reply
                .issues()
                .iter()
                .any(|issue| issue.starts_with("error") && issue.contains(expression)),
            "{step} {}",
            reply.text
        );
    }
    assert_eq!(facade.get("Condition/c").header("etag"), "W/\"1\"");
}

#[test]
fn only_what_is_there_and_written_by_clients_is_patched() {
    let facade = server();
    let steps = json!([{ "op": "add", "path": "/language", "value": "da" }]);
    for (path, status) in [
        ("Condition/nothing", 404),
        ("Condition?identifier=nothing", 404),
        ("Condition", 412),
        ("Condition?colour=red", 400),
        ("Condition/c?identifier=1", 400),
        ("Task/x", 405),
        ("Task?_id=x", 405),
        ("Observation/x", 404),
        ("Patient/p/$rights", 405),
    ] {
        expect(&patch(&facade, path, &steps), status);
    }
    facade.put_ok(&organization("gone", "one"));
    facade.send("DELETE", "Organization/gone", &[], "");
    expect(&patch(&facade, "Organization/gone", &steps), 410);
    for media_type in [
        "application/xml-patch+xml",
        "application/fhir+turtle",
        "text/plain",
        "",
    ] {
        let refused = facade.send(
            "PATCH",
            "Condition/c",
            &[("content-type", media_type)],
            steps.to_string(),
        );
        expect(&refused, 415);
        assert_eq!(
            refused.header("accept-patch"),
            "application/json-patch+json, application/merge-patch+json, application/fhir+json, application/fhir+xml"
        );
    }
    expect(
        &facade.send(
            "PATCH",
            "Condition/c",
            &[JSON_PATCH],
            "[{\"op\":\"add\",\"op\":\"add\"}]",
        ),
        400,
    );
    expect(
        &facade.send("PATCH", "Condition/c", &[JSON_PATCH], "nonsense"),
        400,
    );
}

#[test]
fn a_hostile_patch_stays_within_bounds() {
    let facade = server();
    let doubling: Vec<_> = (0..64)
        .map(|at| json!({ "op": "copy", "from": "/code", "path": format!("/code/x{at}") }))
        .collect();
    refused(
        &facade,
        "Condition/c",
        &json!(doubling),
        422,
        &["error processing"],
    );
    let wide: Vec<_> = (0..500)
        .map(|at| json!({ "op": "copy", "from": "/code", "path": format!("/code/x{}", at % 7) }))
        .collect();
    refused(
        &facade,
        "Condition/c",
        &json!(wide),
        422,
        &["error processing"],
    );
    let deeper = |at: usize| json!({ "op": "add", "path": "/x".repeat(at), "value": {} });
    refused(
        &facade,
        "Condition/c",
        &json!((1..100).map(deeper).collect::<Vec<_>>()),
        422,
        &["error processing"],
    );
    let many = vec![json!({ "op": "remove", "path": "/x" }); 1_001];
    refused(
        &facade,
        "Condition/c",
        &json!(many),
        400,
        &["error too-costly"],
    );
}

#[test]
fn no_answer_repeats_a_persons_number() {
    let facade = server();
    for step in [
        json!({ "op": "test", "path": "/identifier/0/value", "value": "0505550002" }),
        json!({ "op": "0405440001", "path": "/identifier/0/value" }),
        json!({ "op": "remove", "path": "/0405440001" }),
    ] {
        let reply = patch(&facade, "Patient/p", &json!([step]));
        assert!(
            reply.status.is_client_error()
                && !reply.text.contains("0405440001")
                && !reply.text.contains("0505550002"),
            "{}",
            reply.text
        );
    }
}
