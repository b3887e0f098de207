//! Profiles, extensions and packages that tests make for themselves, with full snapshots, as the
//! published ones have.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use frist::schema::{Definitions, Package};
use frist::validation::Validator;
use serde_json::{Map, Value, json};

/// The address under which tests publish.
pub(crate) const PUBLISHED: &str = "http://x.test/StructureDefinition";

/// The types that profiles are made on, and those of which they say more.
const TYPES: &[&str] = &[
    "Observation",
    "Condition",
    "Patient",
    "Extension",
    "Identifier",
    "CodeableConcept",
    "Coding",
    "Reference",
    "Quantity",
    "Period",
    "Annotation",
    "HumanName",
    "Bundle",
    "Composition",
    "Parameters",
    "string",
];

/// The elements of the snapshots of these types, as R4 publishes them.
static SNAPSHOTS: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(|| {
    let file = std::fs::File::open("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz").unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let of =
            |name: &&&str| path == Path::new(&format!("package/StructureDefinition-{name}.json"));
        if let Some(name) = TYPES.iter().find(of) {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let definition: Value = serde_json::from_str(&text).unwrap();
            found.insert(
                (*name).to_owned(),
                definition["snapshot"]["element"]
                    .as_array()
                    .unwrap()
                    .clone(),
            );
        }
    }
    assert_eq!(found.len(), TYPES.len());
    found
});

/// A profile or extension in the making.
pub(crate) struct Profile {
    definition: Map<String, Value>,
    elements: Vec<Value>,
}

impl Profile {
    /// Makes a profile on a type, with the address [`PUBLISHED`]`/id`; it asks for nothing yet.
    pub(crate) fn on(type_name: &str, id: &str) -> Self {
        let is_primitive = type_name.starts_with(|first: char| first.is_ascii_lowercase());
        let kind = if is_primitive {
            "primitive-type"
        } else if SNAPSHOTS[type_name]
            .iter()
            .any(|element| element["path"] == format!("{type_name}.meta"))
        {
            "resource"
        } else {
            "complex-type"
        };
        let definition = json!({
            "resourceType": "StructureDefinition", "url": format!("{PUBLISHED}/{id}"), "version": "1.0.0", "name": "X", "status": "active",
            "fhirVersion": "4.0.1", "kind": kind, "abstract": false, "type": type_name, "derivation": "constraint",
            "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{type_name}"),
        });
        let Value::Object(definition) = definition else {
            unreachable!("it is written as an object")
        };
        Profile {
            definition,
            elements: SNAPSHOTS[type_name].clone(),
        }
    }

    /// Makes an extension that may stand in these elements.
    pub(crate) fn extension(id: &str, contexts: &[&str]) -> Self {
        let contexts: Vec<_> = contexts
            .iter()
            .map(|expression| json!({ "type": "element", "expression": expression }))
            .collect();
        Profile::on("Extension", id)
            .saying("context", json!(contexts))
            .with(
                "Extension.url",
                json!({ "fixedUri": format!("{PUBLISHED}/{id}") }),
            )
    }

    /// Returns the same with one member more of the definition itself.
    pub(crate) fn saying(mut self, member: &str, value: Value) -> Self {
        self.definition.insert(member.to_owned(), value);
        self
    }

    /// Returns the same with more said of the element with that id: of a data type's own elements
    /// too.
    pub(crate) fn with(mut self, id: &str, more: Value) -> Self {
        let at = self.open(id);
        let Value::Object(more) = more else {
            panic!("more of {id} is an object")
        };
        self.elements[at].as_object_mut().unwrap().extend(more);
        self
    }

    /// Returns the same with this element alone after the one with that id, whatever else the type
    /// of the element around it has.
    pub(crate) fn element(mut self, after: &str, element: Value) -> Self {
        let at = self.open(after);
        self.elements.insert(at + 1, element);
        self
    }

    /// Returns the same with one slice more: `sliced` is the id of the element, `name` that of the
    /// slice.
    pub(crate) fn slice(mut self, sliced: &str, name: &str, more: Value) -> Self {
        let at = self.open(sliced);
        let id = format!("{sliced}:{name}");
        let is_below = |element: &&Value| {
            element["id"]
                .as_str()
                .unwrap()
                .strip_prefix(sliced)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let below: Vec<Value> = self.elements.iter().filter(is_below).cloned().collect();
        let mut slice = self.elements[at].clone();
        slice["sliceName"] = name.into();
        slice["min"] = 0.into();
        slice.as_object_mut().unwrap().remove("slicing");
        let mut elements = vec![slice];
        elements.extend(below);
        for element in &mut elements {
            element["id"] = element["id"]
                .as_str()
                .unwrap()
                .replacen(sliced, &id, 1)
                .into();
        }
        let end = self
            .elements
            .iter()
            .rposition(|element| is_at_or_below(element, sliced))
            .unwrap()
            + 1;
        self.elements.splice(end..end, elements);
        self.with(&id, more)
    }

    /// Returns the place of an element; the elements of the type of what it stands in are put in if
    /// they are not there yet.
    fn open(&mut self, id: &str) -> usize {
        if let Some(at) = self.elements.iter().position(|element| element["id"] == id) {
            return at;
        }
        let (around, _) = id
            .rsplit_once('.')
            .unwrap_or_else(|| panic!("no element {id}"));
        let at = self.open(around);
        let path = self.elements[at]["path"].as_str().unwrap().to_owned();
        let type_name = self.elements[at]["type"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned();
        let below = SNAPSHOTS[&type_name][1..].iter().map(|element| {
            let mut element = element.clone();
            for (member, start) in [("id", around), ("path", path.as_str())] {
                let moved = element[member]
                    .as_str()
                    .unwrap()
                    .replacen(&type_name, start, 1);
                element[member] = moved.into();
            }
            element
        });
        self.elements
            .splice(at + 1..at + 1, below.collect::<Vec<_>>());
        self.elements
            .iter()
            .position(|element| element["id"] == id)
            .unwrap_or_else(|| panic!("no element {id}"))
    }

    /// Returns the StructureDefinition.
    pub(crate) fn build(mut self) -> Value {
        self.definition
            .insert("snapshot".to_owned(), json!({ "element": self.elements }));
        Value::Object(self.definition)
    }
}

fn is_at_or_below(element: &Value, id: &str) -> bool {
    let below = element["id"].as_str().unwrap().strip_prefix(id);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
}

/// Makes a validator that has R4, the guide and a package of these definitions, all of which it can
/// use.
pub(crate) fn validator(definitions: impl IntoIterator<Item = Value>) -> Validator {
    let texts = definitions
        .into_iter()
        .map(|definition| definition.to_string().into())
        .collect();
    let package = Package::from_definitions("x.test", "1.0.0", texts);
    let definitions = Definitions::core()
        .with(&Package::guide())
        .unwrap()
        .with(&package)
        .unwrap();
    assert!(
        definitions.left_out().is_empty(),
        "{:?}",
        definitions.left_out()
    );
    Validator::new(definitions)
}
