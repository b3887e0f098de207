//! Keeping a store sound: whether it can be used, whether what it holds agrees, and index entries
//! made anew when the definitions of search parameters change.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::backup::{BackedUp, BackupError};
use super::error::StoreError;
use crate::fhir::ResourceType;
use crate::search::IndexEntry;

/// The number of bytes of a store's secret.
pub const SECRET_BYTES: usize = 64;

/// Marks of the definitions by which entries are made, one for each parameter of each type, such as
/// `Task?owner`.
pub type Marks = BTreeMap<String, String>;

/// A function that makes the index entries of the bytes of a resource; none if the bytes are no
/// resource.
pub type EntriesOf<'e> = dyn Fn(ResourceType, &[u8]) -> Option<Vec<IndexEntry>> + 'e;

/// The definitions by which the index entries of a store are made.
#[derive(Clone, Copy)]
pub struct Indexing<'e> {
    /// Their marks.
    pub marks: &'e Marks,
    /// Makes the entries.
    pub entries_of: &'e EntriesOf<'e>,
}

/// The place where reindexing begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReindexFrom {
    /// With what is still to be done, because the definitions are others or because it was cut
    /// short.
    Rest,
    /// With everything, whatever the definitions: what is damaged is mended.
    Beginning,
}

/// The work done since reindexing began or went on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reindexed {
    /// Versions whose entries were made and compared.
    pub versions: u64,
    /// The versions among them that had others, or could not be found by them.
    pub mended: u64,
    /// Entries of the index that were held against those of their resource.
    pub keys: u64,
    /// The entries among them that no current version has.
    pub foreign: u64,
}

/// An answer to progress: whether to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Go on.
    GoOn,
    /// End here, and go on at the next start.
    Pause,
    /// End here, and do not go on; what is made by other definitions is made all the same.
    GiveUp,
}

/// A reason why the entries are not made anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReindexError {
    /// The entries are being made anew already.
    Running,
    /// The store cannot be used.
    Store(StoreError),
}

impl fmt::Display for ReindexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReindexError::Running => write!(f, "the search index is being made anew already"),
            ReindexError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReindexError {}

impl From<StoreError> for ReindexError {
    fn from(error: StoreError) -> Self {
        ReindexError::Store(error)
    }
}

/// A place in the walk over all records by [`Upkeep::scrub`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScrubPlace {
    /// The number of the table, counted from 0.
    pub(in crate::storage) table: usize,
    /// The last key that was read.
    pub(in crate::storage) after: Vec<u8>,
}

/// The outcome of a check of everything that is stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    /// The findings, a line each, without what the records say.
    pub findings: Vec<String>,
    /// The number of further findings.
    pub unnamed: u64,
    /// The number of records that were looked at.
    pub records: u64,
    /// True if the stored index entries were all made by the definitions of the check.
    pub is_index_current: bool,
}

/// The state of the store itself.
pub trait Upkeep: Send + Sync {
    /// Checks that the store can read and commit at this moment.
    ///
    /// # Errors
    /// Why it cannot.
    fn check_ready(&self) -> Result<(), StoreError>;

    /// Returns the error after which every answer is that error, if there was one: the process
    /// should end. An error that may pass is no failure.
    fn failure(&self) -> Option<StoreError>;

    /// Calls `tell` once when the store fails, at once if it has failed already. It may be called
    /// from any thread, and must not block.
    fn on_failure(&self, tell: Box<dyn FnOnce() + Send>);

    /// Tells whether entries are still to be made by the definitions in use.
    fn is_reindex_due(&self) -> bool;

    /// Makes the index entries of all versions by these definitions, while others read, write and
    /// search. At every moment a search finds exactly what it should, or is refused with
    /// [`SearchError::BeingMade`](super::SearchError), and no commit waits long; wrong entries are
    /// mended. The work survives the end of the process: what is not done when it ends is due at the
    /// next start. `watch` is told from time to time what was done, and may end it. Returns what was
    /// done in all, or none if `watch` ended it.
    ///
    /// # Errors
    /// If it is being done already, or the store cannot be used.
    fn reindex(
        &self,
        indexing: Indexing<'_>,
        from: ReindexFrom,
        watch: &mut dyn FnMut(&Reindexed) -> Wish,
    ) -> Result<Option<Reindexed>, ReindexError>;

    /// Checks everything that is stored, while nothing is written: whether it can be read, and
    /// whether versions, logs, index, timers and events agree. Returns what is wrong, a line each,
    /// without what the records say; at most a hundred.
    fn verify(&self) -> Vec<String>;

    /// Checks as [`Upkeep::verify`] does, and also that each body gives the index entries that it has,
    /// if those that are stored were made by these definitions. `watch` is told from time to time how
    /// many records were looked at, of about how many.
    fn check(&self, indexing: Indexing<'_>, watch: &mut dyn FnMut(u64, u64)) -> Verified;

    /// Returns what is damaged by itself, as far as it was met since the start, a line each: what needs
    /// it is refused, and the rest goes on.
    fn damage(&self) -> Vec<String>;

    /// Returns the number of commits that wait to be made.
    fn waiting_commits(&self) -> usize;

    /// Reads some records beginning with that place, so that damage is met before somebody needs them;
    /// returns where to go on, none at the end, and how many were read.
    ///
    /// # Errors
    /// If the store cannot be used.
    fn scrub(&self, from: Option<ScrubPlace>) -> Result<(Option<ScrubPlace>, u64), StoreError>;

    /// Puts everything in order on the disk, and gives back the room of what is gone; `watch` is told
    /// how many of how many tables are done.
    ///
    /// # Errors
    /// If the store cannot be used.
    fn compact(&self, watch: &mut dyn FnMut(usize, usize)) -> Result<(), StoreError>;

    /// Copies to a folder what was committed since the last copy there, or everything, while others
    /// read and write.
    ///
    /// # Errors
    /// Why there is no copy; the copies before are as they were.
    fn back_up(&self, to: &Path, watch: &mut dyn FnMut(u64, u64)) -> Result<BackedUp, BackupError>;

    /// Returns random bytes, made with the store and the same for ever, that nobody outside knows:
    /// with them the server recognizes what it once gave out.
    fn secret(&self) -> &[u8; SECRET_BYTES];
}
