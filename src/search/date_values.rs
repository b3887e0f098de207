//! From the text of a date with its prefix, as `ge2027-03` or `2027-10-31T02:30`, to typed tests
//! (<https://hl7.org/fhir/R4/search.html#date>).

use super::date_spans::{DateSpan, danish_spans};
use super::problem::Problem;
use super::query::{Prefix, Test};
use crate::fhir::FhirDate;

/// Reads a date with its prefix. About a date (`ap`) is within its own length of it: a day for a
/// day, a year for a year. The span does not depend on today, so that a page is found again
/// tomorrow. A time that comes twice in a night of October is both: each of them, or all that lies
/// between.
pub(super) fn date(name: &str, value: &str) -> Result<Vec<Test>, Problem> {
    let (prefix, date) = Prefix::split(value);
    // A `+` before the zone arrives as a blank when a client did not encode it.
    let date = date.replace(' ', "+");
    let wrong = |text: &str| Problem::Wrong(format!("{name}: {text}"));
    let spans = spans_us(&date).ok_or_else(|| {
        wrong("expected a date such as 2027-03-01, alone or after eq, ne, gt, lt, ge, le, sa, eb or ap")
    })?;
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return Err(wrong(
            "expected a time that Denmark has, found one of the hour that is left out when summer time \
             begins; send a zone with it, as +01:00",
        ));
    };
    let test = |(from_us, until_us): DateSpan| {
        let length = match prefix {
            Prefix::Ap => until_us.saturating_sub(from_us),
            _ => 0,
        };
        Test::Date {
            prefix,
            from_us: from_us.saturating_sub(length),
            until_us: until_us.saturating_add(length),
        }
    };
    Ok(match prefix {
        Prefix::Eq | Prefix::Ap => spans.into_iter().map(test).collect(),
        _ => vec![test((first.0, last.1))],
    })
}

/// Returns the spans of a date: none in the hour that Denmark's clock leaves out. In a search, unlike
/// in a resource, the time may lack its seconds, and its zone: then it is Denmark's, and has two
/// spans in the hour that comes twice.
fn spans_us(text: &str) -> Option<Vec<DateSpan>> {
    if let Some(date) = FhirDate::parse(text) {
        return Some(vec![date.range_us()]);
    }
    let (day, time) = text.split_once('T')?;
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let to_the_minute = clock.len() == "09:00".len();
    let seconds = if to_the_minute { ":00" } else { "" };
    let spans = match zone {
        "" => danish_spans(&format!("{day}T{clock}{seconds}"))?,
        zone => vec![FhirDate::parse(&format!("{day}T{clock}{seconds}{zone}"))?.range_us()],
    };
    let minute = |(from_us, _): DateSpan| (from_us, from_us + 60_000_000);
    Some(if to_the_minute {
        spans.into_iter().map(minute).collect()
    } else {
        spans
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_time_may_lack_its_seconds_and_its_zone() {
        let minute = 60_000_000;
        let at = |text: &str| FhirDate::parse(text).unwrap().range_us().0;
        let nine = at("2027-03-01T08:00:00Z");
        let (summer, winter) = (at("2027-10-31T00:30:00Z"), at("2027-10-31T01:30:00Z"));
        for (text, expected) in [
            (
                "2027-03-01T09:00:00+01:00",
                Some(vec![(nine, nine + 1_000_000)]),
            ),
            ("2027-03-01T09:00:00", Some(vec![(nine, nine + 1_000_000)])),
            (
                "2027-03-01T09:00:00.250",
                Some(vec![(nine + 250_000, nine + 251_000)]),
            ),
            ("2027-03-01T08:00Z", Some(vec![(nine, nine + minute)])),
            ("2027-03-01T09:00", Some(vec![(nine, nine + minute)])),
            (
                "2027-10-31T02:30:00",
                Some(vec![
                    (summer, summer + 1_000_000),
                    (winter, winter + 1_000_000),
                ]),
            ),
            (
                "2027-10-31T02:30",
                Some(vec![(summer, summer + minute), (winter, winter + minute)]),
            ),
            (
                "2027-10-31T02:30+01:00",
                Some(vec![(winter, winter + minute)]),
            ),
            ("2027-03-28T02:30:00", Some(vec![])),
            ("2027-03-28T02:30", Some(vec![])),
            ("2027-03-01T09", None),
            ("2027-03-01T25:00", None),
            ("2027-03-01Tæø:00", None),
        ] {
            assert_eq!(spans_us(text), expected, "{text}");
        }
    }
}
