//! The store over an embedded engine: who opens it, who reads, who writes. The reading itself is in
//! `reading`, `finding` and `values`, the writing in `writing` and `staging`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;

use super::encoding::STATE;
use super::fjall::FjallKv;
use super::folder::{Folder, OpenError};
use super::kv::{Batch, Kv, Table};
use super::reading::Reader;
use super::record::{Record, State, seal};
use super::reindex::{
    self, IndexState, Indexing, Marks, ReindexError, ReindexFrom, Reindexed, Step, Wish,
};
#[cfg(feature = "sled")]
use super::sled::SledKv;
use super::verify;
use super::writing::{Shared, Writer};
use super::{
    Change, ChangeSet, CommitError, Committed, Event, Guard, HistoryPage, HistoryQuery, Position,
    Precondition, SECRET_BYTES, SearchError, SearchPage, Store, StoreError, StoredVersion, Stream,
    Timer,
};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::search::{Clause, IndexValue, SearchQuery};

/// An embedded engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// fjall 3: the default.
    Fjall,
    /// sled 0.34, with a sync of its file after each group of commits.
    #[cfg(feature = "sled")]
    Sled,
}

impl Engine {
    /// Every engine that this program was built with.
    pub const ALL: &'static [Engine] = &[
        Engine::Fjall,
        #[cfg(feature = "sled")]
        Engine::Sled,
    ];

    /// The engine's name, as in options and in the data folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Engine::Fjall => "fjall",
            #[cfg(feature = "sled")]
            Engine::Sled => "sled",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no engine that this program was built with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownEngine(pub String);

impl fmt::Display for UnknownEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Engine::ALL.iter().map(|engine| engine.as_str()).collect();
        write!(
            f,
            "expected one of the engines of this program ({}), found '{}'",
            known.join(", "),
            self.0
        )
    }
}

impl std::error::Error for UnknownEngine {}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        Engine::ALL
            .iter()
            .copied()
            .find(|engine| engine.as_str() == text)
            .ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}

/// How to use an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// The most memory, in bytes, in which the engine keeps what it read from the disk.
    pub cache_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            cache_bytes: 128 * 1024 * 1024,
        }
    }
}

/// A store in a folder of this machine. Dropping it writes what still waits and lets go of the
/// folder.
pub struct EmbeddedStore {
    // In the order in which they must go: the writer ends, the engine closes, the lock goes.
    writer: Writer,
    pub(super) shared: Arc<Shared>,
    secret: [u8; SECRET_BYTES],
    is_reindexing: AtomicBool,
    _folder: Folder,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("folder", &self._folder.path())
            .finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens the store in that folder, or makes one if the folder is empty or not there.
    ///
    /// # Errors
    /// Why the folder cannot be used; its text is one line for the console.
    pub fn open(
        path: impl AsRef<Path>,
        engine: Engine,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        EmbeddedStore::make(path.as_ref(), engine, options, None)
    }

    /// Opens the store for a program that makes index entries by these definitions from now on. If
    /// those that are stored were made by others, searches that depend on the difference are
    /// refused until [`Store::reindex`] has done the rest.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_indexed(
        path: impl AsRef<Path>,
        engine: Engine,
        options: StoreOptions,
        marks: &Marks,
    ) -> Result<Self, OpenError> {
        EmbeddedStore::make(path.as_ref(), engine, options, Some(marks))
    }

    fn make(
        path: &Path,
        engine: Engine,
        options: StoreOptions,
        marks: Option<&Marks>,
    ) -> Result<Self, OpenError> {
        let mut folder = Folder::open(path, engine.as_str())?;
        if !folder.is_complete() && folder.engine_path().exists() {
            // The making of the store was cut short: nothing was ever acknowledged from it.
            fs::remove_dir_all(folder.engine_path()).map_err(|error| folder.unwritable(&error))?;
        }
        let kv = open_engine(&folder, engine, options)?;
        let state = match Reader(&*kv.view())
            .state()
            .map_err(|error| folder.corrupt(error.0))?
        {
            Some(state) => state,
            None if folder.is_complete() => return Err(folder.corrupt("its records are missing")),
            None => make_state(&*kv, &folder)?,
        };
        let watermark = folder.watermark(state.instant)?;
        let secret = folder.secret()?;
        folder.sync_names()?;
        if !folder.is_complete() {
            folder.complete()?;
        }
        let index = marks.map_or_else(
            || Ok(IndexState::default()),
            |marks| plan_index(&*kv, marks, state.position),
        );
        let index = index.map_err(|error| folder.corrupt(error.0))?;
        let shared = Arc::new(Shared::new(kv, state, index));
        let writer =
            Writer::start(shared.clone(), watermark).map_err(|error| folder.unwritable(&error))?;
        Ok(EmbeddedStore {
            writer,
            shared,
            secret,
            is_reindexing: AtomicBool::new(false),
            _folder: folder,
        })
    }

    /// True if index entries are still to be made anew.
    pub fn is_reindex_due(&self) -> bool {
        self.shared.index().rest.is_some()
    }

    /// The first error of the store, if there was one: from then on every answer is that error, and
    /// the process should end.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.failure().cloned()
    }

    /// Walks through everything that is stored, while nothing is written: checksums, numbers of
    /// versions without gaps, the logs and the index as the versions say. What is wrong, a line
    /// each, without what the records say; at most a hundred.
    pub fn verify(&self) -> Vec<String> {
        verify::findings(Reader(&*self.shared.kv.view()), self.shared.state())
    }

    /// Refuses a query by entries that are still to be made.
    fn has_entries_for(&self, query: &SearchQuery) -> Result<(), SearchError> {
        match reindex::waits_for(query, &self.shared.index().pending) {
            Some(parameter) => Err(SearchError::BeingMade(parameter)),
            None => Ok(()),
        }
    }

    /// [`Store::reindex`], while nobody else does so.
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
                    self.writer.mend(Step::given_up())?;
                    self.shared.index().rest = None;
                    return Ok(None);
                }
                Wish::GiveUp | Wish::Pause => return Ok(None),
            }
        }
    }

    /// Reads in one view, for the state after the last acknowledged commit.
    fn read_state<R>(
        &self,
        read: impl FnOnce(Reader<'_>, Position) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if let Some(failure) = self.shared.failure() {
            return Err(failure.clone());
        }
        // The position first: the view is then of this state or a later one, and what is later is
        // left out by position.
        let position = self.shared.state().position;
        let view = self.shared.kv.view();
        read(Reader(&*view), position).map_err(|error| self.shared.fail(error))
    }
}

fn open_engine(
    folder: &Folder,
    engine: Engine,
    options: StoreOptions,
) -> Result<Box<dyn Kv>, OpenError> {
    let path = folder.engine_path();
    let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Box<dyn Kv>, String> {
        match engine {
            Engine::Fjall => FjallKv::open(&path, options.cache_bytes)
                .map(|kv| Box::new(kv) as Box<dyn Kv>)
                .map_err(|error| format!("{error:?}")),
            #[cfg(feature = "sled")]
            Engine::Sled => SledKv::open(&path, options.cache_bytes)
                .map(|kv| Box::new(kv) as Box<dyn Kv>)
                .map_err(|error| error.to_string()),
        }
    }));
    // Engines panic on some damaged files.
    opened
        .unwrap_or_else(|_| Err(format!("{engine} panicked")))
        .map_err(|error| folder.corrupt(format!("{engine} cannot open its files: {error}")))
}

/// What is to be done about the index, noted before anything is written by these definitions.
fn plan_index(kv: &dyn Kv, marks: &Marks, last: Position) -> Result<IndexState, StoreError> {
    let (index, step) = reindex::plan(&*kv.view(), marks, ReindexFrom::Rest, last)?;
    if !step.is_empty() {
        let batch = step.changes(&*kv.view())?;
        kv.apply(batch)?;
    }
    Ok(index)
}

/// The first record of a new store.
fn make_state(kv: &dyn Kv, folder: &Folder) -> Result<State, OpenError> {
    let mut batch = Batch::default();
    batch.put(
        Table::Meta,
        STATE.to_vec(),
        seal(Table::Meta, STATE, State::default().encode()),
    );
    kv.apply(batch)
        .map_err(|error| OpenError::NotWritable(folder.path().to_owned(), error.0))?;
    Ok(State::default())
}

/// Lowers a flag when it goes, also when a panic passes by.
struct Lowered<'a>(&'a AtomicBool);

impl Drop for Lowered<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A search that leads too far is no failure of the store.
fn sound<R>(result: Result<R, SearchError>) -> Result<Result<R, SearchError>, StoreError> {
    match result {
        Err(SearchError::Store(error)) => Err(error),
        other => Ok(other),
    }
}

impl Store for EmbeddedStore {
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError> {
        self.read_state(|reader, position| reader.read(key, position))
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
            sound(reader.search(query, position.unwrap_or(last).min(last)))
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
                    .map(|query| reader.search(query, last))
                    .collect(),
            )
        })?
    }

    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError> {
        self.has_entries_for(query)?;
        self.read_state(|reader, position| sound(reader.matching_keys(query, position)))?
    }

    fn search_keys_many(
        &self,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError> {
        queries
            .iter()
            .try_for_each(|query| self.has_entries_for(query))?;
        self.read_state(|reader, position| {
            sound(
                queries
                    .iter()
                    .map(|query| reader.matching_keys(query, position))
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

    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.read_state(|reader, last| reader.changes(position, last).take(limit).collect())
    }

    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.read_state(|reader, _| reader.timers_due(day, limit))
    }

    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError> {
        self.read_state(|reader, _| reader.timer(owner))
    }

    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError> {
        self.read_state(|reader, last| reader.stream(subscription, last))
    }

    fn resends(&self, subscription: &Id) -> Result<Vec<(u64, u64)>, StoreError> {
        self.read_state(|reader, _| reader.resends(subscription))
    }

    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError> {
        self.read_state(|reader, last| reader.oldest_event(subscription, last))
    }

    fn events(
        &self,
        subscription: &Id,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.read_state(|reader, last| reader.events(subscription, after, limit, last))
    }

    fn streams(&self) -> Result<Vec<Id>, StoreError> {
        self.read_state(|reader, _| reader.streams())
    }

    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError> {
        self.read_state(|_, _| Ok(()))
            .map(|()| self.shared.state())
            .map(|state| (state.position, state.instant))
    }

    fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::encoding::{
        current_key, cursor_key, due_key, event_key, guard_key, index_keys, log_key, resends_key,
        stream_key, timer_key, type_log_key, version_key,
    };
    use super::super::record::{CursorRecord, EventRecord, ResendsRecord};
    use super::super::{Content, Method, NewEvent, StreamChange, TimerChange, Write};
    use super::*;
    use crate::fhir::Resource;
    use crate::search::IndexEntry;

    fn entry(code: &str) -> IndexEntry {
        IndexEntry::new(
            "code",
            IndexValue::Token {
                system: String::new(),
                code: code.to_owned(),
            },
        )
    }

    /// A store with one Task of two versions, a timer and a guard.
    fn store(path: &Path, key: &ResourceKey) -> EmbeddedStore {
        let store = EmbeddedStore::open(
            path,
            Engine::Fjall,
            StoreOptions {
                cache_bytes: 1 << 20,
            },
        )
        .unwrap();
        for previous in [None, Some(Version(1))] {
            let body = Resource::parse(br#"{"resourceType":"Task"}"#)
                .unwrap()
                .stamped(&key.id, Version::after(previous));
            let content = Some(Content {
                body,
                entries: vec![entry("2512489996")],
            });
            let writes = vec![Write {
                key: key.clone(),
                previous,
                method: Method::Put,
                content,
            }];
            let timers = vec![TimerChange {
                owner: key.clone(),
                day: Some(Date::constant(2027, 3, 1)),
            }];
            let touches = vec![Guard("g".to_owned())];
            let events = vec![NewEvent {
                subscription: key.id.clone(),
                focus: key.clone(),
            }];
            let streams = vec![StreamChange::Cursor {
                subscription: key.id.clone(),
                life: 0,
                delivered: 1,
                sent: 1,
            }];
            store
                .commit(ChangeSet {
                    writes,
                    touches,
                    timers,
                    events,
                    streams,
                    ..ChangeSet::at(Timestamp::UNIX_EPOCH)
                })
                .unwrap();
        }
        store
    }

    #[test]
    fn verify_finds_each_kind_of_damage_and_names_no_person() {
        let (key, day) = (
            ResourceKey::parse("Task/7").unwrap(),
            Date::constant(2027, 3, 1),
        );
        let one = || -> Vec<(Table, Vec<u8>)> {
            vec![
                (Table::Meta, STATE.to_vec()),
                (Table::Current, current_key(&key)),
                (Table::Versions, version_key(&key, Version(1))),
                (Table::Versions, version_key(&key, Version(2))),
                (
                    Table::Index,
                    index_keys(&key, &entry("2512489996")).remove(0),
                ),
                (Table::Log, log_key(Position(1))),
                (
                    Table::TypeLog,
                    type_log_key(ResourceType::Task, Position(2)),
                ),
                (Table::Timers, timer_key(&key)),
                (Table::Timers, due_key(day, &key)),
                (Table::Events, stream_key(&key.id)),
                (Table::Events, event_key(&key.id, 1)),
                (Table::Events, event_key(&key.id, 2)),
            ]
        };
        let unit =
            |table: Table, key: Vec<u8>| (table, key.clone(), Some(seal(table, &key, ().encode())));
        let other = ResourceKey::parse("Task/8").unwrap();
        let mut damages: Vec<(Table, Vec<u8>, Option<Vec<u8>>)> = one()
            .into_iter()
            .map(|(table, key)| (table, key, None))
            .collect();
        damages.extend(
            one()
                .into_iter()
                .map(|(table, key)| (table, key, Some(b"no record of ours".to_vec()))),
        );
        damages.push(unit(Table::Index, index_keys(&key, &entry("1")).remove(0)));
        damages.push(unit(
            Table::Index,
            index_keys(&other, &entry("2512489996")).remove(0),
        ));
        damages.push(unit(Table::Timers, due_key(day.tomorrow().unwrap(), &key)));
        let late = guard_key(&Guard("g".to_owned()));
        damages.push((
            Table::Guards,
            late.clone(),
            Some(seal(Table::Guards, &late, Position(9).encode())),
        ));

        let beyond = cursor_key(&key.id);
        let cursor = CursorRecord {
            delivered: 3,
            sent: 3,
        }
        .encode();
        damages.push((
            Table::Events,
            beyond.clone(),
            Some(seal(Table::Events, &beyond, cursor)),
        ));
        let never = resends_key(&key.id);
        damages.push((
            Table::Events,
            never.clone(),
            Some(seal(
                Table::Events,
                &never,
                ResendsRecord(vec![(2, 3)]).encode(),
            )),
        ));
        let foreign = event_key(&key.id, 2);
        let event = EventRecord {
            position: Position(2),
            instant: Timestamp::UNIX_EPOCH,
            focus: other,
            version: Version(1),
        };
        damages.push((
            Table::Events,
            foreign.clone(),
            Some(seal(Table::Events, &foreign, event.encode())),
        ));

        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &key);
        let set = |table: Table, key: &[u8], value: Option<Vec<u8>>| {
            let mut batch = Batch::default();
            match value {
                Some(value) => batch.put(table, key.to_vec(), value),
                None => batch.delete(table, key.to_vec()),
            }
            store.shared.kv.apply(batch).unwrap();
        };
        for (number, (table, at, value)) in damages.into_iter().enumerate() {
            assert_eq!(store.verify(), Vec::<String>::new());
            let sound = store.shared.kv.view().get(table, &at).unwrap();
            set(table, &at, value);
            let findings = store.verify();
            assert!(
                !findings.is_empty(),
                "damage {number} in {table:?} was not found"
            );
            assert!(
                findings
                    .iter()
                    .all(|finding| !finding.contains("2512489996")),
                "{findings:?}"
            );
            set(table, &at, sound);
        }
    }

    #[test]
    fn after_a_record_that_does_not_fit_nothing_is_acknowledged() {
        let (folder, key) = (
            tempfile::tempdir().unwrap(),
            ResourceKey::parse("Task/7").unwrap(),
        );
        let store = store(folder.path(), &key);
        let mut batch = Batch::default();
        batch.put(
            Table::Versions,
            version_key(&key, Version(2)),
            b"no record of ours".to_vec(),
        );
        store.shared.kv.apply(batch).unwrap();
        let error = store.read(&key).unwrap_err();
        assert_eq!(
            error.0,
            "the checksum of the record Task/7/_history/2 in the table 'versions' does not fit"
        );
        assert_eq!(store.failure(), Some(error.clone()));
        assert_eq!(
            store.commit(ChangeSet::at(Timestamp::UNIX_EPOCH)),
            Err(CommitError::Store(error.clone()))
        );
        assert_eq!(store.last_commit(), Err(error));
    }
}
