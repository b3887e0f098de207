//! Resources broken in every way that a definition forbids, and in some that none does.
//!
//! All ways are tried on all places of an example; a seed picks among them, kind after kind, so
//! that each kind has its share. The same examples and the same seed give the same bytes.

mod chance;
mod grafts;
mod mutant;
mod objects;
mod place;
mod structure;
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::line::Line;
use chance::Chance;
use mutant::Mutant;

/// An example to break.
pub(crate) struct Example {
    /// The name of its file, without the ending.
    pub(crate) name: String,
    pub(crate) resource: Value,
    /// Its text, as it lies in the file.
    pub(crate) text: String,
    /// The profiles that it and its mutants are checked against besides those that they name.
    pub(crate) profiles: Vec<String>,
}

/// Mutants of examples: all that lack one member, and of the other kinds as many as make `count` in
/// all, picked by the seed.
pub(crate) fn mutants(group: &str, examples: &[Example], seed: u64, count: usize) -> Vec<Line> {
    let mut chance = Chance::seeded(seed);
    let mut by_kind: BTreeMap<String, Vec<(usize, Mutant)>> = BTreeMap::new();
    for (at, example) in examples.iter().enumerate() {
        for mutant in of_one(&example.resource) {
            by_kind
                .entry(mutant.kind.clone())
                .or_default()
                .push((at, mutant));
        }
    }
    let mut picked: Vec<(usize, Mutant)> = by_kind.remove("drop").unwrap_or_default();
    let mut kinds: Vec<Vec<(usize, Mutant)>> = by_kind.into_values().collect();
    kinds.iter_mut().for_each(|kind| chance.shuffle(kind));
    while picked.len() < count && kinds.iter().any(|kind| !kind.is_empty()) {
        let room = count - picked.len();
        picked.extend(kinds.iter_mut().filter_map(Vec::pop).take(room));
    }
    let line = |(at, mutant): (usize, Mutant)| Line {
        name: format!(
            "{group}/{}~{}@{}",
            examples[at].name, mutant.kind, mutant.path
        ),
        profiles: examples[at].profiles.clone(),
        resource: mutant.text,
    };
    let mut lines: Vec<Line> = picked.into_iter().map(line).collect();
    lines.sort_by(|a, b| {
        a.name
            .cmp(&b.name)
            .then_with(|| a.resource.cmp(&b.resource))
    });
    lines.dedup_by(|a, b| a.name == b.name);
    lines
}

/// Returns everything that can be done to one resource.
fn of_one(resource: &Value) -> Vec<Mutant> {
    let mut made = Vec::new();
    for place in place::places(resource) {
        if !place.steps.is_empty() {
            structure::mutants(resource, &place, &mut made);
            values::mutants(resource, &place, &mut made);
        }
        objects::mutants(resource, &place, &mut made);
    }
    grafts::mutants(resource, &mut made);
    let original = resource.to_string();
    made.retain(|mutant| mutant.text != original);
    made
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    fn example() -> Example {
        let resource = json!({
            "resourceType": "Condition",
            "id": "a",
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "13645005" }] },
            "subject": { "reference": "Patient/1" },
            "recordedDate": "2027-01-01",
        });
        Example {
            name: "Condition-a".to_owned(),
            text: resource.to_string(),
            resource,
            profiles: vec!["p".to_owned()],
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_mutants_and_another_seed_others() {
        let examples = [example()];
        let first = mutants("mutants", &examples, 1, 800);
        assert_eq!(first, mutants("mutants", &examples, 1, 800));
        assert_ne!(first, mutants("mutants", &examples, 2, 800));
        assert_eq!(first.len(), 800);
    }

    #[test]
    fn every_kind_has_its_share_and_every_member_is_dropped_once() {
        let lines = mutants("mutants", &[example()], 1, 800);
        let kind = |line: &Line| {
            line.name
                .split_once('~')
                .unwrap()
                .1
                .split_once('@')
                .unwrap()
                .0
                .to_owned()
        };
        let kinds: std::collections::BTreeSet<String> = lines.iter().map(kind).collect();
        for expected in [
            "drop",
            "drop-item",
            "null",
            "misspelt",
            "duplicate-key",
            "date:no-such-day",
            "reference:other-type",
            "extension:no-url",
            "narrative:script",
            "contained:nested",
            "valueDecimal:leading-zero",
            "code:second-sks",
        ] {
            assert!(kinds.contains(expected), "{expected}");
        }
        assert_eq!(lines.iter().filter(|line| kind(line) == "drop").count(), 9);
        let names: std::collections::BTreeSet<&str> =
            lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names.len(), lines.len());
        assert!(
            lines
                .iter()
                .all(|line| line.resource != example().text && line.profiles == ["p"])
        );
    }

    #[test]
    fn texts_can_say_what_no_value_can() {
        let lines = mutants("mutants", &[example()], 1, usize::MAX);
        let text = |name: &str| {
            lines
                .iter()
                .find(|line| line.name.ends_with(name))
                .unwrap()
                .resource
                .as_str()
        };
        assert!(text("~duplicate-key@Condition.id").ends_with(r#","id":"a"}"#));
        assert!(
            text("~valueDecimal:leading-zero@Condition.extension")
                .contains(r#""valueDecimal":01.5"#)
        );
    }
}
