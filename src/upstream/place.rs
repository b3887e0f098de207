//! The place that a reading has reached in what a server has: the words of a bookmark. Pure.
//!
//! It belongs to exactly this reading of this upstream from this day on: another search, or another
//! `from`, begins anew.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::settings::{Reading, Upstream};

/// A place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Place {
    /// Everything up to here was read, by the clock of that server.
    pub(super) since: Option<Timestamp>,
    /// The export that is under way there: the address of its status.
    pub(super) job: Option<String>,
}

impl Place {
    /// Returns the name of the bookmark.
    pub(super) fn bookmark(upstream: &Upstream, reading: &Reading) -> String {
        let begins = upstream
            .from
            .map_or_else(String::new, |from| from.to_string());
        let text = format!("{} {} {begins}", upstream.base_text(), reading.words());
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

    /// Moves the place on to that instant, never back.
    pub(super) fn move_to(&mut self, instant: Option<Timestamp>) {
        self.since = self.since.max(instant);
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
        place.move_to(Some(at));
        place.move_to(None);
        place.move_to("2026-01-01T00:00:00Z".parse().ok());
        place.job = Some("https://x/1".to_owned());
        assert_eq!(Place::read(&place.words(&reading)), place);
        let read_from = place.reads_from(Duration::from_secs(60), None);
        assert_eq!(read_from, "2027-03-01T07:59:00Z".parse().ok());
        for broken in ["", "{}", "[]", "{\"since\": 7}"] {
            assert_eq!(Place::read(broken), Place::default(), "{broken}");
        }
    }
}
