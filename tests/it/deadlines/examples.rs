//! The worked examples of deadline-rules, section 8: one test for each row.

use frist::deadlines::Rules;
use frist::fhir::{FhirDate, start_of_day};
use serde_json::{Value, json};

use super::{check, check_by, person, rights};
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec, START_IN_14_DAYS};

/// Returns the due date of the only clock on its first day, and the instant from which it is
/// overdue.
fn due_and_overdue_from(icd10: &str, recorded: &str) -> (String, String) {
    let resources = person(&[condition("c", icd10, recorded)]);
    let first = FhirDate::parse(recorded).and_then(FhirDate::date).unwrap();
    let clock = &rights(&resources, &first.to_string()).clocks[0];
    let due = clock.due.to_string();
    check(
        &resources,
        &due,
        &[&format!(
            "treatment-plan {} c {first}..{due} requested/due-soon",
            clock.group
        )],
    );
    let overdue = rights(&resources, &due).next_change.unwrap();
    check(
        &resources,
        &overdue.to_string(),
        &[&format!(
            "treatment-plan {} c {first}..{due} requested/overdue",
            clock.group
        )],
    );
    (due, start_of_day(overdue).to_string())
}

fn pair(due: &str, overdue_from: &str) -> (String, String) {
    (due.to_owned(), overdue_from.to_owned())
}

#[test]
fn example_1_a_due_sunday_stays_and_overdue_begins_at_midnight() {
    assert_eq!(
        due_and_overdue_from("J44", "2027-01-01"),
        pair("2027-01-31", "2027-01-31T23:00:00Z")
    );
}

#[test]
fn example_2_spring_daylight_saving_in_between() {
    assert_eq!(
        due_and_overdue_from("J44", "2027-03-01"),
        pair("2027-03-31", "2027-03-31T22:00:00Z")
    );
}

#[test]
fn example_3_autumn_daylight_saving_in_between() {
    assert_eq!(
        due_and_overdue_from("J44", "2027-10-15"),
        pair("2027-11-14", "2027-11-14T23:00:00Z")
    );
}

#[test]
fn example_4_february() {
    for (start, due) in [
        ("2028-01-30", "2028-02-29"),
        ("2028-01-31", "2028-03-01"),
        ("2027-01-29", "2027-02-28"),
    ] {
        assert_eq!(due_and_overdue_from("J44", start).0, due);
    }
}

#[test]
fn example_5_the_day_is_the_day_in_copenhagen() {
    for (asserted_date, expected) in [
        (
            "2026-12-31T23:00:00Z",
            vec!["treatment-plan copd c 2027-01-01..2027-01-31 requested/running"],
        ),
        ("2026-12-31T22:59:59Z", vec![]),
    ] {
        check(
            &person(&[asserted(condition("c", "J44", "2027-01-05"), asserted_date)]),
            "2027-01-05",
            &expected,
        );
    }
}

#[test]
fn example_6_a_plan_on_the_due_date_is_met_and_the_day_after_late() {
    for (created, status) in [("2027-01-31", "met"), ("2027-02-01", "met-late")] {
        let resources = person(&[
            condition("c", "J44", "2027-01-01"),
            plan("q", &["c"], created),
        ]);
        check(
            &resources,
            "2027-02-01",
            &[&format!(
                "treatment-plan copd c 2027-01-01..2027-01-31 completed/{status}"
            )],
        );
    }
}

#[test]
fn example_7_an_old_diagnosis_has_the_right_to_prevention_alone() {
    let resources = person(&[
        condition("c", "J44", "2019-05-01"),
        referral("s", "c", "2027-01-02"),
    ]);
    check(
        &resources,
        "2027-01-02",
        &["prevention-start copd s 2027-01-02..2027-01-23 requested/running"],
    );
}

#[test]
fn example_8_the_same_disease_from_two_systems_is_one_clock() {
    let by_gp = json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.31", "code": "R95" }] });
    let by_hospital =
        json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ44" }] });
    let (mut first, mut second) = (
        condition("c1", "", "2027-05-03"),
        condition("c2", "", "2027-04-20"),
    );
    (first["code"], second["code"]) = (by_gp, by_hospital);
    check(
        &person(&[first.clone()]),
        "2027-05-04",
        &["treatment-plan copd c1 2027-05-03..2027-06-02 requested/running"],
    );
    check(
        &person(&[first, second]),
        "2027-05-04",
        &["treatment-plan copd c2 2027-04-20..2027-05-20 requested/running"],
    );
}

#[test]
fn example_9_a_diagnosis_recorded_again_is_not_new() {
    check(
        &person(&[asserted(condition("c", "J44", "2027-05-10"), "2019-03-01")]),
        "2027-05-20",
        &[],
    );
}

#[test]
fn example_10_a_referral_that_was_sent_again_is_one() {
    let resources = person(&[
        condition("c", "J44", "2019-05-01"),
        revoked_referral(referral("s1", "c", "2027-03-01"), "sent-in-error"),
        replacing(referral("s2", "c", "2027-03-10"), "s1"),
    ]);
    check(
        &resources,
        "2027-03-10",
        &["prevention-start copd s2 2027-03-01..2027-03-22 requested/running"],
    );
}

#[test]
fn example_11_a_postponement_is_shown_and_under_tag_moves_nothing() {
    let resources = person(&[
        condition("c", "J44", "2019-05-01"),
        postponed(
            referral("s", "c", "2027-03-01"),
            "2027-03-05",
            Some("2027-03-15"),
            "patient",
        ),
    ]);
    check(
        &resources,
        "2027-03-14",
        &["prevention-start copd s 2027-03-01..2027-03-22 on-hold/postponed-patient"],
    );
    check(
        &resources,
        "2027-03-15",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/due-soon"],
    );
    check(
        &resources,
        "2027-03-23",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/overdue"],
    );
    let clock = &rights(&resources, "2027-03-23").clocks[0];
    assert_eq!(
        (clock.gross_due.to_string(), clock.net_due.to_string()),
        ("2027-03-22".to_owned(), "2027-04-01".to_owned())
    );
}

#[test]
fn example_12_the_rule_is_that_of_the_day_the_clock_started() {
    let rules = Rules::shipped()
        .clone()
        .with(Rules::from_plan_definitions([&START_IN_14_DAYS.plan_definition()]).unwrap());
    for (authored, due) in [("2028-12-31", "2029-01-21"), ("2029-01-01", "2029-01-15")] {
        let resources = person(&[
            condition("c", "J44", "2019-05-01"),
            referral("s", "c", authored),
        ]);
        check_by(
            &rules,
            &resources,
            authored,
            &[&format!(
                "prevention-start copd s {authored}..{due} requested/running"
            )],
        );
    }
}

#[test]
fn example_13_a_superseded_plan_counts_and_an_abandoned_one_does_not() {
    let of = |reason: &str| {
        let first = revoked_plan(plan("q1", &["c"], "2027-01-20"), reason);
        person(&[
            condition("c", "J44", "2027-01-01"),
            first,
            plan("q2", &["c"], "2027-03-01"),
        ])
    };
    check(
        &of("superseded"),
        "2027-03-05",
        &["treatment-plan copd c 2027-01-01..2027-01-31 completed/met"],
    );
    check(
        &of("abandoned"),
        "2027-02-10",
        &["treatment-plan copd c 2027-01-01..2027-01-31 requested/overdue"],
    );
}

#[test]
fn example_14_a_corrected_diagnosis_date_moves_the_same_task() {
    let before = person(&[condition("c", "J44", "2027-03-10")]);
    let after = person(&[condition("c", "J44", "2027-02-20")]);
    check(
        &before,
        "2027-03-25",
        &["treatment-plan copd c 2027-03-10..2027-04-09 requested/running"],
    );
    check(
        &after,
        "2027-03-22",
        &["treatment-plan copd c 2027-02-20..2027-03-22 requested/due-soon"],
    );
    check(
        &after,
        "2027-03-25",
        &["treatment-plan copd c 2027-02-20..2027-03-22 requested/overdue"],
    );
    let task_id = |resources: &[Value]| rights(resources, "2027-03-25").clocks[0].task_id.clone();
    assert_eq!(task_id(&before), task_id(&after));
}

#[test]
fn example_15_who_died_before_the_due_date_is_never_overdue() {
    let mut resources = person(&[condition("c", "J44", "2027-03-01")]);
    resources[0]["deceasedDateTime"] = json!("2027-03-20");
    check(
        &resources,
        "2027-03-19",
        &["treatment-plan copd c 2027-03-01..2027-03-31 requested/running"],
    );
    for day in ["2027-03-20", "2027-04-01", "2028-04-01"] {
        check(
            &resources,
            day,
            &["treatment-plan copd c 2027-03-01..2027-03-31 cancelled/void"],
        );
    }
}

#[test]
fn example_16_one_plan_meets_the_clocks_of_all_conditions_it_addresses() {
    let resources = person(&[
        condition("c1", "J44", "2028-03-01"),
        condition("c2", "E11", "2028-03-05"),
        plan("q", &["c1", "c2"], "2028-03-20"),
    ]);
    check(
        &resources,
        "2028-03-20",
        &[
            "treatment-plan copd c1 2028-03-01..2028-03-31 completed/met",
            "treatment-plan type-2-diabetes c2 2028-03-05..2028-04-04 completed/met",
        ],
    );
}

/// Returns the shipped rules with another one.
fn with_rule(rule: &RuleSpec<'_>) -> Rules {
    let rule = Rules::from_plan_definitions([&rule.plan_definition()]).unwrap();
    Rules::shipped().clone().with(rule)
}

/// Returns the forecast of the only clock.
fn forecast(resources: &[Value], day: &str) -> Option<&'static str> {
    rights(resources, day).clocks[0]
        .forecast
        .map(|forecast| forecast.code())
}

#[test]
fn example_17_a_referral_refused_for_capacity_runs_on_and_is_one_with_the_next() {
    let refused = revoked_referral(referral("s1", "c", "2027-03-01"), "refused-capacity");
    let alone = person(&[condition("c", "J44", "2019-05-01"), refused.clone()]);
    for (day, status) in [("2027-03-22", "due-soon"), ("2027-03-23", "overdue")] {
        check(
            &alone,
            day,
            &[&format!(
                "prevention-start copd s1 2027-03-01..2027-03-22 requested/{status}"
            )],
        );
    }
    let forwarded = [
        alone.clone(),
        vec![replacing(referral("s2", "c", "2027-03-10"), "s1")],
    ]
    .concat();
    check(
        &forwarded,
        "2027-03-10",
        &["prevention-start copd s2 2027-03-01..2027-03-22 requested/running"],
    );
    let task_id = |resources: &[Value]| rights(resources, "2027-03-11").clocks[0].task_id.clone();
    assert_eq!(task_id(&alone), task_id(&forwarded));
}

#[test]
fn example_18_a_referral_that_is_not_indicated_is_void() {
    let refused = revoked_referral(referral("s", "c", "2027-03-01"), "refused-not-indicated");
    check(
        &person(&[condition("c", "J44", "2019-05-01"), refused]),
        "2027-03-10",
        &["prevention-start copd s 2027-03-01..2027-03-22 cancelled/void"],
    );
}

#[test]
fn example_19_a_month_ends_on_the_last_day_and_postponed_days_are_added() {
    let month = RuleSpec {
        days: 1,
        unit: "month",
        ..COPD_START
    };
    let postponed = postponed(
        referral("s", "c", "2027-01-31"),
        "2027-02-10",
        Some("2027-02-15"),
        "patient",
    );
    let resources = person(&[condition("c", "J44", "2019-05-01"), postponed]);
    check_by(
        &with_rule(&month),
        &resources,
        "2027-02-20",
        &["prevention-start copd s 2027-01-31..2027-02-28 requested/running"],
    );
    let rules = with_rule(&month);
    let facts = crate::support::deadline_cases::facts("p", &resources);
    let clock = &frist::deadlines::derive(&facts, &rules, "2027-02-20".parse().unwrap()).clocks[0];
    assert_eq!(clock.net_due.to_string(), "2027-03-05");
}

#[test]
fn example_20_eight_working_days_over_easter() {
    let eight = RuleSpec {
        days: 8,
        unit: "working-day",
        ..COPD_START
    };
    check_by(
        &with_rule(&eight),
        &person(&[
            condition("c", "J44", "2019-05-01"),
            referral("s", "c", "2027-03-24"),
        ]),
        "2027-03-24",
        &["prevention-start copd s 2027-03-24..2027-04-08 requested/running"],
    );
}

#[test]
fn example_21_the_clock_starts_when_the_referral_is_received() {
    let rules = with_rule(&RuleSpec {
        start_on: "received",
        ..COPD_START
    });
    let resources = person(&[
        condition("c", "J44", "2019-05-01"),
        received_on(referral("s", "c", "2027-03-01"), "2027-03-05"),
    ]);
    check_by(&rules, &resources, "2027-03-04", &[]);
    check_by(
        &rules,
        &resources,
        "2027-03-05",
        &["prevention-start copd s 2027-03-05..2027-03-26 requested/running"],
    );
}

#[test]
fn example_22_a_booking_after_the_due_date_is_foreseen() {
    let booked_for = |day: &str| {
        person(&[
            condition("c", "J44", "2019-05-01"),
            referral("s", "c", "2027-03-01"),
            booking("a", "s", "2027-03-02", day),
        ])
    };
    for (day, expected) in [
        ("2027-03-24", "booked-late"),
        ("2027-03-22", "booked-in-time"),
    ] {
        let resources = booked_for(day);
        check(
            &resources,
            "2027-03-10",
            &["prevention-start copd s 2027-03-01..2027-03-22 requested/running"],
        );
        assert_eq!(forecast(&resources, "2027-03-10"), Some(expected));
    }
}

#[test]
fn example_23_a_contact_that_is_excluded_starts_nothing() {
    let rules = with_rule(&RuleSpec {
        excluded: &["VR"],
        ..COPD_START
    });
    let mut by_video = encounter("e1", "s", "2027-03-10");
    by_video["class"]["code"] = json!("VR");
    let resources = person(&[
        condition("c", "J44", "2019-05-01"),
        referral("s", "c", "2027-03-01"),
        by_video,
        encounter("e2", "s", "2027-03-25"),
    ]);
    let facts = crate::support::deadline_cases::facts("p", &resources);
    let stop = |day: &str| {
        let clocks = frist::deadlines::derive(&facts, &rules, day.parse().unwrap()).clocks;
        clocks[0].stop.as_ref().map(|stop| stop.date.to_string())
    };
    assert_eq!(stop("2027-03-24"), None);
    assert_eq!(stop("2027-03-25").as_deref(), Some("2027-03-25"));
    check_by(
        &rules,
        &resources,
        "2027-03-25",
        &["prevention-start copd s 2027-03-01..2027-03-22 completed/met-late"],
    );
    check(
        &resources,
        "2027-03-25",
        &["prevention-start copd s 2027-03-01..2027-03-22 completed/met"],
    );
}

#[test]
fn example_24_a_practice_is_known_by_its_type_in_sor() {
    let mut by_type = organization("sor", &[("urn:oid:1.2.208.176.1.1", "82741000016007")]);
    let of = |practice: &Value| {
        let mut plan = plan("q", &["c"], "2027-03-10");
        plan["author"] = reference("Organization/sor");
        person(&[condition("c", "J44", "2027-03-01"), practice.clone(), plan])
    };
    check(
        &of(&by_type),
        "2027-03-10",
        &["treatment-plan copd c 2027-03-01..2027-03-31 requested/running"],
    );
    by_type["type"] = json!([concept("http://snomed.info/sct", "394761003")]);
    check(
        &of(&by_type),
        "2027-03-10",
        &["treatment-plan copd c 2027-03-01..2027-03-31 completed/met"],
    );
}

#[test]
fn example_25_a_referral_transferred_to_another_municipality_runs_on() {
    let transferred = revoked_referral(referral("s", "c", "2027-03-01"), "transferred");
    check(
        &person(&[condition("c", "J44", "2019-05-01"), transferred]),
        "2027-03-23",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/overdue"],
    );
}

#[test]
fn example_26_a_record_of_receipt_is_no_other_referral() {
    let of = |received: &str| {
        person(&[
            condition("c", "J44", "2019-05-01"),
            referral("s", "c", "2027-03-01"),
            record(referral("r", "c", received), received),
        ])
    };
    check(
        &of("2027-03-04"),
        "2027-03-05",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/running"],
    );
    check_by(
        &with_rule(&RuleSpec {
            start_on: "received",
            ..COPD_START
        }),
        &of("2027-03-04"),
        "2027-03-05",
        &["prevention-start copd s 2027-03-04..2027-03-25 requested/running"],
    );
    check(
        &of("2027-03-20"),
        "2027-03-20",
        &[
            "prevention-start copd r 2027-03-20..2027-04-10 requested/running",
            "prevention-start copd s 2027-03-01..2027-03-22 requested/due-soon",
        ],
    );
}
