//! The repetition of rounds: at a pace that the operator chose, at once when the server notifies,
//! and later and later while it fails.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::account::Account;
use super::fhir_client::{FhirClient, Setback};
use super::notified::secret_of;
use super::place::Place;
use super::round::{Ended, Now, Round};
use super::settings::{Reading, Upstream};
use super::taking::Taker;
use super::turns::{Turns, after_notification};
use crate::interactions::{Context, Server};
use crate::subscriptions::delivery::{Pace, retry_after};

/// Reads one upstream.
pub struct Poller {
    upstream: Upstream,
    client: FhirClient,
    taker: Arc<Taker>,
    now: Now,
    pace: Pace,
    turns: Mutex<Turns>,
    /// The account of it.
    pub account: Arc<Account>,
}

/// The outcome of reading what was due.
struct ReadSome {
    /// The pause of each reading that was due.
    pauses: Vec<(usize, Duration)>,
    /// The pause before anything is asked for, if the server cannot be asked.
    of_server: Option<Duration>,
}

impl ReadSome {
    /// Returns the shortest pause after which something is due.
    fn pause(&self) -> Option<Duration> {
        let pauses = self.pauses.iter().map(|(_, pause)| *pause);
        pauses.min().max(self.of_server)
    }
}

/// The parts of a poller.
pub struct PollerParts {
    /// The server that is read.
    pub upstream: Upstream,
    /// The way to it.
    pub client: FhirClient,
    /// The server in which it is written.
    pub server: Arc<Server>,
    /// Makes the context of what begins now.
    pub now: Arc<dyn Fn() -> Context + Send + Sync>,
    /// The pauses after failures.
    pub pace: Pace,
}

impl Poller {
    /// Makes a poller.
    pub fn new(parts: PollerParts) -> Self {
        let PollerParts {
            upstream,
            client,
            server,
            now,
            pace,
        } = parts;
        let secret = secret_of(server.store.secret(), &upstream);
        let account = Arc::new(Account::new(&upstream, secret, now().now));
        let taker = Arc::new(Taker::new(server, &upstream));
        // How far it is behind is known also after a stop.
        for (at, reading) in upstream.readings.iter().enumerate() {
            let place = taker.place(&Place::bookmark(&upstream, reading));
            if let Ok(Place {
                whole: Some(whole), ..
            }) = place
            {
                account.note(|outlook| outlook.is_whole(at, whole));
            }
        }
        let turns = Turns::new(upstream.readings.len(), Instant::now());
        Poller {
            account,
            turns: Mutex::new(turns),
            taker,
            upstream,
            client,
            now,
            pace,
        }
    }

    /// Reads again and again, until it is dropped; also after a panic, which is told.
    pub async fn keep_reading(self: Arc<Self>) {
        loop {
            let poller = Arc::clone(&self);
            // Whatever drops this ends what it waits for.
            let mut running = JoinSet::new();
            running.spawn(async move { poller.run().await });
            let _ = running.join_next().await;
            let text = "reading panicked: it begins anew after a pause; where, is logged by itself";
            tracing::error!(upstream = %self.upstream.name, "{text}");
            self.account.note(|outlook| {
                let at = outlook.next.unwrap_or(outlook.began);
                outlook.errors += 1;
                outlook.failures += 1;
                outlook.trouble = Some((text.to_owned(), at));
            });
            tokio::time::sleep(self.pace.after_panic).await;
        }
    }

    async fn run(&self) {
        loop {
            let began = Instant::now();
            let due = self.turns().due_at(began);
            let read = self.read_some(&due).await;
            let now = Instant::now();
            let next = {
                let mut turns = self.turns();
                turns.wait(now, &read.pauses, read.of_server);
                turns.next(now)
            };
            if read.of_server.is_some() {
                tokio::time::sleep_until(next).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.account.wake.notified() => {
                    let least = self.pace.first_retry;
                    let woken = after_notification(began, Instant::now(), least);
                    tokio::time::sleep_until(woken).await;
                    // An export is made at the pace of that server.
                    let is_woken = |at: usize| {
                        let reading = self.upstream.readings.get(at);
                        !matches!(reading, Some(Reading::Export { .. }))
                    };
                    self.turns().wake(woken, is_woken);
                }
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads once what is new, and returns the pause before the next round.
    pub async fn round(&self) -> Duration {
        let all: Vec<usize> = (0..self.upstream.readings.len()).collect();
        let read = self.read_some(&all).await;
        read.pause().unwrap_or(self.upstream.every)
    }

    /// Reads once what is new of these readings. One that fails is no reason to leave out the others.
    async fn read_some(&self, due: &[usize]) -> ReadSome {
        let round = Round {
            upstream: &self.upstream,
            client: &self.client,
            taker: &self.taker,
            account: &self.account,
            now: &self.now,
            pace: self.pace,
            absent: Mutex::new(HashSet::new()),
        };
        self.subscribe(&round).await;
        let mut read = ReadSome {
            pauses: Vec::new(),
            of_server: None,
        };
        for at in due.iter().copied() {
            let Some(reading) = self.upstream.readings.get(at) else {
                continue;
            };
            let pause = match round.read(at, reading).await {
                Ok(ended) => {
                    self.turns().went(at, true);
                    match ended {
                        Ended::Whole => self.upstream.every,
                        Ended::Later(pause) => pause,
                    }
                }
                Err(found) => {
                    let pause = self.failed(at, &reading.words(), &found);
                    let of_server = Some(pause).filter(|_| found.is_of_server());
                    read.of_server = read.of_server.max(of_server);
                    pause
                }
            };
            read.pauses.push((at, pause));
        }
        if read.of_server.is_none()
            && let Err(found) = round.read_again().await
        {
            let at = self.upstream.readings.len();
            let pause = self.failed(at, "what was refused", &found);
            read.of_server = Some(pause).filter(|_| found.is_of_server());
        }
        let pause = read.pause().unwrap_or(self.upstream.every);
        let next = later((self.now)().now, pause);
        let failures = self.turns().most_failures();
        self.account.note(|outlook| {
            outlook.next = Some(next);
            outlook.failures = failures.max(u32::from(read.of_server.is_some()));
        });
        read
    }

    /// Notes a failure of a reading, and returns the pause after it.
    fn failed(&self, at: usize, what: &str, setback: &Setback) -> Duration {
        tracing::warn!(
            upstream = %self.upstream.name,
            reading = %what,
            "reading failed: {}", setback.text
        );
        let now = (self.now)().now;
        let failures = self.turns().went(at, false);
        self.account.note(|outlook| {
            outlook.errors += 1;
            outlook.trouble = Some((setback.text.clone(), now));
        });
        let own = self.pace.pause(&self.upstream.name, failures);
        let asked = setback
            .retry_after
            .as_deref()
            .and_then(|value| retry_after(value, now));
        own.max(asked.unwrap_or_default())
    }

    /// Sees to the Subscriptions there; reading goes on without them.
    async fn subscribe(&self, round: &Round<'_>) {
        let Some(notified) = &self.upstream.notified else {
            return;
        };
        let status = match round.subscribe(notified, self.account.secret()).await {
            Ok(status) => status,
            Err(setback) => setback.text,
        };
        if status != "active" && status != "requested" {
            tracing::warn!(upstream = %self.upstream.name, "it does not notify: {status}");
        }
        self.account
            .note(|outlook| outlook.subscription = Some(status));
    }
}

fn later(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or_default();
    now.checked_add(pause).unwrap_or(now)
}
