//! Working days: Monday to Friday and no Danish public holiday (deadline-rules, section 2). Easter
//! is computed, so that no table of years ends.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// The holidays that move with Easter Sunday, in days from it: Maundy Thursday, Good Friday, Easter
/// Sunday and Monday, Ascension Day, Whit Sunday and Monday. Great Prayer Day is none since 2024.
const FROM_EASTER: &[i64] = &[-3, -2, 0, 1, 39, 49, 50];

/// The holidays with a date of their own: month and day.
const FIXED: &[(i8, i8)] = &[(1, 1), (12, 25), (12, 26)];

/// Tells whether a day is a working day. 5 June, 24 and 31 December are.
pub(super) fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_public_holiday(day)
}

fn is_public_holiday(day: Date) -> bool {
    FIXED.contains(&(day.month(), day.day()))
        || easter_sunday(day.year()).is_some_and(|easter| {
            FROM_EASTER
                .iter()
                .any(|days| easter.saturating_add(days.days()) == day)
        })
}

/// Computes Easter Sunday of a year by the Gregorian rule (the algorithm that Meeus and Butcher
/// give, without a table).
fn easter_sunday(year: i16) -> Option<Date> {
    let of_year = i32::from(year);
    let golden = of_year.rem_euclid(19);
    let (century, in_century) = (of_year.div_euclid(100), of_year.rem_euclid(100));
    let correction = (century + 8).div_euclid(25);
    let moon_steps = (century - correction + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon_steps + 15).rem_euclid(30);
    let to_sunday = (32 + 2 * century.rem_euclid(4) + 2 * in_century.div_euclid(4)
        - epact
        - in_century.rem_euclid(4))
    .rem_euclid(7);
    let late = (golden + 11 * epact + 22 * to_sunday).div_euclid(451);
    let from_march = epact + to_sunday - 7 * late + 114;
    let month = i8::try_from(from_march.div_euclid(31)).ok()?;
    let day = i8::try_from(from_march.rem_euclid(31) + 1).ok()?;
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    #[test]
    fn easter_is_where_the_almanac_has_it() {
        for (year, month, day) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2028, 4, 16),
            (2029, 4, 1),
            (2030, 4, 21),
            (2038, 4, 25),
            (2049, 4, 18),
            (2285, 3, 22),
        ] {
            assert_eq!(easter_sunday(year), Some(date(year, month, day)));
        }
        for year in 1..=9999 {
            let easter = easter_sunday(year).unwrap();
            assert_eq!(easter.weekday(), Weekday::Sunday, "{year}");
            assert!((date(year, 3, 22)..=date(year, 4, 25)).contains(&easter));
        }
    }

    #[test]
    fn the_public_holidays_of_denmark_are_no_working_days_and_all_others_are() {
        let holidays = [
            date(2027, 1, 1),
            date(2027, 3, 25),
            date(2027, 3, 26),
            date(2027, 3, 29),
            date(2027, 5, 6),
            date(2027, 5, 17),
            date(2028, 4, 13),
            date(2028, 4, 14),
            date(2028, 4, 17),
            date(2028, 5, 25),
            date(2028, 6, 5),
            date(2028, 12, 25),
            date(2028, 12, 26),
        ];
        let mut day = date(2027, 1, 1);
        while day.year() < 2029 {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            let expected = !weekend && !holidays.contains(&day);
            assert_eq!(is_working_day(day), expected, "{day}");
            day = day.tomorrow().unwrap();
        }
        for working in [
            date(2029, 6, 5),
            date(2027, 4, 23),
            date(2027, 12, 24),
            date(2027, 12, 31),
        ] {
            assert!(is_working_day(working), "{working}");
        }
    }
}
