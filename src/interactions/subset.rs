//! Parts of resources (<https://hl7.org/fhir/R4/search.html#summary>, <https://hl7.org/fhir/R4/search.html#elements>): which elements are
//! given is told by the definition of the type. What is a part says so, by a tag.

use serde_json::{Map, Value, json};

use super::stored::parse_stored;
use super::{Context, Failure, Server};
use crate::fhir::{Issue, IssueCode, ResourceType};
use crate::schema::{Element, Structure};
use crate::search::parse::{ParsedSearch, parse_search};
use crate::search::results::ResourcePart;
use crate::storage::StoredVersion;

/// The elements that are always given.
const ALWAYS: &[&str] = &["resourceType", "id", "meta"];

/// Reads which part of a resource a read asks for; answers it with the parameters that are about
/// something else.
///
/// # Errors
/// `BadRequest` for one that cannot be given.
pub fn asked(
    server: &Server,
    _context: &Context,
    resource_type: ResourceType,
    parameters: &[(String, String)],
) -> Result<(ResourcePart, Vec<(String, String)>), Failure> {
    let (about_part, others): (Vec<_>, Vec<_>) = parameters
        .iter()
        .cloned()
        .partition(|(name, _)| matches!(name.as_str(), "_summary" | "_elements"));
    let ParsedSearch { results, .. } =
        parse_search(&[resource_type], &about_part, "").map_err(Failure::BadRequest)?;
    match &results.part {
        ResourcePart::Count => Err(Failure::bad_request(
            IssueCode::Value,
            "_summary: expected true, text, data or false on a read",
        )),
        ResourcePart::Elements(names) => {
            known_elements(server, &[resource_type], names).map(|()| (results.part, others))
        }
        ResourcePart::Whole | ResourcePart::Summary | ResourcePart::Text | ResourcePart::Data => {
            Ok((results.part, others))
        }
    }
}

/// Checks that each name is one of an element that one of the types has.
///
/// # Errors
/// `BadRequest` with all that are not.
pub(super) fn known_elements(
    server: &Server,
    types: &[ResourceType],
    names: &[String],
) -> Result<(), Failure> {
    let structures: Vec<_> = types
        .iter()
        .filter_map(|known| structure(server, *known))
        .collect();
    let is_known = |name: &&String| {
        structures.iter().any(|structure| {
            structure.elements[0]
                .keys
                .iter()
                .any(|key| names_key(structure, key, name))
        })
    };
    // Some clients name the type among the elements; it is always given.
    let unknown = names
        .iter()
        .filter(|name| *name != "resourceType" && !is_known(name))
        .map(|name| {
            Issue::error(
                IssueCode::Value,
                "",
                format!(
                    "_elements: expected names of elements of the resource itself; '{name}' is not one"
                ),
            )
        });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Failure::BadRequest(unknown))
    }
}

/// The place of an element in JSON, as its structure has it.
type Key = (Box<str>, usize, usize);

/// Tells whether a name is that of an element. A choice of types is named as the definition does
/// (`onset`) or by the key under which it stands (`onsetAge`).
fn names_key(structure: &Structure, (key, place, _): &Key, name: &str) -> bool {
    let child = &structure.elements[structure.elements[0].children[*place]];
    **key == *name || *child.name == *name
}

fn structure(server: &Server, resource_type: ResourceType) -> Option<&Structure> {
    server
        .validator
        .definitions()
        .type_structure(resource_type.as_str())
}

/// Reduces a version to that part.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub fn cut(
    server: &Server,
    _context: &Context,
    part: &ResourcePart,
    version: &mut StoredVersion,
) -> Result<(), Failure> {
    if matches!(part, ResourcePart::Whole | ResourcePart::Count) {
        return Ok(());
    }
    let (Some(body), Some(structure)) = (
        version.body.as_deref(),
        structure(server, version.key.resource_type),
    ) else {
        return Ok(());
    };
    let value = parse_stored(&version.key, body)?;
    let Value::Object(members) = value else {
        return Ok(());
    };
    let mut left = leave(structure, part, members);
    tag(&mut left);
    version.body = Some(Value::Object(left).to_string().into_bytes());
    Ok(())
}

fn leave(
    structure: &Structure,
    part: &ResourcePart,
    members: Map<String, Value>,
) -> Map<String, Value> {
    let root = &structure.elements[0];
    let kept = |name: &str| {
        let is_required =
            child(structure, root, name).is_some_and(|child| child.min > 0 || child.is_modifier);
        let is_named = |wanted: &String| {
            root.keys
                .iter()
                .any(|key| *key.0 == *name && names_key(structure, key, wanted))
        };
        match part {
            ResourcePart::Whole | ResourcePart::Count | ResourcePart::Summary => true,
            ResourcePart::Data => name != "text",
            ResourcePart::Text => name == "text" || is_required,
            ResourcePart::Elements(names) => is_required || names.iter().any(is_named),
        }
    };
    if *part == ResourcePart::Summary {
        return summary(structure, root, members);
    }
    let is_kept = |key: &str| ALWAYS.contains(&key) || kept(key.strip_prefix('_').unwrap_or(key));
    members
        .into_iter()
        .filter(|(key, _)| is_kept(key))
        .collect()
}

/// Keeps the elements that the definition marks, in the element and in what stands in it; required
/// elements and modifiers stay too.
fn summary(
    structure: &Structure,
    element: &Element,
    members: Map<String, Value>,
) -> Map<String, Value> {
    let of_member = |(key, value): (String, Value)| {
        if ALWAYS.contains(&key.as_str()) {
            return Some((key, value));
        }
        let child = child(structure, element, key.strip_prefix('_').unwrap_or(&key))?;
        let inner = child
            .content_of
            .map_or(child, |content| &structure.elements[content]);
        let is_kept = child.is_summary || child.is_modifier || child.min > 0;
        is_kept.then(|| {
            (
                key,
                if inner.children.is_empty() {
                    value
                } else {
                    summary_of_each(structure, inner, value)
                },
            )
        })
    };
    members.into_iter().filter_map(of_member).collect()
}

fn summary_of_each(structure: &Structure, element: &Element, value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(summary(structure, element, members)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| summary_of_each(structure, element, item))
            .collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

fn child<'a>(structure: &'a Structure, element: &Element, key: &str) -> Option<&'a Element> {
    let (_, place, _) = element.keys.iter().find(|(known, ..)| **known == *key)?;
    structure.elements.get(*element.children.get(*place)?)
}

/// The system of the tag of parts.
const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
/// The same in versions of FHIR before R4, which some servers still send.
const SYSTEM_BEFORE_R4: &str = "http://hl7.org/fhir/v3/ObservationValue";
/// The code of the tag of parts.
const CODE: &str = "SUBSETTED";

/// Tells whether a tag says that the resource is a part.
pub(super) fn is_subsetted(tag: &Value) -> bool {
    tag["code"] == CODE && (tag["system"] == SYSTEM || tag["system"] == SYSTEM_BEFORE_R4)
}

/// Says that it is a part, so that nobody takes it for the whole and writes it back.
fn tag(members: &mut Map<String, Value>) {
    let Some(meta) = members
        .entry("meta")
        .or_insert_with(|| json!({}))
        .as_object_mut()
    else {
        return;
    };
    let Some(tags) = meta
        .entry("tag")
        .or_insert_with(|| json!([]))
        .as_array_mut()
    else {
        return;
    };
    if !tags.iter().any(is_subsetted) {
        tags.push(json!({ "system": SYSTEM, "code": CODE }));
    }
}
