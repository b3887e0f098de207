//! Comparable limits told as rules: the table of `docs/rules.md`, computed row by row.

use frist::deadlines::{Rules, derive};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::json;

use super::{edited, old_copd, person};
use crate::support::deadline_cases;
use crate::support::person::*;
use crate::support::rules::{COPD_START, RuleSpec};

/// Returns the rows of the table, each as its cells without quotes.
fn rows() -> Vec<Vec<String>> {
    let guide = include_str!("../../../docs/rules.md");
    let (_, section) = guide.split_once("## Other limits, told as rules").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    lines.skip(2).map(cells).collect()
}

#[test]
fn comparable_limits_are_data_of_a_rule_and_give_their_due_dates() {
    let rows = rows();
    for (days, unit) in [("1", "month"), ("8", "working-day"), ("7", "day")] {
        let is_there = |row: &Vec<String>| row[2] == days && row[3] == unit;
        assert!(rows.iter().any(is_there), "{days} {unit}");
    }
    for row in &rows {
        let [
            limit,
            place,
            days,
            unit,
            start_on,
            stop,
            referred,
            received,
            due,
        ] = row.as_slice()
        else {
            panic!("nine cells: {row:?}")
        };
        let rule = RuleSpec {
            days: days.parse().unwrap(),
            unit,
            start_on,
            stop,
            ..COPD_START
        };
        let rules = Rules::from_plan_definitions([&rule.plan_definition()]).unwrap();
        let mut sent = referral("s", "c", referred);
        let start = if start_on == "received" {
            received
        } else {
            referred
        };
        if received != "–" {
            sent = received_on(sent, received);
        }
        let clock_on = |sent: &serde_json::Value, day: Date| {
            let resources = person(&[old_copd(), sent.clone()]);
            let facts = deadline_cases::facts("p", &resources);
            let clock = derive(&facts, &rules, day).clocks[0].clone();
            let status = clock.business_status.code();
            (clock.start.to_string(), clock.due.to_string(), status)
        };
        let due_day: Date = due.parse().unwrap();
        let of = |status| (start.clone(), due.clone(), status);
        assert_eq!(
            clock_on(&sent, due_day),
            of("due-soon"),
            "{limit} ({place})"
        );
        assert_eq!(
            clock_on(&sent, due_day + 1.day()),
            of("overdue"),
            "{limit} ({place})"
        );
        let offered = edited(sent, "occurrenceDateTime", json!(due));
        let expected = if stop == "offered" { "met" } else { "overdue" };
        assert_eq!(
            clock_on(&offered, due_day + 1.day()),
            of(expected),
            "{limit} ({place})"
        );
    }
}
