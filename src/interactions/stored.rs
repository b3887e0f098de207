//! Stored content, read: the one place where bytes of the store become JSON.

use serde_json::Value;

use crate::fhir::ResourceKey;
use crate::storage::StoreError;

/// Reads bytes of the store.
///
/// # Errors
/// If they are no JSON, which only damage can bring about.
pub(super) fn parse_stored(key: &ResourceKey, body: &[u8]) -> Result<Value, StoreError> {
    serde_json::from_slice(body)
        .map_err(|_| StoreError(format!("the stored content of {key} is not JSON")))
}
