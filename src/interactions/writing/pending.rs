//! The writes that a request is about to make, and the resources as they will be after them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fhir::{ResourceKey, Version};
use crate::interactions::Server;
use crate::interactions::stored::{LoadedResource, parse_stored};
use crate::storage::SearchError;

/// The writes that a request is about to make, by key.
pub type Pending = BTreeMap<ResourceKey, PendingWrite>;

/// One resource that a request is about to write.
#[derive(Clone, Debug)]
pub struct PendingWrite {
    /// The version that it will have.
    pub version: Version,
    /// Its content; none if it is deleted.
    pub content: Option<Value>,
    /// Its content before; none if it did not exist.
    pub before: Option<Value>,
}

/// Reads a resource as it will be after the pending writes; none if it does not exist.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn lookup(
    server: &Server,
    key: &ResourceKey,
    pending: &Pending,
) -> Result<Option<LoadedResource>, SearchError> {
    if let Some(write) = pending.get(key) {
        return Ok(write
            .content
            .as_ref()
            .map(|content| (key.clone(), write.version, content.clone())));
    }
    let Some(stored) = server.store.read(key)? else {
        return Ok(None);
    };
    let Some(body) = &stored.body else {
        return Ok(None);
    };
    Ok(Some((
        key.clone(),
        stored.version,
        parse_stored(key, body)?,
    )))
}
