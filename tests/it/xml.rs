//! FHIR XML: what is read, what is written, what is refused, and that nothing is lost on the way.

#![allow(clippy::unwrap_used)]

mod every_element;
mod examples;
mod forms;
mod parts;
mod refusals;
mod values;

use std::sync::LazyLock;

use frist::schema::Definitions;
use frist::xml::{Layout, read, write};
use serde_json::Value;

static CORE: LazyLock<Definitions> = LazyLock::new(Definitions::core);

/// Reads a document that is to be read.
#[track_caller]
fn json_of(xml: &str) -> String {
    match read(&CORE, xml.as_bytes()) {
        Ok(json) => json,
        Err(issue) => panic!("{issue:?}\n{xml}"),
    }
}

/// Writes a resource that is to be written.
#[track_caller]
fn xml_of(json: &str, layout: Layout) -> String {
    match write(&CORE, json.as_bytes(), layout) {
        Ok(xml) => String::from_utf8(xml).unwrap(),
        Err(why) => panic!("{why}\n{json}"),
    }
}

/// Returns the same JSON with the members of each object in the order of their names.
fn in_key_order(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            members
                .into_iter()
                .map(|(key, value)| (key.clone(), in_key_order(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(in_key_order).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Sends a resource through XML, in both layouts, and expects it back as it was but for the order of
/// its members.
#[track_caller]
fn expect_unchanged(json: &str, what: &str) {
    let before = in_key_order(&json.parse::<Value>().unwrap()).to_string();
    for layout in [Layout::Compact, Layout::Lines] {
        let xml = xml_of(json, layout);
        let after = in_key_order(&json_of(&xml).parse::<Value>().unwrap()).to_string();
        assert_eq!(after, before, "{what}\n{xml}");
    }
}
