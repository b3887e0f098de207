//! The time that a validation takes: `cargo bench --bench validation [-- WORD…]`, where a word is
//! part of a resource's name.
//!
//! Each round is timed by itself, since what a sender notices is the slow one: p50 and p99 are of
//! single validations, not of means. Allocations are counted apart from the time. It asserts
//! nothing; what was measured stands in docs/performance.md.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for those who measure"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use frist::fhir::{Resource, json};
use frist::schema::guide;
use frist::validation::{CheckContext, Validator, check};
use jiff::civil::date;
use serde_json::Value;

/// A plan as practices write them, longer than the guide's full example: about 4 KB.
const PLAN_4_KB: &str = include_str!("data/careplan-4kb.json");

/// The time for which each row is measured, after as many rounds as it takes to be warm.
const TIME: Duration = Duration::from_millis(400);
const ROUNDS_MIN: usize = 1_000;

fn main() {
    // Cargo hands over `--bench` and what stands behind `--`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let validator = frist::app::packages::validator(&[]).unwrap();
    println!(
        "{:<34} {:>6}   {:>20}   {:>20}   {:>16}",
        "", "", "validate", "parse and validate", "allocations of"
    );
    println!(
        "{:<34} {:>6}   {:>10}{:>10}   {:>10}{:>10}   {:>8}{:>8}",
        "resource", "bytes", "p50 µs", "p99 µs", "p50 µs", "p99 µs", "valid.", "KB"
    );
    for (name, text) in resources() {
        if words.is_empty() || words.iter().any(|word| name.contains(&**word)) {
            measure(&name, &text, &validator);
        }
    }
}

/// Returns the guide's examples of what a check is made for, and the plan, as they would be sent:
/// without white space.
fn resources() -> Vec<(String, String)> {
    let folder = guide::FOLDER.get_dir("example").unwrap();
    let mut all: Vec<(String, &str)> = folder
        .files()
        .filter_map(|file| {
            Some((
                file.path().file_stem()?.to_str()?.to_owned(),
                file.contents_utf8()?,
            ))
        })
        .filter(|(name, _)| name.ends_with("-small") || name.ends_with("-full"))
        .collect();
    all.sort();
    all.push(("CarePlan of 4 KB".to_owned(), PLAN_4_KB));
    all.into_iter()
        .map(|(name, text)| (name, text.parse::<Value>().unwrap().to_string()))
        .collect()
}

fn measure(name: &str, text: &str, validator: &Validator) {
    let context = CheckContext {
        validator,
        profiles: &[],
        now: frist::fhir::start_of_day(date(2027, 12, 31)),
        why_no_group: &|_| None,
    };
    let parse = || Resource::from_value(json::parse(text.as_bytes()).unwrap()).unwrap();
    let resource = parse();
    let findings = check(&resource, &context);
    assert!(
        findings.iter().all(|finding| !finding.refuses()),
        "{name}: {findings:?}"
    );

    let validate = percentiles(|| drop(black_box(check(black_box(&resource), &context))));
    let both = percentiles(|| drop(black_box(check(&parse(), &context))));
    let count = allocation_counter::measure(|| drop(black_box(check(&resource, &context))));
    println!(
        "{name:<34} {:>6}   {:>10.1}{:>10.1}   {:>10.1}{:>10.1}   {:>8}{:>8.1}",
        text.len(),
        validate.0,
        validate.1,
        both.0,
        both.1,
        count.count_total,
        count.bytes_total as f64 / 1024.0
    );
}

/// Returns the median and the 99th percentile of single rounds, in microseconds.
fn percentiles(mut round: impl FnMut()) -> (f64, f64) {
    let mut timed = |time: Duration, rounds_min: usize| {
        let mut rounds = Vec::new();
        let start = Instant::now();
        while start.elapsed() < time || rounds.len() < rounds_min {
            let before = Instant::now();
            round();
            rounds.push(before.elapsed());
        }
        rounds
    };
    timed(TIME / 4, ROUNDS_MIN / 4);
    let mut rounds = timed(TIME, ROUNDS_MIN);
    rounds.sort_unstable();
    let at = |share: f64| rounds[(rounds.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    (at(0.50), at(0.99))
}
