//! A golden set of Tasks: `golden-tasks.txt` has a hash of everything that is written for each of
//! some forty persons, and the fingerprint it was made with. `FRIST_BLESS=1` writes it anew, but
//! not while Tasks change under one fingerprint: servers would keep those of the old code.

use std::collections::BTreeMap;
use std::fmt::Write;

use frist::deadlines::{
    DERIVATION, GroupTable, PersonFacts, PracticeTable, Rules, derive, fingerprint, provenance,
    reconcile,
};
use frist::fhir::{Id, Version, start_of_day};
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::support::deadline_cases::{self, DeadlineCase};

/// One case in so many is in the golden set.
const ONE_IN: usize = 6;

/// Returns everything that is written for a person from day to day, and at last when everything
/// known of the person is deleted.
fn written(case: &DeadlineCase) -> String {
    let mut tasks = BTreeMap::new();
    let mut written = String::new();
    let facts = deadline_cases::facts(&case.patient, &case.resources);
    for day in case.expected.keys() {
        write_day(&mut written, &mut tasks, case, &facts, day.parse().unwrap());
    }
    let last = case.expected.keys().next_back().unwrap().parse().unwrap();
    let nothing = deadline_cases::facts(&case.patient, &[]);
    write_day(&mut written, &mut tasks, case, &nothing, last);
    written
}

fn write_day(
    written: &mut String,
    tasks: &mut BTreeMap<Id, (Version, Value)>,
    case: &DeadlineCase,
    facts: &PersonFacts,
    day: Date,
) {
    let rights = derive(facts, &case.rules(), day);
    let existing: Vec<&Value> = tasks.values().map(|(_, task)| task).collect();
    let now = start_of_day(day);
    let changes = reconcile(&[(facts, &rights)], &existing, |_| true, now);
    let next = rights
        .next_change
        .map_or("never".to_owned(), |next| next.to_string());
    writeln!(written, "{day}, next {next}").unwrap();
    for change in changes {
        let version = Version::after(tasks.get(&change.id).map(|(version, _)| *version));
        let origin = provenance(&change.content, version, &change.inputs, day, now);
        writeln!(written, "{}\n{origin}", change.content).unwrap();
        tasks.insert(change.id, (version, change.content));
    }
}

#[test]
fn tasks_change_only_when_the_rules_the_code_table_or_the_derivation_number_does() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/deadlines/golden-tasks.txt"
    );
    let made_with = fingerprint(
        Rules::shipped(),
        GroupTable::shipped(),
        &PracticeTable::default(),
    );
    let mut found = format!("derivation {DERIVATION} {made_with}\n");
    for case in deadline_cases::all().iter().step_by(ONE_IN) {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, written(case).as_bytes());
        writeln!(found, "{hash} {}", case.name).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    if golden == found {
        return;
    }
    let is_same_fingerprint = golden.lines().next() == found.lines().next();
    let different: Vec<&str> = found
        .lines()
        .skip(1)
        .filter(|line| !golden.lines().any(|expected| expected == *line))
        .collect();
    assert!(
        !is_same_fingerprint,
        "Tasks changed, but not what they are derived by: raise DERIVATION in \
         src/deadlines/fingerprint.rs, so that servers derive everyone's rights anew, and run this \
         test with FRIST_BLESS=1. {} persons differ: {different:#?}",
        different.len()
    );
    if std::env::var_os("FRIST_BLESS").is_some() {
        std::fs::write(path, found).unwrap();
        return;
    }
    panic!(
        "The rules, the code table or DERIVATION changed: run this test with FRIST_BLESS=1. {} \
         persons differ: {different:#?}",
        different.len()
    );
}
