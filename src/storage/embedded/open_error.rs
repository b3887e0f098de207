//! Reasons why a data folder cannot be used, and the layouts that can be read.

use std::fmt;
use std::path::PathBuf;

/// The layout of what is written: of the files of the folder (`folder`), of the tables of the
/// engine, their keys (`keys`) and their records (`record`).
///
/// - It goes up with every change that an older program would misread, or by whose absence it would
///   break a promise: another key or record, a table that must be kept in step with the others.
///   Index entries are no reason: the store knows by what they are made (`reindex`).
/// - A program refuses every layout that it does not know, before it opens the engine or writes
///   anything; so an older program cannot harm what a newer one has written.
/// - A program that knows how to read an older layout writes the new number first, synced, and then
///   whatever it changes: if that is cut short, only a program that knows of it goes on.
///
/// 2 has the table of events; 1 is 2 without any. 3 has the events that are to be sent again; 2 is
/// 3 without any.
pub(super) const LAYOUT: u64 = 3;
/// The oldest layout that this program can read.
pub(super) const LAYOUT_OLDEST: u64 = 1;

/// A reason why a data folder cannot be used. Its text is one line, for the person at the console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// Another process uses it.
    Locked(PathBuf),
    /// It cannot be made or written; with the system's reason.
    NotWritable(PathBuf, String),
    /// It holds something else than a store.
    NotAStore(PathBuf),
    /// It was made by another engine: that one, and the one asked for.
    OtherEngine(PathBuf, String, String),
    /// It has a layout that this program does not know.
    UnknownLayout(PathBuf, u64),
    /// It is damaged, or something in it is missing.
    Corrupt(PathBuf, String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked(folder) => {
                write!(
                    f,
                    "the data folder {} is in use by another process: stop that one, or choose another folder",
                    folder.display()
                )
            }
            OpenError::NotWritable(folder, reason) => {
                write!(
                    f,
                    "the data folder {} cannot be written ({reason}): mend its permissions, or choose another folder",
                    folder.display()
                )
            }
            OpenError::NotAStore(folder) => {
                write!(
                    f,
                    "the folder {} is not empty and holds no store: choose an empty folder, or one of a store",
                    folder.display()
                )
            }
            OpenError::OtherEngine(folder, found, asked) => {
                let folder = folder.display();
                write!(
                    f,
                    "the data folder {folder} was made by the engine '{found}', not '{asked}': start with that engine, or choose another folder"
                )
            }
            OpenError::UnknownLayout(folder, found) => {
                let folder = folder.display();
                let age = if *found > LAYOUT {
                    "a newer"
                } else {
                    "an older"
                };
                write!(
                    f,
                    "the data folder {folder} was made by {age} program (layout {found}, this one knows {LAYOUT}): start that program, or choose another folder"
                )
            }
            OpenError::Corrupt(folder, what) => {
                write!(
                    f,
                    "the data folder {} is damaged ({what}): restore it from a backup",
                    folder.display()
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}
