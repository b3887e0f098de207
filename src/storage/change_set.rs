//! The content of one commit: what it changes, and what must still be so for it to happen.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;

use super::asker::Asker;
use super::version::{Method, Position};
use crate::fhir::{Body, Id, ResourceKey, Version};
use crate::search::{IndexEntry, SearchQuery};

/// A name on which a commit can depend: "nothing that touches this was committed since I looked".
/// At most 200 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Guard(pub String);

/// All that one commit changes, and what must still be so for it to happen.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// The time of the request. The commit's instant is this, in whole microseconds, or one
    /// microsecond after the last commit's if that is later.
    pub now: Timestamp,
    /// The versions to write, in order; at most one for each resource.
    pub writes: Vec<Write>,
    /// The conditions of the commit; besides, each write's `previous` must be the resource's last
    /// version.
    pub preconditions: Vec<Precondition>,
    /// The guards that this commit moves.
    pub touches: Vec<Guard>,
    /// Timers to set or to remove.
    pub timers: Vec<TimerChange>,
    /// The events that the writes are, for each subscription that must be told.
    pub events: Vec<NewEvent>,
    /// Other changes of the events of subscriptions.
    pub streams: Vec<StreamChange>,
    /// Bookmarks to set.
    pub bookmarks: Vec<Bookmark>,
    /// The one who waits for it; none if it is to be made in any case.
    pub asker: Option<Asker>,
}

impl ChangeSet {
    /// Makes a commit at that time that changes nothing yet.
    pub fn at(now: Timestamp) -> Self {
        ChangeSet {
            now,
            writes: Vec::new(),
            preconditions: Vec::new(),
            touches: Vec::new(),
            timers: Vec::new(),
            events: Vec::new(),
            streams: Vec::new(),
            bookmarks: Vec::new(),
            asker: None,
        }
    }

    /// Tells whether it is to be made, now that it is about to be: whoever asked for it waits for
    /// the answer from then on.
    pub fn takes_effect(&self) -> bool {
        self.asker.as_ref().is_none_or(Asker::takes_effect)
    }

    /// Counts the bytes of its bodies and of what they are found by, roughly.
    pub fn size_bytes(&self) -> usize {
        let contents = self
            .writes
            .iter()
            .filter_map(|write| write.content.as_ref());
        contents.map(StoredContent::size_bytes).sum()
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
    /// The way in which it comes to be.
    pub method: Method,
    /// The content to store; none deletes.
    pub content: Option<StoredContent>,
}

/// The bytes of a version and what it is found by.
#[derive(Clone, Debug)]
pub struct StoredContent {
    /// The bytes, with a place for the instant.
    pub body: Body,
    /// The index entries.
    pub entries: Vec<IndexEntry>,
}

impl StoredContent {
    fn size_bytes(&self) -> usize {
        let entries = self.entries.iter().map(IndexEntry::size_bytes);
        self.body.size_bytes() + entries.sum::<usize>()
    }
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

/// A change of a timer: each owner has at most one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimerChange {
    /// The resource whose timer it is.
    pub owner: ResourceKey,
    /// The day on which it is due; none removes it.
    pub day: Option<Date>,
}

/// A place that was reached in what another system has: kept under a name, the last one alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bookmark {
    /// The name, at most 200 bytes.
    pub name: String,
    /// The place, in the words of whoever set it.
    pub place: String,
}

/// An event: a subscription must be told of a version which the same commit writes. The store
/// numbers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    /// The id of the Subscription.
    pub subscription: Id,
    /// The resource that is written.
    pub focus: ResourceKey,
}

/// A change of a subscription's events, other than that there is one more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamChange {
    /// A Subscription with that id came to exist: its events count from 1, and those of an earlier
    /// one with the same id are no longer known.
    Begin(Id),
    /// The events of a subscription were delivered up to here. Without effect if another life began
    /// meanwhile.
    Cursor {
        /// The id of the Subscription.
        subscription: Id,
        /// The life that is meant: [`Stream::life`](super::Stream).
        life: u64,
        /// The number of the last event that the subscriber has acknowledged.
        delivered: u64,
        /// The number of the last event that was put into a message, delivered or not.
        sent: u64,
    },
    /// These events are to be sent again, and no others. Without effect if another life began
    /// meanwhile.
    Resends {
        /// The id of the Subscription.
        subscription: Id,
        /// The life that is meant: [`Stream::life`](super::Stream).
        life: u64,
        /// The numbers of the events, in the order in which they are to be sent.
        ranges: Vec<RangeInclusive<u64>>,
    },
    /// The oldest events are forgotten.
    Forget {
        /// The id of the Subscription.
        subscription: Id,
        /// The events committed before this instant …
        before: Timestamp,
        /// … and at most so many …
        limit: usize,
        /// … of these.
        which: Forgettable,
    },
}

/// The events that may be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forgettable {
    /// All.
    All,
    /// The events that the subscriber has acknowledged, and all of a life before.
    Delivered,
}
