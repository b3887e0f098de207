//! The queries of conditional requests and references: read, and asked for after the entries of
//! the same request.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::finder::EntryFinder;
use crate::fhir::{IssueCode, OwnBases, ResourceKey, ResourceType};
use crate::interactions::Failure;
use crate::interactions::change::{Action, Change};
use crate::interactions::writing::entry::Entry;
use crate::interactions::writing::gathering::Gathering;
use crate::search::{self, Clause, IndexEntry, Row, SearchQuery, Test, TooMany};
use crate::storage::SearchError;

/// Reads the query of a conditional request or reference: an address in it that is below one of
/// `bases` names a resource of this server.
///
/// # Errors
/// `PreconditionFailed` if the query is empty, `BadRequest` if it cannot be understood.
pub(in crate::interactions::writing) fn conditional_query(
    bases: OwnBases<'_>,
    resource_type: ResourceType,
    parameters: &[(String, String)],
) -> Result<SearchQuery, Failure> {
    let parsed = search::parse(resource_type, parameters, bases).map_err(Failure::BadRequest)?;
    if !parsed.unknown.is_empty() {
        return Err(Failure::BadRequest(parsed.unknown));
    }
    if parsed.query.clauses.is_empty() {
        return Err(Failure::precondition(
            IssueCode::Invalid,
            "a conditional request needs at least one search criterion",
        ));
    }
    Ok(SearchQuery::all(resource_type, parsed.query.clauses))
}

/// Returns the number of stored matches of one query that decide all about it: two that no change of
/// the request writes or deletes are too many.
pub(in crate::interactions::writing) fn enough_matches(changes: &[Change]) -> usize {
    let is_of_stored = |change: &&Change| !matches!(change.action, Action::Create { .. });
    changes.iter().filter(is_of_stored).count() + 2
}

/// Returns a text that is the same for queries of one type and the same conditions, in any order.
pub(in crate::interactions::writing) fn canonical(query: &SearchQuery) -> String {
    let clauses = query.clauses.iter().map(|clause| format!("{clause:?}"));
    let mut clauses: Vec<String> = clauses.collect();
    clauses.sort_unstable();
    format!("{:?} {}", query.types, clauses.join(" "))
}

/// Tells whether the index entries of the content of a resource meet a query.
pub(in crate::interactions::writing) fn is_match(
    query: &SearchQuery,
    key: &ResourceKey,
    now: Timestamp,
    entries: &[IndexEntry],
) -> bool {
    search::matches(
        query,
        Row {
            key,
            last_updated: now,
            entries,
        },
    )
}

/// The entries of a request, as queries about the state after it see them.
#[derive(Clone, Copy)]
pub(in crate::interactions::writing) struct AfterEntries<'a> {
    /// The entries.
    pub(in crate::interactions::writing) entries: &'a [Entry],
    /// The way to them.
    pub(in crate::interactions::writing) finder: &'a EntryFinder,
    /// The time of the request.
    pub(in crate::interactions::writing) now: Timestamp,
    /// The number of stored matches that are enough: see [`enough_matches`].
    pub(in crate::interactions::writing) enough: usize,
}

impl AfterEntries<'_> {
    /// Returns what a query matches once the entries are written, given what it matches before.
    pub(super) fn keys(self, query: &SearchQuery, stored: Vec<ResourceKey>) -> Vec<ResourceKey> {
        let mut keys: BTreeSet<ResourceKey> = stored
            .into_iter()
            .filter(|key| !self.finder.is_settled(key))
            .collect();
        for at in self.finder.candidates(query) {
            let entry = &self.entries[at];
            let index = entry.index().unwrap_or_default();
            if is_match(query, &entry.key, self.now, index) {
                keys.insert(entry.key.clone());
            }
        }
        keys.into_iter().collect()
    }

    /// Asks what a query matches once the entries are written; chains are followed from step to
    /// step.
    ///
    /// # Errors
    /// `PreconditionFailed` for `_has` where other entries are written; of the store.
    pub(super) fn ask(
        self,
        gathering: &mut Gathering<'_>,
        query: SearchQuery,
    ) -> Result<Vec<ResourceKey>, Failure> {
        let is_alone = self.entries.len() < 2;
        let query = if is_alone || !query.clauses.iter().any(Clause::is_linked) {
            query
        } else {
            search::resolve_links::<Failure>(&query, &mut |step, code, most| {
                if code.is_some() {
                    let text = "a reference that is a search cannot ask by _has who else names the resource, since other entries of the transaction may";
                    return Err(Failure::precondition(IssueCode::NotSupported, text));
                }
                self.step(gathering, step, most)
            })?
        };
        let stored = gathering.matching(query.clone(), self.enough)?;
        Ok(self.keys(&query, stored))
    }

    /// Tells whether the new resource that the entry at that place makes meets a query. Chains are
    /// followed from step to step; `_has` finds other entries, since nothing that is stored names
    /// what is new.
    ///
    /// # Errors
    /// Of the store, and if a step leads to too many resources.
    pub(in crate::interactions::writing) fn is_met(
        self,
        gathering: &mut Gathering<'_>,
        query: &SearchQuery,
        at: usize,
    ) -> Result<bool, Failure> {
        let query = search::resolve_links::<Failure>(query, &mut |step, code, most| match code {
            Some(code) => Ok(self.naming(step, code)),
            None => self.step(gathering, step, most),
        })?;
        let entry = &self.entries[at];
        let index = entry.index().unwrap_or_default();
        Ok(is_match(&query, &entry.key, self.now, index))
    }

    /// Finds what one step of a chain comes to.
    fn step(
        self,
        gathering: &mut Gathering<'_>,
        step: &SearchQuery,
        most: usize,
    ) -> Result<Vec<(ResourceKey, Vec<IndexEntry>)>, Failure> {
        let most = most.saturating_add(self.enough);
        let keys = self.keys(step, gathering.matching(step.clone(), most)?);
        Ok(keys.into_iter().map(|key| (key, Vec::new())).collect())
    }

    /// Finds the entries that a query matches, each with what it names by that parameter.
    fn naming(self, query: &SearchQuery, code: &str) -> Vec<(ResourceKey, Vec<IndexEntry>)> {
        let candidates = self.finder.candidates(query).into_iter();
        let found = candidates.filter_map(|at| {
            let entry = &self.entries[at];
            let index = entry.index().unwrap_or_default();
            let named = index.iter().filter(|entry| entry.parameter == code);
            is_match(query, &entry.key, self.now, index)
                .then(|| (entry.key.clone(), named.cloned().collect()))
        });
        found.collect()
    }
}

impl From<TooMany> for Failure {
    fn from(too_many: TooMany) -> Self {
        SearchError::TooMany(too_many).into()
    }
}

/// Returns the query for the Patients that have an identifier.
pub(in crate::interactions::writing) fn patients_with(system: &str, value: &str) -> SearchQuery {
    let token = Test::Token {
        system: Some(system.to_owned()),
        code: Some(value.to_owned()),
    };
    SearchQuery::all(
        ResourceType::Patient,
        vec![Clause::Parameter {
            code: "identifier".into(),
            any_of: vec![token],
        }],
    )
}
