//! The changes that clients ask for: of which resource, to do what, and what must be so. Pure
//! values;
//! `writing` carries them out.

use super::Failure;
use super::condition::Condition;
use crate::fhir::{Id, Resource, ResourceKey, ResourceType};
use crate::patch::Patch;

/// One change that a client asks for.
#[derive(Clone, Debug)]
pub struct Change {
    /// The action.
    pub action: Action,
    /// The address under which other entries of the same transaction may name the resource.
    pub full_url: Option<String>,
    /// The place among the entries of its transaction; none if it comes alone.
    pub place: Option<usize>,
    /// Tells whether findings are wanted too that are only good to know.
    pub is_verbose: bool,
}

impl Change {
    /// Makes a change that comes alone.
    pub fn alone(action: Action) -> Self {
        Change {
            action,
            full_url: None,
            place: None,
            is_verbose: false,
        }
    }
}

/// An action on a resource.
#[derive(Clone, Debug)]
pub enum Action {
    /// Store a new resource under `id`, unless the query of `if_none_exist` matches one.
    Create {
        /// The content.
        resource: Resource,
        /// The id that the server chose for it.
        id: Id,
        /// The query of a conditional create.
        if_none_exist: Option<Vec<(String, String)>>,
    },
    /// Make this the content of the resource, which need not exist yet.
    Update {
        /// The resource.
        target: ChangeTarget,
        /// The content.
        resource: Resource,
        /// The condition.
        condition: Condition,
    },
    /// Change the content of the resource, which is there.
    Patch {
        /// The resource.
        target: ChangeTarget,
        /// The changes.
        patch: Patch,
        /// The condition.
        condition: Condition,
    },
    /// Delete the resource.
    Delete {
        /// The resource.
        target: ChangeTarget,
        /// The condition.
        condition: Condition,
    },
}

/// The resource that a change is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangeTarget {
    /// This one.
    Key(ResourceKey),
    /// The only one that matches a query, if there is any (<https://hl7.org/fhir/R4/http.html#cond-update>).
    Matching(Criteria),
}

/// The query of a conditional change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Criteria {
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// Names and values, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// An id that nothing has: for what is created if nothing matches.
    pub unused_id: Id,
}

impl Criteria {
    /// Returns a key that nothing has.
    pub(super) fn unused(&self) -> ResourceKey {
        ResourceKey::new(self.resource_type, self.unused_id.clone())
    }
}

/// The way in which changes that commit together were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedAs {
    /// Each by itself.
    Requests,
    /// As the entries of one transaction, where references may be searches.
    Transaction,
}

/// The writer of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// A client: it may write the types that clients write, and every check is made.
    Client,
    /// The server itself, for what it makes of a foreign Bundle: the types that clients write, and
    /// Provenance; every check is made.
    Intake,
    /// The server itself, for the definitions it was started with.
    Definitions,
    /// The server itself, for the status of a Subscription; its content was checked when the client
    /// sent it.
    Delivery,
    /// Nobody: what is asked is only what a check says of the content, of any type. Never commits.
    Nobody,
}

/// Says of a failure which change it is about, if that is an entry of a transaction.
pub(super) fn placed(change: &Change, failure: Failure) -> Failure {
    match change.place {
        Some(at) => failure.in_entry(at),
        None => failure,
    }
}
