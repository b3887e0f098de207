//! The state of one delivery, in memory: what its worker shows to the operator, and the events that
//! an operator asks it to send again.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::figures::DeliveryFailures;
use crate::subscriptions::Status;

/// The state of one delivery, shared between its worker, the operator and the writer of cursors.
#[derive(Default)]
pub(super) struct SharedState(Mutex<DeliveryState>);

impl SharedState {
    /// Locks the state for a moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, DeliveryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of one delivery.
#[derive(Default)]
pub(super) struct DeliveryState {
    /// The status of the Subscription; none until the worker has looked.
    pub(super) status: Option<Status>,
    /// The last event that was acknowledged; none until the worker has looked.
    pub(super) delivered: Option<u64>,
    /// Its failures.
    pub(super) failures: DeliveryFailures,
    /// The life of the Subscription that `replays` belongs to; none until the worker has looked.
    pub(super) life: Option<u64>,
    /// Events to send again.
    pub(super) replays: VecDeque<RangeInclusive<u64>>,
}

impl DeliveryState {
    /// Returns the event to send again next, if there is one.
    pub(super) fn next_replay(&self) -> Option<u64> {
        self.replays.front().map(|range| *range.start())
    }

    /// Removes the event to send again next: it was sent, or is no longer kept.
    pub(super) fn pass_replay(&mut self) {
        if let Some(range) = self.replays.pop_front()
            && range.start() < range.end()
        {
            self.replays.push_front(range.start() + 1..=*range.end());
        }
    }

    /// Takes over the ranges that the store has for a life of the Subscription; tells whether there
    /// are any. If this state is of the same life already, it stays: a worker before this one left
    /// it, and it is newer.
    pub(super) fn take_stored_replays(
        &mut self,
        life: u64,
        ranges: Vec<RangeInclusive<u64>>,
    ) -> bool {
        if self.life.replace(life) == Some(life) {
            return false;
        }
        self.replays = ranges.into();
        !self.replays.is_empty()
    }
}
