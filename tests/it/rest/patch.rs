//! patch (<https://hl7.org/fhir/R4/http.html#patch>) with JSON Patch; what holds of any patch is
//! here, what of FHIRPath Patch alone in `fhirpath_patch`.

mod refusals;

use serde_json::{Value, json};

use super::{changes, clinic, expect, identified};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

/// Makes a clinic with a Condition `c` of the identifier 1.
fn server() -> Facade {
    let facade = clinic();
    facade.put_ok(&identified(copd("c", "p", "2027-02-20"), "1"));
    facade
}

fn patch(facade: &Facade, path: &str, steps: &Value) -> Reply {
    facade.send("PATCH", path, &[JSON_PATCH], steps.to_string())
}

/// Checks that a patch is refused with these issues, and changes nothing.
#[track_caller]
fn refused(facade: &Facade, path: &str, steps: &Value, status: u16, issues: &[&str]) {
    let before = changes(facade);
    let reply = patch(facade, path, steps);
    expect(&reply, status);
    assert_eq!(reply.issues(), issues, "{steps}");
    assert_eq!(changes(facade), before, "{steps}");
}

/// Checks the text of `Organization/x` but for `meta`, after the steps on that text.
#[track_caller]
fn check(members: &str, steps: &Value, expected: &str) {
    let facade = clinic();
    let identifier = r#""identifier":[{"system":"http://cvr.dk","value":"31010020"}]"#;
    let whole = |members: &str| {
        format!(r#"{{"resourceType":"Organization","id":"x",{identifier},{members}}}"#)
    };
    expect(
        &facade.send("PUT", "Organization/x", &[], whole(members)),
        201,
    );
    expect(&patch(&facade, "Organization/x", steps), 200);
    let stored = facade.get("Organization/x").text;
    let (before, after) = stored.split_once(r#","meta":{"#).unwrap();
    let stored = format!("{before}{}", after.split_once('}').unwrap().1);
    assert_eq!(stored, whole(expected), "{steps}");
}

#[test]
fn each_step_does_what_it_says_and_leaves_the_order_of_the_rest() {
    let step = |op: &str, path: &str, more: Value| {
        let mut step = json!({ "op": op, "path": path });
        step.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([step])
    };
    let names = r#""name":"A","alias":["a","b","c"],"language":"da""#;
    for (steps, expected) in [
        (
            step("add", "/active", json!({ "value": true })),
            r#""name":"A","alias":["a","b","c"],"language":"da","active":true"#,
        ),
        (
            step("add", "/name", json!({ "value": "B" })),
            r#""name":"B","alias":["a","b","c"],"language":"da""#,
        ),
        (
            step("add", "/alias/1", json!({ "value": "x" })),
            r#""name":"A","alias":["a","x","b","c"],"language":"da""#,
        ),
        (
            step("add", "/alias/-", json!({ "value": "x" })),
            r#""name":"A","alias":["a","b","c","x"],"language":"da""#,
        ),
        (
            step("remove", "/alias/0", json!({})),
            r#""name":"A","alias":["b","c"],"language":"da""#,
        ),
        (
            step("remove", "/name", json!({})),
            r#""alias":["a","b","c"],"language":"da""#,
        ),
        (
            step("replace", "/alias", json!({ "value": ["z"] })),
            r#""name":"A","alias":["z"],"language":"da""#,
        ),
        (
            step("move", "/alias/2", json!({ "from": "/alias/0" })),
            r#""name":"A","alias":["b","c","a"],"language":"da""#,
        ),
        (
            step("copy", "/alias/0", json!({ "from": "/name" })),
            r#""name":"A","alias":["A","a","b","c"],"language":"da""#,
        ),
        (step("test", "/alias/1", json!({ "value": "b" })), names),
    ] {
        check(names, &steps, expected);
    }
}

#[test]
fn digits_stay_and_a_test_compares_what_numbers_are_worth() {
    let position = |number: &str| {
        format!(
            r#""name":"A","extension":[{{"url":"https://ehr.test/height","valueDecimal":{number}}},{{"url":"https://ehr.test/x","valueDecimal":0.10}}]"#
        )
    };
    let at = "/extension/0/valueDecimal";
    check(
        &position("1.00"),
        &json!([{ "op": "test", "path": at, "value": 1 }, { "op": "add", "path": "/active", "value": true }]),
        &format!("{},\"active\":true", position("1.00")),
    );
    let replaced: Value = serde_json::from_str(
        r#"[{"op":"replace","path":"/extension/0/valueDecimal","value":2.50}]"#,
    )
    .unwrap();
    check(&position("1.00"), &replaced, &position("2.50"));
}

#[test]
fn a_patch_is_a_version_with_its_method_and_its_rights() {
    let facade = server();
    assert_eq!(facade.search_all("Task?_id=nothing").len(), 0);
    let due = facade.search_all("Task")[0]["restriction"]["period"]["end"].clone();
    let reply = patch(
        &facade,
        "Condition/c",
        &json!([{ "op": "replace", "path": "/recordedDate", "value": "2027-02-10" }]),
    );
    expect(&reply, 200);
    assert_eq!(
        (reply.header("etag"), &reply.json()["recordedDate"]),
        ("W/\"2\"", &json!("2027-02-10"))
    );
    assert_eq!(
        reply.header("location"),
        "http://frist.test/fhir/Condition/c/_history/2"
    );
    assert_ne!(
        facade.search_all("Task")[0]["restriction"]["period"]["end"],
        due,
        "the right follows"
    );
    let history = facade.get("Condition/c/_history").json();
    assert_eq!(
        history["entry"][0]["request"],
        json!({ "method": "PATCH", "url": "Condition/c" })
    );
}

#[test]
fn a_patch_that_changes_nothing_writes_nothing() {
    let facade = server();
    let before = changes(&facade);
    for steps in [
        json!([]),
        json!([{ "op": "replace", "path": "/recordedDate", "value": "2027-02-20" }]),
        json!([{ "op": "remove", "path": "/meta" }]),
    ] {
        let reply = patch(&facade, "Condition/c", &steps);
        expect(&reply, 200);
        assert_eq!(reply.header("etag"), "W/\"1\"");
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn the_headers_of_an_update_hold_for_a_patch() {
    let facade = server();
    let steps =
        |day: &str| json!([{ "op": "replace", "path": "/recordedDate", "value": day }]).to_string();
    let send = |header: (&str, &str), day: &str| {
        facade.send("PATCH", "Condition/c", &[JSON_PATCH, header], steps(day))
    };
    expect(&send(("if-match", "W/\"2\""), "2027-02-10"), 412);
    expect(&send(("if-match", "W/\"1\""), "2027-02-10"), 200);
    expect(&send(("if-none-match", "*"), "2027-02-11"), 412);
    expect(&send(("if-match", "garbage"), "2027-02-11"), 400);
    assert_eq!(send(("prefer", "return=minimal"), "2027-02-12").text, "");
    assert_eq!(
        send(("prefer", "return=OperationOutcome"), "2027-02-13").json()["resourceType"],
        "OperationOutcome"
    );
}

#[test]
fn one_match_is_patched_and_several_are_not() {
    let facade = server();
    let steps = json!([{ "op": "replace", "path": "/recordedDate", "value": "2027-02-10" }]);
    let reply = patch(
        &facade,
        "Condition?identifier=https://ehr.test/id|1",
        &steps,
    );
    expect(&reply, 200);
    assert_eq!(
        (&reply.json()["id"], &reply.json()["recordedDate"]),
        (&json!("c"), &json!("2027-02-10"))
    );
    facade.put_ok(&identified(copd("d", "p", "2027-02-20"), "1"));
    refused(
        &facade,
        "Condition?identifier=1",
        &steps,
        412,
        &["error multiple-matches"],
    );
}

#[test]
fn a_merge_patch_has_what_changes_and_null_takes_away() {
    let facade = server();
    let merge = |content_type: &str, more: (&str, &str), body: &Value| {
        facade.send(
            "PATCH",
            "Condition/c",
            &[("content-type", content_type), more],
            body.to_string(),
        )
    };
    let whole = facade.get("Condition/c").json();
    for content_type in [
        "application/merge-patch+json",
        "application/json",
        "application/json; charset=UTF-8",
    ] {
        let named = json!({ "recordedDate": "2027-02-10", "code": { "text": "KOL" }, "identifier": [{ "value": "2" }] });
        let reply = merge(content_type, ("x", "y"), &named);
        expect(&reply, 200);
        let found = reply.json();
        assert_eq!(
            (&found["recordedDate"], &found["identifier"]),
            (&json!("2027-02-10"), &json!([{ "value": "2" }])),
            "{content_type}"
        );
        assert_eq!(
            (&found["code"]["coding"], &found["code"]["text"]),
            (&whole["code"]["coding"], &json!("KOL"))
        );
        let before = changes(&facade);
        expect(&merge(content_type, ("x", "y"), &named), 200);
        assert_eq!(changes(&facade), before);
        let back = json!({ "recordedDate": whole["recordedDate"], "code": { "text": null }, "identifier": whole["identifier"] });
        let mut restored = merge(content_type, ("x", "y"), &back).json();
        restored["meta"] = whole["meta"].clone();
        assert_eq!(restored, whole);
    }
    let before = changes(&facade);
    for (body, status) in [
        (json!({ "id": "d" }), 422),
        (json!({ "meta": { "versionId": "99" } }), 422),
        (json!({ "colour": "red" }), 422),
        (json!({ "subject": null }), 422),
        (json!({ "code": {} , "recordedDate": "2027-02" }), 422),
        (json!([{ "op": "remove", "path": "/code" }]), 400),
        (json!("c"), 400),
    ] {
        for content_type in ["application/merge-patch+json", "application/json"] {
            expect(&merge(content_type, ("x", "y"), &body), status);
        }
        expect(&merge("application/fhir+json", ("x", "y"), &body), 400);
    }
    expect(
        &merge(
            "application/merge-patch+json",
            ("if-match", "W/\"1\""),
            &json!({ "language": "da" }),
        ),
        412,
    );
    expect(
        &merge(
            "application/json",
            ("x", "y"),
            &json!({ "resourceType": "Condition", "language": "da" }),
        ),
        400,
    );
    assert_eq!(changes(&facade), before);
}

/// Returns `[{"op":"add"…}]` in a Binary.
fn binary(data: &str) -> Value {
    json!({ "resourceType": "Binary", "contentType": "application/json-patch+json", "data": data })
}

#[test]
fn entries_of_bundles_patch_too() {
    let facade = server();
    let entry = |url: &str, resource: Value| json!({ "resource": resource, "request": { "method": "PATCH", "url": url } });
    let bundle = |kind: &str, entries: Value| {
        facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": entries }))
    };
    // [{"op":"add","path":"/language","value":"da"}]
    let danish = "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2xhbmd1YWdlIiwidmFsdWUiOiJkYSJ9XQ==";
    let named = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "replace" }, { "name": "path", "valueString": "Organization.name" },
        { "name": "value", "valueString": "Nyt navn" }] }] });
    let reply = bundle(
        "transaction",
        json!([
            entry("Condition?identifier=1", binary(danish)),
            entry("Organization/gp", named)
        ]),
    );
    expect(&reply, 200);
    let statuses: Vec<_> = (0..2)
        .map(|at| {
            reply.json()["entry"][at]["response"]["status"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(statuses, ["200 OK", "200 OK"]);
    assert_eq!(facade.get("Condition/c").json()["language"], "da");
    assert_eq!(facade.get("Organization/gp").json()["name"], "Nyt navn");
    let before = changes(&facade);
    // {"language":"da"}
    let merged = json!({ "resourceType": "Binary", "contentType": "application/merge-patch+json", "data": "eyJsYW5ndWFnZSI6ImRhIn0=" });
    let mut stale = entry("Condition/c", binary(danish));
    stale["request"]["ifMatch"] = "W/\"7\"".into();
    for (entry, status) in [
        (entry("Condition/c", binary(danish)), "200 OK"),
        (entry("Condition/c", merged), "200 OK"),
        (stale, "412 Precondition Failed"),
        (entry("Condition/nothing", binary(danish)), "404 Not Found"),
        (entry("Condition/c", binary("%%%")), "400 Bad Request"),
        (entry("Condition/c", binary("e30=")), "400 Bad Request"),
        (
            entry(
                "Condition/c",
                json!({ "resourceType": "Binary", "contentType": "text/plain", "data": danish }),
            ),
            "400 Bad Request",
        ),
        (
            entry("Condition/c", copd("c", "p", "2027-02-20")),
            "400 Bad Request",
        ),
        (entry("Task/x", binary(danish)), "405 Method Not Allowed"),
    ] {
        assert_eq!(
            bundle("batch", json!([entry])).json()["entry"][0]["response"]["status"],
            status,
            "{entry}"
        );
    }
    let twice = json!([
        entry("Condition/c", binary(danish)),
        entry("Condition?identifier=1", binary(danish))
    ]);
    expect(&bundle("transaction", twice), 400);
    assert_eq!(changes(&facade), before);
}

#[test]
fn many_at_once_each_add_theirs() {
    let facade = server();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let facade = &facade;
            let note = json!([{ "op": "add", "path": "/identifier/-", "value": { "system": "https://ehr.test/n", "value": number.to_string() } }]);
            scope.spawn(move || expect(&patch(facade, "Condition/c", &note), 200));
        }
    });
    assert_eq!(
        facade.get("Condition/c").json()["identifier"]
            .as_array()
            .unwrap()
            .len(),
        17
    );
}

#[test]
fn an_address_tells_in_which_ways_a_patch_may_be_sent() {
    let facade = server();
    for (path, ways) in [
        (
            "Condition/c",
            "application/json-patch+json, application/merge-patch+json, application/fhir+json, application/fhir+xml",
        ),
        (
            "Condition",
            "application/json-patch+json, application/merge-patch+json, application/fhir+json, application/fhir+xml",
        ),
        ("Task/c", ""),
        ("metadata", ""),
    ] {
        assert_eq!(
            facade.send("OPTIONS", path, &[], "").header("accept-patch"),
            ways,
            "{path}"
        );
    }
}
