//! The changes that time alone brings about: the step at 00:00 in Copenhagen, and making up for
//! days missed (deadline-rules, section 7).

use frist::fhir::{copenhagen_date, names, start_of_day};
use frist::storage::Position;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::order::{CASES, written_by};
use super::{
    assert_recomputed_to_the_byte, business_status, live_tasks, status, stored_tasks, story,
    versions,
};
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, plan, practice, referral, region};

/// Makes a server with one person who has this diagnosis.
fn with_diagnosis(now: &str, condition: &Value) -> Facade {
    let facade = Facade::at(now);
    let reply = facade.transaction(&[&practice("gp"), &region("region"), &patient("p"), condition]);
    assert!(reply.status.is_success(), "{}", reply.text);
    facade
}

fn the_task(facade: &Facade) -> Value {
    let tasks = stored_tasks(facade, "p");
    assert_eq!(tasks.len(), 1);
    tasks.into_values().next().unwrap()
}

fn postponed(mut resource: Value, period: Value, reason: &str) -> Value {
    resource["extension"] = json!([{ "url": names::EXT_POSTPONEMENT, "extension": [
        { "url": "period", "valuePeriod": period }, { "url": "reason", "valueCode": reason },
    ] }]);
    resource
}

/// Checks that the diagnosis of that day is not overdue one second before the instant, and is from
/// the instant on.
fn check_overdue_from(diagnosed: &str, due: &str, instant: &str) {
    let facade = with_diagnosis(
        &format!("{diagnosed}T12:00:00Z"),
        &copd("c", "p", diagnosed),
    );
    let instant: Timestamp = instant.parse().unwrap();
    facade.advance(&(instant - 1.second()).to_string());
    let before = the_task(&facade);
    assert_eq!(
        (
            status(&before).as_str(),
            &before["restriction"]["period"]["end"]
        ),
        ("requested/due-soon", &json!(due))
    );
    assert_eq!(
        facade.advance(&instant.to_string()),
        2,
        "one version and its Provenance"
    );
    let after = the_task(&facade);
    assert_eq!(status(&after), "requested/overdue");
    assert_eq!(
        after["lastModified"],
        frist::fhir::dates::format_instant(instant)
    );
    assert_eq!(live_tasks(&facade, "p").len(), 1);
}

#[test]
fn overdue_begins_at_midnight_in_copenhagen_after_the_due_date_in_winter_and_summer() {
    check_overdue_from("2027-01-01", "2027-01-31", "2027-01-31T23:00:00Z");
    // Spring: the clocks go forward on 2027-03-28.
    check_overdue_from("2027-03-01", "2027-03-31", "2027-03-31T22:00:00Z");
    // Autumn: they go back on 2027-10-31.
    check_overdue_from("2027-10-15", "2027-11-14", "2027-11-14T23:00:00Z");
    // The due date is the very day of a change, which has 23 and 25 hours.
    check_overdue_from("2027-02-26", "2027-03-28", "2027-03-28T22:00:00Z");
    check_overdue_from("2027-10-01", "2027-10-31", "2027-10-31T23:00:00Z");
}

#[test]
fn each_change_is_one_version_that_says_the_midnight_it_came_with() {
    let facade = with_diagnosis("2027-01-01T12:00:00Z", &copd("c", "p", "2027-01-01"));
    let mut day = date(2027, 1, 1);
    while day < date(2027, 3, 10) {
        day = day.tomorrow().unwrap();
        let position = facade.store().last_commit().unwrap().0;
        let written = facade.advance(&start_of_day(day).to_string());
        let changes = [date(2027, 1, 24), date(2027, 2, 1)].contains(&day);
        assert_eq!(written, if changes { 2 } else { 0 }, "{day}");
        assert_eq!(
            facade.store().last_commit().unwrap().0,
            Position(position.0 + written as u64),
            "{day}"
        );
    }
    let expected = [
        "requested/running 2027-01-01T12:00:00.000000Z",
        "requested/due-soon 2027-01-23T23:00:00.000000Z",
        "requested/overdue 2027-01-31T23:00:00.000000Z",
    ];
    assert_eq!(story(&facade, &the_task(&facade)), expected);
}

#[test]
fn a_postponement_without_end_moves_the_net_due_date_each_day() {
    let facade = with_diagnosis(
        "2027-01-01T12:00:00Z",
        &postponed(
            copd("c", "p", "2027-01-01"),
            json!({ "start": "2027-01-01" }),
            "patient",
        ),
    );
    for passed in 1..=40_i64 {
        let day = date(2027, 1, 1) + passed.days();
        assert_eq!(facade.advance(&start_of_day(day).to_string()), 2, "{day}");
        let task = the_task(&facade);
        let input = |code: &str| {
            let inputs = task["input"].as_array().unwrap();
            inputs
                .iter()
                .find(|input| input["type"]["coding"][0]["code"] == code)
                .unwrap()["valueDate"]
                .clone()
        };
        assert_eq!(
            input("net-due"),
            json!((date(2027, 1, 31) + passed.days()).to_string()),
            "{day}"
        );
        assert_eq!(input("gross-due"), json!("2027-01-31"));
        assert_eq!(
            status(&task),
            if day <= date(2027, 1, 31) {
                "on-hold/postponed-patient"
            } else {
                "requested/overdue"
            }
        );
        live_tasks(&facade, "p");
    }
}

#[test]
fn a_postponement_that_ends_lets_the_clock_run_again_by_itself() {
    let condition = postponed(
        copd("c", "p", "2027-01-01"),
        json!({ "start": "2027-01-03", "end": "2027-01-10" }),
        "clinical",
    );
    let facade = with_diagnosis("2027-01-03T12:00:00Z", &condition);
    facade.advance("2027-02-05T12:00:00Z");
    let expected = [
        "on-hold/postponed-clinical 2027-01-03T12:00:00.000000Z",
        "requested/running 2027-01-09T23:00:00.000000Z",
        "requested/due-soon 2027-01-23T23:00:00.000000Z",
        "requested/overdue 2027-01-31T23:00:00.000000Z",
    ];
    assert_eq!(story(&facade, &the_task(&facade)), expected);
}

/// Stores what was known of many persons on that day in one server, and returns their ids.
fn everyone_on(facade: &Facade, today: Date) -> Vec<String> {
    let cases: Vec<usize> = (0..CASES.len()).step_by(3).collect();
    for some in cases.chunks(30) {
        let resources = written_by(some, today);
        let reply = facade.transaction(&resources.values().collect::<Vec<_>>());
        assert!(reply.status.is_success(), "{}", reply.text);
    }
    cases
        .iter()
        .map(|case| CASES[*case].patient.clone())
        .collect()
}

/// Returns all versions of all Tasks of these persons, as far as they do not depend on when they
/// were written down.
fn histories(facade: &Facade, patients: &[String]) -> Vec<Value> {
    let mut found = Vec::new();
    for patient in patients {
        assert_recomputed_to_the_byte(facade, patient);
        live_tasks(facade, patient);
        for task in stored_tasks(facade, patient).values() {
            let mut versions = versions(facade, task);
            versions.iter_mut().for_each(|task| {
                drop(
                    task["meta"]
                        .as_object_mut()
                        .unwrap()
                        .shift_remove("lastUpdated"),
                )
            });
            found.extend(versions);
        }
    }
    found
}

#[test]
fn day_by_day_and_one_jump_after_downtime_give_the_same_versions() {
    for first in [date(2027, 3, 20), date(2028, 10, 10), date(2029, 6, 1)] {
        let noon = |day: Date| (start_of_day(day) + 12.hours()).to_string();
        let last = first + 50.days();
        let (daily, jumping) = (Facade::at(&noon(first)), Facade::at(&noon(first)));
        let patients = everyone_on(&daily, first);
        everyone_on(&jumping, first);
        let at_first = histories(&daily, &patients);
        let mut day = first;
        while day < last {
            day = day.tomorrow().unwrap();
            daily.advance(&start_of_day(day).to_string());
        }
        let jumping = jumping.restart(&noon(last));
        let (by_day, at_once) = (histories(&daily, &patients), histories(&jumping, &patients));
        assert!(
            by_day.len() > at_first.len() + 5,
            "{first}: only {} new versions",
            by_day.len() - at_first.len()
        );
        assert_eq!(by_day, at_once, "{first}");
        for version in by_day.iter().filter(|version| !at_first.contains(version)) {
            let modified: Timestamp = version["lastModified"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                modified,
                start_of_day(copenhagen_date(modified)),
                "{version}"
            );
        }
    }
}

#[test]
fn a_write_just_after_midnight_comes_after_the_version_of_midnight() {
    let facade = with_diagnosis("2027-01-01T12:00:00Z", &copd("c", "p", "2027-01-01"));
    facade.advance("2027-01-31T22:00:00Z");
    // It is 2027-02-01 in Copenhagen, and the calendar has not run.
    facade.set_clock("2027-01-31T23:00:05Z");
    facade.put_ok(&plan("plan", "p", "c", "2027-02-01"));
    let expected = [
        "requested/running 2027-01-01T12:00:00.000000Z",
        "requested/due-soon 2027-01-23T23:00:00.000000Z",
        "requested/overdue 2027-01-31T23:00:00.000000Z",
        "completed/met-late 2027-01-31T23:00:05.000000Z",
    ];
    assert_eq!(story(&facade, &the_task(&facade)), expected);
    assert_eq!(facade.advance("2027-01-31T23:00:06Z"), 0);
}

#[test]
fn a_write_after_days_without_calendar_makes_each_day_that_was_missed() {
    let facade = with_diagnosis("2027-01-01T12:00:00Z", &copd("c", "p", "2027-01-01"));
    facade.set_clock("2027-02-10T08:00:00Z");
    facade.put_ok(&referral("s", "p", "c", "2027-02-10"));
    let tasks = stored_tasks(&facade, "p");
    let for_plan = tasks
        .values()
        .find(|task| task["focus"]["reference"] == "Condition/c")
        .unwrap();
    let expected = [
        "requested/running 2027-01-01T12:00:00.000000Z",
        "requested/due-soon 2027-01-23T23:00:00.000000Z",
        "requested/overdue 2027-01-31T23:00:00.000000Z",
    ];
    assert_eq!(story(&facade, for_plan), expected);
}

#[test]
fn a_clock_that_goes_back_takes_no_right_back() {
    // A calendar step, and then a write, are what the day has begun by; the second one is known
    // after a restart too.
    check_clock_that_goes_back(|facade| {
        facade.advance("2027-01-31T23:00:00Z");
        facade.set_clock("2027-01-31T22:59:50Z");
        facade
    });
    check_clock_that_goes_back(|facade| {
        facade.set_clock("2027-01-31T23:00:00Z");
        facade.put_ok(&practice("another"));
        facade.restart("2027-01-31T22:59:50Z")
    });
}

fn check_clock_that_goes_back(begin_and_go_back: impl Fn(Facade) -> Facade) {
    let facade = begin_and_go_back(with_diagnosis(
        "2027-01-01T12:00:00Z",
        &copd("c", "p", "2027-01-01"),
    ));
    assert_eq!(
        live_tasks(&facade, "p")
            .iter()
            .map(business_status)
            .collect::<Vec<_>>(),
        ["overdue"]
    );
    let mut again = copd("c", "p", "2027-01-01");
    again["note"] = json!([{ "text": "sent again" }]);
    facade.put_ok(&again);
    facade.put_ok(&referral("s", "p", "c", "2027-01-31"));
    let live = live_tasks(&facade, "p");
    assert_eq!(
        live.iter().map(business_status).collect::<Vec<_>>(),
        ["running", "overdue"]
    );
    let overdue: Vec<String> = story(&facade, &live[1])
        .into_iter()
        .filter(|line| line.contains("overdue"))
        .collect();
    assert_eq!(overdue, ["requested/overdue 2027-01-31T23:00:00.000000Z"]);
    // The referral that was written at 22:59:50 is of the day that has begun.
    assert_eq!(live[0]["lastModified"], "2027-01-31T23:00:00.000000Z");
}
