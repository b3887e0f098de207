//! The repetition of rounds: at a pace that the operator chose, at once when the server notifies,
//! and later and later while it fails.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
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
use crate::interactions::{Context, Server};
use crate::subscriptions::delivery::{Pace, retry_after};

/// Reads one upstream.
pub struct Poller {
    upstream: Upstream,
    client: FhirClient,
    taker: Arc<Taker>,
    now: Now,
    pace: Pace,
    /// The account of it.
    pub account: Arc<Account>,
}

/// The outcome of reading what was due.
struct ReadSome {
    /// The pause of each reading that was due.
    pauses: Vec<(usize, Duration)>,
    /// The pause before anything is asked for, if something failed.
    failed: Option<Duration>,
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
        Poller {
            account,
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
        let mut due = vec![Instant::now(); self.upstream.readings.len()];
        loop {
            let began = Instant::now();
            let read = self.read_some(&|at| due[at] <= began).await;
            let now = Instant::now();
            for (at, pause) in read.pauses {
                due[at] = now + pause;
            }
            if let Some(pause) = read.failed {
                // While it fails nothing of it is asked for.
                for one in &mut due {
                    *one = (*one).max(now + pause);
                }
            }
            let next = due.iter().min().copied().unwrap_or(now);
            if read.failed.is_some() {
                tokio::time::sleep_until(next).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.account.wake.notified() => {
                    // A server that changes all the time is not asked all the time.
                    tokio::time::sleep_until(began + self.pace.first_retry).await;
                    for (at, reading) in self.upstream.readings.iter().enumerate() {
                        // An export is made at the pace of that server.
                        if !matches!(reading, Reading::Export { .. }) {
                            due[at] = Instant::now();
                        }
                    }
                }
            }
        }
    }

    /// Reads once what is new, and returns the pause before the next round.
    pub async fn round(&self) -> Duration {
        let read = self.read_some(&|_| true).await;
        let pauses = read.pauses.iter().map(|(_, pause)| *pause);
        read.failed.or(pauses.min()).unwrap_or(self.upstream.every)
    }

    /// Reads once what is new of the readings that are due.
    async fn read_some(&self, is_due: &(dyn Fn(usize) -> bool + Sync)) -> ReadSome {
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
        let mut setback = None;
        let mut pauses = Vec::new();
        for (at, reading) in self.upstream.readings.iter().enumerate() {
            if !is_due(at) {
                continue;
            }
            match round.read(at, reading).await {
                Ok(Ended::Whole) => pauses.push((at, self.upstream.every)),
                Ok(Ended::Later(pause)) => pauses.push((at, pause)),
                Err(found) => {
                    self.note_failure(&reading.words(), found, &mut setback);
                    pauses.push((at, Duration::ZERO));
                }
            }
        }
        if setback.is_none()
            && let Err(found) = round.read_again().await
        {
            self.note_failure("what was refused", found, &mut setback);
        }
        let failed = setback.as_ref().map(|setback| self.failed(setback));
        let soonest = pauses.iter().map(|(_, pause)| *pause).min();
        let pause = failed.or(soonest).unwrap_or(self.upstream.every);
        let next = later((self.now)().now, pause);
        self.account.note(|outlook| {
            outlook.next = Some(next);
            if failed.is_none() {
                outlook.failures = 0;
            }
        });
        ReadSome { pauses, failed }
    }

    fn note_failure(&self, what: &str, found: Setback, setback: &mut Option<Setback>) {
        tracing::warn!(
            upstream = %self.upstream.name,
            reading = %what,
            "reading failed: {}", found.text
        );
        self.account.note(|outlook| outlook.errors += 1);
        // What asks for the longest pause counts.
        if setback.is_none() || found.retry_after.is_some() {
            *setback = Some(found);
        }
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

    /// Notes a failure, and returns the pause after it.
    fn failed(&self, setback: &Setback) -> Duration {
        let now = (self.now)().now;
        let mut failures = 0;
        self.account.note(|outlook| {
            outlook.failures += 1;
            outlook.trouble = Some((setback.text.clone(), now));
            failures = outlook.failures;
        });
        let own = self.pace.pause(&self.upstream.name, failures);
        let asked = setback
            .retry_after
            .as_deref()
            .and_then(|value| retry_after(value, now));
        own.max(asked.unwrap_or_default())
    }
}

fn later(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or_default();
    now.checked_add(pause).unwrap_or(now)
}
