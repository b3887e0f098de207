//! Everything that all workers share. It starts no worker and sends nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::client::Client;
use super::cursors::Cursors;
use super::delivery_signals::DeliverySignals;
use super::figures::Counters;
use super::pace::Pace;
use super::seen;
use super::state::SharedState;
use super::world::World;
use crate::fhir::Id;

/// The most messages being prepared at a time: their resources are read and their bytes made, which
/// takes a thread. Nobody waits for an endpoint here.
const PREPARING_MAX: usize = 8;

/// Everything that all workers share.
pub(super) struct SharedByWorkers {
    pub(super) world: Arc<World>,
    pub(super) client: Client,
    pub(super) pace: Pace,
    pub(super) cursors: Cursors,
    pub(super) signals: Arc<DeliverySignals>,
    pub(super) preparing: Arc<Semaphore>,
    /// Permits of the subscriptions whose last attempt failed.
    pub(super) retrying: Semaphore,
    pub(super) counters: Counters,
    states: Mutex<BTreeMap<Id, Arc<SharedState>>>,
}

impl SharedByWorkers {
    pub(super) fn new(
        world: Arc<World>,
        client: Client,
        pace: Pace,
        cursors: Cursors,
        signals: Arc<DeliverySignals>,
    ) -> Self {
        SharedByWorkers {
            world,
            client,
            retrying: Semaphore::new(pace.retrying_max),
            pace,
            cursors,
            signals,
            preparing: Arc::new(Semaphore::new(PREPARING_MAX)),
            counters: Counters::default(),
            states: Mutex::default(),
        }
    }

    /// Ends the work for a Subscription, then looks once more: a write before this may have sent a
    /// signal that nobody heard any more, and gets a new worker.
    pub(super) fn end(&self, id: &Id) {
        self.states().remove(id);
        self.signals.end(id);
        if !matches!(seen::exists(id, &self.world), Ok(false)) {
            self.signals.wake(id);
        }
    }

    /// Replaces a worker that panicked by another one, after a pause.
    pub(super) async fn begin_anew(self: Arc<Self>, id: Id) {
        let pause = self.pace.after_panic;
        tracing::error!(subscription = %id, "its delivery panicked and starts again in {pause:?}; the place of the panic is logged separately");
        tokio::time::sleep(pause).await;
        self.signals.end(&id);
        self.signals.wake(&id);
    }

    /// Locks the states of all Subscriptions that have a worker.
    pub(super) fn states(&self) -> MutexGuard<'_, BTreeMap<Id, Arc<SharedState>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
