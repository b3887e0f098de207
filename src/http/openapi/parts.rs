//! The smallest parts of the document.

use serde_json::{Value, json};

/// The form of an id.
pub(super) const ID_PATTERN: &str = "^[A-Za-z0-9.-]{1,64}$";

/// Returns the items of an array; none of anything else.
pub(super) fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Makes a reference to a component.
pub(super) fn reference(section: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{section}/{name}") })
}
