//! Stored content, read: the one place where bytes of the store become JSON.

use serde_json::Value;

use crate::fhir::{ResourceKey, json};
use crate::storage::StoreError;

/// Reads bytes of the store.
///
/// # Errors
/// If they are no JSON, which only damage can bring about.
pub(super) fn parse_stored(key: &ResourceKey, body: &[u8]) -> Result<Value, StoreError> {
    serde_json::from_slice(body).map_err(|_| not_json(key))
}

/// Reads those members of a stored resource whose names are wanted, and passes over the others.
///
/// # Errors
/// As [`parse_stored`].
pub(super) fn parse_stored_members(
    key: &ResourceKey,
    body: &[u8],
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Value, StoreError> {
    json::parse_members(body, is_wanted).map_err(|_| not_json(key))
}

fn not_json(key: &ResourceKey) -> StoreError {
    StoreError::unusable(format!("the stored content of {key} is not JSON"))
}
