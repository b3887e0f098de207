//! A store with something around it: what happens before and after each reading, and instead of a
//! commit.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use frist::fhir::{Id, ResourceKey, ResourceType, Version};
use frist::search::{IndexValue, SearchQuery};
use frist::storage::{
    BackedUp, BackupError, Calendar, ChangeSet, CommitError, Commits, Committed, Event,
    EventStreams, Guard, HistoryPage, HistoryQuery, Indexing, LogEntry, Position, ReindexError,
    ReindexFrom, Reindexed, Resources, SECRET_BYTES, ScrubPlace, SearchError, SearchPage, Store,
    StoreError, StoredVersion, Stream, Timer, Upkeep, Verified, Wish,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// The surroundings of a store; nothing happens in them by default.
pub(crate) trait Around: Send + Sync {
    /// Runs before each reading; none takes place if this fails.
    fn before(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Runs after each reading.
    fn after(&self) {}

    /// Passes on the events that a reading found.
    fn events(&self, found: Vec<Event>) -> Vec<Event> {
        found
    }

    /// Carries out a commit.
    fn commit(&self, store: &dyn Store, changes: ChangeSet) -> Result<Committed, CommitError> {
        store.commit(changes)
    }
}

impl<A: Around + ?Sized> Around for Arc<A> {
    fn before(&self) -> Result<(), StoreError> {
        (**self).before()
    }

    fn after(&self) {
        (**self).after();
    }

    fn events(&self, found: Vec<Event>) -> Vec<Event> {
        (**self).events(found)
    }

    fn commit(&self, store: &dyn Store, changes: ChangeSet) -> Result<Committed, CommitError> {
        (**self).commit(store, changes)
    }
}

/// A store with that around it.
pub(crate) struct Surrounded<A> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) around: A,
}

impl<A: Around> Surrounded<A> {
    fn reading<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, E>,
    ) -> Result<T, E> {
        self.around.before()?;
        let result = read(&*self.store);
        self.around.after();
        result
    }
}

impl<A: Around> Resources for Surrounded<A> {
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError> {
        self.reading(|store| store.read(key))
    }

    fn read_at(
        &self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError> {
        self.reading(|store| store.read_at(key, position))
    }

    fn read_many(&self, keys: &[ResourceKey]) -> Result<Vec<Option<StoredVersion>>, StoreError> {
        self.reading(|store| store.read_many(keys))
    }

    fn read_version(
        &self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<StoredVersion>, StoreError> {
        self.reading(|store| store.read_version(key, version))
    }

    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.reading(|store| store.history(query))
    }

    fn search(
        &self,
        query: &SearchQuery,
        position: Option<Position>,
    ) -> Result<SearchPage, SearchError> {
        self.reading(|store| store.search(query, position))
    }

    fn search_many(&self, queries: &[SearchQuery]) -> Result<Vec<SearchPage>, SearchError> {
        self.reading(|store| store.search_many(queries))
    }

    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError> {
        self.reading(|store| store.search_keys(query))
    }

    fn search_keys_many(
        &self,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError> {
        self.reading(|store| store.search_keys_many(queries))
    }

    fn search_few_keys(
        &self,
        queries: &[SearchQuery],
        most: usize,
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError> {
        self.reading(|store| store.search_few_keys(queries, most))
    }

    fn values(
        &self,
        resource_type: ResourceType,
        parameter: &str,
        most: usize,
    ) -> Result<Option<BTreeSet<IndexValue>>, SearchError> {
        self.reading(|store| store.values(resource_type, parameter, most))
    }
}

impl<A: Around> Commits for Surrounded<A> {
    fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        self.around.commit(&*self.store, changes)
    }

    fn guard_positions(&self, guards: &[Guard]) -> Result<Vec<Position>, StoreError> {
        self.reading(|store| store.guard_positions(guards))
    }

    fn bookmark(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.reading(|store| store.bookmark(name))
    }

    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError> {
        self.reading(|store| store.last_commit())
    }

    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.reading(|store| store.changes_after(position, limit))
    }
}

impl<A: Around> Calendar for Surrounded<A> {
    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.reading(|store| store.timers_due(day, limit))
    }

    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError> {
        self.reading(|store| store.timer(owner))
    }

    fn timers(&self, owners: &[ResourceKey]) -> Result<Vec<Option<Date>>, StoreError> {
        self.reading(|store| store.timers(owners))
    }
}

impl<A: Around> EventStreams for Surrounded<A> {
    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError> {
        self.reading(|store| store.stream(subscription))
    }

    fn streams(&self) -> Result<Vec<Id>, StoreError> {
        self.reading(|store| store.streams())
    }

    fn events(
        &self,
        subscription: &Id,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let found = self.reading(|store| store.events(subscription, after, limit))?;
        Ok(self.around.events(found))
    }

    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError> {
        self.reading(|store| store.oldest_event(subscription))
    }

    fn resends(&self, subscription: &Id) -> Result<Vec<RangeInclusive<u64>>, StoreError> {
        self.reading(|store| store.resends(subscription))
    }
}

impl<A: Around> Upkeep for Surrounded<A> {
    fn check_ready(&self) -> Result<(), StoreError> {
        self.store.check_ready()
    }

    fn failure(&self) -> Option<StoreError> {
        self.store.failure()
    }

    fn on_failure(&self, tell: Box<dyn FnOnce() + Send>) {
        self.store.on_failure(tell);
    }

    fn is_reindex_due(&self) -> bool {
        self.store.is_reindex_due()
    }

    fn reindex(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError> {
        self.store.reindex(indexing, from, watch)
    }

    fn verify(&self) -> Vec<String> {
        self.store.verify()
    }

    fn check(&self, indexing: Indexing<'_>, watch: &mut dyn FnMut(u64, u64)) -> Verified {
        self.store.check(indexing, watch)
    }

    fn damage(&self) -> Vec<String> {
        self.store.damage()
    }

    fn waiting_commits(&self) -> usize {
        self.store.waiting_commits()
    }

    fn scrub(&self, from: Option<ScrubPlace>) -> Result<(Option<ScrubPlace>, u64), StoreError> {
        self.store.scrub(from)
    }

    fn compact(&self, watch: &mut dyn FnMut(usize, usize)) -> Result<(), StoreError> {
        self.store.compact(watch)
    }

    fn back_up(&self, to: &Path, watch: &mut dyn FnMut(u64, u64)) -> Result<BackedUp, BackupError> {
        self.store.back_up(to, watch)
    }

    fn secret(&self) -> &[u8; SECRET_BYTES] {
        self.store.secret()
    }
}
