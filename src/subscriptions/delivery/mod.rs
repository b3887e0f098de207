//! Delivery of notifications by rest-hook: the only part of subscriptions with effects. It runs
//! beside the requests and never inside one.
//!
//! A task for each Subscription (`worker`) sleeps until a commit concerns it or something of its
//! own is due; what that is, `account` finds out from the store. `client` sends, `cursors` writes
//! how far each is, `pace` says when what failed is tried again, `wakes` rings the bells, `figures`
//! shows it all.
//!
//! One endpoint does not wait for another: a message holds a turn only while it is prepared, and
//! then one of its own host's.

mod account;
mod client;
mod cursors;
mod figures;
mod pace;
mod wakes;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

pub use account::missed;
pub use client::{Client, Lookup};
pub use figures::{Figures, LATENCY_BOUNDS_S, SubscriptionView};
pub use pace::{Pace, RETRY_AFTER_MAX};
pub use wakes::Wakes;

use crate::fhir::{Id, Version};
use crate::storage::{Store, StoreError};
use crate::subscriptions::Status;
use cursors::Cursors;
use figures::{Counters, Desk};
use worker::Worker;

/// The most messages being prepared at a time: their resources are read and their bytes made, which
/// takes a thread. Nobody waits for an endpoint here.
const PREPARING_MAX: usize = 8;
/// The most ranges that wait to be sent again to one subscriber.
const REPLAYS_MAX: usize = 16;

/// Writes the status of a Subscription (with what is wrong, if it is in error), if its last version
/// is still the one that was seen; answers the number of the new version, or none if another one
/// came meanwhile.
pub type SetStatus = Box<
    dyn Fn(&Id, Version, Status, Option<&str>) -> Result<Option<Version>, String> + Send + Sync,
>;

/// What delivery works with.
pub struct World {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The base of this server's own addresses.
    pub base_url: String,
    /// The server's clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Writes a status by the write path.
    pub set_status: SetStatus,
}

/// What all workers share.
struct Shared {
    world: Arc<World>,
    client: Client,
    pace: Pace,
    cursors: Cursors,
    wakes: Arc<Wakes>,
    preparing: Arc<Semaphore>,
    /// Turns of those whose last attempt failed.
    retrying: Semaphore,
    counters: Counters,
    desks: Mutex<BTreeMap<Id, Arc<Desk>>>,
}

impl Shared {
    /// Takes the place of a worker, if it is free.
    fn begin(self: &Arc<Self>, id: &Id) -> Option<Worker> {
        let bell = self.wakes.begin(id)?;
        // After a worker that panicked its desk is still there.
        let desk = Arc::clone(self.desks().entry(id.clone()).or_default());
        Some(Worker::new(id.clone(), Arc::clone(self), bell, desk))
    }

    /// Leaves it. Looks once more: what was written before, and rang a bell that is not heard any
    /// more, gets a new worker.
    fn end(&self, id: &Id) {
        self.desks().remove(id);
        self.wakes.end(id);
        if !matches!(Account::exists(id, &self.world), Ok(false)) {
            self.wakes.wake(id);
        }
    }

    /// Gives the place of a worker that panicked to another one, after a pause.
    async fn begin_anew(self: Arc<Self>, id: Id) {
        let pause = self.pace.after_panic;
        tracing::error!(subscription = %id, "its delivery panicked, and begins anew in {pause:?}; where it panicked is logged by itself");
        tokio::time::sleep(pause).await;
        self.wakes.end(&id);
        self.wakes.wake(&id);
    }

    fn desks(&self) -> MutexGuard<'_, BTreeMap<Id, Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use account::Account;

/// Why a range cannot be sent again.
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

/// The delivery of a server: runs from its start until it is stopped or dropped.
pub struct Deliverer {
    shared: Arc<Shared>,
    /// Has the workers; ends with them.
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// Writes the cursors.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Deliverer {
    /// Begins to deliver: what is due from before, and what `wakes` is told of. Must be called
    /// within a runtime.
    pub fn start(world: World, client: Client, pace: Pace, wakes: Arc<Wakes>) -> Self {
        let world = Arc::new(world);
        let (cursors, keep) = Cursors::new(Arc::clone(&world));
        let shared = Arc::new(Shared {
            world,
            client,
            retrying: Semaphore::new(pace.retrying_max),
            pace,
            cursors,
            wakes,
            preparing: Arc::new(Semaphore::new(PREPARING_MAX)),
            counters: Counters::default(),
            desks: Mutex::default(),
        });
        let supervisor = Mutex::new(Some(tokio::spawn(supervise(Arc::clone(&shared)))));
        Deliverer {
            shared,
            supervisor,
            keeper: Mutex::new(Some(tokio::spawn(keep))),
        }
    }

    /// Stops: what is on its way is not waited for, and how far each subscription is goes to the
    /// disk.
    pub async fn stop(&self) {
        end(&self.supervisor).await;
        if self.shared.cursors.flush().await.is_err() {
            tracing::error!(
                "what was delivered last could not be written down: it will be sent again"
            );
        }
        end(&self.keeper).await;
    }

    /// How each Subscription stands, by id. Reads the store: may block.
    ///
    /// # Errors
    /// Of the store.
    pub fn overview(&self) -> Result<Vec<SubscriptionView>, StoreError> {
        let desks: Vec<_> = self
            .shared
            .desks()
            .iter()
            .map(|(id, desk)| (id.clone(), Arc::clone(desk)))
            .collect();
        let mut views = Vec::new();
        for (id, desk) in desks {
            let stream = self.shared.world.store.stream(&id)?;
            let desk = desk.lock();
            // A worker that has not looked yet shows itself in a moment.
            let Some(status) = desk.status else { continue };
            let delivered = desk
                .delivered
                .unwrap_or(stream.delivered)
                .max(stream.delivered);
            views.push(SubscriptionView {
                id,
                status,
                last_event: stream.last,
                delivered,
                forgotten: stream.forgotten,
                oldest_undelivered: None,
                attempts: desk.attempts,
                last_error: desk.last_error.clone(),
                next_attempt: desk.next_attempt,
            });
        }
        for view in &mut views {
            let oldest = self
                .shared
                .world
                .store
                .events(&view.id, view.delivered, 1)?;
            view.oldest_undelivered = oldest.first().map(|event| event.instant);
        }
        Ok(views)
    }

    /// What was counted since the start.
    pub fn figures(&self) -> Figures {
        self.shared.counters.figures()
    }

    /// Sends delivered events again, one by one in the order of their numbers, before anything that
    /// is not yet delivered. A message that told one event alone comes again under its own id.
    /// It is written down when this answers, and goes on after a stop. Uses the store: must be
    /// where one may block.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub fn replay(&self, id: &Id, from: u64, until: u64) -> Result<(), ReplayRefused> {
        let at = self
            .shared
            .desks()
            .get(id)
            .cloned()
            .ok_or(ReplayRefused::Unknown)?;
        let stream = self
            .shared
            .world
            .store
            .stream(id)
            .map_err(ReplayRefused::Store)?;
        let mut desk = at.lock();
        if desk.status != Some(Status::Active) {
            return Err(ReplayRefused::NotActive);
        }
        let last = desk.delivered.unwrap_or(stream.delivered);
        if from > until || from <= stream.forgotten || until > last {
            return Err(ReplayRefused::OutOf(stream.forgotten + 1, last));
        }
        if desk.replays.len() >= REPLAYS_MAX {
            return Err(ReplayRefused::TooMany);
        }
        desk.replays.push_back((from, until));
        drop(desk);
        let failed = |_| {
            ReplayRefused::Store(StoreError(
                "what is to be sent again could not be written down".to_owned(),
            ))
        };
        self.shared
            .cursors
            .record_resends(id, &at)
            .map_err(failed)?;
        self.shared.wakes.wake(id);
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

/// Ends a task.
async fn end(task: &Mutex<Option<JoinHandle<()>>>) {
    let task = task.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(task) = task {
        task.abort();
        let _ = task.await;
    }
}

/// Has a worker for each Subscription that exists.
async fn supervise(shared: Arc<Shared>) {
    let known = {
        let shared = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || shared.world.store.streams()).await
    };
    match known {
        Ok(Ok(known)) => known.iter().for_each(|id| shared.wakes.wake(id)),
        Ok(Err(error)) => {
            tracing::error!("the subscriptions cannot be read, and nothing is delivered: {error}")
        }
        Err(panic) => {
            tracing::error!("the subscriptions cannot be read, and nothing is delivered: {panic}")
        }
    }
    // Dropped with this task, it stops all of them.
    let mut workers = JoinSet::new();
    let mut subscriptions = HashMap::new();
    loop {
        tokio::select! {
            unanswered = shared.wakes.unanswered() => for id in unanswered {
                if let Some(worker) = shared.begin(&id) {
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
