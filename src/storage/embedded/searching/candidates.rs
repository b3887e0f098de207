//! The resources of a type that can match: what the index says of each condition, put together.

use std::collections::BTreeSet;

use super::super::codec::EntryFilter;
use super::super::keys::split_owner;
use super::super::kv::{Direction, KeyRange, Table};
use super::super::record::CurrentRecord;
use super::super::seal::senseless;
use super::probe::Probe;
use super::run::{Match, SearchRun};
use crate::fhir::{ResourceKey, ResourceType, counted};
use crate::search::explanation::{clause_text, keys_text};
use crate::search::{Clause, IndexEntry, Row, SearchQuery, matches};
use crate::storage::{SearchError, StoreError};

/// The number of keys of another condition that are read for each candidate, in the hope of their
/// end, where the index cannot be asked for one candidate: a key is that much cheaper than a look
/// at a resource.
pub(super) const KEYS_FOR_A_LOOK: usize = 4;

/// The most matches that are few: an index is not read on once it told of so many, if no more are
/// wanted.
const FEW_MAX: usize = 2_048;

/// The resources that can match.
pub(super) struct Candidates {
    /// The resources by key; true if the index alone says that one matches.
    pub(super) keys: Vec<(ResourceKey, bool)>,
    /// The resources that changed since the state that is searched: the index says nothing of them.
    pub(super) changed: BTreeSet<ResourceKey>,
    /// The log alone says that these match, but not whether they were deleted: to look is no
    /// search without an index.
    pub(super) is_by_log: bool,
}

/// Candidates, or, where the type had to be gone through, what matches.
pub(super) enum Gathered {
    /// To be judged where the index does not.
    Candidates(Candidates),
    /// Judged in passing, but for those that changed.
    Matches(Vec<Match>, BTreeSet<ResourceKey>),
}

impl SearchRun<'_> {
    /// Collects all resources of the type that can match, and perhaps others; or, where one
    /// condition alone tells of them, as many as are enough.
    pub(super) fn gather(
        &self,
        resource_type: ResourceType,
        query: &SearchQuery,
        enough: usize,
    ) -> Result<Gathered, SearchError> {
        if let Some(keys) = self.named(resource_type, &query.clauses) {
            let keys = keys.into_iter().map(|key| (key, false)).collect();
            return Ok(Gathered::Candidates(Candidates {
                keys,
                changed: BTreeSet::new(),
                is_by_log: false,
            }));
        }
        let mut probes = Vec::new();
        let mut is_exact = true;
        for clause in &query.clauses {
            match self.reader.probe(resource_type, clause)? {
                Some(probe) => probes.push((clause, probe)),
                None => is_exact = false,
            }
        }
        if is_exact && let Some(few) = self.few(resource_type, &mut probes, enough)? {
            return Ok(Gathered::Candidates(few));
        }
        let Some(first) = smallest(&mut probes, &|| self.read_one())? else {
            return self.gone_through(resource_type, query);
        };
        let (mut keys, exists) = self.followed(resource_type, probes, first)?;
        let is_by_log = query
            .clauses
            .iter()
            .all(|clause| matches!(clause, Clause::LastUpdated(_)));
        if !is_exact || !exists {
            keys.iter_mut().for_each(|(_, is_sure)| *is_sure = false);
        }
        let changed = self.changed(resource_type)?;
        let newly: Vec<_> = changed
            .iter()
            .filter(|key| keys.binary_search_by(|(known, _)| known.cmp(key)).is_err())
            .cloned()
            .collect();
        keys.iter_mut()
            .filter(|(key, _)| changed.contains(key))
            .for_each(|(_, is_sure)| *is_sure = false);
        if !newly.is_empty() {
            keys.extend(newly.into_iter().map(|key| (key, false)));
            keys.sort();
        }
        Ok(Gathered::Candidates(Candidates {
            keys,
            changed,
            is_by_log,
        }))
    }

    /// Follows the only probe until it told of enough matches; none if it does not.
    fn few(
        &self,
        resource_type: ResourceType,
        probes: &mut [(&Clause, Probe<'_>)],
        enough: usize,
    ) -> Result<Option<Candidates>, StoreError> {
        let [(Clause::Parameter { .. }, probe)] = probes else {
            return Ok(None);
        };
        if enough > FEW_MAX {
            return Ok(None);
        }
        let Some(sure) = probe.sure(enough)? else {
            return Ok(None);
        };
        // What changed meanwhile may match no more.
        let changed = self.changed(resource_type)?;
        let keys = sure.into_iter().map(|key| (key, true)).collect();
        Ok(changed.is_empty().then_some(Candidates {
            keys,
            changed,
            is_by_log: false,
        }))
    }

    /// Follows the probe that has ended, and narrows its candidates by the others. Returns them,
    /// and whether all of them are sure to exist: what is in the index is there, what is in the log
    /// may be deleted.
    fn followed(
        &self,
        resource_type: ResourceType,
        mut probes: Vec<(&Clause, Probe<'_>)>,
        first: usize,
    ) -> Result<(Vec<(ResourceKey, bool)>, bool), StoreError> {
        let (clause, probe) = probes.remove(first);
        self.tell(|| {
            let text = clause_text(clause);
            format!(
                "{resource_type}: {text}: by the index, {} to the end, the fewest",
                keys_text(probe.read)
            )
        });
        let mut keys = probe.into_found();
        let mut exists = !matches!(clause, Clause::LastUpdated(_));
        for (clause, mut probe) in probes {
            probe.go_on(keys.len())?;
            if !probe.is_at_end
                && let Some(entries) = self.reader.decisive_entries(resource_type, clause)?
            {
                exists |= matches!(clause, Clause::Parameter { .. });
                keys = self.asked(resource_type, keys, clause, &entries)?;
                continue;
            }
            probe.go_on(keys.len().saturating_mul(KEYS_FOR_A_LOOK - 1))?;
            exists |= probe.is_at_end
                && matches!(
                    clause,
                    Clause::Parameter { .. }
                        | Clause::Missing {
                            is_missing: false,
                            ..
                        }
                );
            keys = self.narrowed(resource_type, keys, clause, probe);
        }
        Ok((keys, exists))
    }

    /// Returns the resources that a clause names.
    pub(super) fn named(
        &self,
        resource_type: ResourceType,
        clauses: &[Clause],
    ) -> Option<BTreeSet<ResourceKey>> {
        let named = clauses.iter().filter_map(|clause| match clause {
            Clause::Ids(ids) => Some((ids.len(), clause)),
            Clause::Keys(keys) => Some((keys.len(), clause)),
            _ => None,
        });
        let (_, clause) = named.min_by_key(|(count, _)| *count)?;
        let keys: BTreeSet<ResourceKey> = match clause {
            Clause::Ids(ids) => ids
                .iter()
                .map(|id| ResourceKey::new(resource_type, id.clone()))
                .collect(),
            Clause::Keys(keys) => keys
                .iter()
                .filter(|key| key.resource_type == resource_type)
                .cloned()
                .collect(),
            _ => return None,
        };
        self.tell(|| {
            format!(
                "{resource_type}: {}: {} named",
                clause_text(clause),
                keys.len()
            )
        });
        Some(keys)
    }

    /// Narrows the candidates by what the index says of one more condition, if all of that was
    /// read.
    pub(super) fn narrowed(
        &self,
        resource_type: ResourceType,
        mut keys: Vec<(ResourceKey, bool)>,
        clause: &Clause,
        probe: Probe<'_>,
    ) -> Vec<(ResourceKey, bool)> {
        let (read, is_at_end) = (probe.read, probe.is_at_end);
        if !is_at_end {
            keys.iter_mut().for_each(|(_, is_sure)| *is_sure = false);
        } else {
            let found = probe.into_found();
            let said = |key: &ResourceKey| {
                found
                    .binary_search_by(|(known, _)| known.cmp(key))
                    .ok()
                    .map(|at| found[at].1)
            };
            let is_negated = matches!(
                clause,
                Clause::Not { .. }
                    | Clause::Missing {
                        is_missing: true,
                        ..
                    }
            );
            keys.retain_mut(|(key, is_sure)| match (said(key), is_negated) {
                (Some(true), false) | (None, true) => true,
                (None, false) | (Some(true), true) => false,
                (Some(false), _) => {
                    *is_sure = false;
                    true
                }
            });
        }
        self.tell(|| {
            let how = if is_at_end {
                "to the end"
            } else {
                "and no further: the candidates are fewer, and looked at one by one"
            };
            format!(
                "{resource_type}: {}: by the index, {} {how}; {} candidates are left",
                clause_text(clause),
                keys_text(read),
                keys.len()
            )
        });
        keys
    }

    /// Keeps the candidates that meet one more condition, by asking the index for each: its keys
    /// are more than they.
    pub(super) fn asked(
        &self,
        resource_type: ResourceType,
        keys: Vec<(ResourceKey, bool)>,
        clause: &Clause,
        entries: &[IndexEntry],
    ) -> Result<Vec<(ResourceKey, bool)>, StoreError> {
        let (asked, is_negated) = (keys.len(), matches!(clause, Clause::Not { .. }));
        let mut left = Vec::new();
        for (key, is_sure) in keys {
            if self.reader.has_entry(&key, entries)? != is_negated {
                left.push((key, is_sure));
            }
        }
        self.tell(|| {
            let text = clause_text(clause);
            format!("{resource_type}: {text}: by the index, asked for each of {asked} candidates; {} are left", left.len())
        });
        Ok(left)
    }

    /// Finds what matches of the whole type, where nothing says where to look.
    pub(super) fn gone_through(
        &self,
        resource_type: ResourceType,
        query: &SearchQuery,
    ) -> Result<Gathered, SearchError> {
        let mut found = Vec::new();
        let mut passed = 0_usize;
        let rows = self.reader.0.range(
            Table::Current,
            KeyRange::prefix(&[resource_type.code()]),
            Direction::Forward,
        );
        for row in rows {
            let (at, sealed) = row?;
            passed += 1;
            self.read_one()?;
            let (key, _) = split_owner(&at).ok_or_else(|| senseless(Table::Current, &at))?;
            if !query.clauses.is_empty() {
                self.look()?;
            }
            let looked_at = |parameter: &str| query.looks_at(parameter);
            let wanted = EntryFilter::Parameters(&looked_at);
            let current = CurrentRecord::in_part(&at, sealed, wanted)?;
            let row = Row {
                key: &key,
                last_updated: current.last_updated,
                entries: &current.entries,
            };
            if !current.deleted && matches(query, row) {
                found.push(Match::known(key));
            }
        }
        let changed = self.changed(resource_type)?;
        found.retain(|found| !changed.contains(&found.key));
        self.tell(|| {
            let clauses: Vec<_> = query.clauses.iter().map(clause_text).collect();
            let criteria = if clauses.is_empty() { "no criteria".to_owned() } else { clauses.join(", ") };
            format!("{resource_type}: {criteria}: no index helps, the type was gone through: {}, matches: {}", counted(passed, "resource"), found.len())
        });
        Ok(Gathered::Matches(found, changed))
    }
}

/// Follows all probes in step until the first one ends: its candidates are the fewest, without
/// statistics to keep. A clause that is met by what is not in the index is no place to begin. None
/// if there is no place. Each step counts.
pub(super) fn smallest(
    probes: &mut [(&Clause, Probe<'_>)],
    count: &dyn Fn() -> Result<(), SearchError>,
) -> Result<Option<usize>, SearchError> {
    let is_beginning = |clause: &Clause| {
        !matches!(
            clause,
            Clause::Not { .. }
                | Clause::Missing {
                    is_missing: true,
                    ..
                }
        )
    };
    if !probes.iter().any(|(clause, _)| is_beginning(clause)) {
        return Ok(None);
    }
    loop {
        for (at, (clause, probe)) in probes.iter_mut().enumerate() {
            if !is_beginning(clause) {
                continue;
            }
            count()?;
            if probe.step()?.is_break() {
                return Ok(Some(at));
            }
        }
    }
}
