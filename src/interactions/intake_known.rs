//! Reading what is stored of those whom a foreign Bundle names, gathered in a few batches. Everything is
//! held until the commit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Failure;
use super::stored::parse_stored;
use super::writing::gathering::Gathering;
use super::writing::guards;
use crate::fhir::view::items;
use crate::fhir::{FhirDate, Reference, ResourceKey, ResourceType};
use crate::intake::{KnownParties, KnownResource, Statement};
use crate::search::{Clause, Prefix, SearchQuery, Test};
use crate::storage::{StoreError, StoredVersion};

/// The most matches of one question that are looked at.
const MATCHES_MAX: usize = 2_000;

/// A resource as it is stored: its last version, and the content if that is no deletion.
pub(super) type StoredContentOf = (Option<StoredVersion>, Option<Value>);

/// Gathers what must be known to convert a Bundle; none if two Patients have the identifier of the
/// person.
///
/// # Errors
/// Of the store.
pub(super) fn known_parties(
    gathering: &mut Gathering<'_>,
    statement: &Statement<'_>,
) -> Result<Option<KnownParties>, Failure> {
    let wanted = statement.wanted();
    let mut queries = vec![identified(ResourceType::Patient, &wanted.person)];
    if !wanted.organizations.is_empty() {
        queries.push(identified(
            ResourceType::Organization,
            &wanted.organizations,
        ));
    }
    let mut found = Vec::new();
    for keys in gathering.matching_many(queries, MATCHES_MAX) {
        found.push(keys?);
    }
    let patients = found.remove(0);
    if patients.len() > 1 {
        return Ok(None);
    }
    let organizations: Vec<ResourceKey> = found.into_iter().flatten().collect();
    let persons = patients.iter().map(|patient| guards::person(&patient.id));
    let practices = organizations.iter().map(guards::resource);
    gathering.guard(persons.chain(practices))?;
    let mut known = KnownParties {
        patient: existing(gathering, &patients)?.pop(),
        organizations: existing(gathering, &organizations)?,
        ..KnownParties::default()
    };
    if let Some(patient) = known.patient.as_ref().map(|patient| patient.key.clone()) {
        known.of_person = about(gathering, &patient, wanted.of_person)?;
        stated_before(gathering, statement, &mut known)?;
    }
    Ok(Some(known))
}

/// Reads the last versions of resources, in the order of their keys.
///
/// # Errors
/// Of the store.
pub(super) fn stored_versions(
    gathering: &Gathering<'_>,
    keys: &[ResourceKey],
) -> Result<Vec<StoredContentOf>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let stored = gathering.server().store.read_many(keys)?;
    let read = |(key, stored): (&ResourceKey, Option<StoredVersion>)| {
        let body = stored.as_ref().and_then(|stored| stored.body.as_deref());
        let content = body.map(|body| parse_stored(key, body)).transpose()?;
        Ok((stored, content))
    };
    keys.iter().zip(stored).map(read).collect()
}

/// Reads those of some resources that exist.
fn existing(
    gathering: &Gathering<'_>,
    keys: &[ResourceKey],
) -> Result<Vec<KnownResource>, StoreError> {
    let stored = stored_versions(gathering, keys)?;
    let existing = keys.iter().zip(stored).filter_map(|(key, (_, content))| {
        Some(KnownResource {
            key: key.clone(),
            content: content?,
        })
    });
    Ok(existing.collect())
}

/// Reads everything of some types about a person.
fn about(
    gathering: &Gathering<'_>,
    patient: &ResourceKey,
    types: &[ResourceType],
) -> Result<Vec<KnownResource>, Failure> {
    let query = |of_type: &ResourceType| {
        SearchQuery::all(*of_type, vec![Clause::reference("patient", patient)])
    };
    let queries: Vec<SearchQuery> = types.iter().map(query).collect();
    let pages = gathering.server().store.search_many(&queries)?;
    let mut known = Vec::new();
    for stored in pages.into_iter().flat_map(|page| page.matches) {
        if let Some(body) = &stored.body {
            let content = parse_stored(&stored.key, body)?;
            known.push(KnownResource {
                key: stored.key,
                content,
            });
        }
    }
    Ok(known)
}

/// Finds out what the sender has said of the person before, and what of it later than this.
fn stated_before(
    gathering: &mut Gathering<'_>,
    statement: &Statement<'_>,
    known: &mut KnownParties,
) -> Result<(), Failure> {
    let sender = statement.sender_key(&known.organizations);
    let keys: BTreeSet<ResourceKey> = known
        .of_person
        .iter()
        .map(|known| known.key.clone())
        .collect();
    let Some(sender) = sender.filter(|_| !keys.is_empty()) else {
        return Ok(());
    };
    let of_sender = |targets: BTreeSet<String>| {
        let target = Clause::Parameter {
            code: "target".into(),
            any_of: vec![Test::ReferenceIn(targets)],
        };
        let clauses = vec![target, Clause::reference("agent", &sender)];
        SearchQuery::all(ResourceType::Provenance, clauses)
    };
    if statement.is_whole_list {
        let each = keys.iter().map(|key| of_sender([key.to_string()].into()));
        let queries: Vec<SearchQuery> = each.collect();
        let found = gathering.server().store.search_few_keys(&queries, 1)?;
        let stated = keys
            .iter()
            .zip(found)
            .filter(|(_, found)| !found.is_empty());
        known.of_sender = stated.map(|(key, _)| key.clone()).collect();
    }
    let instant = statement.instant.as_ref();
    let Some(instant) = instant.and_then(|(text, _)| FhirDate::parse(text)) else {
        return Ok(());
    };
    let (from_us, until_us) = instant.range_us();
    let mut later = of_sender(keys.iter().map(ResourceKey::to_string).collect());
    later.clauses.push(Clause::Parameter {
        code: "when".into(),
        any_of: vec![Test::Date {
            prefix: Prefix::Sa,
            from_us,
            until_us,
        }],
    });
    let later = gathering.matching(later, MATCHES_MAX)?;
    for known_later in existing(gathering, &later)? {
        let targets = items(&known_later.content["target"]);
        let targets = targets.filter_map(|target| Reference::read(target).local_key().cloned());
        known.stated_later.extend(targets);
    }
    Ok(())
}

/// Returns the query for resources of a type that have one of these identifiers.
fn identified<'i>(
    resource_type: ResourceType,
    identifiers: impl IntoIterator<Item = &'i (String, String)>,
) -> SearchQuery {
    let identifiers = identifiers.into_iter();
    let any_of = identifiers
        .map(|(system, value)| Test::Token {
            system: Some(system.clone()),
            code: Some(value.clone()),
        })
        .collect();
    let clause = Clause::Parameter {
        code: "identifier".into(),
        any_of,
    };
    SearchQuery::all(resource_type, vec![clause])
}
