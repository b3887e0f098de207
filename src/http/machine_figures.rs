//! Figures that the wire is told: of the process and its machine, and of the walk over what is stored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// A figure of the process or its machine, which the wire cannot know.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MachineFigure {
    /// The name of the metric.
    pub name: &'static str,
    /// True if it only goes up.
    pub is_counter: bool,
    /// The sentence that says what it is.
    pub help: &'static str,
    /// The value.
    pub value: f64,
}

/// The walk over everything that is stored, in figures.
#[derive(Default)]
pub struct ScrubFigures {
    records: AtomicU64,
    finished: Mutex<Option<Timestamp>>,
}

impl ScrubFigures {
    /// Counts records that were read.
    pub fn count(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Notes that everything was read.
    pub fn finish(&self, now: Timestamp) {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Returns the number of records that were read since the start.
    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Returns when everything had been read the last time.
    pub(super) fn finished(&self) -> Option<Timestamp> {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
