//! Durable state: resources, their history, the index, the log of changes, guards, timers and the
//! events of subscriptions.
//!
//! These files are the contract that every store keeps, and [`embedded`] is the one that keeps it
//! in a folder of this machine. A store never parses FHIR and decides nothing: it keeps bytes and
//! ready index entries, and tests the preconditions of a [`ChangeSet`] in the same atomic step in
//! which it commits it.

mod asker;
mod backup;
mod calendar;
mod change_set;
mod commits;
pub mod embedded;
mod error;
mod event_streams;
pub mod lately;
mod resources;
mod store;
mod upkeep;
mod version;

pub use asker::Asker;
pub use backup::{BackedUp, BackupError};
pub use calendar::{Calendar, Timer};
pub use change_set::{
    Bookmark, ChangeSet, Forgettable, Guard, NewEvent, Precondition, StoredContent, StreamChange,
    TimerChange, Write,
};
pub use commits::{Commits, Committed};
pub use error::{CommitError, SearchError, StoreError};
pub use event_streams::{Event, EventStreams, Stream};
pub use resources::{HistoryPage, HistoryQuery, HistoryScope, Resources, SearchPage};
pub use store::Store;
pub use upkeep::{
    EntriesOf, Indexing, Marks, ReindexError, ReindexFrom, Reindexed, SECRET_BYTES, ScrubPlace,
    Upkeep, Verified, Wish,
};
pub use version::{LogEntry, Method, Position, StoredVersion};
