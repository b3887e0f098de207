//! Who waits inside the server for the next event of a subscription, or for a change of the
//! Subscription itself: woken after the commit.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Server;
use crate::fhir::Id;

/// What is called with nothing to tell but that there is something to look at; must not block.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// All who wait, by subscription.
#[derive(Default)]
pub(super) struct Watches(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    of: BTreeMap<Id, BTreeMap<u64, Wake>>,
}

impl Watches {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody waits: until this is dropped.
pub struct Watch {
    watches: Arc<Watches>,
    subscription: Id,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut waiting = self.watches.waiting();
        if let Some(of) = waiting.of.get_mut(&self.subscription) {
            of.remove(&self.number);
            if of.is_empty() {
                waiting.of.remove(&self.subscription);
            }
        }
    }
}

impl Server {
    /// Calls `wake` after each commit that wrote the Subscription or an event of it, from any
    /// thread. What was committed before is to be looked at after this was called, so that
    /// nothing comes between.
    pub fn watch(&self, subscription: &Id, wake: Wake) -> Watch {
        let mut waiting = self.watches.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting
            .of
            .entry(subscription.clone())
            .or_default()
            .insert(number, wake);
        Watch {
            watches: Arc::clone(&self.watches),
            subscription: subscription.clone(),
            number,
        }
    }

    /// Tells whoever waits for these subscriptions that something was committed: so many events
    /// among it.
    pub(super) fn wake<'a>(&self, events: usize, subscriptions: impl IntoIterator<Item = &'a Id>) {
        self.events_written
            .fetch_add(events as u64, Ordering::Relaxed);
        for subscription in subscriptions {
            (self.wake_delivery)(subscription);
            self.watches
                .waiting()
                .of
                .get(subscription)
                .into_iter()
                .flat_map(BTreeMap::values)
                .for_each(|wake| wake());
        }
    }
}
