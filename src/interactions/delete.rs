//! delete, also conditional (<https://hl7.org/fhir/R4/http.html#delete>): the resource is gone, its history stays.

use super::change::{Action, Change, ChangeTarget};
use super::condition::Condition;
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, Written};

/// Deletes a resource. One that is not there is deleted already; so is what matches nothing.
///
/// # Errors
/// As [`super::writing::attempt::write`]; `PreconditionFailed` if several resources match,
/// `Conflict` while others refer to it.
pub fn delete(
    server: &Server,
    context: &Context,
    target: ChangeTarget,
    condition: Condition,
) -> Result<Written, Failure> {
    let action = Action::Delete { target, condition };
    write_one(server, context, Change::alone(action))
}
