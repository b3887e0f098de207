//! Past versions, newest first.

use super::codec::EntryFilter;
use super::keys::{log_key, number_at_end, versions_prefix};
use super::kv::{Direction, KeyRange, Table};
use super::reading::{ViewReader, change, stored};
use super::record::{ChangeRecord, VersionRecord};
use super::seal::senseless;
use crate::fhir::Version;
use crate::storage::{HistoryPage, HistoryQuery, HistoryScope, LogEntry, Position, StoreError};

/// The most bytes of content that the versions of one page of history have together; one is
/// returned however large it is.
const HISTORY_BYTES_MAX: usize = 16 * 1024 * 1024;

impl<'a> ViewReader<'a> {
    /// Reads one page of history, in the state after `position`.
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
            let record = self.known_version(&change.key, change.version, EntryFilter::Nothing)?;
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

    /// Reads the changes of a scope before a position, newest first.
    fn changes_backward(
        self,
        scope: &HistoryScope,
        end: Position,
    ) -> Box<dyn Iterator<Item = Result<(LogEntry, ChangeRecord), StoreError>> + 'a> {
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
                    let change = LogEntry {
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
                let before = move |entry: &Result<(LogEntry, ChangeRecord), StoreError>| !matches!(entry, Ok((change, _)) if change.position >= end);
                Box::new(changes.filter(before))
            }
        }
    }

    /// Tells whether a version was current at a time that the query asks for: from its instant up
    /// to that of the next one.
    fn was_current_at(
        self,
        query: &HistoryQuery,
        change: &LogEntry,
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
            .version_in_part(
                &change.key,
                Version::after(Some(change.version)),
                EntryFilter::Nothing,
            )?
            .filter(|next| next.position <= position);
        Ok(next.is_none_or(|next| next.last_updated > from))
    }
}
