//! Copies of a store in a folder of their own.

use std::fmt;

use jiff::Timestamp;

use super::error::StoreError;
use super::version::Position;

/// A copy that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// The position of the last commit that the copies hold.
    pub position: Position,
    /// The instant of that commit.
    pub instant: Option<Timestamp>,
    /// The position up to which copies were there already; 0 if there was none.
    pub since: Position,
    /// The number of records that were copied now.
    pub records: u64,
    /// The number of bytes that were written now.
    pub bytes: u64,
}

/// A reason why there is no copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackupError {
    /// The engine cannot be copied while it is written to.
    NotOnline,
    /// The folder holds copies of another store, of another program, or something else.
    Unfit(String),
    /// The folder cannot be read or written.
    Files(String),
    /// The store cannot be read, or is damaged: no copy is made of what nobody can trust.
    Store(StoreError),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::NotOnline => write!(
                f,
                "this engine cannot be copied while it runs: stop the server, and copy its folder"
            ),
            BackupError::Unfit(why) | BackupError::Files(why) => f.write_str(why),
            BackupError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        BackupError::Store(error)
    }
}
