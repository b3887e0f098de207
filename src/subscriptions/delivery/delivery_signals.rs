//! The signals that wake the workers: a Subscription was written or has a new event. They are sent
//! from any thread without waiting; a worker that is woken often before it looks, looks once.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::fhir::Id;

/// The signals of all workers. As large as there are Subscriptions, however many events there are.
#[derive(Default)]
pub struct DeliverySignals {
    signals: Mutex<WorkerSignals>,
    unheard: Notify,
}

#[derive(Default)]
struct WorkerSignals {
    workers: BTreeMap<Id, Arc<Notify>>,
    /// The Subscriptions that have something new, and no worker.
    unheard: BTreeSet<Id>,
}

impl DeliverySignals {
    /// Says that the Subscription was written, or has a new event.
    pub fn wake(&self, subscription: &Id) {
        let mut signals = self.lock();
        if let Some(signal) = signals.workers.get(subscription) {
            signal.notify_one();
        } else if signals.unheard.insert(subscription.clone()) {
            self.unheard.notify_one();
        }
    }

    /// Makes the signal of a worker that begins; none if there is a worker already.
    pub(super) fn begin(&self, subscription: &Id) -> Option<Arc<Notify>> {
        let mut signals = self.lock();
        if signals.workers.contains_key(subscription) {
            return None;
        }
        let signal = Arc::new(Notify::new());
        signals
            .workers
            .insert(subscription.clone(), Arc::clone(&signal));
        Some(signal)
    }

    /// Removes the signal of a worker that ends. Whoever wakes the Subscription from now on makes
    /// another one begin.
    pub(super) fn end(&self, subscription: &Id) {
        self.lock().workers.remove(subscription);
    }

    /// Returns the Subscriptions that were woken and have no worker, once there are any.
    pub(super) async fn unheard(&self) -> BTreeSet<Id> {
        loop {
            let found = mem::take(&mut self.lock().unheard);
            if !found.is_empty() {
                return found;
            }
            self.unheard.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, WorkerSignals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
