//! The last versions of resources that memory holds, so that a read of one of them waits for
//! nothing.
//!
//! What is held is what a read of the newest acknowledged state would find: the one writer takes
//! out what a group wrote before that group is acknowledged, and nobody puts in what was read of a
//! state before.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fhir::ResourceKey;
use crate::storage::lately::Lately;
use crate::storage::{Position, StoredVersion};

/// The number of parts, each with a lock of its own.
const PARTS: usize = 16;
/// The bytes that a version takes besides its body.
const BYTES_BESIDES: usize = 256;

/// The versions that are held.
pub(super) struct HeldVersions {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
}

/// A part of what is held.
struct Part {
    versions: Lately<ResourceKey, Arc<StoredVersion>>,
    /// The position of the last commit that wrote a resource of this part: what was read of a
    /// state before it may have been replaced.
    moved: Position,
}

impl HeldVersions {
    /// Makes room for versions of so many bytes, and holds none yet.
    pub(super) fn of_bytes(bytes_max: u64) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let part = || Part {
            versions: Lately::of_bytes(bytes_max / PARTS),
            moved: Position::default(),
        };
        HeldVersions {
            parts: std::array::from_fn(|_| Mutex::new(part())),
            hasher: RandomState::new(),
        }
    }

    /// Returns the last version of a resource, if it is held.
    pub(super) fn get(&self, key: &ResourceKey) -> Option<Arc<StoredVersion>> {
        self.part(key).versions.get(key)
    }

    /// Holds what was read as the last version of the state after that position.
    pub(super) fn keep(&self, read: &StoredVersion, position: Position) {
        let mut part = self.part(&read.key);
        if part.moved <= position {
            let bytes = BYTES_BESIDES + read.body.as_ref().map_or(0, Vec::len);
            let version = Arc::new(read.clone());
            part.versions.keep(read.key.clone(), version, bytes);
        }
    }

    /// Takes out what commits up to that position wrote. Whoever reads of a state before it puts
    /// nothing in any more.
    pub(super) fn forget<'k>(
        &self,
        written: impl IntoIterator<Item = &'k ResourceKey>,
        position: Position,
    ) {
        for key in written {
            let mut part = self.part(key);
            part.moved = part.moved.max(position);
            part.versions.forget(key);
        }
    }

    fn part(&self, key: &ResourceKey) -> MutexGuard<'_, Part> {
        let at = self.hasher.hash_one(key) as usize % PARTS;
        self.parts[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;

    use super::*;
    use crate::fhir::Version;
    use crate::storage::Method;

    fn version(id: &str, position: u64, bytes: usize) -> StoredVersion {
        StoredVersion {
            key: ResourceKey::parse(&format!("Task/{id}")).unwrap(),
            version: Version(position),
            position: Position(position),
            last_updated: Timestamp::UNIX_EPOCH,
            method: Method::Put,
            body: Some(vec![0; bytes]),
        }
    }

    #[test]
    fn what_was_read_before_a_commit_of_it_is_not_held_after_it() {
        let first = version("a", 1, 10);
        for (read_of, forgotten_at, expected) in [
            // Read and kept, then written.
            (Some(1), Some(2), false),
            // Read before the commit, and kept after it.
            (Some(1), None, true),
            (None, Some(2), false),
        ] {
            let held = HeldVersions::of_bytes(1 << 20);
            if let Some(position) = read_of {
                held.keep(&first, Position(position));
            }
            if let Some(position) = forgotten_at {
                held.forget([&first.key], Position(position));
                held.keep(&first, Position(position - 1));
            }
            assert_eq!(held.get(&first.key).is_some(), expected);
        }
        let held = HeldVersions::of_bytes(1 << 20);
        held.forget([&first.key], Position(2));
        let second = version("a", 2, 10);
        held.keep(&second, Position(2));
        assert_eq!(held.get(&first.key).as_deref(), Some(&second));
    }
}
