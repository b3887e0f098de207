//! Identifying the resource of each change of a request: the write path begins with this.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::criteria::{self, CriteriaOrder, EntryCriteria};
use super::entry::{Entry, EntryWrite};
use super::gathering::Gathering;
use super::identified::{Identify, StoredMatches};
use super::meeting::MeetingEntries;
use super::references::conditional::enough_matches;
use super::references::names::EntryNames;
use crate::fhir::{IssueCode, ResourceKey};
use crate::interactions::change::{Action, Change, ChangeTarget, Writer, placed};
use crate::interactions::{Context, Failure, Server};
use crate::storage::{SearchError, StoreError, StoredVersion};

/// Identifies the resource of each change; all failures come back at once. Those without criteria
/// come first: what they write is what criteria ask about too.
pub(super) fn identify_all(
    context: &Context,
    writer: Writer,
    changes: &[Change],
    names: &EntryNames<'_>,
    gathering: &mut Gathering<'_>,
) -> Result<Vec<Entry>, Failure> {
    let bases = gathering.server().bases(context);
    let criteria = criteria::read_all(bases, changes, names);
    let is_create = |at: usize| matches!(changes[at].action, Action::Create { .. });
    let order = CriteriaOrder::of(&criteria, is_create);
    let mut identify = Identify {
        context,
        writer,
        changes,
        stored: stored(changes, gathering)?,
        deleted: HashSet::new(),
        updated_by: HashSet::new(),
        entries: MeetingEntries::of(changes, names, gathering.server().validator.definitions()),
        gathering,
        failures: Vec::new(),
    };
    for at in (0..changes.len()).filter(|at| criteria[*at].is_none()) {
        identify.take(at, None);
    }
    for level in &order.levels {
        identify.level(level, &criteria, names);
    }
    for at in order.circle {
        let text = "the criteria ask about an entry whose own criteria ask about this one: expected each to be found before those that name it";
        let failure = Failure::bad_request(IssueCode::BusinessRule, text);
        identify.failures.push((at, failure));
    }
    let Identify {
        entries,
        mut failures,
        ..
    } = identify;
    failures.sort_by_key(|(at, _)| *at);
    let failures = failures
        .into_iter()
        .map(|(at, failure)| placed(&changes[at], failure));
    Failure::together(failures.collect()).map_or(Ok(entries.all()), Err)
}

/// Returns the resources that deletions by criteria would meet now. Changes that are refused meet
/// none here.
pub(in crate::interactions) fn deleted_by_criteria(
    server: &Server,
    context: &Context,
    changes: &[Change],
) -> BTreeSet<ResourceKey> {
    let is_deletion = |change: &Change| {
        matches!(
            &change.action,
            Action::Delete {
                target: ChangeTarget::Matching(_),
                ..
            }
        )
    };
    if !changes.iter().any(is_deletion) {
        return BTreeSet::new();
    }
    let mut gathering = Gathering::new(server);
    let names = EntryNames::of(changes);
    let entries = identify_all(context, Writer::Client, changes, &names, &mut gathering);
    let deleted = entries
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| matches!(entry.step, EntryWrite::Delete));
    deleted.map(|entry| entry.key).collect()
}

/// Reads the last versions of what the changes name by key.
fn stored(
    changes: &[Change],
    gathering: &Gathering<'_>,
) -> Result<HashMap<ResourceKey, Option<StoredVersion>>, StoreError> {
    let keys: Vec<ResourceKey> = changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Update { target, .. }
            | Action::Patch { target, .. }
            | Action::Delete { target, .. } => match target {
                ChangeTarget::Key(key) => Some(key.clone()),
                ChangeTarget::Matching(_) => None,
            },
            Action::Create { .. } => None,
        })
        .collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let stored = gathering.server().store.read_many(&keys)?;
    Ok(keys.into_iter().zip(stored).collect())
}

impl Identify<'_, '_> {
    /// Identifies the changes of one level, whose criteria are asked at once.
    fn level(
        &mut self,
        level: &[usize],
        criteria: &[Option<Result<EntryCriteria, Failure>>],
        names: &EntryNames<'_>,
    ) {
        let mut asking = Vec::new();
        for at in level.iter().copied() {
            if let Err(failure) = self.writable(type_name_of(&self.changes[at].action)) {
                self.failures.push((at, failure));
                continue;
            }
            match &criteria[at] {
                Some(Ok(criteria)) => {
                    let query = criteria.settled(names, at, |named| self.entries.key(named));
                    // Of a query that asks about an entry that failed, nothing can be said.
                    asking.extend(query.map(|query| (at, query)));
                }
                Some(Err(failure)) => self.failures.push((at, failure.clone())),
                None => {}
            }
        }
        let queries = asking.iter().map(|(_, query)| query.clone()).collect();
        let most = enough_matches(self.changes);
        let found = self.gathering.matching_many(queries, most);
        if let Err(error) = self.read_only_matches(&found) {
            self.failures
                .extend(level.first().map(|at| (*at, error.into())));
            return;
        }
        for ((at, query), keys) in asking.into_iter().zip(found) {
            match keys {
                Ok(keys) => self.take(at, Some(StoredMatches { query, keys })),
                Err(error) => self.failures.push((at, error.into())),
            }
        }
    }

    /// Reads the resources that are the only matches.
    fn read_only_matches(
        &mut self,
        found: &[Result<Vec<ResourceKey>, SearchError>],
    ) -> Result<(), StoreError> {
        let only = found.iter().filter_map(|keys| match keys.as_deref() {
            Ok([only]) if !self.stored.contains_key(only) => Some(only.clone()),
            Ok(_) | Err(_) => None,
        });
        let only: Vec<ResourceKey> = only.collect::<BTreeSet<_>>().into_iter().collect();
        if !only.is_empty() {
            let stored = self.gathering.server().store.read_many(&only)?;
            self.stored.extend(only.into_iter().zip(stored));
        }
        Ok(())
    }

    /// Identifies one change.
    fn take(&mut self, at: usize, found: Option<StoredMatches>) {
        let changes = self.changes;
        match self.change(&changes[at].action, found) {
            Ok(entry) => self.entries.put(at, entry),
            Err(failure) => self.failures.push((at, failure)),
        }
    }
}

/// Returns the name of the type that a change is about.
fn type_name_of(action: &Action) -> &str {
    match action {
        Action::Create { resource, .. } => resource.type_name(),
        Action::Update { target, .. }
        | Action::Patch { target, .. }
        | Action::Delete { target, .. } => match target {
            ChangeTarget::Key(key) => key.resource_type.as_str(),
            ChangeTarget::Matching(criteria) => criteria.resource_type.as_str(),
        },
    }
}
