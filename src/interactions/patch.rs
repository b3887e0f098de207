//! patch, also conditional (<https://hl7.org/fhir/R4/http.html#patch>): the steps of the patch make the new content of what is stored, which
//! is then written as an update would be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::change::{Action, Change, ChangeTarget};
use super::condition::Condition;
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, Written};
use crate::fhir::{Issue, IssueCode, Resource};

pub use crate::patch::{JSON_PATCH, MERGE_PATCH, Patch};

/// Patches a resource. A patch that changes nothing writes nothing.
///
/// # Errors
/// As [`super::writing::attempt::write`]; `NotFound` or `Gone` if there is nothing to patch,
/// `Unprocessable` if a step cannot be carried out.
pub fn patch(
    server: &Server,
    context: &Context,
    target: ChangeTarget,
    patch: Patch,
    condition: Condition,
) -> Result<Written, Failure> {
    let action = Action::Patch {
        target,
        patch,
        condition,
    };
    write_one(server, context, Change::alone(action))
}

/// Reads the patch in the entry of a Bundle: the Parameters of a FHIRPath Patch, or a JSON Patch or
/// JSON Merge Patch in a Binary.
///
/// # Errors
/// `BadRequest` if it is neither.
pub(super) fn in_entry(resource: &Resource) -> Result<Patch, Failure> {
    let wrong =
        |at: &str, text: &str| Failure::BadRequest(vec![Issue::error(IssueCode::Value, at, text)]);
    let value = resource.value();
    match resource.type_name() {
        "Parameters" => Patch::from_parameters(resource).map_err(Failure::BadRequest),
        "Binary" => {
            let read = match value["contentType"].as_str() {
                Some(JSON_PATCH) => Patch::parse_json_patch,
                Some(MERGE_PATCH) => Patch::parse_merge_patch,
                _ => {
                    return Err(wrong(
                        "Binary.contentType",
                        "expected application/json-patch+json or application/merge-patch+json",
                    ));
                }
            };
            let data = value["data"]
                .as_str()
                .and_then(|data| STANDARD.decode(data).ok());
            read(&data.ok_or_else(|| wrong("Binary.data", "expected a patch in Base64"))?)
                .map_err(Failure::BadRequest)
        }
        _ => Err(wrong(
            "Resource.resourceType",
            "expected a Binary with a JSON patch, or the Parameters of a FHIRPath Patch",
        )),
    }
}
