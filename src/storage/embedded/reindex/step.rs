//! Steps of the work: they are worked out beside the writer, and judged by it once more.

use super::super::codec::EntryFilter;
use super::super::index_keys::{index_keys_of, key_in_index};
use super::super::keys::{current_key, version_key};
use super::super::kv::{Batch, KvRead, Table};
use super::super::reading::ViewReader;
use super::super::record::{CurrentRecord, VersionRecord, put_record};
use super::super::seal::senseless;
use super::state::{MADE_BY, REST, made_by_text};
use crate::fhir::{ResourceKey, Version};
use crate::search::IndexEntry;
use crate::storage::{Marks, StoreError};

/// A part of the work: the changes that the writer is to judge and to make.
#[derive(Default)]
pub(in crate::storage::embedded) struct ReindexStep {
    pub(super) mends: Vec<Mend>,
    /// Keys that no entry seems to have.
    pub(super) suspects: Vec<Vec<u8>>,
    /// Keys that go, whatever they say.
    pub(super) cleared: Vec<Vec<u8>>,
    pub(super) meta: Vec<(&'static [u8], Option<String>)>,
}

/// The entries that a version should have.
pub(super) struct Mend {
    pub(super) owner: ResourceKey,
    pub(super) version: Version,
    pub(super) entries: Vec<IndexEntry>,
}

impl ReindexStep {
    /// Tells whether it changes nothing.
    pub(in crate::storage::embedded) fn is_empty(&self) -> bool {
        self.mends.is_empty()
            && self.suspects.is_empty()
            && self.cleared.is_empty()
            && self.meta.is_empty()
    }

    /// Makes the step after which nothing is left to do.
    pub(super) fn finished(marks: &Marks) -> ReindexStep {
        ReindexStep {
            meta: vec![(MADE_BY, Some(made_by_text(marks))), (REST, None)],
            ..ReindexStep::default()
        }
    }

    /// Makes the step after which nothing more is done than was done.
    pub(in crate::storage::embedded) fn given_up() -> ReindexStep {
        ReindexStep {
            meta: vec![(REST, None)],
            ..ReindexStep::default()
        }
    }

    /// Returns what changes, judged by a view that no commit changes meanwhile.
    pub(in crate::storage::embedded) fn changes(
        &self,
        view: &dyn KvRead,
    ) -> Result<Batch, StoreError> {
        let reader = ViewReader(view);
        let mut batch = Batch::default();
        for Mend {
            owner,
            version,
            entries,
        } in &self.mends
        {
            let key = version_key(owner, *version);
            let record = reader.known_version(owner, *version, EntryFilter::Everything)?;
            if record.entries != *entries {
                put_record(
                    &mut batch,
                    Table::Versions,
                    key.clone(),
                    &VersionRecord {
                        entries: entries.clone(),
                        ..record
                    },
                );
            }
            let current = reader
                .current(owner)?
                .ok_or_else(|| senseless(Table::Versions, &key))?;
            if current.version == *version {
                let (before, after) = (
                    index_keys_of(owner, &current.entries),
                    index_keys_of(owner, entries),
                );
                before
                    .difference(&after)
                    .for_each(|gone| batch.delete(Table::Index, gone.clone()));
                after
                    .into_iter()
                    .for_each(|key| put_record(&mut batch, Table::Index, key, &()));
                put_record(
                    &mut batch,
                    Table::Current,
                    current_key(owner),
                    &CurrentRecord {
                        entries: entries.clone(),
                        ..current
                    },
                );
            }
        }
        for key in &self.suspects {
            if is_expected(reader, key)? {
                put_record(&mut batch, Table::Index, key.clone(), &());
            } else {
                batch.delete(Table::Index, key.clone());
            }
        }
        self.cleared
            .iter()
            .for_each(|key| batch.delete(Table::Index, key.clone()));
        for (key, text) in &self.meta {
            match text {
                Some(text) => put_record(&mut batch, Table::Meta, key.to_vec(), text),
                None => batch.delete(Table::Meta, key.to_vec()),
            }
        }
        Ok(batch)
    }
}

/// Tells whether a current version has an entry with that key.
pub(super) fn is_expected(reader: ViewReader<'_>, key: &[u8]) -> Result<bool, StoreError> {
    let Some(owner) = key_in_index(key) else {
        return Ok(false);
    };
    let Some(current) = reader.current(&owner)? else {
        return Ok(false);
    };
    Ok(index_keys_of(&owner, &current.entries).contains(key))
}
