//! update, also as create with the client's id, and conditional update (<https://hl7.org/fhir/R4/http.html#update>).

use super::write::{Action, Change, Condition, Target};
use super::{Context, Failure, Server, Written};
use crate::fhir::Resource;

/// Makes this the content of the resource. The same content again writes nothing.
///
/// # Errors
/// As [`super::write::write`]; `PreconditionFailed` if the condition does not hold or several
/// resources match, `Conflict` if the content has the id of another one than matches.
pub fn update(
    server: &Server,
    context: &Context,
    target: Target,
    resource: Resource,
    condition: Condition,
) -> Result<Written, Failure> {
    super::write_one(
        server,
        context,
        Change {
            action: Action::Update {
                target,
                resource,
                condition,
            },
            full_url: None,
            place: None,
        },
    )
}
