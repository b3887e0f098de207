//! FHIR dates and the calendar of Europe/Copenhagen (deadline-rules, section 2).
//!
//! The time zone data is in the binary: nothing is read from the system. Before 1970 it has Berlin's
//! clock for Copenhagen's, and `danish_clock` is asked instead.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

use super::danish_clock;

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
    danish_clock::date_at(instant).unwrap_or_else(|| instant.to_zoned(copenhagen()).date())
}

/// Returns the instant at which that day begins in Copenhagen. The last days of the calendar (year
/// 9999) all begin at its last instant.
pub fn start_of_day(day: Date) -> Timestamp {
    let start = || Some(day.to_zoned(copenhagen()).ok()?.timestamp());
    danish_clock::start_of_day(day)
        .or_else(start)
        .unwrap_or(Timestamp::MAX)
}

/// Returns the instants that a time without a zone can stand for in Denmark: two in an hour that
/// comes twice, none in one that is left out.
pub fn danish_instants(local: DateTime) -> Vec<Timestamp> {
    if let Some(instants) = danish_clock::instants(local) {
        return instants;
    }
    let at = |offset: Offset| offset.to_timestamp(local).ok();
    match copenhagen().to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset).into_iter().collect(),
        AmbiguousOffset::Fold { before, after } => {
            [before, after].into_iter().filter_map(at).collect()
        }
        AmbiguousOffset::Gap { .. } => Vec::new(),
    }
}

/// Returns what the clock showed where an instant before 1970 was written down, if its offset says
/// so.
fn own_clock(instant: Timestamp, offset_s: Option<i32>) -> Option<DateTime> {
    let offset = Offset::from_seconds(offset_s?).ok()?;
    (instant < Timestamp::UNIX_EPOCH).then(|| offset.to_datetime(instant))
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
    /// `2027-03-01T09:00:00+01:00`, with the length in nanoseconds of the last written digit, and
    /// the offset in seconds. `Z` and `-00:00` say nothing of where it was written down, and are
    /// none.
    Instant(Timestamp, i64, Option<i32>),
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

    /// Returns the calendar date in Copenhagen, if the precision reaches a day; of a dateTime before
    /// 1970 with an offset, the date that it was by that offset.
    pub fn date(self) -> Option<Date> {
        match self {
            FhirDate::Year(_) | FhirDate::Month(..) => None,
            FhirDate::Day(day) => Some(day),
            FhirDate::Instant(instant, _, offset_s) => {
                let own = own_clock(instant, offset_s);
                Some(own.map_or_else(|| copenhagen_date(instant), DateTime::date))
            }
        }
    }

    /// Tells whether it is a `date`: a year, a month or a day, without a time.
    pub fn is_date(self) -> bool {
        !matches!(self, FhirDate::Instant(..))
    }

    /// Returns the span of time the value stands for, its first instant and the first one after it,
    /// in microseconds since 1970; a value without zone is in Copenhagen (search prefixes compare
    /// such spans). One instant is one span in whatever spelling, also before 1970.
    pub fn range_us(self) -> (i64, i64) {
        let days = |first: Date, length: Span| {
            let end = first.checked_add(length).unwrap_or(Date::MAX);
            (day_us(first), day_us(end))
        };
        match self {
            FhirDate::Year(year) => days(Date::constant(year, 1, 1), 1.year()),
            FhirDate::Month(year, month) => days(Date::constant(year, month, 1), 1.month()),
            FhirDate::Day(day) => days(day, 1.day()),
            FhirDate::Instant(instant, step_ns, _) => {
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
    let offset_s: i64 = match bytes.get(zone_at)? {
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
    let is_told = matches!(&bytes[zone_at..], [b'+', ..]) || offset_s != 0;
    let told = i32::try_from(offset_s).ok().filter(|_| is_told);
    Some(FhirDate::Instant(instant, step_ns, told))
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
            ("0001-01-01T00:00:00Z", date(1, 1, 1)),
        ] {
            assert_eq!(
                FhirDate::parse(text).and_then(FhirDate::date),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn before_1970_a_date_time_is_of_the_day_of_its_own_offset() {
        // The day of a search, which compares instants, is the Danish one.
        for (text, expected, is_danish) in [
            // Copenhagen had summer time when Berlin was an hour further, and the other way round.
            ("1945-06-15T00:30:00+02:00", date(1945, 6, 15), true),
            ("1945-06-15T23:30:00+02:00", date(1945, 6, 15), true),
            ("1946-04-20T23:30:00+01:00", date(1946, 4, 20), true),
            ("1946-04-21T00:30:00+01:00", date(1946, 4, 21), true),
            ("1955-06-01T00:00:00+01:00", date(1955, 6, 1), true),
            ("1969-12-31T23:59:59.999+01:00", date(1969, 12, 31), true),
            ("1960-06-01T23:30:00-05:00", date(1960, 6, 1), false),
            ("1960-06-01T00:30:00+00:00", date(1960, 6, 1), true),
            ("1960-06-01T23:30:00+00:00", date(1960, 6, 1), false),
            ("0001-01-01T00:00:00+14:00", date(1, 1, 1), false),
            // No offset is told: midnight in Denmark, as programs write it.
            ("1955-05-31T23:00:00Z", date(1955, 6, 1), true),
            ("1955-05-31T23:00:00-00:00", date(1955, 6, 1), true),
            ("1946-07-31T22:00:00Z", date(1946, 8, 1), true),
            // From then on the data are Denmark's own.
            ("1970-01-01T00:00:00+01:00", date(1970, 1, 1), true),
            ("1970-06-01T23:30:00-05:00", date(1970, 6, 2), true),
        ] {
            let read = FhirDate::parse(text).unwrap();
            assert_eq!(read.date(), Some(expected), "{text}");
            let (from_us, until_us) = read.range_us();
            let day = FhirDate::Day(expected).range_us();
            let is_within = day.0 <= from_us && until_us <= day.1;
            assert_eq!(is_within, is_danish, "{text}");
        }
    }

    #[test]
    fn one_instant_is_one_span_in_every_spelling() {
        for spellings in [
            [
                "1955-06-01T00:00:00-05:00",
                "1955-06-01T05:00:00Z",
                "1955-06-01T06:00:00+01:00",
            ],
            [
                "1945-06-15T00:30:00+02:00",
                "1945-06-14T22:30:00Z",
                "1945-06-14T22:30:00-00:00",
            ],
            [
                "1969-12-31T23:30:00-01:00",
                "1970-01-01T00:30:00Z",
                "1970-01-01T01:30:00+01:00",
            ],
            [
                "2027-06-01T00:00:00-05:00",
                "2027-06-01T05:00:00Z",
                "2027-06-01T07:00:00+02:00",
            ],
        ] {
            let spans = spellings.map(|text| FhirDate::parse(text).unwrap().range_us());
            assert_eq!(spans, [spans[0]; 3], "{spellings:?}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_instants_and_one_that_is_left_out_none() {
        for (local, expected) in [
            ("2027-10-31T01:59:59", &["2027-10-30T23:59:59Z"][..]),
            (
                "2027-10-31T02:00:00",
                &["2027-10-31T00:00:00Z", "2027-10-31T01:00:00Z"],
            ),
            (
                "2027-10-31T02:59:59",
                &["2027-10-31T00:59:59Z", "2027-10-31T01:59:59Z"],
            ),
            ("2027-10-31T03:00:00", &["2027-10-31T02:00:00Z"]),
            ("2027-03-28T01:59:59", &["2027-03-28T00:59:59Z"]),
            ("2027-03-28T02:00:00", &[]),
            ("2027-03-28T02:59:59", &[]),
            ("2027-03-28T03:00:00", &["2027-03-28T01:00:00Z"]),
            // Berlin's hours, of which Denmark knew nothing.
            ("1946-04-14T02:30:00", &["1946-04-14T01:30:00Z"]),
            ("1946-10-07T02:30:00", &["1946-10-07T01:30:00Z"]),
        ] {
            let found: Vec<String> = danish_instants(local.parse().unwrap())
                .iter()
                .map(Timestamp::to_string)
                .collect();
            assert_eq!(found, expected, "{local}");
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
