//! The deadline rules as a pure function, against the rules page (deadline-rules).

#![allow(clippy::unwrap_used)]

use frist::deadlines::{derive, task};
use jiff::Timestamp;

use crate::support::deadline_cases;

#[test]
fn every_person_on_every_day_has_the_rights_that_the_rules_page_gives() {
    let (mut answers, mut wrong) = (0, Vec::new());
    for case in deadline_cases::all() {
        let (facts, rules) = (deadline_cases::facts(&case.patient, &case.resources), case.rules());
        for (day, expected) in &case.expected {
            let rights = derive(&facts, &rules, day.parse().unwrap());
            let tasks: Vec<_> = rights.clocks.iter().map(|clock| deadline_cases::summary(&task(clock, Timestamp::UNIX_EPOCH))).collect();
            answers += tasks.len();
            if tasks != *expected {
                wrong.push(format!("{} on {day}: expected {expected:?}, found {tasks:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers, the first: {}", wrong.len(), wrong[0]);
    assert!(answers > 2_000, "only {answers} answers compared");
}
