//! Every structure of the core package, of this project and of the national package compiles to a
//! tree in which nothing is lost.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use frist::schema::{Definitions, Element, Package, Strength, Structure};
use serde_json::Value;

/// The addresses that the core package names and does not contain: code lists of others.
const CORE_NAMES_WITHOUT_HAVING: [&str; 3] = [
    "http://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5.html#table_B.5-1",
    "http://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_29.html",
    "http://www.rsna.org/RadLex_Playbook.aspx",
];
const CORE_NAMES_IN_ANOTHER_VERSION: &str = "http://loinc.org/vs/LL379-9|4.0.1";

/// The addresses that dk-core takes from packages that it depends on.
const DK_CORE_NAMES_WITHOUT_HAVING: [&str; 5] = [
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.version",
    "http://hl7.org/fhir/StructureDefinition/address-official",
    "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.EntryUUID.Identifier",
    "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.UniqueIdIdentifier",
    "https://profiles.ihe.net/ITI/MHD/ValueSet/DocumentReferenceStats",
];

/// The findings in the structures of a package.
#[derive(Default)]
struct Survey {
    structures: usize,
    elements: usize,
    /// Addresses that are named and not known.
    unknown: BTreeSet<String>,
    /// Mistakes in a tree.
    wrong: Vec<String>,
}

fn survey(definitions: &Definitions, package: &Package) -> Survey {
    let mut survey = Survey::default();
    for text in &package.definitions {
        let source: Value = text.parse().unwrap();
        let published = source["snapshot"]["element"].as_array();
        let (Some("StructureDefinition"), Some(published)) =
            (source["resourceType"].as_str(), published)
        else {
            continue;
        };
        let structure = definitions
            .structure(source["url"].as_str().unwrap())
            .unwrap();
        survey.structures += 1;
        survey.elements += structure.elements.len();
        let ids: Vec<_> = structure
            .elements
            .iter()
            .map(|element| &*element.id)
            .collect();
        let published: Vec<_> = published
            .iter()
            .map(|element| element["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, published, "{}", structure.url);
        let mut met = vec![0; structure.elements.len()];
        for element in &structure.elements {
            for part in element.children.iter().chain(&element.slices) {
                met[*part] += 1;
            }
            survey.unknown.extend(unknown(definitions, element));
            survey.wrong.extend(
                wrong(definitions, structure, element)
                    .map(|what| format!("{}: {}: {what}", structure.url, element.id)),
            );
        }
        assert!(
            met[1..].iter().all(|met| *met == 1),
            "{}: {met:?}",
            structure.url
        );
    }
    survey
}

/// Returns the addresses that an element names and that are not known.
fn unknown(definitions: &Definitions, element: &Element) -> Vec<String> {
    let profiles = element
        .types
        .iter()
        .flat_map(|kind| kind.profiles.iter().chain(&kind.target_profiles));
    let profiles = profiles.filter(|profile| definitions.structure(profile).is_none());
    let binding = element
        .binding
        .as_ref()
        .filter(|binding| binding.strength >= Strength::Extensible)
        .map(|binding| &binding.value_set);
    let value_sets = binding
        .into_iter()
        .filter(|value_set| definitions.value_set(value_set).is_none());
    profiles
        .chain(value_sets)
        .map(|url| url.to_string())
        .collect()
}

/// Returns the mistakes of an element as a part of a tree.
fn wrong<'a>(
    definitions: &Definitions,
    structure: &'a Structure,
    element: &'a Element,
) -> impl Iterator<Item = &'static str> {
    let keys: BTreeSet<_> = element.keys.iter().map(|(key, _, _)| key).collect();
    let is_root = !element.id.contains('.');
    let names = |of: &Structure, element: &Element| -> BTreeSet<String> {
        element
            .children
            .iter()
            .map(|child| of.elements[*child].name.to_string())
            .collect()
    };
    let of_type = match &*element.types {
        [only] if !is_root && !element.children.is_empty() => {
            definitions.type_structure(&only.code)
        }
        _ => None,
    };
    let found = [
        (
            keys.len() < element.keys.len(),
            "two children have the same key",
        ),
        (
            !is_root && element.types.is_empty() && element.content_of.is_none(),
            "it has no type",
        ),
        (
            element.types.iter().any(|kind| kind.type_id.is_none()),
            "its type is not known",
        ),
        (
            !element.slices.is_empty() && element.slicing.is_none(),
            "it has slices and does not say how they are told apart",
        ),
        (
            element
                .constraints
                .iter()
                .any(|constraint| constraint.expression.is_empty()),
            "a rule has no expression",
        ),
        (
            of_type.is_some_and(|of| {
                !names(of, &of.elements[0]).is_subset(&names(structure, element))
            }),
            "children are missing",
        ),
    ];
    found
        .into_iter()
        .filter(|(is_wrong, _)| *is_wrong)
        .map(|(_, what)| what)
}

#[test]
fn every_structure_of_the_core_package() {
    let published =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz");
    let package = Package::read_tgz(&std::fs::read(published).unwrap()).unwrap();
    let found = survey(&Definitions::core(), &package);
    assert_eq!((found.structures, found.elements), (653, 13021));
    // The pattern of events is no type of anything; its performers lack the parts that every
    // element has.
    assert_eq!(
        found.wrong,
        ["http://hl7.org/fhir/StructureDefinition/Event: Event.performer: children are missing"]
    );
    let expected = CORE_NAMES_WITHOUT_HAVING
        .into_iter()
        .chain([CORE_NAMES_IN_ANOTHER_VERSION]);
    assert_eq!(found.unknown, expected.map(str::to_owned).collect());
}

#[test]
fn every_structure_of_dk_core() {
    let Some(file) = std::env::var_os("FRIST_DK_CORE") else {
        // Written straight to the stream: the test harness swallows what a passing test prints.
        writeln!(
            std::io::stderr(),
            "SKIPPED: FRIST_DK_CORE does not name the package hl7.fhir.dk.core"
        )
        .unwrap();
        return;
    };
    let package = Package::read_tgz(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(package.name, "hl7.fhir.dk.core.r4");
    let definitions = Definitions::core().with(&package).unwrap();
    assert_eq!(definitions.left_out(), []);
    let found = survey(&definitions, &package);
    assert_eq!((found.structures, found.elements), (34, 1544));
    assert_eq!(found.wrong, [""; 0]);
    assert_eq!(
        found.unknown,
        DK_CORE_NAMES_WITHOUT_HAVING.map(str::to_owned).into()
    );
    for (system, code) in [
        ("http://hl7.org/fhir/administrative-gender", "male"),
        ("http://hl7.org/fhir/request-status", "revoked"),
    ] {
        assert!(
            definitions.displays(system, code).len() > 1,
            "{system} {code}: no Danish name"
        );
    }
}

#[test]
fn every_rule_of_the_core_package_can_be_evaluated() {
    assert_eq!(Definitions::core().unevaluated(), []);
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_told() {
    let profile = serde_json::json!({"resourceType": "StructureDefinition", "url": "http://x/p", "type": "Patient", "derivation": "constraint",
        "contextInvariant": [""],
        "snapshot": {"element": [{"path": "Patient", "constraint": [{"key": "in-words", "human": "be nice"}, {"key": "ok", "expression": "true"}]}]}});
    let package = Package::from_definitions("test", "1", vec![profile.to_string().into()]);
    let found = Definitions::core().with(&package).unwrap().unevaluated();
    let found = found.iter().filter(|rule| rule.structure == "http://x/p");
    let found: Vec<_> = found.map(|rule| (&*rule.key, &*rule.why)).collect();
    assert_eq!(
        found,
        [
            ("in-words", "the rule has no expression"),
            ("contextInvariant", "the rule has no expression")
        ]
    );
}
