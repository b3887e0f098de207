//! The deadline rules as a pure function, against the rules page (deadline-rules).

#![allow(clippy::unwrap_used)]

mod attribution;
mod examples;
mod facts;
mod gathering;
mod golden;
mod limits;
mod next_change;
mod offers;
mod parties;
mod received;
mod referrals;
mod tasks;

use frist::deadlines::{Clock, Rights, Rules, derive, task};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::deadline_cases;
use crate::support::person::{condition, gp, hospital, patient};
use crate::support::rules::write_rules;

#[test]
fn every_person_on_every_day_has_the_rights_that_the_rules_page_gives() {
    let (mut answers, mut wrong) = (0, Vec::new());
    for case in deadline_cases::all() {
        let (facts, rules) = (
            deadline_cases::facts(&case.patient, &case.resources),
            case.rules(),
        );
        for (day, expected) in &case.expected {
            let rights = derive(&facts, &rules, day.parse().unwrap());
            let tasks: Vec<Value> = rights
                .clocks
                .iter()
                .map(|clock| task(clock, Timestamp::UNIX_EPOCH))
                .collect();
            tasks.iter().for_each(tasks::fits_the_profile);
            let found: Vec<Value> = tasks.iter().map(deadline_cases::summary).collect();
            answers += found.len();
            if found != *expected {
                wrong.push(format!(
                    "{} on {day}: expected {expected:?}, found {found:?}",
                    case.name
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong answers, the first: {}",
        wrong.len(),
        wrong[0]
    );
    assert!(answers > 5_000, "only {answers} answers compared");
}

#[test]
fn the_order_of_the_resources_never_matters() {
    for case in deadline_cases::all() {
        let Some(day) = case.expected.keys().next_back() else {
            continue;
        };
        let rights_of = |resources: &[Value]| {
            derive(
                &deadline_cases::facts(&case.patient, resources),
                &case.rules(),
                day.parse().unwrap(),
            )
        };
        let mut resources = case.resources.clone();
        let expected = rights_of(&resources);
        resources.reverse();
        assert_eq!(rights_of(&resources), expected, "{} reversed", case.name);
        for turn in 1..resources.len() {
            resources.rotate_left(turn);
            resources.swap(0, turn);
            assert_eq!(
                rights_of(&resources),
                expected,
                "{} turned by {turn}",
                case.name
            );
        }
    }
}

#[test]
fn rules_written_into_a_folder_are_read_as_they_were() {
    let case = deadline_cases::all()
        .into_iter()
        .find(|case| !case.plan_definitions.is_empty())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_rules(folder.path(), &case.plan_definitions);
    let files = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let definitions: Vec<Value> = files
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .collect();
    assert_eq!(definitions.len(), 15);
    assert_eq!(Rules::from_plan_definitions(&definitions), Ok(case.rules()));
}

/// Returns the rights of `Patient/p` on that day under the shipped rules.
fn rights(resources: &[Value], day: &str) -> Rights {
    derive(
        &deadline_cases::facts("p", resources),
        Rules::shipped(),
        day.parse().unwrap(),
    )
}

/// Returns a clock in one line: right, group, focus, start, due date, the statuses.
fn line(clock: &Clock) -> String {
    format!(
        "{} {} {} {}..{} {}/{}",
        clock.right,
        clock.group,
        clock.focus.id,
        clock.start,
        clock.due,
        clock.status,
        clock.business_status
    )
}

/// Asserts the rights of `Patient/p` on that day, each in one line.
#[track_caller]
fn check(resources: &[Value], day: &str, expected: &[&str]) {
    check_by(Rules::shipped(), resources, day, expected);
}

/// Asserts the same under other rules.
#[track_caller]
fn check_by(rules: &Rules, resources: &[Value], day: &str, expected: &[&str]) {
    let rights = derive(
        &deadline_cases::facts("p", resources),
        rules,
        day.parse().unwrap(),
    );
    let found: Vec<String> = rights.clocks.iter().map(line).collect();
    assert_eq!(found, expected, "on {day}");
}

/// Returns `Patient/p` with a general practice and a hospital, and more.
fn person(more: &[Value]) -> Vec<Value> {
    [&[patient(), gp(), hospital()], more].concat()
}

/// Makes a diagnosis from before the rights existed.
fn old_copd() -> Value {
    condition("c", "J44", "2019-05-01")
}

/// Returns the resource with another value of an element.
fn edited(mut resource: Value, element: &str, value: Value) -> Value {
    resource[element] = value;
    resource
}

/// Makes a Reference by identifier alone.
fn ydernummer(system: &str, value: &str) -> Value {
    json!({ "identifier": { "system": system, "value": value } })
}
