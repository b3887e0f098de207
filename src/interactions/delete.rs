//! delete, also conditional (<https://hl7.org/fhir/R4/http.html#delete>): the resource is gone, its history stays.

use super::write::{Action, Change, Condition, Target};
use super::{Context, Failure, Server, Written};

/// Deletes a resource. One that is not there is deleted already; so is what matches nothing.
///
/// # Errors
/// As [`super::write::write`]; `PreconditionFailed` if several resources match, `Conflict` while
/// others refer to it.
pub fn delete(
    server: &Server,
    context: &Context,
    target: Target,
    condition: Condition,
) -> Result<Written, Failure> {
    super::write_one(
        server,
        context,
        Change {
            action: Action::Delete { target, condition },
            full_url: None,
            place: None,
        },
    )
}
