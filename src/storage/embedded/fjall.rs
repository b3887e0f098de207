//! The engine fjall: a log-structured tree for each table, one journal for all of them.
//!
//! A batch becomes visible after it was synced, and whole; a view is a snapshot.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::fjall::{
    Database, Error, Iter, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
    Readable, Snapshot,
};

use super::fjall_journal::cut_torn_end;
use super::kv::{Batch, Direction, KeyRange, KeyValues, Kv, KvRead, Table};
use super::seal::RecordName;
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
        if let Some(cut) = cut_torn_end(path)? {
            tracing::warn!(
                "the end of the journal was torn, as a loss of power leaves it: {cut} bytes of a batch that was not acknowledged were cut off"
            );
        }
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

    fn place(&self, table: Table) -> Option<PathBuf> {
        Some(self.keyspaces[&table].path().to_owned())
    }

    fn has_snapshots(&self) -> bool {
        true
    }

    fn compact(&self, table: Table) -> Result<(), StoreError> {
        self.keyspaces[&table]
            .rotate_memtable_and_wait()
            .map_err(failure)?;
        self.keyspaces[&table].major_compact().map_err(failure)
    }

    fn records_about(&self) -> u64 {
        let keyspaces = self.keyspaces.values();
        keyspaces
            .map(|keyspace| keyspace.approximate_len() as u64)
            .sum()
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
            .map_err(|error| read_failure(table, Some(key), error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, table: Table, range: KeyRange, direction: Direction) -> KeyValues<'_> {
        let keyspace = &self.keyspaces[&table];
        let pairs = match range.end {
            Some(end) if end <= range.start => return Box::new(std::iter::empty()),
            Some(end) => self.snapshot.range(keyspace, range.start..end),
            None => self.snapshot.range(keyspace, range.start..),
        };
        let read = move |guard: ::fjall::Guard| {
            // The key comes before the value, and names what is damaged.
            let met = OnceCell::new();
            let read = guard.into_inner_if(|key| met.set(key.clone()).is_ok());
            match read {
                Ok((key, Some(value))) => Ok((key.to_vec(), value.to_vec())),
                Ok((key, None)) => Ok((key.to_vec(), Vec::new())),
                Err(error) => Err(read_failure(table, met.get().map(|key| &**key), error)),
            }
        };
        let directed = |pairs: Iter| -> KeyValues<'_> {
            match direction {
                Direction::Forward => Box::new(pairs.map(read)),
                Direction::Backward => Box::new(pairs.rev().map(read)),
            }
        };
        directed(pairs)
    }
}

/// Tells what a failed reading says of the rest: a block or a value whose checksum does not fit is
/// damaged by itself.
fn read_failure(table: Table, key: Option<&[u8]>, error: Error) -> StoreError {
    // The engine does not name the type of these errors to others; their words are those of its version.
    const OF_A_PIECE: [&str; 5] = [
        "ChecksumMismatch",
        "Decompress",
        "InvalidHeader",
        "InvalidTag",
        "InvalidTrailer",
    ];
    match error {
        Error::Storage(inner)
            if OF_A_PIECE
                .iter()
                .any(|word| format!("{inner:?}").starts_with(word)) =>
        {
            let what = key.map_or_else(
                || format!("a piece of the table '{}'", table.name()),
                |key| RecordName(table, key).to_string(),
            );
            StoreError::damaged(format!("the checksum of {what} does not fit"))
        }
        other => failure(other),
    }
}

fn failure(error: Error) -> StoreError {
    match error {
        // All that fjall says once a write in the background has failed; what failed, it does not tell.
        Error::Poisoned => StoreError::unusable(
            "fjall stopped writing after a write failed: see whether the disk is full or broken, then start again",
        ),
        other => StoreError::unusable(format!("fjall: {other:?}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::fjall_journal::batch_ends;
    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    #[test]
    fn a_failed_write_tells_the_operator_where_to_look() {
        assert!(failure(Error::Poisoned).to_string().contains("disk"));
    }

    fn open(folder: &Path) -> FjallKv {
        FjallKv::open(folder, CACHE_BYTES).unwrap()
    }

    /// Applies three batches, and returns the folder, the journal and where each of them ends.
    fn three_batches() -> (tempfile::TempDir, PathBuf, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(folder.path());
        for number in 0..3 {
            kv.apply(batch(number)).unwrap();
        }
        drop(kv);
        let (path, mut ends) = batch_ends(folder.path()).unwrap();
        let ends = ends.split_off(ends.len() - 3);
        (folder, path, ends)
    }

    /// Makes a batch of several pages.
    fn batch(number: u8) -> Batch {
        let mut batch = Batch::default();
        batch.put(Table::Guards, vec![number, 3], vec![number; 5_000]);
        for part in 0..3 {
            // What repeats itself is packed, and would be no page.
            let mut chance = u32::from(number) * 3 + u32::from(part);
            let value = (0..5_000).map(|_| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                chance.to_be_bytes()[0]
            });
            batch.put(
                Table::Guards,
                vec![number, part],
                value.collect::<Vec<u8>>(),
            );
        }
        batch
    }

    /// Counts the batches that are there, whole.
    fn kept(kv: &FjallKv) -> u8 {
        let view = kv.view();
        let has = |number: u8, part| view.get(Table::Guards, &[number, part]).unwrap().is_some();
        assert!((0..9).all(|number| has(number, 0) == has(number, 2)));
        u8::try_from((0..9).filter(|number| has(*number, 0)).count()).unwrap()
    }

    #[test]
    fn a_last_batch_that_is_there_in_part_is_cut_off_and_what_stands_before_it_is_kept() {
        type Change = fn(&mut [u8]);
        let cases: [(&str, Change, u8); 8] = [
            ("nothing", |_| {}, 3),
            ("its first page", |bytes| bytes[..4_096].fill(0), 2),
            ("its second page", |bytes| bytes[4_096..8_192].fill(0), 2),
            (
                "the head of an item",
                |bytes| bytes[5_034..5_120].fill(0),
                2,
            ),
            ("all but its first page", |bytes| bytes[4_096..].fill(0), 2),
            (
                "its end",
                |bytes| bytes.iter_mut().rev().take(200).for_each(|byte| *byte = 0),
                2,
            ),
            ("its last byte", |bytes| *bytes.last_mut().unwrap() = 0, 2),
            ("a bit", |bytes| bytes[9_000] ^= 1, 2),
        ];
        let (folder, path, ends) = three_batches();
        let journal = fs::read(&path).unwrap();
        let room = ends[2] + 4_096;
        for (what, change, expected) in cases {
            let mut bytes = journal[..room].to_vec();
            change(&mut bytes[ends[1]..ends[2]]);
            fs::write(&path, bytes).unwrap();
            let kv = open(folder.path());
            assert_eq!(kept(&kv), expected, "without {what}");
            kv.apply(batch(expected)).unwrap();
            assert_eq!(kept(&kv), expected + 1, "without {what}, written to");
        }
        assert_eq!(
            kept(&open(folder.path())),
            3,
            "what was written after a loss"
        );
    }

    #[test]
    fn a_broken_batch_before_whole_ones_is_damage_and_nothing_is_cut() {
        let (folder, path, ends) = three_batches();
        let mut bytes = fs::read(&path).unwrap();
        bytes[ends[0] + 9_000] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let said = cut_torn_end(folder.path()).unwrap_err().to_string();
        assert!(
            said.contains("is broken, and a whole one follows"),
            "{said}"
        );
        assert!(FjallKv::open(folder.path(), CACHE_BYTES).is_err());
        assert!(fs::read(&path).unwrap() == bytes);
    }
}
