//! Reading records: as they are now, and as they were after a change of the past.
//!
//! Versions are never changed once written, so that a state of the past is the greatest version of
//! each resource up to its position.

use jiff::civil::Date;

use super::codec::EntryFilter;
use super::keys::{
    STATE, bookmark_key, current_key, due_prefix, guard_key, log_key, number_at_end, split_due,
    timer_key, type_log_key, version_key,
};
use super::kv::{Direction, KeyRange, KvRead, Table};
use super::record::{ChangeRecord, CurrentRecord, Record, StoreState, VersionRecord};
use super::seal::{senseless, unseal};
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::storage::{Guard, LogEntry, Position, StoreError, StoredVersion, Timer};

/// A reader of one view of an engine. It tests the checksum of every record.
#[derive(Clone, Copy)]
pub(super) struct ViewReader<'a>(pub(super) &'a dyn KvRead);

/// A record with its key.
pub(super) type Keyed<R> = (Vec<u8>, R);

impl<'a> ViewReader<'a> {
    /// Reads the record of a key.
    pub(super) fn record<R: Record>(
        self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        self.0
            .get(table, key)?
            .map(|sealed| decode(table, key, sealed))
            .transpose()
    }

    /// Reads the records of a range.
    pub(super) fn records<R: Record>(
        self,
        table: Table,
        range: KeyRange,
        direction: Direction,
    ) -> impl Iterator<Item = Result<Keyed<R>, StoreError>> + 'a {
        self.0.range(table, range, direction).map(move |pair| {
            let (key, sealed) = pair?;
            let record = decode(table, &key, sealed)?;
            Ok((key, record))
        })
    }

    /// Reads the state that the last commit left; none in a store that was never opened.
    pub(super) fn state(self) -> Result<Option<StoreState>, StoreError> {
        self.record(Table::Meta, STATE)
    }

    pub(super) fn current(self, key: &ResourceKey) -> Result<Option<CurrentRecord>, StoreError> {
        self.record(Table::Current, &current_key(key))
    }

    /// Reads the last version of a resource without its entries.
    pub(super) fn head(self, key: &ResourceKey) -> Result<Option<CurrentRecord>, StoreError> {
        let at = current_key(key);
        self.0
            .get(Table::Current, &at)?
            .map(|sealed| CurrentRecord::head(&at, sealed))
            .transpose()
    }

    /// Reads the last version of a resource, with no entries but those that are wanted.
    pub(super) fn current_in_part(
        self,
        key: &ResourceKey,
        wanted: EntryFilter<'_>,
    ) -> Result<Option<CurrentRecord>, StoreError> {
        let at = current_key(key);
        self.0
            .get(Table::Current, &at)?
            .map(|sealed| CurrentRecord::in_part(&at, sealed, wanted))
            .transpose()
    }

    /// Reads what the resource was in the state after `position`, with the entries that are wanted.
    pub(super) fn judged_in_part(
        self,
        key: &ResourceKey,
        position: Position,
        wanted: EntryFilter<'_>,
    ) -> Result<Option<(Version, CurrentRecord)>, StoreError> {
        let Some(current) = self.current_in_part(key, wanted)? else {
            return Ok(None);
        };
        if current.position <= position {
            return Ok(Some((current.version, current)));
        }
        let earlier = self.version_at(key, position, wanted)?;
        Ok(earlier.map(|(version, record)| {
            let deleted = record.body.is_none();
            let (position, last_updated, entries) =
                (record.position, record.last_updated, record.entries);
            (
                version,
                CurrentRecord {
                    version,
                    position,
                    last_updated,
                    deleted,
                    entries,
                },
            )
        }))
    }

    /// Reads a version that must be there, as the caller of the store sees it.
    pub(super) fn known_content(
        self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<StoredVersion, StoreError> {
        let record = self.known_version(key, version, EntryFilter::Nothing)?;
        Ok(stored(key, version, record))
    }

    pub(super) fn version(
        self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.record(Table::Versions, &version_key(key, version))
    }

    /// Returns the number of a resource's last version in the state after `position`.
    pub(super) fn version_number(
        self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<Version>, StoreError> {
        match self.head(key)? {
            Some(head) if head.position > position => Ok(self
                .version_at(key, position, EntryFilter::Nothing)?
                .map(|(version, _)| version)),
            head => Ok(head.map(|head| head.version)),
        }
    }

    /// Reads the last version of a resource in the state after `position`, with the entries that
    /// are wanted.
    fn version_at(
        self,
        key: &ResourceKey,
        position: Position,
        wanted: EntryFilter<'_>,
    ) -> Result<Option<(Version, VersionRecord)>, StoreError> {
        let Some(head) = self.head(key)? else {
            return Ok(None);
        };
        let mut number = head.version;
        if head.position > position {
            number.0 -= 1;
        }
        while number.0 > 0 {
            let record = self.known_version(key, number, wanted)?;
            if record.position <= position {
                return Ok(Some((number, record)));
            }
            number.0 -= 1;
        }
        Ok(None)
    }

    /// Reads a version that must be there because something names it, with the entries that are
    /// wanted.
    pub(super) fn known_version(
        self,
        key: &ResourceKey,
        version: Version,
        wanted: EntryFilter<'_>,
    ) -> Result<VersionRecord, StoreError> {
        self.version_in_part(key, version, wanted)?
            .ok_or_else(|| missing(key, version))
    }

    pub(super) fn version_in_part(
        self,
        key: &ResourceKey,
        version: Version,
        wanted: EntryFilter<'_>,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let at = version_key(key, version);
        self.0
            .get(Table::Versions, &at)?
            .map(|sealed| VersionRecord::in_part(&at, sealed, wanted))
            .transpose()
    }

    /// Reads the last version of a resource in the state after `position`, as the caller of the
    /// store sees it.
    pub(super) fn read(
        self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        Ok(self
            .version_at(key, position, EntryFilter::Nothing)?
            .map(|(version, record)| stored(key, version, record)))
    }

    /// Reads one version, if it is part of the state after `position`.
    pub(super) fn read_version(
        self,
        key: &ResourceKey,
        version: Version,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        let record = self
            .version_in_part(key, version, EntryFilter::Nothing)?
            .filter(|record| record.position <= position);
        Ok(record.map(|record| stored(key, version, record)))
    }

    pub(super) fn guard_position(self, guard: &Guard) -> Result<Position, StoreError> {
        Ok(self
            .record(Table::Guards, &guard_key(guard))?
            .unwrap_or_default())
    }

    pub(super) fn bookmark(self, name: &str) -> Result<Option<String>, StoreError> {
        self.record(Table::Meta, &bookmark_key(name))
    }

    pub(super) fn timer(self, owner: &ResourceKey) -> Result<Option<Date>, StoreError> {
        self.record(Table::Timers, &timer_key(owner))
    }

    pub(super) fn timers_due(self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError> {
        let range = KeyRange::prefixes(&due_prefix(None), &due_prefix(Some(day)));
        let due = self
            .records::<()>(Table::Timers, range, Direction::Forward)
            .take(limit);
        due.map(|entry| {
            let (key, ()) = entry?;
            let (day, owner) = split_due(&key).ok_or_else(|| senseless(Table::Timers, &key))?;
            Ok(Timer { day, owner })
        })
        .collect()
    }

    /// Reads the log after one position up to another, both as in
    /// [`Commits::changes_after`](crate::storage::Commits).
    pub(super) fn changes(
        self,
        after: Position,
        until: Position,
    ) -> impl Iterator<Item = Result<LogEntry, StoreError>> + 'a {
        let range = KeyRange {
            start: log_key(Position(after.0.saturating_add(1))),
            end: Some(log_key(Position(until.0.saturating_add(1)))),
        };
        self.records::<ChangeRecord>(Table::Log, range, Direction::Forward)
            .map(|entry| Ok(change(Table::Log, entry?)?.0))
    }

    /// Reads the changes of one type in a span of positions, `until` not included, with what the
    /// log says of them.
    pub(super) fn type_changes(
        self,
        resource_type: ResourceType,
        from: Position,
        until: Option<Position>,
        direction: Direction,
    ) -> impl Iterator<Item = Result<(LogEntry, ChangeRecord), StoreError>> + 'a {
        let mut range = KeyRange::prefix(&[resource_type.code()]);
        range.start = type_log_key(resource_type, from);
        if let Some(until) = until {
            range.end = Some(type_log_key(resource_type, until));
        }
        self.records::<ChangeRecord>(Table::TypeLog, range, direction)
            .map(|entry| change(Table::TypeLog, entry?))
    }
}

fn missing(key: &ResourceKey, version: Version) -> StoreError {
    StoreError::unusable(format!("{key}/_history/{version} is missing"))
}

fn decode<R: Record>(table: Table, key: &[u8], sealed: Vec<u8>) -> Result<R, StoreError> {
    R::decode(&unseal(table, key, sealed)?).ok_or_else(|| senseless(table, key))
}

/// Reads an entry of a log; the position is the end of its key.
pub(super) fn change(
    table: Table,
    (key, record): Keyed<ChangeRecord>,
) -> Result<(LogEntry, ChangeRecord), StoreError> {
    let position = Position(number_at_end(&key).ok_or_else(|| senseless(table, &key))?);
    let resource = ResourceKey::new(record.resource_type, record.id.clone());
    Ok((
        LogEntry {
            position,
            key: resource,
            version: record.version,
        },
        record,
    ))
}

/// Makes the version as the caller of the store sees it.
pub(super) fn stored(key: &ResourceKey, version: Version, record: VersionRecord) -> StoredVersion {
    let VersionRecord {
        position,
        last_updated,
        method,
        body,
        ..
    } = record;
    StoredVersion {
        key: key.clone(),
        version,
        position,
        last_updated,
        method,
        body,
    }
}
