//! From a condensed line to a [`Structure`]: the list of elements becomes a tree with keys.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::definition_json::{items, text};
use super::element_tree;
use super::structure::{
    Binding, Constraint, ContextKind, Discriminator, DiscriminatorKind, Element, ElementType,
    ExtensionContext, Slicing, SlicingRules, Strength, Structure, StructureKind,
};
use crate::fhirpath::TypeId;

/// The questions that one definition asks of the others.
pub(super) trait OtherDefinitions {
    /// Returns the type of a data type or resource type.
    fn type_id(&self, name: &str) -> Option<TypeId>;
    /// Returns the rules of a data type that hold for every value of it; none for a resource type.
    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>>;
    /// Returns the constraint as it is shared by all structures.
    fn shared(&self, constraint: Constraint) -> Arc<Constraint>;
}

/// Compiles a condensed line. Values that a line made by [`super::condense()`] cannot hold are read
/// as absent.
pub(super) fn structure(line: &str, around: &dyn OtherDefinitions) -> Structure {
    // `parse` rather than `from_str`: it is compiled with serde_json, which is optimized where this
    // crate may not be.
    let source: Value = line.parse().unwrap_or_default();
    let own: Vec<_> = items(&source, "constraint")
        .iter()
        .map(|source| around.shared(constraint(source)))
        .collect();
    let mut elements: Vec<_> = items(&source, "element")
        .iter()
        .map(|source| element(source, &own, around))
        .collect();
    let url = text(&source, "url").unwrap_or_default();
    element_tree::build(&mut elements, items(&source, "element"), url);
    Structure {
        url: boxed(&source, "url"),
        version: boxed(&source, "version"),
        type_name: boxed(&source, "type"),
        kind: match text(&source, "kind") {
            Some("primitive-type") => StructureKind::PrimitiveType,
            Some("complex-type") => StructureKind::ComplexType,
            Some("resource") => StructureKind::Resource,
            _ => StructureKind::Logical,
        },
        is_constraint: text(&source, "derivation") == Some("constraint"),
        is_abstract: is_true(&source, "abstract"),
        base: boxed(&source, "base"),
        contexts: items(&source, "context").iter().map(context).collect(),
        context_invariants: items(&source, "contextInvariant")
            .iter()
            .map(|source| around.shared(context_invariant(source)))
            .collect(),
        elements: elements.into(),
    }
}

/// Returns the constraints at the root of a condensed line, as far as they can be read without the
/// rest of the line.
pub(super) fn root_constraints(line: &str) -> Vec<Constraint> {
    let Some((head, list)) = line.split_once(",\"constraint\":") else {
        return Vec::new();
    };
    let count = head
        .rsplit_once(",\"rootConstraints\":")
        .and_then(|(_, digits)| digits.parse().ok())
        .unwrap_or(0);
    let list = list
        .split_once(",\"element\":")
        .map_or(list, |(list, _)| list);
    let list: Value = list.parse().unwrap_or_default();
    list.as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .take(count)
        .map(constraint)
        .collect()
}

fn boxed(source: &Value, key: &str) -> Box<str> {
    text(source, key).unwrap_or_default().into()
}

fn boxes(source: &Value, key: &str) -> Box<[Box<str>]> {
    items(source, key)
        .iter()
        .filter_map(Value::as_str)
        .map(Box::from)
        .collect()
}

fn number(source: &Value, key: &str) -> Option<u32> {
    source.get(key)?.as_u64()?.try_into().ok()
}

fn is_true(source: &Value, key: &str) -> bool {
    source.get(key) == Some(&Value::Bool(true))
}

fn constraint(source: &Value) -> Constraint {
    Constraint {
        key: boxed(source, "key"),
        is_error: text(source, "severity") != Some("warning"),
        is_best_practice: is_true(source, "bestPractice"),
        human: boxed(source, "human"),
        expression: boxed(source, "expression"),
        compiled: OnceLock::new(),
    }
}

fn context_invariant(source: &Value) -> Constraint {
    Constraint {
        key: "contextInvariant".into(),
        is_error: true,
        is_best_practice: false,
        human: "the extension may stand only where this holds".into(),
        expression: source.as_str().unwrap_or_default().into(),
        compiled: OnceLock::new(),
    }
}

fn context(source: &Value) -> ExtensionContext {
    let kind = match text(source, "type") {
        Some("extension") => ContextKind::Extension,
        Some("fhirpath") => ContextKind::FhirPath,
        _ => ContextKind::Element,
    };
    ExtensionContext {
        kind,
        expression: boxed(source, "expression"),
    }
}

/// Compiles an element by itself; it is connected with the others later.
fn element(source: &Value, own: &[Arc<Constraint>], around: &dyn OtherDefinitions) -> Element {
    let path = text(source, "path").unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default();
    let name = last.strip_suffix("[x]").unwrap_or(last);
    let types: Box<[_]> = items(source, "type")
        .iter()
        .map(|kind| element_type(kind, around))
        .collect();
    let is_choice = last.len() > name.len();
    let places = items(source, "constraint")
        .iter()
        .filter_map(|place| own.get(usize::try_from(place.as_u64()?).ok()?));
    let mut constraints: Vec<_> = places.cloned().collect();
    if let [only] = &*types {
        let more = around.type_constraints(&only.code);
        constraints.extend(more);
    }
    let mut once: Vec<Arc<Constraint>> = Vec::with_capacity(constraints.len());
    for constraint in constraints {
        if once.iter().all(|known| known.key != constraint.key) {
            once.push(constraint);
        }
    }
    Element {
        id: path.into(),
        path: path.into(),
        name: name.into(),
        slice_name: boxed(source, "sliceName"),
        min: number(source, "min").unwrap_or(0),
        max: match text(source, "max") {
            None => Some(1),
            Some(max) => max.parse().ok(),
        },
        is_array: is_true(source, "array"),
        is_choice,
        choice_keys: if is_choice {
            types
                .iter()
                .map(|kind| choice_key(name, &kind.code))
                .collect()
        } else {
            Box::default()
        },
        types,
        content_of: None,
        content_elsewhere: None,
        fixed: source.get("fixed").cloned(),
        pattern: source.get("pattern").cloned(),
        binding: source.get("binding").and_then(binding),
        max_length: number(source, "maxLength"),
        min_value: source.get("minValue").cloned(),
        max_value: source.get("maxValue").cloned(),
        constraints: once.into(),
        children: Box::default(),
        keys: Box::default(),
        slicing: source.get("slicing").map(slicing),
        slices: Box::default(),
        is_modifier: is_true(source, "isModifier"),
        is_summary: is_true(source, "isSummary"),
        is_attribute: source.get("representation").is_some(),
    }
}

fn choice_key(name: &str, code: &str) -> Box<str> {
    let mut letters = code.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    name.chars()
        .chain(first)
        .chain(letters)
        .collect::<String>()
        .into()
}

fn element_type(source: &Value, around: &dyn OtherDefinitions) -> ElementType {
    let code: Box<str> = source
        .as_str()
        .map_or_else(|| boxed(source, "code"), Box::from);
    ElementType {
        type_id: around.type_id(&code),
        code,
        profiles: boxes(source, "profile"),
        target_profiles: boxes(source, "targetProfile"),
        aggregation: boxes(source, "aggregation"),
        is_of_version: match text(source, "versioning") {
            Some("specific") => Some(true),
            Some("independent") => Some(false),
            _ => None,
        },
    }
}

fn binding(source: &Value) -> Option<Binding> {
    let strength = match text(source, "strength")? {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        _ => Strength::Example,
    };
    Some(Binding {
        strength,
        value_set: boxed(source, "valueSet"),
        max_value_set: text(source, "maxValueSet").map(Box::from),
    })
}

fn slicing(source: &Value) -> Slicing {
    let discriminator = |source: &Value| Discriminator {
        kind: match text(source, "type") {
            Some("pattern") => DiscriminatorKind::Pattern,
            Some("type") => DiscriminatorKind::Type,
            Some("exists") => DiscriminatorKind::Exists,
            Some("profile") => DiscriminatorKind::Profile,
            _ => DiscriminatorKind::Value,
        },
        path: boxed(source, "path"),
    };
    Slicing {
        discriminators: items(source, "discriminator")
            .iter()
            .map(discriminator)
            .collect(),
        rules: match text(source, "rules") {
            Some("closed") => SlicingRules::Closed,
            Some("openAtEnd") => SlicingRules::OpenAtEnd,
            _ => SlicingRules::Open,
        },
        ordered: is_true(source, "ordered"),
    }
}
