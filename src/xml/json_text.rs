//! The JSON of what is read, written as text: so numbers keep the digits that they came with.

use serde_json::{Number, Value};

use super::characters::is_blank;
use crate::schema::MemberDefinition;

/// An element that is being read, with all its repetitions.
pub(super) struct RepeatedElement<'a> {
    /// Its name.
    pub(super) key: &'a str,
    /// Its definition.
    pub(super) definition: MemberDefinition<'a>,
    /// The value of each as JSON; none of a primitive that has only an id or extensions.
    pub(super) values: Vec<Option<String>>,
    /// The ids and extensions of primitives, as JSON.
    pub(super) parts: Vec<Option<String>>,
}

/// The members of an object: place in the definition, key, and value as JSON.
pub(super) type PlacedMembers = Vec<(usize, String, String)>;

impl RepeatedElement<'_> {
    /// Returns the members of JSON that these are.
    pub(super) fn members(self) -> PlacedMembers {
        let RepeatedElement {
            key,
            definition: MemberDefinition { place, element, .. },
            values,
            parts,
        } = self;
        let member = |key: String, values: Vec<Option<String>>| {
            if values.iter().all(Option::is_none) {
                return None;
            }
            let null = || "null".to_owned();
            let values: Vec<_> = values
                .into_iter()
                .map(|value| value.unwrap_or_else(null))
                .collect();
            let value = if element.is_array {
                format!("[{}]", values.join(","))
            } else {
                values.concat()
            };
            Some((place, key, value))
        };
        let own = member(key.to_owned(), values);
        let parts = member(format!("_{key}"), parts);
        own.into_iter().chain(parts).collect()
    }
}

/// Writes an object of JSON.
pub(super) fn object(members: impl IntoIterator<Item = (usize, String, String)>) -> String {
    let mut object = String::from("{");
    for (_, key, value) in members {
        if object.len() > 1 {
            object.push(',');
        }
        // Keys are names of elements, in which nothing has to be escaped.
        object.extend(["\"", &key, "\":", &value]);
    }
    object.push('}');
    object
}

/// Writes a text of JSON.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns a value, which is text in quotes, as its type has it: without quotes only if it is one of
/// that type. Another is left as it is, and the validator finds the mistake.
pub(super) fn typed(type_name: &str, value: String) -> String {
    let text = value.trim_matches('"');
    let is_bare = match type_name {
        "boolean" => matches!(text, "true" | "false"),
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => {
            !text.contains(is_blank) && text.parse::<Number>().is_ok()
        }
        _ => false,
    };
    if is_bare { text.to_owned() } else { value }
}
