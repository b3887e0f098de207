//! Checking that everything stored agrees: checksums, versions, logs and index.
//!
//! It reads what the store reads, and repairs nothing.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::index_keys::{index_keys_of, key_in_index};
use super::keys::{
    BOOKMARKS, due_key, events_prefix, log_key, number_at_end, split_due, split_owner,
    subscription_in, type_log_key,
};
use super::kv::{Direction, KeyRange, Table};
use super::reading::ViewReader;
use super::record::{ChangeRecord, CurrentRecord, Record, StoreState, VersionRecord};
use super::seal::{RecordName, unseal};
use super::stream_records::StreamRecord;
use crate::fhir::{Id, ResourceKey, Version};
use crate::storage::{EntriesOf, Position, StoreError, Verified};

const FINDINGS_MAX: usize = 100;
/// The number of records after which whoever watches is told.
const TOLD_EVERY: u64 = 1_024;

/// The things that a check needs besides the records.
pub(super) struct CheckedWith<'a> {
    /// Makes the entries of a body by the definitions by which the stored ones were made; none if
    /// they were made by others.
    pub(super) entries_of: Option<&'a EntriesOf<'a>>,
    /// Told how many records were looked at.
    pub(super) watch: &'a mut dyn FnMut(u64),
}

/// Looks for all that is wrong. `state` is what the store was opened with or has come to.
pub(super) fn findings(
    reader: ViewReader<'_>,
    state: StoreState,
    with: CheckedWith<'_>,
) -> Verified {
    let mut check = StoreCheck {
        reader,
        with,
        found: Verified::default(),
    };
    check.state(state);
    check.meta();
    check.versions();
    check.current();
    check.logs(state);
    check.index();
    check.guards(state);
    check.bookmarks();
    check.timers();
    check.events();
    check.found
}

struct StoreCheck<'a, 'w> {
    reader: ViewReader<'a>,
    with: CheckedWith<'w>,
    found: Verified,
}

impl<'a> StoreCheck<'a, '_> {
    fn find(&mut self, finding: impl Into<String>) {
        let finding: String = finding.into();
        // One record is met from several sides.
        if self.found.findings.contains(&finding) {
            return;
        }
        if self.found.findings.len() < FINDINGS_MAX {
            self.found.findings.push(finding);
        } else {
            self.found.unnamed += 1;
        }
    }

    /// Counts a record that was looked at.
    fn count(&mut self) {
        self.found.records += 1;
        if self.found.records.is_multiple_of(TOLD_EVERY) {
            (self.with.watch)(self.found.records);
        }
    }

    /// Returns the value, or notes a finding.
    fn take<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.find(error.text)).ok()
    }

    /// Calls `visit` with each record of a table that can be read.
    fn each<R: Record + 'a>(&mut self, table: Table, mut visit: impl FnMut(&mut Self, &[u8], R)) {
        for record in self
            .reader
            .records::<R>(table, KeyRange::all(), Direction::Forward)
        {
            self.count();
            if let Some((key, record)) = self.take(record) {
                visit(self, &key, record);
            }
        }
    }

    fn at(&mut self, table: Table, key: &[u8], what: &str) {
        self.find(format!("{}: {what}", RecordName(table, key)));
    }

    fn state(&mut self, state: StoreState) {
        if let Some(stored) = self.take(self.reader.state())
            && stored != Some(state)
        {
            self.find("the stored state is not the one in use");
        }
    }

    /// Checks that versions count up by one from 1, positions and instants with them, and that both
    /// logs name each.
    fn versions(&mut self) {
        let mut last: Option<(ResourceKey, Version, VersionRecord)> = None;
        self.each::<VersionRecord>(Table::Versions, |check, key, record| {
            let (Some((owner, _)), Some(number)) = (split_owner(key), number_at_end(key)) else {
                return check.at(Table::Versions, key, "the key cannot be read");
            };
            let version = Version(number);
            let before = last.take().filter(|(before, ..)| *before == owner);
            if version != Version::after(before.as_ref().map(|(_, version, _)| *version)) {
                check.at(Table::Versions, key, "the version before is missing");
            }
            if before.is_some_and(|(_, _, before)| {
                before.position >= record.position || before.last_updated >= record.last_updated
            }) {
                check.at(
                    Table::Versions,
                    key,
                    "it is not later than the version before",
                );
            }
            let expected = ChangeRecord {
                resource_type: owner.resource_type,
                id: owner.id.clone(),
                version,
                last_updated: record.last_updated,
            };
            check.logged(Table::Log, &log_key(record.position), &expected);
            check.logged(
                Table::TypeLog,
                &type_log_key(owner.resource_type, record.position),
                &expected,
            );
            check.entries(key, &owner, &record);
            last = Some((owner, version, record));
        });
    }

    /// Checks that a version has the entries that its body gives.
    fn entries(&mut self, key: &[u8], owner: &ResourceKey, record: &VersionRecord) {
        let (Some(entries_of), Some(body)) = (self.with.entries_of, &record.body) else {
            return;
        };
        match entries_of(owner.resource_type, body) {
            None => self.at(Table::Versions, key, "its body is no resource"),
            Some(entries) if entries != record.entries => {
                self.at(Table::Versions, key, "its body gives other index entries");
            }
            Some(_) => {}
        }
    }

    fn logged(&mut self, table: Table, key: &[u8], expected: &ChangeRecord) {
        if let Some(found) = self.take(self.reader.record::<ChangeRecord>(table, key))
            && found.as_ref() != Some(expected)
        {
            self.at(
                table,
                key,
                "it does not name the version that was written there",
            );
        }
    }

    /// Checks that each log names versions that are there, and that the positions end with that of
    /// the store.
    fn logs(&mut self, state: StoreState) {
        let mut counts = BTreeMap::new();
        for table in [Table::Log, Table::TypeLog] {
            self.each::<ChangeRecord>(table, |check, key, change| {
                *counts.entry(table).or_insert(0_usize) += 1;
                let position = Position(number_at_end(key).unwrap_or_default());
                let owner = ResourceKey::new(change.resource_type, change.id);
                let version = check.reader.version(&owner, change.version);
                if check
                    .take(version)
                    .flatten()
                    .is_none_or(|version| version.position != position)
                {
                    check.at(table, key, "the version that it names is not there");
                }
                if position > state.position
                    || state.instant.is_none_or(|last| change.last_updated > last)
                {
                    check.at(table, key, "it is later than the state of the store");
                }
            });
        }
        if counts.get(&Table::Log) != counts.get(&Table::TypeLog) {
            self.find("the two logs have different lengths");
        }
    }

    /// Checks that the current record is the last version, and that the index has its entries.
    fn current(&mut self) {
        self.each::<CurrentRecord>(Table::Current, |check, key, current| {
            let Some((owner, [])) = split_owner(key) else {
                return check.at(Table::Current, key, "the key cannot be read");
            };
            let last = check.reader.version(&owner, current.version);
            let agrees = |last: &VersionRecord| {
                last.position == current.position
                    && last.last_updated == current.last_updated
                    && last.body.is_none() == current.deleted
                    && last.entries == current.entries
            };
            if check
                .take(last)
                .is_some_and(|last| !last.as_ref().is_some_and(agrees))
            {
                check.at(Table::Current, key, "it is not what the version says");
            }
            if check
                .take(
                    check
                        .reader
                        .version(&owner, Version::after(Some(current.version))),
                )
                .flatten()
                .is_some()
            {
                check.at(Table::Current, key, "there is a later version");
            }
            for index_key in index_keys_of(&owner, &current.entries) {
                if check.take(check.reader.record::<()>(Table::Index, &index_key)) == Some(None) {
                    check.at(Table::Current, key, "an entry is missing in the index");
                }
            }
        });
        self.each::<VersionRecord>(Table::Versions, |check, key, _| {
            let Some((owner, _)) = split_owner(key) else {
                return;
            };
            if check.take(check.reader.current(&owner)) == Some(None) {
                check.at(Table::Versions, key, "its resource has no current record");
            }
        });
    }

    /// Checks that each key of the index comes from an entry of a current record.
    fn index(&mut self) {
        self.each::<()>(Table::Index, |check, key, ()| {
            let Some(owner) = key_in_index(key) else {
                return check.at(Table::Index, key, "the key cannot be read");
            };
            let Some(current) = check.take(check.reader.current(&owner)) else {
                return;
            };
            let entries = current.map(|current| current.entries).unwrap_or_default();
            if !index_keys_of(&owner, &entries).contains(key) {
                check.at(Table::Index, key, "no current record has such an entry");
            }
        });
    }

    /// Checks that each record of the store itself has its checksum.
    fn meta(&mut self) {
        let pairs = self
            .reader
            .0
            .range(Table::Meta, KeyRange::all(), Direction::Forward);
        for pair in pairs {
            self.count();
            if let Some((key, sealed)) = self.take(pair) {
                self.take(unseal(Table::Meta, &key, sealed));
            }
        }
    }

    fn guards(&mut self, state: StoreState) {
        self.each::<Position>(Table::Guards, |check, key, position| {
            if position > state.position {
                check.at(
                    Table::Guards,
                    key,
                    "it is later than the state of the store",
                );
            }
        });
    }

    fn bookmarks(&mut self) {
        let range = KeyRange::prefix(BOOKMARKS);
        for record in self
            .reader
            .records::<String>(Table::Meta, range, Direction::Forward)
        {
            self.take(record);
        }
    }

    /// Checks that the events of a subscription count up by one to its last, that each tells of a
    /// version that is there, and that none was delivered that is not there.
    fn events(&mut self) {
        for pair in self
            .reader
            .0
            .range(Table::Events, KeyRange::all(), Direction::Forward)
        {
            self.count();
            let Some((key, _)) = self.take(pair) else {
                continue;
            };
            let Some(subscription) = subscription_in(&key) else {
                self.at(Table::Events, &key, "the key cannot be read");
                continue;
            };
            let stream = self.reader.stream_record(&subscription);
            let Some(stream) = self.take(stream) else {
                continue;
            };
            match key.first() {
                Some(1) => self.stream(&subscription, &key, stream),
                Some(2) => {
                    let cursor = self.reader.cursor_record(&subscription);
                    if self.take(cursor).is_some_and(|cursor| {
                        cursor.delivered > cursor.sent || cursor.sent > stream.last
                    }) {
                        self.at(Table::Events, &key, "it is beyond the last event");
                    }
                }
                Some(4) => {
                    let resends = self.reader.resends_record(&subscription);
                    let is_there = |range: &RangeInclusive<u64>| {
                        !range.is_empty() && *range.end() <= stream.last
                    };
                    if self
                        .take(resends)
                        .is_some_and(|resends| !resends.0.iter().all(is_there))
                    {
                        self.at(
                            Table::Events,
                            &key,
                            "there are no such events to send again",
                        );
                    }
                }
                _ => self.event(&subscription, &key, stream),
            }
        }
    }

    fn stream(&mut self, subscription: &Id, key: &[u8], stream: StreamRecord) {
        if stream.base > stream.last || stream.forgotten > stream.last {
            self.at(Table::Events, key, "it begins after its last event");
        }
        let kept = self.reader.0.range(
            Table::Events,
            KeyRange::prefix(&events_prefix(Some(subscription))),
            Direction::Forward,
        );
        if kept.count() as u64 != stream.last.saturating_sub(stream.forgotten) {
            self.at(
                Table::Events,
                key,
                "an event is missing, or there is one too many",
            );
        }
    }

    fn event(&mut self, subscription: &Id, key: &[u8], stream: StreamRecord) {
        let number = number_at_end(key).unwrap_or_default();
        if number <= stream.forgotten || number > stream.last {
            self.at(Table::Events, key, "its subscription has no such event");
        }
        let event = self.reader.event_record(subscription, number);
        let Some(event) = self.take(event).flatten() else {
            return;
        };
        let version = self.reader.version(&event.focus, event.version);
        if self
            .take(version)
            .is_some_and(|version| version.is_none_or(|version| version.position != event.position))
        {
            self.at(
                Table::Events,
                key,
                "the version that it tells of is not there",
            );
        }
    }

    /// Checks that an owner has one timer, the same in both directions.
    fn timers(&mut self) {
        for pair in self
            .reader
            .0
            .range(Table::Timers, KeyRange::all(), Direction::Forward)
        {
            self.count();
            let Some((key, _)) = self.take(pair) else {
                continue;
            };
            if let Some((day, owner)) = split_due(&key) {
                let set = self.reader.timer(&owner);
                if self.take(set).is_some_and(|set| set != Some(day)) {
                    self.at(Table::Timers, &key, "its owner has another day");
                }
            } else if let Some((owner, [])) =
                key.split_first().and_then(|(_, owner)| split_owner(owner))
            {
                let day: Option<Date> = self.take(self.reader.timer(&owner)).flatten();
                let due = day.map(|day| {
                    self.reader
                        .record::<()>(Table::Timers, &due_key(day, &owner))
                });
                if due.is_some_and(|due| self.take(due) == Some(None)) {
                    self.at(Table::Timers, &key, "it is missing among those of its day");
                }
            } else {
                self.at(Table::Timers, &key, "the key cannot be read");
            }
        }
    }
}
