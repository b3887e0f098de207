//! The package of profiles as a whole: what every profile says in two languages, its examples, the
//! resources that are wrong on purpose, and the manifest by which others load it. That
//! `profiles/package` is what the sources give is checked by `profiles/build --check`.

#![allow(clippy::unwrap_used)]

use crate::support::facade::guide_validator;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use frist::deadlines::GroupTable;
use frist::fhir::{Issue, Resource, Severity, view};
use frist::validation::{self, CheckContext};
use jiff::civil::date;
use serde_json::Value;

const BASE: &str = "https://kronikerpakker.dk/fhir/StructureDefinition/";
const TRANSLATION: &str = "http://hl7.org/fhir/StructureDefinition/translation";

/// Returns the JSON files of a folder, by name without `.json`.
fn folder(path: &str) -> BTreeMap<String, Value> {
    let files = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let json = files.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    let read = |path: &Path| {
        frist::fhir::json::parse(&std::fs::read(path).unwrap())
            .unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    json.map(|path| {
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            read(&path),
        )
    })
    .collect()
}

/// Returns the profiles of resources and the extensions, by id.
fn structures() -> BTreeMap<String, Value> {
    let definitions = folder("profiles/package");
    definitions
        .into_iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix("StructureDefinition-")?.to_owned(), value))
        })
        .collect()
}

fn profiles() -> BTreeMap<String, Value> {
    structures()
        .into_iter()
        .filter(|(_, value)| value["type"] != "Extension")
        .collect()
}

/// Returns the Danish text beside an element's English one.
fn danish<'a>(element: &'a Value, name: &str) -> Option<&'a str> {
    let translation = view::extensions(&element[name], TRANSLATION).next()?;
    let part = |name: &str| view::extensions(translation, name).next();
    (part("lang")?["valueCode"] == "da").then(|| part("content")?["valueString"].as_str())?
}

fn claimed(resource: &Value) -> &str {
    let profiles = resource["meta"]["profile"].as_array().unwrap();
    assert_eq!(profiles.len(), 1, "{}", resource["id"]);
    profiles[0].as_str().unwrap().strip_prefix(BASE).unwrap()
}

#[test]
fn every_profile_and_extension_says_in_two_languages_what_it_is_and_what_a_sender_puts_there() {
    let structures = structures();
    assert_eq!(structures.len(), 10 + 6);
    for (id, structure) in &structures {
        assert!(
            danish(structure, "_title").is_some_and(|text| !text.is_empty()),
            "{id}"
        );
        let elements = structure["differential"]["element"].as_array().unwrap();
        let said: Vec<_> = elements
            .iter()
            .filter(|element| element.get("short").is_some())
            .collect();
        let untranslated: Vec<_> = said
            .iter()
            .filter(|element| danish(element, "_short").is_none_or(str::is_empty))
            .collect();
        let has_one = matches!(id.as_str(), "kp-received" | "kp-forecast");
        assert!(said.len() > 1 || has_one, "{id}");
        assert!(untranslated.is_empty(), "{id}: {untranslated:?}");
    }
}

#[test]
fn every_profile_is_on_its_base_type_and_has_a_snapshot_of_its_differential() {
    for (id, structure) in structures() {
        let kind = structure["type"].as_str().unwrap();
        assert_eq!(
            structure["baseDefinition"],
            format!("http://hl7.org/fhir/StructureDefinition/{kind}"),
            "{id}"
        );
        assert_eq!(
            (&structure["derivation"], &structure["fhirVersion"]),
            (&"constraint".into(), &"4.0.1".into()),
            "{id}"
        );
        let ids = |part: &str| -> BTreeSet<String> {
            let elements = structure[part]["element"].as_array().unwrap();
            elements
                .iter()
                .map(|element| element["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert!(ids("differential").is_subset(&ids("snapshot")), "{id}");
    }
}

#[test]
fn every_rule_of_a_profile_is_an_error_and_says_what_was_expected() {
    let mut texts: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (id, structure) in structures() {
        for element in structure["differential"]["element"].as_array().unwrap() {
            for constraint in view::items(&element["constraint"]) {
                let text = |name: &str| constraint[name].as_str().unwrap().to_owned();
                assert_eq!(text("severity"), "error", "{id}");
                assert!(
                    text("human").starts_with("Expected ") && text("human").ends_with('.'),
                    "{id} {}",
                    text("human")
                );
                let said = (text("human"), text("expression"));
                assert_eq!(
                    *texts.entry(text("key")).or_insert_with(|| said.clone()),
                    said,
                    "{id}: one key, one rule"
                );
            }
        }
    }
    assert!(texts.len() >= 20, "{texts:?}");
}

#[test]
fn a_profile_that_complies_with_a_danish_core_profile_says_so() {
    let core = |id: &str| match id {
        "kp-condition" => Some("dk-core-condition"),
        "kp-referral" => Some("dk-core-person-servicerequest"),
        "kp-offer-encounter" => Some("dk-core-encounter"),
        "kp-patient" => Some("dk-core-patient"),
        "kp-organization" => Some("dk-core-organization"),
        _ => None,
    };
    for (id, structure) in profiles() {
        let description = structure["description"].as_str().unwrap();
        match core(&id) {
            Some(name) => assert!(
                description.contains(&format!(
                    "{name} (3.7.0): whatever is valid here is valid there"
                )),
                "{id}"
            ),
            None => assert!(!description.contains("dk-core"), "{id}"),
        }
    }
}

/// Returns what the server finds in a resource.
fn findings(resource: &Value) -> Vec<Issue> {
    let why_no_group = |condition: &Value| GroupTable::shipped().why_no_group(condition);
    let validator = guide_validator();
    let context = CheckContext {
        validator: &validator,
        profiles: &[],
        now: frist::fhir::start_of_day(date(2031, 1, 1)),
        why_no_group: &why_no_group,
    };
    validation::check(&Resource::from_value(resource.clone()).unwrap(), &context)
}

#[test]
fn every_profile_has_a_small_and_a_full_example_and_the_server_accepts_them_all() {
    let mut of_profile: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, example) in folder("profiles/package/example") {
        let (kind, id) = name.split_once('-').unwrap();
        assert_eq!(
            (&example["resourceType"], &example["id"]),
            (&kind.into(), &id.into())
        );
        of_profile
            .entry(claimed(&example).to_owned())
            .or_default()
            .push(id.to_owned());
        let found: Vec<_> = findings(&example)
            .into_iter()
            .filter(|issue| issue.severity != Severity::Information)
            .collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    assert_eq!(
        of_profile.keys().collect::<Vec<_>>(),
        profiles().keys().collect::<Vec<_>>()
    );
    for (profile, ids) in of_profile {
        for size in ["-small", "-full"] {
            assert!(
                ids.iter().any(|id| id.ends_with(size)),
                "{profile}: {ids:?}"
            );
        }
    }
}

#[test]
fn every_resource_that_is_wrong_on_purpose_has_its_reason_and_every_rule_of_a_profile_has_such_a_resource()
 {
    let mut wrong = folder("conformance/invalid");
    let reasons = wrong.remove("reasons").unwrap();
    let reasons: BTreeMap<&str, &Value> = reasons
        .as_object()
        .unwrap()
        .iter()
        .map(|(file, reason)| (file.strip_suffix(".json").unwrap(), reason))
        .collect();
    assert_eq!(
        reasons.keys().copied().collect::<Vec<_>>(),
        wrong.keys().collect::<Vec<_>>()
    );
    let structures = structures();
    let mut rules = BTreeSet::new();
    for (name, reason) in &reasons {
        let resource = &wrong[*name];
        assert_eq!(resource["id"], *name);
        assert_eq!(
            structures[claimed(resource)]["type"],
            resource["resourceType"],
            "{name}"
        );
        let expression = reason["expression"].as_str().unwrap();
        assert_eq!(
            expression.split('.').next(),
            resource["resourceType"].as_str(),
            "{name}"
        );
        assert!(
            reason["why"].as_str().is_some_and(|why| why.ends_with('.')),
            "{name}"
        );
        rules.extend(reason.get("rule").map(|rule| rule.as_str().unwrap()));
    }
    let elements = structures
        .values()
        .flat_map(|structure| structure["differential"]["element"].as_array().unwrap());
    let keys: BTreeSet<&str> = elements
        .flat_map(|element| view::items(&element["constraint"]))
        .map(|rule| rule["key"].as_str().unwrap())
        .collect();
    let untested: Vec<_> = keys.difference(&rules).collect();
    assert!(
        untested.is_empty(),
        "no resource in conformance/invalid breaks these: {untested:?}"
    );
}

#[test]
fn every_resource_that_is_wrong_on_purpose_is_refused_for_its_reason_and_for_nothing_else() {
    let mut wrong = folder("conformance/invalid");
    let reasons = wrong.remove("reasons").unwrap();
    for (name, resource) in &wrong {
        let reason = &reasons[format!("{name}.json")];
        // Dates that are none break a rule that has a name in the server alone.
        let rule = reason
            .get("rule")
            .or(reason.get("serverRule"))
            .map_or("", |rule| rule.as_str().unwrap());
        let reported = format!("{} {rule}", reason["expression"].as_str().unwrap());
        // The same fault may be seen from elsewhere too, as a code that neither its system has nor
        // the value set.
        let also = view::items(&reason["also"]).map(|line| line.as_str().unwrap().to_owned());
        let expected: BTreeSet<String> = also.chain([reported.trim_end().to_owned()]).collect();
        let refusing: Vec<Issue> = findings(resource)
            .into_iter()
            .filter(Issue::refuses)
            .collect();
        let found: BTreeSet<String> = refusing
            .iter()
            .map(|issue| {
                format!("{} {}", issue.expression, issue.rule)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        assert_eq!(found, expected, "{name}: {refusing:?}");
    }
}

#[test]
fn the_manifest_names_what_is_in_the_package() {
    let package = folder("profiles/package");
    let (manifest, guide) = (
        &package["package"],
        &package["ImplementationGuide-dk.kronikerpakker.fhir"],
    );
    assert_eq!(manifest["name"], guide["packageId"]);
    assert_eq!(
        manifest["canonical"].as_str(),
        BASE.strip_suffix("/StructureDefinition/")
    );
    assert_eq!(
        manifest["dependencies"],
        serde_json::json!({ "hl7.fhir.r4.core": "4.0.1" })
    );
    for structure in structures().values() {
        assert_eq!(structure["version"], manifest["version"]);
    }
    let listed: BTreeSet<String> = view::items(&guide["definition"]["resource"])
        .map(|resource| {
            resource["reference"]["reference"]
                .as_str()
                .unwrap()
                .replacen('/', "-", 1)
        })
        .collect();
    let others = ["package", "ImplementationGuide-dk.kronikerpakker.fhir"];
    let held = package
        .keys()
        .filter(|name| !others.contains(&name.as_str()))
        .cloned();
    assert_eq!(
        listed,
        held.chain(folder("profiles/package/example").into_keys())
            .collect()
    );
}
