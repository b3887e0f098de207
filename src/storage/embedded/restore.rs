//! Restoring: a store is made in a new folder from the backups of another, after all of them were
//! read once and found whole.

use std::path::Path;

use jiff::Timestamp;

use super::backup_files::{BackupList, read_segment, unfit};
use super::engine::{Engine, StoreOptions, open_engine};
use super::folder::Folder;
use super::index_keys::index_keys_of;
use super::keys::{due_key, split_owner, subscription_in};
use super::kv::{Batch, Direction, KeyRange, Kv, Table};
use super::open_error::OpenError;
use super::reading::ViewReader;
use super::record::{CurrentRecord, Record};
use super::seal::{seal, unseal};
use crate::fhir::Id;
use crate::storage::{BackupError, Position, StoreError};
use jiff::civil::Date;

/// The number of bytes after which a batch is written.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A store that was restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The position of its last commit.
    pub position: Position,
    /// The instant of that commit.
    pub instant: Option<Timestamp>,
    /// The number of records that were read.
    pub records: u64,
}

/// Makes a store in a new or empty folder from the backups in another. `watch` is told how many of how
/// many records were read; each is read twice, first to see whether all are whole.
///
/// # Errors
/// If a backup is damaged or missing, and then nothing was written; or if the folder cannot be used.
pub fn restore(
    from: &Path,
    to: &Path,
    engine: Engine,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<Restored, BackupError> {
    let list = BackupList::read(from)?;
    let Some(last) = list.segments.last() else {
        return Err(unfit(from, "it holds no backup"));
    };
    let mut reached = Position(0);
    for segment in &list.segments {
        if segment.since != reached {
            return Err(BackupError::Files(format!(
                "{}: a backup is missing between the commits {} and {}",
                from.display(),
                reached.0,
                segment.since.0
            )));
        }
        reached = segment.position;
    }
    let all: u64 = list.segments.iter().map(|segment| segment.records).sum();
    let mut seen = 0;
    let mut count = |watch: &mut dyn FnMut(u64, u64)| {
        seen += 1;
        if seen % 1_024 == 0 {
            watch(seen, 2 * all);
        }
    };
    for segment in &list.segments {
        read_segment(from, segment, &mut |_, _, _| {
            count(watch);
            Ok(())
        })?;
    }
    let folder_error = |error: OpenError| BackupError::Files(error.to_string());
    let mut folder = Folder::open(to, engine.as_str()).map_err(folder_error)?;
    if folder.is_complete() {
        return Err(unfit(to, "it holds a store already"));
    }
    let _ = std::fs::remove_dir_all(folder.engine_path());
    let kv = open_engine(engine, &folder.engine_path(), StoreOptions::default())
        .map_err(BackupError::Files)?;
    let mut batches = Batches::new(&*kv);
    for (number, segment) in list.segments.iter().enumerate() {
        if number > 0 {
            batches.forget_timers()?;
        }
        read_segment(from, segment, &mut |table, key, sealed| {
            count(watch);
            batches.put(table, key, sealed)
        })?;
    }
    batches.flush()?;
    make_derived(&*kv)?;
    folder.sync_names().map_err(folder_error)?;
    folder.complete().map_err(folder_error)?;
    Ok(Restored {
        position: last.position,
        instant: last.instant,
        records: all,
    })
}

/// Records on their way to the disk.
struct Batches<'a> {
    kv: &'a dyn Kv,
    batch: Batch,
    bytes: usize,
}

impl<'a> Batches<'a> {
    fn new(kv: &'a dyn Kv) -> Self {
        Batches {
            kv,
            batch: Batch::default(),
            bytes: 0,
        }
    }

    fn put(&mut self, table: Table, key: Vec<u8>, sealed: Vec<u8>) -> Result<(), BackupError> {
        self.bytes += key.len() + sealed.len();
        self.batch.put(table, key, sealed);
        self.flush_if(BATCH_BYTES)
    }

    fn delete(&mut self, table: Table, key: Vec<u8>) -> Result<(), BackupError> {
        self.bytes += key.len();
        self.batch.delete(table, key);
        self.flush_if(BATCH_BYTES)
    }

    fn flush_if(&mut self, bytes: usize) -> Result<(), BackupError> {
        if self.bytes >= bytes {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        self.bytes = 0;
        Ok(self.kv.apply(std::mem::take(&mut self.batch))?)
    }

    /// Removes all timers and events to send again: each backup has all of them that there are.
    fn forget_timers(&mut self) -> Result<(), BackupError> {
        self.flush()?;
        let view = self.kv.view();
        for (table, range) in [
            (Table::Timers, KeyRange::all()),
            (Table::Events, KeyRange::prefix(&[4])),
        ] {
            for pair in view.range(table, range, Direction::Forward) {
                self.delete(table, pair?.0)?;
            }
        }
        self.flush()
    }
}

/// Makes what a backup leaves out: the index, the timers by day; and takes away the events that were
/// forgotten since they were copied.
fn make_derived(kv: &dyn Kv) -> Result<(), BackupError> {
    let view = kv.view();
    let mut batches = Batches::new(kv);
    for pair in view.range(Table::Current, KeyRange::all(), Direction::Forward) {
        let (key, sealed) = pair?;
        let current = unseal(Table::Current, &key, sealed)?;
        let (Some((owner, _)), Some(current)) =
            (split_owner(&key), CurrentRecord::decode(&current))
        else {
            return Err(unreadable());
        };
        for index_key in index_keys_of(&owner, &current.entries) {
            let sealed = seal(Table::Index, &index_key, ().encode());
            batches.put(Table::Index, index_key, sealed)?;
        }
    }
    for pair in view.range(Table::Timers, KeyRange::prefix(&[1]), Direction::Forward) {
        let (key, sealed) = pair?;
        let day = unseal(Table::Timers, &key, sealed)?;
        let (Some((owner, _)), Some(day)) = (split_owner(&key[1..]), Date::decode(&day)) else {
            return Err(unreadable());
        };
        let due = due_key(day, &owner);
        let sealed = seal(Table::Timers, &due, ().encode());
        batches.put(Table::Timers, due, sealed)?;
    }
    let reader = ViewReader(&*view);
    for pair in view.range(Table::Events, KeyRange::prefix(&[3]), Direction::Forward) {
        let (key, _) = pair?;
        let subscription: Id = subscription_in(&key).ok_or_else(unreadable)?;
        let number = super::keys::number_at_end(&key).unwrap_or_default();
        if number <= reader.stream_record(&subscription)?.forgotten {
            batches.delete(Table::Events, key)?;
        }
    }
    batches.flush()
}

fn unreadable() -> BackupError {
    BackupError::Store(StoreError::unusable("a restored record cannot be read"))
}
