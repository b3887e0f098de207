//! The turns of an upstream's readings: when each is due, and how often each failed. Pure.
//!
//! A reading that fails is asked for later and later, and the others go on at their pace; a server that
//! cannot be asked at all is left alone as a whole.

use std::time::Duration;

use tokio::time::Instant;

/// The turns of the readings of one upstream.
pub(super) struct Turns {
    due: Vec<Instant>,
    failures: Vec<u32>,
}

impl Turns {
    /// Makes those of so many readings: all are due.
    pub(super) fn new(readings: usize, now: Instant) -> Self {
        Turns {
            due: vec![now; readings],
            failures: vec![0; readings],
        }
    }

    /// Returns the readings that are due.
    pub(super) fn due_at(&self, now: Instant) -> Vec<usize> {
        let turns = self.due.iter().enumerate();
        let due = turns.filter(|(_, due)| **due <= now);
        due.map(|(at, _)| at).collect()
    }

    /// Notes that a reading went well, or failed; returns how often it failed one after another.
    pub(super) fn went(&mut self, at: usize, well: bool) -> u32 {
        let Some(failures) = self.failures.get_mut(at) else {
            return u32::from(!well);
        };
        *failures = if well { 0 } else { failures.saturating_add(1) };
        *failures
    }

    /// Returns the failures of the reading that failed most often.
    pub(super) fn most_failures(&self) -> u32 {
        self.failures.iter().copied().max().unwrap_or_default()
    }

    /// Makes each of these readings wait for its pause, and all of them for that of the server.
    pub(super) fn wait(
        &mut self,
        now: Instant,
        pauses: &[(usize, Duration)],
        of_server: Option<Duration>,
    ) {
        for (at, pause) in pauses {
            if let Some(due) = self.due.get_mut(*at) {
                *due = now + *pause;
            }
        }
        if let Some(pause) = of_server {
            for due in &mut self.due {
                *due = (*due).max(now + pause);
            }
        }
    }

    /// Makes those readings due at that instant that a notification is about: all that do not fail.
    pub(super) fn wake(&mut self, at: Instant, is_woken: impl Fn(usize) -> bool) {
        let turns = self.due.iter_mut().zip(&self.failures).enumerate();
        for (reading, (due, failures)) in turns {
            if *failures == 0 && is_woken(reading) {
                *due = (*due).min(at);
            }
        }
    }

    /// Returns when the next reading is due.
    pub(super) fn next(&self, now: Instant) -> Instant {
        self.due.iter().min().copied().unwrap_or(now)
    }
}

/// Returns when a round may begin that a notification asks for: a server that changes all the time is
/// not asked all the time.
pub(super) fn after_notification(began: Instant, now: Instant, least: Duration) -> Instant {
    now.max(began + least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);
    const LATER: Duration = Duration::from_secs(4);

    #[test]
    fn a_reading_that_fails_waits_alone_and_a_server_as_a_whole() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        assert_eq!(turns.due_at(now), [0, 1, 2]);
        assert_eq!((turns.went(1, false), turns.went(1, false)), (1, 2));
        assert_eq!((turns.went(0, true), turns.most_failures()), (0, 2));
        turns.wait(now, &[(0, EVERY), (1, LATER), (2, EVERY)], None);
        assert_eq!(turns.next(now), now + LATER);
        assert_eq!(turns.due_at(now + LATER), [1]);
        assert_eq!(turns.due_at(now + EVERY), [0, 1, 2]);
        // Of its own pauses and that of the server the longer one counts.
        let of_server = EVERY * 2;
        turns.wait(now, &[(1, LATER), (2, of_server * 2)], Some(of_server));
        assert_eq!(turns.due_at(now + of_server - LATER), [] as [usize; 0]);
        assert_eq!(turns.due_at(now + of_server), [0, 1]);
        turns.went(1, true);
        assert_eq!(turns.most_failures(), 0);
    }

    #[test]
    fn a_notification_makes_due_what_does_not_fail_and_never_at_once_after_a_round() {
        let now = Instant::now();
        let mut turns = Turns::new(3, now);
        turns.wait(now, &[(0, EVERY), (1, EVERY), (2, EVERY)], None);
        turns.went(1, false);
        for (passed, expected) in [(Duration::ZERO, LATER), (LATER / 2, LATER), (EVERY, EVERY)] {
            assert_eq!(after_notification(now, now + passed, LATER), now + expected);
        }
        turns.wake(now + LATER, |at| at != 2);
        assert_eq!(turns.due_at(now + LATER), [0]);
        // What is due earlier stays so.
        turns.wake(now + EVERY, |_| true);
        assert_eq!(turns.due_at(now + LATER), [0]);
    }
}
