//! One ValueSet: the codes that it takes, and from which systems.
//!
//! <https://hl7.org/fhir/R4/valueset.html>

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::definition_json::{head, items, text};

/// A compiled ValueSet.
#[derive(Debug)]
pub struct ValueSet {
    /// Its canonical address, without version.
    pub url: Box<str>,
    /// Its version, or empty.
    pub version: Box<str>,
    /// The selections that it includes.
    pub include: Box<[Selection]>,
    /// The selections that it excludes from those.
    pub exclude: Box<[Selection]>,
    /// The codes that it had when it was published, if they are listed.
    pub expansion: Option<Expansion>,
}

/// Codes of one system, or of other value sets; a code must meet everything that is given.
#[derive(Debug)]
pub struct Selection {
    /// The system, or empty if only value sets are named.
    pub system: Box<str>,
    /// The version of the system, or empty.
    pub version: Box<str>,
    /// The codes, if they are listed.
    pub codes: Option<HashSet<Box<str>>>,
    /// The filters that the codes must pass.
    pub filters: Box<[PropertyFilter]>,
    /// Value sets that the codes must be in, all of them.
    pub value_sets: Box<[Box<str>]>,
}

/// A filter on the codes of a system.
#[derive(Debug)]
pub struct PropertyFilter {
    /// The property that is looked at, as `concept`.
    pub property: Box<str>,
    /// The operator, as `is-a`.
    pub operator: Box<str>,
    /// The value that it is compared with.
    pub value: Box<str>,
}

/// The codes that a value set had when it was published.
#[derive(Debug)]
pub struct Expansion {
    /// System and code.
    pub codes: HashSet<(Box<str>, Box<str>)>,
    /// True if these are all.
    pub is_complete: bool,
}

/// Condenses a published ValueSet: with FHIR's names, codes as plain texts, and the expansion as a
/// flat list.
pub(super) fn condense(definition: &Value) -> Value {
    let mut condensed = head(definition, "ValueSet");
    for key in ["include", "exclude"] {
        let sources = definition
            .get("compose")
            .map_or(&[][..], |compose| items(compose, key));
        if !sources.is_empty() {
            condensed.insert(
                key.to_owned(),
                sources.iter().map(condense_selection).collect(),
            );
        }
    }
    if let Some(source) = definition.get("expansion") {
        let mut codes = Vec::new();
        flatten(items(source, "contains"), &mut codes);
        let total = source.get("total").and_then(Value::as_u64);
        let is_complete =
            total.is_none_or(|total| total <= codes.len() as u64) && source.get("offset").is_none();
        condensed.insert(
            "expansion".to_owned(),
            json!({"codes": codes, "complete": is_complete}),
        );
    }
    Value::Object(condensed)
}

fn condense_selection(source: &Value) -> Value {
    let mut condensed = Map::new();
    for key in ["system", "version", "valueSet"] {
        if let Some(value) = source.get(key) {
            condensed.insert(key.to_owned(), value.clone());
        }
    }
    let codes: Vec<_> = items(source, "concept")
        .iter()
        .filter_map(|concept| concept.get("code").cloned())
        .collect();
    if !codes.is_empty() {
        condensed.insert("concept".to_owned(), Value::Array(codes));
    }
    let part = |source: &Value, key| text(source, key).unwrap_or_default().to_owned();
    let filter = |source: &Value| {
        json!([
            part(source, "property"),
            part(source, "op"),
            part(source, "value")
        ])
    };
    let filters: Vec<_> = items(source, "filter").iter().map(filter).collect();
    if !filters.is_empty() {
        condensed.insert("filter".to_owned(), Value::Array(filters));
    }
    Value::Object(condensed)
}

/// Adds the codes of an expansion. Concepts that only group others have no code, or say that they
/// are abstract.
fn flatten(sources: &[Value], codes: &mut Vec<Value>) {
    for source in sources {
        if let Some(code) =
            text(source, "code").filter(|_| source.get("abstract") != Some(&Value::Bool(true)))
        {
            codes.push(json!([text(source, "system").unwrap_or_default(), code]));
        }
        flatten(items(source, "contains"), codes);
    }
}

/// Compiles a condensed line.
pub(super) fn compile(line: &str) -> ValueSet {
    let source: Value = line.parse().unwrap_or_default();
    let boxed = |key| Box::from(text(&source, key).unwrap_or_default());
    let pair = |pair: &Value| {
        Some((
            Box::from(pair.get(0)?.as_str()?),
            Box::from(pair.get(1)?.as_str()?),
        ))
    };
    let expansion = |source: &Value| Expansion {
        codes: items(source, "codes").iter().filter_map(pair).collect(),
        is_complete: source.get("complete") == Some(&Value::Bool(true)),
    };
    ValueSet {
        url: boxed("url"),
        version: boxed("version"),
        include: items(&source, "include").iter().map(selection).collect(),
        exclude: items(&source, "exclude").iter().map(selection).collect(),
        expansion: source.get("expansion").map(expansion),
    }
}

fn selection(source: &Value) -> Selection {
    let boxed = |key| Box::from(text(source, key).unwrap_or_default());
    let part = |filter: &Value, at: usize| {
        Box::from(filter.get(at).and_then(Value::as_str).unwrap_or_default())
    };
    let filter = |filter: &Value| PropertyFilter {
        property: part(filter, 0),
        operator: part(filter, 1),
        value: part(filter, 2),
    };
    let codes = |codes: &Value| {
        codes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Box::from)
            .collect()
    };
    // The system is sometimes written with its version.
    let (system, version) = match text(source, "system").and_then(|system| system.split_once('|')) {
        Some((system, version)) => (system.into(), version.into()),
        None => (boxed("system"), boxed("version")),
    };
    Selection {
        system,
        version,
        codes: source.get("concept").map(codes),
        filters: items(source, "filter").iter().map(filter).collect(),
        value_sets: items(source, "valueSet")
            .iter()
            .filter_map(Value::as_str)
            .map(Box::from)
            .collect(),
    }
}
