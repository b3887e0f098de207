//! The index of filters finds whom an event concerns: exactly those that say so when each is asked
//! alone.

use frist::fhir::{ResourceKey, ResourceType};
use frist::search::index_entries;
use frist::subscriptions::filter::Side;
use frist::subscriptions::{EventFilter, FilterIndex};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::filtered;

const RIGHT: &str = "https://kronikerpakker.dk/fhir/CodeSystem/kp-right";
const STATUS: &str = "https://kronikerpakker.dk/fhir/CodeSystem/kp-right-status";

/// Codes of diagnoses, each under its system: a code alone stands for several spellings.
const DIAGNOSES: &[(&str, &str)] = &[
    ("http://hl7.org/fhir/sid/icd-10", "J44.9"),
    ("urn:oid:2.16.840.1.113883.6.3", "j449"),
    ("urn:oid:1.2.208.176.2.4.12", "DJ449"),
    ("http://hl7.org/fhir/sid/icpc-2", "r95"),
    ("https://ehr.example/codes", "j44.9"),
];

/// Makes a Task as far as filters look at it; few values, so that they meet often.
fn task() -> impl Strategy<Value = Value> {
    let status = select(vec!["due-soon", "overdue", "met"]);
    (0..4, 0..4, select(vec!["treatment-plan", "prevention-start"]), status, any::<bool>(), proptest::option::of(select(DIAGNOSES))).prop_map(|(person, owner, right, status, has_owner, diagnosis)| {
        let mut task = json!({
            "resourceType": "Task", "id": "t", "for": { "reference": format!("Patient/{person}") },
            "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }, { "system": RIGHT, "code": right }] },
            "businessStatus": { "coding": [{ "system": STATUS, "code": status }] },
        });
        if let Some((system, code)) = diagnosis {
            task["code"] = json!({ "coding": [{ "system": system, "code": code }] });
        }
        if has_owner {
            task["owner"] = json!({ "reference": format!("Organization/{owner}") });
        }
        task
    })
}

/// Makes one filter, with one or several conditions.
fn filter() -> impl Strategy<Value = String> {
    let numbers = || proptest::collection::vec(0..4, 1..3);
    let keys = |kind: &'static str| {
        move |ids: Vec<i32>| {
            ids.iter()
                .map(|id| format!("{kind}/{id}"))
                .collect::<Vec<_>>()
                .join(",")
        }
    };
    let condition = prop_oneof![
        numbers()
            .prop_map(keys("Patient"))
            .prop_map(|value| format!("patient={value}")),
        numbers()
            .prop_map(keys("Organization"))
            .prop_map(|value| format!("owner={value}")),
        Just("owner=0".to_owned()),
        select(vec!["overdue", "due-soon,overdue", "met,met", "fulfill"])
            .prop_map(|code| format!("business-status={code}")),
        select(vec!["overdue", "other|overdue"])
            .prop_map(|code| format!("business-status={STATUS}|met,{code}")),
        Just(format!("business-status={STATUS}|")),
        Just(format!("code={RIGHT}|,fulfill")),
        Just("code=treatment-plan".to_owned()),
        select(vec!["j44.9", "J449", "dj449", "R95", "r95,j449", "x"])
            .prop_map(|code| format!("code={code}")),
        Just("code=http://hl7.org/fhir/sid/icd-10|j449".to_owned()),
        Just("code=|treatment-plan".to_owned()),
    ];
    proptest::collection::vec(condition, 1..3)
        .prop_map(|conditions| format!("Task?{}", conditions.join("&")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_index_of_filters_finds_exactly_those_that_an_event_concerns(
        filters in proptest::collection::vec(proptest::collection::vec(filter(), 0..3), 0..12),
        (before, after) in (proptest::option::of(task()), task()),
    ) {
        let read = |texts: &Vec<String>| {
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            EventFilter::read(&filtered("s", &texts), "http://frist.test/fhir").unwrap()
        };
        let all: Vec<_> = filters.iter().map(read).enumerate().map(|(number, filter)| (filter, number)).collect();
        let key = ResourceKey::parse("Task/t").unwrap();
        let of = |task: &Value| index_entries(ResourceType::Task, task);
        let (before, after) = (before.as_ref().map(of), of(&after));
        let (before, after) = (before.as_ref().map(|entries| Side { key: &key, entries }), Side { key: &key, entries: &after });
        let each: Vec<usize> = all.iter().filter(|(filter, _)| filter.concerns(before, after)).map(|(_, number)| *number).collect();
        let index = FilterIndex::new(all);
        prop_assert_eq!(index.is_empty(), filters.is_empty());
        prop_assert_eq!(index.concerned(before, after).copied().collect::<Vec<_>>(), each);
    }
}
