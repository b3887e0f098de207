//! One change on its way to the commit: which resource it is about, what is stored of it, and what
//! will be written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pending::{Pending, PendingWrite};
use crate::fhir::{Body, Issue, IssueCode, Resource, ResourceKey, ResourceType, Version};
use crate::interactions::change::Condition;
use crate::interactions::stored::parse_stored;
use crate::interactions::{Effect, Failure, Written};
use crate::search::compartment::found_by;
use crate::search::query::instant_span_us;
use crate::search::{Clause, Prefix, SearchQuery, Test};
use crate::storage::{Committed, Method, Precondition, StoredContent, StoredVersion, Write};

/// One change, as gathered.
pub(in crate::interactions) struct Entry {
    /// What it is about.
    pub(in crate::interactions) key: ResourceKey,
    /// The last version, as it was when the change was looked at.
    pub(in crate::interactions) previous: Option<StoredVersion>,
    /// What will be done.
    pub(in crate::interactions) step: EntryWrite,
    /// The query by which a conditional update or patch found it, or found nothing.
    pub(in crate::interactions) claims: Option<SearchQuery>,
    /// What the answer says of the content.
    pub(in crate::interactions) warnings: Vec<Issue>,
}

/// What will be done to the resource.
pub(in crate::interactions) enum EntryWrite {
    /// This becomes its content.
    Put(Resource, Method),
    /// It is deleted.
    Delete,
    /// Nothing to write: the effect to answer.
    Nothing(Effect),
}

impl Entry {
    /// The number of the version that would be written.
    pub(in crate::interactions) fn next_version(&self) -> Version {
        Version::after(self.previous.as_ref().map(|previous| previous.version))
    }

    /// True if the resource is there, and not deleted.
    pub(in crate::interactions) fn exists(&self) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|previous| previous.body.is_some())
    }

    /// Whether the resource is as the client requires.
    ///
    /// # Errors
    /// `PreconditionFailed` if it is not.
    pub(in crate::interactions) fn holds(&self, condition: Condition) -> Result<(), Failure> {
        let current = self
            .previous
            .as_ref()
            .filter(|_| self.exists())
            .map(|previous| previous.version);
        let (holds, expected) = match condition {
            Condition::Any => (true, String::new()),
            Condition::Is(version) => (current == Some(version), format!("version {version}")),
            Condition::Absent => (current.is_none(), "no such resource".to_owned()),
        };
        if holds {
            return Ok(());
        }
        let found = current.map_or("none".to_owned(), |version| format!("version {version}"));
        Err(Failure::precondition(
            IssueCode::Conflict,
            format!("{}: expected {expected}, found {found}", self.key),
        ))
    }

    /// What is to be written, if anything is, and the bytes that will be stored.
    pub(in crate::interactions) fn write(&self) -> Option<Write> {
        let (method, content) = match &self.step {
            EntryWrite::Nothing(_) => return None,
            EntryWrite::Delete => (Method::Delete, None),
            EntryWrite::Put(resource, method) => {
                let body = resource.stamped(&self.key.id, self.next_version());
                let entries = found_by(&self.key, resource.value());
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

    /// What must still hold when others of the same request are written: that this one needs
    /// nothing, as it was found.
    pub(in crate::interactions) fn still_so(&self) -> Option<Precondition> {
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

    /// The answer if nothing was written.
    pub(in crate::interactions) fn unchanged(self) -> Written {
        let effect = match self.step {
            EntryWrite::Nothing(effect) => effect,
            EntryWrite::Put(..) | EntryWrite::Delete => Effect::Unchanged,
        };
        Written {
            key: self.key,
            effect,
            version: self.previous,
            issues: self.warnings,
        }
    }

    /// The answer after the commit of that body.
    pub(in crate::interactions) fn written(
        self,
        body: Option<Body>,
        committed: Committed,
    ) -> Written {
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
        }
    }
}

/// What the entries will have written, by key.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub(in crate::interactions) fn pending(entries: &[Entry]) -> Result<Pending, Failure> {
    let mut pending = BTreeMap::new();
    for entry in entries {
        let content = match &entry.step {
            EntryWrite::Put(resource, _) => {
                let mut value = resource.value().clone();
                value["id"] = Value::from(entry.key.id.as_str());
                Some(value)
            }
            EntryWrite::Delete => None,
            EntryWrite::Nothing(_) => continue,
        };
        let before = match entry
            .previous
            .as_ref()
            .and_then(|previous| previous.body.as_deref())
        {
            Some(body) => Some(parse_stored(&entry.key, body)?),
            None => None,
        };
        pending.insert(
            entry.key.clone(),
            PendingWrite {
                version: entry.next_version(),
                content,
                before,
            },
        );
    }
    Ok(pending)
}

/// That the content has the type of its address.
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

/// That the content has the type and the id of its address.
///
/// # Errors
/// `BadRequest` if it has not.
pub(in crate::interactions) fn same_identity(
    key: &ResourceKey,
    resource: &Resource,
) -> Result<(), Failure> {
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
pub(in crate::interactions) fn settle(entries: &mut [Entry], pending: &mut Pending) {
    for entry in entries {
        let same = |write: &PendingWrite| match (&write.before, &write.content) {
            (Some(before), Some(content)) => same_content(before, content),
            (None, _) | (_, None) => false,
        };
        if pending.get(&entry.key).is_some_and(same) {
            pending.remove(&entry.key);
            entry.step = EntryWrite::Nothing(Effect::Unchanged);
        }
    }
}

/// True if both say the same, whatever the server set in `meta`.
fn same_content(stored: &Value, sent: &Value) -> bool {
    let told = |value: &Value| {
        let mut members = value.as_object().cloned().unwrap_or_default();
        if let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) {
            meta.shift_remove("versionId");
            meta.shift_remove("lastUpdated");
        }
        if members
            .get("meta")
            .and_then(Value::as_object)
            .is_none_or(serde_json::Map::is_empty)
        {
            members.shift_remove("meta");
        }
        members
    };
    told(stored) == told(sent)
}
