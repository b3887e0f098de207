//! Whatever comes: findings, never a panic, and never a number or a name in their texts.

use std::sync::LazyLock;

use frist::fhir::issue::ISSUES_MAX;
use frist::fhir::{Issue, Resource};
use frist::schema::guide;
use frist::validation::{CheckContext, check, person_references};
use jiff::civil::date;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::{findings, valid};
use crate::support::facade::guide_validator;

/// The guide's examples.
static EXAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let files = guide::FOLDER.get_dir("example").unwrap().files();
    let all: Vec<Value> = files
        .map(|file| file.contents_utf8().unwrap().parse().unwrap())
        .collect();
    assert!(all.len() >= 20, "only {} examples", all.len());
    all
});

/// Returns the findings about a value on a day on which nothing in the examples lies ahead.
fn findings_later(value: &Value) -> Vec<Issue> {
    let validator = guide_validator();
    let context = CheckContext {
        validator: &validator,
        profiles: &[],
        now: frist::fhir::start_of_day(date(2031, 1, 1)),
        why_no_group: &|_| None,
    };
    check(&Resource::from_value(value.clone()).unwrap(), &context)
}

/// A change somewhere in a resource.
#[derive(Clone, Debug)]
enum Change {
    /// Removes the value at a place.
    Remove(Index),
    /// Replaces it by something else.
    Replace(Index, Value),
    /// Copies the value at the first place to the second.
    Copy(Index, Index),
    /// Replaces it by an array that has it so many times.
    Repeat(Index, usize),
    /// Adds a member to the object there, or to the one around it.
    Add(Index, String, Value),
}

fn any_change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Change::Remove),
        (place(), any_json()).prop_map(|(at, value)| Change::Replace(at, value)),
        (place(), place()).prop_map(|(from, to)| Change::Copy(from, to)),
        (place(), 0_usize..6).prop_map(|(at, times)| Change::Repeat(at, times)),
        (place(), prop::sample::select(KEYS), any_json()).prop_map(|(at, key, value)| Change::Add(
            at,
            key.to_owned(),
            value
        )),
    ]
}

fn changed(mut value: Value, changes: &[Change]) -> Value {
    for change in changes {
        let places = places(&value);
        if places.is_empty() {
            break;
        }
        let place = |index: &Index| places[index.index(places.len())].as_str();
        match change {
            Change::Remove(at) => remove(&mut value, place(at)),
            Change::Replace(at, new) => *value.pointer_mut(place(at)).unwrap() = new.clone(),
            Change::Copy(from, to) => {
                let copy = value.pointer(place(from)).unwrap().clone();
                *value.pointer_mut(place(to)).unwrap() = copy;
            }
            Change::Repeat(at, times) => {
                let one = value.pointer_mut(place(at)).unwrap();
                *one = Value::from(vec![one.clone(); *times]);
            }
            Change::Add(at, key, new) => {
                let pointer = place(at);
                let around = pointer.rsplit_once('/').map_or("", |(around, _)| around);
                let holder = if value.pointer(pointer).unwrap().is_object() {
                    pointer
                } else {
                    around
                };
                if let Some(Value::Object(members)) = value.pointer_mut(holder)
                    && !(holder.is_empty() && key == "resourceType")
                {
                    members.insert(key.clone(), new.clone());
                }
            }
        }
    }
    value
}

/// Returns the JSON pointers of all that stands in a value, but for the name of its type.
fn places(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| {
        let inner = places(value)
            .into_iter()
            .map(|rest| format!("/{key}{rest}"));
        std::iter::once(format!("/{key}"))
            .chain(inner)
            .collect::<Vec<_>>()
    };
    let mut found: Vec<String> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| below(at.to_string(), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, member)| below(key.clone(), member))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    };
    found.retain(|pointer| pointer != "/resourceType");
    found
}

fn remove(value: &mut Value, pointer: &str) {
    let (around, key) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(around) {
        Some(Value::Object(members)) => drop(members.shift_remove(key)),
        Some(Value::Array(items)) => drop(items.remove(key.parse().unwrap())),
        _ => {}
    }
}

/// Returns the members of each object in an order that the seed gives.
fn reordered(value: &Value, seed: u64) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(key, value)| (key.clone(), reordered(value, seed)))
                .collect();
            members.sort_by_key(|(key, _)| {
                key.bytes().fold(seed, |mixed, byte| {
                    (mixed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
                })
            });
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(|item| reordered(item, seed)).collect(),
        other => other.clone(),
    }
}

#[test]
fn no_finding_repeats_a_number_or_a_name() {
    let secret = ["0101901234", "010190-1234", "Hansen", "Åse Test Hansen"];
    for kind in [
        "Patient",
        "Condition",
        "CarePlan",
        "ServiceRequest",
        "Encounter",
        "Appointment",
        "Goal",
        "CareTeam",
        "Subscription",
    ] {
        let valid = valid(kind);
        for secret in secret {
            for pointer in texts(&valid)
                .into_iter()
                .filter(|pointer| pointer != "/resourceType")
            {
                let mut value = valid.clone();
                *value.pointer_mut(&pointer).unwrap() = secret.into();
                for issue in findings(&value) {
                    assert!(!issue.text.contains(secret), "{pointer}: {}", issue.text);
                }
            }
        }
    }
}

/// Returns the JSON pointers of all texts in a value.
fn texts(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| {
        texts(value)
            .into_iter()
            .map(|rest| format!("/{key}{rest}"))
            .collect::<Vec<_>>()
    };
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| below(at.to_string(), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, member)| below(key.clone(), member))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

/// Returns any JSON value, with keys that checks read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{0,12}Z?)?)?)?".prop_map(Value::from),
        prop::sample::select(vec![
            "Patient/1",
            "#a",
            "urn:uuid:1",
            "Patient?x",
            "revoked",
            "official",
            "http://cvr.dk",
            "",
            "æ/ø"
        ])
        .prop_map(Value::from),
        prop::sample::select(vec![
            "urn:oid:1.2.208.176.1.2",
            "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

const KEYS: &[&str] = &[
    "id",
    "meta",
    "profile",
    "extension",
    "url",
    "valuePeriod",
    "valueCode",
    "valueDateTime",
    "valueCodeableConcept",
    "identifier",
    "system",
    "value",
    "name",
    "use",
    "family",
    "_family",
    "deceasedDateTime",
    "status",
    "category",
    "code",
    "coding",
    "subject",
    "reference",
    "type",
    "addresses",
    "basedOn",
    "reasonCode",
    "reasonReference",
    "occurrencePeriod",
    "occurrenceDateTime",
    "authoredOn",
    "recordedDate",
    "created",
    "period",
    "start",
    "end",
    "class",
    "channel",
    "contained",
    "resourceType",
    "verificationStatus",
];

proptest! {
    #[test]
    fn any_json_gives_findings_and_never_a_panic(
        members in prop::collection::vec((prop::sample::select(KEYS), any_json()), 0..12),
        kind in prop::sample::select(vec!["Patient", "Organization", "Condition", "CarePlan", "ServiceRequest", "Encounter", "Appointment", "Goal",
            "CareTeam", "Subscription", "Task", "Nothing", ""]),
    ) {
        let mut value: Value = Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        value["resourceType"] = kind.into();
        let found = findings(&value);
        prop_assert_eq!(&found, &findings(&value));
        let base = if kind.is_empty() || kind == "Nothing" { "Resource" } else { kind };
        for issue in found {
            prop_assert!(issue.expression.starts_with(base) && !issue.text.is_empty());
        }
        for (expression, element) in person_references(&value) {
            prop_assert!(!expression.is_empty() && element.is_object());
        }
    }

    #[test]
    fn a_changed_example_gives_the_same_findings_twice_and_no_more_than_are_told(
        example in any::<Index>(),
        changes in prop::collection::vec(any_change(), 1..6),
    ) {
        let value = changed(example.get(&EXAMPLES).clone(), &changes);
        let found = findings_later(&value);
        prop_assert!(found.len() <= ISSUES_MAX + 2);
        prop_assert_eq!(found, findings_later(&value));
    }

    #[test]
    fn an_example_stays_valid_in_any_order_of_members(example in any::<Index>(), seed in any::<u64>()) {
        let example = example.get(&EXAMPLES);
        let found = findings_later(&reordered(example, seed));
        prop_assert!(found.iter().all(|finding| !finding.refuses()), "{found:?}");
        prop_assert_eq!(found, findings_later(example));
    }

    #[test]
    fn what_came_is_in_no_finding(
        example in any::<Index>(),
        place in any::<Index>(),
        marker in prop::sample::select(vec!["2512489996", "251248-9996", "Zebedæus", "Nancy Ann Berggren", "0123 456", "x@nancy.test"]),
        in_a_key in any::<bool>(),
    ) {
        let mut value = example.get(&EXAMPLES).clone();
        let places = places(&value);
        let place = places[place.index(places.len())].as_str();
        if in_a_key {
            // Of a key that no element has, only what looks like the name of one is repeated.
            remove(&mut value, place);
            let (around, _) = place.rsplit_once('/').unwrap();
            if let Some(Value::Object(members)) = value.pointer_mut(around) {
                members.insert(marker.to_owned(), marker.into());
            }
        } else {
            *value.pointer_mut(place).unwrap() = marker.into();
        }
        for finding in findings_later(&value) {
            let told = format!("{} {} {}", finding.expression, finding.text, finding.rule);
            prop_assert!(!told.contains(marker), "{told}");
        }
    }
}

#[test]
fn of_many_findings_as_many_are_kept_as_are_told() {
    let mut value = valid("Patient");
    value["name"] = vec![Value::from(0); 5_000].into();
    let found = findings(&value);
    assert!(
        found.len() > ISSUES_MAX && found.len() <= ISSUES_MAX + 2,
        "{}",
        found.len()
    );
    assert!(found.iter().any(Issue::refuses));
}

#[test]
fn what_is_to_be_held_against_each_other_too_often_ends_the_check_with_a_finding() {
    // A package may ask whatever it likes of each element: here, all elements of the resource.
    let hungry = r#"{ "resourceType": "StructureDefinition", "url": "http://a.test/hungry", "kind": "resource", "abstract": false,
        "status": "active", "type": "Patient", "derivation": "constraint", "name": "Hungry",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "snapshot": { "element": [
            { "id": "Patient", "path": "Patient", "min": 0, "max": "*", "base": { "path": "Patient", "min": 0, "max": "*" } },
            { "id": "Patient.name", "path": "Patient.name", "min": 0, "max": "*", "type": [{ "code": "HumanName" }],
              "base": { "path": "Patient.name", "min": 0, "max": "*" }, "constraint": [{ "key": "hungry", "severity": "error",
                "human": "all names are families", "expression": "%resource.descendants().where(family.exists()).exists()" }] }
        ] } }"#;
    let package = frist::schema::Package::from_definitions("a.test", "1", vec![hungry.into()]);
    let validator = frist::validation::Validator::new(
        frist::schema::Definitions::core().with(&package).unwrap(),
    );
    let names = |count: usize| vec![serde_json::json!({ "family": "x" }); count];
    let of = |count| serde_json::json!({ "resourceType": "Patient", "name": names(count) });
    let few = validator.check(&of(20), &["http://a.test/hungry"]);
    assert!(few.iter().all(|finding| !finding.refuses()), "{few:?}");
    let many = validator.check(&of(5_000), &["http://a.test/hungry"]);
    let costly: Vec<_> = many
        .iter()
        .filter(|finding| finding.code == frist::fhir::IssueCode::TooCostly)
        .collect();
    assert!(costly.len() == 1 && costly[0].refuses(), "{many:?}");
}
