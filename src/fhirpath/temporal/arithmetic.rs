//! Moving dates and times by units of the calendar (<http://hl7.org/fhirpath/N1/#datetime-arithmetic>).

use jiff::{SignedDuration, Span};

use super::{Temporal, TemporalKind, TemporalPrecision};

impl Temporal {
    /// Moves the value by an amount of a unit; none if it would leave the calendar. Parts that are
    /// not given stay open.
    pub(in crate::fhirpath) fn moved(self, amount: i64, unit: Unit) -> Option<Self> {
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
pub(in crate::fhirpath) enum Unit {
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
    /// Returns the unit with this name or code. `a` and `mo` are definite durations, by which no
    /// date can be moved.
    pub(in crate::fhirpath) fn named(name: &str) -> Option<Self> {
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

    /// Returns the length of the unit, if it is always the same.
    pub(in crate::fhirpath) fn nanoseconds(self) -> Option<i128> {
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
