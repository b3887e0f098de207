//! Gathering all that a decision reads, a few batches in one pass. It decides nothing.
//!
//! Everything that is read is held until the commit: a guard is asked for its position before what
//! it stands for is read, and the commit fails if another one moved it meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::gist::Gist;
use super::guards;
use super::pending::{self, Pending, patient};
use crate::deadlines::is_practice;
use crate::fhir::{ResourceKey, ResourceType};
use crate::interactions::Server;
use crate::search::{Clause, SearchQuery};
use crate::storage::{Guard, Position, Precondition, SearchError, StoreError, StoredVersion};

/// One pass of reading, and what must still be so when its result is committed.
pub(in crate::interactions) struct Gathering<'a> {
    server: &'a Server,
    /// The answers of queries, which must be the same then.
    matches: Vec<Precondition>,
    /// The position of each guard before anything was read that it stands for.
    guards: BTreeMap<Guard, Position>,
    /// Each resource that was read; none for one that is not stored.
    known: HashMap<ResourceKey, Option<Gist>>,
}

impl<'a> Gathering<'a> {
    /// Begins a pass.
    pub(in crate::interactions) fn new(server: &'a Server) -> Self {
        Gathering {
            server,
            matches: Vec::new(),
            guards: BTreeMap::new(),
            known: HashMap::new(),
        }
    }

    /// Returns the server that is read from.
    pub(in crate::interactions) fn server(&self) -> &'a Server {
        self.server
    }

    /// Insists that the commit finds this so.
    pub(super) fn insist(&mut self, precondition: Precondition) {
        self.matches.push(precondition);
    }

    /// Ends the pass: all that must still be so at the commit.
    pub(in crate::interactions) fn into_preconditions(self) -> Vec<Precondition> {
        let unmoved = self
            .guards
            .into_iter()
            .map(|(guard, position)| Precondition::Unmoved(guard, position));
        self.matches.into_iter().chain(unmoved).collect()
    }

    /// Tells whether a guard moved since the pass began, so that what was read may be of different
    /// times.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn has_moved(&self) -> Result<bool, StoreError> {
        let guards: Vec<Guard> = self.guards.keys().cloned().collect();
        let now = self.server.store.guard_positions(&guards)?;
        Ok(!now.iter().eq(self.guards.values()))
    }

    /// Notes where guards stand, as far as that was not done yet.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn guard(
        &mut self,
        guards: impl IntoIterator<Item = Guard>,
    ) -> Result<(), StoreError> {
        let mut asked: Vec<Guard> = guards.into_iter().collect();
        asked.retain(|guard| !self.guards.contains_key(guard));
        if asked.is_empty() {
            return Ok(());
        }
        let positions = self.server.store.guard_positions(&asked)?;
        self.guards.extend(asked.into_iter().zip(positions));
        Ok(())
    }

    /// Asks which resources match a query, but for no more than `most` of them; the commit will
    /// insist on the same answer.
    ///
    /// # Errors
    /// Of the store.
    pub(in crate::interactions) fn matching(
        &mut self,
        query: SearchQuery,
        most: usize,
    ) -> Result<Vec<ResourceKey>, SearchError> {
        let queries = std::slice::from_ref(&query);
        let found = self.server.store.search_few_keys(queries, most)?;
        let keys: Vec<ResourceKey> = found.into_iter().flatten().collect();
        self.insist_on_answer(query, &keys, most);
        Ok(keys)
    }

    /// Asks which resources match each of these queries, but for no more than `most` of each, all at
    /// once where that can be answered; the commit will insist on the same answers.
    pub(in crate::interactions) fn matching_many(
        &mut self,
        queries: Vec<SearchQuery>,
        most: usize,
    ) -> Vec<Result<Vec<ResourceKey>, SearchError>> {
        let asked_together = if queries.len() > 1 {
            self.server.store.search_few_keys(&queries, most).ok()
        } else {
            None
        };
        let Some(found) = asked_together else {
            // One by one each has its own answer.
            let each = queries.into_iter().map(|query| self.matching(query, most));
            return each.collect();
        };
        for (query, keys) in queries.into_iter().zip(&found) {
            self.insist_on_answer(query, keys, most);
        }
        found.into_iter().map(Ok).collect()
    }

    /// Insists that the commit finds these matches: exactly these, if all were seen.
    fn insist_on_answer(&mut self, mut query: SearchQuery, keys: &[ResourceKey], most: usize) {
        if keys.len() >= most {
            // There may be others, which nobody saw: these must still match.
            let seen = keys.iter().cloned().collect();
            query.clauses.push(Clause::Keys(seen));
        }
        self.insist(Precondition::Matches(query, keys.to_vec()));
    }

    /// Begins to read for these writes: notes where the guards stand of everyone and everything
    /// that they are about, and reads that and what they name.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn begin(
        &mut self,
        pending: &Pending,
        named: BTreeSet<ResourceKey>,
    ) -> Result<(), StoreError> {
        let persons = pending::persons(pending);
        let practices = pending.values().flat_map(|write| &*write.practices);
        let mut keys = named;
        keys.extend(persons.iter().map(patient));
        keys.extend(practices.cloned());
        keys.retain(|key| !pending.contains_key(key));
        let mut guards: BTreeSet<Guard> = keys.iter().filter_map(guard_of).collect();
        guards.extend(persons.iter().map(guards::person));
        if !persons.is_empty() {
            guards.extend([guards::practices(), guards::subscriptions()]);
        }
        self.guard(guards)?;
        self.read(&keys)
    }

    /// Reads resources, as far as that was not done yet; of Patients and practices it notes first
    /// where their guards stand.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn read<'k>(
        &mut self,
        keys: impl IntoIterator<Item = &'k ResourceKey>,
    ) -> Result<(), StoreError> {
        let unread: BTreeSet<&ResourceKey> = keys
            .into_iter()
            .filter(|key| !self.known.contains_key(*key))
            .collect();
        let unread: Vec<ResourceKey> = unread.into_iter().cloned().collect();
        if unread.is_empty() {
            return Ok(());
        }
        self.guard(unread.iter().filter_map(guard_of))?;
        let found = self.server.store.read_many(&unread)?;
        for (key, stored) in unread.into_iter().zip(found) {
            let gist = match stored {
                Some(stored) => Gist::of(&stored)?,
                None => None,
            };
            self.known.insert(key, gist);
        }
        Ok(())
    }

    /// Notes what a query found of these resources, whose guards were asked before.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn learn(
        &mut self,
        asked: Vec<ResourceKey>,
        found: impl Iterator<Item = StoredVersion>,
    ) -> Result<(), StoreError> {
        self.known.extend(asked.into_iter().map(|key| (key, None)));
        for stored in found {
            let gist = Gist::of(&stored)?;
            self.known.insert(stored.key, gist);
        }
        Ok(())
    }

    /// Tells whether a resource was read, or found missing.
    pub(super) fn is_known(&self, key: &ResourceKey) -> bool {
        self.known.contains_key(key)
    }

    /// Returns the practices that were read, or found missing.
    pub(super) fn known_practices(&self) -> impl Iterator<Item = &ResourceKey> {
        self.known
            .keys()
            .filter(|key| is_practice(key.resource_type))
    }

    /// Returns where a guard stood when it was asked.
    pub(super) fn position(&self, guard: &Guard) -> Option<Position> {
        self.guards.get(guard).copied()
    }

    /// Returns a resource that was read, if it is stored.
    pub(super) fn get(&self, key: &ResourceKey) -> Option<&Gist> {
        self.known.get(key)?.as_ref()
    }

    /// Returns a resource as it will be after the pending writes, if it was read or will be written.
    pub(super) fn after(&self, key: &ResourceKey, pending: &Pending) -> Option<Gist> {
        match pending.get(key) {
            Some(write) => Some(Gist {
                version: write.version,
                content: Arc::clone(write.content.as_ref()?),
                practices: Arc::clone(&write.practices),
            }),
            None => self.get(key).cloned(),
        }
    }
}

/// Returns the guard of what decisions read of a Patient or a practice.
fn guard_of(key: &ResourceKey) -> Option<Guard> {
    if key.resource_type == ResourceType::Patient {
        Some(guards::person(&key.id))
    } else {
        is_practice(key.resource_type).then(|| guards::resource(key))
    }
}
