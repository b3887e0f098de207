//! Resources as the rules are given them.

use serde_json::Value;

use crate::fhir::{ResourceKey, Version};

/// A version of a resource that something was computed from.
pub type SourceVersion = (ResourceKey, Version);

/// A resource as it is stored now. The content is borrowed, and may be limited to the elements that
/// [`elements_read`](super::elements_read) lists.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// The key.
    pub key: ResourceKey,
    /// The current version.
    pub version: Version,
    /// The content.
    pub value: &'a Value,
}

impl Stored<'_> {
    pub(super) fn input(&self) -> SourceVersion {
        (self.key.clone(), self.version)
    }
}
