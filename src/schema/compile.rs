//! From a condensed line to a [`Structure`]: the list of elements becomes a tree with keys.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::condense::{items, text};
use super::structure::{
    Binding, Constraint, ContextKind, Discriminator, DiscriminatorKind, Element, ElementType,
    ExtensionContext, Slicing, SlicingRules, Strength, Structure, StructureKind,
};
use crate::fhirpath::TypeId;

/// What one definition asks of the others.
pub(super) trait OtherDefinitions {
    /// The definition of a data type or resource type.
    fn type_id(&self, name: &str) -> Option<TypeId>;
    /// The rules that the definition of a data type has about every value of it; none for a
    /// resource type.
    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>>;
    /// The constraint as it is shared by all structures.
    fn shared(&self, constraint: Constraint) -> Arc<Constraint>;
}

/// Compiles a condensed line. What a line cannot say (it was made by [`super::condense()`]) is read
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
    connect(&mut elements);
    refer(&mut elements, items(&source, "element"));
    for at in 0..elements.len() {
        elements[at].keys = keys(&elements, at);
    }
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

/// The constraints of a condensed line that stand at its root, as far as they can be read without
/// the rest of the line.
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

/// An element by itself; what connects it with the others comes later.
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

/// Finds the parent of each element, tells slices from children, and gives each its id.
fn connect(elements: &mut [Element]) {
    let mut children = vec![Vec::new(); elements.len()];
    let mut slices = vec![Vec::new(); elements.len()];
    // The element that was last met at each depth.
    let mut open: Vec<usize> = Vec::new();
    for at in 0..elements.len() {
        let depth = elements[at].path.matches('.').count();
        open.truncate(depth);
        if let Some(&parent) = open.last() {
            unshorten(elements, at, &children[parent]);
            let last = elements[at]
                .path
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            let colon = if elements[at].slice_name.is_empty() {
                ""
            } else {
                ":"
            };
            elements[at].id = format!(
                "{}.{last}{colon}{}",
                elements[parent].id, elements[at].slice_name
            )
            .into();
            match sliced(elements, at, &children[parent], &slices) {
                Some(whole) => slices[whole].push(at),
                None => children[parent].push(at),
            }
        }
        open.push(at);
    }
    for (element, (children, slices)) in elements.iter_mut().zip(children.into_iter().zip(slices)) {
        (element.children, element.slices) = (children.into(), slices.into());
    }
}

/// A slice of a choice of types may be written as the key under which it stands (`onsetAge` for
/// `onset[x]:onsetAge`): here all are written in the long way.
fn unshorten(elements: &mut [Element], at: usize, siblings: &[usize]) {
    let name = &elements[at].name;
    let Some(&whole) = siblings
        .iter()
        .find(|sibling| elements[**sibling].choice_keys.contains(name))
    else {
        return;
    };
    let (short, whole_name, whole_path) = (
        name.clone(),
        elements[whole].name.clone(),
        elements[whole].path.clone(),
    );
    let element = &mut elements[at];
    if element.slice_name.is_empty() {
        element.slice_name = short.clone();
    }
    element.choice_keys = Box::new([short]);
    (element.name, element.path, element.is_choice) = (whole_name, whole_path, true);
}

/// The element that this one is a slice of: the sibling of the same name, or one of its slices for
/// `slice/reslice`. A slice that stands alone (some published definitions leave the whole out) is
/// an element like any other.
fn sliced(
    elements: &[Element],
    at: usize,
    siblings: &[usize],
    slices: &[Vec<usize>],
) -> Option<usize> {
    let element = &elements[at];
    if element.slice_name.is_empty() {
        return None;
    }
    let whole = siblings
        .iter()
        .rev()
        .copied()
        .find(|sibling| *elements[*sibling].name == *element.name)?;
    let Some((of, _)) = element.slice_name.rsplit_once('/') else {
        return Some(whole);
    };
    let mut pending = vec![whole];
    while let Some(candidate) = pending.pop() {
        if *elements[candidate].slice_name == *of {
            return Some(candidate);
        }
        pending.extend(&slices[candidate]);
    }
    Some(whole)
}

/// Resolves `contentReference`, which names an element by its id, in profiles after the address of
/// the structure.
fn refer(elements: &mut [Element], sources: &[Value]) {
    for (at, source) in sources.iter().enumerate() {
        if let Some((_, id)) =
            text(source, "contentReference").and_then(|reference| reference.split_once('#'))
        {
            elements[at].content_of = elements.iter().position(|element| *element.id == *id);
        }
    }
}

/// The keys of an element's children, sorted.
fn keys(elements: &[Element], at: usize) -> Box<[(Box<str>, usize, usize)]> {
    let mut keys = Vec::new();
    for (place, child) in elements[at].children.iter().enumerate() {
        let child = &elements[*child];
        if child.is_choice {
            keys.extend(
                child
                    .choice_keys
                    .iter()
                    .enumerate()
                    .map(|(kind, key)| (key.clone(), place, kind)),
            );
        } else {
            keys.push((child.name.clone(), place, 0));
        }
    }
    keys.sort();
    keys.into()
}
