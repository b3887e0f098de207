//! What a reference points at, as far as the resource itself tells: nothing is looked up in a store.

use serde_json::Value;

use super::findings::Findings;
use crate::fhir::{IssueCode, Reference};

const BASE_DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The type of the resource that a reference of `resource` names, if that can be told.
pub(super) fn target_type<'a>(reference: &'a Value, resource: &'a Value) -> Option<&'a str> {
    let stated = || {
        let name = reference["type"].as_str()?;
        Some(name.strip_prefix(BASE_DEFINITIONS).unwrap_or(name))
    };
    match Reference::read(reference) {
        Reference::Local(key, _) => Some(key.resource_type.as_str()),
        Reference::Conditional(address) => address.split_once('?').map(|(name, _)| name),
        Reference::External(address) => type_in(address).or_else(stated),
        Reference::Contained(id) => contained(resource, id).and_then(|inner| inner["resourceType"].as_str()),
        Reference::Urn(_) | Reference::Logical(..) | Reference::None => stated(),
    }
}

/// The type in an address that ends with `Type/id` or `Type/id/_history/version`.
fn type_in(address: &str) -> Option<&str> {
    let address = address.split_once("/_history/").map_or(address, |(before, _)| before);
    let (before, _) = address.rsplit_once('/')?;
    let name = before.rsplit('/').next()?;
    let like_a_type = name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphabetic());
    like_a_type.then_some(name)
}

fn contained<'a>(resource: &'a Value, id: &str) -> Option<&'a Value> {
    resource["contained"].as_array()?.iter().find(|inner| inner["id"].as_str() == Some(id))
}

/// Checks that the target is of one of these types, if any is asked for and it can be told.
pub(super) fn check_type(reference: &Value, types: &[&str], path: &str, findings: &mut Findings<'_>) {
    let found = target_type(reference, findings.resource);
    if let Some(found) = found.filter(|found| !types.is_empty() && !types.contains(found)) {
        let known = found.parse::<crate::fhir::ResourceType>().is_ok();
        let found = if known { found } else { "a type that is not one of them" };
        let what = format!("expected a reference to {}, found {found}", types.join(" or "));
        return findings.error(IssueCode::Structure, path, "", what);
    }
    if types == ["Patient"] && matches!(Reference::read(reference), Reference::Contained(_)) {
        let what = "expected a reference to a stored Patient, found one to a contained resource";
        findings.error(IssueCode::BusinessRule, path, super::persons::STORED, what);
    }
}

/// Checks that a reference that must be there names something: a display alone does not.
pub(super) fn check_names_something(reference: &Value, path: &str, findings: &mut Findings<'_>) {
    let named = reference.get("reference").is_some() || reference["identifier"].get("value").is_some();
    if !named {
        let what = "expected a reference with 'reference', or with 'identifier' that has a value; found neither";
        findings.error(IssueCode::Required, path, "", what);
    }
}
