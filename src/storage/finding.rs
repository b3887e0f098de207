//! Searching: the index proposes, [`crate::search::matches`] decides where the index does not, and
//! the log corrects for what changed meanwhile.
//!
//! Engines have no snapshot in common. So a search is answered for the state after one position:
//! the index gives candidates of about now, the log gives what changed since that position, and
//! each of those is judged by its version of that state. What the index says of a resource that did
//! not change since is so in that state.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::candidates::{Candidates, Gathered};
use super::reading::Reader;
use super::record::{CurrentRecord, Wanted};
use super::{Position, SearchError, SearchPage, StoreError};
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::search::{IndexEntry, Row, SearchQuery, Sort, SortBy, TooMany, matches, settle};

/// A resource that matches.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) key: ResourceKey,
    /// None if it was not looked at.
    pub(super) seen: Option<Seen>,
}

/// What was seen of a resource.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) version: Version,
    last_updated: Timestamp,
    /// Only what the order looks at.
    pub(super) entries: Vec<IndexEntry>,
}

impl Found {
    /// One that the index alone says to match.
    pub(super) fn known(key: ResourceKey) -> Self {
        Found { key, seen: None }
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

/// One search of one state.
pub(super) struct Run<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) position: Position,
    /// How many more resources may be looked at.
    looks_left: Cell<usize>,
    looks_max: usize,
    /// What was done, if somebody wants to know.
    steps: Option<RefCell<Vec<String>>>,
}

impl<'a> Reader<'a> {
    /// One page of what matches in the state after `position`.
    pub(super) fn search(
        self,
        query: &SearchQuery,
        position: Position,
    ) -> Result<SearchPage, SearchError> {
        let run = Run::new(self, query, position);
        let mut page = SearchPage {
            position,
            total: 0,
            matches: Vec::new(),
            steps: Vec::new(),
        };
        run.fill(query, &mut page)?;
        page.steps = run.steps.map(RefCell::into_inner).unwrap_or_default();
        Ok(page)
    }

    /// The resources that match in the state after `position`, by key.
    pub(super) fn matching_keys(
        self,
        query: &SearchQuery,
        position: Position,
    ) -> Result<Vec<ResourceKey>, SearchError> {
        let run = Run::new(self, query, position);
        let query = run.settled(&SearchQuery {
            sort: Vec::new(),
            ..query.clone()
        })?;
        let found = run.find(&query, usize::MAX)?.matches;
        let mut keys: Vec<ResourceKey> = found.into_iter().map(|found| found.key).collect();
        keys.sort();
        Ok(keys)
    }
}

/// All that matches.
pub(super) struct Matching {
    /// By key.
    pub(super) matches: Vec<Found>,
    /// What changed since the state that is searched; not all of it matches.
    pub(super) changed: BTreeSet<ResourceKey>,
}

impl<'a> Run<'a> {
    fn new(reader: Reader<'a>, query: &SearchQuery, position: Position) -> Self {
        let steps = query.is_explained.then(RefCell::default);
        Run {
            reader,
            position,
            looks_left: Cell::new(query.looks_max),
            looks_max: query.looks_max,
            steps,
        }
    }

    /// Notes what was done, for who asks how.
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

    fn fill(&self, query: &SearchQuery, page: &mut SearchPage) -> Result<(), SearchError> {
        let query = &self.settled(query)?;
        let matching = self.find(query, usize::MAX)?;
        page.total = matching.matches.len();
        if query.count == 0 || query.offset >= page.total {
            self.tell(|| format!("counted {}", page.total));
            return Ok(());
        }
        let mut bytes: usize = 0;
        for found in self.in_order(matching, query)? {
            let version = match &found.seen {
                Some(seen) => seen.version,
                None => self.known_version_of(&found.key)?,
            };
            let content = self.reader.known_content(&found.key, version)?;
            bytes = bytes.saturating_add(content.body.as_ref().map_or(0, Vec::len));
            if bytes > query.bytes_max && !page.matches.is_empty() {
                break;
            }
            page.matches.push(content);
        }
        self.tell(|| {
            format!(
                "page: {} of {} resources read",
                page.matches.len(),
                page.total
            )
        });
        Ok(())
    }

    /// The query with its chains followed.
    fn settled(&self, query: &SearchQuery) -> Result<SearchQuery, SearchError> {
        settle(query, &mut |query, code, most| {
            let by = code.map(|code| Sort {
                by: SortBy::Parameter(code.to_owned()),
                descending: false,
            });
            let query = SearchQuery {
                sort: by.into_iter().collect(),
                ..query.clone()
            };
            let mut found = self.find(&query, most.saturating_add(1))?.matches;
            if code.is_some() {
                self.see(&mut found, &query.sort)?;
            }
            self.tell(|| format!("a chain or _has goes on from {} resources", found.len()));
            Ok(found
                .into_iter()
                .map(|found| {
                    (
                        found.key,
                        found.seen.map(|seen| seen.entries).unwrap_or_default(),
                    )
                })
                .collect())
        })
    }

    /// What a settled query matches, but no more than `most`.
    fn find(&self, query: &SearchQuery, most: usize) -> Result<Matching, SearchError> {
        let mut matching = Matching {
            matches: Vec::new(),
            changed: BTreeSet::new(),
        };
        let types: BTreeSet<ResourceType> = query.types.iter().copied().collect();
        for resource_type in types {
            let (mut found, candidates) = match self.gather(resource_type, query)? {
                Gathered::Candidates(candidates) => (Vec::new(), candidates),
                Gathered::Matches(found, changed) => {
                    let keys = changed.iter().map(|key| (key.clone(), false)).collect();
                    (
                        found,
                        Candidates {
                            keys,
                            changed,
                            is_by_log: true,
                        },
                    )
                }
            };
            let begun = found.len();
            let room = most.saturating_sub(matching.matches.len());
            let looked_at = self.judge(
                candidates.keys,
                candidates.is_by_log,
                query,
                room,
                &mut found,
            )?;
            if begun > 0 && found.len() > begun {
                found.sort_by(|left, right| left.key.cmp(&right.key));
            }
            self.tell(|| {
                format!(
                    "{resource_type}: {looked_at} looked at one by one; {} match",
                    found.len()
                )
            });
            found.truncate(room);
            matching.matches.append(&mut found);
            matching.changed.extend(candidates.changed);
        }
        Ok(matching)
    }

    /// Adds those of the candidates that match, until there are so many. Answers how many had to be
    /// looked at.
    fn judge(
        &self,
        candidates: Vec<(ResourceKey, bool)>,
        is_by_log: bool,
        query: &SearchQuery,
        most: usize,
        found: &mut Vec<Found>,
    ) -> Result<usize, SearchError> {
        let mut looked_at = 0;
        for (key, is_sure) in candidates {
            if found.len() >= most {
                break;
            }
            if is_sure {
                found.push(Found::known(key));
                continue;
            }
            looked_at += 1;
            if !is_by_log {
                self.look()?;
            }
            let Some((version, mut current)) =
                self.judged_version(&key, &|parameter| query.looks_at(parameter))?
            else {
                continue;
            };
            let row = Row {
                key: &key,
                last_updated: current.last_updated,
                entries: &current.entries,
            };
            if !current.deleted && matches(query, row) {
                current
                    .entries
                    .retain(|entry| is_of_order(&query.sort, &entry.parameter));
                found.push(Found {
                    key,
                    seen: Some(Seen {
                        version,
                        last_updated: current.last_updated,
                        entries: current.entries,
                    }),
                });
            }
        }
        Ok(looked_at)
    }

    /// Looks at those that were not, for what the order asks for.
    pub(super) fn see(&self, found: &mut [Found], sort: &[Sort]) -> Result<(), SearchError> {
        for found in found.iter_mut().filter(|found| found.seen.is_none()) {
            self.look()?;
            let of_order = |parameter: &str| is_of_order(sort, parameter);
            let Some((version, mut current)) = self.judged_version(&found.key, &of_order)? else {
                return Err(missing(&found.key).into());
            };
            current.entries.retain(|entry| of_order(&entry.parameter));
            found.seen = Some(Seen {
                version,
                last_updated: current.last_updated,
                entries: current.entries,
            });
        }
        Ok(())
    }

    /// What the resource was in the state that is searched, with the entries that are wanted, and
    /// perhaps others.
    fn judged_version(
        &self,
        key: &ResourceKey,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Version, CurrentRecord)>, StoreError> {
        self.reader.judged_in_part(key, self.position, is_wanted)
    }

    fn known_version_of(&self, key: &ResourceKey) -> Result<Version, StoreError> {
        self.reader
            .version_number(key, self.position)?
            .ok_or_else(|| missing(key))
    }
}

fn missing(key: &ResourceKey) -> StoreError {
    StoreError(format!("{key} is in the index, and missing"))
}

fn is_of_order(sort: &[Sort], parameter: &str) -> bool {
    sort.iter()
        .any(|sort| matches!(&sort.by, SortBy::Parameter(by) if by == parameter))
}
