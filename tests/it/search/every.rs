//! Every parameter finds something: resources are made up from the definitions, with each element
//! in each of its types, and each parameter must be found in one of them. An expression without
//! a result would never be noticed otherwise.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use frist::fhir::ResourceType;
use frist::schema::{Definitions, Element, Structure};
use frist::search::parameters::parameters_of;
use frist::search::{fold, index_entries};
use serde_json::{Map, Value, json};

const DEPTH_MAX: usize = 6;

/// Makes up elements: of each choice the one in this place, round and round.
struct Maker<'d> {
    definitions: &'d Definitions,
    place: usize,
}

impl Maker<'_> {
    fn object(&self, structure: &Structure, element: &Element, depth: usize) -> Value {
        let mut members = Map::new();
        for child in &element.children {
            let child = &structure.elements[*child];
            let is_left_out = matches!(&*child.name, "extension" | "modifierExtension" | "contained" | "id" | "text" if depth == 0 || &*child.name != "text");
            if is_left_out || child.max == Some(0) || depth > DEPTH_MAX {
                continue;
            }
            let Some((key, value)) = self.member(structure, child, depth) else {
                continue;
            };
            members.insert(
                key,
                if child.is_array {
                    json!([value])
                } else {
                    value
                },
            );
        }
        Value::Object(members)
    }

    fn member(
        &self,
        structure: &Structure,
        child: &Element,
        depth: usize,
    ) -> Option<(String, Value)> {
        if !child.is_choice && !child.children.is_empty() {
            return Some((
                child.name.to_string(),
                self.object(structure, child, depth + 1),
            ));
        }
        if let Some(content) = child.content_of {
            return (depth < 3).then(|| {
                (
                    child.name.to_string(),
                    self.object(structure, &structure.elements[content], depth + 2),
                )
            });
        }
        let kind = child.types.get(self.place % child.types.len().max(1))?;
        let key = match child.choice_keys.get(self.place % child.types.len()) {
            Some(key) if child.is_choice => key.to_string(),
            _ => child.name.to_string(),
        };
        let targets: Vec<_> = kind
            .target_profiles
            .iter()
            .filter_map(|profile| profile.rsplit('/').next())
            .collect();
        Some((key, self.value(&kind.code, &targets, child, depth)?))
    }

    fn value(
        &self,
        type_name: &str,
        targets: &[&str],
        element: &Element,
        depth: usize,
    ) -> Option<Value> {
        Some(match type_name {
            "boolean" => json!(true),
            "integer" | "positiveInt" | "unsignedInt" => json!(5),
            "decimal" => json!(5.5),
            "date" | "dateTime" => json!("2027-03-01"),
            "instant" => json!("2027-03-01T09:00:00Z"),
            "time" => json!("09:00:00"),
            "uri" | "url" | "canonical" | "oid" | "uuid" => json!("http://x/y"),
            "code" => json!(self.code(element)),
            "Reference" => {
                let held = ResourceType::ALL[self.place % ResourceType::ALL.len()].as_str();
                let target = targets
                    .get(self.place % targets.len().max(1))
                    .copied()
                    .filter(|target| *target != "Resource");
                json!({"reference": format!("{}/7", target.unwrap_or(held))})
            }
            name if name.starts_with(|first: char| first.is_ascii_lowercase()) => json!("text"),
            name => {
                let structure = self.definitions.type_structure(name)?;
                self.object(structure, &structure.elements[0], depth + 1)
            }
        })
    }

    fn code(&self, element: &Element) -> String {
        let value_set = element
            .binding
            .as_ref()
            .and_then(|binding| self.definitions.value_set(&binding.value_set));
        let mut codes = BTreeSet::new();
        for part in value_set
            .into_iter()
            .flat_map(|value_set| &value_set.include)
        {
            codes.extend(part.codes.iter().flatten().map(|code| code.to_string()));
            let system = self
                .definitions
                .code_system(&part.system)
                .filter(|_| part.codes.is_none());
            codes.extend(
                system
                    .into_iter()
                    .flat_map(|system| &system.concepts)
                    .map(|concept| concept.code.to_string()),
            );
        }
        codes
            .iter()
            .nth(self.place % codes.len().max(1))
            .cloned()
            .unwrap_or_else(|| "x".to_owned())
    }
}

/// Returns the elements found by extensions, which no definition of a type has.
fn with_extensions(mut resource: Value) -> Value {
    let url = |id: &str| match id {
        "kp-target-group" | "kp-forecast" => {
            format!("https://kronikerpakker.dk/fhir/StructureDefinition/{id}")
        }
        id => format!("http://hl7.org/fhir/StructureDefinition/{id}"),
    };
    resource["extension"] = json!([
        {"url": url("kp-target-group"), "valueCodeableConcept": {"coding": [{"code": "copd"}]}},
        {"url": url("kp-forecast"), "valueCode": "unbooked"},
        {"url": url("patient-mothersMaidenName"), "valueString": "Ås"},
    ]);
    resource
}

/// Makes a resource that has everything of its type, of each choice the one in that place.
pub(super) fn made_up(resource_type: ResourceType, place: usize) -> Value {
    static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::core);
    let maker = Maker {
        definitions: &DEFINITIONS,
        place,
    };
    let structure = DEFINITIONS.type_structure(resource_type.as_str()).unwrap();
    with_extensions(maker.object(structure, &structure.elements[0], 0))
}

#[test]
fn every_parameter_of_every_type_is_found_in_a_resource_that_has_everything() {
    let definitions = Definitions::core();
    let mut checked = 0;
    for resource_type in ResourceType::ALL {
        let structure = definitions.type_structure(resource_type.as_str()).unwrap();
        let mut found = BTreeSet::new();
        for place in 0..ResourceType::ALL.len() {
            let maker = Maker {
                definitions: &definitions,
                place,
            };
            let mut resource = with_extensions(maker.object(structure, &structure.elements[0], 0));
            resource["resourceType"] = resource_type.as_str().into();
            found.extend(
                index_entries(*resource_type, &resource)
                    .into_iter()
                    .map(|entry| entry.parameter),
            );
        }
        let missing: Vec<_> = parameters_of(*resource_type)
            .map(|parameter| parameter.code)
            .filter(|code| !found.contains(*code))
            .collect();
        assert_eq!(missing, [""; 0], "{resource_type}");
        checked += parameters_of(*resource_type).count();
    }
    assert!(checked > 400, "{checked}");
}

#[test]
fn a_text_is_folded_once() {
    for text in ["Åse", "É", "ǻ", "İstanbul", "ﬁ", "a\u{30a}", "ß  x"] {
        assert_eq!(fold(&fold(text)), fold(text), "{text}");
    }
}
