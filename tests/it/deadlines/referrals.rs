//! Referrals, the chains they form, and the offers that start (deadline-rules, sections 3 and 4).

use frist::deadlines::Rules;
use frist::fhir::names;
use serde_json::{Value, json};

use super::{check, check_by, edited, old_copd, person, rights};
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec};

#[test]
fn referrals_joined_by_replaces_are_one_through_drafts_and_unknown_ones() {
    let draft = edited(
        replacing(referral("s2", "c", "2027-03-03"), "gone"),
        "status",
        json!("draft"),
    );
    let both = replacing(referral("s3", "c", "2027-03-05"), "s2");
    let also = replacing(referral("s1", "c", "2027-03-02"), "gone");
    let alone = referral("s4", "c", "2027-03-04");
    check(
        &person(&[old_copd(), draft, both, also, alone]),
        "2027-03-06",
        &[
            "prevention-start copd s3 2027-03-02..2027-03-23 requested/running",
            "prevention-start copd s4 2027-03-04..2027-03-25 requested/running",
        ],
    );
}

#[test]
fn of_referrals_of_one_day_the_smaller_id_is_the_root_and_the_larger_the_head() {
    let chain = |date: &str| {
        person(&[
            old_copd(),
            referral("s1", "c", "2027-03-01"),
            replacing(referral("s2", "c", date), "s1"),
        ])
    };
    check(
        &chain("2027-03-01"),
        "2027-03-01",
        &["prevention-start copd s2 2027-03-01..2027-03-22 requested/running"],
    );
    let task_ids = |resources: &[Value]| {
        rights(resources, "2027-03-05")
            .clocks
            .iter()
            .map(|clock| clock.task_id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        task_ids(&chain("2027-03-01")),
        task_ids(&chain("2027-03-02")),
        "the root is s1 in both"
    );
}

#[test]
fn the_head_says_whether_the_referral_stands() {
    for (reason, expected) in [
        ("patient-declined", "cancelled/declined"),
        ("no-longer-needed", "cancelled/void"),
    ] {
        let gone = revoked_referral(referral("s", "c", "2027-03-01"), reason);
        check(
            &person(&[old_copd(), gone.clone()]),
            "2027-03-05",
            &[&format!(
                "prevention-start copd s 2027-03-01..2027-03-22 {expected}"
            )],
        );
        let again = replacing(referral("s2", "c", "2027-03-04"), "s");
        check(
            &person(&[old_copd(), gone, again]),
            "2027-03-05",
            &["prevention-start copd s2 2027-03-01..2027-03-22 requested/running"],
        );
    }
}

#[test]
fn a_referral_counts_if_the_root_was_made_by_a_general_practice() {
    let by_hospital = edited(
        referral("s1", "c", "2027-03-01"),
        "requester",
        reference("Organization/hospital"),
    );
    let by_gp = replacing(referral("s2", "c", "2027-03-03"), "s1");
    check(
        &person(&[old_copd(), by_hospital, by_gp]),
        "2027-03-05",
        &[],
    );
}

#[test]
fn the_group_of_a_referral_with_the_fewest_days_is_used() {
    let fewer = RuleSpec {
        group: "type-2-diabetes",
        version: "2028.1",
        start: "2028-02-01",
        days: 14,
        ..COPD_START
    };
    let rules = Rules::from_plan_definitions([&fewer.plan_definition()]).unwrap();
    let rules = Rules::shipped().clone().with(rules);
    let mut both = referral("s", "c", "2028-03-01");
    both["reasonCode"] = json!([concept("http://hl7.org/fhir/sid/icd-10", "E11.9")]);
    let resources = person(&[old_copd(), both]);
    check_by(
        &rules,
        &resources,
        "2028-03-01",
        &["prevention-start type-2-diabetes s 2028-03-01..2028-03-15 requested/running"],
    );
    check(
        &resources,
        "2028-03-01",
        &["prevention-start copd s 2028-03-01..2028-03-22 requested/running"],
    );
    let mut early = resources.clone();
    early[4]["authoredOn"] = json!("2027-03-01");
    check_by(
        &rules,
        &early,
        "2027-03-01",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/running"],
    );
}

#[test]
fn a_reason_diagnosed_after_the_referral_gives_its_group() {
    let resources = person(&[
        condition("c", "J44", "2027-03-09"),
        referral("s", "c", "2027-03-01"),
    ]);
    check(
        &resources,
        "2027-03-02",
        &["prevention-start copd s 2027-03-01..2027-03-22 requested/running"],
    );
}

#[test]
fn an_offer_starts_with_an_encounter_that_is_not_the_clarifying_conversation() {
    let edited_encounter =
        |element: &str, value: Value| edited(encounter("e", "s", "2027-03-10"), element, value);
    for (name, encounter, expected) in [
        (
            "finished",
            encounter("e", "s", "2027-03-10"),
            "completed/met",
        ),
        (
            "in progress",
            edited_encounter("status", json!("in-progress")),
            "completed/met",
        ),
        (
            "planned",
            edited_encounter("status", json!("planned")),
            "requested/running",
        ),
        (
            "clarifying",
            edited_encounter(
                "type",
                json!([concept(
                    names::CS_PREVENTION_OFFER,
                    "clarifying-conversation"
                )]),
            ),
            "requested/running",
        ),
        (
            "of another referral",
            edited_encounter("basedOn", json!([reference("ServiceRequest/other")])),
            "requested/running",
        ),
        (
            "later",
            edited_encounter("period", json!({ "start": "2027-03-13" })),
            "requested/running",
        ),
    ] {
        let resources = person(&[old_copd(), referral("s", "c", "2027-03-01"), encounter]);
        let found = super::line(&rights(&resources, "2027-03-12").clocks[0]);
        assert_eq!(
            found,
            format!("prevention-start copd s 2027-03-01..2027-03-22 {expected}"),
            "{name}"
        );
    }
}

#[test]
fn under_offered_the_first_contact_offered_stops_the_clock() {
    let offered = RuleSpec {
        stop: "offered",
        ..COPD_START
    };
    let rules = Rules::from_plan_definitions([&offered.plan_definition()]).unwrap();
    for (element, value) in [
        ("occurrenceDateTime", json!("2027-03-25")),
        (
            "occurrencePeriod",
            json!({ "start": "2027-03-25T09:00:00Z" }),
        ),
    ] {
        let resources = person(&[
            old_copd(),
            edited(referral("s", "c", "2027-03-01"), element, value),
            encounter("e", "s", "2027-03-02"),
        ]);
        check_by(
            &rules,
            &resources,
            "2027-03-24",
            &["prevention-start copd s 2027-03-01..2027-03-22 requested/overdue"],
        );
        check_by(
            &rules,
            &resources,
            "2027-03-25",
            &["prevention-start copd s 2027-03-01..2027-03-22 completed/met-late"],
        );
    }
}
