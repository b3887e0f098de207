//! From a definition as published to one line with everything that a check needs; texts that no
//! finding repeats are left out.
//!
//! The line is JSON with FHIR's names where it says the same thing. It begins with `resourceType`,
//! `url` and `version` (for a StructureDefinition also `type`, `derivation` and `kind`), so that an
//! index needs no parser. Everything that depends on other definitions is left for later.

use serde_json::{Map, Value, json};

use super::definition_json::{head, items, text};
use super::{code_system, value_set};

/// The reason why a definition cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable {
    /// Its canonical address, or empty.
    pub url: String,
    /// The reason.
    pub why: String,
}

/// The reason of a profile that says only what it changes.
const NO_SNAPSHOT: &str = "it has no snapshot";
/// The reason of a definition that is no profile: of a logical model, or of a new type of resource.
const NEW_TYPE: &str =
    "it defines a type of its own (derivation specialization), which no resource of R4 has";

impl Unusable {
    /// Makes the reason of a definition of a type that R4 does not have.
    pub(super) fn of_new_type(url: &str) -> Self {
        Unusable {
            url: url.to_owned(),
            why: NEW_TYPE.to_owned(),
        }
    }

    /// Tells whether it is a profile that says only what it changes.
    pub fn lacks_snapshot(&self) -> bool {
        self.why == NO_SNAPSHOT
    }

    /// Tells whether it is the definition of a type that R4 does not have.
    pub fn is_new_type(&self) -> bool {
        self.why == NEW_TYPE
    }
}

/// The FHIR type that a FHIRPath system type stands for is told by this extension.
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const SYSTEM_TYPES: &str = "http://hl7.org/fhirpath/System.";
const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
const BEST_PRACTICE: &str =
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";

/// Condenses a published definition to one line; none for a resource that no check reads.
///
/// # Errors
/// A check needs the definition, and it cannot be used as it is.
pub(super) fn condense(definition: &Value) -> Result<Option<String>, Unusable> {
    let condensed = match text(definition, "resourceType") {
        Some("StructureDefinition") => structure(definition),
        Some("CodeSystem") => code_system::condense(definition),
        Some("ValueSet") => Ok(value_set::condense(definition)),
        _ => return Ok(None),
    };
    let url = text(definition, "url").unwrap_or_default();
    let line = condensed.and_then(|condensed| {
        let plain = |key| {
            text(definition, key)
                .is_none_or(|text| !text.contains(['"', '\\']) && !text.contains(char::is_control))
        };
        let headed = plain("url") && plain("version") && !url.is_empty();
        if headed {
            Ok(condensed.to_string())
        } else {
            Err("it has no canonical address that can be read".to_owned())
        }
    });
    line.map(Some).map_err(|why| Unusable {
        url: url.to_owned(),
        why,
    })
}

fn structure(definition: &Value) -> Result<Value, String> {
    if let Some(version) = text(definition, "fhirVersion")
        && !version.starts_with("4.0")
    {
        return Err("it is of another FHIR version than 4.0".to_owned());
    }
    let elements = definition
        .get("snapshot")
        .map_or(&[][..], |snapshot| items(snapshot, "element"));
    if elements.is_empty() {
        let is_profile = text(definition, "derivation") == Some("constraint");
        return Err(if is_profile { NO_SNAPSHOT } else { NEW_TYPE }.to_owned());
    }
    let mut condensed = head(definition, "StructureDefinition");
    for (key, source) in [
        ("type", "type"),
        ("derivation", "derivation"),
        ("kind", "kind"),
        ("base", "baseDefinition"),
    ] {
        condensed.insert(
            key.to_owned(),
            json!(text(definition, source).unwrap_or_default()),
        );
    }
    if definition.get("abstract") == Some(&Value::Bool(true)) {
        condensed.insert("abstract".to_owned(), Value::Bool(true));
    }
    for key in ["context", "contextInvariant"] {
        if let Some(value) = definition.get(key) {
            condensed.insert(key.to_owned(), value.clone());
        }
    }
    let mut constraints = Vec::new();
    let elements = elements
        .iter()
        .map(|source| element(source, &mut constraints))
        .collect::<Result<Vec<_>, _>>()?;
    // The rules for every value of a data type can be read without its elements.
    let of_root = elements
        .first()
        .map_or(0, |root| items(root, "constraint").len());
    condensed.insert("rootConstraints".to_owned(), json!(of_root));
    condensed.insert("constraint".to_owned(), Value::Array(constraints));
    condensed.insert("element".to_owned(), Value::Array(elements));
    Ok(Value::Object(condensed))
}

/// Condenses one element; its constraints become places in the list of all.
fn element(source: &Value, constraints: &mut Vec<Value>) -> Result<Value, String> {
    let path = text(source, "path").ok_or("an element has no path")?;
    let mut element = Map::new();
    let mut put = |key: &str, value: Value| drop(element.insert(key.to_owned(), value));
    put("path", json!(path));
    let max = text(source, "max").unwrap_or("1");
    let base_max = of_base(source, "max").unwrap_or(max);
    let is_true = |key| source.get(key) == Some(&Value::Bool(true));
    for (key, keep) in [
        ("sliceName", true),
        (
            "min",
            source
                .get("min")
                .and_then(Value::as_u64)
                .is_some_and(|min| min > 0),
        ),
        ("max", max != "1"),
        ("contentReference", true),
        ("maxLength", true),
        ("isModifier", is_true("isModifier")),
        ("isSummary", is_true("isSummary")),
        (
            "representation",
            source.get("representation") == Some(&json!(["xmlAttr"])),
        ),
    ] {
        if let Some(value) = source.get(key).filter(|_| keep) {
            put(key, value.clone());
        }
    }
    if let Some(choice) = choice_of(source, path) {
        put("choice", json!(choice));
    }
    if path.contains('.') && !matches!(base_max, "0" | "1") {
        put("array", Value::Bool(true));
    }
    let types: Vec<_> = items(source, "type")
        .iter()
        .map(|kind| element_type(kind, source))
        .collect();
    if !types.is_empty() {
        put("type", Value::Array(types));
    }
    for (prefix, key) in [
        ("fixed", "fixed"),
        ("pattern", "pattern"),
        ("minValue", "minValue"),
        ("maxValue", "maxValue"),
    ] {
        if let Some(value) = typed(source, prefix) {
            put(key, value.clone());
        }
    }
    if let Some(binding) = source.get("binding").and_then(binding) {
        put("binding", binding);
    }
    if let Some(slicing) = source.get("slicing") {
        put("slicing", self::slicing(slicing));
    }
    let places: Vec<_> = items(source, "constraint")
        .iter()
        .map(|constraint| place(constraint, constraints))
        .collect();
    if !places.is_empty() {
        put("constraint", json!(places));
    }
    Ok(Value::Object(element))
}

/// Returns what is said of the element that this one constrains.
fn of_base<'a>(source: &'a Value, key: &str) -> Option<&'a str> {
    text(source.get("base")?, key)
}

/// Returns the name of a choice that is written as the key of one of its types.
fn choice_of<'a>(source: &'a Value, path: &str) -> Option<&'a str> {
    let name = of_base(source, "path")?.rsplit('.').next()?;
    (name.ends_with("[x]") && !path.ends_with("[x]")).then_some(name)
}

/// Returns the value of `fixed[x]` and the like, whatever its type.
fn typed<'a>(source: &'a Value, prefix: &str) -> Option<&'a Value> {
    let is_typed = |key: &str| {
        key.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    source
        .as_object()?
        .iter()
        .find(|(key, _)| is_typed(key))
        .map(|(_, value)| value)
}

/// Condenses a type: to its name alone, if there is nothing more to say about it.
fn element_type(kind: &Value, element: &Value) -> Value {
    let code = fhir_type(kind, element);
    let mut condensed = Map::new();
    for key in ["profile", "targetProfile", "aggregation", "versioning"] {
        if let Some(value) = kind.get(key) {
            condensed.insert(key.to_owned(), value.clone());
        }
    }
    if condensed.is_empty() {
        return json!(code);
    }
    condensed.insert("code".to_owned(), json!(code));
    Value::Object(condensed)
}

/// Returns the FHIR type of an element: published definitions name system types of FHIRPath for
/// `id`, `url` and the values of primitives.
fn fhir_type<'a>(kind: &'a Value, element: &Value) -> &'a str {
    let code = text(kind, "code").unwrap_or_default();
    let Some(system_type) = code.strip_prefix(SYSTEM_TYPES) else {
        return code;
    };
    // The published definitions say `string` for the id of most resources, where the text of the
    // specification says `id`.
    if element.get("base").and_then(|base| text(base, "path")) == Some("Resource.id") {
        return "id";
    }
    let named = items(kind, "extension")
        .iter()
        .find(|extension| text(extension, "url") == Some(FHIR_TYPE));
    named
        .and_then(|extension| text(extension, "valueUrl").or_else(|| text(extension, "valueUri")))
        .unwrap_or(match system_type {
            "Boolean" => "boolean",
            "Integer" => "integer",
            "Decimal" => "decimal",
            "Date" => "date",
            "DateTime" => "dateTime",
            "Time" => "time",
            _ => "string",
        })
}

fn binding(binding: &Value) -> Option<Value> {
    let mut condensed = Map::new();
    condensed.insert("strength".to_owned(), binding.get("strength")?.clone());
    condensed.insert("valueSet".to_owned(), binding.get("valueSet")?.clone());
    let widest = items(binding, "extension")
        .iter()
        .find(|extension| text(extension, "url") == Some(MAX_VALUE_SET));
    if let Some(widest) = widest.and_then(|extension| {
        text(extension, "valueCanonical").or_else(|| text(extension, "valueUri"))
    }) {
        condensed.insert("maxValueSet".to_owned(), json!(widest));
    }
    Some(Value::Object(condensed))
}

fn slicing(slicing: &Value) -> Value {
    let mut condensed = Map::new();
    let discriminator = |source: &Value| json!({"type": text(source, "type").unwrap_or("value"), "path": text(source, "path").unwrap_or("$this")});
    condensed.insert(
        "discriminator".to_owned(),
        items(slicing, "discriminator")
            .iter()
            .map(discriminator)
            .collect(),
    );
    for key in ["rules", "ordered"] {
        if let Some(value) = slicing.get(key) {
            condensed.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(condensed)
}

/// Returns the place of a constraint in the list of the structure, and adds it if it is not there.
fn place(constraint: &Value, constraints: &mut Vec<Value>) -> usize {
    let mut condensed = Map::new();
    for key in ["key", "human", "expression"] {
        condensed.insert(
            key.to_owned(),
            json!(text(constraint, key).unwrap_or_default()),
        );
    }
    if text(constraint, "severity") == Some("warning") {
        condensed.insert("severity".to_owned(), json!("warning"));
    }
    if items(constraint, "extension")
        .iter()
        .any(|extension| text(extension, "url") == Some(BEST_PRACTICE))
    {
        condensed.insert("bestPractice".to_owned(), Value::Bool(true));
    }
    let condensed = Value::Object(condensed);
    constraints
        .iter()
        .position(|known| *known == condensed)
        .unwrap_or_else(|| {
            constraints.push(condensed);
            constraints.len() - 1
        })
}
