//! The contained resources of one resource as conditions look at them: each is judged once for each
//! condition, however often it is named.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::contained::ContainedEntry;
use super::entry::{IndexEntry, IndexValue};
use super::query::SearchQuery;

/// A parameter and a value of a contained resource.
pub(super) type OwnValue<'a> = (&'a str, &'a IndexValue);

/// The contained resources of one resource, read once for all conditions on it: a sender chooses how
/// many there are, and how often they are named.
pub(super) struct ContainedIn<'a> {
    entries: &'a [IndexEntry],
    /// The values of each, by type and anchor.
    each: OnceCell<BTreeMap<(&'a str, &'a str), Vec<OwnValue<'a>>>>,
    /// The anchors that meet a query, by its place in memory.
    met: RefCell<HashMap<*const SearchQuery, Rc<HashSet<&'a str>>>>,
}

impl<'a> ContainedIn<'a> {
    /// Begins with the entries of the container.
    pub(super) fn of(entries: &'a [IndexEntry]) -> Self {
        ContainedIn {
            entries,
            each: OnceCell::new(),
            met: RefCell::default(),
        }
    }

    fn each(&self) -> &BTreeMap<(&'a str, &'a str), Vec<OwnValue<'a>>> {
        self.each.get_or_init(|| {
            let mut each: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for entry in self.entries.iter().filter_map(ContainedEntry::read) {
                let own = each.entry((entry.resource_type, entry.anchor)).or_default();
                own.extend(entry.value.map(|value| (entry.parameter, value)));
            }
            each
        })
    }

    /// Returns the anchors of those that are of a type of the query and meet it; each is asked once.
    pub(super) fn anchors(
        &self,
        query: &SearchQuery,
        meets: impl Fn(&[OwnValue<'a>]) -> bool,
    ) -> Rc<HashSet<&'a str>> {
        let place = std::ptr::from_ref(query);
        if let Some(met) = self.met.borrow().get(&place) {
            return Rc::clone(met);
        }
        let is_asked = |name: &str| query.types.iter().any(|held| held.as_str() == name);
        let met = self
            .each()
            .iter()
            .filter(|((name, _), own)| is_asked(name) && meets(own))
            .map(|((_, anchor), _)| *anchor);
        let met = Rc::new(met.collect());
        self.met.borrow_mut().insert(place, Rc::clone(&met));
        met
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::fhir::ResourceType;

    #[test]
    fn each_contained_resource_is_asked_once_however_often_it_is_named() {
        let entries: Vec<_> = (0..1_000)
            .map(|number| {
                let of = ContainedEntry {
                    anchor: &format!("a{number}"),
                    resource_type: if number % 2 == 0 { "Patient" } else { "Group" },
                    parameter: "",
                    value: None,
                };
                of.entry()
            })
            .collect();
        let contained = ContainedIn::of(&entries);
        let query = SearchQuery::all(ResourceType::Patient, Vec::new());
        let asked = Cell::new(0);
        for _ in 0..1_000 {
            let met = contained.anchors(&query, |_| {
                asked.set(asked.get() + 1);
                true
            });
            assert_eq!((met.len(), met.contains("a10")), (500, true));
        }
        assert_eq!(asked.get(), 500);
        let other = query.clone();
        assert!(contained.anchors(&other, |_| false).is_empty());
    }
}
