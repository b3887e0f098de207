//! Stored content, read: the one place where bytes of the store become JSON.

use serde_json::Value;

use crate::fhir::{ResourceKey, Version};
use crate::storage::StoreError;

/// A resource as it is stored: its key, version and content.
pub(super) type LoadedResource = (ResourceKey, Version, Value);

/// Reads bytes of the store.
///
/// # Errors
/// If they are no JSON, which only damage can bring about.
pub(super) fn parse_stored(key: &ResourceKey, body: &[u8]) -> Result<Value, StoreError> {
    serde_json::from_slice(body)
        .map_err(|_| StoreError(format!("the stored content of {key} is not JSON")))
}
