//! One search while it is made: the state that it reads, the looks that it has left, and what it
//! has done.

use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::super::codec::EntryFilter;
use super::super::kv::Direction;
use super::super::reading::ViewReader;
use super::super::record::CurrentRecord;
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, OrderedList, Row, SearchQuery, Sort, SortBy, TooMany};
use crate::storage::{Position, SearchError, StoreError};

/// A resource that matches.
#[derive(Clone)]
pub(super) struct Match {
    pub(super) key: ResourceKey,
    /// None if it was not looked at.
    pub(super) seen: Option<SeenVersion>,
}

/// The version of a resource that was looked at.
#[derive(Clone)]
pub(super) struct SeenVersion {
    pub(super) version: Version,
    pub(super) last_updated: Timestamp,
    /// The entries that the order looks at.
    pub(super) entries: Vec<IndexEntry>,
}

impl Match {
    /// Makes a match that the index alone tells.
    pub(super) fn known(key: ResourceKey) -> Self {
        Match { key, seen: None }
    }

    pub(super) fn row(&self) -> Row<'_> {
        let entries = self.seen.as_ref().map_or(&[][..], |seen| &seen.entries);
        Row {
            key: &self.key,
            last_updated: self
                .seen
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |seen| seen.last_updated),
            entries,
        }
    }
}

/// Tells whether the index has all of the lists of a kind.
pub(in crate::storage::embedded) type IsListMade<'a> = &'a dyn Fn(&OrderedList) -> bool;

/// One search of one state.
pub(super) struct SearchRun<'a> {
    pub(super) reader: ViewReader<'a>,
    pub(super) position: Position,
    /// Tells whether the index has all of the lists of a kind.
    pub(super) is_list_made: IsListMade<'a>,
    /// The number of resources that may still be looked at.
    looks_left: Cell<usize>,
    looks_max: usize,
    /// The number of index keys and resources that may still be read to find what matches.
    reads_left: Cell<usize>,
    reads_max: usize,
    /// The steps that were taken, if somebody wants to know.
    pub(super) steps: Option<RefCell<Vec<String>>>,
}

/// All resources that match a query.
pub(super) struct Matching {
    /// By key.
    pub(super) matches: Vec<Match>,
    /// The resources that changed since the state that is searched; not all of them match.
    pub(super) changed: BTreeSet<ResourceKey>,
}

impl<'a> SearchRun<'a> {
    pub(super) fn new(
        reader: ViewReader<'a>,
        query: &SearchQuery,
        position: Position,
        is_list_made: IsListMade<'a>,
    ) -> Self {
        let steps = query.is_explained.then(RefCell::default);
        SearchRun {
            reader,
            position,
            is_list_made,
            looks_left: Cell::new(query.looks_max),
            looks_max: query.looks_max,
            reads_left: Cell::new(query.reads_max),
            reads_max: query.reads_max,
            steps,
        }
    }

    /// Notes a step, if the query asks how it is answered.
    pub(super) fn tell(&self, step: impl FnOnce() -> String) {
        if let Some(steps) = &self.steps {
            steps.borrow_mut().push(step());
        }
    }

    /// Counts a look at a resource.
    ///
    /// # Errors
    /// If it is one too many.
    pub(super) fn look(&self) -> Result<(), SearchError> {
        let left = self
            .looks_left
            .get()
            .checked_sub(1)
            .ok_or(TooMany::LookedAt(self.looks_max))?;
        self.looks_left.set(left);
        Ok(())
    }

    /// Counts the reading of a key or a resource on the way to what matches.
    ///
    /// # Errors
    /// If it is one too many.
    pub(super) fn read_one(&self) -> Result<(), SearchError> {
        let left = self.reads_left.get().checked_sub(1);
        self.reads_left
            .set(left.ok_or(TooMany::Read(self.reads_max))?);
        Ok(())
    }

    /// Collects what of the type changed after the state that is searched. Whatever the index lost
    /// since is in the log, which is read after the index.
    pub(super) fn changed(
        &self,
        resource_type: ResourceType,
    ) -> Result<BTreeSet<ResourceKey>, StoreError> {
        let state = self.reader.state()?;
        if state.is_none_or(|state| state.position <= self.position) {
            // Most searches are of the latest state: one look saves a walk along the log.
            return Ok(BTreeSet::new());
        }
        let after = Position(self.position.0.saturating_add(1));
        let changes = self
            .reader
            .type_changes(resource_type, after, None, Direction::Forward);
        let changed: BTreeSet<_> = changes
            .map(|change| Ok(change?.0.key))
            .collect::<Result<_, StoreError>>()?;
        if !changed.is_empty() {
            self.tell(|| {
                format!(
                    "{resource_type}: {} changed since the first page",
                    changed.len()
                )
            });
        }
        Ok(changed)
    }

    /// Looks at the matches that were not looked at yet, for what the order asks for.
    pub(super) fn see(&self, found: &mut [Match], sort: &[Sort]) -> Result<(), SearchError> {
        for found in found.iter_mut().filter(|found| found.seen.is_none()) {
            self.look()?;
            let of_order = |parameter: &str| is_of_order(sort, parameter);
            let wanted = EntryFilter::Parameters(&of_order);
            let Some((version, current)) = self.judged_version(&found.key, wanted)? else {
                return Err(missing(&found.key).into());
            };
            found.seen = Some(SeenVersion {
                version,
                last_updated: current.last_updated,
                entries: current.entries,
            });
        }
        Ok(())
    }

    /// Reads what the resource was in the state that is searched, with the entries that are wanted.
    pub(super) fn judged_version(
        &self,
        key: &ResourceKey,
        wanted: EntryFilter<'_>,
    ) -> Result<Option<(Version, CurrentRecord)>, StoreError> {
        self.reader.judged_in_part(key, self.position, wanted)
    }

    pub(super) fn known_version_of(&self, key: &ResourceKey) -> Result<Version, StoreError> {
        self.reader
            .version_number(key, self.position)?
            .ok_or_else(|| missing(key))
    }
}

pub(super) fn missing(key: &ResourceKey) -> StoreError {
    StoreError::unusable(format!("{key} is in the index, and missing"))
}

pub(super) fn is_of_order(sort: &[Sort], parameter: &str) -> bool {
    sort.iter()
        .any(|sort| matches!(&sort.by, SortBy::Parameter(by) if by == parameter))
}
