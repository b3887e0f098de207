//! The context of an interaction: who asks, and when. It stands beside the server in each of them.
//!
//! Time and ids are values, so that a test can say "on 24 December". What is done later for a
//! request (jobs, further pages, websockets) carries the context, or the principal, of the request
//! that asked for it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fhir::Id;
use crate::storage::{Asker, Position};

/// The one on whose behalf something is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// Nobody is asked who they are.
    Anyone,
}

impl Principal {
    /// Returns the word by which a token names the principal.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Principal::Anyone => "anyone",
        }
    }
}

/// The circumstances of one request, or of one piece of work that the server does by itself.
#[derive(Clone)]
pub struct Context {
    /// The one on whose behalf it is done.
    pub principal: Principal,
    /// When the request arrived.
    pub now: Timestamp,
    /// Gives a new id at each call.
    pub new_id: Arc<dyn Fn() -> Id + Send + Sync>,
    /// The id under which the log speaks of the request; none for what the server does by itself.
    pub request_id: Option<Arc<str>>,
    /// The base by which the client reached this server, if it is another one than the server knows
    /// itself by.
    pub(super) reached_by: Option<Arc<str>>,
    /// The state that reads, searches and histories see; the latest one if none is given.
    pub(super) seen_at: Option<Position>,
    /// The one who waits for the answer, whom the writer of the store asks as well.
    pub(super) asker: Asker,
}

impl Context {
    /// Makes the context of something that begins at that instant, on behalf of anyone.
    pub fn new(now: Timestamp, new_id: Arc<dyn Fn() -> Id + Send + Sync>) -> Self {
        Context {
            principal: Principal::Anyone,
            now,
            new_id,
            request_id: None,
            reached_by: None,
            seen_at: None,
            asker: Asker::default(),
        }
    }

    /// Returns the same context on behalf of this principal.
    pub fn on_behalf_of(self, principal: Principal) -> Self {
        Context { principal, ..self }
    }

    /// Returns the same context, in which what is made has that id.
    pub fn naming(self, id: Id) -> Self {
        Context {
            new_id: Arc::new(move || id.clone()),
            ..self
        }
    }

    /// Returns the same context for the request of that id.
    pub fn of_request(self, id: &str) -> Self {
        Context {
            request_id: Some(id.into()),
            ..self
        }
    }

    /// Returns the same context for a client that reached the server by that base.
    pub fn reached_by(self, base_url: &str) -> Self {
        Context {
            reached_by: Some(base_url.into()),
            ..self
        }
    }

    /// Returns the same context, in which reads, searches and histories see the state after the
    /// change at that position.
    pub(super) fn seeing(&self, position: Position) -> Self {
        Context {
            seen_at: Some(position),
            ..self.clone()
        }
    }

    /// Says that nobody waits for the answer any more: what has not been committed will not be.
    /// Returns true if that is everything; otherwise the answer must be awaited, which tells what
    /// was done.
    pub fn abandon(&self) -> bool {
        self.asker.give_up()
    }

    /// Takes something that the request does besides commits, such as the begin of a job: true if
    /// somebody waits, and then waits for the answer.
    pub fn takes_effect(&self) -> bool {
        self.asker.takes_effect()
    }

    /// Tells whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        self.asker.has_given_up()
    }
}
