//! Constraints of a profile: how often an element is there, and which value it has.

use serde_json::{Value, json};

use super::check_by;
use crate::support::facade::guide_validator;
use crate::support::profile::{PUBLISHED, Profile, validator};

/// Makes a profile that says how often elements are there, and which types a choice has.
fn counted() -> Value {
    Profile::on("Observation", "counted")
        .with("Observation.subject", json!({ "min": 1 }))
        .with("Observation.note", json!({ "max": "1" }))
        .with("Observation.device", json!({ "max": "0" }))
        .with("Observation.category", json!({ "min": 2 }))
        .with("Observation.component", json!({ "max": "0" }))
        .with(
            "Observation.value[x]",
            json!({ "type": [{ "code": "Quantity" }] }),
        )
        .with("Observation.identifier.value", json!({ "min": 1 }))
        .build()
}

/// Checks an observation as `counted` wants it, with this edit.
fn check_counted(edit: &Value, expected: &[&str]) {
    let observation = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "x" }, "subject": { "reference": "Patient/1" },
        "category": [{ "text": "a" }, { "text": "b" }],
    });
    let validator = validator([counted()]);
    let profile = format!("{PUBLISHED}/counted");
    check_by(
        &validator,
        &super::merged(&observation, edit),
        &[&profile],
        expected,
    );
}

#[test]
fn an_element_is_there_as_often_as_the_profile_says_at_least() {
    for (edit, expected) in [
        (json!({}), vec![]),
        (
            json!({ "subject": null }),
            vec!["error required Observation.subject"],
        ),
        (
            json!({ "status": null, "code": null }),
            vec![
                "error required Observation.status",
                "error required Observation.code",
            ],
        ),
        (
            json!({ "category": [{ "text": "a" }] }),
            vec!["error required Observation.category"],
        ),
        (
            json!({ "category": null }),
            vec!["error required Observation.category"],
        ),
        (
            json!({ "category": [] }),
            vec!["error required Observation.category"],
        ),
        (
            json!({ "category": [{ "text": "a" }, { "text": "b" }, { "text": "c" }] }),
            vec![],
        ),
    ] {
        check_counted(&edit, &expected);
    }
}

#[test]
fn an_element_is_there_as_often_as_the_profile_says_at_most() {
    for (edit, expected) in [
        (json!({ "note": [{ "text": "a" }] }), vec![]),
        (
            json!({ "note": [{ "text": "a" }, { "text": "b" }] }),
            vec!["error structure Observation.note"],
        ),
        // One that may be there once is an array all the same, if R4 lets it repeat.
        (
            json!({ "note": { "text": "a" } }),
            vec!["error structure Observation.note"],
        ),
        (
            json!({ "device": { "reference": "Device/1" } }),
            vec!["error structure Observation.device"],
        ),
        (
            json!({ "component": [{ "code": { "text": "x" }, "valueString": "x" }] }),
            vec!["error structure Observation.component"],
        ),
        (
            json!({ "identifier": [{ "system": "http://x.test", "value": "1" }, { "system": "http://x.test" }] }),
            vec!["error required Observation.identifier[1].value"],
        ),
    ] {
        check_counted(&edit, &expected);
    }
}

#[test]
fn an_element_has_one_value_of_a_type_that_the_profile_allows() {
    for (edit, expected) in [
        (json!({ "valueQuantity": { "value": 1 } }), vec![]),
        (
            json!({ "valueString": "x" }),
            vec!["error structure Observation.value"],
        ),
        (
            json!({ "valueQuantity": { "value": 1 }, "valueString": "x" }),
            vec!["error structure Observation.value"],
        ),
    ] {
        check_counted(&edit, &expected);
    }
}

/// Makes a profile that says what elements are equal to, or contain.
fn valued() -> Value {
    let coding = json!({ "system": "http://x.test/codes", "code": "a" });
    Profile::on("Observation", "valued")
        .with("Observation.status", json!({ "fixedCode": "final" }))
        .with(
            "Observation.code",
            json!({ "patternCodeableConcept": { "coding": [coding], "text": "x" } }),
        )
        .with(
            "Observation.method",
            json!({ "fixedCodeableConcept": { "coding": [coding] } }),
        )
        .with(
            "Observation.category",
            json!({ "patternCodeableConcept": { "text": "c" } }),
        )
        .with(
            "Observation.value[x]",
            json!({ "type": [{ "code": "Quantity" }], "patternQuantity": { "value": 1.50 } }),
        )
        .with(
            "Observation.issued",
            json!({ "patternInstant": "2027-01-01T00:00:00Z" }),
        )
        .build()
}

/// Checks an observation as `valued` wants it, with this edit.
fn check_valued(edit: &Value, expected: &[&str]) {
    let coding = json!({ "system": "http://x.test/codes", "code": "a" });
    let observation = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x", "coding": [coding] } });
    let validator = validator([valued()]);
    let profile = format!("{PUBLISHED}/valued");
    check_by(
        &validator,
        &super::merged(&observation, edit),
        &[&profile],
        expected,
    );
}

#[test]
fn a_status_and_a_code_are_as_the_profile_fixes_or_outlines_them() {
    let with_more = json!({ "system": "http://x.test/codes", "code": "a", "display": "A" });
    for (edit, expected) in [
        (json!({}), vec![]),
        (
            json!({ "status": "amended" }),
            vec!["error value Observation.status"],
        ),
        (
            json!({ "status": null, "_status": { "extension": [{ "url": "http://x.test/e", "valueCode": "x" }] } }),
            vec![
                "error value Observation.status",
                "error value Observation.status",
            ],
        ),
        (
            json!({ "code": { "coding": [{ "system": "http://x.test/other", "code": "b" }, with_more] } }),
            vec![],
        ),
        (
            json!({ "code": { "text": "y" } }),
            vec!["error value Observation.code"],
        ),
        (
            json!({ "code": { "text": null } }),
            vec!["error value Observation.code"],
        ),
        (
            json!({ "code": { "coding": [{ "code": "a" }] } }),
            vec![
                "error value Observation.code",
                "warning code-invalid Observation.code.coding[0]",
            ],
        ),
        (
            json!({ "code": { "coding": null } }),
            vec!["error value Observation.code"],
        ),
    ] {
        check_valued(&edit, &expected);
    }
}

#[test]
fn a_concept_is_as_the_profile_fixes_or_outlines_it() {
    let coding = json!({ "system": "http://x.test/codes", "code": "a" });
    let with_more = json!({ "system": "http://x.test/codes", "code": "a", "display": "A" });
    for (edit, expected) in [
        (json!({ "method": { "coding": [coding] } }), vec![]),
        (
            json!({ "method": { "coding": [with_more] } }),
            vec!["error value Observation.method"],
        ),
        (
            json!({ "method": { "coding": [coding, coding] } }),
            vec!["error value Observation.method"],
        ),
        (
            json!({ "method": { "text": "x", "coding": [coding] } }),
            vec!["error value Observation.method"],
        ),
        (
            json!({ "category": [{ "text": "c", "coding": [coding] }, { "text": "d" }] }),
            vec!["error value Observation.category[1]"],
        ),
    ] {
        check_valued(&edit, &expected);
    }
}

#[test]
fn a_quantity_and_an_instant_are_as_the_profile_fixes_or_outlines_them() {
    for (edit, expected) in [
        (
            json!({ "valueQuantity": { "value": 1.5, "unit": "m" } }),
            vec![],
        ),
        (
            json!({ "valueQuantity": { "value": 1.51 } }),
            vec!["error value Observation.value"],
        ),
        (json!({ "issued": "2027-01-01T00:00:00Z" }), vec![]),
        (
            json!({ "issued": "2027-01-01T00:00:01Z" }),
            vec!["error value Observation.issued"],
        ),
    ] {
        check_valued(&edit, &expected);
    }
}

#[test]
fn who_writes_the_ends_of_a_period_differently_is_told_to_write_both_alike() {
    let alike = "write both ends alike";
    for (start, end, says) in [
        ("2027-03-01", "2027-03-02", None),
        ("2027-03-01", "2027-03-01T10:00:00+01:00", Some(true)),
        ("2027", "2027-03", Some(true)),
        ("2027-03-02", "2027-03-01", Some(false)),
        ("2027-03-01T10:00:00Z", "2027-03-01T10:00:00.5Z", None),
    ] {
        let patient = json!({ "resourceType": "Patient", "address": [{ "city": "A", "period": { "start": start, "end": end } }] });
        let found = guide_validator().check(&patient, &[]);
        let rule = found.iter().find(|issue| issue.rule == "per-1");
        let told = rule.map(|issue| issue.text.contains(alike));
        assert_eq!(told, says, "{start} {end}: {found:?}");
    }
}
