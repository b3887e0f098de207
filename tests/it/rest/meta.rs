//! `$meta`, `$meta-add` and `$meta-delete` (<https://hl7.org/fhir/R4/resource-operations.html>).

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, clinic, expect};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

const KP_CONDITION: &str = "https://kronikerpakker.dk/fhir/StructureDefinition/kp-condition";

/// Returns the Meta that was answered.
#[track_caller]
fn meta_of(reply: &Reply) -> Value {
    expect(reply, 200);
    let parameters = reply.json();
    assert_eq!(
        (
            &parameters["resourceType"],
            &parameters["parameter"][0]["name"]
        ),
        (&json!("Parameters"), &json!("return"))
    );
    assert_eq!(parameters["parameter"].as_array().unwrap().len(), 1);
    parameters["parameter"][0]["valueMeta"].clone()
}

fn sent(meta: &Value) -> String {
    json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": meta }] })
        .to_string()
}

fn change(facade: &Facade, path: &str, meta: &Value) -> Reply {
    facade.send("POST", path, &[], sent(meta))
}

fn tag(code: &str) -> Value {
    json!({ "system": "https://ehr.test/tags", "code": code })
}

/// Makes a clinic with `Condition/c`, which has two versions and labels, and `Condition/d`, which
/// has none.
fn labelled() -> Facade {
    let facade = clinic();
    let mut condition = copd("c", "p", "2027-02-20");
    facade.put_ok(&condition);
    let mut red = tag("red");
    red["display"] = "Rød".into();
    condition["meta"] = json!({ "profile": [format!("{KP_CONDITION}|0.1.0")], "security": [{ "code": "R" }], "tag": [red, tag("blue")] });
    facade.put_ok(&condition);
    facade.put_ok(&copd("d", "p", "2027-02-21"));
    facade
}

#[test]
fn meta_of_a_resource_or_version_is_its_own() {
    let facade = labelled();
    let condition = facade.get("Condition/c").json();
    for reply in [
        facade.get("Condition/c/$meta"),
        facade.send("POST", "Condition/c/$meta", &[], Body::empty()),
        facade.send(
            "POST",
            "Condition/c/$meta",
            &[],
            "{\"resourceType\":\"Parameters\"}",
        ),
        facade.get("Condition/c/_history/2/$meta"),
        facade.send("POST", "Condition/c/_history/2/$meta", &[], Body::empty()),
    ] {
        assert_eq!(meta_of(&reply), condition["meta"]);
        assert_eq!(reply.header("etag"), "W/\"2\"");
    }
    let first = meta_of(&facade.get("Condition/c/_history/1/$meta"));
    assert_eq!((&first["versionId"], first.get("tag")), (&json!("1"), None));
    expect(
        &facade.send("HEAD", "Condition/c/$meta", &[], Body::empty()),
        200,
    );
}

#[test]
fn meta_of_many_is_the_union_of_the_labels_in_use() {
    let facade = labelled();
    let mut organization = facade.get("Organization/region").json();
    organization["meta"]["tag"] = json!([tag("green"), tag("blue"), { "code": "bare" }]);
    facade.put_ok(&organization);
    let labels = |path: &str| {
        let got = meta_of(&facade.get(path));
        assert_eq!(meta_of(&facade.send("POST", path, &[], Body::empty())), got);
        got
    };
    let of_conditions = json!({
        "profile": [KP_CONDITION, format!("{KP_CONDITION}|0.1.0")],
        "security": [{ "code": "R" }],
        "tag": [tag("blue"), tag("red")],
    });
    assert_eq!(labels("Condition/$meta"), of_conditions);
    assert_eq!(labels("Goal/$meta"), json!({}));
    let all = labels("$meta");
    assert_eq!(
        all["tag"],
        json!([{ "code": "bare" }, tag("blue"), tag("green"), tag("red")])
    );
    assert!(
        all["profile"]
            .as_array()
            .unwrap()
            .iter()
            .any(|profile| profile == KP_CONDITION)
    );
    assert!(all.get("versionId").is_none() && all.get("lastUpdated").is_none());
    // What is no longer in use is no longer told of.
    expect(
        &change(
            &facade,
            "Condition/c/$meta-delete",
            &json!({ "tag": [tag("blue")] }),
        ),
        200,
    );
    assert_eq!(labels("Condition/$meta")["tag"], json!([tag("red")]));
    expect(
        &facade.send("DELETE", "Condition/c", &[], Body::empty()),
        204,
    );
    assert_eq!(labels("Condition/$meta"), json!({}));
}

#[test]
fn labels_are_added_as_to_a_set_in_a_new_version() {
    let facade = labelled();
    let added =
        json!({ "tag": [tag("red"), tag("green"), tag("green")], "profile": [KP_CONDITION] });
    let reply = change(&facade, "Condition/c/$meta-add", &added);
    let meta = meta_of(&reply);
    assert_eq!(reply.header("etag"), "W/\"3\"");
    assert_eq!(meta, facade.get("Condition/c").json()["meta"]);
    let codes: Vec<_> = meta["tag"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        (codes, &meta["versionId"]),
        (vec!["red", "blue", "green"], &json!("3"))
    );
    assert_eq!(
        meta["profile"],
        json!([format!("{KP_CONDITION}|0.1.0"), KP_CONDITION])
    );
    assert_eq!(
        meta["tag"][0]["display"], "Rød",
        "what was there stays as it was"
    );
    let found = facade
        .get("Condition?_tag=https://ehr.test/tags|green")
        .json();
    assert_eq!(found["total"], 1);
    // The rest is as it was, and the history tells of the change.
    let history = facade.get("Condition/c/_history").json();
    assert_eq!(history["entry"][0]["request"]["method"], "PATCH");
    let content = |at: usize| {
        let mut resource = history["entry"][at]["resource"].clone();
        resource["meta"].take();
        resource
    };
    assert_eq!(content(0), content(1));
    let before = changes(&facade);
    assert_eq!(
        meta_of(&change(&facade, "Condition/c/$meta-add", &added)),
        meta
    );
    assert_eq!(changes(&facade), before, "again, and nothing is written");
}

#[test]
fn labels_are_removed_and_what_is_not_there_is_no_error() {
    let facade = labelled();
    let removed = json!({ "tag": [tag("red"), tag("green")], "security": [{ "code": "R" }], "profile": [KP_CONDITION], "versionId": "1" });
    let meta = meta_of(&change(&facade, "Condition/c/$meta-delete", &removed));
    assert_eq!(
        (&meta["tag"], meta.get("security")),
        (&json!([tag("blue")]), None)
    );
    assert_eq!(
        meta["profile"],
        json!([format!("{KP_CONDITION}|0.1.0")]),
        "another address is another profile"
    );
    let before = changes(&facade);
    expect(&change(&facade, "Condition/d/$meta-delete", &removed), 200);
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_change_of_labels_is_refused_like_any_other_write() {
    let facade = labelled();
    let stale = [("if-match", "W/\"1\"")];
    let before = changes(&facade);
    expect(
        &facade.send(
            "POST",
            "Condition/c/$meta-add",
            &stale,
            sent(&json!({ "tag": [tag("x")] })),
        ),
        412,
    );
    // A claim that does not hold.
    let blood_pressure = "http://hl7.org/fhir/StructureDefinition/bp";
    expect(
        &change(
            &facade,
            "Condition/c/$meta-add",
            &json!({ "profile": [blood_pressure] }),
        ),
        422,
    );
    expect(
        &change(
            &facade,
            "Condition/c/$meta-add",
            &json!({ "tag": [{ "code": "x", "colour": "red" }] }),
        ),
        422,
    );
    for wrong in [
        json!({ "source": "https://x.test" }),
        json!({ "tag": "x" }),
        json!({ "tag": [{}] }),
        json!("x"),
    ] {
        expect(&change(&facade, "Condition/c/$meta-add", &wrong), 400);
    }
    for body in [
        "{\"resourceType\":\"Parameters\"}".to_owned(),
        "{\"resourceType\":\"Goal\"}".to_owned(),
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueString": "x" }] }).to_string(),
        sent(&json!({})).replace("\"meta\"", "\"other\""),
        sent(&json!({})).replace("[{", "[{\"name\":\"meta\",\"valueMeta\":{}},{"),
    ] {
        expect(&facade.send("POST", "Condition/c/$meta-delete", &[], body), 400);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn an_address_that_has_no_labels_says_so() {
    let facade = labelled();
    let before = changes(&facade);
    for path in [
        "Condition/nothing/$meta-add",
        "Task/7/$meta-add",
        "Condition/$meta-add",
        "$meta-add",
        "Condition/c/_history/1/$meta-add",
    ] {
        expect(&change(&facade, path, &json!({ "tag": [tag("x")] })), 404);
    }
    expect(&facade.get("Condition/c/$meta-add"), 405);
    expect(&facade.get("Condition/c/$meta?x=y"), 400);
    expect(
        &facade.send("POST", "Condition/$meta", &[], sent(&json!({}))),
        400,
    );
    expect(&facade.get("Condition/nothing/$meta"), 404);
    expect(&facade.get("Condition/c/_history/7/$meta"), 404);
    assert_eq!(changes(&facade), before);
}

#[test]
fn labels_of_what_was_deleted_are_gone() {
    let facade = labelled();
    expect(
        &facade.send("DELETE", "Condition/d", &[], Body::empty()),
        204,
    );
    expect(&facade.get("Condition/d/$meta"), 410);
    expect(
        &change(
            &facade,
            "Condition/d/$meta-add",
            &json!({ "tag": [tag("x")] }),
        ),
        410,
    );
}
