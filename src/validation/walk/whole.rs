//! What a check knows of the resource as a whole: found out once, asked for again and again; and
//! how much work it may take.
//!
//! A reference, a link or a rule on one element can concern all others. Looked for each time, a
//! body of a few megabytes would take hours: a thousand references to a thousand contained
//! resources are a million looks. So ids and contained resources are indexed, a resource is tried
//! against a profile once, and what is left of such work is counted.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::schema::Structure;

/// The work that any check may take: under a second of it.
const WORK_MAX: u64 = 50_000_000;
/// The work that each value of a larger resource adds to that: several times what profiles and
/// rules take that look at each value by itself.
const WORK_FOR_EACH_VALUE: u64 = 100;
/// The work of looking at one element; a step of a FHIRPath is 1.
const WORK_OF_AN_ELEMENT: u64 = 10;

/// Something in the resource that is checked, by its place in memory.
type Place = *const Value;

/// One check's knowledge of the resource.
pub(super) struct Whole<'a> {
    resource: &'a Value,
    /// Of a resource or Bundle: the ids of all elements in it.
    ids: RefCell<HashMap<Place, HashSet<String>>>,
    /// Of a resource: the places of those that it contains, by id; of several with one id the
    /// first.
    contained: RefCell<HashMap<Place, HashMap<String, usize>>>,
    /// Of a resource and a profile: whether it fits.
    tried: RefCell<HashMap<(Place, *const Structure), bool>>,
    /// Those that were found to fit, in order.
    fitting: RefCell<Vec<(Place, *const Structure)>>,
    work: Cell<u64>,
    work_max: Cell<u64>,
}

impl<'a> Whole<'a> {
    pub(super) fn of(resource: &'a Value) -> Self {
        Whole {
            resource,
            ids: RefCell::default(),
            contained: RefCell::default(),
            tried: RefCell::default(),
            fitting: RefCell::default(),
            work: Cell::new(0),
            work_max: Cell::new(WORK_MAX),
        }
    }

    /// True if an element in the resource has that id.
    pub(super) fn has_id(&self, around: &Value, id: &str) -> bool {
        let mut known = self.ids.borrow_mut();
        known
            .entry(around)
            .or_insert_with(|| ids_in(around))
            .contains(id)
    }

    /// The contained resource with that id.
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
            .entry(container)
            .or_insert_with(index)
            .get(id)
            .and_then(|at| contained.get(*at))
    }

    /// Whether a resource fits a profile, by `try_it` if that is not known yet. Resources that
    /// refer to each other are each taken to fit while they are tried.
    pub(super) fn fits(
        &self,
        resource: &Value,
        profile: &Structure,
        try_it: impl FnOnce() -> bool,
    ) -> bool {
        let key = (std::ptr::from_ref(resource), std::ptr::from_ref(profile));
        if let Some(known) = self.tried.borrow().get(&key) {
            return *known;
        }
        self.tried.borrow_mut().insert(key, true);
        let since = self.fitting.borrow().len();
        let fits = try_it();
        let mut tried = self.tried.borrow_mut();
        if fits {
            self.fitting.borrow_mut().push(key);
        } else {
            // What was found to fit in the meantime may only have done so because this was taken
            // to.
            for key in self.fitting.borrow_mut().drain(since..) {
                tried.remove(&key);
            }
            tried.insert(key, false);
        }
        fits
    }

    /// Counts a look at an element.
    pub(super) fn looked_at_element(&self) {
        self.took(WORK_OF_AN_ELEMENT);
    }

    /// Counts work.
    pub(super) fn took(&self, work: u64) {
        self.work.set(self.work.get().saturating_add(work));
    }

    /// True if the check has taken more work than it may.
    pub(super) fn is_too_much(&self) -> bool {
        if self.work.get() <= self.work_max.get() {
            return false;
        }
        if self.work_max.get() == WORK_MAX {
            self.work_max
                .set(WORK_MAX + 1 + WORK_FOR_EACH_VALUE * count_values(self.resource));
        }
        self.work.get() > self.work_max.get()
    }
}

fn ids_in(value: &Value) -> HashSet<String> {
    let mut ids = HashSet::new();
    for_each(value, &mut |value| {
        ids.extend(value.get("id").and_then(Value::as_str).map(str::to_owned))
    });
    ids
}

fn count_values(value: &Value) -> u64 {
    let mut count = 0;
    for_each(value, &mut |_| count += 1);
    count
}

fn for_each<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Value)) {
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
    fn what_fitted_because_of_what_does_not_fit_is_tried_again() {
        let (one, other) = (json!(1), json!(2));
        let definitions = Definitions::core();
        let profile = definitions.type_structure("Patient").unwrap();
        let whole = Whole::of(&one);
        // The one does not fit, but the other, which refers to it, was tried while that was not
        // known.
        let one_fits = || {
            whole.fits(&one, profile, || {
                unreachable!("it is being tried, or known")
            })
        };
        let try_one = || {
            assert!(whole.fits(&other, profile, one_fits));
            false
        };
        assert!(!whole.fits(&one, profile, try_one));
        assert!(!whole.fits(&other, profile, one_fits));
    }

    #[test]
    fn work_grows_with_the_resource_and_no_faster() {
        let small = json!([1]);
        let whole = Whole::of(&small);
        whole.took(WORK_MAX);
        assert!(!whole.is_too_much());
        whole.took(1_000);
        assert!(whole.is_too_much());
        let large = Value::from(vec![0; 1_000]);
        let whole = Whole::of(&large);
        whole.took(WORK_MAX + 1_000 * WORK_FOR_EACH_VALUE);
        assert!(!whole.is_too_much());
    }
}
