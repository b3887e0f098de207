//! Putting other addresses into a resource.

use std::collections::HashMap;

use serde_json::Value;

use crate::schema::Definitions;
use crate::validation::narrative::relinked;
use crate::validation::{LinkKind, for_each_link};

/// Replaces these addresses wherever they are the `reference` of an element.
pub(super) fn replace_references(value: &mut Value, addresses: &HashMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(address) if name == "reference" => {
                        if let Some(new) = addresses.get(address) {
                            address.clone_from(new);
                        }
                    }
                    other => replace_references(other, addresses),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_references(item, addresses)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text of a resource that is replaced: where it stands, as a JSON Pointer, and the new one.
pub(super) type NewText = (String, String);

/// Returns the texts that are to be replaced if the links of a resource besides its references lead
/// to where `new` says.
pub(super) fn new_links(
    definitions: &Definitions,
    resource: &Value,
    new: &mut dyn FnMut(LinkKind, &str) -> Option<String>,
) -> Vec<NewText> {
    let mut found = Vec::new();
    for_each_link(definitions, resource, &mut |pointer, kind, text| {
        let text = match kind {
            LinkKind::Narrative => relinked(text, &mut |address| new(kind, address)),
            LinkKind::Address | LinkKind::Uuid => new(kind, text),
        };
        found.extend(text.map(|text| (pointer.to_owned(), text)));
    });
    found
}

/// Puts new texts in their places.
pub(super) fn put(resource: &mut Value, texts: Vec<NewText>) {
    for (pointer, text) in texts {
        if let Some(place) = resource.pointer_mut(&pointer) {
            *place = Value::String(text);
        }
    }
}
