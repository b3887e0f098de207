//! The pauses between the attempts of a delivery. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::fhir::Id;

/// The longest pause that an endpoint can ask for by Retry-After.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The longest times that things may take, and the pauses before they are repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The pause after the first failure; each further one is twice as long.
    pub first_retry: Duration,
    /// The longest pause.
    pub longest_retry: Duration,
    /// The time for which a delivery is tried again before the subscription is in error.
    pub retry_window: Duration,
    /// The time that an endpoint has to answer, if the Subscription does not say.
    pub answer_timeout: Duration,
    /// The pause after a bug.
    pub after_panic: Duration,
    /// The most retries at a time, of all subscriptions together: however many endpoints are dead,
    /// no more connections hang. Subscriptions whose last attempt succeeded do not wait for them.
    pub retrying_max: usize,
}

impl Default for Pace {
    /// Tries for a day: an outage that ends by the next morning needs no intervention.
    fn default() -> Self {
        Pace {
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(60),
            retry_window: Duration::from_secs(24 * 3_600),
            answer_timeout: Duration::from_secs(10),
            after_panic: Duration::from_secs(60),
            retrying_max: 256,
        }
    }
}

impl Pace {
    /// Returns the pause after that many failures in a row: between half of the full pause and all
    /// of it, so that subscriptions which failed together do not come back together; always the
    /// same for one subscription.
    pub fn pause(&self, subscription: &Id, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let full = self
            .first_retry
            .saturating_mul(1 << doublings)
            .min(self.longest_retry);
        let chance = xxh3_64_with_seed(subscription.as_str().as_bytes(), failures.into());
        // 16 bits are fine enough, and exact.
        let share =
            f64::from(u16::try_from(chance >> 48).unwrap_or(u16::MAX)) / f64::from(u16::MAX);
        full.mul_f64(0.5 + share / 2.0)
    }
}

/// Returns the pause that a Retry-After asks for, in seconds or until a date (RFC 9110, section 10.2.3);
/// none if it cannot be read.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let asked = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_between_subscriptions() {
        let pace = Pace::default();
        let id = |text: &str| Id::parse(text).unwrap();
        for (failures, full_s) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1_000, 60)] {
            let full = Duration::from_secs(full_s);
            let pause = pace.pause(&id("a"), failures);
            assert!(pause >= full / 2 && pause <= full, "{failures}: {pause:?}");
            assert_eq!(pause, pace.pause(&id("a"), failures));
        }
        assert_ne!(pace.pause(&id("a"), 7), pace.pause(&id("b"), 7));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_no_endless_pause() {
        let now = "2027-03-01T08:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86400", Some(3_600)),
            ("Mon, 01 Mar 2027 08:01:30 GMT", Some(90)),
            ("Mon, 01 Mar 2027 07:00:00 GMT", Some(0)),
            ("Sun, 01 Mar 2099 08:00:00 GMT", Some(3_600)),
            ("Fri, 01 Mar 2058 08:00:00 GMT", Some(3_600)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
