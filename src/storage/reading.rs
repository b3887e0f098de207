//! Reading records: as they are now, and as they were after a change of the past.
//!
//! Versions are never changed once written, so that a state of the past is the greatest version of
//! each resource up to its position.

use jiff::civil::Date;

use super::encoding::{
    STATE, current_key, due_prefix, guard_key, log_key, number_at_end, split_due, timer_key,
    type_log_key, version_key, versions_prefix,
};
use super::kv::{Direction, KeyRange, KvRead, Table};
use super::record::{
    ChangeRecord, CurrentRecord, Record, State, VersionRecord, Wanted, senseless, unseal,
};
use super::{
    Change, Guard, HistoryPage, HistoryQuery, HistoryScope, Position, StoreError, StoredVersion,
    Timer,
};
use crate::fhir::{ResourceKey, ResourceType, Version};

/// Reads records of one view of an engine. Every record's checksum is tested.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a dyn KvRead);

/// How many bytes of content the versions of one page of history have together; one is returned
/// however large it is.
const HISTORY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A record with its key.
pub(super) type Keyed<R> = (Vec<u8>, R);

impl<'a> Reader<'a> {
    /// The record of a key.
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

    /// The records of a range.
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

    /// What the last commit left; none in a store that was never opened.
    pub(super) fn state(self) -> Result<Option<State>, StoreError> {
        self.record(Table::Meta, STATE)
    }

    pub(super) fn current(self, key: &ResourceKey) -> Result<Option<CurrentRecord>, StoreError> {
        self.record(Table::Current, &current_key(key))
    }

    /// The last version of a resource, without its entries: nothing of them is read.
    pub(super) fn head(self, key: &ResourceKey) -> Result<Option<CurrentRecord>, StoreError> {
        let at = current_key(key);
        self.0
            .get(Table::Current, &at)?
            .map(|sealed| CurrentRecord::head(&at, sealed))
            .transpose()
    }

    /// The last version of a resource, with no entries but those that are wanted.
    pub(super) fn current_in_part(
        self,
        key: &ResourceKey,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<CurrentRecord>, StoreError> {
        let at = current_key(key);
        self.0
            .get(Table::Current, &at)?
            .map(|sealed| CurrentRecord::in_part(&at, sealed, is_wanted))
            .transpose()
    }

    /// What the resource was in the state after `position`, with the entries that are wanted, and
    /// perhaps others.
    pub(super) fn judged_in_part(
        self,
        key: &ResourceKey,
        position: Position,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Version, CurrentRecord)>, StoreError> {
        let Some(current) = self.current_in_part(key, is_wanted)? else {
            return Ok(None);
        };
        if current.position <= position {
            return Ok(Some((current.version, current)));
        }
        let earlier = self.version_at(key, position, is_wanted)?;
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

    /// A version that must be there, as the caller of the store sees it.
    pub(super) fn known_content(
        self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<StoredVersion, StoreError> {
        let record = self.known_version(key, version, &|_| false)?;
        Ok(stored(key, version, record))
    }

    pub(super) fn version(
        self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.record(Table::Versions, &version_key(key, version))
    }

    /// The number of a resource's last version in the state after `position`.
    pub(super) fn version_number(
        self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<Version>, StoreError> {
        match self.head(key)? {
            Some(head) if head.position > position => Ok(self
                .version_at(key, position, &|_| false)?
                .map(|(version, _)| version)),
            head => Ok(head.map(|head| head.version)),
        }
    }

    /// The last version of a resource in the state after `position`, with the entries that are
    /// wanted.
    fn version_at(
        self,
        key: &ResourceKey,
        position: Position,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Version, VersionRecord)>, StoreError> {
        let Some(head) = self.head(key)? else {
            return Ok(None);
        };
        let mut number = head.version;
        if head.position > position {
            number.0 -= 1;
        }
        while number.0 > 0 {
            let record = self.known_version(key, number, is_wanted)?;
            if record.position <= position {
                return Ok(Some((number, record)));
            }
            number.0 -= 1;
        }
        Ok(None)
    }

    /// A version that must be there, because something names it, with the entries that are wanted.
    pub(super) fn known_version(
        self,
        key: &ResourceKey,
        version: Version,
        is_wanted: &Wanted<'_>,
    ) -> Result<VersionRecord, StoreError> {
        self.version_in_part(key, version, is_wanted)?
            .ok_or_else(|| missing(key, version))
    }

    fn version_in_part(
        self,
        key: &ResourceKey,
        version: Version,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let at = version_key(key, version);
        self.0
            .get(Table::Versions, &at)?
            .map(|sealed| VersionRecord::in_part(&at, sealed, is_wanted))
            .transpose()
    }

    /// The last version of a resource in the state after `position`, as the caller of the store
    /// sees it.
    pub(super) fn read(
        self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        Ok(self
            .version_at(key, position, &|_| false)?
            .map(|(version, record)| stored(key, version, record)))
    }

    /// One version, if it is part of the state after `position`.
    pub(super) fn read_version(
        self,
        key: &ResourceKey,
        version: Version,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        let record = self
            .version_in_part(key, version, &|_| false)?
            .filter(|record| record.position <= position);
        Ok(record.map(|record| stored(key, version, record)))
    }

    pub(super) fn guard_position(self, guard: &Guard) -> Result<Position, StoreError> {
        Ok(self
            .record(Table::Guards, &guard_key(guard))?
            .unwrap_or_default())
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

    /// The log after one position up to another, both as in [`super::Store::changes_after`].
    pub(super) fn changes(
        self,
        after: Position,
        until: Position,
    ) -> impl Iterator<Item = Result<Change, StoreError>> + 'a {
        let range = KeyRange {
            start: log_key(Position(after.0.saturating_add(1))),
            end: Some(log_key(Position(until.0.saturating_add(1)))),
        };
        self.records::<ChangeRecord>(Table::Log, range, Direction::Forward)
            .map(|entry| Ok(change(Table::Log, entry?)?.0))
    }

    /// The changes of one type in a span of positions, `until` not included, with what the log says
    /// of them.
    pub(super) fn type_changes(
        self,
        resource_type: ResourceType,
        from: Position,
        until: Option<Position>,
        direction: Direction,
    ) -> impl Iterator<Item = Result<(Change, ChangeRecord), StoreError>> + 'a {
        let mut range = KeyRange::prefix(&[resource_type.code()]);
        range.start = type_log_key(resource_type, from);
        if let Some(until) = until {
            range.end = Some(type_log_key(resource_type, until));
        }
        self.records::<ChangeRecord>(Table::TypeLog, range, direction)
            .map(|entry| change(Table::TypeLog, entry?))
    }

    /// One page of history, in the state after `position`.
    pub(super) fn history(
        self,
        query: &HistoryQuery,
        position: Position,
    ) -> Result<HistoryPage, StoreError> {
        let end = query
            .before
            .map_or(u64::MAX, |before| before.0)
            .min(position.0.saturating_add(1));
        let mut page = HistoryPage {
            versions: Vec::new(),
            next: None,
        };
        let mut bytes = 0;
        for change in self.changes_backward(&query.scope, Position(end)) {
            let (change, logged) = change?;
            if query.since.is_some_and(|since| logged.last_updated < since) {
                break;
            }
            if !self.was_current_at(query, &change, &logged, position)? {
                continue;
            }
            let is_full = page.versions.len() == query.count;
            let record = self.known_version(&change.key, change.version, &|_| false)?;
            bytes += record.body.as_ref().map_or(0, Vec::len);
            if is_full || (bytes > HISTORY_BYTES_MAX && !page.versions.is_empty()) {
                page.next = page.versions.last().map(|last| last.position);
                break;
            }
            page.versions
                .push(stored(&change.key, change.version, record));
        }
        Ok(page)
    }

    /// The changes of a scope before a position, newest first.
    fn changes_backward(
        self,
        scope: &HistoryScope,
        end: Position,
    ) -> Box<dyn Iterator<Item = Result<(Change, ChangeRecord), StoreError>> + 'a> {
        match scope {
            HistoryScope::System => {
                let range = KeyRange {
                    start: Vec::new(),
                    end: Some(log_key(end)),
                };
                let log = self.records::<ChangeRecord>(Table::Log, range, Direction::Backward);
                Box::new(log.map(|entry| change(Table::Log, entry?)))
            }
            HistoryScope::Type(resource_type) => Box::new(self.type_changes(
                *resource_type,
                Position(0),
                Some(end),
                Direction::Backward,
            )),
            HistoryScope::Instance(key) => {
                let versions = self.records::<VersionRecord>(
                    Table::Versions,
                    KeyRange::prefix(&versions_prefix(key)),
                    Direction::Backward,
                );
                let key = key.clone();
                let changes = versions.map(move |entry| {
                    let (at, record) = entry?;
                    let version =
                        Version(number_at_end(&at).ok_or_else(|| senseless(Table::Versions, &at))?);
                    let (resource_type, id, last_updated) =
                        (key.resource_type, key.id.clone(), record.last_updated);
                    let change = Change {
                        position: record.position,
                        key: key.clone(),
                        version,
                    };
                    Ok((
                        change,
                        ChangeRecord {
                            resource_type,
                            id,
                            version,
                            last_updated,
                        },
                    ))
                });
                let before = move |entry: &Result<(Change, ChangeRecord), StoreError>| !matches!(entry, Ok((change, _)) if change.position >= end);
                Box::new(changes.filter(before))
            }
        }
    }

    /// A version is current from its instant up to that of the next one.
    fn was_current_at(
        self,
        query: &HistoryQuery,
        change: &Change,
        logged: &ChangeRecord,
        position: Position,
    ) -> Result<bool, StoreError> {
        let Some((from, until)) = query.at else {
            return Ok(true);
        };
        if logged.last_updated >= until {
            return Ok(false);
        }
        if logged.last_updated >= from {
            return Ok(true);
        }
        let next = self
            .version_in_part(&change.key, Version::after(Some(change.version)), &|_| {
                false
            })?
            .filter(|next| next.position <= position);
        Ok(next.is_none_or(|next| next.last_updated > from))
    }
}

fn missing(key: &ResourceKey, version: Version) -> StoreError {
    StoreError(format!("{key}/_history/{version} is missing"))
}

fn decode<R: Record>(table: Table, key: &[u8], sealed: Vec<u8>) -> Result<R, StoreError> {
    R::decode(&unseal(table, key, sealed)?).ok_or_else(|| senseless(table, key))
}

/// What an entry of a log says; the position is the end of its key.
pub(super) fn change(
    table: Table,
    (key, record): Keyed<ChangeRecord>,
) -> Result<(Change, ChangeRecord), StoreError> {
    let position = Position(number_at_end(&key).ok_or_else(|| senseless(table, &key))?);
    let resource = ResourceKey::new(record.resource_type, record.id.clone());
    Ok((
        Change {
            position,
            key: resource,
            version: record.version,
        },
        record,
    ))
}

/// The version as the caller of the store sees it.
fn stored(key: &ResourceKey, version: Version, record: VersionRecord) -> StoredVersion {
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
