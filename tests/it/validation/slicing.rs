//! Repetitions that a profile tells apart: by value, pattern, type, existence or profile; counted,
//! ordered, closed (<https://hl7.org/fhir/R4/profiling.html#slicing>).

use serde_json::{Value, json};

use super::{check_by, merged};
use crate::support::profile::{PUBLISHED, Profile, validator};

/// Holds an Observation with these members against a profile: exactly these findings come.
#[track_caller]
fn check(profile: Profile, rows: &[(Value, &[&str])]) {
    let profile = profile.build();
    let url = profile["url"].as_str().unwrap().to_owned();
    let validator = validator([profile]);
    let observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } });
    for (members, expected) in rows {
        check_by(
            &validator,
            &merged(&observation, members),
            &[&url],
            expected,
        );
    }
}

fn slicing(kind: &str, path: &str, rules: &str) -> Value {
    json!({ "slicing": { "discriminator": [{ "type": kind, "path": path }], "rules": rules } })
}

fn identifier(system: &str, value: &str) -> Value {
    json!({ "system": format!("http://{system}.test"), "value": value })
}

/// Identifiers told apart by their system: `a` once, `b` at most twice, each value of `a` of at
/// most three characters.
fn by_system(rules: &str, ordered: bool) -> Profile {
    let mut sliced = slicing("value", "system", rules);
    sliced["slicing"]["ordered"] = ordered.into();
    Profile::on(
        "Observation",
        &format!("by-system-{rules}{}", if ordered { "-ordered" } else { "" }),
    )
    .with("Observation.identifier", sliced)
    .slice(
        "Observation.identifier",
        "a",
        json!({ "min": 1, "max": "1" }),
    )
    .with(
        "Observation.identifier:a.system",
        json!({ "min": 1, "fixedUri": "http://a.test" }),
    )
    .with(
        "Observation.identifier:a.value",
        json!({ "min": 1, "maxLength": 3 }),
    )
    .slice("Observation.identifier", "b", json!({ "max": "2" }))
    .with(
        "Observation.identifier:b.system",
        json!({ "min": 1, "patternUri": "http://b.test" }),
    )
}

#[test]
fn slices_by_value_are_counted_and_hold_what_they_say() {
    let [a, b, c] = ["a", "b", "c"].map(|system| identifier(system, "1"));
    let of = |identifiers: &[&Value]| json!({ "identifier": identifiers });
    check(
        by_system("open", false),
        &[
            (of(&[&a]), &[]),
            (of(&[&c, &b, &a, &b]), &[]),
            (json!({}), &["error required Observation.identifier"]),
            (of(&[&b, &c]), &["error required Observation.identifier"]),
            (
                of(&[&a, &b, &a]),
                &["error structure Observation.identifier[2]"],
            ),
            (
                of(&[&a, &b, &b, &b, &b]),
                &[
                    "error structure Observation.identifier[3]",
                    "error structure Observation.identifier[4]",
                ],
            ),
            (
                of(&[&c, &identifier("a", "1234")]),
                &["error too-long Observation.identifier[1].value"],
            ),
            (of(&[&identifier("b", "1234"), &a]), &[]),
            (
                of(&[&json!({ "system": "http://a.test" })]),
                &["error required Observation.identifier[0].value"],
            ),
            // One that cannot be told is in no slice.
            (
                of(&[&json!({ "value": "1234" })]),
                &["error required Observation.identifier"],
            ),
            // What is wrong in itself is told of an item in a slice too.
            (
                of(&[&merged(&a, &json!({ "use": "always" }))]),
                &["error code-invalid Observation.identifier[0].use"],
            ),
        ],
    );
}

#[test]
fn closed_slices_take_nothing_else_and_ordered_ones_come_in_order() {
    let [a, b, c] = ["a", "b", "c"].map(|system| identifier(system, "1"));
    let of = |identifiers: &[&Value]| json!({ "identifier": identifiers });
    check(
        by_system("closed", false),
        &[
            (of(&[&b, &a]), &[]),
            (
                of(&[&a, &c]),
                &["error structure Observation.identifier[1]"],
            ),
            (
                of(&[&c, &a, &c]),
                &[
                    "error structure Observation.identifier[0]",
                    "error structure Observation.identifier[2]",
                ],
            ),
        ],
    );
    check(
        by_system("open", true),
        &[
            (of(&[&a, &c, &b, &b, &c]), &[]),
            (
                of(&[&b, &a]),
                &["error structure Observation.identifier[1]"],
            ),
            (of(&[&a, &b, &c, &b]), &[]),
        ],
    );
    check(
        by_system("openAtEnd", false),
        &[
            (of(&[&b, &a, &b, &c, &c]), &[]),
            (
                of(&[&c, &a]),
                &["error structure Observation.identifier[1]"],
            ),
            (
                of(&[&a, &c, &b, &c, &b]),
                &[
                    "error structure Observation.identifier[2]",
                    "error structure Observation.identifier[4]",
                ],
            ),
        ],
    );
}

#[test]
fn a_pattern_tells_slices_apart() {
    let coded = |system: &str, code: &str| json!({ "coding": [{ "system": format!("http://{system}.test"), "code": code }] });
    let profile = Profile::on("Observation", "by-pattern")
        .with("Observation.category", slicing("pattern", "$this", "open"))
        .slice(
            "Observation.category",
            "a",
            json!({ "min": 1, "max": "1", "patternCodeableConcept": coded("a", "1") }),
        )
        .with("Observation.category:a.text", json!({ "min": 1 }))
        .slice(
            "Observation.category",
            "b",
            json!({ "max": "1", "patternCodeableConcept": coded("a", "2") }),
        );
    let with_text = merged(&coded("a", "1"), &json!({ "text": "x" }));
    let two = json!({ "text": "x", "coding": [{ "system": "http://c.test", "code": "9" }, { "system": "http://a.test", "code": "1", "display": "One" }] });
    let of = |concepts: &[&Value]| json!({ "category": concepts });
    check(
        profile,
        &[
            (of(&[&with_text]), &[]),
            (of(&[&two, &coded("a", "2"), &coded("a", "3")]), &[]),
            (
                of(&[&coded("a", "1")]),
                &["error required Observation.category[0].text"],
            ),
            (
                of(&[&coded("a", "2")]),
                &["error required Observation.category"],
            ),
            (
                of(&[&json!({ "text": "x" })]),
                &["error required Observation.category"],
            ),
            (
                of(&[&with_text, &two]),
                &["error structure Observation.category[1]"],
            ),
            (
                of(&[&with_text, &coded("a", "2"), &coded("a", "2")]),
                &["error structure Observation.category[2]"],
            ),
        ],
    );
}

#[test]
fn codings_inside_a_concept_are_told_apart() {
    let coding = |system: &str, code: &str| json!({ "system": format!("http://{system}.test"), "code": code });
    let profile = Profile::on("Observation", "codings")
        .with(
            "Observation.code.coding",
            slicing("value", "system", "open"),
        )
        .slice("Observation.code.coding", "a", json!({ "max": "1" }))
        .with(
            "Observation.code.coding:a.system",
            json!({ "min": 1, "patternUri": "http://a.test" }),
        )
        .with("Observation.code.coding:a.display", json!({ "min": 1 }));
    let of = |codings: &[&Value]| json!({ "code": { "coding": codings } });
    let a = merged(&coding("a", "1"), &json!({ "display": "One" }));
    check(
        profile,
        &[
            (of(&[&a, &coding("b", "1")]), &[]),
            (json!({}), &[]),
            (
                of(&[&coding("b", "1"), &coding("a", "1")]),
                &["error required Observation.code.coding[1].display"],
            ),
            (
                of(&[&a, &coding("b", "1"), &a]),
                &["error structure Observation.code.coding[2]"],
            ),
        ],
    );
}

#[test]
fn the_types_of_a_choice_are_told_apart() {
    let profile = Profile::on("Observation", "by-type")
        .with("Observation.value[x]", slicing("type", "$this", "open"))
        .slice(
            "Observation.value[x]",
            "valueQuantity",
            json!({ "type": [{ "code": "Quantity" }] }),
        )
        .with(
            "Observation.value[x]:valueQuantity.unit",
            json!({ "min": 1 }),
        );
    check(
        profile,
        &[
            (json!({}), &[]),
            (json!({ "valueQuantity": { "value": 1, "unit": "m" } }), &[]),
            (
                json!({ "valueQuantity": { "value": 1 } }),
                &["error required Observation.value.unit"],
            ),
            (json!({ "valueString": "x" }), &[]),
            (
                json!({ "valueQuantity": { "value": 1, "unit": "m" }, "valueString": "x" }),
                &["error structure Observation.value"],
            ),
        ],
    );
    let closed = Profile::on("Observation", "only-type")
        .with("Observation.value[x]", slicing("type", "$this", "closed"))
        .slice(
            "Observation.value[x]",
            "valueQuantity",
            json!({ "min": 1, "type": [{ "code": "Quantity" }] }),
        );
    check(
        closed,
        &[
            (json!({ "valueQuantity": { "value": 1 } }), &[]),
            (json!({}), &["error required Observation.value"]),
            (
                json!({ "valueString": "x" }),
                &[
                    "error required Observation.value",
                    "error structure Observation.value",
                ],
            ),
        ],
    );
}

#[test]
fn whether_something_exists_tells_slices_apart() {
    let profile = Profile::on("Observation", "by-existence")
        .with("Observation.note", slicing("exists", "time", "open"))
        .slice("Observation.note", "dated", json!({ "max": "1" }))
        .with("Observation.note:dated.time", json!({ "min": 1 }))
        .slice("Observation.note", "undated", json!({ "max": "2" }))
        .with("Observation.note:undated.time", json!({ "max": "0" }));
    let dated = json!({ "text": "x", "time": "2027-01-01" });
    let undated = json!({ "text": "x" });
    let of = |notes: &[&Value]| json!({ "note": notes });
    check(
        profile,
        &[
            (of(&[&undated, &dated, &undated]), &[]),
            (
                of(&[&dated, &undated, &dated]),
                &["error structure Observation.note[2]"],
            ),
            (
                of(&[&undated, &undated, &undated]),
                &["error structure Observation.note[2]"],
            ),
        ],
    );
}

#[test]
fn the_profile_of_what_a_reference_names_tells_slices_apart() {
    let target = Profile::on("Observation", "target")
        .with("Observation.subject", json!({ "min": 1 }))
        .build();
    let target_url = format!("{PUBLISHED}/target");
    let profile = Profile::on("Observation", "by-profile")
        .with(
            "Observation.derivedFrom",
            slicing("profile", "resolve()", "open"),
        )
        .slice(
            "Observation.derivedFrom",
            "a",
            json!({ "max": "1", "type": [{ "code": "Reference", "targetProfile": [target_url] }] }),
        )
        .build();
    let validator = validator([target, profile]);
    let contained = |id: &str, more: Value| {
        merged(
            &json!({ "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "x" } }),
            &more,
        )
    };
    let with_subject = json!({ "subject": { "reference": "Patient/1" } });
    for (first, second, expected) in [
        (with_subject.clone(), json!({}), vec![]),
        (json!({}), json!({}), vec![]),
        (
            with_subject.clone(),
            with_subject,
            vec!["error structure Observation.derivedFrom[1]"],
        ),
    ] {
        let observation = json!({
            "resourceType": "Observation", "status": "final", "code": { "text": "x" },
            "contained": [contained("one", first), contained("two", second)],
            "derivedFrom": [{ "reference": "#one" }, { "reference": "#two" }],
        });
        check_by(
            &validator,
            &observation,
            &[&format!("{PUBLISHED}/by-profile")],
            &expected,
        );
    }
}

#[test]
fn a_slice_is_sliced_again() {
    let profile = Profile::on("Observation", "again")
        .with("Observation.identifier", slicing("value", "system", "open"))
        .slice(
            "Observation.identifier",
            "a",
            merged(
                &json!({ "max": "3" }),
                &slicing("value", "type.text", "closed"),
            ),
        )
        .with(
            "Observation.identifier:a.system",
            json!({ "min": 1, "fixedUri": "http://a.test" }),
        )
        .slice(
            "Observation.identifier",
            "a/one",
            json!({ "min": 1, "max": "1" }),
        )
        .with(
            "Observation.identifier:a/one.system",
            json!({ "min": 1, "fixedUri": "http://a.test" }),
        )
        .with(
            "Observation.identifier:a/one.type.text",
            json!({ "min": 1, "fixedString": "one" }),
        )
        .slice("Observation.identifier", "a/two", json!({ "max": "1" }))
        .with(
            "Observation.identifier:a/two.system",
            json!({ "min": 1, "fixedUri": "http://a.test" }),
        )
        .with(
            "Observation.identifier:a/two.type.text",
            json!({ "min": 1, "fixedString": "two" }),
        )
        .with("Observation.identifier:a/two.value", json!({ "min": 1 }));
    let a =
        |text: &str| json!({ "system": "http://a.test", "value": "1", "type": { "text": text } });
    let other = identifier("b", "1");
    let of = |identifiers: &[&Value]| json!({ "identifier": identifiers });
    check(
        profile,
        &[
            (of(&[&a("one"), &other]), &[]),
            (of(&[&other, &a("two"), &a("one")]), &[]),
            (of(&[&a("two")]), &["error required Observation.identifier"]),
            (
                of(&[&a("one"), &a("one")]),
                &["error structure Observation.identifier[1]"],
            ),
            (
                of(&[&a("one"), &a("three")]),
                &["error structure Observation.identifier[1]"],
            ),
            (
                of(&[&a("one"), &merged(&a("two"), &json!({ "value": null }))]),
                &["error required Observation.identifier[1].value"],
            ),
        ],
    );
}
