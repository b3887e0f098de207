//! `date`, `dateTime`, `instant` and `time`: form, days that exist, precision and zone.
//!
//! Days are those of the Gregorian calendar, also before it was made. A leap second is a second;
//! 24:00 is not a time.

use super::report::{ValueReport, refuse, warn};
use crate::validation::findings::quoted;

/// The first plausible year: an earlier one is most often a mistake.
const PLAUSIBLE_YEAR_MIN: u16 = 1800;

/// The precision of a date.
#[derive(PartialEq, Eq)]
enum DatePrecision {
    Date,
    Day,
    Instant,
}

/// Checks text that is not empty.
pub(super) fn check(type_name: &str, text: &str, report: &mut ValueReport<'_>) {
    if type_name == "time" {
        let mut rest = UnreadText(text.as_bytes());
        if rest.time().is_none() || !rest.0.is_empty() {
            refuse(
                report,
                "expected a time as 14:30:00, without a zone; found something else",
            );
        }
        return;
    }
    let expected = match (type_name, read(text)) {
        ("date", Some((_, DatePrecision::Date | DatePrecision::Day)))
        | ("dateTime", Some(_))
        | ("instant", Some((_, DatePrecision::Instant))) => {
            return check_year(text, report);
        }
        ("date", _) => {
            "a date of a day that exists, as 2027, 2027-03 or 2027-03-31, without a time"
        }
        ("instant", _) => {
            "an instant of a day that exists, with seconds and zone, as 2027-03-31T09:00:00+02:00"
        }
        _ => {
            "a date of a day that exists, as 2027, 2027-03 or 2027-03-31, or with a time, seconds \
             and zone, as 2027-03-31T09:00:00+02:00"
        }
    };
    refuse(
        report,
        &format!("expected {expected}; found {}", quoted(text)),
    );
}

fn check_year(text: &str, report: &mut ValueReport<'_>) {
    if read(text).is_some_and(|(year, _)| year < PLAUSIBLE_YEAR_MIN) {
        warn(
            report,
            &format!(
                "expected a year from {PLAUSIBLE_YEAR_MIN}, found {}",
                quoted(text)
            ),
        );
    }
}

/// Reads the year and the precision of a dateTime; none if it is not one.
fn read(text: &str) -> Option<(u16, DatePrecision)> {
    let mut rest = UnreadText(text.as_bytes());
    let year = u16::from(rest.two(99)?) * 100 + u16::from(rest.two(99)?);
    if year == 0 {
        return None;
    }
    if rest.0.is_empty() {
        return Some((year, DatePrecision::Date));
    }
    let month = rest
        .mark(b'-')
        .and_then(|()| rest.two(12))
        .filter(|month| *month > 0)?;
    if rest.0.is_empty() {
        return Some((year, DatePrecision::Date));
    }
    rest.mark(b'-')
        .and_then(|()| rest.two(days_of(year, month)))
        .filter(|day| *day > 0)?;
    if rest.0.is_empty() {
        return Some((year, DatePrecision::Day));
    }
    rest.mark(b'T')?;
    rest.time()?;
    rest.zone()?;
    rest.0.is_empty().then_some((year, DatePrecision::Instant))
}

fn days_of(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The part of a text that is still to be read.
struct UnreadText<'a>(&'a [u8]);

impl UnreadText<'_> {
    fn two(&mut self, max: u8) -> Option<u8> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = self.0 else {
            return None;
        };
        self.0 = rest;
        Some((tens - b'0') * 10 + (ones - b'0')).filter(|number| *number <= max)
    }

    fn mark(&mut self, mark: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[mark])?;
        Some(())
    }

    /// Reads hours, minutes, seconds and perhaps a fraction.
    fn time(&mut self) -> Option<()> {
        self.two(23)?;
        self.mark(b':')?;
        self.two(59)?;
        self.mark(b':')?;
        self.two(60)?;
        if self.mark(b'.').is_some() {
            let digits = self
                .0
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            self.0 = self.0.get(digits..).filter(|_| digits > 0)?;
        }
        Some(())
    }

    /// Reads `Z`, or at most fourteen hours before or after.
    fn zone(&mut self) -> Option<()> {
        if self.mark(b'Z').is_some() {
            return Some(());
        }
        self.mark(b'+').or_else(|| self.mark(b'-'))?;
        let hours = self.two(14)?;
        self.mark(b':')?;
        let minutes = self.two(59)?;
        (hours < 14 || minutes == 0).then_some(())
    }
}
