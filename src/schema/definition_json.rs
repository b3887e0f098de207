//! Members of a definition in JSON, as published or condensed.

use serde_json::{Map, Value, json};

/// Returns the text under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// Returns the items of the array under a key; none if there is no array.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the first members of a condensed line, which all definitions have.
pub(super) fn head(definition: &Value, resource_type: &str) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("resourceType".to_owned(), json!(resource_type));
    head.insert(
        "url".to_owned(),
        json!(text(definition, "url").unwrap_or_default()),
    );
    head.insert(
        "version".to_owned(),
        json!(text(definition, "version").unwrap_or_default()),
    );
    head
}
