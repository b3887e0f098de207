//! The entries of a Bundle, each checked by a walk of its own that sees the others: a reference to
//! another entry has its target at hand, and what an entry must be for those that refer to it is
//! found once for all of them.

use std::rc::Rc;

use serde_json::Value;

use super::budget::CheckBudget;
use super::reference::is_resource_type;
use super::resource_index::ResourceIndex;
use super::spot::InBundle;
use super::{CheckTask, ResourceWalk};
use crate::schema::Definitions;
use crate::validation::Validator;
use crate::validation::bundle::IndexedBundle;
use crate::validation::findings::Sink;

/// A Bundle whose entries are checked one by one, each where it stands.
pub struct BundleWalk<'a> {
    definitions: &'a Definitions,
    entries: Rc<IndexedBundle<'a>>,
    index: Rc<ResourceIndex>,
}

impl<'a> BundleWalk<'a> {
    /// Prepares to check the entries of a Bundle by the definitions of a validator.
    pub fn of(validator: &'a Validator, bundle: &'a Value) -> Self {
        BundleWalk::among(validator, indexed(validator, bundle))
    }

    /// Prepares the same for a Bundle that stands for the entries of a transaction.
    pub fn of_transaction(validator: &'a Validator, bundle: &'a Value) -> Self {
        BundleWalk::among(validator, indexed(validator, bundle).carried_out())
    }

    fn among(validator: &'a Validator, entries: IndexedBundle<'a>) -> Self {
        BundleWalk {
            definitions: validator.definitions(),
            entries: Rc::new(entries),
            index: Rc::default(),
        }
    }

    /// Returns the resource in the entry at that place, with its type.
    pub(in crate::validation) fn resource(&self, at: usize) -> Option<(&'a Value, &'a str)> {
        self.entries.resource(at)
    }

    /// Checks the resource in the entry at that place.
    pub(in crate::validation) fn check(&self, at: usize, task: &CheckTask<'_>, sink: &mut Sink) {
        let Some((resource, _)) = self.resource(at) else {
            return;
        };
        let inside = InBundle {
            bundle: 0,
            entry: at,
        };
        let mut walk = ResourceWalk {
            definitions: self.definitions,
            sink,
            now: task.now,
            index: Rc::clone(&self.index),
            budget: Rc::new(CheckBudget::of(resource)),
            bundles: vec![Rc::clone(&self.entries)],
            trials: 0,
            refuses_modifiers: task.is_to_the_letter,
        };
        walk.check_root(resource, task.profiles, Some(inside));
    }
}

fn indexed<'a>(validator: &'a Validator, bundle: &'a Value) -> IndexedBundle<'a> {
    let definitions = validator.definitions();
    IndexedBundle::of(bundle, move |name| is_resource_type(definitions, name))
}
