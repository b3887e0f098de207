//! Whatever comes: findings, never a panic, and never a number or a name in their texts.

use frist::validation::person_references;
use proptest::prelude::*;
use serde_json::Value;

use super::{findings, valid};

#[test]
fn no_finding_repeats_a_number_or_a_name() {
    let secret = ["0101901234", "010190-1234", "Hansen", "Åse Test Hansen"];
    for kind in ["Patient", "Condition", "CarePlan", "ServiceRequest", "Encounter", "Goal", "CareTeam", "Subscription"] {
        let valid = valid(kind);
        for secret in secret {
            for pointer in texts(&valid).into_iter().filter(|pointer| pointer != "/resourceType") {
                let mut value = valid.clone();
                *value.pointer_mut(&pointer).unwrap() = secret.into();
                for issue in findings(&value) {
                    assert!(!issue.text.contains(secret), "{pointer}: {}", issue.text);
                }
            }
        }
    }
}

/// JSON pointers of all texts in a value.
fn texts(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| texts(value).into_iter().map(|rest| format!("/{key}{rest}")).collect::<Vec<_>>();
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => items.iter().enumerate().flat_map(|(at, item)| below(at.to_string(), item)).collect(),
        Value::Object(members) => members.iter().flat_map(|(key, member)| below(key.clone(), member)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

/// Any JSON value, with keys that checks read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{0,12}Z?)?)?)?".prop_map(Value::from),
        prop::sample::select(vec!["Patient/1", "#a", "urn:uuid:1", "Patient?x", "revoked", "official", "http://cvr.dk", "", "æ/ø"])
            .prop_map(Value::from),
        prop::sample::select(vec!["urn:oid:1.2.208.176.1.2", "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
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
        kind in prop::sample::select(vec!["Patient", "Organization", "Condition", "CarePlan", "ServiceRequest", "Encounter", "Goal",
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
}
