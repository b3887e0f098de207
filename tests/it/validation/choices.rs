//! Profiles on a choice of types: on all types that are left, on one, and on a slice.

use serde_json::{Value, json};

use super::{check_by, merged};
use crate::support::profile::{PUBLISHED, Profile, validator};

/// An extension that anyone may use.
fn noted() -> Value {
    json!([{ "url": "http://x.test/noted", "valueString": "x" }])
}

/// Holds each value of `onset[x]` against a profile on Condition.
#[track_caller]
fn check(profile: Profile, cases: &[(Value, &[&str])]) {
    let profile = profile.build();
    let url = profile["url"].as_str().unwrap().to_owned();
    let validator = validator([profile]);
    let condition = json!({ "resourceType": "Condition", "subject": { "reference": "Patient/1" } });
    for (onset, expected) in cases {
        check_by(&validator, &merged(&condition, onset), &[&url], expected);
    }
}

fn child(whole: &str, name: &str, type_name: &str, more: Value) -> Value {
    let path = format!("{whole}.{name}");
    merged(
        &json!({
            "id": path, "path": path, "min": 0, "max": "1", "type": [{ "code": type_name }],
            "base": { "path": path, "min": 0, "max": if name == "extension" { "*" } else { "1" } },
        }),
        &more,
    )
}

fn age(more: Value) -> Value {
    let age =
        json!({ "value": 40, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a" });
    merged(&age, &more)
}

#[test]
fn what_stands_on_a_choice_holds_for_each_type_and_is_not_all_that_the_type_has() {
    let onset = "Condition.onset[x]";
    let types = json!([{ "code": "dateTime" }, { "code": "Age" }, { "code": "Period" }, { "code": "string" }]);
    let needs_extension = || {
        child(
            onset,
            "extension",
            "Extension",
            json!({ "min": 1, "max": "*" }),
        )
    };
    let only_extension = Profile::on("Condition", "one")
        .with(onset, json!({ "type": types }))
        .element(onset, needs_extension());
    let extension_and_id = Profile::on("Condition", "two")
        .with(onset, json!({ "type": types }))
        .element(onset, needs_extension())
        .element(onset, child(onset, "id", "string", json!({})));
    let unnarrowed = Profile::on("Condition", "all").element(onset, needs_extension());
    let none = "error required Condition.onset.extension";
    let beside = |extension: Value| json!({ "extension": extension });
    for profile in [only_extension, extension_and_id, unnarrowed] {
        check(
            profile,
            &[
                (json!({}), &[]),
                (
                    json!({ "onsetAge": age(json!({ "extension": noted(), "id": "a" })) }),
                    &[],
                ),
                (json!({ "onsetAge": age(json!({})) }), &[none]),
                (
                    json!({ "onsetAge": age(json!({ "extension": noted(), "years": 1 })) }),
                    &["error structure Condition.onset"],
                ),
                // The type's own rules, codes and elements still hold.
                (
                    json!({ "onsetAge": age(json!({ "extension": noted(), "code": null })) }),
                    &["error invariant Condition.onset age-1"],
                ),
                (
                    json!({ "onsetAge": age(json!({ "extension": noted(), "value": "x" })) }),
                    &["error structure Condition.onset.value"],
                ),
                (
                    json!({ "onsetPeriod": { "start": "2027-02-01", "end": "2027-01-01", "extension": noted() } }),
                    &["error invariant Condition.onset per-1"],
                ),
                (
                    json!({ "onsetPeriod": { "start": "2027-01-01", "end": "2027-02-01" } }),
                    &[none],
                ),
                (
                    json!({ "onsetDateTime": "2027-01-01", "_onsetDateTime": beside(noted()) }),
                    &[],
                ),
                (json!({ "onsetDateTime": "2027-01-01" }), &[none]),
                (
                    json!({ "onsetString": "x", "_onsetString": { "id": "s", "extension": noted() } }),
                    &[],
                ),
                (
                    json!({ "onsetString": "x", "_onsetString": { "id": "s" } }),
                    &[none],
                ),
            ],
        );
    }
}

#[test]
fn an_element_that_only_one_of_the_types_has_is_asked_of_values_of_that_type() {
    let onset = "Condition.onset[x]";
    let profile = Profile::on("Condition", "unit").element(
        onset,
        child(
            onset,
            "unit",
            "string",
            json!({ "min": 1, "fixedString": "a" }),
        ),
    );
    check(
        profile,
        &[
            (json!({ "onsetAge": age(json!({})) }), &[]),
            (
                json!({ "onsetAge": age(json!({ "unit": null })) }),
                &["error required Condition.onset.unit"],
            ),
            (
                json!({ "onsetAge": age(json!({ "unit": "b" })) }),
                &["error value Condition.onset.unit"],
            ),
            (json!({ "onsetString": "x" }), &[]),
            (json!({ "onsetPeriod": { "start": "2027-01-01" } }), &[]),
        ],
    );
}

#[test]
fn the_only_type_that_is_left_may_list_some_of_its_elements() {
    let cases: &[(Value, &[&str])] = &[
        (
            json!({ "onsetAge": age(json!({ "extension": noted() })) }),
            &[],
        ),
        (
            json!({ "onsetAge": age(json!({ "unit": null })) }),
            &["error required Condition.onset.unit"],
        ),
        (
            json!({ "onsetAge": age(json!({ "code": null })) }),
            &["error invariant Condition.onset age-1"],
        ),
        (
            json!({ "onsetAge": age(json!({ "years": 1 })) }),
            &["error structure Condition.onset"],
        ),
        (
            json!({ "onsetString": "x" }),
            &["error structure Condition.onset"],
        ),
    ];
    let onset = "Condition.onset[x]";
    let only_age =
        || Profile::on("Condition", "left").with(onset, json!({ "type": [{ "code": "Age" }] }));
    check(
        only_age().element(onset, child(onset, "unit", "string", json!({ "min": 1 }))),
        cases,
    );
    // The choice may also be written as the key of the type that is left.
    let short = json!({ "id": "Condition.onsetAge", "path": "Condition.onsetAge" });
    check(
        only_age()
            .element(
                onset,
                child("Condition.onsetAge", "unit", "string", json!({ "min": 1 })),
            )
            .with(onset, short),
        cases,
    );
}

#[test]
fn a_slice_for_a_type_may_be_written_in_three_ways() {
    let onset = "Condition.onset[x]";
    let slicing = json!({ "slicing": { "discriminator": [{ "type": "type", "path": "$this" }], "rules": "open" } });
    let slice = |id: &str, path: &str, name: Option<&str>| {
        let mut slice = json!({
            "id": id, "path": path, "min": 0, "max": "1", "base": { "path": onset, "min": 0, "max": "1" },
            "type": [{ "code": "Age" }],
        });
        if let Some(name) = name {
            slice["sliceName"] = name.into();
        }
        slice
    };
    let long = "Condition.onset[x]:onsetAge";
    for (id, path, name) in [
        (long, onset, Some("onsetAge")),
        (long, "Condition.onsetAge", Some("onsetAge")),
        ("Condition.onsetAge", "Condition.onsetAge", None),
    ] {
        let mut unit = child(path, "unit", "string", json!({ "min": 1 }));
        unit["id"] = format!("{id}.unit").into();
        let profile = Profile::on("Condition", "sliced")
            .with(onset, slicing.clone())
            .element(onset, unit)
            .element(onset, slice(id, path, name));
        check(
            profile,
            &[
                (
                    json!({ "onsetAge": age(json!({ "extension": noted() })) }),
                    &[],
                ),
                (
                    json!({ "onsetAge": age(json!({ "unit": null })) }),
                    &["error required Condition.onset.unit"],
                ),
                (json!({ "onsetString": "x" }), &[]),
                (json!({ "onsetPeriod": { "start": "2027-01-01" } }), &[]),
            ],
        );
    }
}

#[test]
fn a_choice_inside_an_extension_is_one_like_any_other() {
    let value = "Extension.value[x]";
    let extension = Profile::extension("held", &["Condition"])
        .element(
            value,
            child(value, "extension", "Extension", json!({ "max": "0" })),
        )
        .build();
    let validator = validator([extension]);
    let url = format!("{PUBLISHED}/held");
    let of = |held: Value| {
        json!({
            "resourceType": "Condition", "subject": { "reference": "Patient/1" },
            "extension": [merged(&json!({ "url": url }), &held)],
        })
    };
    let at = "error structure Condition.extension[0].value.extension";
    for (held, expected) in [
        (
            json!({ "valueQuantity": { "value": 1, "unit": "m" } }),
            vec![],
        ),
        (json!({ "valueCodeableConcept": { "text": "x" } }), vec![]),
        (json!({ "valueString": "x" }), vec![]),
        (
            json!({ "valueQuantity": { "value": 1, "extension": noted() } }),
            vec![at],
        ),
        (
            json!({ "valueString": "x", "_valueString": { "extension": noted() } }),
            vec![at],
        ),
    ] {
        check_by(&validator, &of(held), &[], &expected);
    }
}

#[test]
fn of_the_types_of_a_choice_those_with_codes_are_bound() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    let profile = Profile::on("Observation", "bound")
        .with(
            "Observation.value[x]",
            json!({ "binding": { "strength": "required", "valueSet": gender } }),
        )
        .build();
    let validator = validator([profile]);
    let coding = |code: &str| json!({ "coding": [{ "system": "http://hl7.org/fhir/administrative-gender", "code": code }] });
    let wrong = "error code-invalid Observation.value";
    for (value, expected) in [
        (json!({ "valueCodeableConcept": coding("male") }), vec![]),
        (
            json!({ "valueCodeableConcept": { "text": "x" } }),
            vec![wrong],
        ),
        (json!({ "valueString": "male" }), vec![]),
        (json!({ "valueString": "boy" }), vec![wrong]),
        (json!({ "valueBoolean": true }), vec![]),
        (json!({ "valueInteger": 1 }), vec![]),
        (json!({ "valueDateTime": "2027-01-01" }), vec![]),
        (json!({ "valuePeriod": { "start": "2027-01-01" } }), vec![]),
        (json!({ "valueRange": { "low": { "value": 1 } } }), vec![]),
    ] {
        let observation = merged(
            &json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } }),
            &value,
        );
        let profile = format!("{PUBLISHED}/bound");
        check_by(&validator, &observation, &[&profile], &expected);
    }
}
