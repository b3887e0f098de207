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

/// The referrals of one day, and the head of their chain; none if it gives no right.
fn chains_of_one_day() -> Vec<(&'static str, Vec<Value>, Option<&'static str>)> {
    let day = "2027-03-01";
    let sent = |id: &str| referral(id, "c", day);
    let over = |id: &str| revoked_referral(sent(id), "superseded");
    let by = |id: &str, old: &str| replacing(sent(id), old);
    let by_hospital = |request: Value| {
        let hospital = reference("Organization/hospital");
        edited(request, "requester", hospital)
    };
    let draft = |request: Value| edited(request, "status", json!("draft"));
    let record = |request: Value| {
        let kind = json!([concept(names::CS_REFERRAL_KIND, "received-record")]);
        edited(request, "category", kind)
    };
    vec![
        (
            "the smaller id",
            vec![over("s2"), by("s1", "s2")],
            Some("s1"),
        ),
        (
            "the larger id",
            vec![over("s1"), by("s2", "s1")],
            Some("s2"),
        ),
        (
            "of three",
            vec![over("s3"), replacing(over("s1"), "s3"), by("s2", "s1")],
            Some("s2"),
        ),
        (
            "through a draft",
            vec![over("s3"), draft(by("s2", "s3")), by("s1", "s2")],
            Some("s1"),
        ),
        (
            "by a draft alone",
            vec![sent("s2"), draft(by("s1", "s2"))],
            Some("s2"),
        ),
        (
            "two replace one: the larger of them",
            vec![over("s9"), by("s1", "s9"), by("s2", "s9")],
            Some("s2"),
        ),
        (
            "each the other: the larger",
            vec![by("s1", "s2"), by("s2", "s1")],
            Some("s2"),
        ),
        ("itself", vec![by("s2", "s2"), by("s1", "s2")], Some("s1")),
        (
            "a record of its receipt replaces no referral",
            vec![sent("s2"), record(by("s1", "s2")), by("s0", "s2")],
            Some("s0"),
        ),
        (
            "forwarded by a hospital: the practice has made the root",
            vec![over("s2"), by_hospital(by("s1", "s2"))],
            Some("s1"),
        ),
        (
            "forwarded by a practice: a hospital has",
            vec![by_hospital(over("s2")), by("s1", "s2")],
            None,
        ),
    ]
}

#[test]
fn of_referrals_of_one_day_the_head_is_replaced_by_none_and_the_root_replaces_none() {
    let running = "2027-03-01..2027-03-22 requested/running";
    for (name, requests, head) in chains_of_one_day() {
        let mut resources = vec![old_copd()];
        resources.extend(requests);
        for _ in 0..resources.len() {
            resources.rotate_left(1);
            let clocks = rights(&person(&resources), "2027-03-05").clocks;
            let found: Vec<String> = clocks
                .iter()
                .map(|clock| {
                    let (status, business) = (clock.status.code(), clock.business_status.code());
                    format!(
                        "{} {}..{} {status}/{business}",
                        clock.focus.id, clock.start, clock.due
                    )
                })
                .collect();
            let expected: Vec<String> = head
                .iter()
                .map(|head| format!("{head} {running}"))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }
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
