//! The addresses that a query asks for, so that a caller who knows better can name others.

use super::query::{Clause, SearchQuery, Test};

/// Calls `new` with each resource or address that a reference parameter asks for, also behind a
/// chain or `_has`, and each that a uri parameter asks for (then with true); it is replaced by what
/// that gives.
pub fn rename(query: &mut SearchQuery, new: &mut dyn FnMut(&str, bool) -> Option<String>) {
    for clause in &mut query.clauses {
        match clause {
            Clause::Parameter { any_of, .. } | Clause::Not { any_of, .. } => {
                any_of.iter_mut().for_each(|test| rename_test(test, new));
            }
            Clause::Chain { any_of, .. } => any_of.iter_mut().for_each(|inner| rename(inner, new)),
            Clause::Has { source, .. } => rename(source, new),
            Clause::Ids(_) | Clause::Keys(_) | Clause::LastUpdated(_) | Clause::Missing { .. } => {}
        }
    }
}

fn rename_test(test: &mut Test, new: &mut dyn FnMut(&str, bool) -> Option<String>) {
    match test {
        Test::Reference(named) => {
            if let Some(renamed) = new(named, false) {
                *named = renamed;
            }
        }
        Test::Uri(address) => {
            if let Some(renamed) = new(address, true) {
                *address = renamed;
            }
        }
        Test::Composite(tests) => tests.iter_mut().for_each(|test| rename_test(test, new)),
        Test::Contained(query) => rename(query, new),
        Test::ReferenceIn(_)
        | Test::Token { .. }
        | Test::Date { .. }
        | Test::StartsWith(_)
        | Test::Contains(_)
        | Test::Exactly(_)
        | Test::UriBelow(_)
        | Test::UriAbove(_)
        | Test::Quantity { .. } => {}
    }
}

/// Tells whether a query asks what resources name: references, addresses, chains, `_has`.
pub fn asks_for_names(query: &SearchQuery) -> bool {
    query.clauses.iter().any(|clause| match clause {
        Clause::Parameter { any_of, .. } | Clause::Not { any_of, .. } => any_of.iter().any(is_name),
        Clause::Chain { .. } | Clause::Has { .. } | Clause::Missing { .. } => true,
        Clause::Ids(_) | Clause::Keys(_) | Clause::LastUpdated(_) => false,
    })
}

fn is_name(test: &Test) -> bool {
    match test {
        Test::Reference(_)
        | Test::ReferenceIn(_)
        | Test::Contained(_)
        | Test::Uri(_)
        | Test::UriBelow(_)
        | Test::UriAbove(_) => true,
        Test::Composite(tests) => tests.iter().any(is_name),
        Test::Token { .. }
        | Test::Date { .. }
        | Test::StartsWith(_)
        | Test::Contains(_)
        | Test::Exactly(_)
        | Test::Quantity { .. } => false,
    }
}
