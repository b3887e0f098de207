//! Which of many filters concern an event, without asking each: a thousand subscriptions, each to
//! its own practice, cost little more than one.
//!
//! A filter is found by the values of one of its conditions: a Task that has none of them does not
//! meet it. What is found is then asked, so that the index only ever saves work:
//! [`Filter::concerns`] decides.

use std::collections::{BTreeSet, HashMap};

use super::filter::{Filter, Side};
use crate::search::{Clause, IndexEntry, IndexValue, Test};

/// Filters, each with whom it belongs to.
#[derive(Debug)]
pub struct FilterIndex<T> {
    all: Vec<(Filter, T)>,
    /// By parameter and value, the places in `all` of the filters that are found so.
    by_value: HashMap<String, HashMap<String, Vec<usize>>>,
    /// The places of those that must be asked each time.
    unindexed: Vec<usize>,
}

impl<T> FilterIndex<T> {
    /// Filters, each with whom it belongs to.
    pub fn new(all: Vec<(Filter, T)>) -> Self {
        let mut shared: HashMap<(&str, &str), usize> = HashMap::new();
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
            // Found by the condition whose values fewest filters share: a practice rather than a
            // status.
            let how_many = |values: &Vec<(&str, &str)>| {
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
                            .entry(value.to_owned())
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

    /// True if there is no filter at all.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whose filters the change concerns, in the order in which they were given.
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

/// The parameter and values of which a Task must have one to meet the condition; none if it asks
/// for something else.
fn values(clause: &Clause) -> Option<Vec<(&str, &str)>> {
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
                code: Some(code), ..
            } => values.push((parameter.as_str(), code.as_str())),
            Test::Reference(target) => values.push((parameter.as_str(), target.as_str())),
            _ => return None,
        }
    }
    Some(values)
}

/// The value by which filters are found that the entry may pass.
fn found_by(entry: &IndexEntry) -> Option<&str> {
    match &entry.value {
        IndexValue::Token { code, .. } => Some(code),
        IndexValue::Reference(target) => Some(target),
        _ => None,
    }
}
