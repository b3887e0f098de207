//! The place that a reading has reached in what a server has: the words of a bookmark. Pure.
//!
//! It belongs to exactly this reading of this upstream from this day on: another search, or another
//! `from`, begins anew.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::settings::{Ids, Reading, Upstream};

/// A place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Place {
    /// Everything up to here was read, by the clock of that server.
    pub(super) since: Option<Timestamp>,
    /// The export that is under way there: the address of its status.
    pub(super) job: Option<String>,
    /// The times that the export could not be looked at or read.
    pub(super) failures: u64,
    /// When all that there was had been read; to ten minutes.
    pub(super) whole: Option<Timestamp>,
}

impl Place {
    /// Returns the name of the bookmark.
    pub(super) fn bookmark(upstream: &Upstream, reading: &Reading) -> String {
        let begins = upstream
            .from
            .map_or_else(String::new, |from| from.to_string());
        let ids = match upstream.ids {
            Ids::Mapped => "",
            Ids::Kept => " kept",
        };
        let base = upstream.base_text();
        let text = format!("{base} {} {begins}{ids}", reading.words());
        format!(
            "upstream/{}/{:016x}",
            upstream.name,
            xxh3_64(text.as_bytes())
        )
    }

    /// Reads the words of a bookmark; what cannot be read is the beginning.
    pub(super) fn read(words: &str) -> Self {
        let value: Value = serde_json::from_str(words).unwrap_or_default();
        Place {
            since: value["since"].as_str().and_then(|text| text.parse().ok()),
            job: value["job"].as_str().map(str::to_owned),
            failures: value["failures"].as_u64().unwrap_or_default(),
            whole: value["whole"].as_str().and_then(|text| text.parse().ok()),
        }
    }

    /// Writes the words of a bookmark; the reading is told to whoever looks at the store.
    pub(super) fn words(&self, reading: &Reading) -> String {
        let mut words = json!({ "reading": reading.words() });
        if let Some(since) = self.since {
            words["since"] = Value::from(since.to_string());
        }
        if let Some(job) = &self.job {
            words["job"] = Value::from(job.as_str());
        }
        if self.failures > 0 {
            words["failures"] = Value::from(self.failures);
        }
        if let Some(whole) = self.whole {
            words["whole"] = Value::from(whole.to_string());
        }
        words.to_string()
    }

    /// Returns the instant from which the next round reads: a while before the place, in whole
    /// seconds, since not every server knows smaller ones.
    pub(super) fn reads_from(
        &self,
        overlap: Duration,
        from: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let back = SignedDuration::try_from(overlap).unwrap_or_default();
        let since = self.since.map(|since| {
            let earlier = since.checked_sub(back).unwrap_or(Timestamp::MIN);
            let whole = jiff::TimestampRound::new()
                .smallest(Unit::Second)
                .mode(jiff::RoundMode::Trunc);
            earlier.round(whole).unwrap_or(earlier)
        });
        since.max(from)
    }

    /// Moves the place on to that instant, never back, and never beyond the instant at which was
    /// asked: what a server dates later than that says nothing of what it will have.
    pub(super) fn move_to(&mut self, instant: Option<Timestamp>, asked: Timestamp) {
        self.since = self.since.max(instant.map(|instant| instant.min(asked)));
    }

    /// Takes the place back to now, if it is beyond.
    pub(super) fn not_beyond(&mut self, now: Timestamp) {
        self.since = self.since.map(|since| since.min(now));
    }

    /// Notes that all that there was at that instant had been read; true if that is worth keeping.
    pub(super) fn is_whole_at(&mut self, instant: Timestamp) -> bool {
        let is_old = self
            .whole
            .is_none_or(|whole| instant.duration_since(whole) >= SignedDuration::from_mins(10));
        if is_old {
            self.whole = Some(instant);
        }
        is_old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_reads_a_while_before_itself() {
        let reading = Reading::History(None);
        let at: Timestamp = "2027-03-01T08:00:00.75Z".parse().expect("an instant");
        let mut place = Place::default();
        assert_eq!(Place::read(&place.words(&reading)), place);
        assert_eq!(place.reads_from(Duration::ZERO, None), None);
        assert_eq!(place.reads_from(Duration::ZERO, Some(at)), Some(at));
        place.move_to(Some(at), at);
        place.move_to(None, at);
        place.move_to("2026-01-01T00:00:00Z".parse().ok(), at);
        place.move_to("2999-01-01T00:00:00Z".parse().ok(), at);
        assert_eq!(place.since, Some(at));
        assert!(place.is_whole_at(at) && !place.is_whole_at(at));
        place.failures = 2;
        place.job = Some("https://x/1".to_owned());
        assert_eq!(Place::read(&place.words(&reading)), place);
        let read_from = place.reads_from(Duration::from_secs(60), None);
        assert_eq!(read_from, "2027-03-01T07:59:00Z".parse().ok());
        for broken in ["", "{}", "[]", "{\"since\": 7}"] {
            assert_eq!(Place::read(broken), Place::default(), "{broken}");
        }
    }
}
