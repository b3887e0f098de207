//! Which resources a query accepts, and in which order: the definition that every engine's index must agree with.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::entry::{IndexEntry, IndexValue};
use super::query::{Clause, DatePrefix, SearchQuery, Sort, SortBy, Test, instant_span_us};
use crate::fhir::ResourceKey;

/// What a query looks at of one version of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The resource.
    pub key: &'a ResourceKey,
    /// The instant of the version.
    pub last_updated: Timestamp,
    /// Its index entries.
    pub entries: &'a [IndexEntry],
}

/// True if the query's types and clauses accept the row.
pub fn matches(query: &SearchQuery, row: Row<'_>) -> bool {
    query.types.contains(&row.key.resource_type) && query.clauses.iter().all(|clause| holds(clause, row))
}

fn holds(clause: &Clause, row: Row<'_>) -> bool {
    match clause {
        Clause::Ids(ids) => ids.contains(&row.key.id),
        Clause::LastUpdated(any_of) => {
            let (from_us, until_us) = instant_span_us(row.last_updated);
            let value = IndexValue::Date { from_us, until_us };
            any_of.iter().any(|test| passes(test, &value))
        }
        Clause::Parameter { code, any_of } => {
            row.entries.iter().filter(|entry| entry.parameter == *code).any(|entry| any_of.iter().any(|test| passes(test, &entry.value)))
        }
    }
}

fn passes(test: &Test, value: &IndexValue) -> bool {
    match (test, value) {
        (Test::Token { system: wanted_system, code: wanted_code }, IndexValue::Token { system, code }) => {
            wanted_system.as_ref().is_none_or(|wanted| wanted == system) && wanted_code.as_ref().is_none_or(|wanted| wanted == code)
        }
        (Test::Reference(wanted), IndexValue::Reference(target)) => wanted == target,
        (Test::Date { prefix, from_us, until_us }, IndexValue::Date { from_us: first, until_us: after }) => {
            compare(*prefix, (*from_us, *until_us), (*first, *after))
        }
        (Test::StartsWith(start), IndexValue::Text(text)) => text.starts_with(start.as_str()),
        (Test::Uri(wanted), IndexValue::Uri(address)) => wanted == address,
        (Test::Token { .. } | Test::Reference(_) | Test::Date { .. } | Test::StartsWith(_) | Test::Uri(_), _) => false,
    }
}

/// R4's table of prefixes over spans; each span is its first instant and the first one after it.
fn compare(prefix: DatePrefix, asked: (i64, i64), found: (i64, i64)) -> bool {
    let contained = asked.0 <= found.0 && found.1 <= asked.1;
    match prefix {
        DatePrefix::Eq => contained,
        DatePrefix::Ne => !contained,
        DatePrefix::Gt => found.1 > asked.1,
        DatePrefix::Lt => found.0 < asked.0,
        DatePrefix::Ge => found.1 > asked.1 || contained,
        DatePrefix::Le => found.0 < asked.0 || contained,
        DatePrefix::Sa => found.0 >= asked.1,
        DatePrefix::Eb => found.1 <= asked.0,
    }
}

/// Puts the rows in the query's order; ties by type and id, so that the order is total.
pub fn sort_rows<R>(rows: &mut [R], sort: &[Sort], view: impl for<'a> Fn(&'a R) -> Row<'a>) {
    rows.sort_by(|left, right| {
        let (left, right) = (view(left), view(right));
        let by_criteria = sort.iter().map(|criterion| order(criterion, left, right)).find(|order| order.is_ne());
        by_criteria.unwrap_or_else(|| left.key.cmp(right.key))
    });
}

fn order(sort: &Sort, left: Row<'_>, right: Row<'_>) -> Ordering {
    let directed = |order: Ordering| if sort.descending { order.reverse() } else { order };
    match &sort.by {
        SortBy::Id => directed(left.key.id.cmp(&right.key.id)),
        SortBy::LastUpdated => directed(left.last_updated.cmp(&right.last_updated)),
        SortBy::Parameter(code) => match (sort_value(code, sort.descending, left), sort_value(code, sort.descending, right)) {
            (Some(left), Some(right)) => directed(left.cmp(right)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        },
    }
}

fn sort_value<'a>(code: &str, descending: bool, row: Row<'a>) -> Option<&'a IndexValue> {
    let values = row.entries.iter().filter(|entry| entry.parameter == code).map(|entry| &entry.value);
    if descending { values.max() } else { values.min() }
}
