//! Everyone whom a request concerns: the persons about whom it writes, and those whose facts depend
//! on an Organization or PractitionerRole that it changes.

use std::collections::BTreeSet;

use super::gathering::Gathering;
use super::guards;
use super::pending::{self, Pending, person_of};
use crate::deadlines::{self, FACT_TYPES};
use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::stored::parse_stored_members;
use crate::search::{Clause, REFERS_TO, SearchQuery};
use crate::storage::SearchError;

/// The most resources that are read at once: a practice may have all of a municipality's persons.
const READ_AT_ONCE: usize = 256;

/// Finds everyone whom these writes concern.
///
/// # Errors
/// Of the store.
pub(super) fn concerned(
    gathering: &mut Gathering<'_>,
    pending: &Pending,
) -> Result<Vec<Id>, SearchError> {
    let mut persons = pending::persons(pending);
    let changed = pending.iter().filter(|(key, write)| {
        let (before, after) = (write.before.as_deref(), write.content.as_deref());
        deadlines::is_practice(key.resource_type)
            && !deadlines::is_same_practice(key.resource_type, before, after)
    });
    let mut practices: Vec<ResourceKey> = changed.map(|(key, _)| key.clone()).collect();
    // The roles of an Organization are asked next; a role has none.
    while !practices.is_empty() {
        practices = dependents(gathering, &practices, &mut persons)?;
    }
    Ok(persons.into_iter().collect())
}

/// Adds the persons who depend on these practices; answers the PractitionerRoles that do.
fn dependents(
    gathering: &mut Gathering<'_>,
    practices: &[ResourceKey],
    persons: &mut BTreeSet<Id>,
) -> Result<Vec<ResourceKey>, SearchError> {
    gathering.guard(practices.iter().map(guards::dependents))?;
    let queries: Vec<SearchQuery> = practices.iter().map(referring).collect();
    let mut roles = Vec::new();
    let mut facts = BTreeSet::new();
    let found = gathering.server().store.search_keys_many(&queries)?;
    for key in found.into_iter().flatten() {
        match key.resource_type {
            ResourceType::Patient => drop(persons.insert(key.id)),
            ResourceType::PractitionerRole => roles.push(key),
            _ => drop(facts.insert(key)),
        }
    }
    let facts: Vec<ResourceKey> = facts.into_iter().collect();
    for keys in facts.chunks(READ_AT_ONCE) {
        for stored in gathering
            .server()
            .store
            .read_many(keys)?
            .into_iter()
            .flatten()
        {
            let Some(body) = &stored.body else { continue };
            let content = parse_stored_members(&stored.key, body, |name| name == "subject")?;
            persons.extend(person_of(&stored.key, &content));
        }
    }
    Ok(roles)
}

/// Returns the query for all that names a practice and that facts are read from.
fn referring(practice: &ResourceKey) -> SearchQuery {
    let mut types = vec![ResourceType::Patient];
    types.extend(FACT_TYPES);
    if practice.resource_type == ResourceType::Organization {
        types.push(ResourceType::PractitionerRole);
    }
    SearchQuery {
        types,
        ..SearchQuery::all(
            practice.resource_type,
            vec![Clause::reference(REFERS_TO, practice)],
        )
    }
}
