//! One change on its way to the commit: which resource it is about, what is stored of it, and what
//! will be written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::persons::{self, Pending, PendingWrite};
use super::write::Condition;
use super::{Effect, Failure, Written};
use crate::fhir::{Body, Issue, IssueCode, Resource, ResourceKey, ResourceType, Version};
use crate::search::compartment::found_by;
use crate::search::query::instant_span_us;
use crate::search::{Clause, Prefix, SearchQuery, Test};
use crate::storage::{Committed, Content, Method, Precondition, StoredVersion, Write};

/// One change, as gathered.
pub(super) struct Entry {
    /// What it is about.
    pub(super) key: ResourceKey,
    /// The last version, as it was when the change was looked at.
    pub(super) previous: Option<StoredVersion>,
    /// What will be done.
    pub(super) step: Step,
    /// The query by which a conditional update or patch found it, or found nothing.
    pub(super) claims: Option<SearchQuery>,
    /// What the answer says of the content.
    pub(super) warnings: Vec<Issue>,
}

/// What will be done to the resource.
pub(super) enum Step {
    /// This becomes its content.
    Put(Resource, Method),
    /// It is deleted.
    Delete,
    /// Nothing to write: the effect to answer.
    Nothing(Effect),
}

impl Entry {
    /// The number of the version that would be written.
    pub(super) fn next_version(&self) -> Version {
        Version::after(self.previous.as_ref().map(|previous| previous.version))
    }

    /// True if the resource is there, and not deleted.
    pub(super) fn exists(&self) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|previous| previous.body.is_some())
    }

    /// Whether the resource is as the client requires.
    ///
    /// # Errors
    /// `PreconditionFailed` if it is not.
    pub(super) fn holds(&self, condition: Condition) -> Result<(), Failure> {
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
    pub(super) fn write(&self) -> Option<Write> {
        let (method, content) = match &self.step {
            Step::Nothing(_) => return None,
            Step::Delete => (Method::Delete, None),
            Step::Put(resource, method) => {
                let body = resource.stamped(&self.key.id, self.next_version());
                let entries = found_by(&self.key, resource.value());
                (*method, Some(Content { body, entries }))
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
    pub(super) fn still_so(&self) -> Option<Precondition> {
        let Step::Nothing(_) = self.step else {
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
    pub(super) fn unchanged(self) -> Written {
        let effect = match self.step {
            Step::Nothing(effect) => effect,
            Step::Put(..) | Step::Delete => Effect::Unchanged,
        };
        Written {
            key: self.key,
            effect,
            version: self.previous,
            issues: self.warnings,
        }
    }

    /// The answer after the commit of that body.
    pub(super) fn written(self, body: Option<Body>, committed: Committed) -> Written {
        let (effect, method) = match &self.step {
            Step::Nothing(_) => return self.unchanged(),
            Step::Delete => (Effect::Deleted, Method::Delete),
            Step::Put(_, method) if self.exists() => (Effect::Updated, *method),
            Step::Put(_, method) => (Effect::Created, *method),
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
pub(super) fn pending(entries: &[Entry]) -> Result<Pending, Failure> {
    let mut pending = BTreeMap::new();
    for entry in entries {
        let content = match &entry.step {
            Step::Put(resource, _) => {
                let mut value = resource.value().clone();
                value["id"] = Value::from(entry.key.id.as_str());
                Some(value)
            }
            Step::Delete => None,
            Step::Nothing(_) => continue,
        };
        let before = match entry
            .previous
            .as_ref()
            .and_then(|previous| previous.body.as_deref())
        {
            Some(body) => Some(persons::parse_stored(&entry.key, body)?),
            None => None,
        };
        pending.insert(
            entry.key.clone(),
            persons::PendingWrite {
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
pub(super) fn same_type(resource_type: ResourceType, resource: &Resource) -> Result<(), Failure> {
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
pub(super) fn settle(entries: &mut [Entry], pending: &mut Pending) {
    for entry in entries {
        let same = |write: &PendingWrite| match (&write.before, &write.content) {
            (Some(before), Some(content)) => same_content(before, content),
            (None, _) | (_, None) => false,
        };
        if pending.get(&entry.key).is_some_and(same) {
            pending.remove(&entry.key);
            entry.step = Step::Nothing(Effect::Unchanged);
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
