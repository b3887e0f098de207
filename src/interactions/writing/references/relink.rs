//! Putting other addresses into a resource.

use std::collections::HashMap;

use serde_json::Value;

use super::names::NamedEntry;
use crate::fhir::ResourceKey;
use crate::schema::Definitions;
use crate::validation::narrative::relinked;
use crate::validation::{LinkKind, for_each_link};

/// Replaces these addresses wherever they are the `reference` of an element.
pub(super) fn replace_references(value: &mut Value, addresses: &HashMap<String, String>) {
    rename_references(value, &mut |address| addresses.get(address).cloned());
}

/// Replaces each `reference` of an element for which there is a new address.
pub(in crate::interactions::writing) fn rename_references(
    value: &mut Value,
    new: &mut dyn FnMut(&str) -> Option<String>,
) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(address) if name == "reference" => {
                        if let Some(new) = new(address) {
                            *address = new;
                        }
                    }
                    other => rename_references(other, new),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| rename_references(item, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text of a resource that is replaced: where it stands, as a JSON Pointer, and the new one.
pub(in crate::interactions::writing) type NewText = (String, String);

/// Returns the texts that are to be replaced if the links of a resource besides its references lead
/// to where `new` says.
pub(in crate::interactions::writing) fn new_links(
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

/// Returns the text of a link that names an entry, given the resource of the entry; none if it stays,
/// or names a version, of which nothing is known yet.
pub(in crate::interactions::writing) fn new_link(
    kind: LinkKind,
    named: NamedEntry<'_>,
    key: &ResourceKey,
) -> Option<String> {
    let NamedEntry {
        version, fragment, ..
    } = named;
    match (kind, fragment) {
        (LinkKind::Uuid, None) if version.is_none() => urn_of(key),
        (LinkKind::Uuid, _) => None,
        (LinkKind::Address | LinkKind::Narrative, _) if named.is_whole_version() => None,
        (LinkKind::Address | LinkKind::Narrative, None) => Some(key.to_string()),
        (LinkKind::Address | LinkKind::Narrative, Some(part)) => Some(format!("{key}#{part}")),
    }
}

/// Returns the address of a resource for an element that can hold a `urn:uuid:` only, if its id is
/// that of one.
fn urn_of(key: &ResourceKey) -> Option<String> {
    let uuid = uuid::Uuid::try_parse(key.id.as_str()).ok()?;
    Some(format!("urn:uuid:{uuid}"))
}

/// Puts new texts in their places.
pub(in crate::interactions::writing) fn put(resource: &mut Value, texts: Vec<NewText>) {
    for (pointer, text) in texts {
        if let Some(place) = resource.pointer_mut(&pointer) {
            *place = Value::String(text);
        }
    }
}
