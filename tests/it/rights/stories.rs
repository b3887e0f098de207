//! The worked examples of deadline-rules, section 8, as they happen: clients write, days pass, and
//! the stored Task says it.

use frist::fhir::names;
use serde_json::{Value, json};

use super::{live_tasks, rights, status, stored_tasks, story};
use crate::support::facade::Facade;
use crate::support::people::{copd, encounter, patient, plan, practice, referral, region};

/// Makes a server with the organizations and the Patient `p`.
pub(super) fn server(now: &str) -> Facade {
    let facade = Facade::at(now);
    let reply = facade.transaction(&[&practice("gp"), &region("region"), &patient("p")]);
    assert!(reply.status.is_success(), "{}", reply.text);
    facade
}

/// Returns the one live Task of `p` for a right.
pub(super) fn task_for(facade: &Facade, right: &str) -> Value {
    let of_right = |task: &Value| task["code"]["coding"][1]["code"] == right;
    let mut live: Vec<Value> = live_tasks(facade, "p")
        .into_iter()
        .filter(of_right)
        .collect();
    assert_eq!(live.len(), 1, "{right}: {live:?}");
    live.remove(0)
}

fn plan_task(facade: &Facade) -> Value {
    task_for(facade, "treatment-plan")
}

fn start_task(facade: &Facade) -> Value {
    task_for(facade, "prevention-start")
}

fn due(task: &Value) -> &str {
    task["restriction"]["period"]["end"].as_str().unwrap()
}

fn focus(task: &Value) -> &str {
    task["focus"]["reference"].as_str().unwrap()
}

pub(super) fn with(mut resource: Value, element: &str, value: Value) -> Value {
    resource[element] = value;
    resource
}

pub(super) fn coded(resource: Value, system: &str, code: &str) -> Value {
    with(
        resource,
        "code",
        json!({ "coding": [{ "system": system, "code": code }] }),
    )
}

/// Makes a revoked CarePlan or ServiceRequest.
pub(super) fn revoked(resource: Value, reason: &str) -> Value {
    let url = if resource["resourceType"] == "CarePlan" {
        names::EXT_STATUS_REASON
    } else {
        names::REQUEST_STATUS_REASON
    };
    let reason = json!({ "coding": [{ "system": names::CS_STATUS_REASON, "code": reason }] });
    with(
        with(resource, "status", "revoked".into()),
        "extension",
        json!([{ "url": url, "valueCodeableConcept": reason }]),
    )
}

fn replacing(resource: Value, replaced: &str) -> Value {
    with(
        resource,
        "replaces",
        json!([{ "reference": format!("ServiceRequest/{replaced}") }]),
    )
}

#[test]
fn due_dates_are_calendar_dates_whatever_they_fall_on() {
    // Examples 1 to 4: a Sunday, both changes of the clock, the ends of months and a leap year.
    for (start, expected) in [
        ("2027-01-01", "2027-01-31"),
        ("2027-03-01", "2027-03-31"),
        ("2027-10-15", "2027-11-14"),
        ("2028-01-30", "2028-02-29"),
        ("2028-01-31", "2028-03-01"),
        ("2027-01-29", "2027-02-28"),
    ] {
        let facade = server(&format!("{start}T10:00:00Z"));
        facade.put_ok(&copd("c", "p", start));
        assert_eq!(due(&plan_task(&facade)), expected);
        facade.advance(&format!("{expected}T10:00:00Z"));
        assert_eq!(status(&plan_task(&facade)), "requested/due-soon");
        let next_day: jiff::civil::Date = expected.parse().unwrap();
        facade.advance(&format!("{}T10:00:00Z", next_day.tomorrow().unwrap()));
        assert_eq!(status(&plan_task(&facade)), "requested/overdue");
    }
}

#[test]
fn the_day_of_a_diagnosis_is_the_day_in_copenhagen() {
    // Example 5.
    let facade = server("2027-02-01T10:00:00Z");
    let asserted = |at: &str| {
        with(
            copd("c", "p", "2027-01-20"),
            "extension",
            json!([{ "url": names::CONDITION_ASSERTED_DATE, "valueDateTime": at }]),
        )
    };
    facade.put_ok(&asserted("2026-12-31T22:59:59Z"));
    assert!(stored_tasks(&facade, "p").is_empty());
    facade.put_ok(&asserted("2026-12-31T23:00:00Z"));
    assert_eq!(
        (
            plan_task(&facade)["executionPeriod"]["start"].as_str(),
            due(&plan_task(&facade))
        ),
        (Some("2027-01-01"), "2027-01-31")
    );
}

#[test]
fn a_plan_on_the_due_date_is_in_time_and_the_day_after_is_late() {
    // Example 6.
    for (created, expected) in [
        ("2027-01-31", "completed/met"),
        ("2027-02-01", "completed/met-late"),
    ] {
        let facade = server("2027-01-01T10:00:00Z");
        facade.put_ok(&copd("c", "p", "2027-01-01"));
        facade.advance(&format!("{created}T10:00:00Z"));
        facade.put_ok(&plan("plan", "p", "c", created));
        let task = plan_task(&facade);
        assert_eq!(
            (status(&task).as_str(), &task["executionPeriod"]["end"]),
            (expected, &json!(created))
        );
        assert_eq!(
            task["output"][0]["valueReference"]["reference"],
            "CarePlan/plan"
        );
        assert_eq!(
            facade.advance("2027-04-01T10:00:00Z"),
            0,
            "time changes nothing that is done"
        );
    }
}

#[test]
fn an_old_diagnosis_gives_no_plan_but_a_prevention_offer() {
    // Example 7.
    let facade = server("2027-01-02T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&referral("s", "p", "c", "2027-01-02"));
    assert_eq!(stored_tasks(&facade, "p").len(), 1);
    assert_eq!(
        (due(&start_task(&facade)), focus(&start_task(&facade))),
        ("2027-01-23", "ServiceRequest/s")
    );
}

#[test]
fn the_same_disease_from_two_systems_is_one_clock_from_the_earlier_day() {
    // Example 8: the hospital's record arrives later, and is of an earlier day.
    let facade = server("2027-05-10T10:00:00Z");
    facade.put_ok(&coded(
        copd("from-gp", "p", "2027-05-03"),
        "urn:oid:1.2.208.176.2.31",
        "R95",
    ));
    let first = plan_task(&facade);
    assert_eq!(
        (focus(&first), due(&first)),
        ("Condition/from-gp", "2027-06-02")
    );
    facade.put_ok(&coded(
        copd("from-hospital", "p", "2027-04-20"),
        "urn:oid:1.2.208.176.2.4.12",
        "DJ44",
    ));
    let then = plan_task(&facade);
    assert_eq!(
        (focus(&then), due(&then), &then["id"]),
        ("Condition/from-hospital", "2027-05-20", &first["id"])
    );
    assert_eq!(then["meta"]["versionId"], "2");
}

#[test]
fn an_old_disease_that_a_new_practice_records_again_is_no_new_diagnosis() {
    // Example 9.
    let facade = server("2027-05-10T10:00:00Z");
    let asserted =
        json!([{ "url": names::CONDITION_ASSERTED_DATE, "valueDateTime": "2019-03-02" }]);
    facade.put_ok(&with(copd("c", "p", "2027-05-03"), "extension", asserted));
    assert!(stored_tasks(&facade, "p").is_empty());
    assert!(rights(&facade, "p", None).is_empty());
}

#[test]
fn a_referral_that_is_sent_again_keeps_its_clock() {
    // Example 10.
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&referral("s1", "p", "c", "2027-03-01"));
    let first = start_task(&facade);
    assert_eq!(
        (due(&first), focus(&first)),
        ("2027-03-22", "ServiceRequest/s1")
    );
    facade.advance("2027-03-10T10:00:00Z");
    let again = replacing(referral("s2", "p", "c", "2027-03-10"), "s1");
    let reply = facade.transaction(&[
        &revoked(referral("s1", "p", "c", "2027-03-01"), "superseded"),
        &again,
    ]);
    assert!(reply.status.is_success(), "{}", reply.text);
    let then = start_task(&facade);
    assert_eq!(
        (due(&then), focus(&then), &then["id"]),
        ("2027-03-22", "ServiceRequest/s2", &first["id"])
    );
    assert_eq!(
        (status(&then).as_str(), &then["meta"]["versionId"]),
        ("requested/running", &json!("2"))
    );
}

#[test]
fn a_chain_that_turns_out_to_begin_earlier_has_the_task_of_its_new_root() {
    let facade = server("2027-03-10T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    // The replaced referral comes after the one that replaces it.
    facade.put_ok(&replacing(referral("s1", "p", "c", "2027-03-10"), "s0"));
    let first = start_task(&facade);
    assert_eq!(due(&first), "2027-03-31");
    facade.put_ok(&revoked(
        referral("s0", "p", "c", "2027-02-20"),
        "superseded",
    ));
    let then = start_task(&facade);
    assert_eq!(
        (due(&then), focus(&then)),
        ("2027-03-13", "ServiceRequest/s1")
    );
    assert_ne!(then["id"], first["id"]);
    let stored = stored_tasks(&facade, "p");
    assert_eq!(stored.len(), 2);
    let left = &stored[first["id"].as_str().unwrap()];
    assert_eq!(
        (status(left).as_str(), due(left), focus(left)),
        ("cancelled/void", "2027-03-31", "ServiceRequest/s1")
    );
    // The link turns out to be a mistake: both clocks stand on their own, the first one under its
    // own Task again.
    facade.put_ok(&referral("s1", "p", "c", "2027-03-10"));
    let live = live_tasks(&facade, "p");
    let of = |focus: &str| {
        live.iter()
            .find(|task| task["focus"]["reference"] == focus)
            .unwrap()
    };
    assert_eq!(
        (
            &of("ServiceRequest/s1")["id"],
            status(of("ServiceRequest/s1")).as_str()
        ),
        (&first["id"], "requested/running")
    );
    assert_eq!(status(of("ServiceRequest/s0")), "cancelled/void");
}

#[test]
fn a_postponement_is_shown_and_the_due_date_stands() {
    // Example 11.
    let facade = server("2027-03-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2019-05-05"));
    facade.put_ok(&referral("s", "p", "c", "2027-03-01"));
    facade.advance("2027-03-05T10:00:00Z");
    let postponement = json!([{ "url": names::EXT_POSTPONEMENT, "extension": [
        { "url": "period", "valuePeriod": { "start": "2027-03-05", "end": "2027-03-15" } }, { "url": "reason", "valueCode": "patient" },
    ] }]);
    facade.put_ok(&with(
        referral("s", "p", "c", "2027-03-01"),
        "extension",
        postponement,
    ));
    facade.advance("2027-03-30T10:00:00Z");
    let task = start_task(&facade);
    assert_eq!(
        (
            due(&task),
            &task["input"][2]["valueDate"],
            &task["input"][3]["valueDate"]
        ),
        ("2027-03-22", &json!("2027-03-22"), &json!("2027-04-01"))
    );
    let expected = [
        "requested/running 2027-03-01T10:00:00.000000Z",
        "on-hold/postponed-patient 2027-03-05T10:00:00.000000Z",
        "requested/due-soon 2027-03-14T23:00:00.000000Z",
        "requested/overdue 2027-03-22T23:00:00.000000Z",
    ];
    assert_eq!(story(&facade, &task), expected);
}

#[test]
fn a_plan_that_another_replaces_stays_and_one_that_is_abandoned_opens_the_clock_again() {
    // Example 13.
    let facade = server("2027-01-01T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2027-01-01"));
    facade.advance("2027-01-10T10:00:00Z");
    facade.put_ok(&plan("plan", "p", "c", "2027-01-10"));
    facade.advance("2027-02-10T10:00:00Z");
    facade.put_ok(&revoked(plan("plan", "p", "c", "2027-01-10"), "superseded"));
    facade.put_ok(&plan("plan-2", "p", "c", "2027-02-10"));
    let task = plan_task(&facade);
    assert_eq!(
        (status(&task).as_str(), &task["executionPeriod"]["end"]),
        ("completed/met", &json!("2027-01-10"))
    );
    assert_eq!(task["meta"]["versionId"], "2");
    facade.put_ok(&revoked(
        plan("plan-2", "p", "c", "2027-02-10"),
        "abandoned",
    ));
    assert_eq!(status(&plan_task(&facade)), "completed/met");
    facade.put_ok(&revoked(plan("plan", "p", "c", "2027-01-10"), "abandoned"));
    let open = plan_task(&facade);
    assert_eq!(
        (status(&open).as_str(), due(&open), &open["executionPeriod"]),
        (
            "requested/overdue",
            "2027-01-31",
            &json!({ "start": "2027-01-01" })
        )
    );
    assert_eq!(open["id"], task["id"]);
}

#[test]
fn a_corrected_day_of_diagnosis_moves_the_same_task() {
    // Example 14.
    let facade = server("2027-03-10T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2027-03-10"));
    let first = plan_task(&facade);
    facade.advance("2027-03-20T10:00:00Z");
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let then = plan_task(&facade);
    assert_eq!(
        (due(&then), &then["id"], &then["meta"]["versionId"]),
        ("2027-03-22", &first["id"], &json!("2"))
    );
    facade.put_ok(&copd("c", "p", "2027-02-10"));
    assert_eq!(status(&plan_task(&facade)), "requested/overdue");
}

#[test]
fn who_dies_before_the_due_date_has_no_overdue_right() {
    // Example 15; and a death whose day is not known counts from when it is.
    for (element, value) in [
        ("deceasedDateTime", json!("2027-03-20")),
        ("deceasedBoolean", json!(true)),
    ] {
        let facade = server("2027-03-01T10:00:00Z");
        facade.put_ok(&copd("c", "p", "2027-03-01"));
        facade.put_ok(&referral("s", "p", "c", "2027-03-01"));
        facade.advance("2027-03-20T10:00:00Z");
        facade.put_ok(&with(patient("p"), element, value));
        assert_eq!(facade.advance("2027-06-01T10:00:00Z"), 0);
        let live = live_tasks(&facade, "p");
        assert_eq!(
            live.iter().map(status).collect::<Vec<_>>(),
            ["cancelled/void", "cancelled/void"],
            "{element}"
        );
        assert!(live.iter().all(|task| {
            story(&facade, task)
                .iter()
                .all(|line| !line.contains("overdue"))
        }));
    }
}

#[test]
fn one_plan_for_two_diseases_meets_both_clocks() {
    // Example 16.
    let facade = server("2028-02-01T10:00:00Z");
    let diabetes = coded(
        copd("c2", "p", "2028-01-20"),
        "urn:oid:1.2.208.176.2.31",
        "T90",
    );
    let both = json!([{ "reference": "Condition/c1" }, { "reference": "Condition/c2" }]);
    // All at once, the plan first.
    let reply = facade.transaction(&[
        &with(plan("plan", "p", "c1", "2028-02-01"), "addresses", both),
        &copd("c1", "p", "2028-01-10"),
        &diabetes,
    ]);
    assert!(reply.status.is_success(), "{}", reply.text);
    let live = live_tasks(&facade, "p");
    assert_eq!(
        live.iter().map(status).collect::<Vec<_>>(),
        ["completed/met", "completed/met"]
    );
    assert!(
        live.iter()
            .all(|task| task["output"][0]["valueReference"]["reference"] == "CarePlan/plan")
    );
}

#[test]
fn what_arrives_before_what_it_names_counts_from_when_that_arrives() {
    let facade = server("2027-03-10T10:00:00Z");
    facade.put_ok(&plan("plan", "p", "c", "2027-03-05"));
    facade.put_ok(&encounter("e", "p", "s", "2027-03-08"));
    facade.put_ok(&referral("s", "p", "c", "2027-03-02"));
    assert!(
        live_tasks(&facade, "p").is_empty(),
        "the referral's reason is not known yet"
    );
    facade.put_ok(&copd("c", "p", "2027-03-01"));
    assert_eq!(
        (
            status(&plan_task(&facade)).as_str(),
            status(&start_task(&facade)).as_str()
        ),
        ("completed/met", "completed/met")
    );
    assert_eq!(
        start_task(&facade)["output"][0]["valueReference"]["reference"],
        "Encounter/e"
    );
    // The clarifying conversation is not yet the offer.
    let conversation = json!([{ "coding": [{ "system": names::CS_PREVENTION_OFFER, "code": "clarifying-conversation" }] }]);
    facade.put_ok(&with(
        encounter("e", "p", "s", "2027-03-08"),
        "type",
        conversation,
    ));
    assert_eq!(status(&start_task(&facade)), "requested/running");
}
