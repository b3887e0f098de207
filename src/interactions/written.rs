//! The answer of a write.

use super::rights_told::RightsTold;
use crate::fhir::{Issue, ResourceKey};
use crate::storage::StoredVersion;

/// The effect of a write on its resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The resource is new, or exists again.
    Created,
    /// It has a new version.
    Updated,
    /// It was so already: nothing was written.
    Unchanged,
    /// It is deleted (or was deleted or never there).
    Deleted,
}

/// The answer of a write.
#[derive(Clone, Debug)]
pub struct Written {
    /// The resource.
    pub key: ResourceKey,
    /// The effect.
    pub effect: Effect,
    /// The version that is now the last one; none if the resource never was.
    pub version: Option<StoredVersion>,
    /// Warnings about the content.
    pub issues: Vec<Issue>,
    /// Its effect on rights.
    pub rights: RightsTold,
}

impl Written {
    /// Returns all that is told of it: warnings about the content, and what it did to rights; last
    /// what is only good to know.
    pub fn told(&self) -> Vec<Issue> {
        let of_rights = self.rights.issues(&self.key);
        let mut told: Vec<Issue> = self.issues.iter().cloned().chain(of_rights).collect();
        told.sort_by_key(|issue| issue.severity);
        told
    }
}
