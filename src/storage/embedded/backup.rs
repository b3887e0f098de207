//! Backups: what was committed since the last one, or everything, read in one view while others write.
//!
//! A backup holds the records of all tables but the index and the timers by day, which a restoration
//! makes from the others. What has a position is copied since the last backup; the few small records
//! that have none (timers, the places of subscribers, bookmarks) are copied whole each time.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::backup_files::{BackupList, Segment, SegmentWriter, unfit, unusable};
use super::keys::{current_key, log_key, type_log_key, version_key};
use super::kv::{Direction, KeyRange, Kv, KvRead, Table};
use super::reading::{ViewReader, change};
use super::record::{ChangeRecord, Record};
use super::reindex;
use super::seal::unseal;
use super::stream_records::EventRecord;
use crate::fhir::ResourceKey;
use crate::storage::{BackedUp, BackupError, Position, StoreError};

/// The number of records after which whoever watches is told.
const TOLD_EVERY: u64 = 1_024;

/// The first byte of the keys of events themselves, in their table.
const EVENT: u8 = 3;
/// The first byte of the keys of timers by owner, in their table.
const TIMER_OF_OWNER: u8 = 1;

/// The choice of the records of a table that are copied, by key and value.
type RecordChoice<'a> = &'a dyn Fn(&[u8], &[u8]) -> Result<bool, StoreError>;

/// Writes what is new since the last backup in that folder, or everything.
pub(super) fn write(
    kv: &dyn Kv,
    folder: &Path,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<BackedUp, BackupError> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let before = BackupList::read(folder)?;
    let view = kv.view();
    let reader = ViewReader(&*view);
    let state = reader.state()?.unwrap_or_default();
    let made_by = reindex::mark(reader)?;
    let since = begin(reader, folder, &before, state.position, made_by)?;
    let file = format!(
        "{:012}-{:012}-{}.segment",
        since.0,
        state.position.0,
        before.segments.len()
    );
    let mut copy = Copying {
        view: &*view,
        out: SegmentWriter::create(folder.join(&file))?,
        since,
        about: if since == Position(0) {
            kv.records_about()
        } else {
            0
        },
        watch,
    };
    copy.all()?;
    let (records, bytes) = (copy.out.records, copy.out.bytes);
    let segment = Segment {
        file,
        since,
        position: state.position,
        instant: state.instant,
        records,
        bytes,
        checksum: copy.out.finish()?,
    };
    // Everything anew: what was there is no part of it.
    let is_whole = since == Position(0);
    let kept = if is_whole {
        &[][..]
    } else {
        &before.segments[..]
    };
    let list = BackupList {
        segments: kept.iter().chain([&segment]).cloned().collect(),
        last_change: last_change(reader, state.position)?,
        made_by,
    };
    list.write(folder)?;
    if is_whole {
        for old in before
            .segments
            .iter()
            .filter(|old| old.file != segment.file)
        {
            let _ = fs::remove_file(folder.join(&old.file));
        }
    }
    Ok(BackedUp {
        position: state.position,
        instant: state.instant,
        since,
        records,
        bytes,
    })
}

/// Returns the position after which there is something to copy.
fn begin(
    reader: ViewReader<'_>,
    folder: &Path,
    before: &BackupList,
    position: Position,
    made_by: u64,
) -> Result<Position, BackupError> {
    let Some(last) = before.segments.last() else {
        return Ok(Position(0));
    };
    let other = || {
        unfit(
            folder,
            "it holds backups of another store, or of a later state of this one",
        )
    };
    if last.position > position {
        return Err(other());
    }
    if let Some((at, mark)) = before.last_change
        && reader
            .0
            .get(Table::Log, &log_key(at))?
            .map(|sealed| xxh3_64(&sealed))
            != Some(mark)
    {
        return Err(other());
    }
    // Entries that were made anew stand in old versions too.
    let is_made_alike = before.made_by == made_by;
    Ok(if is_made_alike {
        last.position
    } else {
        Position(0)
    })
}

/// Returns the last change up to a position, with a mark of its record.
fn last_change(
    reader: ViewReader<'_>,
    position: Position,
) -> Result<Option<(Position, u64)>, StoreError> {
    let range = KeyRange {
        start: Vec::new(),
        end: Some(log_key(Position(position.0.saturating_add(1)))),
    };
    let Some(pair) = reader
        .0
        .range(Table::Log, range, Direction::Backward)
        .next()
    else {
        return Ok(None);
    };
    let (key, sealed) = pair?;
    let mark = xxh3_64(&sealed);
    let record = unseal(Table::Log, &key, sealed)?;
    let record = ChangeRecord::decode(&record);
    let read = record
        .map(|record| change(Table::Log, (key, record)))
        .transpose()?;
    Ok(read.map(|(entry, _)| (entry.position, mark)))
}

struct Copying<'a, 'w> {
    view: &'a dyn KvRead,
    out: SegmentWriter,
    since: Position,
    about: u64,
    watch: &'w mut dyn FnMut(u64, u64),
}

impl Copying<'_, '_> {
    fn all(&mut self) -> Result<(), BackupError> {
        if self.since == Position(0) {
            for table in [Table::Versions, Table::Log, Table::TypeLog, Table::Current] {
                self.table(table, &|_, _| Ok(true))?;
            }
        } else {
            self.changes()?;
        }
        for table in Table::ALL {
            match table {
                // Above, or made from those when they are restored.
                Table::Versions | Table::Log | Table::TypeLog | Table::Current | Table::Index => {}
                Table::Meta => self.table(table, &|_, _| Ok(true))?,
                Table::Timers => {
                    self.table(table, &|key, _| Ok(key.first() == Some(&TIMER_OF_OWNER)))?
                }
                Table::Guards => {
                    let since = self.since;
                    self.table(table, &|_, value| {
                        Ok(Position::decode(value).is_none_or(|position| position > since))
                    })?;
                }
                Table::Events => {
                    let since = self.since;
                    self.table(table, &|key, value| {
                        let is_event = key.first() == Some(&EVENT);
                        let event = is_event.then(|| EventRecord::decode(value)).flatten();
                        Ok(event.is_none_or(|event| event.position > since))
                    })?;
                }
            }
        }
        (self.watch)(self.out.records, self.out.records);
        Ok(())
    }

    /// Copies the records of a table that are wanted.
    fn table(&mut self, table: Table, is_wanted: RecordChoice<'_>) -> Result<(), BackupError> {
        for pair in self.view.range(table, KeyRange::all(), Direction::Forward) {
            let (key, sealed) = pair?;
            let value = unseal(table, &key, sealed.clone())?;
            if is_wanted(&key, &value)? {
                self.add(table, &key, sealed)?;
            }
        }
        Ok(())
    }

    /// Copies what changed since the last backup: versions, both logs, and the resources as they are.
    fn changes(&mut self) -> Result<(), BackupError> {
        let reader = ViewReader(self.view);
        let mut owners = BTreeSet::new();
        for entry in reader.changes(self.since, Position(u64::MAX - 1)) {
            let entry = entry?;
            let owner: &ResourceKey = &entry.key;
            self.record(Table::Log, &log_key(entry.position))?;
            self.record(
                Table::TypeLog,
                &type_log_key(owner.resource_type, entry.position),
            )?;
            self.record(Table::Versions, &version_key(owner, entry.version))?;
            owners.insert(entry.key);
        }
        owners
            .iter()
            .try_for_each(|owner| self.record(Table::Current, &current_key(owner)))
    }

    fn record(&mut self, table: Table, key: &[u8]) -> Result<(), BackupError> {
        match self.view.get(table, key)? {
            Some(sealed) => self.add(table, key, sealed),
            None => Err(BackupError::Store(StoreError::unusable(
                "the log names a record that is missing",
            ))),
        }
    }

    fn add(&mut self, table: Table, key: &[u8], sealed: Vec<u8>) -> Result<(), BackupError> {
        self.out.add(table, key, sealed)?;
        if self.out.records.is_multiple_of(TOLD_EVERY) {
            (self.watch)(self.out.records, self.about);
        }
        Ok(())
    }
}
