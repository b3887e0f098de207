//! Queries that must wait for entries.

use std::collections::BTreeSet;

use crate::search::{Clause, SearchQuery, SortBy};

/// Returns a parameter among `pending` that the query asks for, or sorts by, in itself or along its
/// chains.
pub(in crate::storage::embedded) fn waits_for(
    query: &SearchQuery,
    pending: &BTreeSet<String>,
) -> Option<String> {
    if pending.is_empty() {
        return None;
    }
    let by_type = |code: &str| {
        // What a modifier looks at stands under the parameter and the modifier.
        let code = code.split(':').next().unwrap_or(code);
        query
            .types
            .iter()
            .map(|held| format!("{held}?{code}"))
            .find(|name| pending.contains(name))
    };
    let sorted = query.sort.iter().find_map(|sort| match &sort.by {
        SortBy::Parameter(code) => by_type(code),
        SortBy::Id | SortBy::LastUpdated => None,
    });
    sorted.or_else(|| {
        query.clauses.iter().find_map(|clause| match clause {
            Clause::Ids(_) | Clause::Keys(_) | Clause::LastUpdated(_) => None,
            Clause::Parameter { code, .. }
            | Clause::Not { code, .. }
            | Clause::Missing { code, .. } => by_type(code),
            Clause::Chain { code, any_of } => {
                by_type(code).or_else(|| any_of.iter().find_map(|query| waits_for(query, pending)))
            }
            Clause::Has { code, source } => {
                let named = SearchQuery {
                    clauses: vec![Clause::Missing {
                        code: code.clone(),
                        is_missing: false,
                    }],
                    ..(**source).clone()
                };
                waits_for(&named, pending).or_else(|| waits_for(source, pending))
            }
        })
    })
}
