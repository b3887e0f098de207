//! From a resource to its index entries: the expressions of the parameters are evaluated, and the
//! elements that they find are read by `index_values`.

use serde_json::Value;

use super::entry::{IndexEntry, IndexValue};
use super::index_values::EntryCollector;
use super::parameters::{ParameterKind, definitions, parameters_of};
use crate::fhir::{Reference, ResourceType, reference};
use crate::fhirpath::{Environment, Expression, Item, Model, Node, TypeId};

/// The parameter of the entries by which a server finds every resource that names another one: all
/// local references in it.
pub const REFERS_TO: &str = "_ref";

/// The number of this way of reading. It goes up with every change here that gives the same
/// resource other entries: stored entries are then made anew.
const READING: u32 = 3;

/// Returns, for each parameter of a type and for references, a mark of everything by which its
/// entries are made.
pub(super) fn index_marks(resource_type: ResourceType) -> impl Iterator<Item = (String, String)> {
    let text_of = |kind: ParameterKind, expression: &Expression| {
        format!("{} {}", kind.as_str(), expression.text())
    };
    let parameters = parameters_of(resource_type).map(move |parameter| {
        let own = parameter
            .expressions
            .iter()
            .map(|expression| text_of(parameter.kind, expression));
        let parts = parameter
            .components
            .iter()
            .map(|component| text_of(component.kind, &component.expression));
        (parameter.code.to_owned(), mark(own.chain(parts)))
    });
    parameters.chain([(REFERS_TO.to_owned(), mark([]))])
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
    let model = definitions();
    let focus = Node {
        value: Some(resource),
        extras: None,
        type_id: model.type_named(resource_type.as_str()),
    };
    let resolve = |address: &str| {
        type_in(address)
            .and_then(|name| model.type_named(name))
            .map(stand_in)
    };
    let environment = Environment {
        model,
        resource: focus,
        root_resource: focus,
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

/// Returns a node for `resolve()`: nothing is read, since the address says of which type the target
/// is.
fn stand_in<'a>(type_id: TypeId) -> Node<'a> {
    Node {
        value: None,
        extras: None,
        type_id: Some(type_id),
    }
}

/// Returns the type in `Patient/7`, `https://elsewhere.dk/fhir/Patient/7` or
/// `Patient/7/_history/2`.
fn type_in(address: &str) -> Option<&str> {
    let current = address
        .split_once("/_history/")
        .map_or(address, |(current, _)| current);
    let mut parts = current.rsplit('/');
    parts.next()?;
    parts
        .next()
        .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
}
