//! FHIR dates and the calendar of Europe/Copenhagen (deadline-rules, section 2).
//!
//! The time zone data is in the binary: nothing is read from the system.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

static COPENHAGEN: LazyLock<TimeZone> = LazyLock::new(|| {
    TimeZoneDatabase::bundled()
        .get("Europe/Copenhagen")
        .expect("the bundled time zone data holds Europe/Copenhagen")
});

/// Returns the time zone of Denmark.
pub fn copenhagen() -> TimeZone {
    COPENHAGEN.clone()
}

/// Returns the calendar date in Copenhagen at that instant.
pub fn copenhagen_date(instant: Timestamp) -> Date {
    instant.to_zoned(copenhagen()).date()
}

/// Returns the instant at which that day begins in Copenhagen. The last days of the calendar (year
/// 9999) all begin at its last instant.
pub fn start_of_day(day: Date) -> Timestamp {
    day.to_zoned(copenhagen())
        .map_or(Timestamp::MAX, |start| start.timestamp())
}

/// A FHIR `date`, `dateTime` or `instant`, with the precision that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FhirDate {
    /// `2027`
    Year(i16),
    /// `2027-03`
    Month(i16, i8),
    /// `2027-03-01`
    Day(Date),
    /// `2027-03-01T09:00:00+01:00`, with the length in nanoseconds of the last written digit.
    Instant(Timestamp, i64),
}

impl FhirDate {
    /// Reads the date in the text, if it is a FHIR date or dateTime of a day that exists
    /// (<https://hl7.org/fhir/R4/datatypes.html#dateTime>).
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let digits = |range: std::ops::Range<usize>| {
            bytes
                .get(range)?
                .iter()
                .all(u8::is_ascii_digit)
                .then_some(())
        };
        digits(0..4)?;
        let year: i16 = text[..4].parse().ok().filter(|year| *year > 0)?;
        if bytes.len() == 4 {
            return Some(FhirDate::Year(year));
        }
        digits(5..7).filter(|()| bytes[4] == b'-')?;
        let month: i8 = text[5..7]
            .parse()
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        if bytes.len() == 7 {
            return Some(FhirDate::Month(year, month));
        }
        digits(8..10).filter(|()| bytes[7] == b'-')?;
        let day = Date::new(year, month, text[8..10].parse().ok()?).ok()?;
        if bytes.len() == 10 {
            return Some(FhirDate::Day(day));
        }
        parse_time(day, &text[10..])
    }

    /// Returns the calendar date in Copenhagen, if the precision reaches a day.
    pub fn date(self) -> Option<Date> {
        match self {
            FhirDate::Year(_) | FhirDate::Month(..) => None,
            FhirDate::Day(day) => Some(day),
            FhirDate::Instant(instant, _) => Some(copenhagen_date(instant)),
        }
    }

    /// Tells whether it is a `date`: a year, a month or a day, without a time.
    pub fn is_date(self) -> bool {
        !matches!(self, FhirDate::Instant(..))
    }

    /// Returns the span of time the value stands for, its first instant and the first one after it,
    /// in microseconds since 1970; a value without zone is in Copenhagen (search prefixes compare
    /// such spans).
    pub fn range_us(self) -> (i64, i64) {
        let days = |first: Date, length: Span| {
            let end = first.checked_add(length).unwrap_or(Date::MAX);
            (day_us(first), day_us(end))
        };
        match self {
            FhirDate::Year(year) => days(Date::constant(year, 1, 1), 1.year()),
            FhirDate::Month(year, month) => days(Date::constant(year, month, 1), 1.month()),
            FhirDate::Day(day) => days(day, 1.day()),
            FhirDate::Instant(instant, step_ns) => {
                let first = instant.as_microsecond();
                (first, first + (step_ns / 1_000).max(1))
            }
        }
    }
}

fn day_us(day: Date) -> i64 {
    start_of_day(day).as_microsecond()
}

/// Reads `Thh:mm:ss[.f+](Z|±hh:mm)`.
fn parse_time(day: Date, text: &str) -> Option<FhirDate> {
    let bytes = text.as_bytes();
    let two = |at: usize, max: i64| -> Option<i64> {
        let pair = bytes.get(at..at + 2)?;
        pair.iter()
            .all(u8::is_ascii_digit)
            .then(|| i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
            .filter(|n| *n <= max)
    };
    let mark = |at: usize, byte: u8| (bytes.get(at) == Some(&byte)).then_some(());
    mark(0, b'T').and(mark(3, b':')).and(mark(6, b':'))?;
    let seconds = two(1, 23)? * 3600 + two(4, 59)? * 60 + two(7, 60)?;
    let (nanos, step_ns, zone_at) = match bytes.get(9) {
        Some(b'.') => {
            let count = bytes[10..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            let nine: String = text[10..10 + count]
                .chars()
                .chain("000000000".chars())
                .take(9)
                .collect();
            let step = 10_i64.pow(9 - count.min(9) as u32);
            (count > 0).then_some(())?;
            (nine.parse::<i64>().ok()?, step, 10 + count)
        }
        _ => (0, 1_000_000_000, 9),
    };
    let offset_s = match bytes.get(zone_at)? {
        b'Z' => (bytes.len() == zone_at + 1).then_some(0)?,
        sign @ (b'+' | b'-') => {
            mark(zone_at + 3, b':')?;
            let length = two(zone_at + 1, 14)? * 3600 + two(zone_at + 4, 59)? * 60;
            (bytes.len() == zone_at + 6 && length <= 14 * 3600).then_some(())?;
            if *sign == b'+' { length } else { -length }
        }
        _ => return None,
    };
    // The last hours of the calendar (year 9999) are beyond the last instant that can be told, and
    // taken for it.
    let midnight = day
        .to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |start| start.timestamp());
    let second = midnight
        .saturating_add((seconds - offset_s).seconds())
        .ok()?;
    let instant = second.saturating_add(nanos.nanoseconds()).ok()?;
    Some(FhirDate::Instant(instant, step_ns))
}

/// Writes an instant as FHIR does, in UTC with six fraction digits: always 27 characters.
pub fn format_instant(instant: Timestamp) -> String {
    format!("{instant:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn an_instant_belongs_to_the_copenhagen_day_it_falls_on() {
        for (text, expected) in [
            ("2026-12-31T23:00:00Z", date(2027, 1, 1)),
            ("2026-12-31T22:59:59Z", date(2026, 12, 31)),
            ("2027-03-31T22:00:00Z", date(2027, 4, 1)),
            ("2027-03-31T21:59:59.999Z", date(2027, 3, 31)),
            ("2027-06-01T23:30:00-05:00", date(2027, 6, 2)),
            ("2027-06-01", date(2027, 6, 1)),
            ("9999-12-31T23:59:60.999-14:00", date(9999, 12, 30)),
            ("0001-01-01T00:00:00+14:00", date(0, 12, 31)),
        ] {
            assert_eq!(
                FhirDate::parse(text).and_then(FhirDate::date),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_a_fhir_date_is_none() {
        for text in [
            "",
            "27",
            "0000",
            "2027-13",
            "2027-02-30",
            "2027-2-3",
            "2027-03-01T09:00:00",
            "2027-03-01T09:00Z",
            "2027-03-01T24:00:00Z",
            "2027-03-01T09:00:00+15:00",
            "2027-03-01T09:00:00.Z",
            "2027-03-01 09:00:00Z",
            "2027-03-01T09:00:00Zx",
            "２０２７",
            "2027-03-01T",
        ] {
            assert_eq!(FhirDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_formatted_instant_has_always_the_same_width() {
        for us in [0, 1, 1_803_888_000_000_000, 1_803_888_000_123_456] {
            assert_eq!(
                format_instant(Timestamp::from_microsecond(us).unwrap()).len(),
                27
            );
        }
    }
}
