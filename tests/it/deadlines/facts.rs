//! The facts that count (deadline-rules, sections 3 and 4).

use frist::deadlines::{Rules, TaskOwner, derive};
use frist::fhir::names;
use serde_json::{Value, json};

use super::{check, check_by, rights};
use crate::support::deadline_cases;
use crate::support::person::*;
use crate::support::rules::RuleSpec;

fn person(more: &[Value]) -> Vec<Value> {
    [&[patient(), gp(), hospital()], more].concat()
}

fn old_copd() -> Value {
    condition("c", "J44", "2019-05-01")
}

fn edited(mut resource: Value, element: &str, value: Value) -> Value {
    resource[element] = value;
    resource
}

/// Returns the Reference to the owner of the first clock.
fn owner_of(resources: &[Value]) -> Option<Value> {
    let rights = rights(resources, "2027-03-10");
    rights.clocks[0].owner.as_ref().map(TaskOwner::to_reference)
}

fn ydernummer(system: &str, value: &str) -> Value {
    json!({ "identifier": { "system": system, "value": value } })
}

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

#[test]
fn a_plan_counts_if_it_was_drawn_up_by_a_general_practice() {
    let copd = condition("c", "J44", "2027-03-01");
    let made_by = |author: Value| edited(plan("q", &["c"], "2027-03-10"), "author", author);
    let of_status = |status: &str| edited(plan("q", &["c"], "2027-03-10"), "status", json!(status));
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
        (
            "before the practice got its ydernummer",
            vec![plan("q", &["c"], "2027-03-10"), late_yder],
            "running",
        ),
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
        let mut resources = person(std::slice::from_ref(&copd));
        for resource in more {
            resources.retain(|other| {
                (&other["resourceType"], &other["id"])
                    != (&resource["resourceType"], &resource["id"])
            });
            resources.push(resource);
        }
        let found = rights(&resources, "2027-03-12").clocks[0].business_status;
        assert_eq!(found.code(), status, "{name}");
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
        right: "prevention-start",
        version: "2028.1",
        start: "2028-02-01",
        days: 14,
        warn: 7,
        pause: "tag",
        stop: "started",
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
        group: "copd",
        right: "prevention-start",
        version: "2027.1",
        start: "2027-01-01",
        days: 21,
        warn: 7,
        pause: "tag",
        stop: "offered",
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
        group: "copd",
        right: "treatment-plan",
        version: "2027.1",
        start: "2027-01-01",
        days: 30,
        warn: 7,
        pause: "deduct",
        stop: "started",
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
fn own_gp_is_verified_if_the_patient_names_the_practice_that_made_the_plan() {
    let of_role = || [reference("PractitionerRole/r")];
    for (name, practitioners, author, verified) in [
        (
            "the same organization",
            vec![reference("Organization/gp")],
            reference("Organization/gp"),
            true,
        ),
        (
            "its ydernummer",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER, "077410"),
            true,
        ),
        (
            "its ydernummer, without zero and mistyped",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER_TYPO, "77410"),
            true,
        ),
        (
            "two logical references",
            vec![ydernummer(names::YDERNUMMER, "1")],
            ydernummer(names::YDERNUMMER, "01"),
            true,
        ),
        (
            "its SOR code",
            vec![ydernummer("urn:oid:1.2.208.176.1.1", "61741000016007")],
            reference("Organization/gp"),
            true,
        ),
        (
            "a role there",
            of_role().to_vec(),
            reference("Organization/gp"),
            true,
        ),
        (
            "made by a role there",
            vec![reference("Organization/gp")],
            reference("PractitionerRole/r"),
            true,
        ),
        (
            "the second one named",
            vec![
                reference("Organization/hospital"),
                reference("Organization/gp"),
            ],
            reference("Organization/gp"),
            true,
        ),
        (
            "another practice",
            vec![reference("Organization/gp")],
            ydernummer(names::YDERNUMMER, "177410"),
            false,
        ),
        ("nobody named", vec![], reference("Organization/gp"), false),
        (
            "a practitioner",
            vec![reference("Practitioner/x")],
            reference("Organization/gp"),
            false,
        ),
    ] {
        let mut resources = person(&[
            condition("c", "J44", "2027-03-01"),
            role(reference("Organization/gp")),
        ]);
        resources[0]["generalPractitioner"] = json!(practitioners);
        resources.push(edited(
            plan("q", &["c"], "2027-03-10"),
            "author",
            author.clone(),
        ));
        let clock = rights(&resources, "2027-03-10").clocks[0].clone();
        assert_eq!(
            (clock.own_gp_verified, clock.business_status.code()),
            (verified, "met"),
            "{name}"
        );
        assert!(
            !rights(&resources, "2027-03-09").clocks[0].own_gp_verified,
            "{name}: before there is a plan"
        );

        let request = edited(referral("s", "c", "2027-03-01"), "requester", author);
        *resources.last_mut().unwrap() = request;
        assert_eq!(
            rights(&resources, "2027-03-10").clocks[0].own_gp_verified,
            verified,
            "{name}: referral"
        );
    }
}

#[test]
fn the_owner_is_the_practice_the_patient_names_else_who_recorded_the_diagnosis() {
    let named = |address: &str, display: &str| json!({ "reference": address, "display": display });
    let cpr = json!({ "reference": "Organization/x", "identifier": { "system": names::CPR, "value": "0405440001" } });
    let written = json!({ "reference": "Organization/x", "identifier": { "system": "urn:s", "value": "v", "assigner": { "display": "A" } } });
    for (name, practitioners, owner) in [
        (
            "the first practice",
            vec![
                reference("Practitioner/x"),
                named("Organization/gp", "Læge"),
            ],
            Some(reference("Organization/gp")),
        ),
        (
            "else the first",
            vec![
                named("Practitioner/x", "Læge"),
                reference("Organization/hospital"),
            ],
            Some(reference("Practitioner/x")),
        ),
        (
            "a role's organization",
            vec![reference("PractitionerRole/r")],
            Some(reference("Organization/gp")),
        ),
        (
            "by ydernummer",
            vec![ydernummer(names::YDERNUMMER, "1")],
            Some(ydernummer(names::YDERNUMMER, "1")),
        ),
        (
            "without a CPR number",
            vec![cpr],
            Some(reference("Organization/x")),
        ),
        (
            "with its identifier",
            vec![written],
            Some(
                json!({ "reference": "Organization/x", "identifier": { "system": "urn:s", "value": "v" } }),
            ),
        ),
        (
            "the recorder",
            vec![json!({ "display": "Læge" })],
            Some(reference("Practitioner/recorder")),
        ),
    ] {
        let mut resources = person(&[
            condition("c", "J44", "2027-03-01"),
            role(reference("Organization/gp")),
        ]);
        resources[0]["generalPractitioner"] = json!(practitioners);
        resources[3]["recorder"] = reference("Practitioner/recorder");
        resources[3]["asserter"] = reference("Practitioner/asserter");
        assert_eq!(owner_of(&resources), owner, "{name}");
    }
    let mut nobody = person(&[edited(
        condition("c", "J44", "2027-03-01"),
        "asserter",
        reference("Practitioner/asserter"),
    )]);
    nobody[0]["generalPractitioner"] = json!([]);
    assert_eq!(owner_of(&nobody), Some(reference("Practitioner/asserter")));
    nobody[3]["asserter"] = Value::Null;
    assert_eq!(owner_of(&nobody), None);
    let resources = person(&[
        old_copd(),
        referral("s1", "c", "2027-03-01"),
        replacing(referral("s2", "c", "2027-03-02"), "s1"),
    ]);
    let mut moved = resources.clone();
    moved[5]["performer"] = json!([
        reference("Organization/municipality"),
        reference("Organization/region")
    ]);
    assert_eq!(owner_of(&resources), Some(reference("Organization/region")));
    assert_eq!(
        owner_of(&moved),
        Some(reference("Organization/municipality")),
        "the head's first performer"
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
