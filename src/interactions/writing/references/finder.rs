//! Finding the entries of one request whose content a query may match, without looking at each.

use std::collections::{HashMap, HashSet};

use crate::fhir::{ResourceKey, ResourceType, view};
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::search::{Clause, SearchQuery, Test};

/// The contents of a request, by type and by identifier.
#[derive(Default)]
pub(in crate::interactions::writing) struct EntryFinder {
    by_type: HashMap<ResourceType, Vec<usize>>,
    by_identifier: HashMap<(ResourceType, String), Vec<usize>>,
    /// All that is written or deleted: what is stored of it does not count.
    settled: HashSet<ResourceKey>,
}

impl EntryFinder {
    /// Looks at all entries of a request. A request of one change knows of no others.
    pub(in crate::interactions::writing) fn of(entries: &[Entry]) -> Self {
        let mut finder = EntryFinder::default();
        if entries.len() > 1 {
            for (at, entry) in entries.iter().enumerate() {
                finder.add(at, entry);
            }
        }
        finder
    }

    /// Adds the entry at that place.
    pub(in crate::interactions::writing) fn add(&mut self, at: usize, entry: &Entry) {
        let resource = match &entry.step {
            EntryWrite::Nothing(_) => return,
            EntryWrite::Delete => None,
            EntryWrite::Put(resource, _) => Some(resource),
        };
        self.settled.insert(entry.key.clone());
        let Some(resource) = resource else { return };
        let resource_type = entry.key.resource_type;
        self.by_type.entry(resource_type).or_default().push(at);
        let values: HashSet<&str> = view::identifiers(resource.value())
            .map(|(_, value)| value)
            .collect();
        for value in values {
            let name = (resource_type, value.to_owned());
            self.by_identifier.entry(name).or_default().push(at);
        }
    }

    /// Tells whether an entry writes or deletes this resource.
    pub(in crate::interactions::writing) fn is_settled(&self, key: &ResourceKey) -> bool {
        self.settled.contains(key)
    }

    /// Returns the places of the entries that a query may match: all others it does not.
    pub(in crate::interactions::writing) fn candidates(&self, query: &SearchQuery) -> Vec<usize> {
        let of_type = |resource_type: &ResourceType| match identifiers(query) {
            Some(values) => {
                let named = values.iter().filter_map(|value| {
                    self.by_identifier
                        .get(&(*resource_type, (*value).to_owned()))
                });
                named.flatten().copied().collect()
            }
            None => self.by_type.get(resource_type).cloned().unwrap_or_default(),
        };
        let mut found: Vec<usize> = query.types.iter().flat_map(of_type).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Returns the identifiers one of which a match has, if the query says so.
fn identifiers(query: &SearchQuery) -> Option<Vec<&str>> {
    query.clauses.iter().find_map(|clause| match clause {
        Clause::Parameter { code, any_of } if code == "identifier" => {
            any_of.iter().map(code_of).collect()
        }
        _ => None,
    })
}

fn code_of(test: &Test) -> Option<&str> {
    match test {
        Test::Token { code, .. } => code.as_deref(),
        _ => None,
    }
}
