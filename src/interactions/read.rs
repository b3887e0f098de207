//! read and vread (<https://hl7.org/fhir/R4/http.html#read>).

use jiff::Timestamp;

use super::condition::EntityTags;
use super::{Context, Failure, Server};
use crate::fhir::{ResourceKey, Version};
use crate::storage::{StoreError, StoredVersion};

/// The version that a client says it has already (<https://hl7.org/fhir/R4/http.html#cread>).
#[derive(Clone, Default, Debug)]
pub struct ClientCopy {
    /// The ETags of `If-None-Match`: one or several, or `*`.
    pub none_match: Option<String>,
    /// The instant of `If-Modified-Since`; without meaning beside ETags.
    pub modified_since: Option<Timestamp>,
}

impl ClientCopy {
    /// Tells whether that is the version that the client has.
    pub fn is(&self, found: &StoredVersion) -> bool {
        match (&self.none_match, self.modified_since) {
            (Some(etags), _) => {
                EntityTags::parse(etags).is_some_and(|etags| etags.name(Some(found.version)))
            }
            // HTTP dates have whole seconds.
            (None, Some(since)) => found.last_updated.as_second() <= since.as_second(),
            (None, None) => false,
        }
    }
}

/// Reads the current version of a resource.
///
/// # Errors
/// `NotFound`, or `Gone` after a deletion.
pub fn read(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
) -> Result<StoredVersion, Failure> {
    let found = last_version(server, context, key)?.ok_or_else(|| {
        Failure::not_found(format!("there is no {} with this id", key.resource_type))
    })?;
    existing(found)
}

/// Reads the last version of a resource in the state that is seen, a deletion included.
///
/// # Errors
/// Of the store.
pub(super) fn last_version(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
) -> Result<Option<StoredVersion>, StoreError> {
    match context.seen_at {
        Some(position) => server.store.read_at(key, position),
        None => server.store.read(key),
    }
}

/// Reads one version of a resource.
///
/// # Errors
/// `NotFound`, or `Gone` if that version is the deletion.
pub fn read_version(
    server: &Server,
    _context: &Context,
    key: &ResourceKey,
    version: Version,
) -> Result<StoredVersion, Failure> {
    let found = server.store.read_version(key, version)?;
    existing(found.ok_or_else(|| {
        Failure::not_found(format!(
            "there is no such version of this {}",
            key.resource_type
        ))
    })?)
}

/// Returns the version, if it has a body.
///
/// # Errors
/// `Gone` if it is a deletion.
pub(super) fn existing(found: StoredVersion) -> Result<StoredVersion, Failure> {
    if found.body.is_none() {
        Err(Failure::Gone(found.key, found.version))
    } else {
        Ok(found)
    }
}
