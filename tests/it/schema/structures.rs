//! Structures as trees: children, slices, types, keys and rules of the core package.

use std::sync::Arc;

use frist::fhirpath::Model;
use frist::schema::{ContextKind, Definitions, Element, Strength, Structure, StructureKind};
use serde_json::json;

fn structure<'a>(definitions: &'a Definitions, name: &str) -> &'a Structure {
    definitions
        .type_structure(name)
        .unwrap_or_else(|| panic!("no type {name}"))
}

pub(super) fn element<'a>(structure: &'a Structure, id: &str) -> &'a Element {
    structure
        .elements
        .iter()
        .find(|element| *element.id == *id)
        .unwrap_or_else(|| panic!("no element {id}"))
}

fn keys(element: &Element) -> Vec<&str> {
    element
        .constraints
        .iter()
        .map(|constraint| &*constraint.key)
        .collect()
}

#[test]
fn the_tree_of_patient() {
    let definitions = Definitions::core();
    let patient = structure(&definitions, "Patient");
    let root = &patient.elements[0];
    assert_eq!(root.children.len(), 24);
    assert_eq!(keys(root), ["dom-2", "dom-3", "dom-4", "dom-5", "dom-6"]);
    let contact = element(patient, "Patient.contact");
    assert!(contact.is_array && contact.max.is_none() && contact.min == 0);
    assert_eq!(keys(contact), ["ele-1", "pat-1"]);
    let names: Vec<_> = contact
        .children
        .iter()
        .map(|child| &*patient.elements[*child].name)
        .collect();
    let expected = [
        "id",
        "extension",
        "modifierExtension",
        "relationship",
        "name",
        "telecom",
        "address",
        "gender",
        "organization",
        "period",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        keys(element(patient, "Patient.contact.period")),
        ["ele-1", "per-1"]
    );
    assert_eq!(&*element(patient, "Patient.id").types[0].code, "id");
    let deceased: Vec<_> = root
        .keys
        .iter()
        .filter(|key| key.0.starts_with("deceased"))
        .map(|key| (&*key.0, key.2))
        .collect();
    assert_eq!(deceased, [("deceasedBoolean", 0), ("deceasedDateTime", 1)]);
}

#[test]
fn what_the_model_answers() {
    let definitions = Definitions::core();
    let named = |name: &str| definitions.type_named(name).unwrap();
    let path = |names: &[&str]| {
        let start = Some(named(names[0]));
        names[1..]
            .iter()
            .fold(start, |of, key| definitions.key_type(of?, key))
            .map(|id| definitions.name(id))
    };
    for (names, expected) in [
        (&["Patient", "contact"][..], Some("BackboneElement")),
        (
            &["Patient", "contact", "name", "period", "start"],
            Some("dateTime"),
        ),
        (&["Patient", "birthDate"], Some("date")),
        (&["Patient", "deceasedDateTime"], Some("dateTime")),
        (&["Patient", "deceased"], None),
        (&["Patient", "contained"], Some("Resource")),
        (&["Bundle", "entry", "link", "relation"], Some("string")),
        (&["Timing", "repeat", "boundsPeriod"], Some("Period")),
        (&["Extension", "url"], Some("uri")),
        (&["Extension", "valueAge", "unit"], Some("string")),
        (
            &["Questionnaire", "item", "item", "item", "linkId"],
            Some("string"),
        ),
        (&["Patient", "surname"], None),
    ] {
        assert_eq!(path(names), expected, "{names:?}");
    }
    for (name, ancestor, expected) in [
        ("Patient", "Resource", true),
        ("Patient", "DomainResource", true),
        ("Bundle", "DomainResource", false),
        ("Age", "Quantity", true),
        ("Age", "Element", true),
        ("code", "string", true),
        ("string", "code", false),
        ("Patient", "Patient", true),
        ("Patient", "Element", false),
    ] {
        assert_eq!(
            definitions.is_a(named(name), ancestor),
            expected,
            "{name} is {ancestor}"
        );
    }
    let contact = definitions.key_type(named("Patient"), "contact").unwrap();
    assert!(definitions.is_a(contact, "BackboneElement") && definitions.is_a(contact, "Element"));
    let onset = definitions
        .choice_keys(named("Condition"), "onset")
        .unwrap();
    assert_eq!(
        onset.iter().map(|key| &**key).collect::<Vec<_>>(),
        [
            "onsetDateTime",
            "onsetAge",
            "onsetPeriod",
            "onsetRange",
            "onsetString"
        ]
    );
    assert_eq!(definitions.choice_keys(named("Condition"), "code"), None);
    assert_eq!(definitions.type_named("Condition.stage"), None);
}

#[test]
fn the_resource_types_are_those_that_can_be_instantiated() {
    let definitions = Definitions::core();
    let names = definitions.resource_names();
    assert_eq!(names.len(), 146);
    assert!(
        names.contains(&"Condition")
            && !names.contains(&"Resource")
            && !names.contains(&"DomainResource")
    );
    assert!(names.iter().all(|name| definitions.is_resource_type(name)));
    assert!(
        ["Resource", "DomainResource", "Quantity", "Event", "x"]
            .iter()
            .all(|name| !definitions.is_resource_type(name))
    );
    assert!(definitions.is_known_type("Quantity") && !definitions.is_known_type("bodyweight"));
}

/// Makes an element of a structure of R4.
fn at<'d>(definitions: &'d Definitions, url: &str, id: &str) -> &'d Element {
    let url = format!("http://hl7.org/fhir/StructureDefinition/{url}");
    element(definitions.structure(&url).unwrap(), id)
}

#[test]
fn what_elements_say() {
    let definitions = Definitions::core();
    let at = |url: &str, id: &str| at(&definitions, url, id);
    let url = at("condition-assertedDate", "Extension.url");
    assert_eq!(
        url.fixed,
        Some(json!(
            "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
        ))
    );
    assert_eq!(
        (
            &*url.types[0].code,
            at("Patient", "Patient.implicitRules").is_modifier,
            url.is_modifier
        ),
        ("uri", true, false)
    );
    let subject = &at("Condition", "Condition.subject").types[0];
    assert_eq!(
        (&*subject.code, subject.target_profiles.len()),
        ("Reference", 2)
    );
    let language = at("Patient", "Patient.language").binding.as_ref().unwrap();
    assert_eq!(
        (language.strength, language.max_value_set.as_deref()),
        (
            Strength::Preferred,
            Some("http://hl7.org/fhir/ValueSet/all-languages")
        )
    );
    let gender = at("Patient", "Patient.gender").binding.as_ref().unwrap();
    assert_eq!(
        (gender.strength, &*gender.value_set),
        (
            Strength::Required,
            "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1"
        )
    );
    let code = at("bp", "Observation.code.coding:BPCode.code");
    assert_eq!(
        (code.min, code.max, code.fixed.as_ref()),
        (1, Some(1), Some(&json!("85354-9")))
    );
}

#[test]
fn what_rules_and_structures_say() {
    let definitions = Definitions::core();
    let at = |url: &str, id: &str| at(&definitions, url, id);
    let practice = at("Patient", "Patient")
        .constraints
        .iter()
        .find(|constraint| &*constraint.key == "dom-6")
        .unwrap();
    assert!(practice.is_best_practice && !practice.is_error);
    assert_eq!(
        at("Age", "Age")
            .constraints
            .iter()
            .filter(|constraint| &*constraint.key == "age-1")
            .count(),
        1
    );
    assert_eq!(
        keys(at("Condition", "Condition.onset[x]")),
        ["ele-1"],
        "each type has its own rules"
    );
    let contexts = &definitions
        .structure("http://hl7.org/fhir/StructureDefinition/condition-assertedDate")
        .unwrap()
        .contexts;
    assert_eq!(
        (contexts.len(), contexts[0].kind, &*contexts[0].expression),
        (1, ContextKind::Element, "Condition")
    );
    let boundaries = definitions
        .structure("http://hl7.org/fhir/StructureDefinition/timing-exact")
        .unwrap();
    assert_eq!(
        (
            boundaries.kind,
            boundaries.is_constraint,
            &*boundaries.type_name
        ),
        (StructureKind::ComplexType, true, "Extension")
    );
}

#[test]
fn a_rule_is_one_object_wherever_it_stands() {
    let definitions = Definitions::core();
    let rule = |type_name: &str, id: &str| {
        let structure = structure(&definitions, type_name);
        element(structure, id)
            .constraints
            .iter()
            .find(|constraint| &*constraint.key == "ele-1")
            .unwrap()
            .clone()
    };
    assert!(Arc::ptr_eq(
        &rule("Patient", "Patient.name"),
        &rule("Condition", "Condition.code")
    ));
}
