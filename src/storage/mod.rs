//! Durable state: resources, their history, the index, the log of changes, guards and timers.
//!
//! The store never parses FHIR and decides nothing: it keeps bytes and ready index entries, and
//! tests the preconditions of a [`ChangeSet`] in the same atomic step in which it commits it.
//!
//! This file is what every store promises. [`EmbeddedStore`] keeps it over a small seam of ordered
//! tables (`kv`), behind which an engine stands (`fjall`, `sled`). From the outside in: `embedded`
//! opens, `folder` guards the data folder, `writing` groups the commits, `staging` says what one
//! commit means (`streams` what it means for the events of subscriptions), `reading`, `finding` and
//! `values` read (a search asks the index in `probing`, puts together in `candidates` what it says,
//! and orders in `in_order`), `verify` checks it all, `reindex` makes the index anew; `encoding`
//! has the keys, `record` the values.

mod candidates;
mod embedded;
mod encoding;
mod finding;
mod fjall;
mod folder;
mod in_order;
mod kv;
mod probing;
mod reading;
mod record;
mod reindex;
#[cfg(feature = "sled")]
mod sled;
mod staging;
mod streams;
mod values;
mod verify;
mod writing;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

pub use embedded::{EmbeddedStore, Engine, StoreOptions, UnknownEngine};
pub use folder::OpenError;
pub use reindex::{EntriesOf, Indexing, Marks, ReindexError, ReindexFrom, Reindexed, Wish};

use crate::fhir::{Body, Id, ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, IndexValue, SearchQuery, TooMany};

/// The place of a change in the log of all changes: 1 for the first, up by one for each. 0 is
/// "before everything". A commit that moves guards and writes nothing takes a position too, at
/// which the log has no change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub u64);

/// A name on which a commit can depend: "nothing that touches this was committed since I looked".
/// At most 200 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Guard(pub String);

/// How a version came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Created under an id that the server chose.
    Post,
    /// Created or updated under a known id.
    Put,
    /// Changed by a patch.
    Patch,
    /// Deleted: the version has no body.
    Delete,
}

/// A version of a resource as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredVersion {
    /// The resource.
    pub key: ResourceKey,
    /// The number of the version.
    pub version: Version,
    /// Where its change stands in the log.
    pub position: Position,
    /// The instant of the commit; never earlier than that of a change before it.
    pub last_updated: Timestamp,
    /// How it came to be.
    pub method: Method,
    /// The bytes that were accepted; none for a deletion.
    pub body: Option<Vec<u8>>,
}

/// All that one commit changes, and what must still be so for it to happen.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// The time of the request. The commit's instant is this, in whole microseconds, or one
    /// microsecond after the last commit's if that is later.
    pub now: Timestamp,
    /// The versions to write, in order; at most one for each resource.
    pub writes: Vec<Write>,
    /// What must hold when the commit is made; besides, each write's `previous` must be the
    /// resource's last version.
    pub preconditions: Vec<Precondition>,
    /// The guards that this commit moves.
    pub touches: Vec<Guard>,
    /// Timers to set or to remove.
    pub timers: Vec<TimerChange>,
    /// The events that the writes are, for each subscription that must be told.
    pub events: Vec<NewEvent>,
    /// What happens to the events of subscriptions besides.
    pub streams: Vec<StreamChange>,
}

impl ChangeSet {
    /// Nothing, at that time: what a commit does not say by itself.
    pub fn at(now: Timestamp) -> Self {
        ChangeSet {
            now,
            writes: Vec::new(),
            preconditions: Vec::new(),
            touches: Vec::new(),
            timers: Vec::new(),
            events: Vec::new(),
            streams: Vec::new(),
        }
    }
}

/// One version to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The resource.
    pub key: ResourceKey,
    /// The last version that exists, a deletion included; none if there never was one. The new
    /// version is the next number.
    pub previous: Option<Version>,
    /// How it comes to be.
    pub method: Method,
    /// What to store and find it by; none deletes.
    pub content: Option<Content>,
}

/// The bytes of a version and what it is found by.
#[derive(Clone, Debug)]
pub struct Content {
    /// The bytes, with a place for the instant.
    pub body: Body,
    /// The index entries.
    pub entries: Vec<IndexEntry>,
}

/// A condition of a commit.
#[derive(Clone, Debug)]
pub enum Precondition {
    /// The guard was not touched since that position.
    Unmoved(Guard, Position),
    /// The query (its `offset`, `count` and `sort` ignored) matches exactly these resources; sorted
    /// by key. Tested before the writes of the same commit.
    Matches(SearchQuery, Vec<ResourceKey>),
}

/// A timer: one for each owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimerChange {
    /// Whose timer.
    pub owner: ResourceKey,
    /// The day on which it is due; none removes it.
    pub day: Option<Date>,
}

/// A timer that is due.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timer {
    /// The day on which it is due.
    pub day: Date,
    /// Whose timer.
    pub owner: ResourceKey,
}

/// An event: that a subscription must be told of a version which the same commit writes. The store
/// numbers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The id of the Subscription.
    pub subscription: Id,
    /// What was written.
    pub focus: ResourceKey,
}

/// A change of a subscription's events, other than that there is one more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamChange {
    /// A Subscription with that id came to exist: its events count from 1, and those of an earlier
    /// one with the same id are no longer known.
    Begin(Id),
    /// How far the events of a subscription were delivered. Without effect if another life began
    /// meanwhile.
    Cursor {
        /// The id of the Subscription.
        subscription: Id,
        /// Which of the Subscriptions that had this id: [`Stream::life`].
        life: u64,
        /// The number of the last event that the subscriber has acknowledged.
        delivered: u64,
        /// The number of the last event that was put into a message, delivered or not.
        sent: u64,
    },
    /// Which events are to be sent again: these, and of those before no more. Without effect if
    /// another life began meanwhile.
    Resends {
        /// The id of the Subscription.
        subscription: Id,
        /// Which of the Subscriptions that had this id: [`Stream::life`].
        life: u64,
        /// The first and the last event of each range, in the order in which they are to be sent.
        ranges: Vec<(u64, u64)>,
    },
    /// The oldest events are forgotten.
    Forget {
        /// The id of the Subscription.
        subscription: Id,
        /// Those committed before this instant …
        before: Timestamp,
        /// … and at most so many …
        limit: usize,
        /// … of these.
        which: Forgettable,
    },
}

/// Which events may be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgettable {
    /// All.
    All,
    /// Those that the subscriber has acknowledged, and those of a life before.
    Delivered,
}

/// The events of one subscription, in figures. Events count from 1; 0 is "none yet".
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stream {
    /// Tells apart the Subscriptions that had the same id one after the other; with an event's
    /// number it names the event for ever.
    pub life: u64,
    /// The number of the last event.
    pub last: u64,
    /// The number of the last event that was forgotten because it was too old.
    pub forgotten: u64,
    /// The number of the last event that the subscriber has acknowledged.
    pub delivered: u64,
    /// The number of the last event that was put into a message, delivered or not; never less than
    /// `delivered`.
    pub sent: u64,
}

/// An event as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its number among those of the subscription: they count up by one from 1, in the order of
    /// the commits.
    pub number: u64,
    /// The instant of the commit.
    pub instant: Timestamp,
    /// What was written.
    pub focus: ResourceKey,
    /// The version that was written.
    pub version: Version,
}

/// What a commit was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The position of its last write (of the store, if it had none).
    pub position: Position,
    /// The instant that its versions carry.
    pub instant: Timestamp,
}

/// Why nothing was committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommitError {
    /// The last version of this resource is not the `previous` one.
    VersionMoved(ResourceKey),
    /// A guard was touched, or a query matches something else: gather again.
    FactsMoved,
    /// The store cannot be used.
    Store(StoreError),
}

/// The store cannot answer: an I/O error, or a record whose checksum does not fit. Nothing is
/// acknowledged after the first one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store cannot be used: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        CommitError::Store(error)
    }
}

/// How many bytes a store's secret has.
pub const SECRET_BYTES: usize = 64;

/// Why a search has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchError {
    /// It follows or looks at more resources than a search may; nothing is wrong with the store.
    TooMany(TooMany),
    /// It depends on this parameter, as `Task?owner`, whose entries are not all made yet by the
    /// definitions in use: ask again.
    BeingMade(String),
    /// The store cannot be used.
    Store(StoreError),
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SearchError::TooMany(too_many) => too_many.fmt(f),
            SearchError::BeingMade(parameter) => {
                write!(f, "the entries of {parameter} are being made anew")
            }
            SearchError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SearchError {}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        SearchError::Store(error)
    }
}

impl From<TooMany> for SearchError {
    fn from(too_many: TooMany) -> Self {
        SearchError::TooMany(too_many)
    }
}

/// Which versions of the past to list: newest first.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryQuery {
    /// Of what.
    pub scope: HistoryScope,
    /// Only versions at or after this instant.
    pub since: Option<Timestamp>,
    /// Only versions that were current at some time in this span: first instant, and the first one
    /// after it.
    pub at: Option<(Timestamp, Timestamp)>,
    /// Only changes before this position: where the page before ended.
    pub before: Option<Position>,
    /// How many at most; a page ends earlier if its content is large.
    pub count: usize,
}

/// Of what a history is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryScope {
    /// One resource.
    Instance(ResourceKey),
    /// One type.
    Type(ResourceType),
    /// Everything.
    System,
}

/// One page of a history.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryPage {
    /// The versions, newest first.
    pub versions: Vec<StoredVersion>,
    /// `before` of the next page; none if this was the last one.
    pub next: Option<Position>,
}

/// One page of the answer to a query.
#[derive(Clone, PartialEq, Debug)]
pub struct SearchPage {
    /// The state that was searched.
    pub position: Position,
    /// How many resources match in all.
    pub total: usize,
    /// The matches from `offset`, as they were in that state: at most `count`, and fewer if they
    /// would be larger than `bytes_max`.
    pub matches: Vec<StoredVersion>,
    /// What was done, in order, if the query asks how it is answered.
    pub steps: Vec<String>,
}

/// One entry of the log of changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its place.
    pub position: Position,
    /// The resource.
    pub key: ResourceKey,
    /// The version that the change made.
    pub version: Version,
}

/// A store of resources. All functions may block on the disk; all may be called from many threads
/// at once.
///
/// A resource is a linearizable register: a read that begins after a commit was acknowledged sees
/// it, and a search does too. What is acknowledged is on the disk.
pub trait Store: Send + Sync {
    /// The last version of a resource, a deletion included; none if there never was one.
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError>;

    /// The last versions of some resources, in the order of their keys, all of one state: what one
    /// commit wrote is seen whole or not at all.
    fn read_many(&self, keys: &[ResourceKey]) -> Result<Vec<Option<StoredVersion>>, StoreError>;

    /// That version of a resource, if there is one. Versions are kept for ever.
    fn read_version(
        &self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<StoredVersion>, StoreError>;

    /// One page of past versions. Pages joined by `next` neither skip nor repeat, whatever is
    /// written meanwhile.
    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError>;

    /// What a query matches: exactly what [`crate::search::matches`] accepts of all resources that
    /// exist, in the state after the change at `position` (the latest state if none is given),
    /// in the order of [`crate::search::sort_rows`]. Pages of one position join without a gap
    /// or a repeat, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`SearchError::BeingMade`] while entries on which the answer depends are not all made by the
    /// definitions in use.
    fn search(
        &self,
        query: &SearchQuery,
        position: Option<Position>,
    ) -> Result<SearchPage, SearchError>;

    /// What each of some queries matches in the latest state, in the order of the queries. One
    /// state answers all of them, as [`Store::search`] would one.
    ///
    /// # Errors
    /// Those of the first query that has no answer.
    fn search_many(&self, queries: &[SearchQuery]) -> Result<Vec<SearchPage>, SearchError>;

    /// The keys of all that a query matches (its `offset`, `count` and `sort` ignored) in the
    /// latest state, sorted: exactly what [`Precondition::Matches`] compares. No content is
    /// read: they may be many.
    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError>;

    /// The keys that [`Store::search_keys`] answers for each of some queries, in their order, all
    /// of one state.
    ///
    /// # Errors
    /// Those of the first query that has no answer.
    fn search_keys_many(
        &self,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError>;

    /// The values that index entries of that parameter have in the latest state, of all resources
    /// of the type that exist: each once. None if they are more than `most`. The work is in
    /// proportion to them. Refused as a search is.
    fn values(
        &self,
        resource_type: ResourceType,
        parameter: &str,
        most: usize,
    ) -> Result<Option<BTreeSet<IndexValue>>, SearchError>;

    /// For each guard the position at which it was last touched (0: never). Ask before reading what
    /// the guard stands for.
    fn guard_positions(&self, guards: &[Guard]) -> Result<Vec<Position>, StoreError>;

    /// Makes all of the changes durable and visible, or none of them, as if no other commit
    /// happened meanwhile.
    fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError>;

    /// The changes after that position, in order, at most `limit`.
    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<Change>, StoreError>;

    /// The timers due on or before that day, by day and owner, at most `limit`.
    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError>;

    /// The day on which the owner's timer is due, if it has one.
    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError>;

    /// The events of a subscription in figures.
    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError>;

    /// The ranges of events of a subscription (first and last) that are to be sent again, in order.
    fn resends(&self, subscription: &Id) -> Result<Vec<(u64, u64)>, StoreError>;

    /// The instant of the oldest event that is kept under this id, also of a life before; none if
    /// there is none.
    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError>;

    /// The events of a subscription with numbers greater than `after`, in order, at most `limit`.
    fn events(&self, subscription: &Id, after: u64, limit: usize)
    -> Result<Vec<Event>, StoreError>;

    /// The ids of all Subscriptions that ever began, in order: also of those that are deleted.
    fn streams(&self) -> Result<Vec<Id>, StoreError>;

    /// The last change's position, and the instant of the last commit (none in an empty store).
    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError>;

    /// Makes the index entries of all versions anew, in small steps between the commits of others:
    /// what was found is found at every moment, and what is wrong is mended. `watch` is called
    /// after each step. Answers what was done, or none if `watch` ended it.
    ///
    /// # Errors
    /// If it is being done already, or the store cannot be used.
    fn reindex(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError>;

    /// Bytes by chance, made with the store and the same for ever, that nobody outside knows: with
    /// them the server recognizes what it once gave out.
    fn secret(&self) -> &[u8; SECRET_BYTES];
}
