//! Counters of the requests that were answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::exposition::{Exposition, MetricKind};

/// The requests that were answered since the start.
#[derive(Default)]
pub(in crate::http) struct Requests {
    /// By method and status.
    answered: Mutex<BTreeMap<(&'static str, u16), Answered>>,
    /// By method.
    durations: Mutex<BTreeMap<&'static str, Durations>>,
}

/// The answers to requests of one kind.
#[derive(Default)]
struct Answered {
    count: u64,
    seconds: f64,
}

/// The bounds of the histogram, in seconds.
const BOUNDS_S: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The answers of one method by how long they took.
#[derive(Default)]
struct Durations {
    /// By bound; the last one for what took longer.
    counts: [u64; BOUNDS_S.len() + 1],
    seconds: f64,
}

impl Requests {
    /// Counts one answered request.
    pub(in crate::http) fn count(&self, method: &'static str, status: u16, seconds: f64) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = answered.entry((method, status)).or_default();
        entry.count += 1;
        entry.seconds += seconds;
        drop(answered);
        let mut durations = self
            .durations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_method = durations.entry(method).or_default();
        let bound = BOUNDS_S.iter().position(|bound| seconds <= *bound);
        of_method.counts[bound.unwrap_or(BOUNDS_S.len())] += 1;
        of_method.seconds += seconds;
    }

    /// Writes the histogram of how long answers took.
    fn write_durations(&self, out: &mut Exposition) {
        const DURATION: &str = "frist_http_request_duration_seconds";
        const BUCKET: &str = "frist_http_request_duration_seconds_bucket";
        const SUM: &str = "frist_http_request_duration_seconds_sum";
        const COUNT: &str = "frist_http_request_duration_seconds_count";
        out.begin(
            DURATION,
            MetricKind::Histogram,
            "Time from a request to its answer.",
        );
        let durations = self
            .durations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (method, Durations { counts, seconds }) in durations.iter() {
            let mut sum = 0;
            for (bound, count) in BOUNDS_S.iter().zip(counts) {
                sum += count;
                out.value(BUCKET, &[("method", method), ("le", bound)], sum);
            }
            let all: u64 = counts.iter().sum();
            out.value(BUCKET, &[("method", method), ("le", &"+Inf")], all);
            out.value(SUM, &[("method", method)], format!("{seconds:.6}"));
            out.value(COUNT, &[("method", method)], all);
        }
    }

    /// Writes the counters.
    pub(super) fn write(&self, out: &mut Exposition) {
        self.write_durations(out);
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
