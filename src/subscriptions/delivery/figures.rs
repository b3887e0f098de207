//! The operator's view of delivery: the state of each subscription, and counters. No person, no
//! address and no secret is in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::fhir::Id;
use crate::storage::Stream;
use crate::subscriptions::Status;

/// The state of one subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscriptionView {
    /// The id of the Subscription.
    pub id: Id,
    /// Its status.
    pub status: Status,
    /// Its events in figures, as far as its worker has delivered them.
    pub stream: Stream,
    /// The instant of the oldest event that was not acknowledged, of those that are kept.
    pub oldest_undelivered: Option<Timestamp>,
    /// Its failures.
    pub failures: DeliveryFailures,
}

/// The failures of one delivery.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeliveryFailures {
    /// Failures since the last success.
    pub attempts: u32,
    /// The last failure, and its instant.
    pub last: Option<(String, Timestamp)>,
    /// The instant of the next attempt.
    pub next_attempt: Option<Timestamp>,
}

/// The upper bounds of the classes in which latencies are counted, in seconds; there is one more
/// class for what is longer.
pub const LATENCY_BOUNDS_S: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0,
];

/// The counts since the start.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures {
    /// Events that were acknowledged.
    pub delivered_events: u64,
    /// Messages of any kind that were acknowledged.
    pub acknowledged: u64,
    /// Messages of any kind that were not.
    pub failed: u64,
    /// The times from the commit of an event to its acknowledgement: how many in each class of
    /// [`LATENCY_BOUNDS_S`], and longer.
    pub latencies: Vec<u64>,
    /// The sum of them, in seconds.
    pub latency_sum_s: f64,
}

/// Counters that all workers add to.
#[derive(Default)]
pub(super) struct Counters {
    delivered_events: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
    latencies: [AtomicU64; LATENCY_BOUNDS_S.len() + 1],
    latency_sum_us: AtomicU64,
}

impl Counters {
    /// Counts a message that was acknowledged at `now`, with events of these instants.
    pub(super) fn acknowledged(&self, events: &[Timestamp], now: Timestamp) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.delivered_events
            .fetch_add(events.len() as u64, Ordering::Relaxed);
        for event in events {
            let latency = Duration::try_from(now.duration_since(*event)).unwrap_or_default();
            let class = LATENCY_BOUNDS_S
                .iter()
                .position(|bound| latency.as_secs_f64() <= *bound)
                .unwrap_or(LATENCY_BOUNDS_S.len());
            self.latencies[class].fetch_add(1, Ordering::Relaxed);
            self.latency_sum_us.fetch_add(
                u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
                Ordering::Relaxed,
            );
        }
    }

    /// Counts a message that was not acknowledged.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts.
    pub(super) fn figures(&self) -> Figures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            delivered_events: count(&self.delivered_events),
            acknowledged: count(&self.acknowledged),
            failed: count(&self.failed),
            latencies: self.latencies.iter().map(count).collect(),
            latency_sum_s: Duration::from_micros(count(&self.latency_sum_us)).as_secs_f64(),
        }
    }
}
