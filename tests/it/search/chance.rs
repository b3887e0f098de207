//! Chance for random resources and queries: choices, values, and changes of a resource.

use frist::fhir::ResourceType;
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use serde_json::{Value, json};

/// Numbers that look like chance.
pub(super) struct Chance<'r>(pub(super) &'r mut TestRng);

impl Chance<'_> {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    pub(super) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub(super) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

pub(super) const DATES: &[&str] = &[
    "2026",
    "2027-02",
    "2027-03-01",
    "2027-03-02",
    "2027-03-01T09:00:00+01:00",
    "2027-03-01T08:00:00Z",
    "2027-03-28T02:30:00+01:00",
    "1950-12-24",
    "1946-04-20T23:30:00+01:00",
    "1946-04-21T00:30:00Z",
    "2027-10-31T02:30:00+02:00",
];
const TEXTS: &[&str] = &[
    "Åse",
    "åse marie",
    "Ostergaard",
    "Østergård",
    "André",
    "andre",
    "x",
    "a,b",
    "p|q",
    "d$e",
    r"back\slash",
    "Müller  B",
    "Aase",
    "Straße",
    "strasse",
    "Łukasz",
];
const CODES: &[&str] = &["active", "draft", "completed", "x", "DJ44", "dj44", "male"];
pub(super) const ADDRESSES: &[&str] = &[
    "http://x/y",
    "http://x/y/z",
    "http://x/yz",
    "urn:oid:1.2.3",
    "http://x/y|2.0",
    "http://snomed.info/sct|2",
    "http://hl7.org/fhir/sid/icd-10",
];

/// Changes values and leaves out elements, here and there.
pub(super) fn mutate(value: &mut Value, chance: &mut Chance<'_>) {
    match value {
        Value::String(text) => {
            let begins_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
            let is_date = begins_with_digit
                && text.len() >= 4
                && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
            let pool: &[&str] = match () {
                () if is_date => DATES,
                () if text.contains("://") => ADDRESSES,
                () if text
                    .split_once('/')
                    .is_some_and(|(kind, _)| kind.parse::<ResourceType>().is_ok()) =>
                {
                    let kind = text.split('/').next().unwrap().to_owned();
                    *text = format!("{kind}/{}", chance.below(12));
                    return;
                }
                () if text.contains(' ') || chance.percent(50) => TEXTS,
                () => CODES,
            };
            if chance.percent(40) {
                *text = (*chance.one_of(pool)).to_owned();
            }
        }
        Value::Number(_) => {
            *value = chance
                .one_of(&[
                    json!(5),
                    json!(5.5),
                    json!(49.6),
                    json!(50),
                    json!(-3),
                    json!(100),
                ])
                .clone()
        }
        Value::Bool(truth) => *truth = chance.percent(50),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| mutate(item, chance));
            if let Some(first) = items.first().filter(|_| chance.percent(20)).cloned() {
                let mut other = first;
                mutate(&mut other, chance);
                items.push(other);
            }
        }
        Value::Object(members) => {
            members.retain(|name, _| {
                matches!(name.as_str(), "resourceType" | "reference" | "url") || !chance.percent(12)
            });
            for (name, member) in members.iter_mut() {
                if name != "resourceType" && name != "url" {
                    mutate(member, chance);
                }
            }
        }
        Value::Null => {}
    }
}
