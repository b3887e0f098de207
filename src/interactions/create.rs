//! create, also conditional (<https://hl7.org/fhir/R4/http.html#create>).

use super::change::{Action, Change};
use super::writing::attempt::write_one;
use super::writing::entry::same_type;
use super::{Context, Failure, Server, Written};
use crate::fhir::{Resource, ResourceType};

/// A resource to create.
pub struct CreateRequest {
    /// The type that the address names.
    pub resource_type: ResourceType,
    /// The content.
    pub resource: Resource,
    /// The query of `If-None-Exist`: with one match nothing is written, and the match is the
    /// answer.
    pub if_none_exist: Option<Vec<(String, String)>>,
}

/// Stores a new resource under an id that the server chooses.
///
/// # Errors
/// As [`super::writing::attempt::write`]; `BadRequest` for content of another type,
/// `PreconditionFailed` if
/// `If-None-Exist` has several matches.
pub fn create(
    server: &Server,
    context: &Context,
    request: CreateRequest,
) -> Result<Written, Failure> {
    let action = action(context, request)?;
    write_one(server, context, Change::alone(action))
}

/// Returns the change that stores a new resource.
///
/// # Errors
/// `BadRequest` for content of another type.
pub(super) fn action(context: &Context, request: CreateRequest) -> Result<Action, Failure> {
    same_type(request.resource_type, &request.resource)?;
    Ok(Action::Create {
        resource: request.resource,
        id: (context.new_id)(),
        if_none_exist: request.if_none_exist,
    })
}
