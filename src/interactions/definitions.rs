//! The definitions that the server was started with, kept in the store like everything else: read, searched, and with a history that says
//! which rule was in force when.

use super::write::{Action, Change, Condition, Writer, same_content, write};
use super::{Failure, Moment, Server};
use crate::fhir::key::Origin;
use crate::fhir::{Id, Resource, ResourceKey, ResourceType};
use crate::search::SearchQuery;

/// The type of the rules.
const RULE: ResourceType = ResourceType::PlanDefinition;

/// True if these definitions hold other rules than the stored ones: then everyone's rights must be derived anew. Do that before
/// [`install`], so that a server that is stopped in between finds the change again when it starts.
///
/// # Errors
/// As [`install`].
pub fn changes_rules(server: &Server, definitions: &[Resource]) -> Result<bool, Failure> {
    let mut given = Vec::new();
    for resource in definitions {
        let key = key_of(resource)?;
        if key.resource_type == RULE {
            let stored = server.store.read(&key)?;
            if !stored.is_some_and(|stored| same_content(&stored, resource.value())) {
                return Ok(true);
            }
            given.push(key);
        }
    }
    let stored = server.store.search(&SearchQuery::all(RULE, Vec::new()), None)?.matches;
    Ok(stored.iter().any(|stored| !given.contains(&stored.key)))
}

/// Makes the stored definitions these: new and changed ones are written, others deleted.
///
/// # Errors
/// `BadRequest` for one that has no id or is of a type that is no definition; else as [`write()`].
pub fn install(server: &Server, moment: &Moment, definitions: Vec<Resource>) -> Result<(), Failure> {
    let mut changes = Vec::new();
    let mut kept = Vec::new();
    for resource in definitions {
        let key = key_of(&resource)?;
        kept.push(key.clone());
        changes.push(Change { action: Action::Update { key, resource, condition: Condition::Any }, full_url: None });
    }
    for resource_type in ResourceType::ALL.iter().filter(|resource_type| resource_type.origin() == Origin::Definitions) {
        for stored in server.store.search(&SearchQuery::all(*resource_type, Vec::new()), None)?.matches {
            if !kept.contains(&stored.key) {
                changes.push(Change { action: Action::Delete { key: stored.key, condition: Condition::Any }, full_url: None });
            }
        }
    }
    write(server, moment, Writer::Definitions, &changes, false).map(drop)
}

fn key_of(resource: &Resource) -> Result<ResourceKey, Failure> {
    let id = resource.id().and_then(Id::parse);
    let resource_type: Option<ResourceType> = resource.type_name().parse().ok();
    match (resource_type.filter(|resource_type| resource_type.origin() == Origin::Definitions), id) {
        (Some(resource_type), Some(id)) => Ok(ResourceKey::new(resource_type, id)),
        _ => Err(Failure::bad_request(crate::fhir::IssueCode::Invalid, "expected a definition with an id")),
    }
}
