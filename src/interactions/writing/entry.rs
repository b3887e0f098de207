//! One change on its way to the commit: which resource it is about, what is stored of it, and what
//! will be written.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::pending::{Pending, PendingWrite};
use crate::deadlines::practice_references;
use crate::fhir::view::says_the_same;
use crate::fhir::{Body, Issue, IssueCode, Resource, ResourceKey, ResourceType, Version};
use crate::interactions::change::ChangeTarget;
use crate::interactions::condition::Condition;
use crate::interactions::rights_told::RightsTold;
use crate::interactions::stored::parse_stored;
use crate::interactions::{Effect, Failure, Written};
use crate::search::compartment::found_by;
use crate::search::query::instant_span_us;
use crate::search::{Clause, IndexEntry, Prefix, SearchQuery, Test};
use crate::storage::{
    Committed, Method, Precondition, StoreError, StoredContent, StoredVersion, Write,
};

/// One change, as gathered.
pub(super) struct Entry {
    /// The resource.
    pub(super) key: ResourceKey,
    /// The last version, as it was when the change was looked at.
    pub(super) previous: Option<StoredVersion>,
    /// The write that it comes to.
    pub(super) step: EntryWrite,
    /// The query by which a conditional update or patch found it, or a conditional create found
    /// nothing.
    pub(super) claims: Option<SearchQuery>,
    /// The criteria of a create that is what another entry makes, since that has the same ones: not
    /// yet seen is whether what that makes meets them.
    pub(super) joined: Option<SearchQuery>,
    /// The findings about the content, which the answer tells.
    pub(super) warnings: Vec<Issue>,
    /// Its effect on rights, which the answer tells.
    pub(super) rights: RightsTold,
    /// The content of the last version, once it was read.
    before: Option<Arc<Value>>,
    /// The index entries of the content, once they were worked out.
    index: OnceCell<Vec<IndexEntry>>,
}

/// The write that an entry comes to.
pub(super) enum EntryWrite {
    /// This becomes its content.
    Put(Resource, Method),
    /// It is deleted.
    Delete,
    /// Nothing to write: the effect to answer.
    Nothing(Effect),
}

impl Entry {
    /// Makes the entry of a change of this resource.
    pub(super) fn new(key: ResourceKey, previous: Option<StoredVersion>, step: EntryWrite) -> Self {
        Entry {
            key,
            previous,
            step,
            claims: None,
            joined: None,
            warnings: Vec::new(),
            rights: RightsTold::default(),
            before: None,
            index: OnceCell::new(),
        }
    }

    /// Reads the content of the last version, the first time it is asked for; none if there is no
    /// such version, or it is a deletion.
    ///
    /// # Errors
    /// Of the store, if what is stored is no JSON.
    pub(super) fn before(&mut self) -> Result<Option<Arc<Value>>, StoreError> {
        let stored = self
            .previous
            .as_ref()
            .and_then(|previous| previous.body.as_deref());
        if let (None, Some(body)) = (&self.before, stored) {
            self.before = Some(Arc::new(parse_stored(&self.key, body)?));
        }
        Ok(self.before.clone())
    }

    /// Returns all that the content will be found by, worked out the first time it is asked for;
    /// none if nothing is written, or it is deleted.
    pub(super) fn index(&self) -> Option<&[IndexEntry]> {
        let EntryWrite::Put(resource, _) = &self.step else {
            return None;
        };
        Some(
            self.index
                .get_or_init(|| found_by(&self.key, resource.value())),
        )
    }

    /// Changes the content, if there is one.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        if let EntryWrite::Put(resource, _) = &mut self.step {
            resource.edit(change);
            self.index = OnceCell::new();
        }
    }

    /// Returns the number of the version that would be written.
    pub(super) fn next_version(&self) -> Version {
        Version::after(self.previous.as_ref().map(|previous| previous.version))
    }

    /// Tells whether the resource is there, and not deleted.
    pub(super) fn exists(&self) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|previous| previous.body.is_some())
    }

    /// Checks that the resource is as the client requires.
    ///
    /// # Errors
    /// `PreconditionFailed` if it is not.
    pub(super) fn meets(
        &self,
        condition: &Condition,
        target: &ChangeTarget,
    ) -> Result<(), Failure> {
        let current = self
            .previous
            .as_ref()
            .filter(|_| self.exists())
            .map(|previous| previous.version);
        condition.check(current).map_err(|expected| {
            let found = current.map_or("none".to_owned(), |version| format!("version {version}"));
            let about = match target {
                // The key is one that nobody asked for.
                ChangeTarget::Matching(_) if current.is_none() => {
                    "nothing that is stored matches the criteria".to_owned()
                }
                ChangeTarget::Matching(_) | ChangeTarget::Key(_) => self.key.to_string(),
            };
            let text = format!("{about}: expected {expected}, found {found}");
            Failure::precondition(IssueCode::Conflict, text)
        })
    }

    /// Returns the write, if anything is to be written: with the bytes that will be stored.
    pub(super) fn write(&mut self) -> Option<Write> {
        let index = std::mem::take(&mut self.index).into_inner();
        let (method, content) = match &self.step {
            EntryWrite::Nothing(_) => return None,
            EntryWrite::Delete => (Method::Delete, None),
            EntryWrite::Put(resource, method) => {
                let body = resource.stamped(&self.key.id, self.next_version());
                let entries = index.unwrap_or_else(|| found_by(&self.key, resource.value()));
                (*method, Some(StoredContent { body, entries }))
            }
        };
        Some(Write {
            key: self.key.clone(),
            previous: self.previous.as_ref().map(|previous| previous.version),
            method,
            content,
        })
    }

    /// Returns the precondition of an entry that writes nothing, for when others of the same request
    /// are written: that its resource is still as it was found.
    pub(super) fn unchanged_precondition(&self) -> Option<Precondition> {
        let EntryWrite::Nothing(_) = self.step else {
            return None;
        };
        let mut clauses = vec![Clause::Ids(vec![self.key.id.clone()])];
        let mut expected = Vec::new();
        if let Some(previous) = self.previous.as_ref().filter(|_| self.exists()) {
            // No two versions have one instant.
            let (from_us, until_us) = instant_span_us(previous.last_updated);
            clauses.push(Clause::LastUpdated(vec![Test::Date {
                prefix: Prefix::Eq,
                from_us,
                until_us,
            }]));
            expected.push(self.key.clone());
        }
        Some(Precondition::Matches(
            SearchQuery::all(self.key.resource_type, clauses),
            expected,
        ))
    }

    /// Returns the answer if nothing was written.
    pub(super) fn unchanged(self) -> Written {
        let effect = match self.step {
            EntryWrite::Nothing(effect) => effect,
            EntryWrite::Put(..) | EntryWrite::Delete => Effect::Unchanged,
        };
        Written {
            key: self.key,
            effect,
            version: self.previous,
            issues: self.warnings,
            rights: self.rights,
        }
    }

    /// Returns the answer after the commit of that body.
    pub(super) fn written(self, body: Option<Body>, committed: Committed) -> Written {
        let (effect, method) = match &self.step {
            EntryWrite::Nothing(_) => return self.unchanged(),
            EntryWrite::Delete => (Effect::Deleted, Method::Delete),
            EntryWrite::Put(_, method) if self.exists() => (Effect::Updated, *method),
            EntryWrite::Put(_, method) => (Effect::Created, *method),
        };
        let version = StoredVersion {
            key: self.key.clone(),
            version: self.next_version(),
            position: committed.position,
            last_updated: committed.instant,
            method,
            body: body.map(|body| body.at(committed.instant)),
        };
        Written {
            key: self.key,
            effect,
            version: Some(version),
            issues: self.warnings,
            rights: self.rights,
        }
    }
}

/// Returns the writes of the entries, by key.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub(super) fn pending(entries: &mut [Entry]) -> Result<Pending, Failure> {
    let mut pending = BTreeMap::new();
    for entry in entries {
        let content = match &entry.step {
            EntryWrite::Put(resource, _) => Some(resource.shared_value()),
            EntryWrite::Delete => None,
            EntryWrite::Nothing(_) => continue,
        };
        let practices = content
            .as_ref()
            .map_or_else(Vec::new, |content| practice_references(content));
        let write = PendingWrite {
            version: entry.next_version(),
            content,
            practices: practices.into(),
            before: entry.before()?,
        };
        pending.insert(entry.key.clone(), write);
    }
    Ok(pending)
}

/// Checks that the content has the type of its address.
///
/// # Errors
/// `BadRequest` if it has not.
pub(in crate::interactions) fn same_type(
    resource_type: ResourceType,
    resource: &Resource,
) -> Result<(), Failure> {
    let type_name = resource.type_name();
    if type_name == resource_type.as_str() {
        Ok(())
    } else {
        Err(not_of_the_address(
            type_name,
            "type",
            resource_type.as_str(),
        ))
    }
}

/// Checks that the content has the type and the id of its address.
///
/// # Errors
/// `BadRequest` if it has not.
pub(super) fn same_identity(key: &ResourceKey, resource: &Resource) -> Result<(), Failure> {
    same_type(key.resource_type, resource)?;
    if resource.id() == Some(key.id.as_str()) {
        return Ok(());
    }
    Err(not_of_the_address(
        format!("{}.id", key.resource_type),
        "id",
        key.id.as_str(),
    ))
}

fn not_of_the_address(at: impl Into<String>, what: &str, expected: &str) -> Failure {
    Failure::BadRequest(vec![Issue::error(
        IssueCode::Invalid,
        at,
        format!("expected the {what} of the address, '{expected}'"),
    )])
}

/// Leaves out what is stored as it is sent: then a retry writes nothing.
pub(super) fn drop_unchanged(entries: &mut [Entry], pending: &mut Pending) {
    let writes = entries
        .iter_mut()
        .filter(|entry| matches!(entry.step, EntryWrite::Put(..)));
    for entry in writes {
        // One resource has one id, whether or not the content repeats it.
        let same = |write: &PendingWrite| match (&write.before, &write.content) {
            (Some(before), Some(content)) => says_the_same(before, content, &["id"]),
            (None, _) | (_, None) => false,
        };
        if pending.get(&entry.key).is_some_and(same) {
            pending.remove(&entry.key);
            entry.step = EntryWrite::Nothing(Effect::Unchanged);
        }
    }
}
