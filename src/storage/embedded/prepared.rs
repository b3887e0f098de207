//! The part of a commit that is worked out before the one writer takes it, in the thread of whoever
//! commits: how versions are found, as bytes. What is left to the writer depends on the commits
//! before.

use std::collections::BTreeSet;

use super::codec::Encoder;
use super::index_keys::index_keys_of;
use crate::fhir::ResourceKey;
use crate::search::IndexEntry;
use crate::storage::{ChangeSet, Write};

/// A commit that is ready for the writer.
pub(super) struct PreparedCommit {
    pub(super) changes: ChangeSet,
    /// For each write, what its version is found by.
    pub(super) found_by: Vec<FoundBy>,
}

/// All that a version is found by.
pub(super) struct FoundBy {
    /// Its entries, as records have them.
    pub(super) encoded: Vec<u8>,
    /// Its keys in the index.
    pub(super) keys: BTreeSet<Vec<u8>>,
}

impl PreparedCommit {
    /// Prepares a commit.
    pub(super) fn of(changes: ChangeSet) -> Self {
        let found_by = changes.writes.iter().map(FoundBy::of_write).collect();
        PreparedCommit { changes, found_by }
    }
}

impl FoundBy {
    fn of_write(write: &Write) -> Self {
        let content = write.content.as_ref();
        let entries = content.map_or(&[][..], |content| &content.entries);
        let mut encoded = Encoder::new();
        encoded.entries(entries);
        FoundBy {
            encoded: encoded.into_bytes(),
            keys: index_keys_of(&write.key, entries),
        }
    }

    /// Returns the keys that go and those that come when this follows a version with these entries:
    /// what both have is left alone.
    pub(super) fn moved_from(
        self,
        key: &ResourceKey,
        before: &[IndexEntry],
        after: &[IndexEntry],
    ) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        if before == after {
            return (Vec::new(), Vec::new());
        }
        if before.is_empty() {
            return (Vec::new(), self.keys.into_iter().collect());
        }
        let before = index_keys_of(key, before);
        let gone = before.difference(&self.keys).cloned().collect();
        let come = self
            .keys
            .into_iter()
            .filter(|key| !before.contains(key))
            .collect();
        (gone, come)
    }
}
