//! A model of the R4 types for tests, read from the snapshots of the core package.

use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

use frist::fhirpath::{Model, TypeId};
use serde_json::Value;

/// The definitions of the core package that say something in FHIRPath.
pub(super) struct Package {
    pub(super) structures: Vec<Value>,
    pub(super) search_parameters: Vec<Value>,
}

/// Reads a package.
pub(super) fn package(path: &str) -> Package {
    let mut package = Package {
        structures: Vec::new(),
        search_parameters: Vec::new(),
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(
        std::fs::File::open(path).unwrap(),
    ));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let Some(file) = name.strip_prefix("package/") else {
            continue;
        };
        let into = match file.split('-').next() {
            Some("StructureDefinition") => &mut package.structures,
            Some("SearchParameter") => &mut package.search_parameters,
            _ => continue,
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        into.push(serde_json::from_slice(&bytes).unwrap());
    }
    package
}

/// The core package.
pub(super) static CORE: LazyLock<Package> =
    LazyLock::new(|| package("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz"));

/// The types of the core package.
pub(super) static TYPES: LazyLock<Types> = LazyLock::new(|| Types::of(&CORE.structures));

pub(super) struct Types {
    /// Names of the elements of each structure, the first that of the type itself.
    names: Vec<Vec<String>>,
    structures: HashMap<String, u32>,
    bases: HashMap<String, String>,
    keys: HashMap<TypeId, HashMap<String, TypeId>>,
    choices: HashMap<TypeId, HashMap<String, Vec<Box<str>>>>,
}

impl Types {
    fn of(definitions: &[Value]) -> Types {
        let is_type = |definition: &&Value| {
            definition["derivation"] != "constraint" && definition["kind"] != "logical"
        };
        let definitions: Vec<&Value> = definitions.iter().filter(is_type).collect();
        let mut types = Types {
            names: Vec::new(),
            structures: HashMap::new(),
            bases: HashMap::new(),
            keys: HashMap::new(),
            choices: HashMap::new(),
        };
        for (index, definition) in definitions.iter().enumerate() {
            let name = definition["name"].as_str().unwrap();
            types
                .structures
                .insert(name.into(), u32::try_from(index).unwrap());
            if let Some(base) = definition["baseDefinition"].as_str() {
                types
                    .bases
                    .insert(name.into(), base.rsplit('/').next().unwrap().into());
            }
        }
        definitions
            .iter()
            .for_each(|definition| types.add(definition));
        types
    }

    fn add(&mut self, definition: &Value) {
        let structure = u32::try_from(self.names.len()).unwrap();
        let elements = definition["snapshot"]["element"].as_array().unwrap();
        let path = |index: usize| elements[index]["path"].as_str().unwrap();
        let places: HashMap<&str, u32> = (0..elements.len())
            .map(|index| (path(index), u32::try_from(index).unwrap()))
            .collect();
        let mut names = vec![definition["name"].as_str().unwrap().to_owned()];
        for (index, element) in elements.iter().enumerate().skip(1) {
            let (parent, key) = path(index).rsplit_once('.').unwrap();
            let parent = TypeId {
                structure,
                element: places[parent],
            };
            let element_types: Vec<&str> = element["type"]
                .as_array()
                .into_iter()
                .flatten()
                .map(type_code)
                .collect();
            names.push(element_types.first().copied().unwrap_or("Element").into());
            if let Some(name) = key.strip_suffix("[x]") {
                let keys: Vec<String> = element_types
                    .iter()
                    .map(|code| format!("{name}{}{}", code[..1].to_uppercase(), &code[1..]))
                    .collect();
                for (key, code) in keys.iter().zip(&element_types) {
                    let type_id = TypeId {
                        structure: self.structures[*code],
                        element: 0,
                    };
                    self.keys
                        .entry(parent)
                        .or_default()
                        .insert(key.clone(), type_id);
                }
                self.choices
                    .entry(parent)
                    .or_default()
                    .insert(name.into(), keys.into_iter().map(Into::into).collect());
                continue;
            }
            let type_id = match (element["contentReference"].as_str(), element_types.first()) {
                (Some(of), _) => TypeId {
                    structure,
                    element: places[&of[1..]],
                },
                (None, Some(&("BackboneElement" | "Element"))) => TypeId {
                    structure,
                    element: u32::try_from(index).unwrap(),
                },
                (None, code) => TypeId {
                    structure: self.structures[*code.unwrap()],
                    element: 0,
                },
            };
            self.keys
                .entry(parent)
                .or_default()
                .insert(key.into(), type_id);
        }
        self.names.push(names);
    }
}

/// Returns the FHIR type of an element, also where the snapshot has that of FHIRPath.
fn type_code(definition: &Value) -> &str {
    match definition["code"].as_str().unwrap() {
        code if code.contains('/') => definition["extension"][0]["valueUrl"]
            .as_str()
            .unwrap_or("string"),
        code => code,
    }
}

impl Model for Types {
    fn type_named(&self, name: &str) -> Option<TypeId> {
        self.structures.get(name).map(|structure| TypeId {
            structure: *structure,
            element: 0,
        })
    }

    fn name(&self, type_id: TypeId) -> &str {
        &self.names[type_id.structure as usize][type_id.element as usize]
    }

    fn is_a(&self, type_id: TypeId, name: &str) -> bool {
        std::iter::successors(Some(self.name(type_id)), |name| {
            self.bases.get(*name).map(String::as_str)
        })
        .any(|own| own == name)
    }

    fn key_type(&self, of: TypeId, key: &str) -> Option<TypeId> {
        self.keys.get(&of)?.get(key).copied()
    }

    fn choice_keys(&self, of: TypeId, name: &str) -> Option<&[Box<str>]> {
        self.choices.get(&of)?.get(name).map(Vec::as_slice)
    }
}
