//! The gist of a stored resource: the elements that decisions read of it, and no other.

use std::sync::Arc;

use serde_json::Value;

use crate::deadlines::{elements_read, practice_references};
use crate::fhir::{ResourceKey, Version};
use crate::interactions::stored::parse_stored_members;
use crate::storage::{StoreError, StoredVersion};

/// The elements of a stored resource that decisions read.
#[derive(Clone, Debug)]
pub(super) struct Gist {
    /// The version that is stored.
    pub(super) version: Version,
    /// The content, limited to those elements.
    pub(super) content: Arc<Value>,
    /// The practices that it names and that facts depend on.
    pub(super) practices: Arc<[ResourceKey]>,
}

impl Gist {
    /// Reads a version; none of a deletion.
    ///
    /// # Errors
    /// If what is stored is no JSON.
    pub(super) fn of(stored: &StoredVersion) -> Result<Option<Self>, StoreError> {
        let Some(body) = &stored.body else {
            return Ok(None);
        };
        let of_facts = elements_read(stored.key.resource_type);
        let content = parse_stored_members(&stored.key, body, |name| {
            matches!(name, "resourceType" | "subject" | "identifier") || of_facts.contains(&name)
        })?;
        Ok(Some(Gist {
            version: stored.version,
            practices: practice_references(&content).into(),
            content: Arc::new(content),
        }))
    }
}
