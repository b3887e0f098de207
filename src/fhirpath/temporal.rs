//! Dates and times of partial precision, and how they compare (<http://hl7.org/fhirpath/N1/#datetime-comparison>).

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Span};

/// What a value is a point of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TemporalKind {
    Date,
    DateTime,
    Time,
}

/// The last part that is said. Seconds and their fractions are one precision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum TemporalPrecision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// A date, a time, or both. What is not said is 1 (month, day) or 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Temporal {
    pub(super) kind: TemporalKind,
    pub(super) precision: TemporalPrecision,
    date: Date,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// Digits of the fraction of a second, as they were written.
    fraction_digits: u8,
    /// Minutes east of Greenwich.
    offset: Option<i16>,
}

/// A date without a zone could be meant anywhere between these.
const ZONE_SPREAD: i64 = 14 * 3_600;

impl Temporal {
    /// Reads a literal after its `@`: `2020-01`, `2020T`, `2020-01-01T10:00Z`, `T10:00`.
    pub(super) fn literal(text: &str) -> Option<Self> {
        match text.split_once('T') {
            None => Temporal::parse(text, TemporalKind::Date),
            Some(("", _)) => Temporal::parse(text.strip_prefix('T')?, TemporalKind::Time),
            Some((date, "")) => Temporal::parse(date, TemporalKind::DateTime),
            Some(_) => Temporal::parse(text, TemporalKind::DateTime),
        }
    }

    /// Reads the text of a FHIR `date`, `dateTime`, `instant` or `time`.
    pub(super) fn parse(text: &str, kind: TemporalKind) -> Option<Self> {
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

    /// The value of `now()` in UTC.
    pub(super) fn instant(now: jiff::Timestamp) -> Option<Self> {
        let milliseconds = jiff::Timestamp::from_millisecond(now.as_millisecond()).ok()?;
        Temporal::parse(&format!("{milliseconds:.3}"), TemporalKind::DateTime)
    }

    /// The date of a dateTime.
    pub(super) fn to_date(self) -> Self {
        let nothing = Temporal {
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
            fraction_digits: 0,
            offset: None,
            ..self
        };
        Temporal {
            kind: TemporalKind::Date,
            precision: self.precision.min(TemporalPrecision::Day),
            ..nothing
        }
    }

    /// The time of a dateTime.
    pub(super) fn to_time(self) -> Self {
        Temporal {
            kind: TemporalKind::Time,
            date: Date::constant(1, 1, 1),
            offset: None,
            ..self
        }
    }

    /// The dateTime that a date is.
    pub(super) fn to_date_time(self) -> Self {
        Temporal {
            kind: TemporalKind::DateTime,
            ..self
        }
    }

    /// How two values follow each other; none if their precision does not tell, or a date meets a
    /// time.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let (left, right) = (self.in_utc(), other.in_utc());
        let common = left.precision.min(right.precision);
        let said = common as usize + 1;
        let order = left.parts()[..said].cmp(&right.parts()[..said]);
        let order = if common == TemporalPrecision::Second {
            order.then(left.nanosecond.cmp(&right.nanosecond))
        } else {
            order
        };
        (order.is_ne() || left.precision == right.precision).then_some(order)
    }

    /// True if they are the same; none if they could be but it is not said.
    pub(super) fn equal(self, other: Self) -> Option<bool> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return Some(false);
        }
        if self.offset.is_some() == other.offset.is_some() {
            return self.order(other).map(Ordering::is_eq);
        }
        let (left, right) = (self.bounds()?, other.bounds()?);
        if left.1 < right.0 || right.1 < left.0 {
            Some(false)
        } else {
            None
        }
    }

    fn parts(self) -> [i16; 6] {
        let date = self.date;
        [
            date.year(),
            date.month().into(),
            date.day().into(),
            self.hour.into(),
            self.minute.into(),
            self.second.into(),
        ]
    }

    fn seconds_of_day(self) -> i64 {
        i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }

    fn in_utc(self) -> Self {
        let Some(offset) = self.offset.filter(|offset| *offset != 0) else {
            return self;
        };
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute) - i64::from(offset);
        let (days, of_day) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
        let date = self
            .date
            .checked_add(Span::new().days(days))
            .unwrap_or(self.date);
        // Both fit: `of_day` is below 1,440.
        let small = |value: i64| i8::try_from(value).unwrap_or(0);
        Temporal {
            date,
            hour: small(of_day / 60),
            minute: small(of_day % 60),
            offset: Some(0),
            ..self
        }
    }

    /// The first and the last second that the value can mean.
    fn bounds(self) -> Option<(i64, i64)> {
        let utc = self.in_utc();
        let start = utc
            .date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_second()
            + utc.seconds_of_day();
        let length = match self.precision {
            TemporalPrecision::Year => i64::from(utc.date.days_in_year()) * 86_400,
            TemporalPrecision::Month => i64::from(utc.date.days_in_month()) * 86_400,
            TemporalPrecision::Day => 86_400,
            TemporalPrecision::Hour => 3_600,
            TemporalPrecision::Minute => 60,
            TemporalPrecision::Second => 1,
        };
        let spread = if self.offset.is_some() {
            0
        } else {
            ZONE_SPREAD
        };
        Some((start - spread, start + length - 1 + spread))
    }

    /// This value moved by so many of a unit; none if it would leave the calendar. What is not said
    /// stays unsaid.
    pub(super) fn moved(self, amount: i64, unit: Unit) -> Option<Self> {
        if self.kind == TemporalKind::Time {
            let span = unit.nanoseconds()?.checked_mul(i128::from(amount))?;
            let day = 86_400_000_000_000_i128;
            let of_day = (i128::from(self.seconds_of_day()) * 1_000_000_000
                + i128::from(self.nanosecond)
                + span)
                .rem_euclid(day);
            return self.with_time_of_day(i64::try_from(of_day).ok()?);
        }
        let months = match unit {
            Unit::Year => Some(amount.checked_mul(12)?),
            Unit::Month if self.precision == TemporalPrecision::Year => Some(amount / 12 * 12),
            Unit::Month => Some(amount),
            _ => None,
        };
        if let Some(months) = months {
            let date = self
                .date
                .checked_add(Span::new().try_months(months).ok()?)
                .ok()?;
            return Some(Temporal { date, ..self });
        }
        let nanoseconds = unit.nanoseconds()?.checked_mul(i128::from(amount))?;
        let duration = SignedDuration::from_nanos(i64::try_from(nanoseconds).ok()?);
        if self.precision <= TemporalPrecision::Day {
            let days = duration.as_secs() / 86_400;
            let days = match self.precision {
                TemporalPrecision::Year => return self.moved(days / 365, Unit::Year),
                TemporalPrecision::Month => return self.moved(days / 30, Unit::Month),
                _ => days,
            };
            let date = self
                .date
                .checked_add(Span::new().try_days(days).ok()?)
                .ok()?;
            return Some(Temporal { date, ..self });
        }
        let start = self
            .date
            .at(self.hour, self.minute, self.second.min(59), self.nanosecond);
        let moved = start.checked_add(duration).ok()?;
        let of_day = moved.duration_since(moved.date().at(0, 0, 0, 0)).as_nanos();
        Temporal {
            date: moved.date(),
            ..self
        }
        .with_time_of_day(i64::try_from(of_day).ok()?)
    }

    fn with_time_of_day(self, nanoseconds: i64) -> Option<Self> {
        let (seconds, nanosecond) = (
            nanoseconds / 1_000_000_000,
            i32::try_from(nanoseconds % 1_000_000_000).ok()?,
        );
        let small = |value: i64| i8::try_from(value).ok();
        let fraction_digits = if nanosecond == 0 {
            self.fraction_digits
        } else {
            self.fraction_digits.max(3)
        };
        let (hour, minute, second) = (
            small(seconds / 3_600)?,
            small(seconds / 60 % 60)?,
            small(seconds % 60)?,
        );
        Some(Temporal {
            hour,
            minute,
            second,
            nanosecond,
            fraction_digits,
            ..self
        })
    }
}

/// A unit of time, by its calendar name or UCUM code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Unit {
    /// The unit with this name or code; `a` and `mo` are definite durations, which a date cannot be
    /// moved by.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "year" | "years" => Unit::Year,
            "month" | "months" => Unit::Month,
            "week" | "weeks" | "wk" => Unit::Week,
            "day" | "days" | "d" => Unit::Day,
            "hour" | "hours" | "h" => Unit::Hour,
            "minute" | "minutes" | "min" => Unit::Minute,
            "second" | "seconds" | "s" => Unit::Second,
            "millisecond" | "milliseconds" | "ms" => Unit::Millisecond,
            _ => return None,
        })
    }

    /// Its length, if it is always the same.
    pub(super) fn nanoseconds(self) -> Option<i128> {
        Some(match self {
            Unit::Year | Unit::Month => return None,
            Unit::Week => 604_800_000_000_000,
            Unit::Day => 86_400_000_000_000,
            Unit::Hour => 3_600_000_000_000,
            Unit::Minute => 60_000_000_000,
            Unit::Second => 1_000_000_000,
            Unit::Millisecond => 1_000_000,
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

/// What is left to read.
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

    /// A zone, if one is there; none if it is not one.
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
