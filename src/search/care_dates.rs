//! The dates of the care that a resource is about, which `start` and `end` of `$everything` ask for
//! (<https://hl7.org/fhir/R4/patient-operation-everything.html>). They are not the dates at which
//! it was recorded.
//!
//! R4 leaves the choice of these dates to the server. A resource without any counts as of any time,
//! so that nothing that may matter is left out.

use serde_json::Value;

use super::date_spans::{DateSpan, date_span, outer_span};
use super::entry::{IndexEntry, IndexValue};
use crate::fhir::{ResourceType, names, view};

/// The parameter of the entries by which a server finds the resources of a person by the date of
/// the care.
pub const CARE: &str = "_care";

/// Returns the entries of a resource: at least one.
pub(super) fn entries(resource_type: ResourceType, resource: &Value) -> Vec<IndexEntry> {
    let mut spans = spans(resource_type, resource);
    if spans.is_empty() {
        spans.push((i64::MIN, i64::MAX));
    }
    // A period that ends before it starts is where it starts.
    let entry = |(from_us, until_us): DateSpan| IndexValue::Date {
        from_us,
        until_us: until_us.max(from_us.saturating_add(1)),
    };
    let mut entries: Vec<_> = spans
        .into_iter()
        .map(|span| IndexEntry::new(CARE, entry(span)))
        .collect();
    entries.sort();
    entries.dedup();
    entries
}

fn spans(resource_type: ResourceType, resource: &Value) -> Vec<DateSpan> {
    use ResourceType as T;
    let at = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| outer_span(&resource[*name]))
            .collect()
    };
    match resource_type {
        // From its onset, or else from when it was known, up to its abatement.
        T::Condition => {
            let asserted = view::extensions(resource, names::CONDITION_ASSERTED_DATE)
                .filter_map(|extension| date_span(&extension["valueDateTime"]));
            let begins: Vec<DateSpan> = at(&["onsetDateTime", "onsetPeriod", "recordedDate"]);
            let end = ["abatementDateTime", "abatementPeriod"]
                .iter()
                .find_map(|name| outer_span(&resource[*name]));
            from_first(begins.into_iter().chain(asserted), end)
        }
        // From when it was agreed up to the end of its period.
        T::CarePlan => from_first(
            at(&["period", "created"]).into_iter(),
            outer_span(&resource["period"]),
        ),
        T::ServiceRequest => at(&[
            "authoredOn",
            "occurrenceDateTime",
            "occurrencePeriod",
            "occurrenceTiming",
        ]),
        T::Encounter | T::CareTeam => at(&["period"]),
        // The time that is booked; else those that were asked for.
        T::Appointment => match date_span(&resource["start"]) {
            Some(start) => {
                let until_us = date_span(&resource["end"]).map_or(start.1, |end| end.1);
                vec![(start.0, until_us)]
            }
            None => view::items(&resource["requestedPeriod"])
                .filter_map(outer_span)
                .collect(),
        },
        T::Goal => {
            let mut dates: Vec<DateSpan> = at(&["startDate"]);
            dates.extend(
                view::items(&resource["target"]).filter_map(|target| date_span(&target["dueDate"])),
            );
            dates
        }
        T::Task => {
            let mut periods: Vec<DateSpan> = at(&["executionPeriod"]);
            periods.extend(outer_span(&resource["restriction"]["period"]));
            periods
        }
        T::Provenance => at(&["occurredDateTime", "occurredPeriod", "recorded"]),
        T::AuditEvent => at(&["period", "recorded"]),
        _ => Vec::new(),
    }
}

/// Returns the span from the first of these up to the end of that one, or without an end.
fn from_first(begins: impl Iterator<Item = DateSpan>, end: Option<DateSpan>) -> Vec<DateSpan> {
    let until_us = end.map_or(i64::MAX, |end| end.1);
    begins
        .map(|begin| begin.0)
        .min()
        .map(|from_us| (from_us, until_us))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::fhir::FhirDate;

    /// Returns an entry from the beginning of one day to the end of the other; a star is open.
    fn days(first: &str, last: &str) -> IndexEntry {
        let day = |text: &str| FhirDate::parse(text).map(FhirDate::range_us);
        let (from_us, until_us) = (
            day(first).map_or(i64::MIN, |day| day.0),
            day(last).map_or(i64::MAX, |day| day.1),
        );
        IndexEntry::new(CARE, IndexValue::Date { from_us, until_us })
    }

    fn check(cases: impl IntoIterator<Item = (ResourceType, Value, Vec<IndexEntry>)>) {
        for (resource_type, resource, expected) in cases {
            assert_eq!(
                entries(resource_type, &resource),
                expected,
                "{resource_type} {resource}"
            );
        }
    }

    fn period(start: &str, end: &str) -> Value {
        json!({ "start": start, "end": end })
    }

    #[test]
    fn a_condition_goes_from_its_onset_to_its_abatement_and_a_plan_over_its_period() {
        use ResourceType as T;
        let (day, later) = ("2027-03-01", "2027-04-30");
        check([
            (
                T::Condition,
                json!({ "recordedDate": later, "onsetDateTime": "2027-03" }),
                vec![days(day, "*")],
            ),
            (
                T::Condition,
                json!({ "recordedDate": day, "abatementDateTime": later }),
                vec![days(day, later)],
            ),
            (
                T::Condition,
                json!({ "recordedDate": later, "extension": [{ "url": names::CONDITION_ASSERTED_DATE, "valueDateTime": day }] }),
                vec![days(day, "*")],
            ),
            (
                T::Condition,
                json!({ "onsetAge": { "value": 50 } }),
                vec![days("*", "*")],
            ),
            (T::CarePlan, json!({ "created": day }), vec![days(day, "*")]),
            (
                T::CarePlan,
                json!({ "created": later, "period": period(day, later) }),
                vec![days(day, later)],
            ),
        ]);
    }

    #[test]
    fn each_type_has_its_own_dates_of_care() {
        use ResourceType as T;
        let (day, later) = ("2027-03-01", "2027-04-30");
        check([
            (
                T::Patient,
                json!({ "birthDate": day }),
                vec![days("*", "*")],
            ),
            (
                T::ServiceRequest,
                json!({ "authoredOn": day, "occurrencePeriod": { "start": later } }),
                vec![days(day, day), days(later, "*")],
            ),
            (
                T::ServiceRequest,
                json!({ "occurrenceTiming": { "event": [later, day] } }),
                vec![days(day, later)],
            ),
            (
                T::Encounter,
                json!({ "period": period(day, later) }),
                vec![days(day, later)],
            ),
            (
                T::Appointment,
                json!({ "start": "2027-03-01T09:00:00+01:00", "created": "2027-01-01" }),
                vec![days(
                    "2027-03-01T09:00:00+01:00",
                    "2027-03-01T09:00:00+01:00",
                )],
            ),
            (
                T::Appointment,
                json!({ "requestedPeriod": [period(day, later)], "created": "2027-01-01" }),
                vec![days(day, later)],
            ),
            (
                T::Goal,
                json!({ "startDate": day, "target": [{ "dueDate": later }] }),
                vec![days(day, day), days(later, later)],
            ),
            (T::CareTeam, json!({}), vec![days("*", "*")]),
            (
                T::Task,
                json!({ "executionPeriod": { "start": day }, "restriction": { "period": { "end": later } } }),
                vec![days("*", later), days(day, "*")],
            ),
            (
                T::Provenance,
                json!({ "recorded": day }),
                vec![days(day, day)],
            ),
        ]);
    }

    #[test]
    fn a_period_that_ends_before_it_starts_is_where_it_starts() {
        let IndexValue::Date { from_us, until_us } = entries(
            ResourceType::Encounter,
            &json!({ "period": { "start": "2027-03-02", "end": "2027-03-01" } }),
        )
        .remove(0)
        .value
        else {
            panic!("a date")
        };
        assert_eq!(until_us, from_us + 1);
    }
}
