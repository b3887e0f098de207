//! From a resource to its index entries: the expressions of the parameters are evaluated, and the
//! elements that they find are read by `index_values`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::codings;
use super::contained::{CONTAINED, ContainedEntry};
use super::entry::{IndexEntry, IndexValue};
use super::index_values::EntryCollector;
use super::parameters::{ParameterKind, definitions, parameters_of};
use crate::fhir::{Reference, ResourceType, reference, view};
use crate::fhirpath::{Environment, Expression, Item, Model, Node, TypeId};

/// The parameter of the entries by which a server finds every resource that names another one: all
/// local references in it.
pub const REFERS_TO: &str = "_ref";

/// The number of this way of reading. It goes up with every change here that gives the same
/// resource other entries: stored entries are then made anew.
const READING: u32 = 5;

/// Returns, for each parameter of a type and for references, a mark of everything by which its
/// entries are made.
pub(super) fn index_marks(resource_type: ResourceType) -> impl Iterator<Item = (String, String)> {
    static OF_CONTAINED: LazyLock<String> = LazyLock::new(|| {
        let of_type =
            |held: &ResourceType| own_marks(*held).map(|(code, own)| format!("{code} {own}"));
        mark(ResourceType::ALL.iter().flat_map(of_type))
    });
    own_marks(resource_type).chain([
        (REFERS_TO.to_owned(), mark([])),
        (CONTAINED.to_owned(), OF_CONTAINED.clone()),
    ])
}

fn own_marks(resource_type: ResourceType) -> impl Iterator<Item = (String, String)> {
    let text_of = |kind: ParameterKind, expression: &Expression| {
        let read_by = match kind {
            ParameterKind::Token => codings::written(),
            _ => String::new(),
        };
        format!("{} {} {read_by}", kind.as_str(), expression.text())
    };
    parameters_of(resource_type).map(move |parameter| {
        let own = parameter
            .expressions
            .iter()
            .map(|expression| text_of(parameter.kind, expression));
        let parts = parameter
            .components
            .iter()
            .map(|component| text_of(component.kind, &component.expression));
        (parameter.code.to_owned(), mark(own.chain(parts)))
    })
}

/// Returns a short name for the texts by which entries are made.
pub(super) fn mark(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, texts.join("\n").as_bytes())
        .simple()
        .to_string();
    format!("{READING}/{}", &id[..16])
}

/// Returns the index entries of a resource.
pub fn index_entries(resource_type: ResourceType, resource: &Value) -> Vec<IndexEntry> {
    let container = Container::of(resource);
    let mut entries = own_entries(resource_type, resource, &container);
    for contained in view::items(&resource["contained"]) {
        let held = contained["resourceType"].as_str().map(str::parse);
        if let (Some(Ok(held)), Some(anchor)) = (held, contained["id"].as_str()) {
            entries.extend(entries_within(held, anchor, contained, &container));
        }
    }
    reference::for_each("", resource, &mut |_, element| {
        if let Reference::Local(key, _) = Reference::read(element) {
            entries.push(IndexEntry::new(
                REFERS_TO,
                IndexValue::Reference(key.to_string()),
            ));
        }
    });
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// Returns the entries by the parameters of a type of a resource, which that one is or contains.
fn own_entries(
    resource_type: ResourceType,
    resource: &Value,
    container: &Container<'_>,
) -> Vec<IndexEntry> {
    let model = definitions();
    let focus = Node {
        value: Some(resource),
        extras: None,
        type_id: model.type_named(resource_type.as_str()),
    };
    let root = Node {
        value: Some(container.value),
        extras: None,
        type_id: container.value["resourceType"]
            .as_str()
            .and_then(|name| model.type_named(name))
            .or(focus.type_id),
    };
    let resolve = |address: &str, _: Option<&Value>| {
        type_in(address, container)
            .and_then(|name| model.type_named(name))
            .map(stand_in)
    };
    let environment = Environment {
        model,
        resource: focus,
        root_resource: root,
        extension: None,
        now: None,
        resolve: &resolve,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    };
    let mut entries = Vec::new();
    for parameter in parameters_of(resource_type) {
        let mut collector = EntryCollector {
            model,
            code: parameter.code,
            entries: &mut entries,
        };
        for expression in &parameter.expressions {
            for item in expression.items(focus, &environment) {
                match (parameter.kind, &item) {
                    (ParameterKind::Composite, Item::Node(node)) => {
                        collector.composite(parameter, *node, &environment);
                    }
                    _ => collector.item(parameter.kind, &item),
                }
            }
        }
    }
    entries
}

/// Returns the entries of a contained resource, first that it is there.
fn entries_within(
    resource_type: ResourceType,
    anchor: &str,
    contained: &Value,
    container: &Container<'_>,
) -> Vec<IndexEntry> {
    let of = |parameter, value| ContainedEntry {
        anchor,
        resource_type: resource_type.as_str(),
        parameter,
        value,
    };
    let own = own_entries(resource_type, contained, container);
    let with_values = own
        .iter()
        .map(|entry| of(entry.parameter.as_str(), Some(&entry.value)).entry());
    [of("", None).entry()]
        .into_iter()
        .chain(with_values)
        .collect()
}

/// Returns a node for `resolve()`: nothing is read, since the address says of which type the target
/// is.
fn stand_in<'a>(type_id: TypeId) -> Node<'a> {
    Node {
        value: None,
        extras: None,
        type_id: Some(type_id),
    }
}

/// A resource, and the types of those that it contains by their ids: they may be many, and each be
/// named.
struct Container<'a> {
    value: &'a Value,
    types: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Container<'a> {
    fn of(value: &'a Value) -> Self {
        let mut types = HashMap::new();
        for contained in view::items(&value["contained"]) {
            if let Some(id) = contained["id"].as_str() {
                let name = contained["resourceType"].as_str();
                types.entry(id).or_insert(name);
            }
        }
        Container { value, types }
    }
}

/// Returns the type in `Patient/7`, `https://elsewhere.dk/fhir/Patient/7` or
/// `Patient/7/_history/2`; of `#x` that of the contained resource.
fn type_in<'a>(address: &'a str, container: &Container<'a>) -> Option<&'a str> {
    if let Some(anchor) = address.strip_prefix('#') {
        return container.types.get(anchor).copied().flatten();
    }
    let current = address
        .split_once("/_history/")
        .map_or(address, |(current, _)| current);
    let mut parts = current.rsplit('/');
    parts.next()?;
    parts
        .next()
        .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}
