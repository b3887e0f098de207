//! Facts that go, change or come late: triggers that no longer count, and practices that are known
//! too late (deadline-rules, sections 3 and 5, rows 1 and 2).

use serde_json::{Value, json};

use super::stories::{coded, revoked, server, task_for, with};
use super::{business_status, live_tasks, status, stored_tasks, story};
use crate::support::facade::Facade;
use crate::support::people::{copd, encounter, patient, plan, practice, referral};

/// Makes a server with the diagnosis `c` of 2027-03-01, on that day.
fn with_diagnosis() -> Facade {
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2027-03-01"));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    facade
}

fn only_task(facade: &Facade) -> Value {
    let tasks = stored_tasks(facade, "p");
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    live_tasks(facade, "p");
    tasks.into_values().next().unwrap()
}

fn verified(condition: Value, verification: &str) -> Value {
    let system = condition["verificationStatus"]["coding"][0]["system"].clone();
    with(
        condition,
        "verificationStatus",
        json!({ "coding": [{ "system": system, "code": verification }] }),
    )
}

#[test]
fn a_diagnosis_in_error_takes_its_task_with_it_and_a_refuted_one_ends_it() {
    for (verification, expected) in [
        ("entered-in-error", "entered-in-error/void"),
        ("refuted", "cancelled/void"),
        ("provisional", "cancelled/void"),
    ] {
        let facade = with_diagnosis();
        let before = only_task(&facade);
        facade.put_ok(&verified(copd("c", "p", "2027-03-01"), verification));
        let after = only_task(&facade);
        assert_eq!(status(&after), expected, "{verification}");
        // All else says what it said when it ended, and time no longer touches it.
        for element in [
            "id",
            "focus",
            "for",
            "restriction",
            "input",
            "instantiatesCanonical",
        ] {
            assert_eq!(after[element], before[element], "{verification} {element}");
        }
        assert_eq!(facade.advance("2027-06-01T10:00:00Z"), 0);
        // Confirmed again, the clock is there again, from its own start.
        facade.put_ok(&copd("c", "p", "2027-03-01"));
        assert_eq!(status(&only_task(&facade)), "requested/overdue");
        assert_eq!(only_task(&facade)["meta"]["versionId"], "3");
    }
}

#[test]
fn a_deleted_diagnosis_takes_its_task_with_it() {
    let facade = with_diagnosis();
    assert_eq!(facade.send("DELETE", "Condition/c", &[], "").status, 204);
    assert_eq!(status(&only_task(&facade)), "entered-in-error/void");
    // What is written about the person later leaves it as it is.
    facade.put_ok(&with(patient("p"), "gender", "female".into()));
    assert_eq!(only_task(&facade)["meta"]["versionId"], "2");
    facade.put_ok(&copd("c", "p", "2027-03-01"));
    assert_eq!(status(&only_task(&facade)), "requested/running");
}

#[test]
fn an_earlier_diagnosis_that_comes_in_later_shows_that_the_person_is_not_newly_diagnosed() {
    let facade = with_diagnosis();
    facade.put_ok(&copd("old", "p", "2019-08-01"));
    assert_eq!(status(&only_task(&facade)), "cancelled/not-applicable");
    assert_eq!(only_task(&facade)["focus"]["reference"], "Condition/c");
    // It was someone else's letter.
    facade.put_ok(&verified(
        copd("old", "p", "2019-08-01"),
        "entered-in-error",
    ));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    assert_eq!(only_task(&facade)["meta"]["versionId"], "3");
}

#[test]
fn a_referral_in_error_or_deleted_takes_its_task_with_it_and_a_draft_ends_it() {
    let written = || referral("s", "p", "c", "2027-03-01");
    for (change, expected) in [
        (
            Some(with(written(), "status", "entered-in-error".into())),
            "entered-in-error/void",
        ),
        (
            Some(with(written(), "status", "draft".into())),
            "cancelled/void",
        ),
        (
            Some(revoked(written(), "patient-declined")),
            "cancelled/declined",
        ),
        (
            Some(revoked(written(), "no-longer-needed")),
            "cancelled/void",
        ),
        (None, "entered-in-error/void"),
    ] {
        let facade = server("2027-03-01T10:00:00Z");
        facade.put_ok(&copd("c", "p", "2019-05-05"));
        facade.put_ok(&written());
        match &change {
            Some(changed) => drop(facade.put_ok(changed)),
            None => assert_eq!(
                facade.send("DELETE", "ServiceRequest/s", &[], "").status,
                204
            ),
        }
        assert_eq!(status(&only_task(&facade)), expected, "{change:?}");
        facade.put_ok(&written());
        assert_eq!(status(&only_task(&facade)), "requested/running");
    }
}

#[test]
fn a_referral_whose_reason_goes_gives_no_right_any_more() {
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&referral("s", "p", "c", "2027-03-01"));
    facade.put_ok(&verified(copd("c", "p", "2019-05-05"), "refuted"));
    assert_eq!(status(&only_task(&facade)), "cancelled/not-applicable");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    assert_eq!(status(&only_task(&facade)), "requested/running");
}

#[test]
fn a_diagnosis_of_another_group_moves_to_the_task_of_that_group() {
    let facade = server("2028-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2028-03-01"));
    let of_copd = only_task(&facade);
    facade.put_ok(&coded(
        copd("c", "p", "2028-03-01"),
        "urn:oid:1.2.208.176.2.31",
        "T90",
    ));
    let live = live_tasks(&facade, "p");
    assert_eq!(
        live.iter().map(status).collect::<Vec<_>>(),
        ["requested/running"]
    );
    assert_ne!(live[0]["id"], of_copd["id"]);
    assert_eq!(
        status(&stored_tasks(&facade, "p")[of_copd["id"].as_str().unwrap()]),
        "cancelled/void"
    );
}

/// Returns the statuses of the live Tasks of a person.
fn statuses(facade: &Facade, patient: &str) -> Vec<String> {
    live_tasks(facade, patient)
        .iter()
        .map(|task| business_status(task).to_owned())
        .collect()
}

#[test]
fn a_diagnosis_that_was_filed_under_the_wrong_person_moves_to_the_right_one() {
    let facade = with_diagnosis();
    facade.put_ok(&with(
        patient("q"),
        "identifier",
        json!([{ "system": "urn:oid:1.2.208.176.1.2", "value": "0405440002" }]),
    ));
    facade.put_ok(&copd("c", "q", "2027-03-01"));
    assert_eq!(status(&only_task(&facade)), "cancelled/void");
    assert_eq!(statuses(&facade, "q"), ["running"]);
    assert!(statuses(&facade, "p").is_empty());
    // The plan still names the diagnosis, which is someone else's now: it is refused, and both
    // persons stand as they are.
    let reply = facade.put(&plan("plan", "p", "c", "2027-03-01"));
    assert_eq!(
        (reply.status.as_u16(), reply.issues()),
        (
            422,
            vec!["error business-rule CarePlan.addresses[0]".to_owned()]
        )
    );
    facade.advance("2027-04-05T10:00:00Z");
    assert_eq!(statuses(&facade, "q"), ["overdue"]);
    assert_eq!(only_task(&facade)["meta"]["versionId"], "2");
}

#[test]
fn a_referral_that_was_filed_under_the_wrong_person_takes_its_task_along() {
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&patient("q"));
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&copd("cq", "q", "2019-05-05"));
    facade.put_ok(&referral("s", "p", "c", "2027-03-01"));
    let before = only_task(&facade);
    facade.put_ok(&referral("s", "q", "cq", "2027-03-01"));
    assert!(stored_tasks(&facade, "p").is_empty());
    let moved = stored_tasks(&facade, "q");
    assert_eq!(
        moved.keys().collect::<Vec<_>>(),
        [before["id"].as_str().unwrap()]
    );
    assert_eq!(statuses(&facade, "q"), ["running"]);
    // In one transaction, deleted here and written there under another id: this one stays behind.
    let delete = json!({ "request": { "method": "DELETE", "url": "ServiceRequest/s" } });
    let put = json!({ "resource": referral("s2", "p", "c", "2027-03-01"), "request": { "method": "PUT", "url": "ServiceRequest/s2" } });
    let reply = facade
        .post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": [put, delete] }));
    assert!(reply.status.is_success(), "{}", reply.text);
    assert_eq!(
        (statuses(&facade, "p"), statuses(&facade, "q")),
        (vec!["running".to_owned()], vec![])
    );
    assert_eq!(
        status(&stored_tasks(&facade, "q")[before["id"].as_str().unwrap()]),
        "entered-in-error/void"
    );
}

#[test]
fn a_person_who_is_deleted_with_everything_leaves_tasks_in_error() {
    let facade = with_diagnosis();
    let task = only_task(&facade);
    let reply = facade.send("DELETE", "Patient/p", &[], "");
    assert_eq!(reply.status, 409, "{}", reply.text);
    let delete = |url: &str| json!({ "request": { "method": "DELETE", "url": url } });
    let reply =
        facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": [delete("Patient/p"), delete("Condition/c")] }));
    assert!(reply.status.is_success(), "{}", reply.text);
    assert_eq!(facade.get("Patient/p/$rights").status, 410);
    assert_eq!(
        status(
            &facade
                .get(&format!("Task/{}", task["id"].as_str().unwrap()))
                .json()
        ),
        "entered-in-error/void"
    );
    assert_eq!(facade.advance("2027-06-01T10:00:00Z"), 0);
}

/// Makes a practice without its ydernummer.
fn unnumbered(id: &str) -> Value {
    let mut practice = practice(id);
    practice["identifier"].as_array_mut().unwrap().truncate(1);
    practice
}

#[test]
fn a_plan_counts_from_when_its_practice_has_a_ydernummer() {
    let facade = with_diagnosis();
    facade.put_ok(&unnumbered("gp"));
    facade.put_ok(&plan("plan", "p", "c", "2027-03-01"));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    facade.put_ok(&practice("gp"));
    let task = only_task(&facade);
    assert_eq!(status(&task), "completed/met");
    assert_eq!(task["input"][4]["valueCode"], "verified");
    // It was someone else's number.
    facade.put_ok(&unnumbered("gp"));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    facade.put_ok(&practice("gp"));
    assert_eq!(
        facade.send("DELETE", "Organization/gp", &[], "").status,
        409,
        "the plan refers to it"
    );
    assert_eq!(status(&only_task(&facade)), "completed/met");
    // What says nothing of who the practice is writes nothing else.
    let renamed = with(practice("gp"), "name", "Lægehuset".into());
    facade.put_ok(&practice("gp"));
    let before = only_task(&facade);
    facade.put_ok(&renamed);
    assert_eq!(only_task(&facade), before);
}

#[test]
fn a_plan_by_a_role_counts_from_when_the_role_and_its_practice_are_known() {
    let facade = with_diagnosis();
    facade.put_ok(&with(
        plan("plan", "p", "c", "2027-03-01"),
        "author",
        json!({ "reference": "PractitionerRole/role" }),
    ));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    facade.put_ok(&json!({ "resourceType": "PractitionerRole", "id": "role", "organization": { "reference": "Organization/late" } }));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    facade.put_ok(&practice("late"));
    assert_eq!(status(&only_task(&facade)), "completed/met");
    facade.put_ok(&json!({ "resourceType": "PractitionerRole", "id": "role", "organization": { "reference": "Organization/region" } }));
    assert_eq!(status(&only_task(&facade)), "requested/running");
    // Both at once: the role moves to a practice that gets its number in the same transaction.
    let moved = json!({ "resourceType": "PractitionerRole", "id": "role", "organization": { "reference": "Organization/new" } });
    let reply = facade.transaction(&[&moved, &practice("new")]);
    assert!(reply.status.is_success(), "{}", reply.text);
    assert_eq!(status(&only_task(&facade)), "completed/met");
}

#[test]
fn a_referral_gives_a_right_from_when_its_practice_is_known_to_be_one() {
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&unnumbered("gp"));
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&referral("s", "p", "c", "2027-03-01"));
    assert!(stored_tasks(&facade, "p").is_empty());
    facade.advance("2027-03-20T10:00:00Z");
    facade.put_ok(&practice("gp"));
    // As if it had been known all along, but for when it was written.
    assert_eq!(
        story(&facade, &only_task(&facade)),
        ["requested/due-soon 2027-03-20T10:00:00.000000Z"]
    );
    facade.put_ok(&encounter("e", "p", "s", "2027-03-20"));
    assert_eq!(
        status(&task_for(&facade, "prevention-start")),
        "completed/met"
    );
    facade.put_ok(&unnumbered("gp"));
    assert_eq!(status(&only_task(&facade)), "cancelled/not-applicable");
}

#[test]
fn a_practice_that_is_named_by_its_number_alone_need_not_be_stored() {
    let facade = with_diagnosis();
    let by_number =
        json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.4", "value": "077410" } });
    facade.put_ok(&with(
        plan("plan", "p", "c", "2027-03-01"),
        "author",
        by_number,
    ));
    let task = only_task(&facade);
    assert_eq!(
        (status(&task).as_str(), &task["input"][4]["valueCode"]),
        ("completed/met", &json!("verified"))
    );
}

#[test]
fn a_write_that_says_nothing_new_about_rights_leaves_the_task_alone() {
    let facade = with_diagnosis();
    let before = only_task(&facade);
    facade.put_ok(&copd("c", "p", "2027-03-01"));
    facade.put_ok(&with(
        copd("c", "p", "2027-03-01"),
        "note",
        json!([{ "text": "seen in the practice" }]),
    ));
    facade.put_ok(&with(patient("p"), "gender", "female".into()));
    assert_eq!(only_task(&facade), before);
}
