//! The places of a resource: every object, array and value in it, and edits there.

use serde_json::{Map, Value};

/// One step down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Member(String),
    Item(usize),
}

/// A place in a resource.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) steps: Vec<Step>,
    pub(crate) value: &'a Value,
}

impl Place<'_> {
    /// Returns a path as `Condition.code.coding[0]`.
    pub(crate) fn path(&self, kind: &str) -> String {
        let mut path = kind.to_owned();
        for step in &self.steps {
            match step {
                Step::Member(name) => path.extend([".", name]),
                Step::Item(at) => path += &format!("[{at}]"),
            }
        }
        path
    }

    /// Returns the name of the element: of an item that of its array.
    pub(crate) fn element(&self) -> &str {
        let names = self.steps.iter().rev().filter_map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Item(_) => None,
        });
        names.into_iter().next().unwrap_or_default()
    }

    /// Returns the member of an object that it is; not an item of an array, and not the resource.
    pub(crate) fn member(&self) -> Option<&str> {
        match self.steps.last() {
            Some(Step::Member(name)) => Some(name),
            Some(Step::Item(_)) | None => None,
        }
    }

    /// Tells whether it is an item of an array.
    pub(crate) fn is_item(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Item(_)))
    }
}

/// Returns all places, the resource itself first, in the order of its text.
pub(crate) fn places(resource: &Value) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    collect(
        Place {
            steps: Vec::new(),
            value: resource,
        },
        &mut found,
    );
    found
}

fn collect<'a>(place: Place<'a>, found: &mut Vec<Place<'a>>) {
    let below = |step: Step| place.steps.iter().cloned().chain([step]).collect();
    let children: Vec<Place<'a>> = match place.value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| Place {
                steps: below(Step::Member(name.clone())),
                value,
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| Place {
                steps: below(Step::Item(at)),
                value,
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    found.push(place);
    children.into_iter().for_each(|child| collect(child, found));
}

/// Returns the value at a place.
pub(crate) fn at<'a>(resource: &'a mut Value, steps: &[Step]) -> Option<&'a mut Value> {
    steps.iter().try_fold(resource, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Item(at) => value.get_mut(at),
    })
}

/// Returns the resource with another value at a place.
pub(crate) fn replaced(resource: &Value, steps: &[Step], value: Value) -> Value {
    let mut copy = resource.clone();
    if let Some(target) = at(&mut copy, steps) {
        *target = value;
    }
    copy
}

/// Returns the resource without what is at a place.
pub(crate) fn removed(resource: &Value, steps: &[Step]) -> Value {
    let mut copy = resource.clone();
    if let Some((last, above)) = steps.split_last() {
        match (at(&mut copy, above), last) {
            (Some(Value::Object(members)), Step::Member(name)) => {
                members.shift_remove(name);
            }
            (Some(Value::Array(items)), Step::Item(at)) if *at < items.len() => {
                items.remove(*at);
            }
            _ => {}
        }
    }
    copy
}

/// Returns the resource with a member put into the object at a place, in place of the one of that
/// name.
pub(crate) fn with_member(resource: &Value, steps: &[Step], name: &str, value: Value) -> Value {
    let mut copy = resource.clone();
    if let Some(Value::Object(members)) = at(&mut copy, steps) {
        members.insert(name.to_owned(), value);
    }
    copy
}

/// Returns the resource with a value at a JSON pointer, whose missing objects are made; `-` appends
/// to an array. None if something else is there.
pub(crate) fn grafted(resource: &Value, pointer: &str, value: Value) -> Option<Value> {
    let mut copy = resource.clone();
    let mut target = &mut copy;
    for name in pointer.split('/').skip(1) {
        target = if name == "-" {
            if target.is_null() {
                *target = Value::Array(Vec::new());
            }
            let items = target.as_array_mut()?;
            items.push(Value::Null);
            items.last_mut()?
        } else if let Ok(at) = name.parse::<usize>() {
            target.get_mut(at)?
        } else {
            if target.is_null() {
                *target = Value::Object(Map::new());
            }
            target.as_object_mut()?.entry(name).or_insert(Value::Null)
        };
    }
    *target = value;
    Some(copy)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_named_by_their_path_and_can_be_edited() {
        let resource = json!({ "a": [{ "b": 1 }], "c": "x" });
        let places = places(&resource);
        let paths: Vec<String> = places.iter().map(|place| place.path("R")).collect();
        assert_eq!(paths, ["R", "R.a", "R.a[0]", "R.a[0].b", "R.c"]);
        assert_eq!(
            (places[2].element(), places[2].member(), places[2].is_item()),
            ("a", None, true)
        );
        assert_eq!(
            replaced(&resource, &places[3].steps, json!(2)),
            json!({ "a": [{ "b": 2 }], "c": "x" })
        );
        assert_eq!(
            removed(&resource, &places[2].steps),
            json!({ "a": [], "c": "x" })
        );
        assert_eq!(
            removed(&resource, &places[4].steps),
            json!({ "a": [{ "b": 1 }] })
        );
        assert_eq!(
            with_member(&resource, &places[2].steps, "d", json!(3)),
            json!({ "a": [{ "b": 1, "d": 3 }], "c": "x" })
        );
    }

    #[test]
    fn a_graft_makes_what_is_missing_and_never_breaks_what_is_there() {
        let resource = json!({ "a": [{ "b": 1 }], "c": "x" });
        assert_eq!(
            grafted(&resource, "/a/-", json!(2)).unwrap()["a"],
            json!([{ "b": 1 }, 2])
        );
        assert_eq!(
            grafted(&resource, "/a/0/b", json!(2)).unwrap()["a"],
            json!([{ "b": 2 }])
        );
        assert_eq!(
            grafted(&resource, "/d/-/e", json!(2)).unwrap()["d"],
            json!([{ "e": 2 }])
        );
        assert_eq!(grafted(&resource, "/c/d", json!(2)), None);
        assert_eq!(grafted(&resource, "/a/7", json!(2)), None);
    }
}
