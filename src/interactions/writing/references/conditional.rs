//! The queries of conditional requests and references: read, and answered by keys on which the
//! commit will insist.

use jiff::Timestamp;

use crate::fhir::held::not_held;
use crate::fhir::{IssueCode, ResourceKey, ResourceType};
use crate::interactions::query::query_pairs;
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::{Failure, Server};
use crate::search::{self, Clause, Row, SearchQuery, Test};

/// Finds the resources that a conditional request's query matches; answers them with the query.
///
/// # Errors
/// `PreconditionFailed` if the query is empty, `BadRequest` if it cannot be understood.
pub(in crate::interactions::writing) fn matching_keys(
    gathering: &mut Gathering<'_>,
    resource_type: ResourceType,
    parameters: &[(String, String)],
) -> Result<(Vec<ResourceKey>, SearchQuery), Failure> {
    let query = conditional_query(gathering.server(), resource_type, parameters)?;
    Ok((gathering.matching(query.clone())?, query))
}

fn conditional_query(
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

/// Finds the one resource that a reference names by a search, after deletions, creates and updates
/// of the same transaction (FHIR resolves these references last).
///
/// # Errors
/// `PreconditionFailed` if there is none, or more than one.
pub(super) fn by_search(
    gathering: &mut Gathering<'_>,
    entries: &[Entry],
    now: Timestamp,
    query: &str,
) -> Result<ResourceKey, Failure> {
    let not_one = |what: &str| {
        Failure::precondition(
            IssueCode::MultipleMatches,
            format!("a reference that is a search {what}"),
        )
    };
    let (type_name, parameters) = query.split_once('?').unwrap_or((query, ""));
    let resource_type: ResourceType = type_name
        .parse()
        .map_err(|_| not_one(&format!("names a type: {}", not_held(type_name))))?;
    let query = conditional_query(gathering.server(), resource_type, &query_pairs(parameters)?)?;
    let mut keys = keys_with(gathering, entries, now, query)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (None, _) => Err(Failure::precondition(
            IssueCode::NotFound,
            "a reference that is a search matches nothing",
        )),
        (Some(_), false) => Err(not_one("matches more than one resource")),
    }
}

/// Finds the resources that a query matches once the entries of the same request are written.
///
/// # Errors
/// `PreconditionFailed` for a query about further resources.
pub(super) fn keys_with(
    gathering: &mut Gathering<'_>,
    entries: &[Entry],
    now: Timestamp,
    query: SearchQuery,
) -> Result<Vec<ResourceKey>, Failure> {
    if query.clauses.iter().any(Clause::is_linked) {
        let text = "a reference that is a search cannot ask about further resources (chains, _has)";
        return Err(Failure::precondition(IssueCode::NotSupported, text));
    }
    // A request of one change knows of no others.
    let others = if entries.len() < 2 { &[] } else { entries };
    let found = |entry: &&Entry| {
        entry.index().is_some_and(|index| {
            let row = Row {
                key: &entry.key,
                last_updated: now,
                entries: index,
            };
            search::matches(&query, row)
        })
    };
    let written = others.iter().filter(found);
    let mut keys: Vec<ResourceKey> = written.map(|entry| entry.key.clone()).collect();
    let is_settled = |key: &ResourceKey| {
        others
            .iter()
            .any(|entry| entry.key == *key && !matches!(entry.step, EntryWrite::Nothing(_)))
    };
    let stored = gathering.matching(query)?;
    keys.extend(stored.into_iter().filter(|key| !is_settled(key)));
    keys.sort();
    Ok(keys)
}

/// Returns the query for the Patients that have an identifier.
pub(super) fn patients_with(system: &str, value: &str) -> SearchQuery {
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
