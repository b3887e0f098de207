//! The engine fjall: a log-structured tree for each table, one journal for all of them.
//!
//! A batch becomes visible after it was synced, and whole; a view is a snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use ::fjall::{
    Database, Error, Iter, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
    Readable, Snapshot, UserKey, UserValue,
};

use super::kv::{Batch, Direction, KeyRange, KeyValues, Kv, KvRead, Table};
use crate::storage::StoreError;

/// Limits that keep the time to open after a kill under a second; larger ones gained nothing.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
const MEMTABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// An open database.
pub(super) struct FjallKv {
    keyspaces: BTreeMap<Table, Keyspace>,
    database: Database,
}

impl FjallKv {
    /// Opens the database in that folder, or makes it.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, Error> {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .open()?;
        let mut keyspaces = BTreeMap::new();
        for table in Table::ALL {
            keyspaces.insert(table, database.keyspace(table.name(), || options(table))?);
        }
        Ok(FjallKv {
            keyspaces,
            database,
        })
    }
}

fn options(table: Table) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
    match table {
        // Bodies are written once and seldom read: kept apart, they are not copied each time the
        // tree is put in order.
        Table::Versions => options.with_kv_separation(Some(KvSeparationOptions::default())),
        Table::Meta
        | Table::Current
        | Table::Index
        | Table::Log
        | Table::TypeLog
        | Table::Guards
        | Table::Timers
        | Table::Events => options,
    }
}

impl Kv for FjallKv {
    fn view(&self) -> Box<dyn KvRead + '_> {
        Box::new(FjallView {
            keyspaces: &self.keyspaces,
            snapshot: self.database.snapshot(),
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut writes = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (table, key, value) in batch.into_changes() {
            match value {
                Some(value) => writes.insert(&self.keyspaces[&table], key, value),
                None => writes.remove(&self.keyspaces[&table], key),
            }
        }
        writes.commit().map_err(failure)
    }

    fn health(&self) -> Result<(), StoreError> {
        // Writes nothing new, and says whether a background thread gave up.
        self.database.persist(PersistMode::Buffer).map_err(failure)
    }
}

struct FjallView<'a> {
    keyspaces: &'a BTreeMap<Table, Keyspace>,
    snapshot: Snapshot,
}

impl KvRead for FjallView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self
            .snapshot
            .get(&self.keyspaces[&table], key)
            .map_err(failure)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, table: Table, range: KeyRange, direction: Direction) -> KeyValues<'_> {
        let keyspace = &self.keyspaces[&table];
        let pairs = match range.end {
            Some(end) if end <= range.start => return Box::new(std::iter::empty()),
            Some(end) => self.snapshot.range(keyspace, range.start..end),
            None => self.snapshot.range(keyspace, range.start..),
        };
        let pair = |(key, value): (UserKey, UserValue)| (key.to_vec(), value.to_vec());
        let read = move |guard: ::fjall::Guard| guard.into_inner().map(pair).map_err(failure);
        let directed = |pairs: Iter| -> KeyValues<'_> {
            match direction {
                Direction::Forward => Box::new(pairs.map(read)),
                Direction::Backward => Box::new(pairs.rev().map(read)),
            }
        };
        directed(pairs)
    }
}

fn failure(error: Error) -> StoreError {
    match error {
        // All that fjall says once a write in the background has failed; what failed, it does not tell.
        Error::Poisoned => {
            StoreError("fjall stopped writing after a write failed: see whether the disk is full or broken, then start again".into())
        }
        other => StoreError(format!("fjall: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_tells_the_operator_where_to_look() {
        assert!(failure(Error::Poisoned).to_string().contains("disk"));
    }
}
