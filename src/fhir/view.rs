//! Read-only views of the elements that rules read. They never fail: what is absent or of another
//! shape is simply not there.

use serde_json::Value;

/// Returns the items of an element that may be an array, a single value or absent.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Value::Array(items) => (items.as_slice(), None),
        Value::Null => (&[][..], None),
        single => (&[][..], Some(single)),
    };
    many.iter().chain(one)
}

/// Returns the codings of a CodeableConcept, or of each one of an array of them: (system or "",
/// code).
pub fn codings(concepts: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(concepts)
        .flat_map(|concept| items(&concept["coding"]))
        .filter_map(|coding| {
            Some((
                coding["system"].as_str().unwrap_or(""),
                coding["code"].as_str()?,
            ))
        })
}

/// Tells whether the concept or concepts hold that code of that system.
pub fn has_coding(concepts: &Value, system: &str, code: &str) -> bool {
    codings(concepts).any(|coding| coding == (system, code))
}

/// Returns the extensions with that address, directly on the element.
pub fn extensions<'a>(element: &'a Value, url: &str) -> impl Iterator<Item = &'a Value> {
    items(&element["extension"]).filter(move |extension| extension["url"].as_str() == Some(url))
}

/// Returns the identifiers of a resource or Reference: (system or "", value).
pub fn identifiers(resource: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(&resource["identifier"]).filter_map(|identifier| {
        Some((
            identifier["system"].as_str().unwrap_or(""),
            identifier["value"].as_str()?,
        ))
    })
}

/// Returns a canonical address without its `|version`.
pub fn without_version(canonical: &str) -> &str {
    canonical
        .split_once('|')
        .map_or(canonical, |(address, _)| address)
}
