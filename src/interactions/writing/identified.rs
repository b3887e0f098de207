//! Identifying the resource of one change, and checking that it is as the client requires.

use std::collections::{HashMap, HashSet};

use super::entry::{Entry, EntryWrite, same_identity, same_type};
use super::gathering::Gathering;
use super::meeting::{Meeting, MeetingEntries, too_many_matches};
use super::references::conditional::canonical;
use crate::fhir::cpr::is_cpr_number;
use crate::fhir::held::{not_held, why_only_read};
use crate::fhir::key::Origin;
use crate::fhir::{Id, Issue, IssueCode, Resource, ResourceKey, ResourceType};
use crate::interactions::change::{Action, Change, ChangeTarget, Criteria, Writer};
use crate::interactions::condition::Condition;
use crate::interactions::read::existing;
use crate::interactions::{Context, Effect, Failure};
use crate::patch::{Patch, PatchContext};
use crate::search::SearchQuery;
use crate::storage::{Method, StoredVersion};

/// The matches of a change's criteria in the store.
pub(super) struct StoredMatches {
    /// The criteria.
    pub(super) query: SearchQuery,
    /// The matches.
    pub(super) keys: Vec<ResourceKey>,
}

/// The identification of the resources of a request's changes, one after the other.
pub(super) struct Identify<'a, 'g> {
    /// The context of the one who asks.
    pub(super) context: &'a Context,
    /// The writer.
    pub(super) writer: Writer,
    /// The changes.
    pub(super) changes: &'a [Change],
    /// The last versions that were read at once and not asked for yet.
    pub(super) stored: HashMap<ResourceKey, Option<StoredVersion>>,
    /// The resources that changes before this one delete: none is a match of a later one.
    pub(super) deleted: HashSet<ResourceKey>,
    /// The criteria of updates so far.
    pub(super) updated_by: HashSet<String>,
    /// The entries that were identified.
    pub(super) entries: MeetingEntries<'a>,
    /// The pass of reading.
    pub(super) gathering: &'a mut Gathering<'g>,
    /// The reasons that forbid changes, each with the change's place.
    pub(super) failures: Vec<(usize, Failure)>,
}

impl Identify<'_, '_> {
    /// Identifies the resource of one change, given what its criteria match in the store.
    pub(super) fn change(
        &mut self,
        action: &Action,
        found: Option<StoredMatches>,
    ) -> Result<Entry, Failure> {
        match action {
            Action::Create { resource, id, .. } => self.create(resource, id, found),
            Action::Update {
                target,
                resource,
                condition,
            } => {
                let (key, claims) = match target {
                    ChangeTarget::Key(key) => {
                        self.writable(key.resource_type.as_str())?;
                        same_identity(key, resource)?;
                        (key.clone(), None)
                    }
                    ChangeTarget::Matching(criteria) => self.updated(criteria, resource, found)?,
                };
                let step = EntryWrite::Put(resource.clone(), Method::Put);
                let mut entry = self.entry(&key, step)?;
                entry.claims = claims;
                if is_cpr_number(key.id.as_str()) {
                    let text = "expected an id that tells of nobody, found one like a CPR number: that belongs in an identifier";
                    let at = format!("{}.id", key.resource_type);
                    return Err(Failure::Unprocessable(vec![Issue::error(
                        IssueCode::BusinessRule,
                        at,
                        text,
                    )]));
                }
                entry.meets(condition, target)?;
                Ok(entry)
            }
            Action::Patch {
                target,
                patch,
                condition,
            } => self.patched(target, patch, condition, found),
            Action::Delete { target, condition } => {
                let key = match target {
                    ChangeTarget::Key(key) => {
                        self.writable(key.resource_type.as_str())?;
                        key.clone()
                    }
                    // Where nothing matches there is nothing to delete, as under an id that nothing
                    // ever had.
                    ChangeTarget::Matching(criteria) => self
                        .one_match(found)?
                        .0
                        .unwrap_or_else(|| criteria.unused()),
                };
                let mut entry = self.entry(&key, EntryWrite::Delete)?;
                entry.meets(condition, target)?;
                if !entry.exists() {
                    entry.step = EntryWrite::Nothing(Effect::Deleted);
                }
                self.deleted.insert(key);
                Ok(entry)
            }
        }
    }

    fn entry(&mut self, key: &ResourceKey, step: EntryWrite) -> Result<Entry, Failure> {
        let previous = match self.stored.remove(key) {
            Some(stored) => stored,
            None => self.gathering.server().store.read(key)?,
        };
        Ok(Entry::new(key.clone(), previous, step))
    }

    fn create(
        &mut self,
        resource: &Resource,
        id: &Id,
        found: Option<StoredMatches>,
    ) -> Result<Entry, Failure> {
        let resource_type = self.writable(resource.type_name())?;
        let key = ResourceKey::new(resource_type, id.clone());
        let step = EntryWrite::Put(resource.clone(), Method::Post);
        let Some(StoredMatches { query, mut keys }) = found else {
            return Ok(Entry::new(key, None, step));
        };
        keys.retain(|key| !self.deleted.contains(key));
        match self.entries.meet(&query, keys, self.context.now)? {
            Meeting::Entry(entry) => return Ok(*entry),
            Meeting::Stored(key) => {
                let found = self.entry(&key, EntryWrite::Nothing(Effect::Unchanged))?;
                // One that was deleted since is no match; the commit will find that the query's
                // answer moved.
                if found.exists() {
                    return Ok(found);
                }
            }
            Meeting::None => {}
        }
        let mut entry = Entry::new(key, None, step);
        entry.claims = Some(query);
        Ok(entry)
    }

    /// Applies a patch to the stored content: from here on it is an update.
    fn patched(
        &mut self,
        target: &ChangeTarget,
        patch: &Patch,
        condition: &Condition,
        found: Option<StoredMatches>,
    ) -> Result<Entry, Failure> {
        let (key, claims) = match target {
            ChangeTarget::Key(key) => {
                self.writable(key.resource_type.as_str())?;
                (key.clone(), None)
            }
            ChangeTarget::Matching(_) => match self.one_match(found)? {
                (Some(key), query) => (key, query),
                (None, _) => {
                    let text = "nothing that is stored matches the criteria: a patch changes what is there";
                    return Err(Failure::not_found(text));
                }
            },
        };
        let mut entry = self.entry(&key, EntryWrite::Nothing(Effect::Unchanged))?;
        entry.claims = claims;
        let none = || Failure::not_found(format!("there is no {} with this id", key.resource_type));
        existing(entry.previous.clone().ok_or_else(none)?)?;
        entry.meets(condition, target)?;
        let before = entry.before()?.unwrap_or_default();
        let surroundings = PatchContext {
            definitions: self.gathering.server().validator.definitions(),
            now: self.context.now,
        };
        let refused = |issue| Failure::Unprocessable(vec![issue]);
        let resource = Resource::from_value(patch.apply(&before, surroundings).map_err(refused)?)
            .map_err(refused)?;
        entry.step = EntryWrite::Put(resource, Method::Patch);
        Ok(entry)
    }

    /// Finds the resource of a conditional update (<https://hl7.org/fhir/R4/http.html#cond-update>):
    /// the one match; or, if there is none, the id that the content has, or else a new one.
    fn updated(
        &mut self,
        criteria: &Criteria,
        resource: &Resource,
        found: Option<StoredMatches>,
    ) -> Result<(ResourceKey, Option<SearchQuery>), Failure> {
        same_type(criteria.resource_type, resource)?;
        let (found, query) = self.one_match(found)?;
        let is_second = |query: &SearchQuery| !self.updated_by.insert(canonical(query));
        if query.as_ref().is_some_and(is_second) {
            let text = "another entry of the transaction has the same criteria: expected each resource in one entry";
            return Err(Failure::bad_request(IssueCode::Duplicate, text));
        }
        let at = format!("{}.id", criteria.resource_type);
        let key = match (found, resource.id()) {
            (Some(key), Some(id)) if id != key.id.as_str() => {
                let text = format!("expected the id of the match, '{}', or none", key.id);
                return Err(Failure::BadRequest(vec![Issue::error(
                    IssueCode::Invalid,
                    at,
                    text,
                )]));
            }
            (Some(key), _) => key,
            (None, None) => criteria.unused(),
            (None, Some(id)) => {
                let wrong = || {
                    Failure::BadRequest(vec![Issue::error(
                        IssueCode::Value,
                        at.clone(),
                        "expected an id, found another text",
                    )])
                };
                let key =
                    ResourceKey::new(criteria.resource_type, Id::parse(id).ok_or_else(wrong)?);
                if self
                    .gathering
                    .server()
                    .store
                    .read(&key)?
                    .is_some_and(|found| found.body.is_some())
                    && !self.deleted.contains(&key)
                {
                    let text = format!(
                        "expected the id of the match, or one that is free: {key} is stored, and does not match"
                    );
                    return Err(Failure::Conflict(Issue::error(
                        IssueCode::Conflict,
                        at,
                        text,
                    )));
                }
                key
            }
        };
        Ok((key, query))
    }

    /// Returns the only match of a conditional change, if there is any; answers it with the query.
    fn one_match(
        &self,
        found: Option<StoredMatches>,
    ) -> Result<(Option<ResourceKey>, Option<SearchQuery>), Failure> {
        let Some(StoredMatches { query, mut keys }) = found else {
            return Ok((None, None));
        };
        keys.retain(|key| !self.deleted.contains(key));
        if keys.len() > 1 {
            return Err(too_many_matches("the criteria"));
        }
        Ok((keys.pop(), Some(query)))
    }

    /// Checks that the writer may write a type.
    pub(super) fn writable(&self, type_name: &str) -> Result<ResourceType, Failure> {
        let resource_type: ResourceType = type_name
            .parse()
            .map_err(|_| Failure::not_found(not_held(type_name)))?;
        let may = match self.writer {
            Writer::Client => resource_type.origin() == Origin::Clients,
            Writer::Intake => {
                resource_type.origin() == Origin::Clients
                    || resource_type == ResourceType::Provenance
            }
            Writer::Definitions => resource_type.origin() == Origin::Definitions,
            Writer::Delivery => resource_type == ResourceType::Subscription,
            Writer::Nobody => true,
        };
        if may {
            Ok(resource_type)
        } else {
            let why = why_only_read(resource_type);
            Err(Failure::not_allowed(why.unwrap_or_else(|| {
                format!("{resource_type} is written by clients alone")
            })))
        }
    }
}
