//! The target of a FHIR Reference (<https://hl7.org/fhir/R4/references.html>).

use std::fmt::Write as _;

use serde_json::Value;

use super::key::{ResourceKey, ResourceType, Version};
use super::view::items;

/// The target of one Reference element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference<'a> {
    /// A resource of this server: `Condition/7` or `Condition/7/_history/2`.
    Local(ResourceKey, Option<Version>),
    /// A resource in the same document: `#x`.
    Contained(&'a str),
    /// An entry of the same Bundle: `urn:uuid:…` or `urn:oid:…`.
    Urn(&'a str),
    /// To be found by a search within a transaction: `Patient?identifier=…`.
    Conditional(&'a str),
    /// Any other address.
    External(&'a str),
    /// By identifier alone: system (empty if absent) and value.
    Logical(&'a str, &'a str),
    /// Neither address nor identifier, for example `display` alone.
    None,
}

impl<'a> Reference<'a> {
    /// Reads a Reference element.
    pub fn read(element: &'a Value) -> Self {
        if let Some(address) = element.get("reference").and_then(Value::as_str) {
            return Reference::parse(address);
        }
        let identifier = &element["identifier"];
        match identifier["value"].as_str() {
            Some(value) => Reference::Logical(identifier["system"].as_str().unwrap_or(""), value),
            None => Reference::None,
        }
    }

    /// Reads the text of `Reference.reference`.
    pub fn parse(address: &'a str) -> Self {
        if let Some(anchor) = address.strip_prefix('#') {
            return Reference::Contained(anchor);
        }
        if address.starts_with("urn:") {
            return Reference::Urn(address);
        }
        if address.contains("://") {
            return Reference::External(address);
        }
        if address
            .split_once('?')
            .is_some_and(|(kind, _)| kind.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            return Reference::Conditional(address);
        }
        let (key, version) = match address.split_once("/_history/") {
            Some((key, version)) => (key, Version::parse(version)),
            None => (address, None),
        };
        ResourceKey::parse(key).map_or(Reference::External(address), |key| {
            Reference::Local(key, version)
        })
    }

    /// Returns the resource of this server that is named, if one is.
    pub fn local_key(&self) -> Option<&ResourceKey> {
        match self {
            Reference::Local(key, _) => Some(key),
            _ => None,
        }
    }
}

/// Returns the resources of that type that a Reference element, or an array of them, names by
/// literal references: no other can be followed on this server.
pub fn local_keys(references: &Value, resource_type: ResourceType) -> Vec<ResourceKey> {
    items(references)
        .filter_map(|element| Reference::read(element).local_key().cloned())
        .filter(|key| key.resource_type == resource_type)
        .collect()
}

/// Calls `visit` with the FHIRPath and the element of every Reference in the resource that has a
/// `reference` or an `identifier` and stands where the base definition has a Reference (recognised
/// by its members).
pub fn for_each<'a>(
    resource_type: &str,
    resource: &'a Value,
    visit: &mut impl FnMut(&str, &'a Value),
) {
    let mut path = resource_type.to_owned();
    walk(resource, &mut path, visit);
}

fn walk<'a>(value: &'a Value, path: &mut String, visit: &mut impl FnMut(&str, &'a Value)) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            if members.get("reference").is_some_and(Value::is_string) {
                visit(path, value);
            }
            for (name, member) in members {
                path.push('.');
                path.push_str(name);
                walk(member, path, visit);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(path, "[{at}]");
                walk(item, path, visit);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
