//! The type of a reference's target, as far as the resource itself tells: nothing is looked up in a
//! store.

use serde_json::Value;

use crate::fhir::Reference;
use crate::fhir::reference::searched;

const BASE_DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Returns the type of the resource that a reference of `resource` names, if it is known.
pub(super) fn target_type<'a>(reference: &'a Value, resource: &'a Value) -> Option<&'a str> {
    let stated = || {
        let name = reference["type"].as_str()?;
        Some(name.strip_prefix(BASE_DEFINITIONS).unwrap_or(name))
    };
    match Reference::read(reference) {
        Reference::Local(key, _) => Some(key.resource_type.as_str()),
        Reference::Conditional(address) => searched(address).map(|(name, _)| name),
        Reference::External(address) => type_in(address).or_else(stated),
        Reference::Contained(id) => {
            contained(resource, id).and_then(|inner| inner["resourceType"].as_str())
        }
        Reference::Urn(_) | Reference::Logical(..) | Reference::None => stated(),
    }
}

/// Returns the type in an address that ends with `Type/id` or `Type/id/_history/version`.
fn type_in(address: &str) -> Option<&str> {
    let address = address
        .split_once("/_history/")
        .map_or(address, |(before, _)| before);
    let (before, _) = address.rsplit_once('/')?;
    let name = before.rsplit('/').next()?;
    let like_a_type = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic());
    like_a_type.then_some(name)
}

fn contained<'a>(resource: &'a Value, id: &str) -> Option<&'a Value> {
    resource["contained"]
        .as_array()?
        .iter()
        .find(|inner| inner["id"].as_str() == Some(id))
}
