//! SearchParameters as published (<https://hl7.org/fhir/R4/searchparameter.html>).
//!
//! The parameters kept of the R4 core package are those of held types that define where their
//! values stand.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::definition_json::{head, items, text};
use super::guide;
use crate::fhir::ResourceType;

/// The SearchParameters of the R4 core package in condensed form; how it is made stands in
/// `profiles/SOURCES.md`.
static CORE_LINES: &str = include_str!("../../profiles/packages/r4-search.jsonl");

/// The base of the parameters that every type has.
const EVERY_TYPE: &str = "Resource";

/// A SearchParameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchParameter {
    /// Its canonical address.
    pub url: String,
    /// Its name in a query.
    pub code: String,
    /// Its kind, as `token`.
    pub kind: String,
    /// The places of its values: FHIRPath by the name of the type, or by `Resource` for all types.
    pub expressions: Vec<(String, String)>,
    /// The held types that a reference may name.
    pub targets: Vec<ResourceType>,
    /// The components of a composite: the addresses of their parameters, and the places of their
    /// values below those of the expression.
    pub components: Vec<(String, String)>,
}

impl SearchParameter {
    /// Reads a published or condensed definition.
    fn read(definition: &Value) -> SearchParameter {
        let own = |key| text(definition, key).unwrap_or_default().to_owned();
        let pair = |first: Option<&str>, second: Option<&str>| {
            Some((first?.to_owned(), second?.to_owned()))
        };
        let parts = items(definition, "component").iter();
        let targets = items(definition, "target").iter().filter_map(Value::as_str);
        SearchParameter {
            url: own("url"),
            code: own("code"),
            kind: own("type"),
            expressions: match definition.get("expression") {
                Some(Value::Object(by_type)) => by_type
                    .iter()
                    .filter_map(|(base, part)| pair(Some(base), part.as_str()))
                    .collect(),
                _ => by_type(definition),
            },
            targets: targets.filter_map(|name| name.parse().ok()).collect(),
            components: parts
                .filter_map(|part| pair(text(part, "definition"), text(part, "expression")))
                .collect(),
        }
    }
}

/// Returns the parameters of R4 and of the guide.
pub fn search_parameters() -> &'static [SearchParameter] {
    static ALL: LazyLock<Vec<SearchParameter>> = LazyLock::new(|| {
        let of_core = CORE_LINES.lines();
        let of_guide = guide::search_parameters();
        // The embedded texts are JSON: the tests read all of them.
        let definitions = of_core
            .chain(of_guide)
            .filter_map(|text| text.parse::<Value>().ok());
        definitions
            .map(|definition| SearchParameter::read(&definition))
            .collect()
    });
    &ALL
}

/// Condenses a published SearchParameter to one line; none if no held type has it, or if it does
/// not define where its values stand.
pub(super) fn condense(definition: &Value) -> Option<String> {
    let by_type = by_type(definition);
    // The package also has examples of definitions, which define existing parameters again.
    if by_type.is_empty()
        || text(definition, "url")?.starts_with("http://hl7.org/fhir/SearchParameter/example")
    {
        return None;
    }
    let mut condensed = head(definition, "SearchParameter");
    condensed.insert("code".to_owned(), definition["code"].clone());
    condensed.insert("type".to_owned(), definition["type"].clone());
    condensed.insert(
        "expression".to_owned(),
        by_type
            .into_iter()
            .map(|(base, part)| (base, Value::from(part)))
            .collect::<Map<_, _>>()
            .into(),
    );
    let targets: Vec<_> = items(definition, "target")
        .iter()
        .filter(|name| name.as_str().is_some_and(is_held))
        .collect();
    if !targets.is_empty() {
        condensed.insert("target".to_owned(), json!(targets));
    }
    let part = |part: &Value| json!({ "definition": part["definition"], "expression": part["expression"] });
    let parts: Vec<_> = items(definition, "component").iter().map(part).collect();
    if !parts.is_empty() {
        condensed.insert("component".to_owned(), Value::Array(parts));
    }
    Some(Value::Object(condensed).to_string())
}

fn is_held(name: &str) -> bool {
    name.parse::<ResourceType>().is_ok()
}

/// Groups the alternatives of a published expression by the type at whose name they begin, for the
/// held types among its bases.
fn by_type(definition: &Value) -> Vec<(String, String)> {
    let alternatives = alternatives(text(definition, "expression").unwrap_or_default());
    let bases = items(definition, "base")
        .iter()
        .filter_map(Value::as_str)
        .filter(|base| *base == EVERY_TYPE || is_held(base));
    let of_base = |base: &str| {
        let begins = |part: &&&str| {
            part.trim_start_matches('(')
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with(['.', ' ', ')']))
        };
        let parts: Vec<_> = alternatives.iter().filter(begins).copied().collect();
        (!parts.is_empty()).then(|| (base.to_owned(), parts.join(" | ")))
    };
    bases.filter_map(of_base).collect()
}

/// Returns the parts of an expression between the `|` that stand in no parenthesis and no text.
pub fn alternatives(expression: &str) -> Vec<&str> {
    let (mut depth, mut in_text, mut start, mut parts) = (0_u32, false, 0, Vec::new());
    for (at, byte) in expression.bytes().enumerate() {
        match byte {
            b'\'' => in_text = !in_text,
            b'(' if !in_text => depth += 1,
            b')' if !in_text => depth = depth.saturating_sub(1),
            b'|' if !in_text && depth == 0 => {
                parts.push(expression[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(expression[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}
