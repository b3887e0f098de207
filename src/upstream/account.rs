//! The account of one upstream: the figures for monitoring and for the operator's page.
//! No person is in them, and of what was refused the name there and the rule alone.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

use super::settings::Upstream;
use crate::fhir::Id;

/// The most refusals that are remembered.
const REFUSED_MAX: usize = 20;

/// The most things that are remembered as counted.
const COUNTED_MAX: usize = 200_000;

/// The account of one upstream.
pub struct Account {
    /// The name of the upstream.
    pub name: Id,
    /// Wakes the poller: something is new there.
    pub(super) wake: Notify,
    secret: String,
    state: Mutex<Outlook>,
    /// The marks of what was counted: the overlap brings the same again and again.
    counted: Mutex<HashSet<u64>>,
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
    /// The instant up to which everything was read.
    pub whole: Option<Timestamp>,
    /// The same of each reading.
    pub whole_of: Vec<Option<Timestamp>>,
    /// Resources that were created, updated, found unchanged, deleted.
    pub taken: [u64; 4],
    /// Resources that were rightly not stored, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// The number of refused resources.
    pub refused: u64,
    /// The last refusals: the name there, and the rule.
    pub refusals: VecDeque<(String, String)>,
    /// The number of readings that failed.
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

    /// Notes that all of a reading is known up to that instant.
    pub(super) fn is_whole(&mut self, at: usize, instant: Timestamp) {
        if let Some(whole) = self.whole_of.get_mut(at) {
            *whole = Some(instant);
        }
        let oldest: Option<Vec<_>> = self.whole_of.iter().copied().collect();
        self.whole = oldest.and_then(|all| all.into_iter().min());
    }
}

/// Counts of what became of some resources.
#[derive(Default)]
pub(super) struct Tally {
    /// Resources that were created, updated, (not used), deleted.
    pub(super) taken: [u64; 4],
    again: Vec<(u64, WithoutWrite)>,
}

/// The fate of a resource of which nothing was written: the next round may bring it again.
#[derive(Debug)]
pub(super) enum WithoutWrite {
    Unchanged,
    LeftOut(String),
    /// The name there, and the rule.
    Refused(String, String),
}

impl Tally {
    /// Adds something of which nothing was written; what comes again as it was is counted once.
    pub(super) fn add(&mut self, what: &str, fate: WithoutWrite) {
        let mark = xxh3_64(format!("{what} {fate:?}").as_bytes());
        self.again.push((mark, fate));
    }

    /// Adds something that was left out for a reason.
    pub(super) fn leave_out(&mut self, what: &str, reason: &str) {
        self.add(what, WithoutWrite::LeftOut(reason.to_owned()));
    }

    /// Tells whether anything was written.
    pub(super) fn has_written(&self) -> bool {
        self.taken.iter().any(|count| *count > 0)
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
            whole_of: vec![None; upstream.readings.len()],
            ..Outlook::default()
        };
        Account {
            name: upstream.name.clone(),
            wake: Notify::new(),
            secret,
            state: Mutex::new(outlook),
            counted: Mutex::default(),
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
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= COUNTED_MAX {
            counted.clear();
        }
        self.note(|outlook| {
            for (sum, more) in outlook.taken.iter_mut().zip(tally.taken) {
                *sum += more;
            }
            for (mark, fate) in tally.again {
                if !counted.insert(mark) {
                    continue;
                }
                match fate {
                    WithoutWrite::Unchanged => outlook.taken[2] += 1,
                    WithoutWrite::LeftOut(reason) => {
                        *outlook.left_out.entry(reason).or_default() += 1;
                    }
                    WithoutWrite::Refused(what, why) => {
                        outlook.refused += 1;
                        if outlook.refusals.len() == REFUSED_MAX {
                            outlook.refusals.pop_front();
                        }
                        outlook.refusals.push_back((what, why));
                    }
                }
            }
        });
    }
}

/// Tells whether two secrets are the same, without telling by its time how far they agree.
fn is_same_secret(told: &str, expected: &str) -> bool {
    Sha256::digest(told.as_bytes()) == Sha256::digest(expected.as_bytes())
}
