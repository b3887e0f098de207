//! The invented population: every resource is one that the server takes, and the first persons show
//! every status.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::facade::guide_validator;
use frist::deadlines::{
    BusinessStatus, Forecast, GroupTable, PersonFacts, PracticeTable, Right, Rights, Rules, Stored,
    derive,
};
use frist::demo::{OPENING, PersonStory, Population};
use frist::fhir::{Issue, Resource, ResourceKey, Version};
use frist::validation::{CheckContext, check};
use jiff::civil::{Date, date};
use serde_json::Value;

const TODAY: Date = date(2027, 3, 1);

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["resource"])
}

fn key(resource: &Value) -> ResourceKey {
    let text = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap_or(""),
        resource["id"].as_str().unwrap_or("")
    );
    ResourceKey::parse(&text).unwrap_or_else(|| panic!("no key: {text}"))
}

/// Derives the rights after the first so many of a story's Bundles.
fn rights_after(story: &PersonStory, bundles: usize, today: Date) -> Rights {
    let organizations = Population::organizations();
    let sent = [&organizations]
        .into_iter()
        .chain(&story.bundles[..bundles]);
    let current: BTreeMap<_, _> = sent
        .flat_map(resources)
        .map(|value| (key(value), value))
        .collect();
    let patient = current
        .keys()
        .find(|key| key.resource_type.as_str() == "Patient")
        .expect("a story has a Patient")
        .clone();
    let stored: Vec<_> = current
        .into_iter()
        .map(|(key, value)| Stored {
            key,
            version: Version(1),
            value,
        })
        .collect();
    derive(
        &PersonFacts::read(
            &patient,
            &stored,
            GroupTable::shipped(),
            &PracticeTable::default(),
        ),
        Rules::shipped(),
        today,
    )
}

#[test]
fn every_resource_of_the_population_is_accepted() {
    let mut refused = Vec::new();
    for today in [TODAY, date(2029, 10, 7)] {
        let why_no_group = |condition: &Value| GroupTable::shipped().why_no_group(condition);
        let validator = guide_validator();
        let context = CheckContext {
            validator: &validator,
            profiles: &[],
            now: frist::fhir::start_of_day(today),
            why_no_group: &why_no_group,
        };
        let stories = Population {
            size: 400,
            seed: 1,
            today,
        }
        .persons()
        .flat_map(|story| story.bundles);
        for bundle in stories.chain([Population::organizations()]) {
            for value in resources(&bundle) {
                let resource = Resource::from_value(value.clone()).expect("a resource");
                let issues = check(&resource, &context)
                    .into_iter()
                    .filter(Issue::refuses);
                refused.extend(
                    issues.map(|issue| {
                        format!("{}: {} {}", key(value), issue.expression, issue.text)
                    }),
                );
            }
        }
    }
    assert_eq!(refused, [""; 0]);
}

#[test]
fn the_first_persons_show_every_status_of_both_rights() {
    for (seed, today) in [
        (1, TODAY),
        (2, TODAY),
        (3, date(2027, 12, 24)),
        (4, date(2031, 5, 1)),
    ] {
        let stories: Vec<_> = Population {
            size: OPENING,
            seed,
            today,
        }
        .persons()
        .collect();
        let mut seen = BTreeSet::new();
        let mut not_applicable = 0;
        for story in &stories {
            let last = rights_after(story, story.bundles.len(), today);
            seen.extend(
                last.clocks
                    .iter()
                    .map(|clock| (clock.right, clock.business_status)),
            );
            let first = rights_after(story, 1, today);
            let lost = first
                .clocks
                .iter()
                .filter(|clock| last.not_applicable.contains(&clock.task_id));
            not_applicable += lost.count();
        }
        for right in [Right::TreatmentPlan, Right::PreventionStart] {
            for status in BusinessStatus::ALL
                .iter()
                .filter(|status| **status != BusinessStatus::NotApplicable)
            {
                assert!(
                    seen.contains(&(right, *status)),
                    "{right} {status} at {today}"
                );
            }
        }
        assert_eq!(not_applicable, 2, "one correction for each right");
    }
}

#[test]
fn a_population_shows_bookings_in_time_and_late_and_refusals_that_run_on() {
    let stories = Population {
        size: 200,
        seed: 1,
        today: TODAY,
    }
    .persons();
    let clocks: Vec<_> = stories
        .flat_map(|story| rights_after(&story, story.bundles.len(), TODAY).clocks)
        .collect();
    for forecast in Forecast::ALL {
        let is_seen = clocks.iter().any(|clock| clock.forecast == Some(*forecast));
        assert!(is_seen, "{forecast}");
    }
    let refused = clocks.iter().filter(|clock| {
        let reason = clock.status_reason.as_ref();
        reason.is_some_and(|reason| reason.to_string().contains("refused-capacity"))
    });
    assert!(refused.clone().count() > 0);
    assert!(refused.into_iter().all(|clock| clock.forecast.is_some()));
}

#[test]
fn most_rights_of_a_large_population_are_kept() {
    let mut counts = BTreeMap::new();
    let stories = Population {
        size: 1_000,
        seed: 1,
        today: TODAY,
    }
    .persons();
    for clock in stories.flat_map(|story| rights_after(&story, story.bundles.len(), TODAY).clocks) {
        *counts.entry(clock.business_status).or_insert(0_usize) += 1;
    }
    let total: usize = counts.values().sum();
    let share = |status| counts.get(&status).copied().unwrap_or(0) * 100 / total;
    assert!((30..60).contains(&share(BusinessStatus::Met)), "{counts:?}");
    assert!(
        (1..15).contains(&share(BusinessStatus::Overdue)),
        "{counts:?}"
    );
    assert!(
        share(BusinessStatus::Running) > share(BusinessStatus::DueSoon),
        "{counts:?}"
    );
}
