//! All of `conformance/deadline-cases.json` and `deadline-cases-2.json` through HTTP: the resources
//! go in by PUT, and `$rights` must answer for every day.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rights;
use crate::support::deadline_cases::{self, DeadlineCase, summary};
use crate::support::facade::Facade;

/// Later than everything in the cases, so that nothing is in the future.
const NOW: &str = "2031-06-02T09:00:00Z";

/// The answers that were compared, and those that were wrong.
#[derive(Clone, Default)]
struct Outcome {
    days: usize,
    answers: usize,
    wrong: Vec<String>,
}

fn ask(cases: &[DeadlineCase]) -> Outcome {
    let facade = Facade::with_rules(NOW, cases[0].rules());
    let mut outcome = Outcome::default();
    for (at, case) in cases.iter().enumerate() {
        write(&facade, case, at);
        for (day, expected) in &case.expected {
            let answer: Vec<Value> = rights(&facade, &case.patient, Some(day))
                .iter()
                .map(summary)
                .collect();
            outcome.days += 1;
            outcome.answers += answer.len();
            if answer != *expected {
                outcome.wrong.push(format!(
                    "{} on {day}: expected {expected:?}, found {answer:?}",
                    case.name
                ));
            }
        }
    }
    outcome
}

/// Writes the Patient first, the others in the order of the file: each by its own PUT for every
/// fifth person, in one transaction else.
fn write(facade: &Facade, case: &DeadlineCase, at: usize) {
    let is_patient = |resource: &&Value| resource["resourceType"] == "Patient";
    let in_order: Vec<&Value> = case
        .resources
        .iter()
        .filter(is_patient)
        .chain(
            case.resources
                .iter()
                .filter(|resource| !is_patient(resource)),
        )
        .collect();
    if at.is_multiple_of(5) {
        in_order
            .into_iter()
            .for_each(|resource| drop(facade.put_ok(resource)));
    } else {
        let reply = facade.transaction(&in_order);
        assert!(reply.status.is_success(), "{}: {}", case.name, reply.text);
    }
}

#[test]
fn every_person_on_every_day_is_answered_what_the_rules_page_gives() {
    let mut by_rules: BTreeMap<String, Vec<DeadlineCase>> = BTreeMap::new();
    for case in deadline_cases::all() {
        by_rules
            .entry(format!("{:?}", case.plan_definitions))
            .or_default()
            .push(case);
    }
    assert_eq!(by_rules.values().map(Vec::len).sum::<usize>(), 480);
    assert_eq!(by_rules.len(), 18, "the shipped rules and 17 other sets");
    // Two at a time: the shipped rules, which most cases use, beside all others.
    let mut sets: Vec<&Vec<DeadlineCase>> = by_rules.values().collect();
    sets.sort_by_key(|cases| std::cmp::Reverse(cases.len()));
    let (most, others) = sets.split_at(1);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let ask_all = |sets: &[&Vec<DeadlineCase>]| -> Vec<Outcome> {
            sets.iter().map(|cases| ask(cases)).collect()
        };
        let (most, others) = (
            scope.spawn(move || ask_all(most)),
            scope.spawn(move || ask_all(others)),
        );
        [most.join().unwrap(), others.join().unwrap()].concat()
    });
    let (days, answers) = (
        outcomes.iter().map(|outcome| outcome.days).sum::<usize>(),
        outcomes
            .iter()
            .map(|outcome| outcome.answers)
            .sum::<usize>(),
    );
    let wrong: Vec<&String> = outcomes.iter().flat_map(|outcome| &outcome.wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} wrong answers, the first: {}",
        wrong.len(),
        wrong[0]
    );
    assert_eq!(days, 6_720);
    assert!(answers > 5_000, "only {answers} answers compared");
}
