//! Answering queries: what matches, a page at a time or all keys.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::super::codec::EntryFilter;
use super::super::reading::ViewReader;
use super::candidates::{Candidates, Gathered};
use super::run::{IsListMade, Match, Matching, SearchRun, SeenVersion, is_of_order};
use crate::fhir::{ResourceKey, ResourceType, counted};
use crate::search::{Row, SearchQuery, Sort, SortBy, SortOrder, matches, resolve_links};
use crate::storage::{Position, SearchError, SearchPage};

impl<'a> ViewReader<'a> {
    /// Finds one page of what matches in the state after `position`.
    pub(in crate::storage::embedded) fn search(
        self,
        query: &SearchQuery,
        position: Position,
        is_list_made: IsListMade<'_>,
    ) -> Result<SearchPage, SearchError> {
        let run = SearchRun::new(self, query, position, is_list_made);
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

    /// Finds the resources that match in the state after `position`, by key, but no more than `most`.
    pub(in crate::storage::embedded) fn matching_keys(
        self,
        query: &SearchQuery,
        position: Position,
        most: usize,
    ) -> Result<Vec<ResourceKey>, SearchError> {
        // No page is asked for.
        let run = SearchRun::new(self, query, position, &|_| false);
        let query = run.settled(&SearchQuery {
            sort: Vec::new(),
            ..query.clone()
        })?;
        let found = run.find(&query, most)?.matches;
        let mut keys: Vec<ResourceKey> = found.into_iter().map(|found| found.key).collect();
        keys.sort();
        Ok(keys)
    }
}

impl<'a> SearchRun<'a> {
    fn fill(&self, query: &SearchQuery, page: &mut SearchPage) -> Result<(), SearchError> {
        let query = &self.settled(query)?;
        let is_empty = |page: &SearchPage| {
            let is_empty = query.count == 0 || query.offset >= page.total;
            if is_empty {
                self.tell(|| format!("counted {}", page.total));
            }
            is_empty
        };
        let rows = match self.listed(query)? {
            Some(listed) => {
                page.total = listed.total();
                if is_empty(page) {
                    return Ok(());
                }
                listed.page(query.offset, query.count)?
            }
            None => {
                let matching = self.find(query, usize::MAX)?;
                page.total = matching.matches.len();
                if is_empty(page) {
                    return Ok(());
                }
                self.in_order(matching, query)?
            }
        };
        self.read_page(rows, query.bytes_max, page)
    }

    /// Reads the content of a page, as far as there is room for it.
    fn read_page(
        &self,
        rows: Vec<Match>,
        bytes_max: usize,
        page: &mut SearchPage,
    ) -> Result<(), SearchError> {
        let mut bytes: usize = 0;
        for found in rows {
            let version = match &found.seen {
                Some(seen) => seen.version,
                None => self.known_version_of(&found.key)?,
            };
            let content = self.reader.known_content(&found.key, version)?;
            bytes = bytes.saturating_add(content.body.as_ref().map_or(0, Vec::len));
            if bytes > bytes_max && !page.matches.is_empty() {
                break;
            }
            page.matches.push(content);
        }
        self.tell(|| {
            format!(
                "page: {} of {} read",
                page.matches.len(),
                counted(page.total, "resource")
            )
        });
        Ok(())
    }

    /// Follows the chains of the query.
    fn settled(&self, query: &SearchQuery) -> Result<SearchQuery, SearchError> {
        resolve_links(query, &mut |query, code, most| {
            let by = code.map(|code| Sort {
                by: SortBy::Parameter(code.to_owned()),
                order: SortOrder::Ascending,
            });
            let query = SearchQuery {
                sort: by.into_iter().collect(),
                ..query.clone()
            };
            let mut found = self.find(&query, most.saturating_add(1))?.matches;
            if code.is_some() {
                self.see(&mut found, &query.sort)?;
            }
            self.tell(|| {
                format!(
                    "a chain or _has goes on from {}",
                    counted(found.len(), "resource")
                )
            });
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

    /// Finds what a settled query matches, but no more than `most`.
    fn find(&self, query: &SearchQuery, most: usize) -> Result<Matching, SearchError> {
        let mut matching = Matching {
            matches: Vec::new(),
            changed: BTreeSet::new(),
        };
        let types: BTreeSet<ResourceType> = query.types.iter().copied().collect();
        for resource_type in types {
            let room = most.saturating_sub(matching.matches.len());
            let (mut found, candidates) = match self.gather(resource_type, query, room)? {
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

    /// Adds those of the candidates that match, until there are so many. Returns the number that
    /// had to be looked at.
    fn judge(
        &self,
        candidates: Vec<(ResourceKey, bool)>,
        is_by_log: bool,
        query: &SearchQuery,
        most: usize,
        found: &mut Vec<Match>,
    ) -> Result<usize, SearchError> {
        let mut looked_at = 0;
        for (key, is_sure) in candidates {
            if found.len() >= most {
                break;
            }
            if is_sure {
                found.push(Match::known(key));
                continue;
            }
            looked_at += 1;
            if !is_by_log {
                self.look()?;
            }
            let Some((version, mut current)) = self.judged_version(
                &key,
                EntryFilter::Parameters(&|parameter| query.looks_at(parameter)),
            )?
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
                found.push(Match {
                    key,
                    seen: Some(SeenVersion {
                        version,
                        last_updated: current.last_updated,
                        entries: current.entries,
                    }),
                });
            }
        }
        Ok(looked_at)
    }
}
