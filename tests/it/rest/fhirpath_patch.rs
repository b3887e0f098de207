//! FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>): each operation on each kind of
//! element.

use serde_json::{Map, Value, json};

use super::{changes, clinic, expect};
use crate::support::facade::{Facade, Reply};
use crate::support::people::patient;

/// Makes a part of an operation.
fn part(name: &str, key: &str, value: impl Into<Value>) -> Value {
    json!({ "name": name, key: value.into() })
}

fn operation(kind: &str, path: &str, mut more: Vec<Value>) -> Value {
    let mut parts = vec![
        part("type", "valueCode", kind),
        part("path", "valueString", path),
    ];
    parts.append(&mut more);
    json!({ "name": "operation", "part": parts })
}

fn add(path: &str, name: &str, value: Value) -> Value {
    operation("add", path, vec![part("name", "valueString", name), value])
}

fn insert(path: &str, index: i32, value: Value) -> Value {
    operation(
        "insert",
        path,
        vec![part("index", "valueInteger", index), value],
    )
}

fn delete(path: &str) -> Value {
    operation("delete", path, vec![])
}

fn replace(path: &str, value: Value) -> Value {
    operation("replace", path, vec![value])
}

fn reorder(path: &str, source: i32, destination: i32) -> Value {
    operation(
        "move",
        path,
        vec![
            part("source", "valueInteger", source),
            part("destination", "valueInteger", destination),
        ],
    )
}

fn value(key: &str, value: impl Into<Value>) -> Value {
    part("value", key, value)
}

fn patch(facade: &Facade, operations: &[Value]) -> Reply {
    let parameters = json!({ "resourceType": "Parameters", "parameter": operations });
    facade.send("PATCH", "Patient/p", &[], parameters.to_string())
}

/// Makes a clinic whose `Patient/p` has these members besides those of everyone.
fn with(members: &Value) -> Facade {
    let facade = clinic();
    let mut person = patient("p");
    person
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    facade.put_ok(&person);
    facade
}

/// Returns what the operations make of the members (those that everyone has are left out where they
/// are as before).
#[track_caller]
fn check(members: &Value, operations: &[Value], expected: &Value) {
    let facade = with(members);
    let reply = patch(&facade, operations);
    expect(&reply, 200);
    let common = patient("p");
    let told: Map<String, Value> = reply
        .json()
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .filter(|(key, value)| key != "meta" && common.get(key) != Some(value))
        .collect();
    assert_eq!(Value::Object(told), *expected, "{operations:?}");
}

#[track_caller]
fn refused(members: &Value, operations: &[Value], status: u16, at: &str) {
    let facade = with(members);
    let before = changes(&facade);
    let reply = patch(&facade, operations);
    expect(&reply, status);
    assert!(
        reply.issues()[0].ends_with(at),
        "{operations:?} {}",
        reply.text
    );
    assert_eq!(changes(&facade), before);
}

#[test]
fn primitives_and_complex_elements_are_added_replaced_and_deleted() {
    let born = json!({ "birthDate": "1944-05-04" });
    let contact = json!({ "contact": [{ "name": { "text": "Nr 2" }, "gender": "male", "organization": { "display": "Hjemmet" } }] });
    for (members, operation, expected) in [
        (
            json!({}),
            add("Patient", "birthDate", value("valueDate", "1944-05-04")),
            born.clone(),
        ),
        (
            born.clone(),
            replace("Patient.birthDate", value("valueDate", "1944-05-05")),
            json!({ "birthDate": "1944-05-05" }),
        ),
        (born.clone(), delete("Patient.birthDate"), json!({})),
        (json!({}), delete("Patient.birthDate"), json!({})),
        (
            contact.clone(),
            replace("Patient.contact[0].gender", value("valueCode", "female")),
            json!({ "contact": [{ "name": { "text": "Nr 2" }, "gender": "female", "organization": { "display": "Hjemmet" } }] }),
        ),
        (
            contact.clone(),
            delete("Patient.contact[0].name.text"),
            json!({ "contact": [{ "gender": "male", "organization": { "display": "Hjemmet" } }] }),
        ),
        (contact.clone(), delete("Patient.contact[0]"), json!({})),
        (
            json!({}),
            add(
                "Patient",
                "maritalStatus",
                value("valueCodeableConcept", json!({ "text": "gift" })),
            ),
            json!({ "maritalStatus": { "text": "gift" } }),
        ),
        (
            json!({ "maritalStatus": { "text": "gift" } }),
            replace(
                "Patient.maritalStatus",
                value("valueCodeableConcept", json!({ "text": "ugift" })),
            ),
            json!({ "maritalStatus": { "text": "ugift" } }),
        ),
    ] {
        check(&members, &[operation], &expected);
    }
}

#[test]
fn a_value_whose_type_has_no_name_comes_in_parts() {
    let by_parts = |parts: Value| json!({ "name": "value", "part": parts });
    let contact = by_parts(json!([
        { "name": "name", "valueHumanName": { "text": "Nr 2" } },
        { "name": "telecom", "valueContactPoint": { "system": "phone", "value": "1" } },
        { "name": "telecom", "valueContactPoint": { "system": "phone", "value": "2" } },
    ]));
    let made = json!({ "contact": [{ "name": { "text": "Nr 2" }, "telecom": [{ "system": "phone", "value": "1" }, { "system": "phone", "value": "2" }] }] });
    check(
        &json!({}),
        &[add("Patient", "contact", contact.clone())],
        &made,
    );
    check(
        &made,
        &[replace(
            "Patient.contact[0]",
            by_parts(json!([{ "name": "name", "valueHumanName": { "text": "Nr 3" } }])),
        )],
        &json!({ "contact": [{ "name": { "text": "Nr 3" } }] }),
    );
    refused(
        &json!({}),
        &[add(
            "Patient",
            "contact",
            by_parts(json!([{ "name": "colour", "valueString": "x" }])),
        )],
        422,
        "Parameters.parameter[0]",
    );
}

#[test]
fn a_choice_of_types_is_named_without_the_type() {
    let lives = json!({ "deceasedBoolean": false });
    check(
        &json!({}),
        &[add("Patient", "deceased", value("valueBoolean", false))],
        &lives,
    );
    check(
        &lives,
        &[replace(
            "Patient.deceased",
            value("valueDateTime", "2027-02-01"),
        )],
        &json!({ "deceasedDateTime": "2027-02-01" }),
    );
    check(&lives, &[delete("Patient.deceased")], &json!({}));
    refused(
        &json!({}),
        &[add("Patient", "deceased", value("valueString", "x"))],
        422,
        "Parameters.parameter[0]",
    );
    refused(
        &lives,
        &[add("Patient", "deceased", value("valueBoolean", true))],
        422,
        "Parameters.parameter[0]",
    );
}

#[test]
fn lists_are_added_to_inserted_into_moved_and_deleted_from() {
    let phones = |numbers: &[&str]| json!({ "telecom": numbers.iter().map(|number| json!({ "system": "phone", "value": number })).collect::<Vec<_>>() });
    let phone = |number: &str| {
        value(
            "valueContactPoint",
            json!({ "system": "phone", "value": number }),
        )
    };
    let three = phones(&["1", "2", "3"]);
    for (operation, expected) in [
        (
            add("Patient", "telecom", phone("4")),
            phones(&["1", "2", "3", "4"]),
        ),
        (
            insert("Patient.telecom", 0, phone("4")),
            phones(&["4", "1", "2", "3"]),
        ),
        (
            insert("Patient.telecom", 3, phone("4")),
            phones(&["1", "2", "3", "4"]),
        ),
        (reorder("Patient.telecom", 0, 2), phones(&["2", "3", "1"])),
        (reorder("Patient.telecom", 2, 0), phones(&["3", "1", "2"])),
        (reorder("Patient.telecom", 1, 1), phones(&["1", "2", "3"])),
        (delete("Patient.telecom[1]"), phones(&["1", "3"])),
        (
            delete("Patient.telecom.where(value = '1')"),
            phones(&["2", "3"]),
        ),
        (
            replace("Patient.telecom[2].value", value("valueString", "9")),
            phones(&["1", "2", "9"]),
        ),
    ] {
        check(&three, &[operation], &expected);
    }
    check(
        &json!({}),
        &[insert("Patient.telecom", 0, phone("1"))],
        &phones(&["1"]),
    );
    check(&phones(&["1"]), &[delete("Patient.telecom[0]")], &json!({}));
    for operation in [
        insert("Patient.telecom", 4, phone("4")),
        insert("Patient.telecom.where(value > '1')", 0, phone("4")),
        reorder("Patient.telecom", 0, 3),
        reorder("Patient.telecom", 3, 0),
        delete("Patient.telecom"),
        replace("Patient.telecom", phone("4")),
        replace("Patient.photo", phone("4")),
        insert("Patient.photo", 1, phone("4")),
        insert("Patient.gender", 0, value("valueCode", "male")),
    ] {
        refused(&three, &[operation], 422, "Parameters.parameter[0]");
    }
}

#[test]
fn what_stands_beside_a_primitive_stays_with_it() {
    let why = |text: &str| json!({ "extension": [{ "url": "https://ehr.test/why", "valueString": text }] });
    let named = |given: Value, beside: Value| json!({ "name": [{ "use": "official", "family": "Test", "given": given, "_given": beside }] });
    let before = named(json!(["a", "b"]), json!([null, why("b")]));
    check(
        &before,
        &[delete("Patient.name[0].given[0]")],
        &named(json!(["b"]), json!([why("b")])),
    );
    check(
        &before,
        &[insert(
            "Patient.name[0].given",
            0,
            value("valueString", "x"),
        )],
        &named(json!(["x", "a", "b"]), json!([null, null, why("b")])),
    );
    check(
        &before,
        &[reorder("Patient.name[0].given", 1, 0)],
        &named(json!(["b", "a"]), json!([why("b"), null])),
    );
    let extension = value(
        "valueExtension",
        json!({ "url": "https://ehr.test/why", "valueString": "a" }),
    );
    check(
        &before,
        &[add(
            "Patient.name[0].given[0]",
            "extension",
            extension.clone(),
        )],
        &named(json!(["a", "b"]), json!([why("a"), why("b")])),
    );
    let born = json!({ "birthDate": "1944-05-04", "_birthDate": why("a") });
    check(
        &json!({ "birthDate": "1944-05-04" }),
        &[add("Patient.birthDate", "extension", extension)],
        &born,
    );
    check(
        &born,
        &[delete("Patient.birthDate.extension[0]")],
        &json!({ "birthDate": "1944-05-04" }),
    );
    let unknown = json!({ "name": "value", "_valueDate": why("ukendt") });
    check(
        &born,
        &[replace("Patient.birthDate", unknown)],
        &json!({ "_birthDate": why("ukendt") }),
    );
    check(
        &json!({ "_birthDate": why("ukendt") }),
        &[replace(
            "Patient.birthDate",
            value("valueDate", "1944-05-04"),
        )],
        &json!({ "birthDate": "1944-05-04" }),
    );
}

#[test]
fn operations_follow_one_another_and_none_is_done_if_one_cannot_be() {
    let gender = add("Patient", "gender", value("valueCode", "male"));
    let other = replace("Patient.gender", value("valueCode", "other"));
    check(
        &json!({}),
        &[gender.clone(), other],
        &json!({ "gender": "other" }),
    );
    check(&json!({}), &[], &json!({}));
    refused(
        &json!({}),
        &[gender.clone(), gender],
        422,
        "Parameters.parameter[1]",
    );
}

#[test]
fn what_is_no_patch_is_refused_and_says_where() {
    let male = || value("valueCode", "male");
    for (operation, status) in [
        (json!({ "name": "other" }), 400),
        (json!({ "name": "operation" }), 400),
        (operation("change", "Patient.gender", vec![male()]), 400),
        (operation("replace", "Patient.gender", vec![]), 400),
        (operation("add", "Patient", vec![male()]), 400),
        (
            operation("replace", "Patient.gender", vec![male(), male()]),
            400,
        ),
        (
            operation(
                "insert",
                "Patient.name",
                vec![part("index", "valueInteger", -1), male()],
            ),
            400,
        ),
        (
            replace(
                "Patient.gender",
                json!({ "name": "value", "valueCode": "male", "valueString": "male" }),
            ),
            400,
        ),
        (replace("Patient.(", male()), 400),
        (replace("Patient.nonsense()", male()), 400),
    ] {
        refused(&json!({}), &[operation], status, "Parameters.parameter[0]");
    }
    refused(
        &json!({}),
        &vec![delete("Patient.gender"); 101],
        400,
        "Parameters.parameter",
    );
    let facade = clinic();
    expect(
        &facade.send("PATCH", "Patient/p", &[], patient("p").to_string()),
        400,
    );
}

#[test]
fn what_cannot_be_carried_out_is_refused_and_says_where() {
    let male = || value("valueCode", "male");
    for (operation, status) in [
        (replace("Patient.gender", male()), 422),
        (replace("Patient", male()), 422),
        (delete("Patient"), 422),
        (delete("'a' & 'b'"), 422),
        (add("Patient", "colour", male()), 422),
        (add("Patient", "resourceType", male()), 422),
        (add("Patient.contact", "gender", male()), 422),
        (add("Patient.identifier[0].value", "gender", male()), 422),
    ] {
        refused(&json!({}), &[operation], status, "Parameters.parameter[0]");
    }
    refused(
        &json!({}),
        &[replace("Patient.id", value("valueId", "x"))],
        422,
        "Patient.id",
    );
    refused(
        &json!({}),
        &[replace("Patient.meta.versionId", value("valueId", "7"))],
        422,
        "Patient.meta.versionId",
    );
    refused(
        &json!({}),
        &[replace(
            "Patient.name[0].family",
            value("valueBoolean", true),
        )],
        422,
        "Patient.name[0].family",
    );
}

#[test]
fn no_operation_makes_a_resource_deeper_than_one_may_be_sent() {
    let nested = "extension".to_owned() + &".extension".repeat(40);
    let of = |depth: usize| {
        (0..depth).fold(
            json!({ "url": "u", "valueString": "x" }),
            |inner, _| json!({ "url": "u", "extension": [inner] }),
        )
    };
    let value = || value("valueExtension", of(25));
    let operations = [
        add("Patient", "extension", value()),
        add(&format!("Patient.{nested}"), "extension", value()),
        add(
            "Patient.extension.descendants().last()",
            "extension",
            value(),
        ),
    ];
    refused(&json!({}), &operations, 422, "Parameters.parameter[1]");
}
