//! The repetition of rounds: at a pace that the operator chose, at once when the server notifies,
//! and later and later while it fails.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::fhir_client::{FhirClient, Setback};
use super::notified::secret_of;
use super::round::{Ended, Now, Round};
use super::settings::Upstream;
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
        Poller {
            account: Arc::new(Account::new(
                &upstream,
                secret_of(server.store.secret(), &upstream),
                now().now,
            )),
            taker: Arc::new(Taker::new(server, &upstream)),
            upstream,
            client,
            now,
            pace,
        }
    }

    /// Reads again and again, until it is dropped.
    pub async fn run(&self) {
        loop {
            let pause = self.round().await;
            let is_failing = self.account.outlook().failures > 0;
            if is_failing {
                tokio::time::sleep(pause).await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.account.wake.notified() => {}
                }
            }
        }
    }

    /// Reads once what is new, and returns the pause before the next round.
    pub async fn round(&self) -> Duration {
        let began = (self.now)().now;
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
        let (mut setback, mut sooner) = (None, None::<Duration>);
        for (at, reading) in self.upstream.readings.iter().enumerate() {
            match round.read(at, reading).await {
                Ok(Ended::Whole) => {}
                Ok(Ended::Later(pause)) => {
                    sooner = Some(sooner.map_or(pause, |other| other.min(pause)));
                }
                Err(found) => {
                    tracing::warn!(
                        upstream = %self.upstream.name,
                        reading = %reading.words(),
                        "reading failed: {}", found.text
                    );
                    // What asks for the longest pause counts.
                    if setback.is_none() || found.retry_after.is_some() {
                        setback = Some(found);
                    }
                }
            }
        }
        let pause = match &setback {
            Some(setback) => self.failed(setback),
            None => sooner
                .unwrap_or(self.upstream.every)
                .min(self.upstream.every),
        };
        let next = later((self.now)().now, pause);
        self.account.note(|outlook| {
            outlook.next = Some(next);
            if setback.is_none() {
                outlook.failures = 0;
                if sooner.is_none() {
                    outlook.whole = Some(began);
                }
            }
        });
        pause
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
            outlook.errors += 1;
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
