//! The next day of change (deadline-rules, section 7): against the search day by day, for random
//! persons.

use std::collections::BTreeMap;

use frist::deadlines::{PersonFacts, Rights, Rules, derive, reconcile};
use frist::fhir::{names, start_of_day};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::deadline_cases;
use crate::support::person::*;
use crate::support::rules::RuleSpec;

const HORIZON_DAYS: i64 = 400;
const FIRST: Date = date(2028, 1, 1);

fn nth(day: i64) -> String {
    FIRST.saturating_add(day.days()).to_string()
}

/// Days on which facts happen: mostly near each other, so that they meet.
fn some_day() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -40_i64..80, 1 => -400_i64..380]
}

/// A postponement: start, length (none: open), by the patient.
type Pause = (i64, Option<i64>, bool);

fn pauses() -> impl Strategy<Value = Vec<Pause>> {
    prop::collection::vec(
        (some_day(), prop::option::of(0_i64..40), any::<bool>()),
        0..3,
    )
}

fn pausing(resource: Value, pauses: &[Pause]) -> Value {
    pauses
        .iter()
        .fold(resource, |resource, (start, length, by_patient)| {
            let end = length.map(|length| nth(start + length));
            postponed(
                resource,
                &nth(*start),
                end.as_deref(),
                if *by_patient { "patient" } else { "clinical" },
            )
        })
}

fn conditions() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        prop::sample::select(vec!["J44", "J44", "E11", "I50"]),
        some_day(),
        pauses(),
    );
    prop::collection::vec(one, 1..4).prop_map(|conditions| {
        let numbered = conditions.into_iter().enumerate();
        numbered
            .map(|(at, (code, day, pauses))| {
                pausing(condition(&format!("c{at}"), code, &nth(day)), &pauses)
            })
            .collect()
    })
}

fn plans() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec((0_usize..3, some_day(), any::<bool>()), 0..3).prop_map(|plans| {
        let numbered = plans.into_iter().enumerate();
        numbered
            .map(|(at, (addressed, day, declined))| {
                let plan = plan(&format!("q{at}"), &[&format!("c{addressed}")], &nth(day));
                if declined {
                    revoked_plan(plan, "patient-declined")
                } else {
                    plan
                }
            })
            .collect()
    })
}

fn referrals() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        0_usize..2,
        some_day(),
        prop::option::of(0_usize..4),
        prop::option::of(some_day()),
        pauses(),
        any::<bool>(),
        (
            0_u8..10,
            prop::option::of(-3_i64..10),
            prop::bool::weighted(0.3),
        ),
    );
    prop::collection::vec(one, 0..4).prop_map(|referrals| {
        let numbered = referrals.into_iter().enumerate();
        numbered
            .map(
                |(at, (reason, day, replaced, occurrence, pauses, by_practice, receipt))| {
                    let (state, received, is_record) = receipt;
                    let mut request = pausing(
                        referral(&format!("s{at}"), &format!("c{reason}"), &nth(day)),
                        &pauses,
                    );
                    if let Some(replaced) = replaced.filter(|replaced| *replaced != at) {
                        request = replacing(request, &format!("s{replaced}"));
                    }
                    if let Some(occurrence) = occurrence {
                        request["occurrenceDateTime"] = json!(nth(occurrence));
                    }
                    if !by_practice && state > 4 {
                        request["requester"] = reference("Organization/hospital");
                    }
                    if let Some(after) = received {
                        request = received_on(request, &nth(day + after));
                    }
                    if is_record {
                        let kind = concept(names::CS_REFERRAL_KIND, "received-record");
                        request["category"] = json!([kind]);
                    }
                    match state {
                        8 => revoked_referral(request, "refused-capacity"),
                        0 => revoked_referral(request, "patient-declined"),
                        1 => revoked_referral(request, "sent-in-error"),
                        2 => {
                            request["status"] = json!("draft");
                            request
                        }
                        _ => request,
                    }
                },
            )
            .collect()
    })
}

/// Encounters of a referral or of a plan, some by video.
fn encounters() -> impl Strategy<Value = Vec<Value>> {
    let one = (0_usize..6, some_day(), any::<bool>());
    prop::collection::vec(one, 0..4).prop_map(|encounters| {
        let numbered = encounters.into_iter().enumerate();
        let encounters = numbered.map(|(at, (based_on, day, by_video))| {
            let id = format!("e{at}");
            let mut encounter = if based_on < 4 {
                encounter(&id, &format!("s{based_on}"), &nth(day))
            } else {
                contact(&id, &format!("w{based_on}"), &nth(day))
            };
            if by_video {
                encounter["class"]["code"] = json!("VR");
            }
            encounter
        });
        let plans = ["w4", "w5"].into_iter().map(offer_plan);
        encounters.chain(plans).collect()
    })
}

fn bookings() -> impl Strategy<Value = Vec<Value>> {
    let one = (0_usize..4, some_day(), -30_i64..30, 0_u8..6);
    prop::collection::vec(one, 0..3).prop_map(|bookings| {
        let numbered = bookings.into_iter().enumerate();
        numbered
            .map(|(at, (based_on, day, after, state))| {
                let (created, referral) = (nth(day), format!("s{based_on}"));
                let mut booking =
                    booking(&format!("a{at}"), &referral, &created, &nth(day + after));
                if state == 0 {
                    booking["status"] = json!("noshow");
                }
                if state == 1 {
                    booking.as_object_mut().unwrap().shift_remove("created");
                }
                booking
            })
            .collect()
    })
}

fn persons() -> impl Strategy<Value = PersonFacts> {
    (
        conditions(),
        plans(),
        referrals(),
        (encounters(), bookings()),
        prop::option::weighted(0.2, some_day()),
    )
        .prop_map(
            |(conditions, plans, referrals, (encounters, bookings), death)| {
                let mut patient = patient();
                if let Some(death) = death {
                    patient["deceasedDateTime"] = json!(nth(death));
                }
                deadline_cases::facts(
                    "p",
                    &[
                        vec![patient, gp(), hospital()],
                        conditions,
                        plans,
                        referrals,
                        encounters,
                        bookings,
                    ]
                    .concat(),
                )
            },
        )
}

/// Rules from before the first fact can happen, of every policy, mode and unit.
fn some_rules() -> impl Strategy<Value = Rules> {
    let choices = (any::<bool>(), any::<bool>(), 1_u64..40, 0_u64..45);
    let more = (
        prop::sample::select(vec!["day", "day", "working-day", "month"]),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (choices, more).prop_map(|((deduct, offered, days, warn), more)| {
        let (unit, on_receipt, by_video_is_none, attributed) = more;
        let days = if unit == "month" { days % 3 + 1 } else { days };
        let of = |group, right, version, start, days| RuleSpec {
            group,
            right,
            version,
            start,
            days,
            warn,
            pause: if deduct { "deduct" } else { "tag" },
            stop: if offered { "offered" } else { "started" },
            unit,
            start_on: if on_receipt { "received" } else { "authored" },
            excluded: if by_video_is_none { &["VR"] } else { &[] },
            attribute: if attributed { "single-chain" } else { "never" },
        };
        let definitions: Vec<Value> = [
            of("copd", "treatment-plan", "1", "2020-01-01", days),
            of("copd", "prevention-start", "1", "2020-01-01", days),
            of("copd", "prevention-start", "2", "2028-01-20", 5),
            of(
                "type-2-diabetes",
                "treatment-plan",
                "1",
                "2028-01-05",
                days + 3,
            ),
            of(
                "type-2-diabetes",
                "prevention-start",
                "1",
                "2028-01-05",
                days + 3,
            ),
        ]
        .iter()
        .map(RuleSpec::plan_definition)
        .collect();
        Rules::from_plan_definitions(&definitions).unwrap()
    })
}

fn days() -> Vec<Date> {
    (-60..HORIZON_DAYS)
        .map(|day| FIRST.saturating_add(day.days()))
        .collect()
}

/// Returns the Tasks that are stored after the calendar ran on those days, and how often each was
/// written.
fn run_calendar(
    facts: &PersonFacts,
    days: impl Iterator<Item = (Date, Rights)>,
) -> BTreeMap<String, (Value, u32)> {
    let mut tasks: BTreeMap<String, (Value, u32)> = BTreeMap::new();
    for (day, rights) in days {
        let existing: Vec<Value> = tasks.values().map(|(task, _)| task.clone()).collect();
        let existing: Vec<&Value> = existing.iter().collect();
        for change in reconcile(&[(facts, &rights)], &existing, |_| false, start_of_day(day)) {
            let versions = tasks
                .get(change.id.as_str())
                .map_or(0, |(_, versions)| *versions);
            tasks.insert(change.id.to_string(), (change.content, versions + 1));
        }
    }
    tasks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_change_is_the_first_later_day_that_differs(facts in persons(), rules in some_rules()) {
        let all: Vec<(Date, Rights)> = days().into_iter().map(|day| (day, derive(&facts, &rules, day))).collect();
        for (at, (day, rights)) in all.iter().enumerate() {
            let differs = |then: &Rights| then.clocks != rights.clocks || then.not_applicable != rights.not_applicable;
            let expected = all[at..].iter().find(|(_, then)| differs(then)).map(|(day, _)| *day);
            let last = all[all.len() - 1].0;
            prop_assert_eq!(rights.next_change.filter(|change| *change <= last), expected, "on {}", day);
        }
    }

    #[test]
    fn going_from_change_to_change_writes_the_same_tasks_as_going_day_by_day(facts in persons(), rules in some_rules()) {
        let (first, last) = (days()[0], FIRST.saturating_add((HORIZON_DAYS - 1).days()));
        let day_by_day = days().into_iter().map(|day| (day, derive(&facts, &rules, day)));
        let jumping = std::iter::successors(Some((first, derive(&facts, &rules, first))), |(_, rights)| {
            let day = rights.next_change.filter(|day| *day <= last)?;
            Some((day, derive(&facts, &rules, day)))
        });
        prop_assert_eq!(run_calendar(&facts, day_by_day), run_calendar(&facts, jumping));
    }
}

#[test]
fn a_postponement_to_the_end_of_the_calendar_is_no_endless_search() {
    let far = pausing(condition("c", "J44", "2028-01-01"), &[(3, None, true)]);
    let far = postponed(far, "2028-01-03", Some("9999-12-31"), "clinical");
    let facts = deadline_cases::facts("p", &[patient(), gp(), far]);
    assert_eq!(
        derive(&facts, Rules::shipped(), date(2028, 1, 10)).next_change,
        Some(date(2028, 2, 1)),
        "overdue"
    );
    assert_eq!(
        derive(&facts, Rules::shipped(), date(2028, 2, 1)).next_change,
        None
    );
}
