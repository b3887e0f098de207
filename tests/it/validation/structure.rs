//! Elements, how often they are there, and what JSON they are.

use serde_json::{Value, json};

use super::check_by;
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

/// Holds the Patient with these members against R4: exactly these findings come.
#[track_caller]
fn check(members: Value, expected: &[&str]) {
    let mut patient = json!({ "resourceType": "Patient" });
    super::merge(&mut patient, &members);
    check_by(&guide_validator(), &patient, &[], expected);
}

/// Checks the Patient of this text, since [`Value`] keeps no member that is null in an edit.
#[track_caller]
fn check_text(members: &str, expected: &[&str]) {
    let patient: Value =
        serde_json::from_str(&format!(r#"{{"resourceType":"Patient",{members}}}"#)).unwrap();
    check_by(&guide_validator(), &patient, &[], expected);
}

#[test]
fn only_elements_of_the_type_are_there() {
    for (members, expected) in [
        (json!({ "nickname": "x" }), vec!["error structure Patient"]),
        (
            json!({ "Name": [{ "text": "x" }] }),
            vec!["error structure Patient"],
        ),
        (
            json!({ "_nickname": { "id": "a" } }),
            vec!["error structure Patient"],
        ),
        (
            json!({ "name": [{ "first": "x", "text": "x" }] }),
            vec!["error structure Patient.name[0]"],
        ),
        (
            json!({ "name": [{ "text": "x" }, { "period": { "begin": "2027" } }] }),
            vec!["error structure Patient.name[1].period"],
        ),
        (
            json!({ "contact": [{ "name": { "text": "x" }, "phone": "1" }] }),
            vec!["error structure Patient.contact[0]"],
        ),
        (
            json!({ "resourceType": "Patient", "meta": { "resourceType": "Meta", "versionId": "1" } }),
            vec!["error structure Patient.meta"],
        ),
        (
            json!({ "name": [{ "resourceType": "HumanName", "text": "x" }] }),
            vec!["error structure Patient.name[0]"],
        ),
        (
            json!({ "fhir_comments": ["x"] }),
            vec!["error structure Patient"],
        ),
        // Only primitives have extensions beside them.
        (
            json!({ "name": [{ "text": "x" }], "_name": [{ "id": "a" }] }),
            vec!["error structure Patient"],
        ),
        // The parts of an element that is defined by another one are its.
        (
            json!({ "communication": [{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": "da" }] }, "tongue": "x" }] }),
            vec!["error structure Patient.communication[0]"],
        ),
        (
            json!({ "_birthDate": { "extension": [{ "url": "http://x.test/e", "valueCode": "x" }] } }),
            vec![],
        ),
    ] {
        check(members, &expected);
    }
}

#[test]
fn an_element_that_is_defined_by_another_has_the_parts_of_that_one() {
    let list = |part: Value| json!({ "resourceType": "Questionnaire", "status": "draft", "item": [{ "linkId": "1", "type": "group", "item": [part] }] });
    let inner = |more: Value| {
        super::merged(
            &json!({ "linkId": "2", "type": "string", "text": "x" }),
            &more,
        )
    };
    for (part, expected) in [
        (inner(json!({})), vec![]),
        (
            inner(json!({ "answer": 1 })),
            vec!["error structure Questionnaire.item[0].item[0]"],
        ),
        (
            inner(json!({ "linkId": null })),
            vec!["error required Questionnaire.item[0].item[0].linkId"],
        ),
        (
            inner(json!({ "type": "ring" })),
            vec!["error code-invalid Questionnaire.item[0].item[0].type"],
        ),
    ] {
        check_by(&guide_validator(), &list(part), &[], &expected);
    }
}

#[test]
fn each_element_is_the_json_that_its_type_asks_for() {
    for (members, expected) in [
        (
            json!({ "active": "true" }),
            vec!["error structure Patient.active"],
        ),
        (
            json!({ "active": 1 }),
            vec!["error structure Patient.active"],
        ),
        (
            json!({ "active": { "value": true } }),
            vec!["error structure Patient.active"],
        ),
        (
            json!({ "birthDate": 1948 }),
            vec!["error structure Patient.birthDate"],
        ),
        (
            json!({ "birthDate": true }),
            vec!["error structure Patient.birthDate"],
        ),
        (
            json!({ "multipleBirthInteger": "2" }),
            vec!["error structure Patient.multipleBirth"],
        ),
        (
            json!({ "multipleBirthInteger": 2.0 }),
            vec!["error value Patient.multipleBirth"],
        ),
        (
            json!({ "maritalStatus": "M" }),
            vec!["error structure Patient.maritalStatus"],
        ),
        (
            json!({ "maritalStatus": true }),
            vec!["error structure Patient.maritalStatus"],
        ),
        (
            json!({ "name": ["Hansen"] }),
            vec!["error structure Patient.name[0]"],
        ),
        (
            json!({ "name": [{ "given": [{ "value": "x" }] }] }),
            vec!["error structure Patient.name[0].given[0]"],
        ),
        (json!({ "text": "x" }), vec!["error structure Patient.text"]),
        (json!({ "meta": "x" }), vec!["error structure Patient.meta"]),
    ] {
        check(members, &expected);
    }
}

#[test]
fn what_repeats_is_an_array_and_nothing_else_is() {
    for (members, expected) in [
        (
            r#""name": {"text": "x"}"#,
            vec!["error structure Patient.name"],
        ),
        (r#""name": []"#, vec!["error structure Patient.name"]),
        (r#""name": "x""#, vec!["error structure Patient.name"]),
        (
            r#""name": [[{"text": "x"}]]"#,
            vec!["error structure Patient.name[0]"],
        ),
        (
            r#""name": [{"given": "x"}]"#,
            vec!["error structure Patient.name[0].given"],
        ),
        (
            r#""name": [{"given": [["x"]]}]"#,
            vec!["error structure Patient.name[0].given[0]"],
        ),
        (
            r#""birthDate": ["1948"]"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": []"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""maritalStatus": [{"text": "x"}]"#,
            vec!["error structure Patient.maritalStatus"],
        ),
        (
            r#""contact": {"name": {"text": "x"}}"#,
            vec!["error structure Patient.contact"],
        ),
        (
            r#""contact": [{"name": [{"text": "x"}]}]"#,
            vec!["error structure Patient.contact[0].name"],
        ),
    ] {
        check_text(members, &expected);
    }
}

#[test]
fn null_stands_only_where_the_other_array_has_something() {
    let extra = r#"{"extension":[{"url":"http://x.test/e","valueCode":"x"}]}"#;
    for (members, expected) in [
        (
            r#""birthDate": null"#.to_owned(),
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""name": null"#.to_owned(),
            vec!["error structure Patient.name"],
        ),
        (
            r#""name": [null]"#.to_owned(),
            vec!["error structure Patient.name[0]"],
        ),
        (
            r#""name": [{"text": "x"}, null]"#.to_owned(),
            vec!["error structure Patient.name[1]"],
        ),
        (
            r#""name": [{"text": null, "family": "x"}]"#.to_owned(),
            vec!["error structure Patient.name[0].text"],
        ),
        (
            r#""name": [{"given": ["a", null]}]"#.to_owned(),
            vec!["error structure Patient.name[0].given[1]"],
        ),
        (
            format!(r#""name": [{{"given": ["a", null], "_given": [null, {extra}]}}]"#),
            vec![],
        ),
        (
            format!(r#""name": [{{"given": ["a"], "_given": [null, {extra}]}}]"#),
            vec![],
        ),
        (format!(r#""name": [{{"_given": [{extra}]}}]"#), vec![]),
        (
            r#""name": [{"given": ["a"], "_given": [null]}]"#.to_owned(),
            vec![],
        ),
        (
            format!(r#""name": [{{"given": ["a", null, "b"], "_given": [{extra}]}}]"#),
            vec!["error structure Patient.name[0].given[1]"],
        ),
        (
            format!(r#""birthDate": "1948", "_birthDate": {extra}"#),
            vec![],
        ),
        (format!(r#""_birthDate": {extra}"#), vec![]),
        (
            r#""birthDate": "1948", "_birthDate": null"#.to_owned(),
            vec!["error structure Patient.birthDate"],
        ),
    ] {
        check_text(&members, &expected);
    }
}

#[test]
fn beside_a_primitive_stand_an_id_and_extensions() {
    for (members, expected) in [
        (r#""birthDate": "1948", "_birthDate": {"id": "a"}"#, vec![]),
        (
            r#""birthDate": "1948", "_birthDate": {}"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": "x""#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": [{"id": "a"}]"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": {"value": "1949"}"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": {"period": "x"}"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": {"_value": {"id": "a"}}"#,
            vec!["error structure Patient.birthDate"],
        ),
        (
            r#""birthDate": "1948", "_birthDate": {"value": "1949", "_value": {"id": "a"}, "extension": []}"#,
            vec![
                "error structure Patient.birthDate",
                "error structure Patient.birthDate",
                "error structure Patient.birthDate.extension",
            ],
        ),
        (
            r#""birthDate": "1948", "_birthDate": {"extension": []}"#,
            vec!["error structure Patient.birthDate.extension"],
        ),
        (
            r#""_birthDate": {"id": "a"}"#,
            vec!["error invariant Patient.birthDate ele-1"],
        ),
        (
            r#""name": [{"given": ["a"], "_given": {"id": "a"}}]"#,
            vec!["error structure Patient.name[0].given"],
        ),
        (
            r#""name": [{"given": ["a"], "_given": []}]"#,
            vec!["error structure Patient.name[0].given"],
        ),
    ] {
        check_text(members, &expected);
    }
}

#[test]
fn what_stands_beside_a_value_is_checked_whatever_a_profile_lists() {
    let date = "Patient.birthDate";
    let of_value = json!({
        "id": format!("{date}.value"), "path": format!("{date}.value"), "min": 0, "max": "1",
        "base": { "path": "date.value", "min": 0, "max": "1" }, "type": [{ "code": "http://hl7.org/fhirpath/System.Date" }]
    });
    let profile = Profile::on("Patient", "dated")
        .element(date, of_value)
        .build();
    let validator = validator([profile]);
    let (dated, extension) = (
        "error structure Patient.birthDate",
        "error structure Patient.birthDate.extension",
    );
    for (beside, expected) in [
        (json!({ "id": "a" }), vec![]),
        (json!({ "extension": [] }), vec![extension]),
        (json!({ "value": "1949", "id": "a" }), vec![dated]),
        (
            json!({ "value": "1949", "extension": [] }),
            vec![dated, extension],
        ),
        (
            json!({ "_value": { "id": "a" }, "extension": [] }),
            vec![dated, extension],
        ),
    ] {
        let patient =
            json!({ "resourceType": "Patient", "birthDate": "1948", "_birthDate": beside });
        check_by(
            &validator,
            &patient,
            &[&format!("{PUBLISHED}/dated")],
            &expected,
        );
    }
}

#[test]
fn an_element_is_not_empty() {
    for (members, expected) in [
        (
            json!({ "maritalStatus": {} }),
            vec!["error structure Patient.maritalStatus"],
        ),
        (
            json!({ "name": [{}] }),
            vec!["error structure Patient.name[0]"],
        ),
        (
            json!({ "name": [{ "id": "a" }] }),
            vec!["error invariant Patient.name[0] ele-1"],
        ),
        (
            json!({ "name": [{ "text": "" }] }),
            vec!["error value Patient.name[0].text"],
        ),
        (
            json!({ "contact": [{}] }),
            vec!["error structure Patient.contact[0]"],
        ),
        (json!({ "meta": {} }), vec!["error structure Patient.meta"]),
    ] {
        check(members, &expected);
    }
}

#[test]
fn of_a_choice_there_is_one_of_a_type_that_it_allows() {
    for (members, expected) in [
        (
            json!({ "deceasedBoolean": true, "deceasedDateTime": "2027" }),
            vec!["error structure Patient.deceased"],
        ),
        (
            json!({ "deceasedBoolean": true, "_deceasedDateTime": { "id": "a", "extension": [{ "url": "http://x.test/e", "valueCode": "x" }] } }),
            vec!["error structure Patient.deceased"],
        ),
        (json!({ "deceased": true }), vec!["error structure Patient"]),
        (
            json!({ "deceasedString": "x" }),
            vec!["error structure Patient"],
        ),
        (
            json!({ "deceasedPeriod": { "start": "2027" } }),
            vec!["error structure Patient"],
        ),
        (
            json!({ "deceasedboolean": true }),
            vec!["error structure Patient"],
        ),
        (
            json!({ "deceasedBoolean": [true] }),
            vec!["error structure Patient.deceased"],
        ),
        (
            json!({ "_deceasedBoolean": { "extension": [{ "url": "http://x.test/e", "valueCode": "x" }] } }),
            vec![],
        ),
    ] {
        check(members, &expected);
    }
}
