//! The delivery of a server: started once, it has a worker for each Subscription, and tells an
//! operator how they are. The work itself is in `worker`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, JoinSet};

use super::client::Client;
use super::cursors::Cursors;
use super::delivery_signals::DeliverySignals;
use super::figures::{Figures, SubscriptionView};
use super::pace::Pace;
use super::shared::SharedByWorkers;
use super::worker::Worker;
use super::world::World;
use crate::fhir::Id;
use crate::storage::{StoreError, Stream};
use crate::subscriptions::Status;

/// The most ranges that wait to be sent again to one subscriber.
const REPLAYS_MAX: usize = 16;

/// The reason why a range cannot be sent again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayRefused {
    /// There is no such Subscription.
    Unknown,
    /// It is not active.
    NotActive,
    /// Only events in this range (first, last) can be sent again: they are kept, and were
    /// delivered.
    OutOf(u64, u64),
    /// There are too many ranges waiting already.
    TooMany,
    /// The store cannot answer.
    Store(StoreError),
}

impl fmt::Display for ReplayRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayRefused::Unknown => f.write_str("there is no such Subscription"),
            ReplayRefused::NotActive => f.write_str("the Subscription is not active"),
            ReplayRefused::OutOf(first, last) => {
                write!(
                    f,
                    "expected numbers from {first} to {last}: of events that are kept, and were delivered"
                )
            }
            ReplayRefused::TooMany => write!(f, "{REPLAYS_MAX} ranges are waiting already"),
            ReplayRefused::Store(error) => error.fmt(f),
        }
    }
}

/// The delivery of a server. It runs from its start until it is stopped or dropped.
pub struct Deliverer {
    shared: Arc<SharedByWorkers>,
    /// The task that has the workers; they end with it.
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// The task that writes the cursors.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Deliverer {
    /// Begins to deliver the events that are due from before, and those that `signals` announces.
    /// Must be called within a runtime.
    pub fn start(world: World, client: Client, pace: Pace, signals: Arc<DeliverySignals>) -> Self {
        let world = Arc::new(world);
        let (cursors, keep) = Cursors::new(Arc::clone(&world));
        let shared = Arc::new(SharedByWorkers::new(world, client, pace, cursors, signals));
        let supervisor = Mutex::new(Some(tokio::spawn(supervise(Arc::clone(&shared)))));
        Deliverer {
            shared,
            supervisor,
            keeper: Mutex::new(Some(tokio::spawn(keep))),
        }
    }

    /// Stops without waiting for messages on their way, and writes the cursors to the disk.
    pub async fn stop(&self) {
        end(&self.supervisor).await;
        if self.shared.cursors.flush().await.is_err() {
            tracing::error!("the last deliveries could not be recorded: they will be sent again");
        }
        end(&self.keeper).await;
    }

    /// Returns the state of each Subscription, by id. Reads the store: may block.
    ///
    /// # Errors
    /// Of the store.
    pub fn overview(&self) -> Result<Vec<SubscriptionView>, StoreError> {
        let states: Vec<_> = self
            .shared
            .states()
            .iter()
            .map(|(id, state)| (id.clone(), Arc::clone(state)))
            .collect();
        let mut views = Vec::new();
        for (id, state) in states {
            let stream = self.shared.world.store.stream(&id)?;
            let state = state.lock();
            // A worker that has not looked yet shows itself in a moment.
            let Some(status) = state.status else { continue };
            let delivered = state
                .delivered
                .unwrap_or(stream.delivered)
                .max(stream.delivered);
            views.push(SubscriptionView {
                id,
                status,
                stream: Stream {
                    delivered,
                    ..stream
                },
                oldest_undelivered: None,
                failures: state.failures.clone(),
            });
        }
        for view in &mut views {
            let oldest = self
                .shared
                .world
                .store
                .events(&view.id, view.stream.delivered, 1)?;
            view.oldest_undelivered = oldest.first().map(|event| event.instant);
        }
        Ok(views)
    }

    /// Returns the counts since the start.
    pub fn figures(&self) -> Figures {
        self.shared.counters.figures()
    }

    /// Sends delivered events again, one by one in the order of their numbers, before anything that
    /// is not yet delivered. A message that had one event alone comes again under its own id. The
    /// request is recorded when this returns, and survives a stop. Uses the store: must be called
    /// where blocking is allowed.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn replay(&self, id: &Id, from: u64, until: u64) -> Result<(), ReplayRefused> {
        let shared_state = self
            .shared
            .states()
            .get(id)
            .cloned()
            .ok_or(ReplayRefused::Unknown)?;
        let stream = self
            .shared
            .world
            .store
            .stream(id)
            .map_err(ReplayRefused::Store)?;
        let mut state = shared_state.lock();
        if state.status != Some(Status::Active) {
            return Err(ReplayRefused::NotActive);
        }
        let last = state.delivered.unwrap_or(stream.delivered);
        if from > until || from <= stream.forgotten || until > last {
            return Err(ReplayRefused::OutOf(stream.forgotten + 1, last));
        }
        if state.replays.len() >= REPLAYS_MAX {
            return Err(ReplayRefused::TooMany);
        }
        state.replays.push_back(from..=until);
        drop(state);
        let failed = |_| {
            ReplayRefused::Store(StoreError::unusable(
                "the events to send again could not be recorded".to_owned(),
            ))
        };
        self.shared
            .cursors
            .record_resends(id, &shared_state)
            .map_err(failed)?;
        self.shared.signals.wake(id);
        Ok(())
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        for task in [&self.supervisor, &self.keeper] {
            task.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .for_each(JoinHandle::abort);
        }
    }
}

/// Ends a task and waits for its end.
async fn end(task: &Mutex<Option<JoinHandle<()>>>) {
    let task = task.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(task) = task {
        task.abort();
        let _ = task.await;
    }
}

/// Runs a worker for each Subscription that exists.
async fn supervise(shared: Arc<SharedByWorkers>) {
    let known = {
        let shared = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || shared.world.store.streams()).await
    };
    match known {
        Ok(Ok(known)) => known.iter().for_each(|id| shared.signals.wake(id)),
        Ok(Err(error)) => {
            tracing::error!("the subscriptions cannot be read, and nothing is delivered: {error}")
        }
        Err(panic) => {
            tracing::error!("the subscriptions cannot be read, and nothing is delivered: {panic}")
        }
    }
    // It is dropped with this task, and then stops all of them.
    let mut workers = JoinSet::new();
    let mut subscriptions = HashMap::new();
    loop {
        tokio::select! {
            unheard = shared.signals.unheard() => for id in unheard {
                if let Some(worker) = Worker::begin(&id, &shared) {
                    subscriptions.insert(workers.spawn(worker.run()).id(), id);
                }
            },
            Some(ended) = workers.join_next_with_id() => match ended {
                Ok((worker, ())) => drop(subscriptions.remove(&worker)),
                Err(panic) => if let Some(id) = subscriptions.remove(&panic.id()) {
                    workers.spawn(Arc::clone(&shared).begin_anew(id));
                },
            },
        }
    }
}
