//! Elements in the JSON of FHIR: their places, and their coming and going together with what stands
//! beside them (`given` and `_given`).

use serde_json::{Map, Value};

use crate::fhirpath::{Model, Node, TypeId};
use crate::schema::Definitions;

/// A step on the way to an element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum PlaceToken {
    Key(String),
    Index(usize),
}

/// An element as it stands in JSON: the value, and what stands beside a primitive one.
pub(super) type Pair = (Option<Value>, Option<Value>);

/// The way from the resource to an element.
pub(super) type ElementPlace = Vec<PlaceToken>;

/// Finds the place of an element; none if it is no part of the resource.
pub(super) fn place_of(resource: &Value, node: Node<'_>) -> Option<ElementPlace> {
    let mut place = ElementPlace::new();
    match (node.value, node.extras) {
        (Some(value), _) => locate(resource, value, &mut place).then_some(place),
        (None, Some(extras)) => {
            if !locate(resource, extras, &mut place) {
                return None;
            }
            // The element itself stands under the key without the line.
            let key = place.iter_mut().rev().find_map(|token| {
                if let PlaceToken::Key(key) = token {
                    Some(key)
                } else {
                    None
                }
            })?;
            *key = key.strip_prefix('_')?.to_owned();
            Some(place)
        }
        (None, None) => None,
    }
}

fn locate(value: &Value, sought: &Value, place: &mut ElementPlace) -> bool {
    if std::ptr::eq(value, sought) {
        return true;
    }
    let mut within = |token, inner| {
        place.push(token);
        let found = locate(inner, sought, place);
        if !found {
            place.pop();
        }
        found
    };
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(key, member)| within(PlaceToken::Key(key.clone()), member)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .any(|(at, item)| within(PlaceToken::Index(at), item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns the value at a place.
pub(super) fn found<'a>(resource: &'a Value, place: &[PlaceToken]) -> Option<&'a Value> {
    place.iter().try_fold(resource, |value, token| match token {
        PlaceToken::Key(key) => value.get(key),
        PlaceToken::Index(at) => value.get(at),
    })
}

/// Returns the object at a place.
pub(super) fn object_at<'a>(
    resource: &'a mut Value,
    place: &[PlaceToken],
) -> Option<&'a mut Map<String, Value>> {
    let found = place.iter().try_fold(resource, |value, token| match token {
        PlaceToken::Key(key) => value.get_mut(key),
        PlaceToken::Index(at) => value.get_mut(at),
    });
    found?.as_object_mut()
}

/// Returns the type of the value at a place.
pub(super) fn type_at(
    definitions: &Definitions,
    resource: &Value,
    place: &[PlaceToken],
) -> Option<TypeId> {
    let own = |value: &Value| {
        value["resourceType"]
            .as_str()
            .and_then(|name| definitions.type_named(name))
    };
    let (mut value, mut type_id) = (resource, own(resource));
    for token in place {
        (value, type_id) = match token {
            PlaceToken::Key(key) => (
                &value[key],
                type_id.and_then(|type_id| {
                    definitions.key_type(type_id, key.strip_prefix('_').unwrap_or(key))
                }),
            ),
            PlaceToken::Index(at) => (&value[at], type_id),
        };
        type_id = own(value).or(type_id);
    }
    type_id
}

/// A member that an object can have.
pub(super) struct Member {
    /// Its key in JSON.
    pub(super) key: String,
    /// True if it stands in an array.
    pub(super) repeats: bool,
    /// Its type.
    pub(super) type_id: Option<TypeId>,
}

/// Returns the member of that name in an object of a type; for a choice of types the one for a
/// value of the type with that suffix.
pub(super) fn slot(
    definitions: &Definitions,
    of: Option<TypeId>,
    name: &str,
    suffix: &str,
) -> Result<Member, String> {
    let none = || "expected the name of an element that can stand there, found another".to_owned();
    let of = of.ok_or_else(none)?;
    let member = |key: String| Member {
        repeats: definitions.repeats(of, &key),
        type_id: definitions.key_type(of, &key),
        key,
    };
    if let Some(choices) = definitions.choice_keys(of, name) {
        let key = format!("{name}{suffix}");
        let wrong =
            || "expected a value of a type that the element can have, found another".to_owned();
        return choices
            .iter()
            .any(|choice| **choice == *key)
            .then(|| member(key))
            .ok_or_else(wrong);
    }
    definitions
        .key_type(of, name)
        .map(|_| member(name.to_owned()))
        .ok_or_else(none)
}

/// Returns the name of the element that stands under a key: of a choice of types without the type.
pub(super) fn name_of<'k>(definitions: &Definitions, of: Option<TypeId>, key: &'k str) -> &'k str {
    let ends = key
        .char_indices()
        .filter(|(_, letter)| letter.is_ascii_uppercase())
        .map(|(at, _)| at);
    let is_choice = |name: &&str| {
        let choices = of.and_then(|of| definitions.choice_keys(of, name));
        choices.is_some_and(|choices| choices.iter().any(|choice| **choice == *key))
    };
    ends.map(|end| &key[..end]).find(is_choice).unwrap_or(key)
}

/// Adds a member to an object: at the end of its array, or as a member that was not there.
pub(super) fn put(
    object: &mut Map<String, Value>,
    key: &str,
    repeats: bool,
    pair: Pair,
) -> Result<(), String> {
    let beside = format!("_{key}");
    if repeats {
        let at = length(object, key);
        return insert_item(object, key, at, pair);
    }
    if object.contains_key(key) || object.contains_key(&beside) {
        return Err(
            "expected an element that is not there yet, or one that repeats: use 'replace'"
                .to_owned(),
        );
    }
    set(object, key, pair);
    Ok(())
}

/// Sets a member of an object.
pub(super) fn set(object: &mut Map<String, Value>, key: &str, (value, extras): Pair) {
    for (key, part) in [(key.to_owned(), value), (format!("_{key}"), extras)] {
        match part {
            Some(part) => drop(object.insert(key, part)),
            None => drop(object.shift_remove(&key)),
        }
    }
}

/// Counts the items of an element.
pub(super) fn length(object: &Map<String, Value>, key: &str) -> usize {
    let items = |key: &str| {
        object
            .get(key)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    items(key).max(items(&format!("_{key}")))
}

/// Tells whether the element is the item at that place of a list.
pub(super) fn is_item(object: &Map<String, Value>, key: &str, at: usize, node: Node<'_>) -> bool {
    let (part, key) = if node.value.is_some() {
        (node.value, key.to_owned())
    } else {
        (node.extras, format!("_{key}"))
    };
    let item = object.get(&key).and_then(|items| items.get(at));
    part.zip(item)
        .is_some_and(|(part, item)| std::ptr::eq(part, item))
}

/// Changes the items of an element, and what stands beside them in step.
fn edit_items(object: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Vec<Pair>)) {
    let beside = format!("_{key}");
    let is_there = |value: &Value| !value.is_null();
    let take = |object: &Map<String, Value>, key: &str| {
        object
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let (values, extras) = (take(object, key), take(object, &beside));
    let item = |at: usize| {
        (
            values.get(at).cloned().filter(is_there),
            extras.get(at).cloned().filter(is_there),
        )
    };
    let mut items: Vec<Pair> = (0..values.len().max(extras.len())).map(item).collect();
    change(&mut items);
    let column = |part: fn(&Pair) -> &Option<Value>| {
        let any = items.iter().any(|item| part(item).is_some());
        any.then(|| {
            Value::Array(
                items
                    .iter()
                    .map(|item| part(item).clone().unwrap_or(Value::Null))
                    .collect(),
            )
        })
    };
    let pair = (column(|item| &item.0), column(|item| &item.1));
    set(object, key, pair);
}

/// Puts an item before the one at that place, or at the end.
pub(super) fn insert_item(
    object: &mut Map<String, Value>,
    key: &str,
    at: usize,
    pair: Pair,
) -> Result<(), String> {
    if at > length(object, key) {
        return Err(
            "expected an index of the list, or the one behind its end, found a greater one"
                .to_owned(),
        );
    }
    edit_items(object, key, |items| items.insert(at, pair));
    Ok(())
}

/// Sets the item at that place, which is there.
pub(super) fn set_item(object: &mut Map<String, Value>, key: &str, at: usize, pair: Pair) {
    edit_items(object, key, |items| items[at] = pair);
}

/// Moves an item; both places are there.
pub(super) fn move_item(object: &mut Map<String, Value>, key: &str, from: usize, to: usize) {
    edit_items(object, key, |items| {
        let item = items.remove(from);
        items.insert(to, item);
    });
}

/// Removes an element, and whatever is empty without it.
pub(super) fn remove(resource: &mut Value, place: &[PlaceToken]) -> Result<(), String> {
    let mut place = place;
    loop {
        let above = match place {
            [] => return Err("expected a part of the resource, found all of it".to_owned()),
            [above @ .., PlaceToken::Key(key), PlaceToken::Index(at)] => {
                let object =
                    object_at(resource, above).ok_or("expected an element in an object")?;
                match key.strip_prefix('_') {
                    // What stands beside an item that stays.
                    Some(bare) if object.contains_key(bare) => {
                        edit_items(object, bare, |items| items[*at].1 = None)
                    }
                    Some(bare) => edit_items(object, bare, |items| drop(items.remove(*at))),
                    None => edit_items(object, key, |items| drop(items.remove(*at))),
                }
                above
            }
            [above @ .., PlaceToken::Key(key)] => {
                let object =
                    object_at(resource, above).ok_or("expected an element in an object")?;
                set(object, key, (None, None));
                above
            }
            [.., PlaceToken::Index(_)] => {
                return Err("expected an element that has a name".to_owned());
            }
        };
        match found(resource, above) {
            Some(Value::Object(members)) if members.is_empty() => place = above,
            _ => return Ok(()),
        }
    }
}
