//! The account of one upstream: the figures for monitoring and for the operator's page.
//! No person is in them, and of what was refused the name there and the rule alone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::settings::Upstream;
use crate::fhir::Id;

/// The most refusals that are remembered.
const REFUSED_MAX: usize = 20;

/// The account of one upstream.
pub struct Account {
    /// The name of the upstream.
    pub name: Id,
    /// Wakes the poller: something is new there.
    pub(super) wake: Notify,
    secret: String,
    state: Mutex<Outlook>,
}

/// The state of one upstream.
#[derive(Clone, Default, Debug)]
pub struct Outlook {
    /// The host that is asked.
    pub host: String,
    /// Each thing that is read, and the place reached.
    pub readings: Vec<(String, Option<Timestamp>)>,
    /// When the poller began.
    pub began: Timestamp,
    /// When the last round began that read everything.
    pub whole: Option<Timestamp>,
    /// Resources that were created, updated, found unchanged, deleted.
    pub taken: [u64; 4],
    /// Resources that were rightly not stored, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// The number of refused resources.
    pub refused: u64,
    /// The last refusals: the name there, and the rule.
    pub refusals: VecDeque<(String, String)>,
    /// The number of rounds that failed.
    pub errors: u64,
    /// The number of failed rounds since the last good one.
    pub failures: u32,
    /// The last failure, and when.
    pub trouble: Option<(String, Timestamp)>,
    /// When it is asked again.
    pub next: Option<Timestamp>,
    /// The state of the Subscriptions there.
    pub subscription: Option<String>,
}

/// The words of [`Outlook::taken`].
pub const TAKEN: [&str; 4] = ["created", "updated", "unchanged", "deleted"];

impl Outlook {
    /// Returns for how many seconds nothing new of it is known here.
    pub fn lag_s(&self, now: Timestamp) -> f64 {
        let since = self.whole.unwrap_or(self.began);
        now.duration_since(since).as_secs_f64().max(0.0)
    }
}

/// Counts of what became of some resources.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) taken: [u64; 4],
    pub(super) left_out: BTreeMap<String, u64>,
    pub(super) refused: Vec<(String, String)>,
}

impl Tally {
    pub(super) fn leave_out(&mut self, reason: &str) {
        *self.left_out.entry(reason.to_owned()).or_default() += 1;
    }
}

impl Account {
    /// Opens the account of an upstream.
    pub(super) fn new(upstream: &Upstream, secret: String, now: Timestamp) -> Self {
        let readings = upstream.readings.iter();
        let outlook = Outlook {
            host: upstream.base.host_str().unwrap_or_default().to_owned(),
            readings: readings.map(|reading| (reading.words(), None)).collect(),
            began: now,
            ..Outlook::default()
        };
        Account {
            name: upstream.name.clone(),
            wake: Notify::new(),
            secret,
            state: Mutex::new(outlook),
        }
    }

    /// Takes a notification: the next round begins at once. False if it does not say the secret.
    pub fn notify(&self, secret: &str) -> bool {
        let is_known = is_same_secret(secret, &self.secret);
        if is_known {
            self.wake.notify_one();
        }
        is_known
    }

    /// Returns what the server says with its notifications.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns how the upstream stands.
    pub fn outlook(&self) -> Outlook {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the account.
    pub(super) fn note(&self, change: impl FnOnce(&mut Outlook)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds what became of some resources.
    pub(super) fn add(&self, tally: Tally) {
        self.note(|outlook| {
            for (sum, more) in outlook.taken.iter_mut().zip(tally.taken) {
                *sum += more;
            }
            for (reason, more) in tally.left_out {
                *outlook.left_out.entry(reason).or_default() += more;
            }
            outlook.refused += tally.refused.len() as u64;
            for refusal in tally.refused {
                // The same one is read again as long as the overlap holds it.
                if outlook.refusals.contains(&refusal) {
                    continue;
                }
                if outlook.refusals.len() == REFUSED_MAX {
                    outlook.refusals.pop_front();
                }
                outlook.refusals.push_back(refusal);
            }
        });
    }
}

/// Tells whether two secrets are the same, without telling by its time how far they agree.
fn is_same_secret(told: &str, expected: &str) -> bool {
    Sha256::digest(told.as_bytes()) == Sha256::digest(expected.as_bytes())
}
