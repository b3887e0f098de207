//! Reading and finding resources, as they are now and as they were.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::error::{SearchError, StoreError};
use super::version::{Position, StoredVersion};
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::search::{IndexValue, SearchQuery};

/// A choice of past versions to list, newest first.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryQuery {
    /// The resources whose versions are listed.
    pub scope: HistoryScope,
    /// Only versions at or after this instant.
    pub since: Option<Timestamp>,
    /// Only versions that were current at some time in this span: first instant, and the first one
    /// after it.
    pub at: Option<(Timestamp, Timestamp)>,
    /// Only changes before this position: where the page before ended.
    pub before: Option<Position>,
    /// The most versions on the page; it ends earlier if its content is large.
    pub count: usize,
}

/// The resources of which a history is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HistoryScope {
    /// One resource.
    Instance(ResourceKey),
    /// One type.
    Type(ResourceType),
    /// Everything.
    System,
}

/// One page of a history.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryPage {
    /// The versions, newest first.
    pub versions: Vec<StoredVersion>,
    /// `before` of the next page; none if this was the last one.
    pub next: Option<Position>,
}

/// One page of the answer to a query.
#[derive(Clone, PartialEq, Debug)]
pub struct SearchPage {
    /// The state that was searched.
    pub position: Position,
    /// The number of resources that match in all.
    pub total: usize,
    /// The matches from `offset`, as they were in that state: at most `count`, and fewer if they
    /// would be larger than `bytes_max`.
    pub matches: Vec<StoredVersion>,
    /// The steps that were taken, in order, if the query asks how it is answered.
    pub steps: Vec<String>,
}

/// The resources of a store, and how they are found.
pub trait Resources: Send + Sync {
    /// Reads the last version of a resource, a deletion included; none if there never was one.
    fn read(&self, key: &ResourceKey) -> Result<Option<StoredVersion>, StoreError>;

    /// Reads as [`Resources::read`] does, but only from memory: without waiting for a disk. None
    /// says nothing of the resource.
    fn read_from_memory(&self, _key: &ResourceKey) -> Option<StoredVersion> {
        None
    }

    /// Reads the version of a resource that was the last one in the state after the change at
    /// `position`, a deletion included; none if there was none yet.
    fn read_at(
        &self,
        key: &ResourceKey,
        position: Position,
    ) -> Result<Option<StoredVersion>, StoreError>;

    /// Reads the last versions of some resources, in the order of their keys, all of one state:
    /// what one commit wrote is seen whole or not at all.
    fn read_many(&self, keys: &[ResourceKey]) -> Result<Vec<Option<StoredVersion>>, StoreError>;

    /// Reads that version of a resource, if there is one. Versions are kept for ever.
    fn read_version(
        &self,
        key: &ResourceKey,
        version: Version,
    ) -> Result<Option<StoredVersion>, StoreError>;

    /// Reads one page of past versions. Pages joined by `next` neither skip nor repeat, whatever is
    /// written meanwhile.
    fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError>;

    /// Finds what a query matches: exactly what [`crate::search::matches`] accepts of all resources
    /// that exist, in the state after the change at `position` (the latest state if none is given),
    /// in the order of [`crate::search::sort_rows`]. Pages of one position join without a gap
    /// or a repeat, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`SearchError::BeingMade`] while entries on which the answer depends are not all made by the
    /// definitions in use.
    fn search(
        &self,
        query: &SearchQuery,
        position: Option<Position>,
    ) -> Result<SearchPage, SearchError>;

    /// Finds what each of some queries matches in the latest state, in the order of the queries.
    /// One state answers all of them, as [`Resources::search`] would one.
    ///
    /// # Errors
    /// Those of the first query that has no answer.
    fn search_many(&self, queries: &[SearchQuery]) -> Result<Vec<SearchPage>, SearchError>;

    /// Finds the keys of all that a query matches (its `offset`, `count` and `sort` ignored) in the
    /// latest state, sorted: exactly what [`Precondition::Matches`](super::Precondition) compares.
    /// No content is read: they may be many.
    fn search_keys(&self, query: &SearchQuery) -> Result<Vec<ResourceKey>, SearchError>;

    /// Finds the keys that [`Resources::search_keys`] answers for each of some queries, in their
    /// order, all of one state.
    ///
    /// # Errors
    /// Those of the first query that has no answer.
    fn search_keys_many(
        &self,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError>;

    /// Finds as [`Resources::search_keys_many`] does, but no more than `most` keys for each query: all
    /// of them if they are fewer. Which of more it finds is not said.
    ///
    /// # Errors
    /// Those of the first query that has no answer.
    fn search_few_keys(
        &self,
        queries: &[SearchQuery],
        most: usize,
    ) -> Result<Vec<Vec<ResourceKey>>, SearchError>;

    /// Collects the values that index entries of that parameter have in the latest state, of all
    /// resources of the type that exist: each once. None if they are more than `most`. The work is
    /// in proportion to them. Refused as a search is.
    fn values(
        &self,
        resource_type: ResourceType,
        parameter: &str,
        most: usize,
    ) -> Result<Option<BTreeSet<IndexValue>>, SearchError>;
}
