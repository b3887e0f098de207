//! update, also as create with the client's id (<https://hl7.org/fhir/R4/http.html#update>).

use super::write::{Action, Change, Condition};
use super::{Failure, Moment, Server, Written};
use crate::fhir::{Resource, ResourceKey};

/// Makes this the content of the resource. The same content again writes nothing.
///
/// # Errors
/// As [`super::write::write`]; `PreconditionFailed` if the condition does not hold.
pub fn update(server: &Server, moment: &Moment, key: ResourceKey, resource: Resource, condition: Condition) -> Result<Written, Failure> {
    super::write_one(server, moment, Change { action: Action::Update { key, resource, condition }, full_url: None, place: None })
}
