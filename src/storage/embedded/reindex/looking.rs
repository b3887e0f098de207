//! Working out the next step.

use std::collections::{BTreeMap, BTreeSet};

use super::super::index_keys::{index_keys_of, key_in_index};
use super::super::keys::{number_at_end, split_owner, version_key};
use super::super::kv::{Direction, KeyRange, Kv, Table};
use super::super::reading::ViewReader;
use super::super::record::VersionRecord;
use super::super::seal::{senseless, unseal};
use super::state::{REST, ReindexPhase, RemainingWork};
use super::step::{Mend, ReindexStep};
use crate::fhir::{ResourceKey, Version};
use crate::search::IndexEntry;
use crate::storage::{Indexing, Reindexed, StoreError};

/// The number of records at which a step ends …
pub(super) const LOOKED_AT_MAX: u64 = if cfg!(test) { 7 } else { 1_000 };
/// … or the number of bytes of them …
pub(super) const BYTES_MAX: usize = 1 << 20;
/// … or the number of them that the writer must change …
pub(super) const CHANGED_MAX: usize = if cfg!(test) { 3 } else { 64 };
/// … or the number of bytes of these.
pub(super) const CHANGED_BYTES_MAX: usize = 256 << 10;
/// The number of keys of resources that are remembered within a step: the next key is often of one
/// of them.
pub(super) const REMEMBERED_MAX: usize = 50_000;
/// The number of keys that are removed at once where none is judged.
pub(super) const CLEARED_AT_ONCE: usize = if cfg!(test) { 40 } else { 4_000 };

/// Works out the next step of what is still to be done, and what is left after it.
pub(in crate::storage::embedded) fn next_step(
    kv: &dyn Kv,
    rest: &RemainingWork,
    indexing: Indexing<'_>,
    done: &mut Reindexed,
) -> Result<(ReindexStep, Option<RemainingWork>), StoreError> {
    let view = kv.view();
    let mut looking = Looking::at(ViewReader(&*view));
    let range = KeyRange {
        start: rest.next.clone(),
        end: None,
    };
    let next = match rest.phase {
        ReindexPhase::Clear => looking.clear(range)?,
        ReindexPhase::Fill | ReindexPhase::Mend => looking.versions(range, indexing, done)?,
        ReindexPhase::Sweep => looking.sweep(range, done)?,
    };
    let rest = match (next, rest.phase.after()) {
        (Some(next), _) => Some(RemainingWork {
            next,
            ..rest.clone()
        }),
        (None, Some(phase)) => Some(RemainingWork {
            phase,
            next: Vec::new(),
            ..rest.clone()
        }),
        (None, None) => None,
    };
    let mut step = looking.step;
    step.meta = match &rest {
        Some(rest) => vec![(REST, Some(rest.text()))],
        None => ReindexStep::finished(indexing.marks).meta,
    };
    Ok((step, rest))
}

/// A step that is being worked out. What it looks at in a range it looks at in order; each answers
/// where the next step goes on.
pub(super) struct Looking<'v> {
    reader: ViewReader<'v>,
    step: ReindexStep,
    looked_at: u64,
    bytes: usize,
    changed_bytes: usize,
    /// The keys of current versions that were met, and how many they are.
    remembered: BTreeMap<ResourceKey, BTreeSet<Vec<u8>>>,
    remembered_keys: usize,
}

impl<'v> Looking<'v> {
    pub(super) fn at(reader: ViewReader<'v>) -> Self {
        let (step, remembered) = (ReindexStep::default(), BTreeMap::new());
        Looking {
            reader,
            step,
            looked_at: 0,
            bytes: 0,
            changed_bytes: 0,
            remembered,
            remembered_keys: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let changed = self.step.mends.len() + self.step.suspects.len();
        self.looked_at >= LOOKED_AT_MAX
            || self.bytes >= BYTES_MAX
            || changed >= CHANGED_MAX
            || self.changed_bytes >= CHANGED_BYTES_MAX
    }

    pub(super) fn clear(&mut self, range: KeyRange) -> Result<Option<Vec<u8>>, StoreError> {
        for pair in self.reader.0.range(Table::Index, range, Direction::Forward) {
            let (key, _) = pair?;
            if self.step.cleared.len() == CLEARED_AT_ONCE {
                return Ok(Some(key));
            }
            self.step.cleared.push(key);
        }
        Ok(None)
    }

    pub(super) fn versions(
        &mut self,
        range: KeyRange,
        indexing: Indexing<'_>,
        done: &mut Reindexed,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        for record in
            self.reader
                .records::<VersionRecord>(Table::Versions, range, Direction::Forward)
        {
            let (key, record) = record?;
            if self.is_full() {
                return Ok(Some(key));
            }
            let (Some((owner, _)), Some(version)) = (split_owner(&key), number_at_end(&key)) else {
                return Err(senseless(Table::Versions, &key));
            };
            let body_bytes = record.body.as_ref().map_or(0, Vec::len);
            let entries = match &record.body {
                Some(body) => (indexing.entries_of)(owner.resource_type, body)
                    .ok_or_else(|| senseless(Table::Versions, &key))?,
                None => Vec::new(),
            };
            self.looked_at += 1;
            self.bytes += body_bytes;
            done.versions += 1;
            let version = Version(version);
            if record.entries != entries || !self.is_current_sound(&owner, version, &entries)? {
                done.mended += 1;
                self.changed_bytes += body_bytes;
                self.step.mends.push(Mend {
                    owner,
                    version,
                    entries,
                });
            }
        }
        Ok(None)
    }

    /// Tells whether the version is not the last one, or is found by these entries.
    pub(super) fn is_current_sound(
        &self,
        owner: &ResourceKey,
        version: Version,
        entries: &[IndexEntry],
    ) -> Result<bool, StoreError> {
        let current = self
            .reader
            .current(owner)?
            .ok_or_else(|| senseless(Table::Versions, &version_key(owner, version)))?;
        if current.version != version {
            return Ok(true);
        }
        if current.entries != entries {
            return Ok(false);
        }
        for key in index_keys_of(owner, entries) {
            let is_there = self
                .reader
                .0
                .get(Table::Index, &key)?
                .is_some_and(|sealed| unseal(Table::Index, &key, sealed).is_ok());
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn sweep(
        &mut self,
        range: KeyRange,
        done: &mut Reindexed,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        for pair in self.reader.0.range(Table::Index, range, Direction::Forward) {
            let (key, sealed) = pair?;
            if self.is_full() {
                return Ok(Some(key));
            }
            self.looked_at += 1;
            done.keys += 1;
            if unseal(Table::Index, &key, sealed).is_err() || !self.seems_expected(&key)? {
                done.foreign += 1;
                self.step.suspects.push(key);
            }
        }
        Ok(None)
    }

    /// Tells whether a current version has, or had within this step, an entry with that key; a key
    /// that it lost was removed by the same commit.
    pub(super) fn seems_expected(&mut self, key: &[u8]) -> Result<bool, StoreError> {
        let Some(owner) = key_in_index(key) else {
            return Ok(false);
        };
        if self
            .remembered
            .get(&owner)
            .is_some_and(|keys| keys.contains(key))
        {
            return Ok(true);
        }
        let keys = self
            .reader
            .current(&owner)?
            .map(|current| index_keys_of(&owner, &current.entries))
            .unwrap_or_default();
        let is_expected = keys.contains(key);
        if self.remembered_keys > REMEMBERED_MAX {
            self.remembered.clear();
            self.remembered_keys = 0;
        }
        self.remembered_keys += keys.len();
        self.remembered.insert(owner, keys);
        Ok(is_expected)
    }
}
