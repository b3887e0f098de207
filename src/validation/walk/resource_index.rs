//! The index of a resource during one check: facts about the whole of it that are found once and
//! used again and again.
//!
//! A reference, a link or a rule on one element can concern all others. Without an index, a body of
//! a few megabytes would take hours: a thousand references to a thousand contained resources are a
//! million looks. So ids and contained resources are indexed, and a resource is tried against a
//! profile once.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::schema::Structure;

/// The identity of a value: its address, which is compared and never read through.
///
/// Addresses are sound as identities here because a check only borrows: every value that it looks
/// at is a part of the resource or of the definitions, the borrows of both outlive the index, and
/// nothing borrowed moves, changes or ends. So one address is one value for as long as it is a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ValueIdentity(*const ());

impl ValueIdentity {
    fn of<T>(value: &T) -> Self {
        ValueIdentity(std::ptr::from_ref(value).cast())
    }
}

/// The trial of a resource against a profile.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Trial {
    resource: ValueIdentity,
    profile: ValueIdentity,
}

/// A resource inside another one, but not in its `contained`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ResourceInside {
    /// The JSON pointer to it.
    pointer: Rc<str>,
    /// The place of the entry that it is the resource of, in a Bundle.
    pub(super) entry: Option<usize>,
}

impl ResourceInside {
    /// Returns the resource in the one around it.
    pub(super) fn of<'v>(&self, around: &'v Value) -> Option<&'v Value> {
        around.pointer(&self.pointer)
    }
}

/// The parts of resources inside a Bundle or Parameters, each with the innermost one around it.
type PartsInside = HashMap<ValueIdentity, ResourceInside>;

/// One check's knowledge of the resource.
#[derive(Default)]
pub(super) struct ResourceIndex {
    /// The ids of all elements in a resource or Bundle.
    ids: RefCell<HashMap<ValueIdentity, HashSet<String>>>,
    /// The element with each id that the walk has come by, in each resource.
    holders: RefCell<HashMap<ValueIdentity, HashMap<String, ValueIdentity>>>,
    /// The places of the resources that a resource contains, by id; of several with one id the
    /// first.
    contained: RefCell<HashMap<ValueIdentity, HashMap<String, usize>>>,
    /// The parts of resources inside Bundles and Parameters.
    inside: RefCell<HashMap<ValueIdentity, PartsInside>>,
    /// The outcome of each trial.
    tried: RefCell<HashMap<Trial, bool>>,
    /// The trials that succeeded, in order.
    fitting: RefCell<Vec<Trial>>,
}

impl ResourceIndex {
    /// Tells whether an element in the resource has that id.
    pub(super) fn has_id(&self, around: &Value, id: &str) -> bool {
        let mut known = self.ids.borrow_mut();
        known
            .entry(ValueIdentity::of(around))
            .or_insert_with(|| ids_in(around))
            .contains(id)
    }

    /// Tells whether another element of the resource came by with that id before this one, whose members
    /// `holder` are.
    pub(super) fn is_id_of_another(
        &self,
        resource: &Value,
        holder: &Map<String, Value>,
        id: &str,
    ) -> bool {
        let holder = ValueIdentity::of(holder);
        let mut holders = self.holders.borrow_mut();
        let known = holders.entry(ValueIdentity::of(resource)).or_default();
        *known.entry(id.to_owned()).or_insert(holder) != holder
    }

    /// Returns the contained resource with that id.
    pub(super) fn contained<'v>(&self, container: &'v Value, id: &str) -> Option<&'v Value> {
        let contained = container.get("contained")?.as_array()?;
        let mut known = self.contained.borrow_mut();
        let index = || {
            let mut by_id = HashMap::new();
            for (at, inner) in contained.iter().enumerate() {
                if let Some(id) = inner.get("id").and_then(Value::as_str) {
                    by_id.entry(id.to_owned()).or_insert(at);
                }
            }
            by_id
        };
        known
            .entry(ValueIdentity::of(container))
            .or_insert_with(index)
            .get(id)
            .and_then(|at| contained.get(*at))
    }

    /// Returns the resource inside a Bundle or Parameters that a part of it stands in.
    pub(super) fn resource_inside(&self, around: &Value, part: &Value) -> Option<ResourceInside> {
        let mut known = self.inside.borrow_mut();
        known
            .entry(ValueIdentity::of(around))
            .or_insert_with(|| parts_inside(around))
            .get(&ValueIdentity::of(part))
            .cloned()
    }

    /// Tells whether a resource fits a profile, and tries it if that is not known yet. While
    /// resources that refer to each other are tried, each is taken to fit.
    pub(super) fn fits(
        &self,
        resource: &Value,
        profile: &Structure,
        try_it: impl FnOnce() -> bool,
    ) -> bool {
        let trial = Trial {
            resource: ValueIdentity::of(resource),
            profile: ValueIdentity::of(profile),
        };
        if let Some(known) = self.tried.borrow().get(&trial) {
            return *known;
        }
        self.tried.borrow_mut().insert(trial, true);
        let since = self.fitting.borrow().len();
        let fits = try_it();
        let mut tried = self.tried.borrow_mut();
        if fits {
            self.fitting.borrow_mut().push(trial);
        } else {
            // Trials that succeeded in the meantime may only have done so because this one was
            // taken to fit.
            for doubtful in self.fitting.borrow_mut().drain(since..) {
                tried.remove(&doubtful);
            }
            tried.insert(trial, false);
        }
        fits
    }
}

/// A value on the way down from a Bundle or Parameters.
struct Below<'v> {
    value: &'v Value,
    key: &'v str,
    /// The place of the value around it among those on the way.
    above: Option<usize>,
    /// The number in an array, if it stands in one.
    number: Option<usize>,
    inside: Option<ResourceInside>,
}

fn parts_inside(around: &Value) -> PartsInside {
    let mut parts = PartsInside::new();
    let mut way = vec![Below {
        value: around,
        key: "",
        above: None,
        number: None,
        inside: None,
    }];
    let mut next = 0;
    while next < way.len() {
        let Below {
            value, key, above, ..
        } = way[next];
        if above.is_some() && key != "contained" && value.get("resourceType").is_some() {
            let pointer: Rc<str> = pointer(&way, next).into();
            let entry = entry_of(&pointer);
            way[next].inside = Some(ResourceInside { pointer, entry });
        }
        let inside = way[next].inside.clone();
        let below = |value, key, number| Below {
            value,
            key,
            above: Some(next),
            number,
            inside: inside.clone(),
        };
        match value {
            Value::Object(object) => {
                way.extend(object.iter().map(|(key, value)| below(value, key, None)));
            }
            Value::Array(items) => {
                let numbered = items.iter().enumerate();
                way.extend(numbered.map(|(number, value)| below(value, key, Some(number))));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if let Some(inside) = inside {
            parts.insert(ValueIdentity::of(value), inside);
        }
        next += 1;
    }
    parts
}

/// Returns the JSON pointer to a value on the way.
fn pointer(way: &[Below<'_>], at: usize) -> String {
    let one = &way[at];
    let before = one.above.map(|above| pointer(way, above));
    match (before, one.number) {
        (None, _) => String::new(),
        (Some(before), Some(number)) => format!("{before}/{number}"),
        (Some(before), None) => format!("{before}/{}", one.key),
    }
}

/// Returns the number of the entry whose resource a pointer leads to.
fn entry_of(pointer: &str) -> Option<usize> {
    let number = pointer.strip_prefix("/entry/")?.strip_suffix("/resource")?;
    number.parse().ok()
}

fn ids_in(value: &Value) -> HashSet<String> {
    let mut ids = HashSet::new();
    for_each(value, &mut |value| {
        ids.extend(value.get("id").and_then(Value::as_str).map(str::to_owned))
    });
    ids
}

/// Visits a value and all values in it.
pub(super) fn for_each<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        visit(value);
        match value {
            Value::Object(object) => left.extend(object.values()),
            Value::Array(items) => left.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Definitions;

    #[test]
    fn a_part_is_inside_the_innermost_resource_that_is_not_contained() {
        let bundle = json!({
            "resourceType": "Bundle",
            "entry": [
                { "fullUrl": "a" },
                { "resource": { "resourceType": "A", "b": [{ "c": "x" }], "contained": [{ "resourceType": "C", "d": "y" }] } },
                { "resource": { "resourceType": "Bundle", "entry": [{ "resource": { "resourceType": "B", "e": "z" } }] } },
            ],
        });
        let index = ResourceIndex::default();
        for (part, resource, entry) in [
            ("/entry/0/fullUrl", None, None),
            (
                "/entry/1/resource/b/0/c",
                Some("/entry/1/resource"),
                Some(1),
            ),
            (
                "/entry/1/resource/contained/0/d",
                Some("/entry/1/resource"),
                Some(1),
            ),
            (
                "/entry/2/resource/entry",
                Some("/entry/2/resource"),
                Some(2),
            ),
            (
                "/entry/2/resource/entry/0/resource/e",
                Some("/entry/2/resource/entry/0/resource"),
                None,
            ),
        ] {
            let found = index.resource_inside(&bundle, bundle.pointer(part).unwrap());
            assert_eq!(
                found.as_ref().and_then(|found| found.of(&bundle)),
                resource.and_then(|resource| bundle.pointer(resource)),
                "{part}"
            );
            assert_eq!(found.and_then(|found| found.entry), entry, "{part}");
        }
    }

    #[test]
    fn what_fitted_because_of_what_does_not_fit_is_tried_again() {
        let (one, other) = (json!(1), json!(2));
        let definitions = Definitions::core();
        let profile = definitions.type_structure("Patient").unwrap();
        let index = ResourceIndex::default();
        // The one does not fit, but the other, which refers to it, was tried while that was not
        // known.
        let one_fits = || {
            index.fits(&one, profile, || {
                unreachable!("it is being tried, or known")
            })
        };
        let try_one = || {
            assert!(index.fits(&other, profile, one_fits));
            false
        };
        assert!(!index.fits(&one, profile, try_one));
        assert!(!index.fits(&other, profile, one_fits));
    }
}
