//! The order of a page: read off the index or the log where those have it, so that not all that
//! matches is looked at for one page; in memory otherwise.

use std::collections::HashSet;

use super::super::index_keys::{IndexKind, IndexPrefix, composite, key_in_index, value_in_index};
use super::super::keys::log_key;
use super::super::kv::{Direction, KeyRange, Table};
use super::super::reading::change;
use super::super::record::ChangeRecord;
use super::super::seal::senseless;
use super::run::{Match, Matching, SearchRun};
use crate::fhir::ResourceKey;
use crate::search::explanation::{keys_text, sort_text};
use crate::search::{SearchQuery, Sort, SortBy, SortOrder, sort_rows};
use crate::storage::{Position, SearchError, StoreError};

/// The number of keys that are read for each match before reading in order is given up: looking at
/// a match costs about as much.
const KEYS_FOR_A_LOOK: usize = 6;

/// The part of an order that can be read in order.
struct OrderedMatches {
    /// The first ones, in groups of which the order says nothing; not those that changed.
    first: Vec<Match>,
    keys: usize,
}

impl SearchRun<'_> {
    /// Returns the matches of the page, in the query's order.
    pub(super) fn in_order(
        &self,
        matching: Matching,
        query: &SearchQuery,
    ) -> Result<Vec<Match>, SearchError> {
        let total = matching.matches.len();
        let end = query.offset.saturating_add(query.count).min(total);
        let mut rows = match query.sort.as_slice() {
            [] => matching.matches,
            [Sort { by: SortBy::Id, .. }] => {
                let mut rows = matching.matches;
                sort_rows(&mut rows, &query.sort, Match::row);
                rows
            }
            sort => self.sorted(matching, query, sort, end)?,
        };
        rows.truncate(end);
        rows.drain(..query.offset);
        Ok(rows)
    }

    /// Returns as many of the first ones as make a page, or all, in the query's order.
    fn sorted(
        &self,
        matching: Matching,
        query: &SearchQuery,
        sort: &[Sort],
        end: usize,
    ) -> Result<Vec<Match>, SearchError> {
        let unseen = matching
            .matches
            .iter()
            .filter(|found| found.seen.is_none())
            .count();
        let read = if unseen / 2 <= end {
            None
        } else {
            self.read_in_order(&matching, query, &sort[0], end)?
        };
        let (mut rows, how) = match read {
            Some(read) => {
                let how = format!(
                    "in order, {} for the first {}",
                    keys_text(read.keys),
                    read.first.len()
                );
                // What changed is not where it was: it is put in its place in memory.
                let mut rows = read.first;
                rows.extend(
                    matching
                        .matches
                        .into_iter()
                        .filter(|found| matching.changed.contains(&found.key)),
                );
                (rows, how)
            }
            None => {
                let how = format!("in memory, {unseen} looked at");
                (matching.matches, how)
            }
        };
        self.see(&mut rows, sort)?;
        sort_rows(&mut rows, sort, Match::row);
        self.tell(|| format!("order by {}: {how}", sort_text(sort)));
        Ok(rows)
    }

    /// Reads the first matches by the most significant criterion, with all that are equal to the
    /// last of them; none if they cannot be had so, or only by reading too much.
    fn read_in_order(
        &self,
        matching: &Matching,
        query: &SearchQuery,
        sort: &Sort,
        end: usize,
    ) -> Result<Option<OrderedMatches>, SearchError> {
        let wanted: HashSet<&ResourceKey> = matching
            .matches
            .iter()
            .map(|found| &found.key)
            .filter(|key| !matching.changed.contains(key))
            .collect();
        let end = end.min(wanted.len());
        let mut walk = OrderedWalk {
            wanted,
            end,
            keys_max: matching.matches.len().saturating_mul(KEYS_FOR_A_LOOK),
            read: OrderedMatches {
                first: Vec::new(),
                keys: 0,
            },
            group: Vec::new(),
        };
        let is_done = match &sort.by {
            SortBy::Id => false,
            SortBy::LastUpdated => self.walk_log(&mut walk, query, sort.order)?,
            SortBy::Parameter(code) => match query.types.as_slice() {
                [resource_type] => {
                    let prefix = IndexPrefix {
                        resource_type: *resource_type,
                        parameter: code,
                    };
                    self.walk_index(&mut walk, &prefix, sort.order)?
                }
                _ => false,
            },
        };
        // What changed while the index was read may have been passed over.
        let is_still = || -> Result<bool, StoreError> {
            for resource_type in &query.types {
                if self
                    .changed(*resource_type)?
                    .iter()
                    .any(|key| walk.wanted.contains(key))
                {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        Ok(if is_done && is_still()? {
            Some(walk.read)
        } else {
            None
        })
    }

    /// Reads the values of a parameter in order; returns true if that gave enough.
    fn walk_index(
        &self,
        walk: &mut OrderedWalk<'_>,
        prefix: &IndexPrefix<'_>,
        order: SortOrder,
    ) -> Result<bool, SearchError> {
        let is_there = |start: Vec<u8>| -> Result<bool, StoreError> {
            self.reader
                .0
                .range(Table::Index, KeyRange::prefix(&start), Direction::Forward)
                .next()
                .transpose()
                .map(|found| found.is_some())
        };
        // The keys of these are not in the order of what they stand for.
        let others = IndexPrefix {
            parameter: &composite(prefix.parameter),
            ..*prefix
        };
        let disordered = [
            IndexKind::Token,
            IndexKind::DateBackward,
            IndexKind::QuantityBackward,
        ]
        .map(|kind| prefix.kind(kind));
        for start in disordered.into_iter().chain([others.parameter_start()]) {
            if is_there(start)? {
                return Ok(false);
            }
        }
        // In the order of the kinds of values.
        let mut kinds = [
            IndexKind::Reference,
            IndexKind::DateFrom,
            IndexKind::TextOrder,
            IndexKind::Uri,
            IndexKind::QuantityFrom,
        ];
        if order == SortOrder::Descending {
            kinds.reverse();
        }
        let direction = direction(order);
        for kind in kinds {
            let start = prefix.in_order(kind);
            let mut value = Vec::new();
            for entry in
                self.reader
                    .records::<()>(Table::Index, KeyRange::prefix(&start), direction)
            {
                let (key, ()) = entry?;
                let named = key_in_index(&key).ok_or_else(|| senseless(Table::Index, &key))?;
                let of_value = value_in_index(&key).unwrap_or_default();
                if of_value != value {
                    walk.close_group();
                    value = of_value.to_vec();
                }
                if walk.is_over() {
                    return Ok(walk.has_enough());
                }
                walk.meet(named);
            }
            walk.close_group();
        }
        Ok(walk.has_enough())
    }

    /// Reads the log from the oldest or the newest change; returns true if that gave enough.
    fn walk_log(
        &self,
        walk: &mut OrderedWalk<'_>,
        query: &SearchQuery,
        order: SortOrder,
    ) -> Result<bool, SearchError> {
        let direction = direction(order);
        let until = Position(self.position.0.saturating_add(1));
        let changes: Box<dyn Iterator<Item = _>> = match query.types.as_slice() {
            [resource_type] => Box::new(self.reader.type_changes(
                *resource_type,
                Position(0),
                Some(until),
                direction,
            )),
            _ => {
                let range = KeyRange {
                    start: Vec::new(),
                    end: Some(log_key(until)),
                };
                let log = self
                    .reader
                    .records::<ChangeRecord>(Table::Log, range, direction);
                Box::new(log.map(|entry| change(Table::Log, entry?)))
            }
        };
        let mut instant = None;
        for entry in changes {
            let (change, logged) = entry?;
            if instant != Some(logged.last_updated) {
                walk.close_group();
                instant = Some(logged.last_updated);
            }
            if walk.is_over() {
                return Ok(walk.has_enough());
            }
            // From the newest the first change of a resource is its last one; from the oldest it
            // has to be the version that is current.
            let counts = order == SortOrder::Descending || !walk.wanted.contains(&change.key) || {
                self.look()?;
                self.reader
                    .head(&change.key)?
                    .is_some_and(|current| current.version == change.version)
            };
            if counts {
                walk.meet(change.key);
            } else {
                walk.read.keys += KEYS_FOR_A_LOOK;
            }
        }
        walk.close_group();
        Ok(walk.has_enough())
    }
}

/// A walk along an order.
struct OrderedWalk<'m> {
    /// The matches, without those that changed.
    wanted: HashSet<&'m ResourceKey>,
    /// The number that is enough.
    end: usize,
    keys_max: usize,
    read: OrderedMatches,
    /// The matches that were met since the value changed.
    group: Vec<Match>,
}

impl OrderedWalk<'_> {
    fn meet(&mut self, key: ResourceKey) {
        self.read.keys += 1;
        // Each counts where it is met first.
        if self.wanted.remove(&key) {
            self.group.push(Match::known(key));
        }
    }

    fn close_group(&mut self) {
        self.read.first.append(&mut self.group);
    }

    fn has_enough(&self) -> bool {
        self.read.first.len() >= self.end
    }

    fn is_over(&self) -> bool {
        self.has_enough() || self.read.keys >= self.keys_max
    }
}

/// Returns the direction in which keys are read in an order.
fn direction(order: SortOrder) -> Direction {
    match order {
        SortOrder::Ascending => Direction::Forward,
        SortOrder::Descending => Direction::Backward,
    }
}
