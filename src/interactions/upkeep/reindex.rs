//! `$reindex`: what resources are found by is made anew while the server serves, because the
//! definitions are others or because somebody asks for it. How, and why no search is wrong
//! meanwhile, stands in `storage`.

use std::sync::LazyLock;

use serde_json::Value;

use crate::fhir::{Id, Issue, IssueCode, ResourceKey, ResourceType};
use crate::interactions::{Context, Failure, Server};
use crate::search::IndexEntry;
use crate::search::compartment::{found_by, index_marks};
use crate::storage::{Indexing, Marks, ReindexError, Store};

pub use crate::storage::{ReindexFrom, Reindexed, Wish};

static MARKS: LazyLock<Marks> = LazyLock::new(index_marks);

/// Returns the definitions by which this program makes index entries.
pub fn marks() -> &'static Marks {
    &MARKS
}

/// Makes the index entries of the store anew, or what is left of that; `watch` is called after each
/// small step. Answers what was done, or none if `watch` ended it.
///
/// # Errors
/// `Conflict` if it is being done already; of the store.
pub fn reindex(
    server: &Server,
    _context: &Context,
    from: ReindexFrom,
    watch: &mut dyn FnMut(&Reindexed) -> Wish,
) -> Result<Option<Reindexed>, Failure> {
    reindex_store(&*server.store, from, watch)
}

/// Does as [`reindex`], for a store that nobody serves from.
///
/// # Errors
/// As [`reindex`].
pub fn reindex_store(
    store: &dyn Store,
    from: ReindexFrom,
    watch: &mut dyn FnMut(&Reindexed) -> Wish,
) -> Result<Option<Reindexed>, Failure> {
    store
        .reindex(indexing(), from, watch)
        .map_err(Failure::from)
}

/// Returns the definitions by which this program makes index entries, with what makes them.
pub fn indexing() -> Indexing<'static> {
    Indexing {
        marks: marks(),
        entries_of: &entries_of,
    }
}

fn entries_of(resource_type: ResourceType, body: &[u8]) -> Option<Vec<IndexEntry>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let id = Id::parse(value["id"].as_str()?)?;
    Some(found_by(&ResourceKey::new(resource_type, id), &value))
}

impl From<ReindexError> for Failure {
    fn from(error: ReindexError) -> Self {
        match error {
            running @ ReindexError::Running => {
                Failure::Conflict(Issue::error(IssueCode::Conflict, "", running.to_string()))
            }
            ReindexError::Store(error) => error.into(),
        }
    }
}
