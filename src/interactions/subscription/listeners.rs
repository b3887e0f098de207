//! Listeners inside the server, who wait for the next event of a subscription or for a change of
//! the Subscription itself: woken after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fhir::Id;

/// A call that tells a listener that there is something to look at; it must not block.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// All who listen, by subscription.
#[derive(Default)]
pub(in crate::interactions) struct SubscriptionListeners(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    of: BTreeMap<Id, BTreeMap<u64, Wake>>,
}

impl SubscriptionListeners {
    /// Calls `wake` after each commit that wrote the Subscription or an event of it, until what is
    /// answered is dropped.
    pub(in crate::interactions) fn add(
        self: &Arc<Self>,
        subscription: &Id,
        wake: Wake,
    ) -> Listening {
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting
            .of
            .entry(subscription.clone())
            .or_default()
            .insert(number, wake);
        Listening {
            listeners: Arc::clone(self),
            subscription: subscription.clone(),
            number,
        }
    }

    /// Wakes all who wait for that subscription.
    pub(in crate::interactions) fn wake(&self, subscription: &Id) {
        self.waiting()
            .of
            .get(subscription)
            .into_iter()
            .flat_map(BTreeMap::values)
            .for_each(|wake| wake());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sign that somebody listens: until this is dropped.
pub struct Listening {
    listeners: Arc<SubscriptionListeners>,
    subscription: Id,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut waiting = self.listeners.waiting();
        if let Some(of) = waiting.of.get_mut(&self.subscription) {
            of.remove(&self.number);
            if of.is_empty() {
                waiting.of.remove(&self.subscription);
            }
        }
    }
}
