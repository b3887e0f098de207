//! Searching: the index proposes, [`crate::search::matches`] decides, and the log corrects for what changed meanwhile.
//!
//! Engines have no snapshot in common. So a search is answered for the state after one position: the index gives candidates of about now,
//! the log gives what changed since that position, and each of them is judged by its version of that state.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::encoding::{IndexKind, IndexPrefix, composite, key_in_index, split_owner};
use super::kv::{Direction, KeyRange, Table};
use super::reading::{Reader, stored};
use super::record::{CurrentRecord, senseless};
use super::{Position, SearchError, SearchPage, StoreError};
use crate::fhir::{ResourceKey, ResourceType, Version};
use crate::search::matching::uris_above;
use crate::search::{Clause, IndexEntry, Prefix, Row, SearchQuery, Sort, SortBy, Test, fold, matches, settle, sort_rows};

/// A version that matches.
struct Found {
    key: ResourceKey,
    version: Version,
    last_updated: Timestamp,
    /// Only what the order looks at.
    entries: Vec<IndexEntry>,
}

impl Found {
    fn row(&self) -> Row<'_> {
        Row { key: &self.key, last_updated: self.last_updated, entries: &self.entries }
    }
}

impl<'a> Reader<'a> {
    /// One page of what matches in the state after `position`.
    pub(super) fn search(self, query: &SearchQuery, position: Position) -> Result<SearchPage, SearchError> {
        let mut found = self.find(&self.settled(query, position)?, position, usize::MAX)?;
        let total = found.len();
        let mut page = SearchPage { position, total, matches: Vec::new() };
        if query.count == 0 || query.offset >= total {
            return Ok(page);
        }
        sort_rows(&mut found, &query.sort, Found::row);
        let mut bytes: usize = 0;
        for match_ in found.iter().skip(query.offset).take(query.count) {
            let record = self.known_version(&match_.key, match_.version)?;
            bytes = bytes.saturating_add(record.body.as_ref().map_or(0, Vec::len));
            if bytes > query.bytes_max && !page.matches.is_empty() {
                break;
            }
            page.matches.push(stored(&match_.key, match_.version, record));
        }
        Ok(page)
    }

    /// The resources that match in the state after `position`, by key.
    pub(super) fn matching_keys(self, query: &SearchQuery, position: Position) -> Result<Vec<ResourceKey>, SearchError> {
        let found = self.find(&self.settled(query, position)?, position, usize::MAX)?;
        let mut keys: Vec<ResourceKey> = found.into_iter().map(|found| found.key).collect();
        keys.sort();
        Ok(keys)
    }

    /// The query with its chains followed in the state after `position`.
    fn settled(self, query: &SearchQuery, position: Position) -> Result<SearchQuery, SearchError> {
        settle(query, &mut |query, code, most| {
            let by = code.map(|code| Sort { by: SortBy::Parameter(code.to_owned()), descending: false });
            let query = SearchQuery { sort: by.into_iter().collect(), ..query.clone() };
            let found = self.find(&query, position, most.saturating_add(1))?;
            Ok(found.into_iter().map(|found| (found.key, found.entries)).collect())
        })
    }

    /// What a settled query matches, but no more than `most`, with what its order looks at.
    fn find(self, query: &SearchQuery, position: Position, most: usize) -> Result<Vec<Found>, StoreError> {
        let sorted_by = |code: &str| query.sort.iter().any(|sort| matches!(&sort.by, SortBy::Parameter(by) if by == code));
        let mut found = Vec::new();
        let types: BTreeSet<ResourceType> = query.types.iter().copied().collect();
        for resource_type in types {
            for key in self.candidates(resource_type, &query.clauses, position)? {
                if found.len() >= most {
                    return Ok(found);
                }
                let Some((version, mut current)) = self.judged_version(&key, position)? else { continue };
                let row = Row { key: &key, last_updated: current.last_updated, entries: &current.entries };
                if !current.deleted && matches(query, row) {
                    current.entries.retain(|entry| sorted_by(&entry.parameter));
                    found.push(Found { key, version, last_updated: current.last_updated, entries: current.entries });
                }
            }
        }
        Ok(found)
    }

    /// What the resource was in the state after `position`.
    pub(super) fn judged_version(self, key: &ResourceKey, position: Position) -> Result<Option<(Version, CurrentRecord)>, StoreError> {
        let Some(current) = self.current(key)? else { return Ok(None) };
        if current.position <= position {
            return Ok(Some((current.version, current)));
        }
        let earlier = self.version_at(key, position)?;
        Ok(earlier.map(|(version, record)| {
            let deleted = record.body.is_none();
            let (position, last_updated, entries) = (record.position, record.last_updated, record.entries);
            (version, CurrentRecord { version, position, last_updated, deleted, entries })
        }))
    }

    /// All resources of the type that can match, and perhaps others.
    fn candidates(self, resource_type: ResourceType, clauses: &[Clause], position: Position) -> Result<BTreeSet<ResourceKey>, StoreError> {
        let named = clauses.iter().filter_map(|clause| match clause {
            Clause::Ids(ids) => Some((ids.len(), clause)),
            Clause::Keys(keys) => Some((keys.len(), clause)),
            _ => None,
        });
        match named.min_by_key(|(count, _)| *count) {
            Some((_, Clause::Ids(ids))) => return Ok(ids.iter().map(|id| ResourceKey::new(resource_type, id.clone())).collect()),
            Some((_, Clause::Keys(keys))) => {
                return Ok(keys.iter().filter(|key| key.resource_type == resource_type).cloned().collect());
            }
            _ => {}
        }
        let mut probes = Vec::new();
        for clause in clauses {
            probes.extend(self.probe(resource_type, clause)?);
        }
        let mut candidates = match smallest(probes)? {
            Some(candidates) => candidates,
            None => self.all_of(resource_type)?,
        };
        // Whatever the index lost since that state is in the log, which is read after the index.
        for change in self.type_changes(resource_type, Position(position.0.saturating_add(1)), None, Direction::Forward) {
            candidates.insert(change?.0.key);
        }
        Ok(candidates)
    }

    fn all_of(self, resource_type: ResourceType) -> Result<BTreeSet<ResourceKey>, StoreError> {
        let rows = self.0.range(Table::Current, KeyRange::prefix(&[resource_type.code()]), Direction::Forward);
        rows.map(|row| {
            let (key, _) = row?;
            split_owner(&key).map(|(owner, _)| owner).ok_or_else(|| senseless(Table::Current, &key))
        })
        .collect()
    }

    /// Where to look for what meets a clause.
    fn probe(self, resource_type: ResourceType, clause: &Clause) -> Result<Option<Probe<'a>>, StoreError> {
        let keys: Box<dyn Iterator<Item = Result<ResourceKey, StoreError>>> = match clause {
            // What has no value is in no index: the others narrow the search, or the type is gone through.
            Clause::Ids(_) | Clause::Keys(_) | Clause::Not { .. } | Clause::Missing { is_missing: true, .. } => return Ok(None),
            // Settled before.
            Clause::Chain { .. } | Clause::Has { .. } => return Ok(None),
            Clause::LastUpdated(any_of) => {
                let mut spans = Vec::new();
                for test in any_of {
                    spans.extend(self.log_span(resource_type, test)?);
                }
                Box::new(spans.into_iter().flat_map(move |(from, until)| {
                    self.type_changes(resource_type, from, until, Direction::Forward).map(|change| Ok(change?.0.key))
                }))
            }
            Clause::Parameter { code, any_of } => {
                let prefix = IndexPrefix { resource_type, parameter: code };
                self.indexed(any_of.iter().flat_map(|test| index_ranges(&prefix, test)).collect())
            }
            Clause::Missing { code, is_missing: false } => {
                let prefix = IndexPrefix { resource_type, parameter: code };
                self.indexed(prefix.all().iter().map(|start| KeyRange::prefix(start)).collect())
            }
        };
        Ok(Some(Probe { keys, found: BTreeSet::new() }))
    }

    /// The resources that index keys of these ranges name.
    fn indexed(self, ranges: Vec<KeyRange>) -> Box<dyn Iterator<Item = Result<ResourceKey, StoreError>> + 'a> {
        let entries = ranges.into_iter().flat_map(move |range| self.records::<()>(Table::Index, range, Direction::Forward));
        Box::new(entries.map(|entry| {
            let (key, ()) = entry?;
            key_in_index(&key).ok_or_else(|| senseless(Table::Index, &key))
        }))
    }

    /// The part of the type's log in which instants that pass the test can stand: instants go up with positions.
    fn log_span(self, resource_type: ResourceType, test: &Test) -> Result<Option<(Position, Option<Position>)>, StoreError> {
        let Test::Date { prefix, from_us, until_us } = test else { return Ok(None) };
        let (first_us, last_us) = match prefix {
            Prefix::Eq => (*from_us, *until_us),
            Prefix::Ne => (i64::MIN, i64::MAX),
            // An instant spans one microsecond, so that it reaches beyond what it ends with.
            Prefix::Gt => (until_us.saturating_sub(1), i64::MAX),
            Prefix::Ge => (until_us.saturating_sub(1).min(*from_us), i64::MAX),
            Prefix::Lt => (i64::MIN, *from_us),
            Prefix::Le => (i64::MIN, *from_us.max(until_us)),
            Prefix::Sa => (*until_us, i64::MAX),
            Prefix::Eb => (i64::MIN, *from_us),
            Prefix::Ap => (from_us.saturating_sub(1), *until_us),
        };
        let from = self.first_change_at(resource_type, first_us)?;
        let until = self.first_change_at(resource_type, last_us.saturating_add(1))?;
        Ok(from.map(|from| (from, until)))
    }

    /// The position of the type's first change at or after that instant, if there is one.
    fn first_change_at(self, resource_type: ResourceType, instant_us: i64) -> Result<Option<Position>, StoreError> {
        let change_from = |position: u64| self.type_changes(resource_type, Position(position), None, Direction::Forward).next().transpose();
        let Some(last) = self.type_changes(resource_type, Position(0), None, Direction::Backward).next().transpose()? else {
            return Ok(None);
        };
        if last.1.last_updated.as_microsecond() < instant_us {
            return Ok(None);
        }
        // The change sought is at or after `low`, and not after `high`.
        let (mut low, mut high) = (0, last.0.position.0);
        while low < high {
            let middle = low + (high - low) / 2;
            match change_from(middle)? {
                Some((change, logged)) if logged.last_updated.as_microsecond() < instant_us => low = change.position.0 + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(Some(Position(low)))
    }
}

/// The candidates of one clause, found step by step.
struct Probe<'a> {
    keys: Box<dyn Iterator<Item = Result<ResourceKey, StoreError>> + 'a>,
    found: BTreeSet<ResourceKey>,
}

/// Follows all probes in step until the first one ends: its candidates are the fewest, without statistics to keep.
/// None if there is no probe.
fn smallest(mut probes: Vec<Probe<'_>>) -> Result<Option<BTreeSet<ResourceKey>>, StoreError> {
    if probes.is_empty() {
        return Ok(None);
    }
    loop {
        for probe in &mut probes {
            match probe.keys.next().transpose()? {
                Some(key) => {
                    probe.found.insert(key);
                }
                None => return Ok(Some(std::mem::take(&mut probe.found))),
            }
        }
    }
}

/// Index keys among which all entries that pass the test stand, and perhaps others.
fn index_ranges(prefix: &IndexPrefix<'_>, test: &Test) -> Vec<KeyRange> {
    let one = |start: Vec<u8>| vec![KeyRange::prefix(&start)];
    match test {
        Test::Token { system, code: Some(code) } => one(prefix.token(system.as_deref(), code)),
        Test::Token { code: None, .. } => one(prefix.kind(IndexKind::Token)),
        Test::Reference(target) => one(prefix.text(IndexKind::Reference, target)),
        Test::ReferenceIn(targets) => targets.iter().map(|target| KeyRange::prefix(&prefix.text(IndexKind::Reference, target))).collect(),
        Test::Uri(address) => one(prefix.text(IndexKind::Uri, address)),
        Test::UriBelow(address) => one(prefix.text_start(IndexKind::Uri, address)),
        Test::UriAbove(address) => {
            uris_above(address).into_iter().map(|above| KeyRange::prefix(&prefix.text(IndexKind::Uri, above))).collect()
        }
        Test::StartsWith(start) => one(prefix.text_start(IndexKind::Text, start)),
        Test::Exactly(text) => one(prefix.text(IndexKind::Text, &fold(text))),
        Test::Contains(_) => one(prefix.kind(IndexKind::Text)),
        Test::Date { prefix: comparison, from_us, until_us } => {
            let (end, first, last) = end_range(*comparison, (*from_us, *until_us), (i64::MIN, i64::MAX));
            let kind = if end == End::From { IndexKind::DateFrom } else { IndexKind::DateUntil };
            let range = KeyRange::prefixes(&prefix.instant(kind, first), &prefix.instant(kind, last));
            vec![range, KeyRange::prefix(&prefix.kind(IndexKind::DateBackward))]
        }
        Test::Quantity { prefix: comparison, from, until, .. } => {
            let (end, first, last) = end_range(*comparison, (*from, *until), (i128::MIN, i128::MAX));
            let kind = if end == End::From { IndexKind::QuantityFrom } else { IndexKind::QuantityUntil };
            let range = KeyRange::prefixes(&prefix.amount(kind, first), &prefix.amount(kind, last));
            vec![range, KeyRange::prefix(&prefix.kind(IndexKind::QuantityBackward))]
        }
        Test::Composite(tests) => {
            let parameter = composite(prefix.parameter);
            let prefix = IndexPrefix { resource_type: prefix.resource_type, parameter: &parameter };
            tests.first().map(|first| index_ranges(&prefix, first)).unwrap_or_default()
        }
    }
}

/// The end of a span by which it is looked for.
#[derive(PartialEq, Eq)]
enum End {
    From,
    Until,
}

/// The table of prefixes (<https://hl7.org/fhir/R4/search.html#prefix>), by the end of the span that narrows more; `all` is the least and
/// the greatest value.
fn end_range<T: Ord + Copy>(comparison: Prefix, (from, until): (T, T), all: (T, T)) -> (End, T, T) {
    match comparison {
        Prefix::Eq => (End::From, from, until),
        Prefix::Ne => (End::From, all.0, all.1),
        Prefix::Gt => (End::Until, until, all.1),
        Prefix::Ge => (End::Until, from.min(until), all.1),
        Prefix::Lt => (End::From, all.0, from),
        Prefix::Le => (End::From, all.0, from.max(until)),
        Prefix::Sa => (End::From, until, all.1),
        Prefix::Eb => (End::Until, all.0, from),
        Prefix::Ap => (End::Until, from, all.1),
    }
}
