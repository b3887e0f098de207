//! The task of one subscription: it sleeps until something is due, sends one message at a time, and
//! writes down how it went.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Shared;
use super::account::{Account, Message, Purpose, Seen, Step};
use super::client::{Post, Trouble};
use super::figures::Desk;
use super::pace::retry_after;
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
    shared: Arc<Shared>,
    bell: Arc<Notify>,
    desk: Arc<Desk>,
    /// What is known of the subscription; taken out while a thread works with it.
    account: Option<Account>,
    /// When something was last sent and acknowledged.
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

/// What the worker does after a step.
enum Then {
    /// Looks what is due.
    Look,
    /// Waits: for its bell, or so long.
    Wait(Option<Duration>),
    /// Waits so long, or until the Subscription asks for something else.
    Retry(Duration),
    /// Ends.
    End,
}

impl Worker {
    pub(super) fn new(id: Id, shared: Arc<Shared>, bell: Arc<Notify>, desk: Arc<Desk>) -> Self {
        let account = Some(Account::new(id.clone()));
        Worker {
            id,
            shared,
            bell,
            desk,
            account,
            last_sent: Instant::now(),
            failing: None,
        }
    }

    /// Works until the Subscription is deleted.
    pub(super) async fn run(mut self) {
        loop {
            match self.step().await {
                Then::Look => {}
                Then::Wait(None) => self.bell.notified().await,
                Then::Wait(Some(most)) => {
                    let _ = tokio::time::timeout(most, self.bell.notified()).await;
                }
                Then::Retry(pause) => {
                    self.desk.lock().next_attempt =
                        (self.shared.world.now)().checked_add(pause).ok();
                    if tokio::time::timeout(pause, self.moved()).await.is_ok() {
                        self.failing = None;
                    }
                    self.desk.lock().next_attempt = None;
                }
                Then::End => break,
            }
        }
        // Whoever made it exist again before this rang a bell that nobody hears any more.
        self.shared.end(&self.id);
    }

    async fn step(&mut self) -> Then {
        let before = self.seen();
        let silence = self.last_sent.elapsed();
        let replay = self.desk.lock().replays.front().map(|(first, _)| *first);
        let Some(mut account) = self.account.take() else {
            return Then::End;
        };
        let shared = Arc::clone(&self.shared);
        let Ok(turn) = Arc::clone(&self.shared.preparing).acquire_owned().await else {
            return Then::End;
        };
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let step = account.next(&shared.world, silence, replay);
            (account, step)
        });
        let Ok((mut account, step)) = looked.await else {
            tracing::error!(subscription = %self.id, "finding out what is due panicked");
            self.account = Some(Account::new(self.id.clone()));
            return Then::Retry(self.shared.pace.after_panic);
        };
        let resends = account.resends.take();
        self.account = Some(account);
        let is_more = resends.is_some_and(|(life, ranges)| self.take_resends(life, ranges));
        if !self
            .seen()
            .zip(before)
            .is_some_and(|(now, before)| now.asks_as(&before))
        {
            self.failing = None;
        }
        self.show();
        match step {
            Ok(_) if is_more => Then::Look,
            Ok(step) => self.take(step).await,
            Err(error) => self.store_failed(&error.to_string()),
        }
    }

    async fn take(&mut self, step: Step) -> Then {
        match step {
            Step::Gone => Then::End,
            Step::Rest => Then::Wait(self.until_end()),
            Step::Idle(heartbeat) => {
                Then::Wait([heartbeat, self.until_end()].into_iter().flatten().min())
            }
            Step::End => self.set_status(Status::Off, None).await,
            Step::Activate => self.set_status(Status::Active, None).await,
            Step::NotKept => {
                self.replayed().await;
                Then::Look
            }
            Step::Record(cursor) => match self.shared.cursors.record(&self.id, cursor).await {
                Ok(()) => {
                    if let Some(account) = &mut self.account {
                        account.recorded(cursor);
                    }
                    Then::Look
                }
                Err(_) => self.store_failed("the cursor was not taken"),
            },
            Step::Send(message) => self.send(message).await,
        }
    }

    /// Sends a message, unless the Subscription asks for something else meanwhile: then what it is
    /// about may not be wanted any more.
    async fn send(&mut self, message: Message) -> Then {
        let Some(subscription) = self.subscription() else {
            return Then::Look;
        };
        let Channel::RestHook { endpoint, headers } = &subscription.channel else {
            return Then::Look;
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
            let _turn = if self.failing.is_some() {
                self.shared.retrying.acquire().await.ok()
            } else {
                None
            };
            // Signed when it goes: a subscriber refuses what was signed long ago.
            let attempted = (self.shared.world.now)();
            let signed = [
                id.clone(),
                attempted.as_second().to_string(),
                key.sign(&id, attempted, &body),
            ];
            self.shared
                .client
                .post(
                    way,
                    Post {
                        headers,
                        content_type,
                        signed,
                        body,
                        timeout,
                    },
                )
                .await
        };
        let answered = tokio::select! {
            answered = sending => answered,
            () = self.moved() => return Then::Look,
        };
        match answered {
            Ok(()) => self.acknowledged(purpose).await,
            Err(trouble) => self.failed(&purpose, trouble).await,
        }
    }

    async fn acknowledged(&mut self, purpose: Purpose) -> Then {
        self.failing = None;
        self.last_sent = Instant::now();
        self.desk.lock().attempts = 0;
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
                if let Some(account) = &mut self.account {
                    account.acknowledged(last);
                    self.shared.cursors.note(&self.id, account.cursor).await;
                }
            }
        }
        Then::Look
    }

    async fn failed(&mut self, purpose: &Purpose, trouble: Trouble) -> Then {
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
            let mut desk = self.desk.lock();
            desk.attempts = desk.attempts.saturating_add(1);
            desk.last_error = Some((trouble.text.clone(), now));
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
        tracing::info!(subscription = %self.id, attempts = count, pause_ms = pause.as_millis(), "{}: it is tried again", trouble.text);
        Then::Retry(pause)
    }

    /// Writes the status, if the Subscription still asks for the same.
    async fn set_status(&mut self, to: Status, error: Option<String>) -> Then {
        let Some(seen) = self.seen() else {
            return Then::Look;
        };
        let (shared, id) = (Arc::clone(&self.shared), self.id.clone());
        let written = tokio::task::spawn_blocking(move || {
            while let Some(version) =
                Account::unmoved(&id, &seen, &shared.world).map_err(|error| error.to_string())?
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
                Then::Look
            }
            Ok(Err(error)) => self.store_failed(&error),
            Err(_) => self.store_failed("the writer panicked"),
        }
    }

    fn store_failed(&self, error: &str) -> Then {
        tracing::error!(subscription = %self.id, "delivery waits for the store: {error}");
        Then::Retry(STORE_PAUSE)
    }

    /// Done when the Subscription asks for something else than when it was last looked at.
    async fn moved(&self) {
        loop {
            self.bell.notified().await;
            let (shared, id, seen) = (Arc::clone(&self.shared), self.id.clone(), self.seen());
            let moved = tokio::task::spawn_blocking(move || match seen {
                Some(seen) => {
                    Account::unmoved(&id, &seen, &shared.world).map(|version| version.is_none())
                }
                None => Account::exists(&id, &shared.world),
            });
            if matches!(moved.await, Ok(Ok(true))) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// The first event to send again was sent.
    async fn replayed(&self) {
        {
            let mut desk = self.desk.lock();
            if let Some((first, last)) = desk.replays.pop_front()
                && first < last
            {
                desk.replays.push_front((first + 1, last));
            }
        }
        self.shared.cursors.note_resends(&self.id, &self.desk).await;
    }

    /// Puts on the desk what was asked to be sent again before this start; true if there is any.
    /// What lies there of the same life is newer: a worker before this one left it.
    fn take_resends(&self, life: u64, ranges: Vec<(u64, u64)>) -> bool {
        let mut desk = self.desk.lock();
        if desk.life.replace(life) == Some(life) {
            return false;
        }
        desk.replays = ranges.into();
        !desk.replays.is_empty()
    }

    /// Shows how the subscription stands.
    fn show(&self) {
        let mut desk = self.desk.lock();
        desk.status = self.subscription().map(|subscription| subscription.status);
        desk.delivered = self
            .account
            .as_ref()
            .map(|account| account.cursor.delivered);
    }

    /// The Subscription, as it was when it was last looked at.
    fn seen(&self) -> Option<Seen> {
        self.account.as_ref()?.seen.clone()
    }

    fn subscription(&self) -> Option<Arc<Subscription>> {
        self.account.as_ref()?.seen.as_ref()?.subscription.clone()
    }

    /// How long until the subscription ends, at most as long as a sleep may be.
    fn until_end(&self) -> Option<Duration> {
        let subscription = self
            .subscription()
            .filter(|subscription| subscription.status != Status::Off)?;
        let left = subscription.end?.duration_since((self.shared.world.now)());
        Some(Duration::try_from(left).unwrap_or_default().min(SLEEP_MAX))
    }
}
