//! The meaning of one commit: its preconditions, and the keys that it changes.
//!
//! Nothing here touches a disk: the writer applies what was staged.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::keys::{
    STATE, bookmark_key, current_key, cursor_key, due_key, event_key, guard_key, log_key,
    resends_key, stream_key, timer_key, type_log_key, version_key,
};
use super::kv::{Batch, KvRead, Overlay, Table};
use super::prepared::{FoundBy, PreparedCommit};
use super::reading::ViewReader;
use super::record::{ChangeRecord, CurrentRecord, Record, StoreState, VersionRecord, put_record};
use super::reindex::ReindexStep;
use super::seal::seal;
use super::streams::StreamsAfter;
use crate::fhir::{ResourceKey, Version};
use crate::storage::{
    ChangeSet, CommitError, Committed, Guard, Position, Precondition, SearchError, StoreError,
    TimerChange, Write,
};

/// The group of commits that is being built: what they change, and the state after the last of
/// them.
pub(super) struct CommitGroup<'a> {
    view: &'a dyn KvRead,
    batch: Batch,
    state: StoreState,
    /// The resources that are written.
    written: Vec<ResourceKey>,
}

/// The records against which a commit was checked.
struct CheckedCommit {
    /// The last version of each resource that is written.
    current: Vec<Option<CurrentRecord>>,
    /// The day of each timer that is set or removed.
    days: Vec<Option<Date>>,
    /// The events of subscriptions after it.
    streams: StreamsAfter,
}

impl<'a> CommitGroup<'a> {
    /// Begins a group with what the view shows.
    pub(super) fn new(view: &'a dyn KvRead, state: StoreState) -> Self {
        CommitGroup {
            view,
            batch: Batch::default(),
            state,
            written: Vec::new(),
        }
    }

    /// Adds a commit to the group, as if those before it had been applied.
    ///
    /// # Errors
    /// If a precondition does not hold; the group is then as it was.
    pub(super) fn add(&mut self, commit: PreparedCommit) -> Result<Committed, CommitError> {
        let PreparedCommit { changes, found_by } = commit;
        let instant = instant_after(self.state.instant, changes.now)?;
        let checked = self.check(&changes, instant)?;
        let first = self.state.position;
        let writes = changes.writes.into_iter().zip(found_by);
        for (write, current) in writes.zip(checked.current) {
            self.state.position.0 += 1;
            self.stage_write(write, current, instant);
        }
        if self.state.position == first && !changes.touches.is_empty() {
            // A guard must move even when nothing is written: such a commit takes a position that
            // is not in the log.
            self.state.position.0 += 1;
        }
        for guard in &changes.touches {
            self.stage_touch(guard);
        }
        for (timer, day) in changes.timers.iter().zip(checked.days) {
            self.stage_timer(timer, day);
        }
        self.stage_streams(checked.streams);
        for bookmark in &changes.bookmarks {
            let key = bookmark_key(&bookmark.name);
            self.put(Table::Meta, key, &bookmark.place);
        }
        self.state.instant = Some(instant);
        Ok(Committed {
            position: self.state.position,
            instant,
        })
    }

    /// Adds a step of making the index anew, judged as if what is in the group already had been
    /// applied.
    pub(super) fn mend(&mut self, step: &ReindexStep) -> Result<(), StoreError> {
        let changes = step.changes(&Overlay {
            below: self.view,
            above: &self.batch,
        })?;
        for (table, key, value) in changes.into_changes() {
            match value {
                Some(value) => self.batch.put(table, key, value),
                None => self.batch.delete(table, key),
            }
        }
        Ok(())
    }

    /// Returns everything to apply, the state that it leads to, and the resources that are written.
    pub(super) fn finish(mut self) -> (Batch, StoreState, Vec<ResourceKey>) {
        self.put(Table::Meta, STATE.to_vec(), &self.state.clone());
        (self.batch, self.state, self.written)
    }

    fn check(&self, changes: &ChangeSet, instant: Timestamp) -> Result<CheckedCommit, CommitError> {
        let overlay = Overlay {
            below: self.view,
            above: &self.batch,
        };
        let reader = ViewReader(&overlay);
        let mut written = BTreeSet::new();
        let mut current = Vec::with_capacity(changes.writes.len());
        for write in &changes.writes {
            let last = reader.current(&write.key)?;
            // A second write to a resource does not follow its last version either.
            if last.as_ref().map(|last| last.version) != write.previous
                || !written.insert(&write.key)
            {
                return Err(CommitError::VersionMoved(write.key.clone()));
            }
            current.push(last);
        }
        for precondition in &changes.preconditions {
            let holds = match precondition {
                Precondition::Unmoved(guard, position) => {
                    reader.guard_position(guard)? <= *position
                }
                Precondition::Matches(query, expected) => {
                    // The view does not change while the group is built.
                    // One more than expected is proof enough.
                    let most = expected.len().saturating_add(1);
                    match reader.matching_keys(query, Position(u64::MAX), most) {
                        Ok(found) => found == *expected,
                        // Whoever gathers again will be told.
                        Err(SearchError::TooMany(_) | SearchError::BeingMade(_)) => false,
                        Err(SearchError::Store(error)) => return Err(error.into()),
                    }
                }
            };
            if !holds {
                return Err(CommitError::FactsMoved);
            }
        }
        let mut days: Vec<Option<Date>> = Vec::with_capacity(changes.timers.len());
        for (at, timer) in changes.timers.iter().enumerate() {
            let earlier = changes.timers[..at]
                .iter()
                .rposition(|earlier| earlier.owner == timer.owner);
            days.push(match earlier {
                Some(earlier) => changes.timers[earlier].day,
                None => reader.timer(&timer.owner)?,
            });
        }
        let streams = self.streams(reader, changes, instant)?;
        Ok(CheckedCommit {
            current,
            days,
            streams,
        })
    }

    /// Works out what happens to the events of subscriptions: an event stands at the position of
    /// the write that it tells of.
    fn streams(
        &self,
        reader: ViewReader<'_>,
        changes: &ChangeSet,
        instant: Timestamp,
    ) -> Result<StreamsAfter, StoreError> {
        let mut streams = StreamsAfter::default();
        for change in &changes.streams {
            streams.apply(reader, change.clone())?;
        }
        for event in &changes.events {
            let written = changes
                .writes
                .iter()
                .position(|write| write.key == event.focus);
            let at = written.ok_or_else(|| {
                StoreError::unusable(format!(
                    "an event about {}, which is not written",
                    event.focus
                ))
            })?;
            let version = Version::after(changes.writes[at].previous);
            let position = Position(self.state.position.0 + 1 + at as u64);
            streams.add_event(
                reader,
                event.subscription.clone(),
                (event.focus.clone(), version),
                (position, instant),
            )?;
        }
        Ok(streams)
    }

    fn stage_write(
        &mut self,
        (write, found_by): (Write, FoundBy),
        current: Option<CurrentRecord>,
        instant: Timestamp,
    ) {
        let Write {
            key,
            previous,
            method,
            content,
        } = write;
        let (version, position) = (Version::after(previous), self.state.position);
        let (body, entries) = match content {
            Some(content) => (Some(content.body.at(instant)), content.entries),
            None => (None, Vec::new()),
        };
        let head = CurrentRecord {
            version,
            position,
            last_updated: instant,
            deleted: body.is_none(),
            entries: Vec::new(),
        };
        let at = current_key(&key);
        self.put_bytes(Table::Current, at, head.encode_with(&found_by.encoded));
        let record = VersionRecord {
            position,
            last_updated: instant,
            method,
            entries: Vec::new(),
            body,
        };
        let at = version_key(&key, version);
        self.put_bytes(Table::Versions, at, record.encode_with(&found_by.encoded));
        let before = current.map(|current| current.entries).unwrap_or_default();
        // What both have is left alone.
        let (gone, new) = found_by.moved_from(&key, &before, &entries);
        for gone in gone {
            self.batch.delete(Table::Index, gone);
        }
        for new in new {
            self.put(Table::Index, new, &());
        }

        let change = ChangeRecord {
            resource_type: key.resource_type,
            id: key.id.clone(),
            version,
            last_updated: instant,
        };
        self.put(Table::Log, log_key(position), &change);
        self.put(
            Table::TypeLog,
            type_log_key(key.resource_type, position),
            &change,
        );
        self.written.push(key);
    }

    fn stage_touch(&mut self, guard: &Guard) {
        self.put(
            Table::Guards,
            guard_key(guard),
            &self.state.position.clone(),
        );
    }

    fn stage_timer(&mut self, timer: &TimerChange, before: Option<Date>) {
        if let Some(day) = before {
            self.batch.delete(Table::Timers, due_key(day, &timer.owner));
        }
        match timer.day {
            Some(day) => {
                self.put(Table::Timers, timer_key(&timer.owner), &day);
                self.put(Table::Timers, due_key(day, &timer.owner), &());
            }
            None => self.batch.delete(Table::Timers, timer_key(&timer.owner)),
        }
    }

    fn stage_streams(&mut self, streams: StreamsAfter) {
        for (subscription, record) in &streams.streams {
            self.put(Table::Events, stream_key(subscription), record);
        }
        for (subscription, record) in &streams.cursors {
            self.put(Table::Events, cursor_key(subscription), record);
        }
        for (subscription, record) in &streams.resends {
            if record.0.is_empty() {
                self.batch.delete(Table::Events, resends_key(subscription));
            } else {
                self.put(Table::Events, resends_key(subscription), record);
            }
        }
        for (subscription, number, record) in &streams.events {
            self.put(Table::Events, event_key(subscription, *number), record);
        }
        for (subscription, number) in &streams.forgotten {
            self.batch
                .delete(Table::Events, event_key(subscription, *number));
        }
    }

    fn put_bytes(&mut self, table: Table, key: Vec<u8>, record: Vec<u8>) {
        let sealed = seal(table, &key, record);
        self.batch.put(table, key, sealed);
    }

    fn put(&mut self, table: Table, key: Vec<u8>, record: &impl Record) {
        put_record(&mut self.batch, table, key, record);
    }
}

/// Returns the instant of a commit: that of its request, in whole microseconds, or the first one
/// after the last commit's.
fn instant_after(last: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, StoreError> {
    let after_us = last.map_or(i64::MIN, |last| last.as_microsecond() + 1);
    Timestamp::from_microsecond(now.as_microsecond().max(after_us))
        .map_err(|_| StoreError::unusable("the end of time".to_owned()))
}
