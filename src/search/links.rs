//! Chains and `_has`: conditions on other resources, settled step by step before a query is
//! answered (<https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>).

use std::collections::BTreeSet;
use std::fmt;

use super::entry::{IndexEntry, IndexValue};
use super::query::{Clause, SearchQuery, Test};
use crate::fhir::ResourceKey;

/// The most resources that one step may come to: each becomes a value that the next step looks for.
const STEP_MAX: usize = 20_000;

/// The reason why a search costs too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooMany {
    /// A step of a chain or of `_has` comes to more than this many resources.
    Followed(usize),
    /// More than this many resources would have to be looked at one by one.
    LookedAt(usize),
    /// More than this many index keys would have to be read.
    Read(usize),
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TooMany::Followed(most) => {
                write!(f, "a chain or _has leads to more than {most} resources")
            }
            TooMany::LookedAt(most) => write!(
                f,
                "more than {most} resources would have to be looked at one by one, without an index"
            ),
            TooMany::Read(most) => write!(f, "more than {most} index keys would have to be read"),
        }
    }
}

/// Finds the matches of a settled query: each resource with its index entries of the parameter, if
/// one is named. It may stop as soon as it has found more than the given number.
pub(super) type Find<'f, E> = &'f mut dyn FnMut(
    &SearchQuery,
    Option<&str>,
    usize,
) -> Result<Vec<(ResourceKey, Vec<IndexEntry>)>, E>;

/// Replaces the conditions on other resources by the resources that they come to, so that each
/// resource can be judged alone.
///
/// # Errors
/// The errors of `find`, and a step that comes to too many resources.
pub fn resolve_links<E: From<TooMany>>(
    query: &SearchQuery,
    find: Find<'_, E>,
) -> Result<SearchQuery, E> {
    let clauses = query
        .clauses
        .iter()
        .map(|clause| settle_clause(query, clause, find))
        .collect::<Result<_, E>>()?;
    Ok(SearchQuery {
        clauses,
        ..query.clone()
    })
}

fn settle_clause<E: From<TooMany>>(
    query: &SearchQuery,
    clause: &Clause,
    find: Find<'_, E>,
) -> Result<Clause, E> {
    match clause {
        Clause::Chain { code, any_of } => {
            let (mut targets, mut contained) = (BTreeSet::new(), Vec::new());
            for target in any_of {
                let settled = resolve_links(target, find)?;
                let found = matches_of(&settled, None, find)?;
                targets.extend(found.into_iter().map(|(key, _)| key.to_string()));
                if settled.clauses.iter().all(is_of_contained) {
                    contained.push(Test::Contained(Box::new(settled)));
                }
            }
            let any_of = [Test::ReferenceIn(targets)]
                .into_iter()
                .chain(contained)
                .collect();
            Ok(Clause::Parameter {
                code: code.clone(),
                any_of,
            })
        }
        Clause::Has { code, source } => {
            let settled = resolve_links(source, find)?;
            let named = matches_of(&settled, Some(code), find)?
                .into_iter()
                .flat_map(|(_, entries)| entries);
            let keys = named.filter_map(|entry| match entry.value {
                IndexValue::Reference(target) => ResourceKey::parse(&target),
                _ => None,
            });
            Ok(Clause::Keys(
                keys.filter(|key| query.types.contains(&key.resource_type))
                    .collect(),
            ))
        }
        alone => Ok(alone.clone()),
    }
}

/// Tells whether a contained resource may meet a condition: it has no identity of its own.
fn is_of_contained(clause: &Clause) -> bool {
    !matches!(
        clause,
        Clause::Ids(_) | Clause::Keys(_) | Clause::LastUpdated(_)
    )
}

fn matches_of<E: From<TooMany>>(
    settled: &SearchQuery,
    code: Option<&str>,
    find: Find<'_, E>,
) -> Result<Vec<(ResourceKey, Vec<IndexEntry>)>, E> {
    let found = find(settled, code, STEP_MAX)?;
    if found.len() > STEP_MAX {
        Err(TooMany::Followed(STEP_MAX).into())
    } else {
        Ok(found)
    }
}
