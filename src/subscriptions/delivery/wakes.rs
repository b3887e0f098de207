//! Who waits for a Subscription to have something new. Woken from any thread, without waiting; what
//! is woken often before it looks, looks once.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::fhir::Id;

/// The bells of all workers. As large as there are Subscriptions, however many events there are.
#[derive(Default)]
pub struct Wakes {
    inner: Mutex<Inner>,
    unanswered: Notify,
}

#[derive(Default)]
struct Inner {
    bells: BTreeMap<Id, Arc<Notify>>,
    /// Those that have something new, and no worker.
    unanswered: BTreeSet<Id>,
}

impl Wakes {
    /// Says that the Subscription was written, or has a new event.
    pub fn wake(&self, subscription: &Id) {
        let mut inner = self.lock();
        if let Some(bell) = inner.bells.get(subscription) {
            bell.notify_one();
        } else if inner.unanswered.insert(subscription.clone()) {
            self.unanswered.notify_one();
        }
    }

    /// The bell of a worker that begins; none if there is a worker already.
    pub(super) fn begin(&self, subscription: &Id) -> Option<Arc<Notify>> {
        let mut inner = self.lock();
        if inner.bells.contains_key(subscription) {
            return None;
        }
        let bell = Arc::new(Notify::new());
        inner.bells.insert(subscription.clone(), Arc::clone(&bell));
        Some(bell)
    }

    /// The worker ends. Whoever wakes the Subscription from now on has another one begin.
    pub(super) fn end(&self, subscription: &Id) {
        self.lock().bells.remove(subscription);
    }

    /// Those that were woken and have no worker, once there are any.
    pub(super) async fn unanswered(&self) -> BTreeSet<Id> {
        loop {
            let found = mem::take(&mut self.lock().unanswered);
            if !found.is_empty() {
                return found;
            }
            self.unanswered.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
