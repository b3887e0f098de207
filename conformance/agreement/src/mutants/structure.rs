//! The mistakes that any member or item can have, whatever it means: gone, empty, of another JSON
//! type, once too often, twice.

use serde_json::{Value, json};

use super::mutant::{DUPLICATE, Mutant};
use super::place::{Place, removed, replaced, with_member};

/// Makes the mutants of one place below the resource.
pub(crate) fn mutants(resource: &Value, place: &Place<'_>, made: &mut Vec<Mutant>) {
    let mut add = |kind: &str, value: Value| made.push(Mutant::of(kind, place, &value));
    if place.is_item() {
        add("drop-item", removed(resource, &place.steps));
    } else {
        add("drop", removed(resource, &place.steps));
    }
    for (kind, value) in instead(place.value) {
        add(kind, replaced(resource, &place.steps, value));
    }
    if let Some(name) = place.member() {
        let above = &place.steps[..place.steps.len() - 1];
        let without = removed(resource, &place.steps);
        add(
            "misspelt",
            with_member(&without, above, &format!("{name}x"), place.value.clone()),
        );
        add(
            "wrong-case",
            with_member(&without, above, &swapped_case(name), place.value.clone()),
        );
        add(
            "duplicate-key",
            with_member(
                resource,
                above,
                &format!("{DUPLICATE}{name}"),
                place.value.clone(),
            ),
        );
        for (kind, value) in siblings(place.value) {
            add(
                kind,
                with_member(resource, above, &format!("_{name}"), value),
            );
        }
        if is_primitive(place.value) {
            let absent = json!({ "extension": [absent_reason()] });
            add(
                "sibling-alone",
                with_member(&without, above, &format!("_{name}"), absent),
            );
        }
    }
}

/// Lists wrong values to put in place of a value.
fn instead(value: &Value) -> Vec<(&'static str, Value)> {
    let mut found = vec![
        ("null", Value::Null),
        ("empty-string", json!("")),
        ("empty-object", json!({})),
        ("empty-array", json!([])),
    ];
    match value {
        Value::String(text) => {
            found.extend([
                ("number-for-string", json!(7)),
                ("boolean-for-string", json!(true)),
                ("object-for-primitive", json!({ "value": text })),
                ("array-for-one", json!([text])),
                ("space-before", json!(format!(" {text}"))),
                ("space-after", json!(format!("{text} "))),
                ("space-alone", json!(" ")),
                ("line-feed-after", json!(format!("{text}\n"))),
                ("control-character", json!(format!("{text}\u{1}"))),
                ("unknown-word", json!("unknown-word")),
                ("words", json!("some words")),
            ]);
        }
        Value::Bool(flag) => found.extend([
            ("string-for-boolean", json!(flag.to_string())),
            ("number-for-boolean", json!(1)),
            ("array-for-one", json!([flag])),
        ]),
        Value::Number(number) => found.extend([
            ("string-for-number", json!(number.to_string())),
            ("negative", json!(-1)),
            ("fraction", json!(1.5)),
            ("huge", json!(99_999_999_999_i64)),
            ("array-for-one", json!([number])),
        ]),
        Value::Object(_) => {
            found.extend([
                ("string-for-object", json!("text")),
                ("number-for-object", json!(7)),
                ("array-for-one", json!([value])),
            ]);
        }
        Value::Array(items) => found.extend(arrays(items)),
        Value::Null => {}
    }
    found
}

fn arrays(items: &[Value]) -> Vec<(&'static str, Value)> {
    let with = |more: Value| Value::Array(items.iter().cloned().chain([more]).collect());
    let mut found = vec![
        ("array-with-null", with(Value::Null)),
        (
            "array-with-other-type",
            with(if items.first().is_some_and(Value::is_object) {
                json!("text")
            } else {
                json!({ "text": "x" })
            }),
        ),
        ("array-with-empty-object", with(json!({}))),
        ("array-in-array", json!([items])),
    ];
    if let Some(first) = items.first() {
        found.extend([
            ("one-for-array", first.clone()),
            ("item-twice", with(first.clone())),
        ]);
        found.push(("items-reversed", items.iter().rev().cloned().collect()));
    }
    found
}

/// Lists values to put beside a value, under its name with an underscore.
fn siblings(value: &Value) -> Vec<(&'static str, Value)> {
    match value {
        Value::String(_) | Value::Bool(_) | Value::Number(_) => vec![
            ("sibling-with-id", json!({ "id": "a" })),
            (
                "sibling-with-extension",
                json!({ "extension": [{ "url": "http://example.org/x", "valueString": "x" }] }),
            ),
            (
                "sibling-with-reason",
                json!({ "extension": [absent_reason()] }),
            ),
            ("sibling-empty", json!({})),
            ("sibling-unknown", json!({ "unknown": "x" })),
            ("sibling-string", json!("x")),
            ("sibling-array", json!([{ "id": "a" }])),
            ("sibling-null", Value::Null),
        ],
        Value::Array(items) if items.iter().all(is_primitive) => vec![
            ("siblings-with-id", json!([{ "id": "a" }])),
            ("siblings-null", json!([null])),
            (
                "siblings-too-many",
                items
                    .iter()
                    .map(|_| json!({ "id": "a" }))
                    .chain([json!({ "id": "b" })])
                    .collect(),
            ),
            ("siblings-object", json!({ "id": "a" })),
        ],
        Value::Object(_) | Value::Array(_) => vec![("sibling-of-complex", json!({ "id": "a" }))],
        Value::Null => Vec::new(),
    }
}

fn absent_reason() -> Value {
    json!({ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown" })
}

fn is_primitive(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_))
}

fn swapped_case(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(letters).collect(),
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
