//! Counting days: postponements and the due date without them (deadline-rules, sections 3 and 4).
//! Calendar dates only.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use super::words::Unit;
use super::working_days::is_working_day;
use crate::fhir::view::extensions;
use crate::fhir::{FhirDate, names};

/// The reason why a start or a plan was postponed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    Patient,
    Clinical,
}

/// A time that was postponed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Postponement {
    /// The first day it covers.
    pub start: Date,
    /// The first day it no longer covers; none while it is open.
    pub end: Option<Date>,
    pub reason: Reason,
}

impl Postponement {
    /// Reads the postponements on a Condition or ServiceRequest; one that cannot be read is not
    /// counted.
    pub(super) fn of(resource: &Value) -> Vec<Postponement> {
        extensions(resource, names::EXT_POSTPONEMENT)
            .filter_map(Postponement::read)
            .collect()
    }

    fn read(extension: &Value) -> Option<Postponement> {
        let period = &extensions(extension, "period").next()?["valuePeriod"];
        let reason = match extensions(extension, "reason").next()?["valueCode"].as_str()? {
            "patient" => Reason::Patient,
            "clinical" => Reason::Clinical,
            _ => return None,
        };
        let end = match &period["end"] {
            Value::Null => None,
            end => Some(day_of(end)?),
        };
        Some(Postponement {
            start: day_of(&period["start"])?,
            end,
            reason,
        })
    }

    /// Returns the first and last day it covers as known on `day`, for a clock that stopped on
    /// `stop`.
    pub(super) fn span(&self, day: Date, stop: Option<Date>) -> Option<(Date, Date)> {
        let last = match self.end {
            Some(end) => end.yesterday().ok()?,
            None => stop.map_or(day, |stop| stop.min(day)),
        };
        (self.start <= day && self.start <= last).then_some((self.start, last))
    }

    /// Tells whether it covers `day`, as known on that day, for a clock that has not stopped.
    pub(super) fn covers(&self, day: Date) -> bool {
        self.span(day, None)
            .is_some_and(|(first, last)| (first..=last).contains(&day))
    }

    /// Tells whether it was open on `day`.
    pub(super) fn is_open(&self, day: Date) -> bool {
        self.end.is_none() && self.start <= day
    }
}

/// Reads the calendar date in Copenhagen of a FHIR date, dateTime or instant; none if it cannot be
/// read or is less precise than a day.
pub(super) fn day_of(element: &Value) -> Option<Date> {
    FhirDate::parse(element.as_str()?)?.date()
}

/// Adds days to a day; returns the end of the calendar (year 9999) if it is beyond.
pub(super) fn plus(day: Date, days: u32) -> Date {
    day.saturating_add(i64::from(days).days())
}

/// Subtracts days from a day.
pub(super) fn minus(day: Date, days: u32) -> Date {
    day.saturating_sub(i64::from(days).days())
}

/// Counts the days from `earlier` to `later`; 0 if it is not later.
fn days_between(earlier: Date, later: Date) -> u32 {
    let hours = later.duration_since(earlier).as_hours();
    u32::try_from(hours / 24).unwrap_or(0)
}

/// Returns the day on which the count after `start` reaches `count` units, leaving out each day
/// within a span (first and last day); the end of the calendar if it is beyond. Months are counted
/// in the days that they have from `start` on.
pub(super) fn due(start: Date, count: u32, unit: Unit, spans: Vec<(Date, Date)>) -> Date {
    match unit {
        Unit::Day => counted(start, count, spans, |_| true),
        Unit::WorkingDay => counted(start, count, spans, is_working_day),
        Unit::Month => {
            let same_day = start.saturating_add(i64::from(count).months());
            counted(start, days_between(start, same_day), spans, |_| true)
        }
    }
}

/// Returns the day on which so many of the days after `start` that count have passed, leaving out
/// each day within a span.
fn counted(
    start: Date,
    count: u32,
    mut spans: Vec<(Date, Date)>,
    counts: fn(Date) -> bool,
) -> Date {
    spans.sort_unstable();
    let (mut day, mut left) = (start, count);
    for (first, last) in spans {
        while left > 0
            && let Ok(next) = day.tomorrow()
            && next < first
        {
            left -= u32::from(counts(next));
            day = next;
        }
        if left == 0 {
            return day;
        }
        day = day.max(last);
    }
    while left > 0
        && let Ok(next) = day.tomorrow()
    {
        left -= u32::from(counts(next));
        day = next;
    }
    day
}

/// Returns the first day after `day` that no span covers; none at the end of the calendar.
pub(super) fn first_free_after(day: Date, mut spans: Vec<(Date, Date)>) -> Option<Date> {
    spans.sort_unstable();
    let mut free = day.checked_add(1.day()).ok()?;
    for (first, last) in spans {
        if (first..=last).contains(&free) {
            free = last.checked_add(1.day()).ok()?;
        }
    }
    Some(free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn nth(day: i64) -> Date {
        date(2027, 3, 1).saturating_add(day.days())
    }

    proptest! {
        #[test]
        fn the_due_date_counts_each_day_after_start_that_counts_and_nothing_covers(
            days in 1_u32..40,
            spans in prop::collection::vec((-20_i64..60, 0_i64..30), 0..5),
            working in any::<bool>(),
        ) {
            let spans: Vec<_> = spans
                .into_iter()
                .map(|(first, length)| (nth(first), nth(first + length)))
                .collect();
            let (mut day, mut counted) = (nth(0), 0);
            while counted < days {
                day = day.tomorrow().unwrap();
                let covered = spans.iter().any(|(first, last)| (*first..=*last).contains(&day));
                counted += u32::from(!covered && (!working || is_working_day(day)));
            }
            let unit = if working { Unit::WorkingDay } else { Unit::Day };
            prop_assert_eq!(due(nth(0), days, unit, spans), day);
        }
    }

    #[test]
    fn a_month_ends_on_the_same_day_or_on_the_last_one() {
        for (start, months, expected) in [
            (date(2027, 1, 31), 1, date(2027, 2, 28)),
            (date(2028, 1, 31), 1, date(2028, 2, 29)),
            (date(2027, 2, 28), 1, date(2027, 3, 28)),
            (date(2027, 12, 15), 1, date(2028, 1, 15)),
            (date(2027, 8, 31), 3, date(2027, 11, 30)),
            (date(2027, 3, 1), 120, date(2037, 3, 1)),
        ] {
            assert_eq!(due(start, months, Unit::Month, vec![]), expected, "{start}");
        }
        let postponed = vec![(date(2027, 2, 10), date(2027, 2, 14))];
        assert_eq!(
            due(date(2027, 1, 31), 1, Unit::Month, postponed),
            date(2027, 3, 5)
        );
    }

    #[test]
    fn the_end_of_the_calendar_is_the_end() {
        for unit in Unit::ALL {
            let for_ever = vec![(nth(1), Date::MAX)];
            assert_eq!(due(nth(0), 30, *unit, for_ever), Date::MAX);
            assert_eq!(due(Date::MAX, 30, *unit, vec![]), Date::MAX);
        }
        assert_eq!(first_free_after(nth(0), vec![(nth(1), Date::MAX)]), None);
    }

    #[test]
    fn the_first_free_day_is_after_all_spans_that_touch() {
        assert_eq!(
            first_free_after(
                nth(0),
                vec![(nth(3), nth(5)), (nth(0), nth(2)), (nth(7), nth(9))]
            ),
            Some(nth(6))
        );
        assert_eq!(
            first_free_after(nth(0), vec![(nth(2), nth(5))]),
            Some(nth(1))
        );
    }
}
