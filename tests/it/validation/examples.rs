//! Real and made-up persons: all of the deadline cases, and the published Danish examples.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;

use super::told;

#[test]
fn the_persons_of_the_deadline_cases_are_all_accepted() {
    let files = ["deadline-cases.json", "deadline-cases-2.json"];
    let cases = files.iter().flat_map(|file| {
        let text = std::fs::read(format!("conformance/{file}")).unwrap();
        serde_json::from_slice::<Vec<Value>>(&text).unwrap()
    });
    let cases: Vec<Value> = cases.collect();
    assert_eq!(cases.len(), 480);
    for case in &cases {
        for resource in case["resources"].as_array().unwrap() {
            let found = told(resource);
            assert!(
                found.is_empty(),
                "{} {}/{}: {found:?}",
                case["name"],
                resource["resourceType"],
                resource["id"]
            );
        }
    }
}

/// The published examples that are refused, and why; all others of a type that clients write are
/// accepted.
pub(crate) const REFUSED_EXAMPLES: &[(&str, &[&str])] = &[
    // A pressure ulcer is none of the groups, and its sender gives no verification status.
    (
        "Condition-ConditionPressureUlcer",
        &[
            "error required Condition.verificationStatus",
            "error business-rule Condition.code kp-group-1",
        ],
    ),
    // A pregnancy, a fracture, a melanoma and a pacemaker: diagnoses that the packages do not
    // need.
    (
        "Condition-ElseGraviditet",
        &["error business-rule Condition.code kp-group-1"],
    ),
    (
        "Condition-JohnFracture",
        &["error business-rule Condition.code kp-group-1"],
    ),
    (
        "Condition-JohnMelanoma",
        &["error business-rule Condition.code kp-group-1"],
    ),
    (
        "Condition-JohnPacemaker",
        &["error business-rule Condition.code kp-group-1"],
    ),
    // Stays in hospital, not prevention offers: no type of ours, no referral.
    (
        "Encounter-0c5e4905-5c2e-4254-8837-770c3724cd13",
        &[
            "error required Encounter.type",
            "error invariant Encounter kp-enc-2",
        ],
    ),
    (
        "Encounter-915a3cfb-2f3e-477b-8a9d-5d86c30e4929",
        &[
            "error required Encounter.type",
            "error invariant Encounter kp-enc-2",
        ],
    ),
    // A proposal to a hospital that does not say what is asked for.
    (
        "ServiceRequest-HenvisningFraLageTilSygehus",
        &[
            "error value ServiceRequest.intent",
            "error required ServiceRequest.code",
        ],
    ),
    // Home nursing that is planned: no order, nobody who asks, no day, no reason.
    ("ServiceRequest-JohnsServiceRequest", HOME_NURSING),
    ("ServiceRequest-MaxServiceRequest", HOME_NURSING),
];

const HOME_NURSING: &[&str] = &[
    "error value ServiceRequest.intent",
    "error required ServiceRequest.authoredOn",
    "error required ServiceRequest.requester",
    "error invariant ServiceRequest kp-sr-1",
];

#[test]
fn the_published_danish_examples_are_accepted_or_refused_for_a_named_reason() {
    let Some(file) = std::env::var_os("FRIST_DK_CORE") else {
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(
            std::io::stderr(),
            "SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core"
        )
        .unwrap();
        return;
    };
    let examples = examples(Path::new(&file));
    let refused: BTreeMap<&str, &[&str]> = REFUSED_EXAMPLES.iter().copied().collect();
    let unknown: Vec<_> = refused
        .keys()
        .filter(|name| !examples.contains_key(**name))
        .collect();
    assert!(unknown.is_empty(), "no such examples: {unknown:?}");
    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in &examples {
        // That the server does not have the profiles that they claim is a warning.
        let found: Vec<String> = told(value)
            .into_iter()
            .filter(|line| line.starts_with("error"))
            .collect();
        let expected = refused.get(name.as_str()).copied().unwrap_or_default();
        assert_eq!(found, expected, "{name}");
        if found.is_empty() {
            *accepted.entry(name.split('-').next().unwrap()).or_default() += 1;
        }
    }
    let expected = [
        ("Condition", 1),
        ("Organization", 12),
        ("Patient", 48),
        ("Practitioner", 4),
        ("PractitionerRole", 2),
    ];
    assert_eq!(accepted, BTreeMap::from(expected));
}

/// Returns the examples of the types that clients write, by file name.
pub(crate) fn examples(package: &Path) -> BTreeMap<String, Value> {
    let mut examples = all_examples(package);
    examples.retain(|_, value| {
        let kind = value["resourceType"].as_str().unwrap_or_default();
        kind.parse::<frist::fhir::ResourceType>()
            .is_ok_and(|kind| kind.origin() == frist::fhir::key::Origin::Clients)
    });
    examples
}

/// Returns all examples, by file name.
pub(crate) fn all_examples(package: &Path) -> BTreeMap<String, Value> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(
        std::fs::File::open(package).unwrap(),
    ));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let Some(name) = path
            .strip_prefix("package/example")
            .ok()
            .and_then(|name| name.to_str()?.strip_suffix(".json"))
        else {
            continue;
        };
        let mut text = Vec::new();
        entry.read_to_end(&mut text).unwrap();
        let value = serde_json::from_slice(&text).unwrap_or_default();
        found.insert(name.to_owned(), value);
    }
    found
}
