//! The words in which `_explain` describes a search: parameters and kinds of conditions by name,
//! never a value.

use super::query::{Clause, Prefix, Sort, SortBy, SortOrder, Test};
use crate::fhir::counted;

/// Describes a condition, without its values.
pub fn clause_text(clause: &Clause) -> String {
    match clause {
        Clause::Ids(_) => "_id".to_owned(),
        Clause::Keys(_) => "resources found by _has".to_owned(),
        Clause::LastUpdated(any_of) => format!("_lastUpdated ({})", tests_text(any_of)),
        Clause::Parameter { code, any_of } => format!("{code} ({})", tests_text(any_of)),
        Clause::Not { code, any_of } => format!("{code}:not ({})", tests_text(any_of)),
        Clause::Missing { code, is_missing } => format!("{code}:missing={is_missing}"),
        Clause::Chain { code, .. } => format!("{code} (a chain)"),
        Clause::Has { code, .. } => format!("_has by {code}"),
    }
}

/// Describes an order.
pub fn sort_text(sort: &[Sort]) -> String {
    let of = |sort: &Sort| {
        let by = match &sort.by {
            SortBy::Id => "_id",
            SortBy::LastUpdated => "_lastUpdated",
            SortBy::Parameter(code) => code,
        };
        match sort.order {
            SortOrder::Ascending => by.to_owned(),
            SortOrder::Descending => format!("-{by}"),
        }
    };
    sort.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Writes `1 key`, `2 keys`.
pub fn keys_text(keys: usize) -> String {
    counted(keys, "key")
}

fn tests_text(any_of: &[Test]) -> String {
    let Some(first) = any_of.first() else {
        return "no value".to_owned();
    };
    let values: usize = any_of
        .iter()
        .map(|test| match test {
            Test::ReferenceIn(targets) => targets.len(),
            // Told with the references that it stands beside.
            Test::Contained(_) => 0,
            _ => 1,
        })
        .sum();
    let kind = kind(first);
    if values == 1 {
        format!("1 {kind}")
    } else {
        format!("{values} values, as {kind}")
    }
}

fn kind(test: &Test) -> String {
    match test {
        Test::Token { code: Some(_), .. } => "code".to_owned(),
        Test::Token { code: None, .. } => "any code of a system".to_owned(),
        Test::Reference(_) | Test::ReferenceIn(_) | Test::Contained(_) => "reference".to_owned(),
        Test::Date { prefix, .. } => format!("date, {}", prefix_text(*prefix)),
        Test::StartsWith(_) => "text to start with".to_owned(),
        Test::Contains(_) => "text to contain".to_owned(),
        Test::Exactly(_) => "exact text".to_owned(),
        Test::Uri(_) => "address".to_owned(),
        Test::UriBelow(_) => "address to be below".to_owned(),
        Test::UriAbove(_) => "address to be above".to_owned(),
        Test::Quantity { prefix, .. } => format!("number, {}", prefix_text(*prefix)),
        Test::Composite(_) => "composite".to_owned(),
    }
}

fn prefix_text(prefix: Prefix) -> &'static str {
    match prefix {
        Prefix::Eq => "eq",
        Prefix::Ne => "ne",
        Prefix::Gt => "gt",
        Prefix::Lt => "lt",
        Prefix::Ge => "ge",
        Prefix::Le => "le",
        Prefix::Sa => "sa",
        Prefix::Eb => "eb",
        Prefix::Ap => "ap",
    }
}
