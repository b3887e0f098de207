//! Two Patients with one identifier: the rights of one person would be split in two.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::pending::Pending;
use super::references::conditional::patients_with;
use crate::fhir::view::items;
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType, cpr, names, view};
use crate::interactions::DuplicatePatients;
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

    /// Returns the findings about the identifiers of a Patient that is written.
    pub(super) fn findings(
        &self,
        own: &ResourceKey,
        pending: &Pending,
        policy: DuplicatePatients,
    ) -> Vec<Issue> {
        let write = pending
            .get(own)
            .filter(|_| own.resource_type == ResourceType::Patient);
        let Some((write, patient)) =
            write.and_then(|write| Some((write, write.content.as_deref()?)))
        else {
            return Vec::new();
        };
        let shared = self.shared(own, patient, write.before.as_deref(), policy);
        shared
            .into_iter()
            .chain(misplaced_cpr_numbers(patient))
            .collect()
    }

    /// Returns a finding for each identifier of a Patient that another one has too. By the policy it
    /// refuses one that the Patient did not have `before`, so that what is stored can be mended.
    fn shared(
        &self,
        own: &ResourceKey,
        patient: &Value,
        before: Option<&Value>,
        policy: DuplicatePatients,
    ) -> Vec<Issue> {
        let mut findings = Vec::new();
        let had = |identifier: (&str, &str)| {
            let mut before = before.into_iter().flat_map(view::identifiers);
            before.any(|known| known == identifier)
        };
        for (at, identifier) in compared(patient) {
            let having = self.after.get(&identifier).into_iter().flatten();
            if let Some(other) = having.filter(|key| *key != own).min() {
                let text = format!(
                    "{other} has this identifier too: what is sent about two Patients counts for two persons"
                );
                let at = format!("Patient.identifier[{at}]");
                findings.push(if policy == DuplicatePatients::Refuse && !had(identifier) {
                    Issue::error(IssueCode::Duplicate, at, text)
                } else {
                    Issue::warning(IssueCode::Duplicate, at, text)
                });
            }
        }
        findings
    }
}

/// Returns a warning for each identifier of a Patient that is a CPR number in all likelihood and
/// stands under another system: who asks for the person by the CPR number finds nobody.
fn misplaced_cpr_numbers(patient: &Value) -> impl Iterator<Item = Issue> {
    let identifiers = items(&patient["identifier"]).enumerate();
    let misplaced = identifiers.filter(|(_, identifier)| {
        let text = |name: &str| identifier[name].as_str().unwrap_or_default();
        let system = text("system");
        system != names::CPR && !names::is_ecpr_system(system) && cpr::is_cpr_number(text("value"))
    });
    misplaced.map(|(at, _)| {
        let text = format!(
            "found ten digits that are a CPR number in all likelihood, under another system than {}: if it is one, send it under \
             that system, or the person is not found by it",
            names::CPR
        );
        let at = format!("Patient.identifier[{at}].system");
        Issue::warning(IssueCode::BusinessRule, at, text)
    })
}

/// Returns the identifiers of a Patient that are compared, each with its place.
fn compared(patient: &Value) -> impl Iterator<Item = (usize, (&str, &str))> {
    view::identifiers(patient)
        .enumerate()
        .filter(|(_, (system, _))| !system.is_empty())
        .take(IDENTIFIERS_MAX)
}
