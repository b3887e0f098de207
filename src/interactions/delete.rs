//! delete (<https://hl7.org/fhir/R4/http.html#delete>): the resource is gone, its history stays.

use super::write::{Action, Change, Condition};
use super::{Failure, Moment, Server, Written};
use crate::fhir::ResourceKey;

/// Deletes a resource. One that is not there is deleted already.
///
/// # Errors
/// As [`super::write::write`]; `Conflict` for a Patient about whom there is more.
pub fn delete(server: &Server, moment: &Moment, key: ResourceKey, condition: Condition) -> Result<Written, Failure> {
    super::write_one(server, moment, Change { action: Action::Delete { key, condition }, full_url: None, place: None })
}
