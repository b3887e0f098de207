//! Carrying out a FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>).

use serde_json::Value;

use super::context::PatchContext;
use super::depth::{depth, too_deep};
use super::elements::{
    self, ElementPlace, Pair, PlaceToken, found, insert_item, is_item, length, move_item, name_of,
    object_at, place_of, put, set, set_item, slot,
};
use super::given::Given;
use super::operation::{PatchChange, PatchOperation};
use crate::fhir::json::DEPTH_MAX;
use crate::fhir::{Issue, IssueCode};
use crate::fhirpath::{Environment, Expression, Item, Model, Node};
use crate::schema::Definitions;

/// Carries out all operations in their order.
///
/// # Errors
/// The reason why the first one that fails cannot be carried out.
pub(super) fn apply(
    operations: &[PatchOperation],
    resource: &mut Value,
    context: PatchContext<'_>,
) -> Result<(), Issue> {
    for operation in operations {
        let done = carry_out(operation, resource, context);
        let done = done.and_then(|()| {
            if depth(resource) > DEPTH_MAX {
                Err(too_deep())
            } else {
                Ok(())
            }
        });
        done.map_err(|text| Issue::error(IssueCode::Processing, operation.place(), text))?;
    }
    Ok(())
}

fn carry_out(
    operation: &PatchOperation,
    resource: &mut Value,
    context: PatchContext<'_>,
) -> Result<(), String> {
    let definitions = context.definitions;
    let nodes = evaluate(&operation.path, resource, context)?;
    match &operation.change {
        PatchChange::Add { name, value } => {
            let place = only(resource, &nodes)?;
            add(resource, &place, name, value, definitions)
        }
        PatchChange::Insert {
            index,
            value,
            in_nothing,
        } => match (nodes.is_empty(), in_nothing) {
            (true, Some((above, name))) if *index == 0 => {
                let above = only(resource, &evaluate(above, resource, context)?)?;
                let of = elements::type_at(definitions, resource, &above);
                if !slot(definitions, of, name, value.suffix())?.repeats {
                    return Err("expected a list, found an element that does not repeat".to_owned());
                }
                add(resource, &above, name, value, definitions)
            }
            _ => {
                let list = whole_list(resource, &nodes)?;
                insert(resource, &list, *index, value, definitions)
            }
        },
        // What is not there is deleted already.
        PatchChange::Delete if nodes.is_empty() => Ok(()),
        PatchChange::Delete => {
            let place = only(resource, &nodes)?;
            elements::remove(resource, &place)
        }
        PatchChange::Replace { value } => {
            let place = only(resource, &nodes)?;
            replace(resource, &place, value, definitions)
        }
        PatchChange::Move {
            source,
            destination,
        } => {
            if (*source).max(*destination) >= nodes.len() {
                return Err(
                    "expected source and destination to be indices of the list, found a greater \
                     one"
                    .to_owned(),
                );
            }
            let (above, key) = whole_list(resource, &nodes)?;
            let object = object_at(resource, &above).ok_or(NO_LIST)?;
            move_item(object, &key, *source, *destination);
            Ok(())
        }
    }
}

/// Returns the elements that a path gives.
fn evaluate<'a>(
    path: &'a Expression,
    resource: &'a Value,
    context: PatchContext<'a>,
) -> Result<Vec<Node<'a>>, String> {
    let model = context.definitions;
    let type_id = resource["resourceType"]
        .as_str()
        .and_then(|name| model.type_named(name));
    let root = Node {
        value: Some(resource),
        extras: None,
        type_id,
    };
    let environment = Environment {
        model,
        resource: root,
        root_resource: root,
        extension: None,
        now: Some(context.now),
        resolve: &|_, _| None,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    };
    let items = path
        .evaluate(root, &environment)
        .map_err(|_| "the path cannot be evaluated on the resource".to_owned())?;
    let node = |item| match item {
        Item::Node(node) => Some(node),
        Item::Value(_) => None,
    };
    let nodes: Option<Vec<Node<'a>>> = items.into_iter().map(node).collect();
    nodes.ok_or_else(|| NO_PART.to_owned())
}

const NO_PART: &str =
    "expected the path to give elements of the resource, found a value that it made";

fn only(resource: &Value, nodes: &[Node<'_>]) -> Result<ElementPlace, String> {
    match nodes {
        [node] => place_of(resource, *node).ok_or_else(|| NO_PART.to_owned()),
        [] => Err("expected the path to give one element, found none".to_owned()),
        several => Err(format!(
            "expected the path to give one element, found {}",
            several.len()
        )),
    }
}

fn add(
    resource: &mut Value,
    place: &ElementPlace,
    name: &str,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let of = elements::type_at(definitions, resource, place);
    let member = slot(definitions, of, name, value.suffix())?;
    let pair = value.pair(member.type_id, definitions)?;
    if found(resource, place).is_some_and(Value::is_object) {
        let object = object_at(resource, place).ok_or("expected an element with members")?;
        return put(object, &member.key, member.repeats, pair);
    }
    add_beside(resource, place, &member, pair)
}

/// Adds an extension or an id to a primitive, whose members stand beside it.
fn add_beside(
    resource: &mut Value,
    place: &ElementPlace,
    member: &elements::Member,
    pair: Pair,
) -> Result<(), String> {
    if !matches!(member.key.as_str(), "extension" | "id") {
        return Err(
            "expected 'extension' or 'id', found what a primitive value does not have".to_owned(),
        );
    }
    let (above, key, at) = match place.as_slice() {
        [above @ .., PlaceToken::Key(key), PlaceToken::Index(at)] => (above, key, Some(*at)),
        [above @ .., PlaceToken::Key(key)] => (above, key, None),
        _ => return Err("expected an element that has a name".to_owned()),
    };
    let object = object_at(resource, above).ok_or("expected an element in an object")?;
    let part = |key: &str| {
        object
            .get(key)
            .map(|part| at.map_or(part, |at| &part[at]))
            .filter(|part| !part.is_null())
            .cloned()
    };
    let (value, extras) = (part(key), part(&format!("_{key}")));
    let mut extras = extras
        .and_then(|extras| extras.as_object().cloned())
        .unwrap_or_default();
    put(&mut extras, &member.key, member.repeats, pair)?;
    let whole = (value, Some(Value::Object(extras)));
    match at {
        Some(at) => set_item(object, key, at, whole),
        None => set(object, key, whole),
    }
    Ok(())
}

fn replace(
    resource: &mut Value,
    place: &ElementPlace,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let (above, key, at) = match place.as_slice() {
        [above @ .., PlaceToken::Key(key), PlaceToken::Index(at)] => (above, key, Some(*at)),
        [above @ .., PlaceToken::Key(key)] => (above, key, None),
        _ => return Err("expected a part of the resource, found all of it".to_owned()),
    };
    let of = elements::type_at(definitions, resource, above);
    let member = slot(
        definitions,
        of,
        name_of(definitions, of, key),
        value.suffix(),
    )?;
    let pair = value.pair(member.type_id, definitions)?;
    let object = object_at(resource, above).ok_or("expected an element in an object")?;
    match at {
        Some(at) => set_item(object, key, at, pair),
        None => {
            if member.key != *key {
                set(object, key, (None, None));
            }
            set(object, &member.key, pair);
        }
    }
    Ok(())
}

fn insert(
    resource: &mut Value,
    list: &(ElementPlace, String),
    index: usize,
    value: &Given,
    definitions: &Definitions,
) -> Result<(), String> {
    let (above, key) = list;
    let of = elements::type_at(definitions, resource, above);
    let member = slot(definitions, of, key, value.suffix())?;
    let pair = value.pair(member.type_id, definitions)?;
    let object = object_at(resource, above).ok_or(NO_LIST)?;
    insert_item(object, key, index, pair)
}

const NO_LIST: &str = "expected the path to give all items of one list, found something else";

/// Returns the object and the key of the list that has exactly these items in this order. Only the
/// first is searched for: a list may be long.
fn whole_list(resource: &Value, nodes: &[Node<'_>]) -> Result<(ElementPlace, String), String> {
    let no_list = || NO_LIST.to_owned();
    let place = place_of(resource, *nodes.first().ok_or_else(no_list)?).ok_or_else(no_list)?;
    let [above @ .., PlaceToken::Key(key), PlaceToken::Index(0)] = place.as_slice() else {
        return Err(no_list());
    };
    let object = found(resource, above)
        .and_then(Value::as_object)
        .ok_or_else(no_list)?;
    let is_item = |(at, node): (usize, &Node<'_>)| is_item(object, key, at, *node);
    let all = length(object, key) == nodes.len() && nodes.iter().enumerate().all(is_item);
    if all {
        Ok((above.to_vec(), key.clone()))
    } else {
        Err(no_list())
    }
}
