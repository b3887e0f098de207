//! The tokens by which websockets are bound, kept in memory until they are used or too old.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::fhir::Id;
use crate::interactions::Principal;

/// The tokens that were given out and not used yet.
#[derive(Default)]
pub(in crate::interactions) struct BindingTokens(Mutex<BTreeMap<String, GivenToken>>);

/// A token that was given out.
pub(super) struct GivenToken {
    /// The instant from which it is no longer good.
    pub(super) until: Timestamp,
    /// The rights that it gives.
    pub(super) grant: BindingGrant,
}

/// The rights that a token gives to the websocket that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindingGrant {
    /// The principal who asked for the token: the websocket listens on behalf of the same one.
    pub principal: Principal,
    /// The subscriptions that it may listen to.
    pub subscriptions: Vec<Id>,
}

impl BindingTokens {
    /// Returns those that are still good.
    pub(super) fn good(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<String, GivenToken>> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, given| given.until > now);
        tokens
    }
}
