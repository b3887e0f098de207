//! Identifying the resource of each change of a request, and checking that it is as the client
//! requires: the write path begins with this.

use std::collections::{BTreeSet, HashMap};

use super::entry::{Entry, EntryWrite, same_identity, same_type};
use super::gathering::Gathering;
use super::references::conditional;
use crate::fhir::cpr::is_cpr_number;
use crate::fhir::held::{not_held, why_only_read};
use crate::fhir::key::Origin;
use crate::fhir::{Id, Issue, IssueCode, Resource, ResourceKey, ResourceType};
use crate::interactions::change::{
    Action, Change, ChangeTarget, Condition, Criteria, Writer, placed,
};
use crate::interactions::read::existing;
use crate::interactions::{Context, Effect, Failure, Server};
use crate::patch::{Patch, PatchContext};
use crate::search::SearchQuery;
use crate::storage::{Method, StoreError, StoredVersion};

/// Identifies the resource of each change; all failures come back at once.
pub(super) fn identify_all(
    context: &Context,
    writer: Writer,
    changes: &[Change],
    gathering: &mut Gathering<'_>,
) -> Result<Vec<Entry>, Failure> {
    let mut identify = Identify {
        context,
        writer,
        stored: stored(changes, gathering)?,
        deleted: Vec::new(),
        gathering,
    };
    let (mut entries, mut failures) = (Vec::new(), Vec::new());
    for change in changes {
        match identify.change(&change.action) {
            Ok(entry) => entries.push(entry),
            Err(failure) => failures.push(placed(change, failure)),
        }
    }
    Failure::together(failures).map_or(Ok(entries), Err)
}

/// Returns the resources that deletions by criteria would meet now. Criteria that cannot be answered
/// meet none here: the changes themselves are refused for them.
pub(in crate::interactions) fn deleted_by_criteria(
    server: &Server,
    changes: &[Change],
) -> BTreeSet<ResourceKey> {
    let criteria = changes.iter().filter_map(|change| match &change.action {
        Action::Delete {
            target: ChangeTarget::Matching(criteria),
            ..
        } => Some(criteria),
        Action::Create { .. }
        | Action::Update { .. }
        | Action::Patch { .. }
        | Action::Delete { .. } => None,
    });
    let mut gathering = Gathering::new(server);
    let mut deleted = BTreeSet::new();
    for Criteria {
        resource_type,
        parameters,
        ..
    } in criteria
    {
        let found = conditional::matching_keys(&mut gathering, *resource_type, parameters);
        deleted.extend(found.into_iter().flat_map(|(keys, _)| keys));
    }
    deleted
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

struct Identify<'a, 'g> {
    context: &'a Context,
    writer: Writer,
    /// The last versions that were read at once and not asked for yet.
    stored: HashMap<ResourceKey, Option<StoredVersion>>,
    /// The resources that changes before this one delete: none is a match of a later one.
    deleted: Vec<ResourceKey>,
    gathering: &'a mut Gathering<'g>,
}

impl Identify<'_, '_> {
    fn change(&mut self, action: &Action) -> Result<Entry, Failure> {
        match action {
            Action::Create {
                resource,
                id,
                if_none_exist,
            } => self.create(resource, id, if_none_exist.as_deref()),
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
                    ChangeTarget::Matching(criteria) => self.updated(criteria, resource)?,
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
                entry.meets(*condition)?;
                Ok(entry)
            }
            Action::Patch {
                target,
                patch,
                condition,
            } => self.patched(target, patch, *condition),
            Action::Delete { target, condition } => {
                let key = match target {
                    ChangeTarget::Key(key) => {
                        self.writable(key.resource_type.as_str())?;
                        key.clone()
                    }
                    // Where nothing matches there is nothing to delete, as under an id that nothing
                    // ever had.
                    ChangeTarget::Matching(criteria) => self
                        .one_match(criteria)?
                        .0
                        .unwrap_or_else(|| criteria.unused()),
                };
                let mut entry = self.entry(&key, EntryWrite::Delete)?;
                entry.meets(*condition)?;
                if !entry.exists() {
                    entry.step = EntryWrite::Nothing(Effect::Deleted);
                }
                self.deleted.push(key);
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
        if_none_exist: Option<&[(String, String)]>,
    ) -> Result<Entry, Failure> {
        let resource_type = self.writable(resource.type_name())?;
        if let Some(query) = if_none_exist {
            let (found, _) = self.matching(resource_type, query, "If-None-Exist")?;
            if let Some(key) = found {
                let found = self.entry(&key, EntryWrite::Nothing(Effect::Unchanged))?;
                // One that was deleted since is no match; the commit will find that the query's
                // answer moved.
                if found.exists() {
                    return Ok(found);
                }
            }
        }
        let key = ResourceKey::new(resource_type, id.clone());
        let step = EntryWrite::Put(resource.clone(), Method::Post);
        Ok(Entry::new(key, None, step))
    }

    /// Applies a patch to the stored content: from here on it is an update.
    fn patched(
        &mut self,
        target: &ChangeTarget,
        patch: &Patch,
        condition: Condition,
    ) -> Result<Entry, Failure> {
        let (key, claims) = match target {
            ChangeTarget::Key(key) => {
                self.writable(key.resource_type.as_str())?;
                (key.clone(), None)
            }
            ChangeTarget::Matching(criteria) => match self.one_match(criteria)? {
                (Some(key), query) => (key, Some(query)),
                (None, _) => return Err(Failure::not_found("nothing matches the criteria")),
            },
        };
        let mut entry = self.entry(&key, EntryWrite::Nothing(Effect::Unchanged))?;
        entry.claims = claims;
        let none = || Failure::not_found(format!("there is no {} with this id", key.resource_type));
        existing(entry.previous.clone().ok_or_else(none)?)?;
        entry.meets(condition)?;
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
    ) -> Result<(ResourceKey, Option<SearchQuery>), Failure> {
        same_type(criteria.resource_type, resource)?;
        let (found, query) = self.one_match(criteria)?;
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
        Ok((key, Some(query)))
    }

    /// Finds the only match of a conditional change, if there is any; answers it with the query.
    fn one_match(
        &mut self,
        criteria: &Criteria,
    ) -> Result<(Option<ResourceKey>, SearchQuery), Failure> {
        self.writable(criteria.resource_type.as_str())?;
        self.matching(criteria.resource_type, &criteria.parameters, "the criteria")
    }

    fn matching(
        &mut self,
        resource_type: ResourceType,
        parameters: &[(String, String)],
        what: &str,
    ) -> Result<(Option<ResourceKey>, SearchQuery), Failure> {
        let (mut keys, query) =
            conditional::matching_keys(self.gathering, resource_type, parameters)?;
        keys.retain(|key| !self.deleted.contains(key));
        if keys.len() > 1 {
            let text = format!("{what}: expected at most one match, found {}", keys.len());
            return Err(Failure::precondition(IssueCode::MultipleMatches, text));
        }
        Ok((keys.pop(), query))
    }

    fn writable(&self, type_name: &str) -> Result<ResourceType, Failure> {
        let resource_type: ResourceType = type_name
            .parse()
            .map_err(|_| Failure::not_found(not_held(type_name)))?;
        let may = match self.writer {
            Writer::Client => resource_type.origin() == Origin::Clients,
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
