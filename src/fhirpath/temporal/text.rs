//! Dates and times as FHIRPath and FHIR write them.

use std::fmt;

use jiff::civil::Date;

use super::{Temporal, TemporalKind, TemporalPrecision};
use crate::fhir::copenhagen;

impl Temporal {
    /// Reads a literal after its `@`: `2020-01`, `2020T`, `2020-01-01T10:00Z`, `T10:00`.
    pub(in crate::fhirpath) fn literal(text: &str) -> Option<Self> {
        match text.split_once('T') {
            None => Temporal::parse(text, TemporalKind::Date),
            Some(("", _)) => Temporal::parse(text.strip_prefix('T')?, TemporalKind::Time),
            Some((date, "")) => Temporal::parse(date, TemporalKind::DateTime),
            Some(_) => Temporal::parse(text, TemporalKind::DateTime),
        }
    }

    /// Reads the text of a FHIR `date`, `dateTime`, `instant` or `time`.
    pub(in crate::fhirpath) fn parse(text: &str, kind: TemporalKind) -> Option<Self> {
        let mut bytes = Bytes(text.as_bytes());
        let mut value = Temporal {
            kind,
            precision: TemporalPrecision::Year,
            date: Date::constant(1, 1, 1),
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
            fraction_digits: 0,
            offset: None,
        };
        if kind == TemporalKind::Time {
            value.read_time(&mut bytes)?;
        } else {
            value.read_date(&mut bytes)?;
            if value.precision == TemporalPrecision::Day
                && kind == TemporalKind::DateTime
                && bytes.skip(b'T')
            {
                value.read_time(&mut bytes)?;
                value.offset = bytes.offset()?;
            }
        }
        bytes.0.is_empty().then_some(value)
    }

    fn read_date(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let year = bytes.number(4)?;
        let (mut month, mut day) = (1, 1);
        if bytes.skip(b'-') {
            self.precision = TemporalPrecision::Month;
            month = bytes.number(2)?;
            if bytes.skip(b'-') {
                self.precision = TemporalPrecision::Day;
                day = bytes.number(2)?;
            }
        }
        self.date = Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()?;
        Some(())
    }

    fn read_time(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        self.precision = TemporalPrecision::Hour;
        self.hour = bytes.number_below(24)?;
        if !bytes.skip(b':') {
            return Some(());
        }
        self.precision = TemporalPrecision::Minute;
        self.minute = bytes.number_below(60)?;
        if !bytes.skip(b':') {
            return Some(());
        }
        self.precision = TemporalPrecision::Second;
        self.second = bytes.number_below(61)?;
        if bytes.skip(b'.') {
            let digits = bytes
                .0
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let (fraction, rest) = bytes.0.split_at(digits);
            bytes.0 = rest;
            self.fraction_digits = u8::try_from(digits).ok().filter(|digits| *digits > 0)?;
            let nine = fraction
                .iter()
                .copied()
                .chain(std::iter::repeat(b'0'))
                .take(9);
            self.nanosecond = nine.fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
        }
        Some(())
    }

    /// Returns the value of `now()`, as a clock in Copenhagen shows it; none for an instant whose
    /// offset is not one of whole minutes.
    pub(in crate::fhirpath) fn of_clock(now: jiff::Timestamp) -> Option<Self> {
        let clock = now.to_zoned(copenhagen());
        let offset = clock.offset().seconds();
        if offset % 60 != 0 {
            return None;
        }
        Some(Temporal {
            kind: TemporalKind::DateTime,
            precision: TemporalPrecision::Second,
            date: clock.date(),
            hour: clock.hour(),
            minute: clock.minute(),
            second: clock.second(),
            nanosecond: i32::from(clock.millisecond()) * 1_000_000,
            fraction_digits: 3,
            offset: Some(i16::try_from(offset / 60).ok()?),
        })
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = self.precision;
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", self.date.year())?;
            if precision >= TemporalPrecision::Month {
                write!(f, "-{:02}", self.date.month())?;
            }
            if precision >= TemporalPrecision::Day {
                write!(f, "-{:02}", self.date.day())?;
            }
            if precision >= TemporalPrecision::Hour {
                f.write_str("T")?;
            }
        }
        if precision >= TemporalPrecision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if precision >= TemporalPrecision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if precision >= TemporalPrecision::Second {
            write!(f, ":{:02}", self.second)?;
            if self.fraction_digits > 0 {
                let digits = format!("{:09}", self.nanosecond);
                write!(
                    f,
                    ".{}",
                    &digits[..usize::from(self.fraction_digits).min(9)]
                )?;
            }
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}

/// The bytes that are left to read.
struct Bytes<'t>(&'t [u8]);

impl Bytes<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn number(&mut self, digits: usize) -> Option<u16> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |value, byte| {
            byte.is_ascii_digit()
                .then(|| value * 10 + u16::from(byte - b'0'))
        })
    }

    fn number_below(&mut self, limit: u16) -> Option<i8> {
        self.number(2)
            .filter(|number| *number < limit)
            .and_then(|number| i8::try_from(number).ok())
    }

    /// Reads a zone if there is one; none if it is malformed.
    fn offset(&mut self) -> Option<Option<i16>> {
        if self.skip(b'Z') {
            return Some(Some(0));
        }
        let sign = match self.0.first() {
            None => return Some(None),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = i16::from(self.number_below(15)?);
        let minutes = if self.skip(b':') {
            i16::from(self.number_below(60)?)
        } else {
            return None;
        };
        Some(Some(sign * (hours * 60 + minutes)))
    }
}
