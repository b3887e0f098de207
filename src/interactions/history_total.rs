//! The number of versions that the history of one resource has. Versions are numbered from 1 without
//! gaps, and their instants rise: a few of them are looked at, however many there are.

use jiff::Timestamp;

use super::Server;
use crate::fhir::Version;
use crate::storage::{HistoryQuery, StoreError, StoredVersion};

/// Counts the versions of a resource, up to its last one, that a history of it has.
pub(super) fn total(
    server: &Server,
    last: Option<&StoredVersion>,
    query: &HistoryQuery,
) -> Result<u64, StoreError> {
    let Some(StoredVersion { key, version, .. }) = last else {
        return Ok(0);
    };
    let last = version.0;
    let instant_of = |number| {
        let version = server.store.read_version(key, Version(number))?;
        Ok(version.map(|version| version.last_updated))
    };
    // The number of versions whose instants come before the one that holds.
    let before = |holds: &dyn Fn(Timestamp) -> bool| first_that(last, &instant_of, holds);
    let mut skipped = match query.since {
        Some(since) => before(&|instant| instant >= since)?,
        None => 0,
    };
    let mut counted = last;
    if let Some((from, until)) = query.at {
        counted = before(&|instant| instant >= until)?;
        // The one before the first that comes later was current then.
        let after = before(&|instant| instant > from)?;
        skipped = skipped.max(after.saturating_sub(1));
    }
    Ok(counted.saturating_sub(skipped))
}

/// Counts the versions before the first one whose instant holds; all if none does.
fn first_that(
    last: u64,
    instant_of: &dyn Fn(u64) -> Result<Option<Timestamp>, StoreError>,
    holds: &dyn Fn(Timestamp) -> bool,
) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if instant_of(middle + 1)?.is_some_and(holds) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
