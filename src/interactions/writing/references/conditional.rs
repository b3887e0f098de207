//! The queries of conditional requests and references: read, and asked for after the entries of
//! the same request.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::finder::EntryFinder;
use crate::fhir::{IssueCode, ResourceKey, ResourceType};
use crate::interactions::writing::entry::Entry;
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::{Failure, Server};
use crate::search::{self, Clause, IndexEntry, Row, SearchQuery, Test, TooMany};
use crate::storage::SearchError;

/// Reads the query of a conditional request or reference.
///
/// # Errors
/// `PreconditionFailed` if the query is empty, `BadRequest` if it cannot be understood.
pub(in crate::interactions::writing) fn conditional_query(
    server: &Server,
    resource_type: ResourceType,
    parameters: &[(String, String)],
) -> Result<SearchQuery, Failure> {
    let parsed =
        search::parse(resource_type, parameters, &server.base_url).map_err(Failure::BadRequest)?;
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
pub(super) struct AfterEntries<'a> {
    /// The entries.
    pub(super) entries: &'a [Entry],
    /// The way to them.
    pub(super) finder: &'a EntryFinder,
    /// The time of the request.
    pub(super) now: Timestamp,
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
            search::resolve_links::<Failure>(&query, &mut |step, code, _| {
                if code.is_some() {
                    let text = "a reference that is a search cannot ask by _has who else names the resource, since other entries of the transaction may";
                    return Err(Failure::precondition(IssueCode::NotSupported, text));
                }
                let keys = self.keys(step, gathering.matching(step.clone())?);
                Ok(keys.into_iter().map(|key| (key, Vec::new())).collect())
            })?
        };
        let stored = gathering.matching(query.clone())?;
        Ok(self.keys(&query, stored))
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
