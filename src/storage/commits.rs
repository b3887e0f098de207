//! Changing the store: atomic commits, and the log of what they changed.

use jiff::Timestamp;

use super::change_set::{ChangeSet, Guard};
use super::error::{CommitError, StoreError};
use super::version::{LogEntry, Position};

/// The position and the instant of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The position of its last write (of the store, if it had none).
    pub position: Position,
    /// The instant that its versions carry.
    pub instant: Timestamp,
}

/// The one way in which a store changes.
pub trait Commits: Send + Sync {
    /// Makes all of the changes durable and visible, or none of them, as if no other commit
    /// happened meanwhile.
    fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError>;

    /// Returns for each guard the position at which it was last touched (0: never). Ask before
    /// reading what the guard stands for.
    fn guard_positions(&self, guards: &[Guard]) -> Result<Vec<Position>, StoreError>;

    /// Returns the last change's position, and the instant of the last commit (none in an empty
    /// store).
    fn last_commit(&self) -> Result<(Position, Option<Timestamp>), StoreError>;

    /// Returns the place that was last set under the name of a bookmark; none if there is none.
    fn bookmark(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Reads the changes after that position, in order, at most `limit`: by these a process notices
    /// what another one has committed.
    fn changes_after(&self, position: Position, limit: usize) -> Result<Vec<LogEntry>, StoreError>;
}
