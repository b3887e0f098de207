//! A resource that says of itself that it is a part (`SUBSETTED`) is never written: it would replace
//! the whole (<https://hl7.org/fhir/R4/search.html#summary>).

use serde_json::{Value, json};

use super::{changes, expect, population, without_id};
use crate::support::facade::{Facade, Reply};

/// The request that a client of another server sent.
const SENT: &str = include_str!(
    "../../../conformance/requests/10-subsetted-resource-written-back-replaces-the-whole.json"
);

fn tag(system: &str) -> Value {
    json!({ "system": system, "code": "SUBSETTED" })
}

fn of_r4() -> Value {
    tag("http://terminology.hl7.org/CodeSystem/v3-ObservationValue")
}

/// Checks that the refusal says why, at the place of the tag.
#[track_caller]
fn expect_refused(reply: &Reply, at: &str) {
    expect(reply, 422);
    assert_tagged(&reply.json(), at);
}

#[track_caller]
fn assert_tagged(outcome: &Value, at: &str) {
    let issues = outcome["issue"].as_array().unwrap();
    let of_tag = |issue: &&Value| issue["expression"][0] == at;
    let issue = issues
        .iter()
        .find(of_tag)
        .unwrap_or_else(|| panic!("{outcome}"));
    assert_eq!(
        (&issue["severity"], &issue["code"]),
        (&json!("error"), &json!("business-rule"))
    );
    let text = issue["details"]["text"].as_str().unwrap();
    assert!(
        text.contains("SUBSETTED") && text.contains("_summary"),
        "{text}"
    );
}

#[test]
fn a_part_is_refused_whichever_way_it_is_written() {
    let facade = population();
    let before = changes(&facade);
    let sent: Value = serde_json::from_str(SENT).unwrap();
    expect_refused(&facade.put(&sent), "Patient.meta.tag[0]");
    expect_refused(&facade.post(&without_id(sent)), "Patient.meta.tag[0]");
    for read in [
        "Patient/p?_summary=true",
        "Patient/p?_summary=text",
        "Patient/p?_summary=data",
        "Patient/p?_elements=identifier",
        "Condition/c?_summary=true",
        "Organization/gp?_elements=name",
        "ServiceRequest/s?_summary=data",
    ] {
        let part = facade.get(read).json();
        let kind = part["resourceType"].as_str().unwrap();
        let at = format!("{kind}.meta.tag[0]");
        expect_refused(&facade.put(&part), &at);
        let id = part["id"].as_str().unwrap();
        let criteria = format!("{kind}?_id={id}");
        expect_refused(&facade.send("PUT", &criteria, &[], part.to_string()), &at);
        for (method, url) in [("PUT", &*criteria), ("POST", kind)] {
            let request = json!({ "method": method, "url": url });
            let entry = json!({ "resource": part, "request": request });
            let bundle =
                |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
            let whole = facade.post(&bundle("transaction"));
            expect_refused(&whole, "Bundle.entry[0].resource.meta.tag[0]");
            let batch = facade.post(&bundle("batch")).json();
            let answer = &batch["entry"][0]["response"];
            assert_eq!(answer["status"], "422 Unprocessable Entity");
            assert_tagged(&answer["outcome"], &at);
        }
        for path in [
            format!("{kind}/$validate"),
            format!("{kind}/{id}/$validate?mode=update"),
        ] {
            let checked = facade.send("POST", &path, &[], part.to_string());
            expect(&checked, 200);
            assert_tagged(&checked.json(), &at);
        }
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_contained_part_is_refused_as_its_container_is() {
    let facade = population();
    let before = changes(&facade);
    let at = "Condition.contained[0].meta.tag[1]";
    let holding = |tag: Value| {
        let mut condition = facade.get("Condition/c").json();
        condition["contained"] = json!([{ "resourceType": "Practitioner", "id": "dr",
            "meta": { "tag": [{ "code": "first" }, tag] } }]);
        condition["asserter"] = json!({ "reference": "#dr" });
        condition
    };
    for system in [
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "http://hl7.org/fhir/v3/ObservationValue",
    ] {
        let part = holding(tag(system));
        expect_refused(&facade.put(&part), at);
        expect_refused(&facade.post(&without_id(part.clone())), at);
        let request = json!({ "method": "PUT", "url": "Condition/c" });
        let entry = json!({ "resource": part, "request": request });
        let bundle =
            |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
        expect_refused(
            &facade.post(&bundle("transaction")),
            "Bundle.entry[0].resource.contained[0].meta.tag[1]",
        );
        let batch = facade.post(&bundle("batch")).json();
        assert_tagged(&batch["entry"][0]["response"]["outcome"], at);
        let patch = json!([{ "op": "add", "path": "/contained", "value": part["contained"] },
                           { "op": "add", "path": "/asserter", "value": part["asserter"] }]);
        let kind = [("content-type", "application/json-patch+json")];
        expect_refused(
            &facade.send("PATCH", "Condition/c", &kind, patch.to_string()),
            at,
        );
        let path = "Condition/c/$validate?mode=update";
        let checked = facade.send("POST", path, &[], part.to_string());
        expect(&checked, 200);
        assert_tagged(&checked.json(), at);
    }
    assert_eq!(changes(&facade), before);
    facade.put_ok(&holding(tag("https://ehr.test/tags")));
}

#[test]
fn what_a_patch_would_tag_so_is_refused_and_the_tag_can_be_taken_away() {
    let facade = population();
    let before = changes(&facade);
    let send = |facade: &Facade, path: &str, kind: &str, body: Value| {
        let method = if path.contains('$') { "POST" } else { "PATCH" };
        facade.send(method, path, &[("content-type", kind)], body.to_string())
    };
    let at = "Goal.meta.tag[0]";
    let path = "Goal/g";
    let steps = json!([{ "op": "add", "path": "/meta/tag", "value": [of_r4()] }]);
    expect_refused(
        &send(&facade, path, "application/json-patch+json", steps),
        at,
    );
    let merge = json!({ "meta": { "tag": [of_r4()] } });
    expect_refused(
        &send(&facade, path, "application/merge-patch+json", merge),
        at,
    );
    let labels = |meta: Value| json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": meta }] });
    let of_tag = labels(json!({ "tag": [of_r4()] }));
    expect_refused(
        &send(
            &facade,
            "Goal/g/$meta-add",
            "application/fhir+json",
            of_tag.clone(),
        ),
        at,
    );
    assert_eq!(changes(&facade), before);
    let nothing = send(
        &facade,
        "Goal/g/$meta-delete",
        "application/fhir+json",
        of_tag,
    );
    expect(&nothing, 200);
}

#[test]
fn a_whole_resource_is_written_back_and_so_is_one_with_another_tag() {
    let facade = population();
    let before = changes(&facade);
    for path in [
        "Patient/p",
        "Condition/c",
        "Organization/gp",
        "Goal/g",
        "Subscription/sub",
    ] {
        let whole = facade.get(path).json();
        expect(&facade.put(&whole), 200);
    }
    assert_eq!(changes(&facade), before, "the same again writes nothing");
    let mut goal = facade.get("Goal/g").json();
    for (tag, status) in [
        (tag("http://hl7.org/fhir/v3/ObservationValue"), 422),
        (of_r4(), 422),
        (tag("https://ehr.test/tags"), 200),
        (json!({ "code": "SUBSETTED" }), 200),
        (
            json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "A1" }),
            200,
        ),
    ] {
        goal["meta"]["tag"] = json!([{ "code": "first" }, tag]);
        let reply = facade.put(&goal);
        assert_eq!(reply.status.as_u16(), status, "{tag}: {}", reply.text);
        if status == 422 {
            assert_tagged(&reply.json(), "Goal.meta.tag[1]");
        }
    }
}

#[test]
fn a_bundle_that_says_that_it_is_a_part_is_not_carried_out() {
    let facade = population();
    let before = changes(&facade);
    for kind in ["batch", "transaction"] {
        let request = json!({ "method": "DELETE", "url": "Goal/g" });
        let reply = facade.post(&json!({ "resourceType": "Bundle", "type": kind,
            "meta": { "tag": [of_r4()] }, "entry": [{ "request": request }] }));
        expect(&reply, 400);
        assert_tagged(&reply.json(), "Bundle.meta.tag[0]");
    }
    assert_eq!(changes(&facade), before);
}
