//! Foresight of a transaction: a look that would fail after the commit fails before it.

use std::collections::BTreeSet;

use super::allowance::Allowance;
use super::alone::look;
use super::change::{Action, Change, ChangeTarget};
use super::request::Ask;
use super::scopes::Subject;
use super::writing::identify::deleted_by_criteria;
use super::{Context, Failure, Server, read};
use crate::fhir::{ResourceKey, Version};
use crate::storage::HistoryScope;

/// The fate of a resource in a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It will be there.
    Written,
    /// It will be gone.
    Deleted,
}

/// The changes that a transaction will make, as far as they can be known before.
pub(super) struct Foresight<'a> {
    server: &'a Server,
    context: &'a Context,
    changes: &'a [Change],
    /// The resources that deletions by criteria meet.
    deleted: BTreeSet<ResourceKey>,
    allowance: Allowance,
}

impl<'a> Foresight<'a> {
    /// Begins to look ahead.
    pub(super) fn new(server: &'a Server, context: &'a Context, changes: &'a [Change]) -> Self {
        Foresight {
            server,
            context,
            changes,
            deleted: deleted_by_criteria(server, context, changes),
            allowance: Allowance::default(),
        }
    }

    /// Checks that a look will not fail once the changes are made.
    ///
    /// # Errors
    /// As the look itself would have after the commit, as far as that is known.
    pub(super) fn check(&self, ask: &Ask) -> Result<(), Failure> {
        let about = subject_of(ask);
        let fate = about.and_then(|(key, _)| self.fate_of(key));
        if let (Some((key, true)), Some(Fate::Deleted)) = (about, fate) {
            let text = format!("{key} is deleted by the same transaction");
            return Err(Failure::not_found(text));
        }
        match (look(self.server, self.context, ask), about, version_of(ask)) {
            (Ok(outcome), ..) => self.allowance.take(outcome).map(|_| ()),
            (Err(Failure::NotFound(_)), Some((key, _)), Some(version))
                if fate == Some(Fate::Written) && version == self.next_version(key)? =>
            {
                Ok(())
            }
            (Err(Failure::NotFound(_) | Failure::Gone(..)), _, None) if fate.is_some() => Ok(()),
            (Err(failure), ..) => Err(failure),
        }
    }

    /// Returns the version that the next write of a resource makes.
    fn next_version(&self, key: &ResourceKey) -> Result<Version, Failure> {
        match read::read(self.server, self.context, key) {
            Ok(found) => Ok(Version::after(Some(found.version))),
            Err(Failure::Gone(_, version)) => Ok(Version::after(Some(version))),
            Err(Failure::NotFound(_)) => Ok(Version::after(None)),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the fate of a resource, if a change names it.
    fn fate_of(&self, key: &ResourceKey) -> Option<Fate> {
        let told = self.changes.iter().find_map(|change| match &change.action {
            Action::Update {
                target: ChangeTarget::Key(changed),
                ..
            }
            | Action::Patch {
                target: ChangeTarget::Key(changed),
                ..
            } if changed == key => Some(Fate::Written),
            Action::Delete {
                target: ChangeTarget::Key(changed),
                ..
            } if changed == key => Some(Fate::Deleted),
            // An id in the content is that of the resource that it meets or creates.
            Action::Update {
                target: ChangeTarget::Matching(_),
                resource,
                ..
            } if resource.type_name() == key.resource_type.as_str()
                && resource.id() == Some(key.id.as_str()) =>
            {
                Some(Fate::Written)
            }
            Action::Create { .. }
            | Action::Update { .. }
            | Action::Patch { .. }
            | Action::Delete { .. } => None,
        });
        let is_deleted = self.deleted.contains(key);
        told.or(is_deleted.then_some(Fate::Deleted))
    }
}

/// Returns the version that a request is about, if it names one.
fn version_of(ask: &Ask) -> Option<Version> {
    match ask {
        Ask::Read(request) => request.version,
        Ask::Operation(_, request) => match request.subject {
            Subject::Version(_, version) => Some(version),
            Subject::System | Subject::Type(_) | Subject::Instance(_) => None,
        },
        Ask::Search(_)
        | Ask::History(_)
        | Ask::Capabilities
        | Ask::Change(..)
        | Ask::Bundle(_)
        | Ask::Wire(_) => None,
    }
}

/// Returns the resource that a request is about, and whether it must be there after the changes.
fn subject_of(ask: &Ask) -> Option<(&ResourceKey, bool)> {
    match ask {
        Ask::Read(request) => Some((&request.key, request.version.is_none())),
        Ask::Search(request) => Some((request.scope.person()?, true)),
        Ask::Operation(_, request) => {
            let is_of_version = version_of(ask).is_some();
            let must_be_there = !is_of_version && request.given.resource.is_none();
            Some((request.subject.key()?, must_be_there))
        }
        Ask::History(request) => match &request.scope {
            HistoryScope::Instance(key) => Some((key, false)),
            HistoryScope::System | HistoryScope::Type(_) => None,
        },
        Ask::Capabilities | Ask::Change(..) | Ask::Bundle(_) | Ask::Wire(_) => None,
    }
}
