//! The diagnoses, plans, postponements and deaths that count (deadline-rules, sections 3 and 4).

use frist::deadlines::{Rules, derive};
use frist::fhir::names;
use serde_json::{Value, json};

use super::{check, check_by, edited, person, rights, ydernummer};
use crate::support::deadline_cases;
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec};

#[test]
fn only_a_confirmed_diagnosis_counts_and_its_clinical_status_plays_no_part() {
    for (verification, counts) in [
        ("confirmed", true),
        ("provisional", false),
        ("differential", false),
        ("unconfirmed", false),
        ("refuted", false),
    ] {
        let condition = edited(
            condition("c", "J44", "2027-03-01"),
            "verificationStatus",
            concept(names::CONDITION_VER_STATUS, verification),
        );
        let condition = edited(
            condition,
            "clinicalStatus",
            concept(
                "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "resolved",
            ),
        );
        assert_eq!(
            rights(&person(&[condition]), "2027-03-01").clocks.len(),
            usize::from(counts),
            "{verification}"
        );
    }
}

/// Checks the status of the first clock of a person with a diagnosis and these resources.
fn check_plan(name: &str, more: Vec<Value>, status: &str) {
    let mut resources = person(&[condition("c", "J44", "2027-03-01")]);
    for resource in more {
        resources.retain(|other| {
            (&other["resourceType"], &other["id"]) != (&resource["resourceType"], &resource["id"])
        });
        resources.push(resource);
    }
    let found = rights(&resources, "2027-03-12").clocks[0].business_status;
    assert_eq!(found.code(), status, "{name}");
}

#[test]
fn a_plan_counts_if_it_was_drawn_up_by_a_general_practice() {
    let made_by = |author: Value| edited(plan("q", &["c"], "2027-03-10"), "author", author);
    let late_yder = organization("gp", &[("urn:oid:1.2.208.176.1.1", "61741000016007")]);
    for (name, more, status) in [
        (
            "by the practice",
            vec![plan("q", &["c"], "2027-03-10")],
            "met",
        ),
        (
            "by the hospital",
            vec![made_by(reference("Organization/hospital"))],
            "running",
        ),
        (
            "by an organization that is not stored",
            vec![made_by(reference("Organization/other"))],
            "running",
        ),
        (
            "by a logical reference",
            vec![made_by(ydernummer(names::YDERNUMMER, "999999"))],
            "met",
        ),
        (
            "by the mistyped system",
            vec![made_by(ydernummer(names::YDERNUMMER_TYPO, "999999"))],
            "met",
        ),
        (
            "by another logical reference",
            vec![made_by(ydernummer("urn:oid:1.2.208.176.1.1", "1"))],
            "running",
        ),
        (
            "before the practice got its ydernummer",
            vec![plan("q", &["c"], "2027-03-10"), late_yder],
            "running",
        ),
    ] {
        check_plan(name, more, status);
    }
}

#[test]
fn a_plan_counts_if_it_was_drawn_up_by_a_role_at_a_general_practice() {
    let made_by = |author: Value| edited(plan("q", &["c"], "2027-03-10"), "author", author);
    for (name, more, status) in [
        (
            "by a role",
            vec![
                made_by(reference("PractitionerRole/r")),
                role(reference("Organization/gp")),
            ],
            "met",
        ),
        (
            "by a role of a logical practice",
            vec![
                made_by(reference("PractitionerRole/r")),
                role(ydernummer(names::YDERNUMMER, "1")),
            ],
            "met",
        ),
        (
            "by a role of a role",
            vec![
                made_by(reference("PractitionerRole/r")),
                role(reference("PractitionerRole/r")),
            ],
            "running",
        ),
        (
            "by a role of the hospital",
            vec![
                made_by(reference("PractitionerRole/r")),
                role(reference("Organization/hospital")),
            ],
            "running",
        ),
        (
            "by a role that is not stored",
            vec![made_by(reference("PractitionerRole/r"))],
            "running",
        ),
    ] {
        check_plan(name, more, status);
    }
}

#[test]
fn a_plan_counts_by_its_status_and_why_it_ended() {
    let of_status = |status: &str| edited(plan("q", &["c"], "2027-03-10"), "status", json!(status));
    for (name, more, status) in [
        ("completed", vec![of_status("completed")], "met"),
        ("on hold", vec![of_status("on-hold")], "met"),
        ("a draft", vec![of_status("draft")], "running"),
        ("of unknown status", vec![of_status("unknown")], "running"),
        ("in error", vec![of_status("entered-in-error")], "running"),
        (
            "revoked without reason",
            vec![of_status("revoked")],
            "running",
        ),
        (
            "ended",
            vec![revoked_plan(plan("q", &["c"], "2027-03-10"), "ended")],
            "met",
        ),
        (
            "transferred",
            vec![revoked_plan(plan("q", &["c"], "2027-03-10"), "transferred")],
            "running",
        ),
        (
            "declined",
            vec![revoked_plan(
                plan("q", &["c"], "2027-03-10"),
                "patient-declined",
            )],
            "declined",
        ),
    ] {
        check_plan(name, more, status);
    }
}

#[test]
fn a_plan_counts_for_the_diagnosis_it_addresses_from_the_day_it_was_made() {
    for (name, more, status) in [
        (
            "of another category",
            vec![edited(
                plan("q", &["c"], "2027-03-10"),
                "category",
                json!([]),
            )],
            "running",
        ),
        (
            "for another diagnosis",
            vec![plan("q", &["other"], "2027-03-10")],
            "running",
        ),
        ("later", vec![plan("q", &["c"], "2027-03-13")], "running"),
        (
            "before the diagnosis",
            vec![plan("q", &["c"], "2027-02-10")],
            "met",
        ),
    ] {
        check_plan(name, more, status);
    }
}

#[test]
fn a_stop_is_never_before_the_start_and_is_by_the_earliest_plan() {
    let resources = person(&[
        condition("c", "J44", "2027-03-01"),
        plan("q2", &["c"], "2027-02-10"),
        plan("q1", &["c"], "2027-02-10"),
        plan("q0", &["c"], "2027-02-11"),
    ]);
    let stop = rights(&resources, "2027-03-12").clocks[0]
        .stop
        .clone()
        .unwrap();
    assert_eq!(
        (stop.date.to_string(), stop.by.to_string()),
        ("2027-03-01".to_owned(), "CarePlan/q1".to_owned())
    );
}

#[test]
fn an_open_postponement_covers_until_today_and_until_the_stop() {
    let open = postponed(
        condition("c", "J44", "2027-03-01"),
        "2027-03-06",
        None,
        "clinical",
    );
    let dates = |resources: &[Value], day: &str| {
        let clock = rights(resources, day).clocks[0].clone();
        (clock.net_due.to_string(), clock.business_status.code())
    };
    let running = person(std::slice::from_ref(&open));
    assert_eq!(
        dates(&running, "2027-03-05"),
        ("2027-03-31".to_owned(), "running")
    );
    assert_eq!(
        dates(&running, "2027-03-06"),
        ("2027-04-01".to_owned(), "postponed-clinical")
    );
    assert_eq!(
        dates(&running, "2027-03-10"),
        ("2027-04-05".to_owned(), "postponed-clinical")
    );
    let stopped = person(&[open.clone(), plan("q", &["c"], "2027-03-08")]);
    assert_eq!(
        dates(&stopped, "2027-06-10"),
        ("2027-04-03".to_owned(), "met")
    );
    let both = person(&[postponed(open, "2027-03-07", Some("2027-03-09"), "patient")]);
    assert_eq!(
        dates(&both, "2027-03-08"),
        ("2027-04-03".to_owned(), "postponed-patient")
    );
    assert_eq!(
        dates(&both, "2027-03-09"),
        ("2027-04-04".to_owned(), "postponed-clinical")
    );
}

#[test]
fn under_deduct_postponed_days_move_the_due_date() {
    let deduct = RuleSpec {
        right: "treatment-plan",
        days: 30,
        pause: "deduct",
        ..COPD_START
    };
    let rules = Rules::from_plan_definitions([&deduct.plan_definition()]).unwrap();
    let resources = person(&[postponed(
        condition("c", "J44", "2027-03-01"),
        "2027-03-06",
        Some("2027-03-16"),
        "patient",
    )]);
    check_by(
        &rules,
        &resources,
        "2027-03-05",
        &["treatment-plan copd c 2027-03-01..2027-03-31 requested/running"],
    );
    check_by(
        &rules,
        &resources,
        "2027-03-06",
        &["treatment-plan copd c 2027-03-01..2027-04-10 on-hold/postponed-patient"],
    );
    check_by(
        &rules,
        &resources,
        "2027-04-10",
        &["treatment-plan copd c 2027-03-01..2027-04-10 requested/due-soon"],
    );
    check_by(
        &rules,
        &resources,
        "2027-04-11",
        &["treatment-plan copd c 2027-03-01..2027-04-10 requested/overdue"],
    );
}

#[test]
fn a_death_without_a_date_counts_for_every_day() {
    let mut resources = person(&[condition("c", "J44", "2027-03-01")]);
    resources[0]["deceasedBoolean"] = json!(true);
    check(
        &resources,
        "2027-03-01",
        &["treatment-plan copd c 2027-03-01..2027-03-31 cancelled/void"],
    );
    resources.push(plan("q", &["c"], "2027-03-10"));
    check(
        &resources,
        "2027-03-10",
        &["treatment-plan copd c 2027-03-01..2027-03-31 completed/met"],
    );
}

#[test]
fn what_cannot_be_read_is_not_counted_and_never_fails() {
    let whole = person(&[
        postponed(
            condition("c", "J44", "2027-03-01"),
            "2027-03-05",
            Some("2027-03-09"),
            "patient",
        ),
        plan("q", &["c"], "2027-03-10"),
        replacing(
            postponed(
                referral("s", "c", "2027-03-01"),
                "2027-03-02",
                None,
                "clinical",
            ),
            "s0",
        ),
        encounter("e", "s", "2027-03-05"),
    ]);
    let mut broken = 0;
    for at in 0..whole.len() {
        let members: Vec<String> = whole[at].as_object().unwrap().keys().cloned().collect();
        for member in members
            .iter()
            .filter(|member| *member != "resourceType" && *member != "id")
        {
            for wrong in [
                Value::Null,
                json!(7),
                json!("2027"),
                json!([[]]),
                json!({ "coding": 1, "reference": [], "start": "2027-02-31" }),
            ] {
                let mut resources = whole.clone();
                resources[at][member] = wrong;
                let rights = derive(
                    &deadline_cases::facts("p", &resources),
                    Rules::shipped(),
                    "2027-04-01".parse().unwrap(),
                );
                assert!(rights.clocks.len() <= 2);
                broken += 1;
            }
        }
    }
    assert!(broken > 200);
    check(
        &person(&[condition("c", "J44", "2027-03")]),
        "2027-04-01",
        &[],
    );
}
