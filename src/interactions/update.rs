//! update, also as create with the client's id, and conditional update (<https://hl7.org/fhir/R4/http.html#update>).

use super::change::{Action, Change, ChangeTarget};
use super::condition::Condition;
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, Written};
use crate::fhir::Resource;

/// Makes this the content of the resource. The same content again writes nothing.
///
/// # Errors
/// As [`super::writing::attempt::write`]; `PreconditionFailed` if the condition does not hold or
/// several resources match, `Conflict` if the content has the id of another one than matches.
pub fn update(
    server: &Server,
    context: &Context,
    target: ChangeTarget,
    resource: Resource,
    condition: Condition,
) -> Result<Written, Failure> {
    let action = Action::Update {
        target,
        resource,
        condition,
    };
    write_one(server, context, Change::alone(action))
}
