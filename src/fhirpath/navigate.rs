//! Steps from an element to its children, over the JSON of FHIR (<https://hl7.org/fhir/R4/json.html>).

use serde_json::{Map, Value};

use super::operand::{Items, Operand};
use super::{Model, Node, TypeId};

/// The most members up to which looking at each is quicker than asking for one by name.
const FEW_MEMBERS: usize = 12;

/// Adds the children of an element that have this name.
pub(super) fn members<'a>(node: Node<'a>, name: &str, model: &'a dyn Model, found: &mut Items<'a>) {
    let object = match (node.value, node.extras) {
        (Some(Value::Object(object)), _) => object,
        (value, extras) => {
            if let Some(Value::Object(extras)) = extras {
                let type_id = node
                    .type_id
                    .and_then(|type_id| model.key_type(type_id, name));
                add(type_id, extras.get(name), None, model, found);
            }
            if name == "value" && value.is_some() {
                found.push(Operand::Node(node));
            }
            return;
        }
    };
    if name == "resourceType" {
        return;
    }
    let (value, extras) = pair(object, name);
    if value.is_some() || extras.is_some() {
        let type_id = node
            .type_id
            .and_then(|type_id| model.key_type(type_id, name));
        return add(type_id, value, extras, model, found);
    }
    let Some((type_id, keys)) = node
        .type_id
        .and_then(|type_id| Some((type_id, model.choice_keys(type_id, name)?)))
    else {
        return;
    };
    for key in object.keys() {
        let bare = key.strip_prefix('_').unwrap_or(key);
        let chosen = bare.len() > name.len()
            && bare.starts_with(name)
            && keys.iter().any(|choice| **choice == *bare);
        // A member under both keys is found by the key without the underscore.
        if !chosen || (bare.len() < key.len() && object.contains_key(bare)) {
            continue;
        }
        let (value, extras) = pair(object, bare);
        add(model.key_type(type_id, bare), value, extras, model, found);
    }
}

/// Returns the value under a key, and the value under the same key after an underscore.
fn pair<'a>(object: &'a Map<String, Value>, name: &str) -> (Option<&'a Value>, Option<&'a Value>) {
    let is_extras =
        |key: &str| key.len() == name.len() + 1 && key.starts_with('_') && key.ends_with(name);
    if object.len() <= FEW_MEMBERS {
        let (mut value, mut extras) = (None, None);
        for (key, member) in object {
            if key == name {
                value = Some(member);
            } else if is_extras(key) {
                extras = Some(member);
            }
        }
        return (value, extras);
    }
    match object.get(name) {
        // A complex element has nothing beside it.
        Some(value @ Value::Object(_)) => (Some(value), None),
        Some(Value::Array(items)) if matches!(items.first(), Some(Value::Object(_))) => {
            (object.get(name), None)
        }
        value => (
            value,
            object
                .iter()
                .find(|(key, _)| is_extras(key))
                .map(|(_, member)| member),
        ),
    }
}

/// Adds all children of an element, in the order of its JSON.
pub(super) fn children<'a>(node: Node<'a>, model: &'a dyn Model, found: &mut Items<'a>) {
    let Some(object) = node
        .value
        .and_then(Value::as_object)
        .or_else(|| node.extras.and_then(Value::as_object))
    else {
        return;
    };
    for (key, value) in object {
        if key == "resourceType" {
            continue;
        }
        let (name, value, extras) = match key.strip_prefix('_') {
            Some(bare) if object.contains_key(bare) => continue,
            Some(bare) => (bare, None, Some(value)),
            None => (key.as_str(), Some(value), pair(object, key).1),
        };
        let type_id = node
            .type_id
            .and_then(|type_id| model.key_type(type_id, name));
        add(type_id, value, extras, model, found);
    }
}

/// Adds an element, or each item of an array with what belongs to it.
fn add<'a>(
    type_id: Option<TypeId>,
    value: Option<&'a Value>,
    extras: Option<&'a Value>,
    model: &'a dyn Model,
    found: &mut Items<'a>,
) {
    let mut one = |value: Option<&'a Value>, extras: Option<&'a Value>| {
        let (value, extras) = (
            value.filter(|value| is_there(value)),
            extras.filter(|extras| is_there(extras)),
        );
        if value.is_some() || extras.is_some() {
            found.push(Operand::Node(typed(
                Node {
                    value,
                    extras,
                    type_id,
                },
                model,
            )));
        }
    };
    let items = |value: Option<&'a Value>| value.and_then(Value::as_array).map(Vec::as_slice);
    match (items(value), items(extras)) {
        (None, None) => one(value, extras),
        (values, beside) => {
            let (values, beside) = (values.unwrap_or_default(), beside.unwrap_or_default());
            for index in 0..values.len().max(beside.len()) {
                one(values.get(index), beside.get(index));
            }
        }
    }
}

/// Returns false for values that count as absent: null, and an element with nothing in it.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    }
}

/// Gives a resource inside another the type that it names.
pub(super) fn typed<'a>(node: Node<'a>, model: &dyn Model) -> Node<'a> {
    let any_resource = node
        .type_id
        .is_none_or(|type_id| matches!(model.name(type_id), "Resource" | "DomainResource"));
    // Most elements are of another type, and then need not be asked.
    if !any_resource {
        return node;
    }
    match resource_type(node) {
        Some(name) => Node {
            type_id: model.type_named(name).or(node.type_id),
            ..node
        },
        None => node,
    }
}

/// Returns the type that a resource names.
pub(super) fn resource_type(node: Node<'_>) -> Option<&str> {
    match node.value {
        Some(Value::Object(object)) => object.get("resourceType").and_then(Value::as_str),
        _ => None,
    }
}
