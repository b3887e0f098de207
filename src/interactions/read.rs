//! read and vread (<https://hl7.org/fhir/R4/http.html#read>).

use super::{Failure, Server};
use crate::fhir::{ResourceKey, Version};
use crate::storage::StoredVersion;

/// The current version of a resource.
///
/// # Errors
/// `NotFound`, or `Gone` after a deletion.
pub fn read(server: &Server, key: &ResourceKey) -> Result<StoredVersion, Failure> {
    let found = server.store.read(key)?.ok_or_else(|| Failure::not_found(format!("there is no {} with this id", key.resource_type)))?;
    existing(found)
}

/// One version of a resource.
///
/// # Errors
/// `NotFound`, or `Gone` if that version is the deletion.
pub fn read_version(server: &Server, key: &ResourceKey, version: Version) -> Result<StoredVersion, Failure> {
    let found = server.store.read_version(key, version)?;
    existing(found.ok_or_else(|| Failure::not_found(format!("there is no such version of this {}", key.resource_type)))?)
}

fn existing(found: StoredVersion) -> Result<StoredVersion, Failure> {
    if found.body.is_none() { Err(Failure::Gone(found.key, found.version)) } else { Ok(found) }
}
