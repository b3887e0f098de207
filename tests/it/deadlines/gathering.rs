//! The lists that tell a caller what to gather before reading facts (deadline-rules, section 3).

use std::collections::BTreeSet;

use frist::deadlines::{FACT_TYPES, elements_read, is_practice, is_same_practice};
use frist::deadlines::{PersonFacts, practice_references};
use frist::fhir::{ResourceType, names};
use serde_json::{Value, json};

use super::edited;
use crate::support::deadline_cases::{self, DeadlineCase};
use crate::support::person::*;

/// Returns the facts of the case's person from those of its resources that `keep` gives back.
fn facts(case: &DeadlineCase, keep: impl Fn(ResourceType, &Value) -> Option<Value>) -> PersonFacts {
    let kept = |resource: &Value| keep(deadline_cases::key(resource).resource_type, resource);
    let resources: Vec<Value> = case.resources.iter().filter_map(kept).collect();
    deadline_cases::facts(&case.patient, &resources)
}

#[test]
fn facts_are_read_from_each_type_of_the_list_and_from_no_other() {
    let mut missed = BTreeSet::new();
    for case in deadline_cases::all() {
        let whole = facts(&case, |_, resource| Some(resource.clone()));
        let types: BTreeSet<ResourceType> = case
            .resources
            .iter()
            .map(|resource| deadline_cases::key(resource).resource_type)
            .collect();
        missed.extend(types.into_iter().filter(|resource_type| {
            let others = facts(&case, |of_type, resource| {
                (of_type != *resource_type).then(|| resource.clone())
            });
            others != whole
        }));
    }
    let around = [
        ResourceType::Patient,
        ResourceType::Organization,
        ResourceType::PractitionerRole,
    ];
    let listed: BTreeSet<ResourceType> = FACT_TYPES.iter().copied().chain(around).collect();
    assert_eq!(missed, listed, "types whose absence changes facts");
    for resource_type in ResourceType::ALL {
        assert_eq!(
            !elements_read(*resource_type).is_empty(),
            listed.contains(resource_type),
            "{resource_type}"
        );
    }
}

#[test]
fn the_elements_read_are_all_that_facts_depend_on() {
    for case in deadline_cases::all() {
        let narrow = facts(&case, |resource_type, resource| {
            let members = resource.as_object().unwrap().iter();
            let read = members
                .filter(|(name, _)| {
                    *name == "id" || elements_read(resource_type).contains(&name.as_str())
                })
                .map(|(name, value)| (name.clone(), value.clone()));
            Some(Value::Object(read.collect()))
        });
        let whole = facts(&case, |_, resource| Some(resource.clone()));
        assert_eq!(narrow, whole, "{}", case.name);
    }
}

#[test]
fn a_practice_is_the_same_while_nothing_changes_that_facts_depend_on() {
    use ResourceType::{Organization, PractitionerRole};
    let ydernummer = |value: &str| organization("o", &[(names::YDERNUMMER, value)]);
    let at = |organization: &str| role(reference(organization));
    let renamed = |resource: Value| edited(resource, "name", json!("Another"));
    for (resource_type, before, after, expected) in [
        (
            Organization,
            Some(ydernummer("1")),
            Some(ydernummer("1")),
            true,
        ),
        (
            Organization,
            Some(ydernummer("1")),
            Some(renamed(ydernummer("1"))),
            true,
        ),
        (
            Organization,
            Some(ydernummer("1")),
            Some(ydernummer("2")),
            false,
        ),
        (Organization, Some(ydernummer("1")), None, false),
        (Organization, None, Some(ydernummer("1")), false),
        (
            PractitionerRole,
            Some(at("Organization/a")),
            Some(renamed(at("Organization/a"))),
            true,
        ),
        (
            PractitionerRole,
            Some(at("Organization/a")),
            Some(at("Organization/b")),
            false,
        ),
        (PractitionerRole, None, Some(at("Organization/b")), false),
    ] {
        assert!(is_practice(resource_type));
        assert_eq!(
            is_same_practice(resource_type, before.as_ref(), after.as_ref()),
            expected,
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn the_practices_to_load_are_those_that_facts_depend_on() {
    let mut request = referral("s", "c", "2027-03-01");
    request["requester"] = reference("PractitionerRole/r/_history/2");
    request["supportingInfo"] = json!([reference("Organization/unused")]);
    for (resource, expected) in [
        (patient(), vec!["Organization/gp"]),
        (
            edited(
                condition("c", "J44", "2027-03-01"),
                "recorder",
                reference("PractitionerRole/r"),
            ),
            vec!["PractitionerRole/r"],
        ),
        (
            edited(
                condition("c", "J44", "2027-03-01"),
                "asserter",
                reference("Practitioner/x"),
            ),
            vec![],
        ),
        (plan("q", &["c"], "2027-03-01"), vec!["Organization/gp"]),
        (request, vec!["PractitionerRole/r", "Organization/region"]),
        (role(reference("Organization/gp")), vec!["Organization/gp"]),
        (gp(), vec![]),
    ] {
        let found: Vec<String> = practice_references(&resource)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected, "{resource}");
    }
}
