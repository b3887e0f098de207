//! The depth of what a patch makes, which is bounded as that of a received resource is.

use serde_json::Value;

use crate::fhir::json;

/// Counts how deep arrays and objects nest in a value, up to one level more than is allowed.
pub(super) fn depth(value: &Value) -> usize {
    fn walk(value: &Value, left: usize) -> usize {
        let deepest = |inner: Option<usize>| 1 + inner.unwrap_or(0);
        match value {
            _ if left == 0 => 0,
            Value::Object(members) => {
                deepest(members.values().map(|member| walk(member, left - 1)).max())
            }
            Value::Array(items) => deepest(items.iter().map(|item| walk(item, left - 1)).max()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    walk(value, json::DEPTH_MAX + 1)
}

/// Returns the finding about a value that nests too deep.
pub(super) fn too_deep() -> String {
    format!(
        "expected no more than {} levels, found more",
        json::DEPTH_MAX
    )
}
