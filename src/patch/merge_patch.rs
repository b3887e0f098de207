//! JSON Merge Patch (RFC 7396): an object with the changed members, in which null removes a member
//! and an array replaces the whole of one.

use serde_json::{Map, Value};

use crate::fhir::{Issue, IssueCode};

/// Reads the object.
///
/// # Errors
/// That it is none.
pub(super) fn read(document: Value) -> Result<Map<String, Value>, Vec<Issue>> {
    match document {
        Value::Object(members) => Ok(members),
        _ => Err(vec![Issue::error(
            IssueCode::Structure,
            "",
            "expected a JSON Merge Patch: an object with the members to change",
        )]),
    }
}

/// Changes the members that it names. Neither nests deeper than a resource may, so that the result
/// does not either.
pub(super) fn apply(members: &Map<String, Value>, target: &mut Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(found) = target.as_object_mut() else {
        return;
    };
    for (name, value) in members {
        match value {
            Value::Null => _ = found.shift_remove(name),
            Value::Object(inner) => apply(inner, found.entry(name.as_str()).or_insert(Value::Null)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                _ = found.insert(name.clone(), value.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        for (target, patch, expected) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let mut merged = target.clone();
            apply(&read(patch.clone()).expect("an object"), &mut merged);
            assert_eq!(merged, expected, "{target} {patch}");
        }
        for document in [json!(["c"]), json!(null), json!("bar")] {
            assert!(read(document.clone()).is_err(), "{document}");
        }
    }
}
