//! Denmark's clock before 1970. The time zone data in the binary have Berlin's for those years;
//! Denmark's own changes are those that the tz database keeps in its file `backzone`.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// The year from which the time zone data know the clock of Copenhagen.
const ZONE_DATA_BEGIN: i16 = 1970;

/// The offset of the mean time of Copenhagen, in seconds.
const MEAN: i32 = 50 * 60 + 20;
const WINTER: i32 = 3_600;
const SUMMER: i32 = 7_200;
const OFFSETS: [i32; 3] = [SUMMER, WINTER, MEAN];

/// The changes of the clock: the second since 1970, and the offset from then on.
const CHANGES: [(i64, i32); 17] = [
    (-2_398_294_220, WINTER), // 1 January 1894, at 00:00
    (-1_692_496_800, SUMMER), // 14 May 1916, at 23:00
    (-1_680_490_800, WINTER), // 30 September 1916, at 23:00
    (-935_110_800, SUMMER),   // 15 May 1940, at 00:00
    (-857_257_200, WINTER),   // 2 November 1942, at 03:00
    (-844_556_400, SUMMER),   // 29 March 1943, at 02:00
    (-828_226_800, WINTER),   // 4 October 1943, at 03:00
    (-812_502_000, SUMMER),   // 3 April 1944, at 02:00
    (-796_777_200, WINTER),   // 2 October 1944, at 03:00
    (-781_052_400, SUMMER),   // 2 April 1945, at 02:00
    (-769_388_400, WINTER),   // 15 August 1945, at 03:00
    (-747_010_800, SUMMER),   // 1 May 1946, at 02:00
    (-736_383_600, WINTER),   // 1 September 1946, at 03:00
    (-715_215_600, SUMMER),   // 4 May 1947, at 02:00
    (-706_748_400, WINTER),   // 10 August 1947, at 03:00
    (-683_161_200, SUMMER),   // 9 May 1948, at 02:00
    (-675_298_800, WINTER),   // 8 August 1948, at 03:00
];

/// Returns the offset in seconds at an instant.
fn offset_s(instant: Timestamp) -> i32 {
    let begun = |from: i64| i128::from(from) * 1_000_000_000 <= instant.as_nanosecond();
    let changes = CHANGES.iter().rev();
    changes
        .copied()
        .find_map(|(from, offset_s)| begun(from).then_some(offset_s))
        .unwrap_or(MEAN)
}

fn at(local: DateTime, offset_s: i32) -> Option<Timestamp> {
    let offset = Offset::from_seconds(offset_s).ok()?;
    offset.to_timestamp(local).ok()
}

/// Returns the date at an instant before 1970; none of a later one.
pub(super) fn date_at(instant: Timestamp) -> Option<Date> {
    let offset = Offset::from_seconds(offset_s(instant)).ok()?;
    (instant < Timestamp::UNIX_EPOCH).then(|| offset.to_datetime(instant).date())
}

/// Returns the instants at which the clock showed a time before 1970, the first one first; none of a
/// later time.
pub(super) fn instants(local: DateTime) -> Option<Vec<Timestamp>> {
    let shown = |wanted: i32| {
        let instant = at(local, wanted)?;
        (offset_s(instant) == wanted).then_some(instant)
    };
    (local.year() < ZONE_DATA_BEGIN).then(|| OFFSETS.into_iter().filter_map(shown).collect())
}

/// Returns the instant at which a day before 1970 began; none of a later day.
pub(super) fn start_of_day(day: Date) -> Option<Timestamp> {
    let midnight = day.to_datetime(jiff::civil::Time::midnight());
    let shown = instants(midnight)?;
    // A midnight that was left out is the change of the clock.
    let left_out = || {
        let before = at(midnight, SUMMER)?.checked_sub(1.second()).ok()?;
        at(midnight, offset_s(before))
    };
    shown.first().copied().or_else(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_the_clock_is_at_its_local_time() {
        for (local, expected) in [
            ("1890-01-01T00:00:00", &["1889-12-31T23:09:40Z"][..]),
            ("1893-12-31T23:59:59", &["1893-12-31T23:09:39Z"]),
            ("1894-01-01T00:05:00", &[]),
            ("1894-01-01T00:09:40", &["1893-12-31T23:09:40Z"]),
            ("1916-05-14T22:59:59", &["1916-05-14T21:59:59Z"]),
            ("1916-05-14T23:30:00", &[]),
            ("1916-05-15T00:00:00", &["1916-05-14T22:00:00Z"]),
            (
                "1916-09-30T22:30:00",
                &["1916-09-30T20:30:00Z", "1916-09-30T21:30:00Z"],
            ),
            ("1940-05-15T00:30:00", &[]),
            ("1941-01-01T00:00:00", &["1940-12-31T22:00:00Z"]),
            (
                "1942-11-02T02:30:00",
                &["1942-11-02T00:30:00Z", "1942-11-02T01:30:00Z"],
            ),
            ("1945-06-15T00:30:00", &["1945-06-14T22:30:00Z"]),
            ("1946-04-20T23:30:00", &["1946-04-20T22:30:00Z"]),
            ("1946-05-01T02:30:00", &[]),
            ("1948-08-08T03:00:00", &["1948-08-08T02:00:00Z"]),
            ("1969-12-31T23:59:59", &["1969-12-31T22:59:59Z"]),
        ] {
            let found: Vec<String> = instants(local.parse().unwrap())
                .unwrap()
                .iter()
                .map(Timestamp::to_string)
                .collect();
            assert_eq!(found, expected, "{local}");
        }
        assert_eq!(instants("1970-01-01T00:00:00".parse().unwrap()), None);
    }

    #[test]
    fn each_day_begins_where_the_one_before_it_ends() {
        let mut day = Date::constant(1889, 12, 1);
        while day < Date::constant(1970, 1, 1) {
            let start = start_of_day(day).unwrap();
            let before = start.checked_sub(1.microsecond()).unwrap();
            assert_eq!(date_at(start), Some(day));
            assert_eq!(date_at(before), day.yesterday().ok(), "{day}");
            day = day.tomorrow().unwrap();
        }
        assert_eq!(start_of_day(day), None);
        assert_eq!(date_at(Timestamp::UNIX_EPOCH), None);
    }
}
