//! Dates and times of partial precision, and how they compare (<http://hl7.org/fhirpath/N1/#datetime-comparison>).

mod arithmetic;
mod text;

use std::cmp::Ordering;

use jiff::Span;
use jiff::civil::Date;

pub(super) use arithmetic::Unit;

/// The kind of a value: a date, a time, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TemporalKind {
    Date,
    DateTime,
    Time,
}

/// The last part that is given. Seconds and their fractions are one precision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum TemporalPrecision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// A date, a time, or both. Parts that are not given are 1 (month, day) or 0.
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

/// The seconds by which a date without a zone may lie earlier or later.
const ZONE_SPREAD: i64 = 14 * 3_600;

impl Temporal {
    /// Returns the date of a dateTime.
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

    /// Returns the time of a dateTime.
    pub(super) fn to_time(self) -> Self {
        Temporal {
            kind: TemporalKind::Time,
            date: Date::constant(1, 1, 1),
            offset: None,
            ..self
        }
    }

    /// Returns a date as a dateTime.
    pub(super) fn to_date_time(self) -> Self {
        Temporal {
            kind: TemporalKind::DateTime,
            ..self
        }
    }

    /// Compares the order of two values; none if their precision does not decide it, or a date
    /// meets a time.
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

    /// Returns true if they are the same; none if they may be.
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

    /// Returns the first and the last second that the value can mean.
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
}
