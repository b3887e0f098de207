//! Counters of the requests that were answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::exposition::{Exposition, MetricKind};

/// The requests that were answered since the start.
#[derive(Default)]
pub(in crate::http) struct Requests {
    /// By method and status.
    answered: Mutex<BTreeMap<(&'static str, u16), Answered>>,
}

/// The answers to requests of one kind.
#[derive(Default)]
struct Answered {
    count: u64,
    seconds: f64,
}

impl Requests {
    /// Counts one answered request.
    pub(in crate::http) fn count(&self, method: &'static str, status: u16, seconds: f64) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = answered.entry((method, status)).or_default();
        entry.count += 1;
        entry.seconds += seconds;
    }

    /// Writes the counters.
    pub(super) fn write(&self, out: &mut Exposition) {
        const REQUESTS: &str = "frist_http_requests_total";
        const SECONDS: &str = "frist_http_request_seconds_total";
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        out.begin(REQUESTS, MetricKind::Counter, "Requests answered.");
        for ((method, status), Answered { count, .. }) in answered.iter() {
            out.value(REQUESTS, &[("method", method), ("status", status)], count);
        }
        out.begin(SECONDS, MetricKind::Counter, "Time spent answering.");
        for ((method, status), Answered { seconds, .. }) in answered.iter() {
            let seconds = format!("{seconds:.6}");
            out.value(SECONDS, &[("method", method), ("status", status)], seconds);
        }
    }
}
