//! The meaning of a query: the resources that it accepts, and their order. The index of every
//! engine must agree with it.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::codings::is_spelling;
use super::collation;
use super::contained_in::{ContainedIn, OwnValue};
use super::entry::{IndexEntry, IndexValue};
use super::query::{
    Clause, Prefix, SearchQuery, Sort, SortBy, SortOrder, Test, instant_span_us, is_of,
};
use super::text_folding::fold;
use crate::fhir::ResourceKey;

/// One version of a resource as a query looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The resource.
    pub key: &'a ResourceKey,
    /// The instant of the version.
    pub last_updated: Timestamp,
    /// Its index entries.
    pub entries: &'a [IndexEntry],
}

/// Returns true if the query's types and clauses accept the row.
pub fn matches(query: &SearchQuery, row: Row<'_>) -> bool {
    let contained = ContainedIn::of(row.entries);
    query.types.contains(&row.key.resource_type)
        && query
            .clauses
            .iter()
            .all(|clause| holds(clause, row, &contained))
}

fn holds(clause: &Clause, row: Row<'_>, contained: &ContainedIn<'_>) -> bool {
    match clause {
        Clause::Ids(ids) => ids.contains(&row.key.id),
        Clause::Keys(keys) => keys.contains(row.key),
        Clause::LastUpdated(any_of) => {
            let (from_us, until_us) = instant_span_us(row.last_updated);
            let value = IndexValue::Date { from_us, until_us };
            any_of.iter().any(|test| passes(test, &value, contained))
        }
        Clause::Parameter { .. }
        | Clause::Not { .. }
        | Clause::Missing { .. }
        | Clause::Chain { .. }
        | Clause::Has { .. } => {
            let own = row
                .entries
                .iter()
                .map(|entry| (entry.parameter.as_str(), &entry.value));
            holds_among(clause, own, contained)
        }
    }
}

/// Tells whether a condition holds of a resource with these values. `contained` is what it contains,
/// or what stands beside it in the one that contains it.
fn holds_among<'a>(
    clause: &Clause,
    own: impl Iterator<Item = OwnValue<'a>> + Clone,
    contained: &ContainedIn<'_>,
) -> bool {
    let any = |code: &str, any_of: &[Test]| {
        own.clone()
            .filter(|(parameter, _)| *parameter == code)
            .any(|(_, value)| any_of.iter().any(|test| passes(test, value, contained)))
    };
    match clause {
        Clause::Parameter { code, any_of } => any(code, any_of),
        Clause::Not { code, any_of } => !any(code, any_of),
        Clause::Missing { code, is_missing } => {
            own.clone().any(|(parameter, _)| is_of(parameter, code)) != *is_missing
        }
        // One row says nothing about others: such a query is settled first. And a contained resource
        // has no identity of its own.
        Clause::Chain { .. }
        | Clause::Has { .. }
        | Clause::Ids(_)
        | Clause::Keys(_)
        | Clause::LastUpdated(_) => false,
    }
}

/// Tells whether a reference names a contained resource that meets a query.
fn names_contained(target: &str, query: &SearchQuery, contained: &ContainedIn<'_>) -> bool {
    let Some(anchor) = target.strip_prefix('#') else {
        return false;
    };
    let meets = |own: &[OwnValue<'_>]| {
        let mut clauses = query.clauses.iter();
        clauses.all(|clause| holds_among(clause, own.iter().copied(), contained))
    };
    contained.anchors(query, meets).contains(anchor)
}

/// Tells whether a value passes a test; one of another kind never does. `contained` is what its
/// references may name.
fn passes(test: &Test, value: &IndexValue, contained: &ContainedIn<'_>) -> bool {
    match test {
        Test::Token {
            system: wanted_system,
            code: wanted_code,
        } => matches!(
            value,
            IndexValue::Token { system, code }
                if is_wanted(wanted_system, system)
                    && wanted_code.as_ref().is_none_or(|wanted| match wanted_system {
                        Some(_) => wanted == code,
                        None => is_spelling(wanted, system, code),
                    })
        ),
        Test::Reference(wanted) => {
            matches!(value, IndexValue::Reference(target) if wanted == target)
        }
        Test::ReferenceIn(wanted) => {
            matches!(value, IndexValue::Reference(target) if wanted.contains(target))
        }
        Test::Contained(query) => {
            matches!(value, IndexValue::Reference(target) if names_contained(target, query, contained))
        }
        Test::Date {
            prefix,
            from_us,
            until_us,
        } => matches!(
            value,
            IndexValue::Date { from_us: first, until_us: after }
                if compare(*prefix, (from_us, until_us), (first, after))
        ),
        Test::StartsWith(start) => {
            matches!(value, IndexValue::Text(text) if fold(text).starts_with(start.as_str()))
        }
        Test::Contains(part) => {
            matches!(value, IndexValue::Text(text) if fold(text).contains(part.as_str()))
        }
        Test::Exactly(wanted) => matches!(value, IndexValue::Text(text) if wanted == text),
        Test::Uri(wanted) => matches!(value, IndexValue::Uri(address) if wanted == address),
        Test::UriBelow(wanted) => {
            matches!(value, IndexValue::Uri(address) if goes_on(wanted, address))
        }
        Test::UriAbove(wanted) => {
            matches!(value, IndexValue::Uri(address) if goes_on(address, wanted))
        }
        Test::Quantity {
            prefix,
            from,
            until,
            system: wanted_system,
            code: wanted_code,
        } => matches!(
            value,
            IndexValue::Quantity { from: first, until: after, system, code }
                if is_wanted(wanted_system, system)
                    && is_wanted(wanted_code, code)
                    && compare(*prefix, (from, until), (first, after))
        ),
        Test::Composite(tests) => matches!(
            value,
            IndexValue::Composite(values)
                if tests.len() == values.len()
                    && tests.iter().zip(values).all(|(test, value)| passes(test, value, contained))
        ),
    }
}

fn is_wanted(wanted: &Option<String>, found: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

/// Returns true if the address is the upper one, or continues its path.
fn goes_on(upper: &str, address: &str) -> bool {
    address
        .strip_prefix(upper)
        .is_some_and(|rest| rest.is_empty() || upper.ends_with('/') || rest.starts_with('/'))
}

/// Returns the addresses that [`Test::UriAbove`] finds: an address itself, and each at which its
/// path can be cut off.
pub fn uris_above(address: &str) -> Vec<&str> {
    let cuts = address
        .match_indices('/')
        .flat_map(|(at, _)| [at, at + 1])
        .chain([address.len()]);
    let mut above: Vec<&str> = cuts.map(|end| &address[..end]).collect();
    above.dedup();
    above
}

/// Applies R4's table of prefixes to two spans; each span is its first value and the first one
/// after it.
fn compare<T: Ord>(prefix: Prefix, asked: (T, T), found: (T, T)) -> bool {
    let contained = asked.0 <= found.0 && found.1 <= asked.1;
    match prefix {
        Prefix::Eq => contained,
        Prefix::Ne => !contained,
        Prefix::Gt => found.1 > asked.1,
        Prefix::Lt => found.0 < asked.0,
        Prefix::Ge => found.1 > asked.1 || contained,
        Prefix::Le => found.0 < asked.0 || contained,
        Prefix::Sa => found.0 >= asked.1,
        Prefix::Eb => found.1 <= asked.0,
        Prefix::Ap => found.0 < asked.1 && asked.0 < found.1,
    }
}

/// Puts the rows in the query's order. Ties are ordered by type and id, so that the order is total.
pub fn sort_rows<R>(rows: &mut [R], sort: &[Sort], view: impl for<'a> Fn(&'a R) -> Row<'a>) {
    rows.sort_by(|left, right| {
        let (left, right) = (view(left), view(right));
        let by_criteria = sort
            .iter()
            .map(|criterion| order(criterion, left, right))
            .find(|order| order.is_ne());
        by_criteria.unwrap_or_else(|| left.key.cmp(right.key))
    });
}

fn order(sort: &Sort, left: Row<'_>, right: Row<'_>) -> Ordering {
    let directed = |order: Ordering| match sort.order {
        SortOrder::Ascending => order,
        SortOrder::Descending => order.reverse(),
    };
    match &sort.by {
        SortBy::Id => directed(left.key.id.cmp(&right.key.id)),
        SortBy::LastUpdated => directed(left.last_updated.cmp(&right.last_updated)),
        SortBy::Parameter(code) => match (
            sort_value(code, sort.order, left),
            sort_value(code, sort.order, right),
        ) {
            (Some(left), Some(right)) => directed(by_value(left, right)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        },
    }
}

fn sort_value<'a>(code: &str, order: SortOrder, row: Row<'a>) -> Option<&'a IndexValue> {
    let values = row
        .entries
        .iter()
        .filter(|entry| entry.parameter == code)
        .map(|entry| &entry.value);
    match order {
        SortOrder::Ascending => values.min_by(|left, right| by_value(left, right)),
        SortOrder::Descending => values.max_by(|left, right| by_value(left, right)),
    }
}

/// Compares two values; texts as Danes order them.
fn by_value(left: &IndexValue, right: &IndexValue) -> Ordering {
    match (left, right) {
        (IndexValue::Text(left), IndexValue::Text(right)) => collation::compare(left, right),
        _ => left.cmp(right),
    }
}
