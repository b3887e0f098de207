//! Fixed values and patterns
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_>).

use serde_json::{Number, Value};

/// Tells whether the value is exactly the fixed one; neither the order of an object's members nor
/// the spelling of a number matters.
pub(super) fn is_fixed(value: &Value, fixed: &Value) -> bool {
    match (value, fixed) {
        (Value::Object(value), Value::Object(fixed)) => {
            value.len() == fixed.len()
                && fixed
                    .iter()
                    .all(|(key, fixed)| value.get(key).is_some_and(|value| is_fixed(value, fixed)))
        }
        (Value::Array(value), Value::Array(fixed)) => {
            value.len() == fixed.len()
                && value
                    .iter()
                    .zip(fixed)
                    .all(|(value, fixed)| is_fixed(value, fixed))
        }
        (Value::Number(value), Value::Number(fixed)) => same_number(value, fixed),
        _ => value == fixed,
    }
}

/// Tells whether the value contains the pattern: every member of it, and for every item of an array
/// one that contains it.
pub(super) fn contains(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(key, pattern)| value.get(key).is_some_and(|value| contains(value, pattern))),
        (Value::Array(value), Value::Array(pattern)) => pattern
            .iter()
            .all(|pattern| value.iter().any(|value| contains(value, pattern))),
        (Value::Number(value), Value::Number(pattern)) => same_number(value, pattern),
        _ => value == pattern,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    one == other
        || one
            .as_f64()
            .zip(other.as_f64())
            .is_some_and(|(one, other)| one == other)
}

/// Describes the pattern in few words: the leaves that it asks for, as `system 'http://…', code
/// 'plan'`. Patterns are written by the authors of profiles, and hold nothing of a person.
pub(super) fn describe(pattern: &Value) -> String {
    match pattern {
        Value::Object(members) => {
            let parts: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{key} {}", describe(value)))
                .collect();
            parts.join(", ")
        }
        Value::Array(items) => {
            let parts: Vec<_> = items.iter().map(describe).collect();
            parts.join(" and ")
        }
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fixed_value_is_the_whole_and_a_pattern_a_part() {
        let coding = json!({ "system": "s", "code": "c" });
        for (value, is, has) in [
            (json!({ "code": "c", "system": "s" }), true, true),
            (
                json!({ "code": "c", "system": "s", "display": "d" }),
                false,
                true,
            ),
            (json!({ "code": "c" }), false, false),
            (json!({ "code": "x", "system": "s" }), false, false),
            (json!("c"), false, false),
        ] {
            assert_eq!(
                (is_fixed(&value, &coding), contains(&value, &coding)),
                (is, has),
                "{value}"
            );
        }
    }

    #[test]
    fn a_pattern_of_an_array_asks_for_items_in_any_order() {
        let pattern = json!({ "coding": [{ "code": "b" }, { "code": "a" }] });
        assert!(contains(
            &json!({ "coding": [{ "code": "a" }, { "code": "x" }, { "code": "b", "system": "s" }] }),
            &pattern
        ));
        assert!(!contains(&json!({ "coding": [{ "code": "a" }] }), &pattern));
    }

    #[test]
    fn numbers_are_compared_by_what_they_say() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert!(is_fixed(&number("1.0"), &number("1.00")));
        assert!(!is_fixed(&number("1.0"), &number("1.01")));
    }
}
