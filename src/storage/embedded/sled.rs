//! The engine sled 0.34: one tree, the table as the first byte of the key, so that a batch over all
//! tables is atomic.
//!
//! sled's `flush` ends in `sync_file_range`, which a power loss does not respect: each group is
//! followed by one `fdatasync` of sled's own file. Values too large for a segment would be kept in
//! files that sled never syncs: they are cut into pieces before they reach it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use ::sled::{Config, Db, Error, IVec, Tree};
use xxhash_rust::xxh3::xxh3_64;

use super::kv::{Batch, Direction, KeyRange, KeyValue, KeyValues, Kv, KvRead, Table, after_prefix};
use crate::storage::StoreError;

/// The size of a segment. Whatever is larger than a quarter of it becomes a file of its own. A leaf
/// holds up to 17 values before it is split, an inner node up to 257 keys, and the longest key has
/// 1.3 KB: with these two numbers none of them becomes so large.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
const PIECE_BYTES_MAX: usize = 8 * 1024;
/// The first byte of a value: all of it follows …
const WHOLE: u8 = 0;
/// … or the hash of the pieces, and how many there are.
const PIECES: u8 = 1;
/// The first byte of the keys of pieces; no table has it.
const PIECE_PREFIX: u8 = 0xff;
/// The number of times that opening is tried, and the time between them: sled lets go of its file
/// some time after it was dropped.
const OPEN_TRIES: usize = 200;
const OPEN_INTERVAL: Duration = Duration::from_millis(10);

/// An open database.
pub(super) struct SledKv {
    tree: Tree,
    database: Db,
    /// sled's own file, to sync it.
    file: File,
}

impl SledKv {
    /// Opens the database in that folder, or makes it. The caller holds the lock of the folder.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, Error> {
        let config = Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .segment_size(SEGMENT_BYTES);
        let mut tries = 1;
        let database = loop {
            match config.open() {
                Err(Error::Io(error))
                    if tries < OPEN_TRIES
                        && error.to_string().contains("could not acquire lock") =>
                {
                    tries += 1;
                    thread::sleep(OPEN_INTERVAL);
                }
                opened => break opened?,
            }
        };
        let tree = database.open_tree("frist")?;
        database.flush()?;
        let file = File::open(path.join("db"))?;
        file.sync_all()?;
        File::open(path.join("conf"))?.sync_all()?;
        Ok(SledKv {
            tree,
            database,
            file,
        })
    }

    /// Puts the changes of one key into the batch, the pieces of its value before and now included.
    fn stage(
        &self,
        writes: &mut ::sled::Batch,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        if let Some(before) = self.tree.get(&key).map_err(failure)?
            && let Some((hash, count)) = pieces(&before)
        {
            for number in 0..count {
                writes.remove(piece_key(&key, hash, number));
            }
        }
        let Some(mut value) = value else {
            writes.remove(key);
            return Ok(());
        };
        if value.len() <= PIECE_BYTES_MAX {
            value.insert(0, WHOLE);
            writes.insert(key, value);
            return Ok(());
        }
        let (hash, mut count) = (xxh3_64(&value), 0_u32);
        for piece in value.chunks(PIECE_BYTES_MAX) {
            writes.insert(piece_key(&key, hash, count), piece);
            count += 1;
        }
        let mut head = vec![PIECES];
        head.extend_from_slice(&hash.to_be_bytes());
        head.extend_from_slice(&count.to_be_bytes());
        writes.insert(key, head);
        Ok(())
    }
}

impl Kv for SledKv {
    fn view(&self) -> Box<dyn KvRead + '_> {
        Box::new(SledView { tree: &self.tree })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut writes = ::sled::Batch::default();
        for (table, key, value) in batch.into_changes() {
            self.stage(&mut writes, full_key(table, &key), value)?;
        }
        self.tree.apply_batch(writes).map_err(failure)?;
        self.database.flush().map_err(failure)?;
        self.file
            .sync_data()
            .map_err(|error: io::Error| StoreError::unusable(format!("sled: {error}")))
    }

    fn health(&self) -> Result<(), StoreError> {
        // sled works only in the calls that are made to it, and they return.
        Ok(())
    }
}

struct SledView<'a> {
    tree: &'a Tree,
}

impl SledView<'_> {
    /// Reads the value behind what is kept under a key. A value in pieces is replaced as a whole
    /// with its head, so that pieces which are gone mean that there is a newer head.
    fn value(&self, key: &[u8], mut kept: IVec) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            match kept.split_first() {
                Some((&WHOLE, value)) => return Ok(Some(value.to_vec())),
                Some((&PIECES, _)) => {}
                Some(_) | None => {
                    return Err(StoreError::unusable(
                        "sled: a value cannot be read".to_owned(),
                    ));
                }
            }
            if let Some(value) = self.assembled(key, &kept)? {
                return Ok(Some(value));
            }
            match self.tree.get(key).map_err(failure)? {
                Some(now) if now == kept => {
                    return Err(StoreError::unusable(
                        "sled: a piece of a value is missing".to_owned(),
                    ));
                }
                Some(now) => kept = now,
                None => return Ok(None),
            }
        }
    }

    fn assembled(&self, key: &[u8], head: &IVec) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((hash, count)) = pieces(head) else {
            return Ok(None);
        };
        let mut value = Vec::new();
        for number in 0..count {
            let Some(piece) = self
                .tree
                .get(piece_key(key, hash, number))
                .map_err(failure)?
            else {
                return Ok(None);
            };
            value.extend_from_slice(&piece);
        }
        Ok(Some(value))
    }
}

impl KvRead for SledView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = full_key(table, key);
        match self.tree.get(&key).map_err(failure)? {
            Some(kept) => self.value(&key, kept),
            None => Ok(None),
        }
    }

    fn range(&self, table: Table, range: KeyRange, direction: Direction) -> KeyValues<'_> {
        let start = full_key(table, &range.start);
        let end = match range.end {
            Some(end) => full_key(table, &end),
            None => after_prefix(&[table as u8]).unwrap_or_default(),
        };
        if end <= start {
            return Box::new(std::iter::empty());
        }
        let read =
            move |pair: Result<(IVec, IVec), Error>| -> Option<Result<KeyValue, StoreError>> {
                let (key, kept) = match pair {
                    Ok(pair) => pair,
                    Err(error) => return Some(Err(failure(error))),
                };
                let value = self.value(&key, kept).transpose()?;
                Some(value.map(|value| (key[1..].to_vec(), value)))
            };
        let pairs = self.tree.range(start..end);
        match direction {
            Direction::Forward => Box::new(pairs.filter_map(read)),
            Direction::Backward => Box::new(pairs.rev().filter_map(read)),
        }
    }
}

fn full_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(key.len() + 1);
    full.push(table as u8);
    full.extend_from_slice(key);
    full
}

/// Makes the key of a piece. The hash is part of it, so that the pieces of two values are never
/// mixed.
fn piece_key(key: &[u8], hash: u64, number: u32) -> Vec<u8> {
    let mut piece = vec![PIECE_PREFIX];
    piece.extend_from_slice(key);
    piece.extend_from_slice(&hash.to_be_bytes());
    piece.extend_from_slice(&number.to_be_bytes());
    piece
}

/// Returns the hash and the number of the pieces, if the value was cut.
fn pieces(kept: &[u8]) -> Option<(u64, u32)> {
    let (&PIECES, rest) = kept.split_first()? else {
        return None;
    };
    let (hash, count) = rest.split_first_chunk()?;
    Some((
        u64::from_be_bytes(*hash),
        u32::from_be_bytes(count.try_into().ok()?),
    ))
}

fn failure(error: Error) -> StoreError {
    StoreError::unusable(format!("sled: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::index_keys::index_keys;
    use super::*;
    use crate::fhir::ResourceKey;
    use crate::search::{IndexEntry, IndexValue};

    #[test]
    fn sled_never_makes_a_file_that_it_does_not_sync() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sled");
        let kv = SledKv::open(&path, 8 << 20).unwrap();
        for round in 0..8_u8 {
            let mut batch = Batch::default();
            for number in 0..100_u8 {
                // The longest keys there can be: each zero byte takes two.
                let text = format!("{}{number:03}{round}", "\0".repeat(196));
                let key = ResourceKey::parse(&format!("Task/{}", "7".repeat(64))).unwrap();
                let value = IndexValue::Token {
                    system: text.clone(),
                    code: text.clone(),
                };
                batch.put(
                    Table::Index,
                    index_keys(&key, &IndexEntry::new(text, value)).remove(0),
                    vec![0; 8],
                );
                batch.put(
                    Table::Versions,
                    vec![round, number],
                    vec![number; usize::from(number) * 1_000],
                );
                batch.put(
                    Table::Current,
                    vec![number],
                    vec![round; usize::from(number) * 300],
                );
            }
            kv.apply(batch).unwrap();
        }
        assert_eq!(std::fs::read_dir(path.join("blobs")).unwrap().count(), 0);
        let view = kv.view();
        for number in 0..100_u8 {
            assert_eq!(
                view.get(Table::Current, &[number]),
                Ok(Some(vec![7; usize::from(number) * 300]))
            );
        }
        assert_eq!(
            view.range(Table::Versions, KeyRange::all(), Direction::Backward)
                .count(),
            800
        );
        // What was replaced left nothing behind.
        let pieces = kv
            .tree
            .scan_prefix([PIECE_PREFIX, Table::Current as u8])
            .count();
        assert_eq!(
            pieces,
            (0..100_usize)
                .map(|number| number * 300)
                .filter(|size| *size > PIECE_BYTES_MAX)
                .map(|size| size.div_ceil(PIECE_BYTES_MAX))
                .sum::<usize>()
        );
    }
}
