//! The definitions that are published as data: complete, valid by the R4 definitions, and equal to
//! what the source names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use frist::deadlines::{BusinessStatus, Group, Right};
use serde_json::Value;

/// Returns the definitions of the package, by file name.
fn definitions() -> BTreeMap<String, Value> {
    let files = std::fs::read_dir("profiles/package")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let json = files.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    json.map(|path| {
        let value = frist::fhir::json::parse(&std::fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            value,
        )
    })
    .collect()
}

fn codes_of(code_system: &Value) -> Vec<&str> {
    code_system["concept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|concept| concept["code"].as_str().unwrap())
        .collect()
}

#[test]
fn every_rule_that_the_source_or_a_profile_names_is_published() {
    let definitions = definitions();
    let published: BTreeSet<&str> = codes_of(&definitions["CodeSystem-kp-finding"])
        .into_iter()
        .collect();
    let mut named = BTreeSet::new();
    for definition in definitions
        .values()
        .filter(|definition| definition["resourceType"] == "StructureDefinition")
    {
        let elements = definition["snapshot"]["element"].as_array().unwrap();
        let constraints = elements
            .iter()
            .flat_map(|element| frist::fhir::view::items(&element["constraint"]));
        let keys = constraints.map(|constraint| constraint["key"].as_str().unwrap());
        named.extend(keys.filter(|key| key.starts_with("kp-")).map(str::to_owned));
    }
    let mut folders = vec![Path::new("src").to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else {
                named.extend(rules_in(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let unpublished: Vec<_> = named
        .iter()
        .filter(|rule| !published.contains(rule.as_str()))
        .collect();
    assert!(
        unpublished.is_empty(),
        "add to CodeSystem-kp-finding: {unpublished:?}"
    );
    // The keys by which an intake is refused stand in the page about it.
    let page = std::fs::read_to_string("profiles/intake.md").unwrap();
    let unused: Vec<_> = published
        .iter()
        .filter(|rule| !named.contains(**rule) && !page.contains(&format!("`{rule}`")))
        .collect();
    assert!(
        unused.is_empty(),
        "no source, no profile and no page names these: {unused:?}"
    );
}

/// Returns the text literals in a source file that have the form of a rule's key, as `kp-sr-2`, or
/// are given to `by_rule`.
fn rules_in(source: &str) -> Vec<String> {
    let like_a_rule = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() == 3
            && parts[0] == "kp"
            && parts[2].bytes().all(|byte| byte.is_ascii_digit())
            && !parts[2].is_empty()
    };
    let code = source.split("#[cfg(test)]").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in lines {
        let literals: Vec<&str> = line.split('"').collect();
        for (at, literal) in literals.iter().enumerate().skip(1).step_by(2) {
            if like_a_rule(literal) || literals[at - 1].ends_with("by_rule(") {
                found.push((*literal).to_owned());
            }
        }
    }
    found
}

/// The types of definitions other than profiles and extensions, and rules, which have texts and
/// versions of their own.
const PUBLISHED: &[&str] = &[
    "CodeSystem",
    "ValueSet",
    "SearchParameter",
    "OperationDefinition",
];

fn published() -> Vec<(String, Value)> {
    of_types(PUBLISHED)
}

fn of_types(types: &[&str]) -> Vec<(String, Value)> {
    definitions()
        .into_iter()
        .filter(|(_, value)| types.contains(&value["resourceType"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn every_definition_says_what_it_is_and_whose() {
    let definitions = of_types(&[PUBLISHED, &["StructureDefinition"]].concat());
    assert_eq!(definitions.len(), 20 + 21 + 4 + 4 + 16);
    for (name, value) in &definitions {
        let (kind, id) = (
            value["resourceType"].as_str().unwrap(),
            value["id"].as_str().unwrap(),
        );
        assert_eq!(*name, format!("{kind}-{id}"));
        assert_eq!(
            value["url"],
            format!("https://kronikerpakker.dk/fhir/{kind}/{id}")
        );
        assert_eq!(
            (&value["version"], &value["status"]),
            (&"0.1.0".into(), &"active".into()),
            "{name}"
        );
        assert_eq!(
            (&value["experimental"], &value["publisher"]),
            (&false.into(), &"Frist".into()),
            "{name}"
        );
        assert!(
            value["date"].is_string() && value["description"].is_string(),
            "{name}"
        );
        assert_eq!(
            value["jurisdiction"][0]["coding"][0]["code"], "DK",
            "{name}"
        );
    }
}

#[test]
fn every_code_has_a_definition_two_displays_and_a_value_set() {
    let published: BTreeMap<String, Value> = published().into_iter().collect();
    let code_systems: Vec<_> = published
        .values()
        .filter(|value| value["resourceType"] == "CodeSystem")
        .collect();
    assert_eq!(code_systems.len(), 20);
    for code_system in code_systems {
        let id = code_system["id"].as_str().unwrap();
        let concepts = code_system["concept"].as_array().unwrap();
        // The findings are a fragment, since the rules of other packages are used as codes too.
        let count = if id == "kp-finding" {
            Value::Null
        } else {
            concepts.len().into()
        };
        assert_eq!(code_system["count"], count, "{id}");
        assert_eq!(
            codes_of(code_system)
                .into_iter()
                .collect::<BTreeSet<_>>()
                .len(),
            concepts.len(),
            "{id}"
        );
        for concept in concepts {
            let texts = [
                &concept["display"],
                &concept["definition"],
                &concept["designation"][0]["value"],
            ];
            assert!(
                texts
                    .iter()
                    .all(|text| text.as_str().is_some_and(|text| !text.is_empty())),
                "{id} {concept}"
            );
            assert_eq!(
                concept["designation"][0]["language"], "en",
                "{id} {concept}"
            );
        }
        let value_set = &published[&format!("ValueSet-{id}")];
        assert_eq!(code_system["valueSet"], value_set["url"]);
        assert_eq!(
            value_set["compose"]["include"][0]["system"],
            code_system["url"]
        );
    }
}

#[test]
fn what_tasks_display_is_what_the_code_systems_publish() {
    fn check<T>(
        id: &str,
        words: impl IntoIterator<Item = T>,
        texts: impl Fn(T) -> [&'static str; 3],
    ) {
        let published: BTreeMap<String, Value> = published().into_iter().collect();
        let concepts = published[&format!("CodeSystem-{id}")]["concept"]
            .as_array()
            .unwrap()
            .clone();
        let said: Vec<_> = words.into_iter().map(texts).collect();
        let found: Vec<_> = concepts
            .iter()
            .map(|concept| {
                [
                    &concept["code"],
                    &concept["display"],
                    &concept["designation"][0]["value"],
                ]
            })
            .collect();
        assert_eq!(said, found, "{id}");
    }
    check("kp-right", Right::ALL, |word| {
        [word.code(), word.danish(), word.english()]
    });
    check("kp-target-group", Group::ALL, |word| {
        [word.code(), word.danish(), word.english()]
    });
    check("kp-right-status", BusinessStatus::ALL, |word| {
        [word.code(), word.danish(), word.english()]
    });
}

#[test]
fn every_definition_has_the_structure_that_r4_gives_it() {
    let r4 = r4_elements();
    for (name, value) in published() {
        let mut wrong = Vec::new();
        compare(
            &value,
            value["resourceType"].as_str().unwrap(),
            &r4,
            &mut wrong,
        );
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
    let mut wrong = Vec::new();
    let broken = serde_json::json!({ "resourceType": "ValueSet", "status": ["active"], "compose": { "includes": [] } });
    compare(&broken, "ValueSet", &r4, &mut wrong);
    assert_eq!(
        wrong,
        [
            "ValueSet.status is an array",
            "no element ValueSet.compose.includes",
            "ValueSet.compose.include is missing"
        ]
    );
}

/// An element of the base definition.
struct BaseElement {
    required: bool,
    many: bool,
    /// Its type, if it is one and has elements of its own, or the element whose parts it has.
    of_type: String,
}

/// Returns the elements of the published types and of the data types they use, by path, from the R4
/// core package.
fn r4_elements() -> BTreeMap<String, BaseElement> {
    let types = [PUBLISHED, &["CodeableConcept", "Coding"]].concat();
    let wanted: Vec<String> = types
        .iter()
        .map(|name| format!("package/StructureDefinition-{name}.json"))
        .collect();
    let file = std::fs::File::open("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz").unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut elements = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if !wanted
            .iter()
            .any(|name| entry.path().unwrap() == Path::new(name))
        {
            continue;
        }
        let mut text = Vec::new();
        entry.read_to_end(&mut text).unwrap();
        let definition: Value = serde_json::from_slice(&text).unwrap();
        for element in definition["snapshot"]["element"].as_array().unwrap() {
            let elsewhere = element["contentReference"].as_str();
            let of_type = elsewhere
                .and_then(|reference| reference.strip_prefix('#'))
                .or(element["type"][0]["code"].as_str())
                .unwrap_or_default()
                .to_owned();
            let (required, many) = (element["min"] != 0, element["max"] != "1");
            elements.insert(
                element["path"].as_str().unwrap().to_owned(),
                BaseElement {
                    required,
                    many,
                    of_type,
                },
            );
        }
    }
    assert!(types.iter().all(|name| elements.contains_key(*name)));
    elements
}

/// Adds what an object has that the definition does not, what has another cardinality, and what is
/// missing.
fn compare(
    object: &Value,
    path: &str,
    r4: &BTreeMap<String, BaseElement>,
    wrong: &mut Vec<String>,
) {
    let members = object.as_object().unwrap();
    for (name, member) in members.iter().filter(|(name, _)| *name != "resourceType") {
        let path = format!("{path}.{name}");
        let Some(element) = r4.get(&path) else {
            wrong.push(format!("no element {path}"));
            continue;
        };
        if member.is_array() != element.many {
            wrong.push(format!(
                "{path} is {}an array",
                if element.many { "not " } else { "" }
            ));
        }
        let below = if r4.contains_key(&format!("{path}.id")) {
            &path
        } else {
            &element.of_type
        };
        for item in frist::fhir::view::items(member).filter(|item| item.is_object()) {
            compare(item, below, r4, wrong);
        }
    }
    let children = r4.iter().filter_map(|(child, element)| {
        Some((child, child.strip_prefix(path)?.strip_prefix('.')?, element))
    });
    for (child, name, element) in children {
        if element.required && !name.contains('.') && !members.contains_key(name) {
            wrong.push(format!("{child} is missing"));
        }
    }
}
