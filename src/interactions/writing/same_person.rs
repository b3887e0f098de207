//! Two Patients with one identifier: the rights of one person would be split in two.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::pending::Pending;
use super::references::conditional::patients_with;
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, view};
use crate::search::SearchQuery;
use crate::storage::{SearchError, Store};

/// The most identifiers of a Patient that are compared with those of others.
const IDENTIFIERS_MAX: usize = 16;

/// The Patients that have the identifiers of those that a request writes.
pub(super) struct PersonIdentifiers<'a> {
    after: HashMap<(&'a str, &'a str), BTreeSet<ResourceKey>>,
}

impl<'a> PersonIdentifiers<'a> {
    /// Finds them, as they are once all is written.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn find(store: &dyn Store, pending: &'a Pending) -> Result<Self, SearchError> {
        let mut after: HashMap<_, BTreeSet<_>> = HashMap::new();
        for (key, write) in pending {
            if key.resource_type == ResourceType::Patient {
                for (_, identifier) in write.content.iter().flat_map(|patient| compared(patient)) {
                    after.entry(identifier).or_default().insert(key.clone());
                }
            }
        }
        let identifiers: Vec<_> = after.keys().copied().collect();
        if identifiers.is_empty() {
            return Ok(PersonIdentifiers { after });
        }
        let queries = identifiers.iter();
        let queries: Vec<SearchQuery> = queries
            .map(|(system, value)| patients_with(system, value))
            .collect();
        let stored = store.search_keys_many(&queries)?;
        for (identifier, keys) in identifiers.into_iter().zip(stored) {
            let kept = keys.into_iter().filter(|key| !pending.contains_key(key));
            after.entry(identifier).or_default().extend(kept);
        }
        Ok(PersonIdentifiers { after })
    }

    /// Returns a warning for each identifier of a Patient that another one has too.
    pub(super) fn shared(&self, own: &ResourceKey, patient: &Value) -> Vec<Issue> {
        let mut warnings = Vec::new();
        if own.resource_type != ResourceType::Patient {
            return warnings;
        }
        for (at, identifier) in compared(patient) {
            let having = self.after.get(&identifier).into_iter().flatten();
            if let Some(other) = having.filter(|key| *key != own).min() {
                let text = format!(
                    "{other} has this identifier too: what is sent about two Patients counts for two persons"
                );
                let at = format!("Patient.identifier[{at}]");
                warnings.push(Issue::warning(IssueCode::Duplicate, at, text));
            }
        }
        warnings
    }
}

/// Returns the identifiers of a Patient that are compared, each with its place.
fn compared(patient: &Value) -> impl Iterator<Item = (usize, (&str, &str))> {
    view::identifiers(patient)
        .enumerate()
        .filter(|(_, (system, _))| !system.is_empty())
        .take(IDENTIFIERS_MAX)
}
