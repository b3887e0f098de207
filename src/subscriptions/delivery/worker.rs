//! The task of one subscription: it sleeps until something is due, sends one message at a time, and
//! records the outcome.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::client::{Post, Trouble};
use super::message::{Message, Purpose};
use super::pace::retry_after;
use super::progress::{DueAction, SubscriptionProgress};
use super::seen::{self, SeenSubscription};
use super::shared::SharedByWorkers;
use super::state::SharedState;
use crate::fhir::Id;
use crate::subscriptions::{Channel, Status, Subscription};

/// The longest sleep before another look at the end of a subscription: a machine that was suspended
/// is late by no more than this.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The least time between two looks at whether the Subscription was written while a message is on
/// its way: each event wakes the worker, too.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// The pause after the store could not do something.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// The task of one subscription.
pub(super) struct Worker {
    id: Id,
    shared: Arc<SharedByWorkers>,
    signal: Arc<Notify>,
    state: Arc<SharedState>,
    /// The progress of the subscription; taken out while a thread works with it.
    progress: Option<SubscriptionProgress>,
    /// The moment of the last acknowledgement.
    last_sent: Instant,
    /// Failures in a row.
    failing: Option<Failing>,
}

/// Failures in a row.
#[derive(Clone, Copy)]
struct Failing {
    since: Instant,
    count: u32,
}

/// The state of a worker between two actions.
enum WorkerState {
    /// Looks for what is due.
    Look,
    /// Waits for its signal, at most so long.
    Wait(Option<Duration>),
    /// Waits so long, or until the Subscription asks for something else.
    Retry(Duration),
    /// Ends.
    End,
}

impl Worker {
    /// Makes the worker of a Subscription; none if it has one.
    pub(super) fn begin(id: &Id, shared: &Arc<SharedByWorkers>) -> Option<Self> {
        let signal = shared.signals.begin(id)?;
        // After a worker that panicked its state is still there.
        let state = Arc::clone(shared.states().entry(id.clone()).or_default());
        Some(Worker {
            id: id.clone(),
            shared: Arc::clone(shared),
            signal,
            state,
            progress: Some(SubscriptionProgress::new(id.clone())),
            last_sent: Instant::now(),
            failing: None,
        })
    }

    /// Works until the Subscription is deleted.
    pub(super) async fn run(mut self) {
        loop {
            match self.step().await {
                WorkerState::Look => {}
                WorkerState::Wait(None) => self.signal.notified().await,
                WorkerState::Wait(Some(most)) => {
                    let _ = tokio::time::timeout(most, self.signal.notified()).await;
                }
                WorkerState::Retry(pause) => {
                    self.state.lock().failures.next_attempt =
                        (self.shared.world.now)().checked_add(pause).ok();
                    if tokio::time::timeout(pause, self.until_changed())
                        .await
                        .is_ok()
                    {
                        self.failing = None;
                    }
                    self.state.lock().failures.next_attempt = None;
                }
                WorkerState::End => break,
            }
        }
        // A write before this that made it exist again sent a signal that nobody heard any more.
        self.shared.end(&self.id);
    }

    /// Finds out what is due, and does it.
    async fn step(&mut self) -> WorkerState {
        let before = self.seen();
        let silence = self.last_sent.elapsed();
        let replay = self.state.lock().next_replay();
        let Some(mut progress) = self.progress.take() else {
            return WorkerState::End;
        };
        let shared = Arc::clone(&self.shared);
        let Ok(permit) = Arc::clone(&self.shared.preparing).acquire_owned().await else {
            return WorkerState::End;
        };
        let looked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let due = progress.next(&shared.world, silence, replay);
            (progress, due)
        });
        let Ok((mut progress, due)) = looked.await else {
            tracing::error!(subscription = %self.id, "finding out what is due panicked");
            self.progress = Some(SubscriptionProgress::new(self.id.clone()));
            return WorkerState::Retry(self.shared.pace.after_panic);
        };
        let resends = progress.resends.take();
        self.progress = Some(progress);
        let is_more = resends
            .is_some_and(|(life, ranges)| self.state.lock().take_stored_replays(life, ranges));
        if !self
            .seen()
            .zip(before)
            .is_some_and(|(now, before)| now.asks_as(&before))
        {
            self.failing = None;
        }
        self.show();
        match due {
            Ok(_) if is_more => WorkerState::Look,
            Ok(due) => self.act(due).await,
            Err(error) => self.store_failed(&error.to_string()),
        }
    }

    async fn act(&mut self, due: DueAction) -> WorkerState {
        match due {
            DueAction::Gone => WorkerState::End,
            DueAction::Rest => WorkerState::Wait(self.until_end()),
            DueAction::Idle(heartbeat) => {
                WorkerState::Wait([heartbeat, self.until_end()].into_iter().flatten().min())
            }
            DueAction::End => self.set_status(Status::Off, None).await,
            DueAction::Activate => self.set_status(Status::Active, None).await,
            DueAction::NotKept => {
                self.replayed().await;
                WorkerState::Look
            }
            DueAction::Record(cursor) => match self.shared.cursors.record(&self.id, cursor).await {
                Ok(()) => {
                    if let Some(progress) = &mut self.progress {
                        progress.recorded(cursor);
                    }
                    WorkerState::Look
                }
                Err(_) => self.store_failed("the cursor was not taken"),
            },
            DueAction::LookAgain => WorkerState::Look,
            DueAction::Send(message) => self.send(message).await,
        }
    }

    /// Sends a message, unless the Subscription asks for something else meanwhile: then the message
    /// may not be wanted any more.
    async fn send(&mut self, message: Message) -> WorkerState {
        let Some(subscription) = self.subscription() else {
            return WorkerState::Look;
        };
        let Channel::RestHook { endpoint, headers } = &subscription.channel else {
            return WorkerState::Look;
        };
        let Message {
            purpose,
            id,
            body,
            key,
        } = message;
        let timeout = subscription
            .timeout_s
            .map_or(self.shared.pace.answer_timeout, |seconds| {
                Duration::from_secs(seconds.into())
            });
        let content_type = format!("{}; fhirVersion=4.0", subscription.media_type);
        let sending = async {
            let way = self.shared.client.way(endpoint).await?;
            let _permit = if self.failing.is_some() {
                self.shared.retrying.acquire().await.ok()
            } else {
                None
            };
            // Signed when it is sent: a subscriber refuses a signature of long ago.
            let attempted = (self.shared.world.now)();
            let signed = [
                id.clone(),
                attempted.as_second().to_string(),
                key.sign(&id, attempted, &body),
            ];
            let post = Post {
                headers,
                content_type,
                signed,
                body,
                timeout,
            };
            self.shared.client.post(way, post).await
        };
        let answered = tokio::select! {
            answered = sending => answered,
            () = self.until_changed() => return WorkerState::Look,
        };
        match answered {
            Ok(()) => self.acknowledged(purpose).await,
            Err(trouble) => self.failed(&purpose, trouble).await,
        }
    }

    async fn acknowledged(&mut self, purpose: Purpose) -> WorkerState {
        self.failing = None;
        self.last_sent = Instant::now();
        self.state.lock().failures.attempts = 0;
        let now = (self.shared.world.now)();
        match purpose {
            Purpose::Handshake => {
                self.shared.counters.acknowledged(&[], now);
                return self.set_status(Status::Active, None).await;
            }
            Purpose::Heartbeat => self.shared.counters.acknowledged(&[], now),
            Purpose::Replay(_) => {
                self.shared.counters.acknowledged(&[], now);
                self.replayed().await;
            }
            Purpose::Events { last, instants } => {
                self.shared.counters.acknowledged(&instants, now);
                if let Some(progress) = &mut self.progress {
                    progress.acknowledged(last);
                    self.shared.cursors.note(&self.id, progress.cursor).await;
                }
            }
        }
        WorkerState::Look
    }

    async fn failed(&mut self, purpose: &Purpose, trouble: Trouble) -> WorkerState {
        let now = (self.shared.world.now)();
        let pace = &self.shared.pace;
        let Failing { since, count } = self.failing.unwrap_or(Failing {
            since: Instant::now(),
            count: 0,
        });
        let count = count.saturating_add(1);
        self.failing = Some(Failing { since, count });
        self.shared.counters.failed();
        {
            let mut state = self.state.lock();
            let failures = &mut state.failures;
            failures.attempts = failures.attempts.saturating_add(1);
            failures.last = Some((trouble.text.clone(), now));
        }
        let left = pace.retry_window.saturating_sub(since.elapsed());
        if trouble.is_final || *purpose == Purpose::Handshake || left.is_zero() {
            tracing::warn!(subscription = %self.id, attempts = count, "{}: the subscription is in error until its client asks for it again", trouble.text);
            return self.set_status(Status::Error, Some(trouble.text)).await;
        }
        let asked = trouble
            .retry_after
            .and_then(|value| retry_after(&value, now))
            .unwrap_or_default();
        // The last attempt is at the end of the window, or when the endpoint asked for it.
        let pause = pace.pause(&self.id, count).min(left).max(asked);
        tracing::info!(subscription = %self.id, attempts = count, pause_ms = pause.as_millis(), "{}: it will be tried again", trouble.text);
        WorkerState::Retry(pause)
    }

    /// Writes the status, if the Subscription still asks for the same.
    async fn set_status(&mut self, to: Status, error: Option<String>) -> WorkerState {
        let Some(seen) = self.seen() else {
            return WorkerState::Look;
        };
        let (shared, id) = (Arc::clone(&self.shared), self.id.clone());
        let written = tokio::task::spawn_blocking(move || {
            while let Some(version) = seen
                .version_if_unchanged(&id, &shared.world)
                .map_err(|error| error.to_string())?
            {
                if (shared.world.set_status)(&id, version, to, error.as_deref())?.is_some() {
                    return Ok(true);
                }
            }
            Ok::<_, String>(false)
        });
        match written.await {
            Ok(Ok(is_written)) => {
                if is_written {
                    self.failing = None;
                }
                WorkerState::Look
            }
            Ok(Err(error)) => self.store_failed(&error),
            Err(_) => self.store_failed("the writer panicked"),
        }
    }

    fn store_failed(&self, error: &str) -> WorkerState {
        tracing::error!(subscription = %self.id, "delivery waits for the store: {error}");
        WorkerState::Retry(STORE_PAUSE)
    }

    /// Waits until the Subscription asks for something else than when it was last looked at.
    async fn until_changed(&self) {
        loop {
            self.signal.notified().await;
            let (shared, id, seen) = (Arc::clone(&self.shared), self.id.clone(), self.seen());
            let is_changed = tokio::task::spawn_blocking(move || match seen {
                Some(seen) => seen
                    .version_if_unchanged(&id, &shared.world)
                    .map(|version| version.is_none()),
                None => seen::exists(&id, &shared.world),
            });
            if matches!(is_changed.await, Ok(Ok(true))) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// Passes over the first event to send again.
    async fn replayed(&self) {
        self.state.lock().pass_replay();
        self.shared
            .cursors
            .note_resends(&self.id, &self.state)
            .await;
    }

    /// Shows the state of the subscription to the operator.
    fn show(&self) {
        let mut state = self.state.lock();
        state.status = self.subscription().map(|subscription| subscription.status);
        state.delivered = self
            .progress
            .as_ref()
            .map(|progress| progress.cursor.delivered);
    }

    /// Returns the Subscription, as it was when it was last looked at.
    fn seen(&self) -> Option<SeenSubscription> {
        self.progress.as_ref()?.seen.clone()
    }

    fn subscription(&self) -> Option<Arc<Subscription>> {
        self.progress.as_ref()?.subscription()
    }

    /// Returns the time until the subscription ends, at most [`SLEEP_MAX`].
    fn until_end(&self) -> Option<Duration> {
        let subscription = self
            .subscription()
            .filter(|subscription| subscription.status != Status::Off)?;
        let left = subscription.end?.duration_since((self.shared.world.now)());
        Some(Duration::try_from(left).unwrap_or_default().min(SLEEP_MAX))
    }
}
