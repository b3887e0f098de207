//! An index of many filters, which finds those that an event concerns without trying each: a
//! thousand subscriptions, each to its own practice, cost little more than one.
//!
//! A filter is found by the values of one of its conditions: a Task that has none of them does not
//! meet it. Each filter found is then tried, so that the index only ever saves work:
//! [`EventFilter::concerns`] decides.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::filter::{EventFilter, Side};
use crate::search::{Clause, IndexEntry, IndexValue, Test, other_spellings};

/// Filters, each with its owner.
#[derive(Debug)]
pub struct FilterIndex<T> {
    all: Vec<(EventFilter, T)>,
    /// By parameter and value, the places in `all` of the filters that are found by them.
    by_value: HashMap<String, HashMap<String, Vec<usize>>>,
    /// The places of the filters that must be tried each time.
    unindexed: Vec<usize>,
}

impl<T> FilterIndex<T> {
    /// Makes the index of filters, each with its owner.
    pub fn new(all: Vec<(EventFilter, T)>) -> Self {
        let mut shared: HashMap<SharedValue<'_>, usize> = HashMap::new();
        for value in all
            .iter()
            .flat_map(|(filter, _)| filter.clauses())
            .filter_map(values)
            .flatten()
        {
            *shared.entry(value).or_default() += 1;
        }
        let (mut by_value, mut unindexed) = (
            HashMap::<String, HashMap<String, Vec<usize>>>::new(),
            Vec::new(),
        );
        for (place, (filter, _)) in all.iter().enumerate() {
            // Found by the condition whose values the fewest filters share: a practice rather than
            // a status.
            let how_many = |values: &Vec<SharedValue<'_>>| {
                values
                    .iter()
                    .map(|value| shared.get(value).copied().unwrap_or_default())
                    .sum::<usize>()
            };
            match filter.clauses().filter_map(values).min_by_key(how_many) {
                Some(values) => {
                    for (parameter, value) in values.into_iter().collect::<BTreeSet<_>>() {
                        by_value
                            .entry(parameter.to_owned())
                            .or_default()
                            .entry(value.into_owned())
                            .or_default()
                            .push(place);
                    }
                }
                None => unindexed.push(place),
            }
        }
        FilterIndex {
            all,
            by_value,
            unindexed,
        }
    }

    /// Tells whether there is no filter at all.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the owners of the filters that the change concerns, in the order in which they were
    /// given.
    pub fn concerned(&self, before: Option<Side<'_>>, after: Side<'_>) -> impl Iterator<Item = &T> {
        let entries = before
            .into_iter()
            .chain([after])
            .flat_map(|side| side.entries);
        let found = entries
            .filter_map(|entry| self.by_value.get(&entry.parameter)?.get(found_by(entry)?))
            .flatten();
        let places: BTreeSet<usize> = found.chain(&self.unindexed).copied().collect();
        let asked = places.into_iter().filter_map(|place| self.all.get(place));
        asked
            .filter(move |(filter, _)| filter.concerns(before, after))
            .map(|(_, whose)| whose)
    }
}

/// A parameter and a value.
type SharedValue<'a> = (&'a str, Cow<'a, str>);

/// Returns the parameter and values of which a Task must have one to meet the condition; none if
/// the condition is of another kind.
fn values(clause: &Clause) -> Option<Vec<SharedValue<'_>>> {
    let Clause::Parameter {
        code: parameter,
        any_of,
    } = clause
    else {
        return None;
    };
    let mut values = Vec::new();
    for test in any_of {
        match test {
            Test::Token {
                system,
                code: Some(code),
            } => {
                values.push((parameter.as_str(), Cow::Borrowed(code.as_str())));
                // Without a system it also stands for its spellings in the terminologies.
                if system.is_none() {
                    let others = other_spellings(code).into_iter();
                    let spelling = |(_, code)| (parameter.as_str(), Cow::Owned(code));
                    values.extend(others.map(spelling));
                }
            }
            Test::Reference(target) => {
                values.push((parameter.as_str(), Cow::Borrowed(target.as_str())));
            }
            _ => return None,
        }
    }
    Some(values)
}

/// Returns the value by which the filters that the entry may pass are found.
fn found_by(entry: &IndexEntry) -> Option<&str> {
    match &entry.value {
        IndexValue::Token { code, .. } => Some(code),
        IndexValue::Reference(target) => Some(target),
        _ => None,
    }
}
