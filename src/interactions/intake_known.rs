//! Reading what is stored of those whom a foreign Bundle names, gathered in a few batches. Everything is
//! held until the commit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Failure;
use super::stored::parse_stored;
use super::writing::gathering::Gathering;
use super::writing::guards;
use crate::fhir::view::{identifiers, items};
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
    let asked = [&wanted.person, &wanted.person_else];
    let asked = asked.into_iter().filter(|numbers| !numbers.is_empty());
    let asked = asked.map(|numbers| identified(ResourceType::Patient, numbers));
    let mut queries: Vec<SearchQuery> = asked.collect();
    let of_persons = queries.len();
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
    let organizations: Vec<ResourceKey> = found.drain(of_persons..).flatten().collect();
    let mut found = found.into_iter();
    let (first, others) = (
        found.next().unwrap_or_default(),
        found.next().unwrap_or_default(),
    );
    let by_other = first.is_empty();
    let has_others = !by_other && others.iter().any(|other| !first.contains(other));
    let patients = if by_other { others } else { first };
    if patients.len() > 1 {
        return Ok(None);
    }
    let persons = patients.iter().map(|patient| guards::person(&patient.id));
    let practices = organizations.iter().map(guards::resource);
    gathering.guard(persons.chain(practices))?;
    let mut known = KnownParties {
        patient: existing(gathering, &patients)?.pop(),
        organizations: existing(gathering, &organizations)?,
        ..KnownParties::default()
    };
    if has_others {
        known.numbers_of_others.clone_from(&wanted.person_else);
    }
    let is_another = |patient: &KnownResource| by_other && has_another(patient, &wanted.person);
    if known.patient.as_ref().is_some_and(is_another) {
        return Ok(None);
    }
    if let Some(patient) = known.patient.as_ref().map(|patient| patient.key.clone()) {
        known.of_person = about(gathering, &patient, wanted.of_person)?;
        stated_before(gathering, statement, &mut known)?;
    }
    Ok(Some(known))
}

/// Tells whether a person has a number of one of these systems, and not this one: two numbers that were
/// sent as one person's are those of two.
fn has_another(patient: &KnownResource, numbers: &[(String, String)]) -> bool {
    let is_of_system = |system: &str| numbers.iter().any(|(known, _)| known == system);
    let mut own = identifiers(&patient.content).filter(|(system, _)| is_of_system(system));
    let is_sent = |(system, value): (&str, &str)| {
        let mut numbers = numbers.iter();
        numbers.any(|number| (number.0.as_str(), number.1.as_str()) == (system, value))
    };
    let first = own.next();
    first.is_some_and(|first| !is_sent(first) && !own.any(is_sent))
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
    let keys: BTreeSet<ResourceKey> = known
        .of_person
        .iter()
        .map(|known| known.key.clone())
        .collect();
    let senders = senders(statement, known);
    if senders.is_empty() || keys.is_empty() {
        return Ok(());
    }
    if statement.is_whole_list {
        let each = keys.iter().flat_map(|key| {
            let of_key = |sender: &Clause| by_sender([key.to_string()].into(), sender);
            senders.iter().map(of_key).collect::<Vec<_>>()
        });
        let queries: Vec<SearchQuery> = each.collect();
        let found = gathering.server().store.search_few_keys(&queries, 1)?;
        let stated = keys.iter().zip(found.chunks(senders.len()));
        let stated = stated.filter(|(_, found)| found.iter().any(|found| !found.is_empty()));
        known.of_sender = stated.map(|(key, _)| key.clone()).collect();
    }
    let instant = statement.instant.as_ref();
    let Some(instant) = instant.and_then(|(text, _)| FhirDate::parse(text)) else {
        return Ok(());
    };
    let (from_us, until_us) = instant.range_us();
    for sender in &senders {
        let mut later = by_sender(keys.iter().map(ResourceKey::to_string).collect(), sender);
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
    }
    Ok(())
}

/// Returns the ways in which an origin may name the sender: the Organization, or a number alone, where
/// none was stored.
fn senders(statement: &Statement<'_>, known: &KnownParties) -> Vec<Clause> {
    let organization = statement.sender_key(&known.organizations);
    let organization = organization.map(|sender| Clause::reference("agent", &sender));
    let numbers = statement.sender_numbers();
    let by_number = (!numbers.is_empty()).then(|| tokens("agent:identifier", &numbers));
    organization.into_iter().chain(by_number).collect()
}

/// Returns the query for the origins of some resources that name a sender so.
fn by_sender(targets: BTreeSet<String>, sender: &Clause) -> SearchQuery {
    let target = Clause::Parameter {
        code: "target".into(),
        any_of: vec![Test::ReferenceIn(targets)],
    };
    SearchQuery::all(ResourceType::Provenance, vec![target, sender.clone()])
}

/// Returns the query for resources of a type that have one of these identifiers.
fn identified<'i>(
    resource_type: ResourceType,
    identifiers: impl IntoIterator<Item = &'i (String, String)>,
) -> SearchQuery {
    SearchQuery::all(resource_type, vec![tokens("identifier", identifiers)])
}

/// Returns the condition that a parameter has one of these identifiers.
fn tokens<'i>(code: &str, identifiers: impl IntoIterator<Item = &'i (String, String)>) -> Clause {
    let identifiers = identifiers.into_iter();
    let any_of = identifiers.map(|(system, value)| Test::Token {
        system: Some(system.clone()),
        code: Some(value.clone()),
    });
    Clause::Parameter {
        code: code.into(),
        any_of: any_of.collect(),
    }
}
