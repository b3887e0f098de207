//! The lane for searches, histories and exports that take long: few at a time, in the order in
//! which they came, beside all small requests.
//!
//! Nobody has to say beforehand which searches are long. Each begins with a small allowance; one that
//! needs more waits here, and begins again with all that it may use.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Context, Failure};

/// The most that may wait for their turn; more are turned away.
const WAITING_MAX: usize = 128;
/// The interval at which whoever waits looks whether its client still does.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The lane of one server.
pub(super) struct LongWork {
    turns_max: usize,
    state: Mutex<LongWorkState>,
    changed: Condvar,
}

#[derive(Default)]
struct LongWorkState {
    turns: usize,
    next: u64,
    waiting: VecDeque<u64>,
}

/// A turn, until it is dropped. Whoever has one does not ask for another.
pub(super) struct LongTurn<'a>(&'a LongWork);

impl LongWork {
    /// Makes a lane for so many at once.
    pub(super) fn at_most(turns_max: usize) -> Self {
        LongWork {
            turns_max: turns_max.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `Busy` if too many wait, or the client waits no more.
    pub(super) fn turn(&self, context: &Context) -> Result<LongTurn<'_>, Failure> {
        let mut state = self.state();
        if state.waiting.len() >= WAITING_MAX {
            return Err(Failure::Busy);
        }
        let number = state.next;
        state.next += 1;
        state.waiting.push_back(number);
        loop {
            if context.is_abandoned() {
                state.waiting.retain(|waiting| *waiting != number);
                self.changed.notify_all();
                return Err(Failure::Busy);
            }
            if state.turns < self.turns_max && state.waiting.front() == Some(&number) {
                state.waiting.pop_front();
                state.turns += 1;
                self.changed.notify_all();
                return Ok(LongTurn(self));
            }
            let waited = self.changed.wait_timeout(state, LOOK_INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, LongWorkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LongTurn<'_> {
    fn drop(&mut self) {
        self.0.state().turns -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use jiff::Timestamp;

    use super::*;
    use crate::fhir::Id;

    fn context() -> Context {
        Context::new(Timestamp::UNIX_EPOCH, Arc::new(|| Id::parse("x").unwrap()))
    }

    fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            thread::yield_now();
        }
    }

    #[test]
    fn turns_are_given_in_the_order_in_which_they_were_asked_for() {
        let lane = LongWork::at_most(1);
        let first = lane.turn(&context()).unwrap();
        let (done, has_done) = channel();
        thread::scope(|scope| {
            for at in 0..5 {
                let (lane, done) = (&lane, done.clone());
                scope.spawn(move || {
                    let _turn = lane.turn(&context()).unwrap();
                    assert_eq!(lane.state().turns, 1);
                    done.send(at).unwrap();
                });
                until(|| lane.state().waiting.len() == at + 1);
            }
            assert!(has_done.try_recv().is_err());
            drop(first);
        });
        drop(done);
        assert_eq!(has_done.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn whoever_waits_no_more_lets_others_pass_and_no_more_wait_than_may() {
        let lane = LongWork::at_most(1);
        let first = lane.turn(&context()).unwrap();
        let gone = context();
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..WAITING_MAX)
                .map(|_| scope.spawn(|| lane.turn(&gone).err()))
                .collect();
            until(|| lane.state().waiting.len() == WAITING_MAX);
            assert_eq!(lane.turn(&context()).err(), Some(Failure::Busy));
            gone.abandon();
            for waiting in waiting {
                assert_eq!(waiting.join().unwrap(), Some(Failure::Busy));
            }
        });
        drop(first);
        assert!(lane.turn(&context()).is_ok());
    }
}
