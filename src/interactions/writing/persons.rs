//! The persons that a write or the calendar concerns: gathering all that is known of them, and what
//! their rights Tasks become (deadline-rules, section 7).
//!
//! Everything that a derivation reads is guarded: the commit fails if another one moved it
//! meanwhile.
//! - `person/<Patient id>`: any resource about the person, and the person's Tasks;
//! - `resource/<key>`: an Organization or PractitionerRole that facts depend on;
//! - `dependents/<key>`: who depends on that Organization or PractitionerRole.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::followers::{self, TaskVersion};
use super::pending::{Pending, lookup};
use crate::deadlines::{self, FACT_TYPES, PersonFacts, Rights, Stored, TaskChange};
use crate::fhir::{Id, Reference, Resource, ResourceKey, ResourceType, Version};
use crate::interactions::stored::{LoadedResource, parse_stored};
use crate::interactions::{Context, Server};
use crate::search::compartment::found_by;
use crate::search::{Clause, REFERS_TO, SearchQuery};
use crate::storage::{
    Guard, Method, NewEvent, Precondition, SearchError, StoredContent, TimerChange, Write,
};

/// The types that belong to a person and say nothing about the person's rights.
const OTHERS_ABOUT_A_PERSON: &[ResourceType] = &[ResourceType::Goal, ResourceType::CareTeam];

/// The guard of everything about a person.
fn person_guard(person: &Id) -> Guard {
    Guard(format!("person/{person}"))
}

/// The guard of an Organization or PractitionerRole itself.
pub(in crate::interactions) fn resource_guard(key: &ResourceKey) -> Guard {
    Guard(format!("resource/{key}"))
}

/// The guard of who depends on an Organization or PractitionerRole.
pub(in crate::interactions) fn dependents_guard(key: &ResourceKey) -> Guard {
    Guard(format!("dependents/{key}"))
}

/// Whom a resource is about.
pub(in crate::interactions) fn person_of(key: &ResourceKey, content: &Value) -> Option<Id> {
    if key.resource_type == ResourceType::Patient {
        return Some(key.id.clone());
    }
    let of_person = [FACT_TYPES, OTHERS_ABOUT_A_PERSON];
    if !of_person
        .iter()
        .any(|types| types.contains(&key.resource_type))
    {
        return None;
    }
    match Reference::read(&content["subject"]) {
        Reference::Local(patient, _) if patient.resource_type == ResourceType::Patient => {
            Some(patient.id)
        }
        _ => None,
    }
}

/// What finds the resources of that type about a person.
fn about(resource_type: ResourceType, person: &Id) -> SearchQuery {
    SearchQuery::all(
        resource_type,
        vec![Clause::reference(
            "patient",
            format_args!("Patient/{person}"),
        )],
    )
}

/// The facts about a person, as they will be after the pending writes; by key.
fn facts_about(
    server: &Server,
    person: &Id,
    pending: &Pending,
) -> Result<Vec<LoadedResource>, SearchError> {
    let mut found = Vec::new();
    for resource_type in FACT_TYPES {
        for stored in server
            .store
            .search(&about(*resource_type, person), None)?
            .matches
        {
            if let (false, Some(body)) = (pending.contains_key(&stored.key), &stored.body) {
                let content = parse_stored(&stored.key, body)?;
                found.push((stored.key, stored.version, content));
            }
        }
    }
    for (key, write) in pending
        .iter()
        .filter(|(key, _)| FACT_TYPES.contains(&key.resource_type))
    {
        if let Some(content) = write
            .content
            .as_ref()
            .filter(|content| person_of(key, content).as_ref() == Some(person))
        {
            found.push((key.clone(), write.version, content.clone()));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(found)
}

/// That nothing moves about the persons of these writes from now on: to be asked before the writes
/// are checked, so that what was found then still holds when they are committed.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn unmoved(
    server: &Server,
    pending: &Pending,
) -> Result<Vec<Precondition>, SearchError> {
    let contents = pending.iter().flat_map(|(key, write)| {
        write
            .before
            .iter()
            .chain(&write.content)
            .map(move |content| (key, content))
    });
    let persons: BTreeSet<Id> = contents
        .filter_map(|(key, content)| person_of(key, content))
        .collect();
    guarded(server, persons.iter().map(person_guard).collect())
}

/// Whom a request concerns.
#[derive(Default)]
pub(in crate::interactions) struct Concerned {
    /// The Patients' ids.
    pub(in crate::interactions) persons: Vec<Id>,
    /// That nobody else came to depend on what is written.
    pub preconditions: Vec<Precondition>,
}

/// Everyone about whom something is written, and everyone whose facts depend on an Organization or
/// PractitionerRole that is.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn concerned(
    server: &Server,
    pending: &Pending,
) -> Result<Concerned, SearchError> {
    let mut persons = BTreeSet::new();
    let mut preconditions = Vec::new();
    for (key, write) in pending {
        let (before, after) = (write.before.as_ref(), write.content.as_ref());
        for content in before.iter().chain(&after) {
            persons.extend(person_of(key, content));
        }
        if deadlines::is_practice(key.resource_type)
            && !deadlines::is_same_practice(key.resource_type, before, after)
        {
            dependents(server, key, &mut persons, &mut preconditions)?;
        }
    }
    Ok(Concerned {
        persons: persons.into_iter().collect(),
        preconditions,
    })
}

fn dependents(
    server: &Server,
    practice: &ResourceKey,
    persons: &mut BTreeSet<Id>,
    preconditions: &mut Vec<Precondition>,
) -> Result<(), SearchError> {
    let guard = dependents_guard(practice);
    let position = server.store.guard_positions(std::slice::from_ref(&guard))?;
    preconditions.extend(
        position
            .into_iter()
            .map(|position| Precondition::Unmoved(guard.clone(), position)),
    );
    let referring = |resource_type| {
        SearchQuery::all(resource_type, vec![Clause::reference(REFERS_TO, practice)])
    };
    for resource_type in FACT_TYPES.iter().copied().chain([ResourceType::Patient]) {
        for key in server.store.search_keys(&referring(resource_type))? {
            // One at a time: a practice may have all of a municipality's persons.
            if let Some((key, _, content)) = lookup(server, &key, &Pending::new())? {
                persons.extend(person_of(&key, &content));
            }
        }
    }
    if practice.resource_type == ResourceType::Organization {
        for role in server
            .store
            .search_keys(&referring(ResourceType::PractitionerRole))?
        {
            dependents(server, &role, persons, preconditions)?;
        }
    }
    Ok(())
}

/// All that is known of one person.
pub struct Person {
    /// The Patient.
    pub key: ResourceKey,
    /// The facts.
    pub facts: PersonFacts,
    practices: BTreeSet<ResourceKey>,
    expects: Vec<Precondition>,
}

impl Person {
    /// True if a fact moved since the gathering began, so that the facts may be of different times.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn has_moved(&self, server: &Server) -> Result<bool, SearchError> {
        let guard = |expected: &Precondition| match expected {
            Precondition::Unmoved(guard, position) => Some((guard.clone(), *position)),
            Precondition::Matches(..) => None,
        };
        let (guards, before): (Vec<_>, Vec<_>) = self.expects.iter().filter_map(guard).unzip();
        Ok(server.store.guard_positions(&guards)? != before)
    }
}

/// Gathers the facts of a person as they will be after the pending writes.
///
/// # Errors
/// Of the store.
pub fn gather(
    server: &Server,
    _context: &Context,
    person: &Id,
    pending: &Pending,
) -> Result<Person, SearchError> {
    let key = ResourceKey::new(ResourceType::Patient, person.clone());
    let mut expects = guarded(server, vec![person_guard(person)])?;
    let mut known = facts_about(server, person, pending)?;
    known.extend(lookup(server, &key, pending)?);
    let mut practices = BTreeSet::new();
    let mut frontier: BTreeSet<ResourceKey> = known
        .iter()
        .flat_map(|(_, _, content)| deadlines::practice_references(content))
        .collect();
    while !frontier.is_empty() {
        expects.extend(guarded(
            server,
            frontier.iter().map(resource_guard).collect(),
        )?);
        let mut found = Vec::new();
        for practice in &frontier {
            found.extend(lookup(server, practice, pending)?);
        }
        practices.extend(std::mem::take(&mut frontier));
        let next = found
            .iter()
            .flat_map(|(_, _, content)| deadlines::practice_references(content));
        frontier.extend(next.filter(|key| !practices.contains(key)));
        known.extend(found);
    }
    let stored: Vec<_> = known
        .iter()
        .map(|(key, version, value)| Stored {
            key: key.clone(),
            version: *version,
            value,
        })
        .collect();
    let facts = PersonFacts::read(&key, &stored, &server.groups);
    Ok(Person {
        key,
        facts,
        practices,
        expects,
    })
}

fn guarded(server: &Server, guards: Vec<Guard>) -> Result<Vec<Precondition>, SearchError> {
    let positions = server.store.guard_positions(&guards)?;
    Ok(guards
        .into_iter()
        .zip(positions)
        .map(|(guard, position)| Precondition::Unmoved(guard, position))
        .collect())
}

/// What follows from the facts: the Tasks and Provenances to write, and on what that depends.
#[derive(Default)]
pub(in crate::interactions) struct Derived {
    /// New versions of Tasks, each with its Provenance.
    pub writes: Vec<Write>,
    /// That no fact moved.
    pub preconditions: Vec<Precondition>,
    /// What this moves.
    pub touches: Vec<Guard>,
    /// When each person's rights change next if nobody writes.
    pub timers: Vec<TimerChange>,
    /// The events that the new versions of Tasks are.
    pub events: Vec<NewEvent>,
}

impl Derived {
    /// The subscriptions that have new events.
    pub(in crate::interactions) fn told(&self) -> BTreeSet<Id> {
        self.events
            .iter()
            .map(|event| event.subscription.clone())
            .collect()
    }
}

/// The rights of these persons on that day, as they must be stored after the pending writes.
/// `last_modified` is what changed Tasks say.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn derive(
    server: &Server,
    context: &Context,
    persons: &[Id],
    pending: &Pending,
    day: Date,
    last_modified: Timestamp,
) -> Result<Derived, SearchError> {
    let mut derived = Derived::default();
    let mut people: Vec<(Person, Rights)> = Vec::new();
    for person in persons {
        let person = gather(server, context, person, pending)?;
        let rights = deadlines::derive(&person.facts, &server.rules, day);
        derived.preconditions.extend(person.expects.iter().cloned());
        derived.touches.push(person_guard(&person.key.id));
        derived
            .touches
            .extend(person.practices.iter().map(dependents_guard));
        derived.timers.push(TimerChange {
            owner: person.key.clone(),
            day: rights.next_change,
        });
        people.push((person, rights));
    }
    let tasks = stored_tasks(server, &people)?;
    let contents: Vec<&Value> = tasks.values().map(|(_, content)| content).collect();
    let by_person: Vec<_> = people
        .iter()
        .map(|(person, rights)| (&person.facts, rights))
        .collect();
    let with_clock: BTreeSet<&Id> = people
        .iter()
        .flat_map(|(_, rights)| rights.clocks.iter().map(|clock| &clock.task_id))
        .collect();
    let clockless = tasks
        .iter()
        .filter(|(id, _)| !with_clock.contains(id))
        .map(|(_, (_, content))| content);
    let deleted = deleted_focuses(server, clockless, pending)?;
    let changes = deadlines::reconcile(
        &by_person,
        &contents,
        |focus| deleted.contains(focus),
        last_modified,
    );
    tell(server, &changes, &tasks, &mut derived)?;
    for change in changes {
        let previous = tasks.get(&change.id).map(|(version, _)| *version);
        derived
            .writes
            .extend(task_writes(change, previous, day, context.now));
    }
    Ok(derived)
}

/// Adds the events that the changes of Tasks are.
fn tell(
    server: &Server,
    changes: &[TaskChange],
    tasks: &BTreeMap<Id, (Version, Value)>,
    derived: &mut Derived,
) -> Result<(), SearchError> {
    let of = |change: &TaskChange| ResourceKey::new(ResourceType::Task, change.id.clone());
    let written: Vec<_> = changes
        .iter()
        .map(|change| {
            (
                of(change),
                change,
                tasks.get(&change.id).map(|(_, content)| content),
            )
        })
        .collect();
    let versions: Vec<_> = written
        .iter()
        .map(|(key, change, before)| TaskVersion {
            key,
            before: *before,
            after: &change.content,
        })
        .collect();
    let (events, precondition) = followers::events_of(server, &versions)?;
    derived.events = events;
    derived.preconditions.extend(precondition);
    Ok(())
}

/// The Tasks of these persons, and any other one under the id of one of their clocks.
fn stored_tasks(
    server: &Server,
    people: &[(Person, Rights)],
) -> Result<BTreeMap<Id, (Version, Value)>, SearchError> {
    let mut tasks = BTreeMap::new();
    for (person, rights) in people {
        for stored in server
            .store
            .search(&about(ResourceType::Task, &person.key.id), None)?
            .matches
        {
            if let Some(body) = &stored.body {
                tasks.insert(
                    stored.key.id.clone(),
                    (stored.version, parse_stored(&stored.key, body)?),
                );
            }
        }
        for clock in &rights.clocks {
            // Seldom one of another person: a referral that was moved takes its Task along.
            if !tasks.contains_key(&clock.task_id) {
                let found = lookup(
                    server,
                    &ResourceKey::new(ResourceType::Task, clock.task_id.clone()),
                    &Pending::new(),
                )?;
                tasks.extend(found.map(|(key, version, content)| (key.id, (version, content))));
            }
        }
    }
    Ok(tasks)
}

/// What these Tasks are about and is not there any more. Only for a Task whose clock is gone does
/// that matter.
fn deleted_focuses<'a>(
    server: &Server,
    tasks: impl Iterator<Item = &'a Value>,
    pending: &Pending,
) -> Result<BTreeSet<ResourceKey>, SearchError> {
    let mut deleted = BTreeSet::new();
    for focus in tasks.filter_map(deadlines::task_focus) {
        if lookup(server, &focus, pending)?.is_none() {
            deleted.insert(focus);
        }
    }
    Ok(deleted)
}

/// A new version of a Task and its Provenance.
fn task_writes(
    change: TaskChange,
    previous: Option<Version>,
    day: Date,
    recorded: Timestamp,
) -> [Write; 2] {
    let version = Version::after(previous);
    let provenance = deadlines::provenance(&change.content, version, &change.inputs, day, recorded);
    let provenance_id = provenance["id"]
        .as_str()
        .and_then(Id::parse)
        .unwrap_or_else(|| change.id.clone());
    [
        made_by_server(
            ResourceKey::new(ResourceType::Task, change.id),
            previous,
            change.content,
        ),
        made_by_server(
            ResourceKey::new(ResourceType::Provenance, provenance_id),
            None,
            provenance,
        ),
    ]
}

fn made_by_server(key: ResourceKey, previous: Option<Version>, content: Value) -> Write {
    let entries = found_by(&key, &content);
    let body = Resource::made(content).stamped(&key.id, Version::after(previous));
    Write {
        previous,
        method: Method::Put,
        content: Some(StoredContent { body, entries }),
        key,
    }
}
