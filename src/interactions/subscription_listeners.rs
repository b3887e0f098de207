//! Listeners inside the server, who wait for the next event of a subscription or for a change of
//! the Subscription itself: woken after the commit.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Context, Server};
use crate::fhir::Id;

/// What is called with nothing to tell but that there is something to look at; must not block.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// All who listen, by subscription.
#[derive(Default)]
pub(super) struct SubscriptionListeners(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    of: BTreeMap<Id, BTreeMap<u64, Wake>>,
}

impl SubscriptionListeners {
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

/// Calls `wake` after each commit that wrote the Subscription or an event of it, from any thread.
/// What was committed before is to be looked at after this was called, so that nothing comes
/// between.
pub fn listen_to(server: &Server, _context: &Context, subscription: &Id, wake: Wake) -> Listening {
    let mut waiting = server.listeners.waiting();
    let number = waiting.next;
    waiting.next += 1;
    waiting
        .of
        .entry(subscription.clone())
        .or_default()
        .insert(number, wake);
    Listening {
        listeners: Arc::clone(&server.listeners),
        subscription: subscription.clone(),
        number,
    }
}

/// Tells whoever waits for these subscriptions that something was committed: so many events among
/// it.
pub(super) fn wake<'a>(
    server: &Server,
    events: usize,
    subscriptions: impl IntoIterator<Item = &'a Id>,
) {
    server
        .events_written
        .fetch_add(events as u64, Ordering::Relaxed);
    for subscription in subscriptions {
        (server.wake_delivery)(subscription);
        server
            .listeners
            .waiting()
            .of
            .get(subscription)
            .into_iter()
            .flat_map(BTreeMap::values)
            .for_each(|wake| wake());
    }
}
