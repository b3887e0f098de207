//! The definitions that the server was started with, kept in the store like everything else: read,
//! searched, and with a history that says which rule was in force when.

use crate::fhir::key::Origin;
use crate::fhir::{Id, Resource, ResourceKey, ResourceType};
use crate::interactions::change::{Action, AskedAs, Change, ChangeTarget, Writer};
use crate::interactions::condition::Condition;
use crate::interactions::writing::attempt::write;
use crate::interactions::{Context, Failure, Server};
use crate::search::SearchQuery;

/// Makes the stored definitions these: new and changed ones are written, others deleted.
///
/// # Errors
/// `BadRequest` for one that has no id or is of a type that is no definition; else as [`write()`].
pub fn install(
    server: &Server,
    context: &Context,
    definitions: Vec<Resource>,
) -> Result<(), Failure> {
    let mut changes = Vec::new();
    let mut kept = Vec::new();
    for resource in definitions {
        let key = key_of(&resource)?;
        kept.push(key.clone());
        let action = Action::Update {
            target: ChangeTarget::Key(key),
            resource,
            condition: Condition::ANY,
        };
        changes.push(Change::alone(action));
    }
    for resource_type in ResourceType::ALL
        .iter()
        .filter(|resource_type| resource_type.origin() == Origin::Definitions)
    {
        for key in server
            .store
            .search_keys(&SearchQuery::all(*resource_type, Vec::new()))?
        {
            if !kept.contains(&key) {
                let action = Action::Delete {
                    target: ChangeTarget::Key(key),
                    condition: Condition::ANY,
                };
                changes.push(Change::alone(action));
            }
        }
    }
    write(
        server,
        context,
        Writer::Definitions,
        &changes,
        AskedAs::Requests,
    )
    .map(drop)
}

fn key_of(resource: &Resource) -> Result<ResourceKey, Failure> {
    let id = resource.id().and_then(Id::parse);
    let resource_type: Option<ResourceType> = resource.type_name().parse().ok();
    match (
        resource_type.filter(|resource_type| resource_type.origin() == Origin::Definitions),
        id,
    ) {
        (Some(resource_type), Some(id)) => Ok(ResourceKey::new(resource_type, id)),
        _ => Err(Failure::bad_request(
            crate::fhir::IssueCode::Invalid,
            "expected a definition with an id",
        )),
    }
}
