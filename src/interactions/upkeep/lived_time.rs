//! The time in which a store lives, noted in it: the real one, or that of a rehearsal, whose clock an
//! operator set.

use jiff::Timestamp;

use crate::storage::{Bookmark, ChangeSet, CommitError, Store, StoreError};

/// The name of the bookmark.
const NOTE: &str = "lived-time";

/// The time in which a store lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LivedTime {
    /// The real time: everything in the store happened.
    Real,
    /// The time of a rehearsal: everything in the store was made up, at an instant of somebody's choice.
    Rehearsal,
}

impl LivedTime {
    const ALL: [LivedTime; 2] = [LivedTime::Real, LivedTime::Rehearsal];

    /// Returns the word by which it is noted.
    pub fn code(self) -> &'static str {
        match self {
            LivedTime::Real => "real",
            LivedTime::Rehearsal => "rehearsal",
        }
    }

    /// Reads the note of a store; none in a new one, and in one of a program that did not note it.
    ///
    /// # Errors
    /// Of the store.
    pub fn of(store: &dyn Store) -> Result<Option<LivedTime>, StoreError> {
        let noted = store.bookmark(NOTE)?;
        Ok(LivedTime::ALL
            .into_iter()
            .find(|lived| noted.as_deref() == Some(lived.code())))
    }

    /// Notes it, unless that is noted already.
    ///
    /// # Errors
    /// Of the store.
    pub fn note(self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        if LivedTime::of(store)? == Some(self) {
            return Ok(());
        }
        let bookmark = Bookmark {
            name: NOTE.to_owned(),
            place: self.code().to_owned(),
        };
        let noted = store.commit(ChangeSet {
            bookmarks: vec![bookmark],
            ..ChangeSet::at(now)
        });
        match noted {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            // It depends on nothing.
            Err(CommitError::FactsMoved | CommitError::VersionMoved(_) | CommitError::GivenUp) => {
                Ok(())
            }
        }
    }
}
