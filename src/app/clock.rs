//! The clock of the server: the only place that reads the time and makes ids.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::fhir::Id;
use crate::interactions::Context;

/// The server's clock: the system's, shifted so that it began at an instant: that of `--clock`, or
/// of the store's last commit if that is later.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    shift: SignedDuration,
}

impl ServerClock {
    /// Makes a clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        ServerClock {
            shift: start.duration_since(Timestamp::now()),
        }
    }

    /// Starts the clock that was asked for, or the system's; it begins no earlier than the last commit.
    pub(super) fn begin(asked: Option<Timestamp>, last_commit: Option<Timestamp>) -> Self {
        let start = asked.unwrap_or_else(Timestamp::now);
        match (last_commit.filter(|last| *last > start), asked) {
            (Some(last), _) => {
                tracing::warn!(
                    "the clock ({start}) is behind the last commit of the data folder: it starts at {last}"
                );
                ServerClock::starting_at(last)
            }
            (None, Some(asked)) => ServerClock::starting_at(asked),
            (None, None) => ServerClock {
                shift: SignedDuration::ZERO,
            },
        }
    }

    /// Returns the time of the system's clock.
    pub(super) fn now_of_system() -> Timestamp {
        Timestamp::now()
    }

    /// Returns the instant that the clock shows.
    pub fn now(self) -> Timestamp {
        Timestamp::now()
            .checked_add(self.shift)
            .unwrap_or(Timestamp::MAX)
    }

    /// Makes the context of a request that arrives now.
    pub fn context(self) -> Context {
        Context::new(self.now(), Arc::new(|| Id::from(uuid::Uuid::new_v4())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_the_systems_unless_another_is_asked_for_or_the_last_commit_is_later() {
        let [early, late] = ["2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"]
            .map(|text| text.parse::<Timestamp>().expect("an instant"));
        assert_eq!(ServerClock::begin(None, None).shift, SignedDuration::ZERO);
        assert_eq!(
            ServerClock::begin(None, Some(early)).shift,
            SignedDuration::ZERO,
            "exactly, however long the store took to open"
        );
        assert!(ServerClock::begin(None, Some(late)).now() >= late);
        assert!(ServerClock::begin(Some(late), Some(early)).now() >= late);
        assert!(ServerClock::begin(Some(early), Some(late)).now() >= late);
        assert!(ServerClock::begin(Some(early), None).now() < late);
    }
}
