//! Gathering the rights of persons: their facts and Tasks with the practices that these depend on,
//! and who follows them. All persons of a request are asked about together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gathered_rights::{GatheredRights, RightHolder};
use super::gathering::Gathering;
use super::gist::Gist;
use super::pending::{Pending, patient, person_of};
use super::{followers, guards};
use crate::deadlines::{self, FACT_TYPES, PersonFacts, Stored};
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::interactions::stored::parse_stored;
use crate::search::{Clause, SearchQuery};
use crate::storage::{SearchError, StoreError, StoredVersion};

/// The most persons that are asked about at once.
const PERSONS_AT_ONCE: usize = 64;

impl Gathering<'_> {
    /// Gathers the rights of these persons as they will be after the pending writes: facts, Tasks,
    /// and who follows them.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn rights(
        &mut self,
        persons: &[Id],
        pending: &Pending,
    ) -> Result<GatheredRights, SearchError> {
        let mut gathered = GatheredRights::default();
        for persons in persons.chunks(PERSONS_AT_ONCE) {
            self.guard(
                persons
                    .iter()
                    .map(guards::person)
                    .chain([guards::practices(), guards::subscriptions()]),
            )?;
            self.some_rights(persons, pending, &mut gathered)?;
        }
        self.moved_tasks(pending, &mut gathered)?;
        self.missing_focuses(pending, &mut gathered)?;
        if let Some(position) = self.position(&guards::subscriptions()) {
            gathered.followers = Some(followers::at(self.server(), position)?);
        }
        Ok(gathered)
    }

    /// Gathers the facts of one person as they are stored.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn facts(
        &mut self,
        person: &Id,
    ) -> Result<PersonFacts, SearchError> {
        let pending = Pending::new();
        let persons = std::slice::from_ref(person);
        self.guard([guards::person(person)])?;
        let mut found = self.about(persons, FACT_TYPES, &pending)?;
        let facts = found.pop().unwrap_or_default();
        let facts = self.gists(facts, &pending)?;
        self.practices(named(&facts), &pending)?;
        Ok(self.holder(person, facts, &pending).facts)
    }

    /// Gathers facts and Tasks of some persons whose guards were asked.
    fn some_rights(
        &mut self,
        persons: &[Id],
        pending: &Pending,
        gathered: &mut GatheredRights,
    ) -> Result<(), SearchError> {
        let types: Vec<ResourceType> = FACT_TYPES
            .iter()
            .copied()
            .chain([ResourceType::Task])
            .collect();
        let found = self.about(persons, &types, pending)?;
        let mut all_facts = Vec::new();
        for found in found {
            let (tasks, facts): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|stored| stored.key.resource_type == ResourceType::Task);
            let may_have_timer = !(tasks.is_empty() && facts.is_empty());
            for task in tasks {
                gathered.add_task(task)?;
            }
            all_facts.push((self.gists(facts, pending)?, may_have_timer));
        }
        let practices = all_facts
            .iter()
            .flat_map(|(facts, _)| named(facts))
            .collect();
        self.practices(practices, pending)?;
        for (person, (facts, may_have_timer)) in persons.iter().zip(all_facts) {
            gathered.holders.push(RightHolder {
                may_have_timer,
                ..self.holder(person, facts, pending)
            });
        }
        Ok(())
    }

    /// Searches for the resources of these types about some persons, together with the practices
    /// that are known to be needed. Answers what is stored, by person.
    fn about(
        &mut self,
        persons: &[Id],
        types: &[ResourceType],
        pending: &Pending,
    ) -> Result<Vec<Vec<StoredVersion>>, SearchError> {
        let patients: Vec<ResourceKey> = persons.iter().map(patient).collect();
        self.read(not_pending(&patients, pending))?;
        let mut practices: BTreeSet<ResourceKey> = BTreeSet::new();
        for patient in patients {
            let gist = self.after(&patient, pending);
            practices.extend(gist.iter().flat_map(|gist| gist.practices.iter().cloned()));
        }
        let written = pending.values().flat_map(|write| &*write.practices);
        practices.extend(written.cloned());
        self.guard(practices.iter().map(guards::resource))?;
        let unread: Vec<ResourceKey> = not_pending(&practices, pending)
            .filter(|practice| !self.is_known(practice))
            .cloned()
            .collect();
        let of_persons = persons.iter().flat_map(|person| {
            types
                .iter()
                .map(move |resource_type| about(*resource_type, person))
        });
        let queries: Vec<SearchQuery> = of_persons.chain(by_ids(&unread)).collect();
        let mut pages = self.server().store.search_many(&queries)?.into_iter();
        let mut found = Vec::new();
        for _ in persons {
            let of_person = pages.by_ref().take(types.len());
            found.push(of_person.flat_map(|page| page.matches).collect());
        }
        self.learn(unread, pages.flat_map(|page| page.matches))?;
        Ok(found)
    }

    /// Reads the gists of stored facts that will stay: not again of what was read before.
    fn gists(
        &self,
        found: Vec<StoredVersion>,
        pending: &Pending,
    ) -> Result<Vec<(ResourceKey, Gist)>, StoreError> {
        let mut gists = Vec::new();
        let staying = found
            .into_iter()
            .filter(|stored| !pending.contains_key(&stored.key));
        for stored in staying {
            let gist = match self.get(&stored.key) {
                Some(gist) if gist.version == stored.version => Some(gist.clone()),
                _ => Gist::of(&stored)?,
            };
            gists.extend(gist.map(|gist| (stored.key, gist)));
        }
        Ok(gists)
    }

    /// Reads these practices, those that were named before, and those that they name in turn.
    fn practices(
        &mut self,
        named: BTreeSet<ResourceKey>,
        pending: &Pending,
    ) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        let mut frontier = named;
        frontier.extend(self.known_practices().cloned());
        while !frontier.is_empty() {
            self.guard(frontier.iter().map(guards::resource))?;
            self.read(not_pending(&frontier, pending))?;
            let mut next = BTreeSet::new();
            for practice in &frontier {
                let gist = self.after(practice, pending);
                next.extend(gist.iter().flat_map(|gist| gist.practices.iter().cloned()));
            }
            seen.append(&mut frontier);
            frontier = next.into_iter().filter(|key| !seen.contains(key)).collect();
        }
        Ok(())
    }

    /// Puts together what is known of a person, as it will be after the pending writes: `facts` are
    /// those that stay.
    fn holder(
        &self,
        person: &Id,
        facts: Vec<(ResourceKey, Gist)>,
        pending: &Pending,
    ) -> RightHolder {
        let key = patient(person);
        let written = pending
            .iter()
            .filter(|(key, _)| FACT_TYPES.contains(&key.resource_type))
            .filter_map(|(key, _)| Some((key.clone(), self.after(key, pending)?)))
            .filter(|(key, gist)| person_of(key, &gist.content).as_ref() == Some(person));
        let mut known: Vec<(ResourceKey, Gist)> = facts.into_iter().chain(written).collect();
        known.sort_by(|left, right| left.0.cmp(&right.0));
        known.extend(self.after(&key, pending).map(|gist| (key.clone(), gist)));
        let mut at = 0;
        let mut named = BTreeSet::new();
        while let Some((_, gist)) = known.get(at) {
            at += 1;
            for practice in Arc::clone(&gist.practices).iter() {
                if named.insert(practice.clone())
                    && let Some(gist) = self.after(practice, pending)
                {
                    known.push((practice.clone(), gist));
                }
            }
        }
        let stored: Vec<Stored<'_>> = known
            .iter()
            .map(|(key, gist)| Stored {
                key: key.clone(),
                version: gist.version,
                value: &gist.content,
            })
            .collect();
        // After its guard was asked: who derives by a table that is replaced gathers again.
        let server = self.server();
        RightHolder::of(key, &stored, &server.groups, &server.practices())
    }

    /// Reads the Tasks of referrals that belong to other persons so far: a referral that is moved
    /// takes its Task along.
    fn moved_tasks(
        &self,
        pending: &Pending,
        gathered: &mut GatheredRights,
    ) -> Result<(), SearchError> {
        let is_new = |root: &ResourceKey| {
            pending
                .get(root)
                .is_some_and(|write| write.version == Version::after(None))
        };
        let of_chains = gathered
            .holders
            .iter()
            .flat_map(|holder| holder.facts.chain_tasks());
        let elsewhere: Vec<ResourceKey> = of_chains
            .filter(|(task, root)| !gathered.tasks.contains_key(task) && !is_new(root))
            .map(|(task, _)| ResourceKey::new(ResourceType::Task, task))
            .collect();
        if elsewhere.is_empty() {
            return Ok(());
        }
        let found = self.server().store.read_many(&elsewhere)?;
        for stored in found.into_iter().flatten() {
            gathered.add_task(stored)?;
        }
        Ok(())
    }

    /// Finds out what the Tasks are about and is not there any more.
    fn missing_focuses(
        &mut self,
        pending: &Pending,
        gathered: &mut GatheredRights,
    ) -> Result<(), StoreError> {
        let is_fact = |focus: &ResourceKey| {
            gathered
                .holders
                .iter()
                .any(|holder| holder.facts.has_trigger(focus))
        };
        let focuses: BTreeSet<ResourceKey> = gathered
            .tasks
            .values()
            .filter_map(|(_, task)| deadlines::task_focus(task))
            .filter(|focus| !is_fact(focus))
            .collect();
        self.read(not_pending(&focuses, pending))?;
        gathered.missing = focuses
            .into_iter()
            .filter(|focus| self.after(focus, pending).is_none())
            .collect();
        Ok(())
    }
}

/// Returns the practices that facts name.
fn named(facts: &[(ResourceKey, Gist)]) -> BTreeSet<ResourceKey> {
    let practices = facts.iter().flat_map(|(_, gist)| &*gist.practices);
    practices.cloned().collect()
}

/// Returns those keys that no pending write is about.
fn not_pending<'k>(
    keys: impl IntoIterator<Item = &'k ResourceKey>,
    pending: &Pending,
) -> impl Iterator<Item = &'k ResourceKey> {
    keys.into_iter().filter(|key| !pending.contains_key(*key))
}

/// Returns the query for the resources of that type about a person.
fn about(resource_type: ResourceType, person: &Id) -> SearchQuery {
    let of_person = Clause::reference("patient", format_args!("Patient/{person}"));
    SearchQuery::all(resource_type, vec![of_person])
}

/// Returns the queries for these resources, one for each type.
fn by_ids(keys: &[ResourceKey]) -> Vec<SearchQuery> {
    let mut ids: BTreeMap<ResourceType, Vec<Id>> = BTreeMap::new();
    for key in keys {
        ids.entry(key.resource_type)
            .or_default()
            .push(key.id.clone());
    }
    ids.into_iter()
        .map(|(resource_type, ids)| SearchQuery::all(resource_type, vec![Clause::Ids(ids)]))
        .collect()
}

impl GatheredRights {
    /// Adds a whole Task, unless it is deleted.
    fn add_task(&mut self, stored: StoredVersion) -> Result<(), StoreError> {
        if let Some(body) = &stored.body {
            let content = parse_stored(&stored.key, body)?;
            self.tasks.insert(stored.key.id, (stored.version, content));
        }
        Ok(())
    }
}
