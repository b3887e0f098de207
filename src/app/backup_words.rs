//! The words in which a backup is told of, by a command and by a server.

use std::path::Path;

use jiff::Timestamp;

use crate::fhir::counted;
use crate::storage::{BackedUp, Position};

/// Tells in a line what a backup holds.
pub(super) fn told(done: &BackedUp, to: &Path) -> String {
    let what = match done.since {
        Position(0) => "everything".to_owned(),
        Position(since) => format!("what came after commit {since}"),
    };
    format!(
        "{} holds {} now: copied {what}, {} in {:.1} MB.",
        to.display(),
        commit(done.position, done.instant),
        counted(done.records, "record"),
        done.bytes as f64 / 1e6
    )
}

/// Names a commit.
pub(super) fn commit(position: Position, instant: Option<Timestamp>) -> String {
    match instant {
        Some(instant) => format!("everything up to commit {} of {instant}", position.0),
        None => "an empty store".to_owned(),
    }
}
