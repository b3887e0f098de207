//! The promises of the contract, each kept by reading one view or by the one writer.

use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::kv::Table;
use super::reading::ViewReader;
use super::reindex::ReindexStep;
use super::store::EmbeddedStore;
use super::{backup, reindex, scrub, verify};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::search::{Clause, IndexValue, OrderedList, SearchQuery};
use crate::storage::{
    BackedUp, BackupError, Calendar, ChangeSet, CommitError, Commits, Committed, EntriesOf, Event,
    EventStreams, Guard, HistoryPage, HistoryQuery, Indexing, LogEntry, Position, Precondition,
    ReindexError, ReindexFrom, Reindexed, Resources, SECRET_BYTES, ScrubPlace, SearchError,
    SearchPage, StoreError, StoredVersion, Stream, Timer, Upkeep, Verified, Wish,
};

impl Resources for EmbeddedStore {
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError> {
        if let Some(held) = self.read_from_memory(key) {
            return Ok(Some(held));
        }
        let (found, position) =
            self.read_state(|reader, position| Ok((reader.read(key, position)?, position)))?;
        if let Some(found) = &found {
            self.shared.held.keep(found, position);
        }
        Ok(found)
    }

    fn read_from_memory(&self, key: &ResourceKey) -> Option<StoredVersion> {
        if self.shared.failure().is_some() {
            return None;
        }
        self.shared.held.get(key).map(|held| (*held).clone())
    }

    fn read_at(
        &self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        self.read_state(|reader, last| reader.read(key, position.min(last)))
    }

    fn read_many(&self, keys: &[ResourceKey]) -> Result<Vec<Option<StoredVersion>>, StoreError> {
        self.read_state(|reader, position| {
            keys.iter().map(|key| reader.read(key, position)).collect()
        })
    }

    fn read_version(
        &self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<StoredVersion>, StoreError> {
        self.read_state(|reader, position| reader.read_version(key, version, position))
    }

    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.read_state(|reader, position| reader.history(query, position))
    }

    fn search(
        &self,
        query: &SearchQuery,
        position: Option<Position>,
    ) -> Result<SearchPage, SearchError> {
        self.has_entries_for(query)?;
        self.read_state(|reader, last| {
            let position = position.unwrap_or(last).min(last);
            sound(reader.search(query, position, &|kind| self.is_list_made(kind)))
        })?
    }

    fn search_many(&self, queries: &[SearchQuery]) -> Result<Vec<SearchPage>, SearchError> {
        queries
            .iter()
            .try_for_each(|query| self.has_entries_for(query))?;
        self.read_state(|reader, last| {
            sound(
                queries
                    .iter()
                    .map(|query| reader.search(query, last, &|kind| self.is_list_made(kind)))
                    .collect(),
            )
        })?
    }

    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError> {
        self.has_entries_for(query)?;
        self.read_state(|reader, position| {
            sound(reader.matching_keys(query, position, usize::MAX))
        })?
    }

    fn search_keys_many(
        &self,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError> {
        self.search_few_keys(queries, usize::MAX)
    }

    fn search_few_keys(
        &self,
        queries: &[SearchQuery],
        most: usize,
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError> {
        queries
            .iter()
            .try_for_each(|query| self.has_entries_for(query))?;
        self.read_state(|reader, position| {
            sound(
                queries
                    .iter()
                    .map(|query| reader.matching_keys(query, position, most))
                    .collect(),
            )
        })?
    }

    fn values(
        &self,
        resource_type: ResourceType,
        parameter: &str,
        most: usize,
    ) -> Result<Option<BTreeSet<IndexValue>>, SearchError> {
        let clause = Clause::Missing {
            code: parameter.to_owned(),
            is_missing: false,
        };
        self.has_entries_for(&SearchQuery::all(resource_type, vec![clause]))?;
        Ok(self.read_state(|reader, position| {
            reader.values(resource_type, parameter, most, position)
        })?)
    }
}

impl Commits for EmbeddedStore {
    fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        let asks = |condition: &Precondition| match condition {
            Precondition::Matches(query, _) => self.has_entries_for(query).is_err(),
            Precondition::Unmoved(..) => false,
        };
        if changes.preconditions.iter().any(asks) {
            // Whoever gathers again will be told.
            return Err(CommitError::FactsMoved);
        }
        self.writer.commit(changes)
    }

    fn guard_positions(&self, guards: &[Guard]) -> Result<Vec<Position>, StoreError> {
        // A touch that is not yet acknowledged is passed over: the commit that relies on it will be
        // refused.
        self.read_state(|reader, last| {
            guards
                .iter()
                .map(|guard| Ok(reader.guard_position(guard)?.min(last)))
                .collect()
        })
    }

    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError> {
        match self.shared.failure() {
            Some(failure) => Err(failure.clone()),
            None => {
                let state = self.shared.state();
                Ok((state.position, state.instant))
            }
        }
    }

    fn bookmark(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read_state(|reader, _| reader.bookmark(name))
    }

    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.read_state(|reader, last| reader.changes(position, last).take(limit).collect())
    }
}

impl Calendar for EmbeddedStore {
    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.read_state(|reader, _| reader.timers_due(day, limit))
    }

    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError> {
        self.read_state(|reader, _| reader.timer(owner))
    }

    fn timers(&self, owners: &[ResourceKey]) -> Result<Vec<Option<Date>>, StoreError> {
        self.read_state(|reader, _| owners.iter().map(|owner| reader.timer(owner)).collect())
    }
}

impl EventStreams for EmbeddedStore {
    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError> {
        self.read_state(|reader, last| reader.stream(subscription, last))
    }

    fn streams(&self) -> Result<Vec<Id>, StoreError> {
        self.read_state(|reader, _| reader.streams())
    }

    fn events(
        &self,
        subscription: &Id,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.read_state(|reader, last| reader.events(subscription, after, limit, last))
    }

    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError> {
        self.read_state(|reader, last| reader.oldest_event(subscription, last))
    }

    fn resends(&self, subscription: &Id) -> Result<Vec<RangeInclusive<u64>>, StoreError> {
        self.read_state(|reader, _| reader.resends(subscription))
    }
}

impl Upkeep for EmbeddedStore {
    fn check_ready(&self) -> Result<(), StoreError> {
        match self.shared.failure() {
            Some(failure) => Err(failure.clone()),
            None => self.shared.kv.health(),
        }
    }

    fn failure(&self) -> Option<StoreError> {
        self.shared.failure().cloned()
    }

    fn on_failure(&self, tell: Box<dyn FnOnce() + Send>) {
        self.shared.on_failure(tell);
    }

    fn is_reindex_due(&self) -> bool {
        self.shared.index().rest.is_some()
    }

    fn reindex(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError> {
        if self.is_reindexing.swap(true, Ordering::SeqCst) {
            return Err(ReindexError::Running);
        }
        let _until_it_ends = Lowered(&self.is_reindexing);
        Ok(self.reindex_alone(indexing, from, watch)?)
    }

    fn verify(&self) -> Vec<String> {
        self.checked(None, &mut |_, _| {}).findings
    }

    fn check(&self, indexing: Indexing<'_>, watch: &mut dyn FnMut(u64, u64)) -> Verified {
        let last = self.shared.state().position;
        let view = self.shared.kv.view();
        let plan = reindex::plan(&*view, indexing.marks, ReindexFrom::Rest, last);
        let is_current = plan.is_ok_and(|(index, _)| index.rest.is_none());
        let checked = self.checked(is_current.then_some(indexing.entries_of), watch);
        let findings = checked.findings.iter();
        Verified {
            is_index_current: is_current,
            findings: findings.map(|text| self.shared.placed(text)).collect(),
            ..checked
        }
    }

    fn damage(&self) -> Vec<String> {
        self.shared.damage()
    }

    fn waiting_commits(&self) -> usize {
        self.shared.waiting()
    }

    fn scrub(&self, from: Option<ScrubPlace>) -> Result<(Option<ScrubPlace>, u64), StoreError> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone());
        }
        scrub::step(&*self.shared.kv.view(), from, &mut |error| {
            let error = self.shared.judge(error);
            if error.is_local { Ok(()) } else { Err(error) }
        })
    }

    fn compact(&self, watch: &mut dyn FnMut(usize, usize)) -> Result<(), StoreError> {
        for (done, table) in Table::ALL.into_iter().enumerate() {
            watch(done, Table::ALL.len());
            self.shared.kv.compact(table)?;
        }
        watch(Table::ALL.len(), Table::ALL.len());
        Ok(())
    }

    fn back_up(&self, to: &Path, watch: &mut dyn FnMut(u64, u64)) -> Result<BackedUp, BackupError> {
        if !self.shared.kv.has_snapshots() {
            return Err(BackupError::NotOnline);
        }
        backup::write(&*self.shared.kv, to, watch)
    }

    fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

impl EmbeddedStore {
    /// Checks everything.
    fn checked(
        &self,
        entries_of: Option<&EntriesOf<'_>>,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Verified {
        let about = self.shared.kv.records_about();
        let with = verify::CheckedWith {
            entries_of,
            watch: &mut |records| watch(records, about),
        };
        let state = self.shared.state();
        verify::findings(ViewReader(&*self.shared.kv.view()), state, with)
    }

    /// Refuses a query by entries that are still to be made.
    fn has_entries_for(&self, query: &SearchQuery) -> Result<(), SearchError> {
        match reindex::waits_for(query, &self.shared.index().pending) {
            Some(parameter) => Err(SearchError::BeingMade(parameter)),
            None => Ok(()),
        }
    }

    /// Tells whether the index has all lists of a kind, as the definitions in use make them.
    fn is_list_made(&self, kind: &OrderedList) -> bool {
        !self.shared.index().pending.contains(&kind.mark_name())
    }

    /// Reindexes while nobody else does so.
    fn reindex_alone(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, StoreError> {
        if from == ReindexFrom::Beginning {
            let (index, step) = self
                .read_state(|reader, last| reindex::plan(reader.0, indexing.marks, from, last))?;
            *self.shared.index() = index;
            self.writer.mend(step)?;
        }
        let mut done = Reindexed::default();
        loop {
            let Some(rest) = self.shared.index().rest.clone() else {
                return Ok(Some(done));
            };
            let next = self.read_state(|_, _| {
                reindex::next_step(&*self.shared.kv, &rest, indexing, &mut done)
            });
            let (step, rest) = next?;
            self.writer.mend(step)?;
            let is_done = rest.is_none();
            {
                let mut index = self.shared.index();
                index.rest = rest;
                if is_done {
                    index.pending.clear();
                }
            }
            match watch(&done) {
                _ if is_done => {}
                Wish::GoOn => {}
                Wish::GiveUp if self.shared.index().pending.is_empty() => {
                    self.writer.mend(ReindexStep::given_up())?;
                    self.shared.index().rest = None;
                    return Ok(None);
                }
                Wish::GiveUp | Wish::Pause => return Ok(None),
            }
        }
    }
}

/// A flag that is lowered when this goes, also when a panic passes by.
struct Lowered<'a>(&'a AtomicBool);

impl Drop for Lowered<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Separates a search that leads too far, which is no failure of the store, from one that is.
fn sound<R>(result: Result<R, SearchError>) -> Result<Result<R, SearchError>, StoreError> {
    match result {
        Err(SearchError::Store(error)) => Err(error),
        other => Ok(other),
    }
}
