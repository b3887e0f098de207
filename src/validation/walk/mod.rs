//! The walk over a resource: one pass over its JSON beside one compiled structure
//! (<https://hl7.org/fhir/R4/validation.html>).
//!
//! Each `element` is checked where it stands: its place and number, its JSON type, its fixed value
//! or binding, its rules. Larger subjects have files of their own: repetitions that are told apart
//! (`slicing`, `discriminator`), extensions, references, codes (`binding`), rules in FHIRPath
//! (`rules`). Pure and total: any JSON gives findings, in the order of the definitions.

mod binding;
mod budget;
mod bundle_walk;
mod data_type;
mod discriminator;
mod discriminator_path;
mod element;
mod extension;
mod ids;
mod members;
mod object_members;
mod path;
mod primitive;
mod reference;
mod resource;
mod resource_index;
mod rules;
mod shape;
mod slicing;
mod spot;
mod trial;
mod value;

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::bundle::IndexedBundle;
use super::findings::Sink;
use crate::fhir::{IssueCode, Severity};
use crate::schema::Definitions;

pub use bundle_walk::BundleWalk;

use budget::CheckBudget;
use path::At;
use resource_index::ResourceIndex;

/// One walk: the definitions to check against, and the findings so far.
pub(super) struct ResourceWalk<'a, 's> {
    definitions: &'a Definitions,
    sink: &'s mut Sink,
    /// The instant of `now()` in rules, if it is known.
    now: Option<Timestamp>,
    index: Rc<ResourceIndex>,
    budget: Rc<CheckBudget<'a>>,
    /// The Bundles that the walk is in, the innermost last.
    bundles: Vec<Rc<IndexedBundle<'a>>>,
    /// The number of trials around this walk, each in the one before.
    trials: usize,
    /// True where nothing may change the meaning of what is around it.
    refuses_modifiers: bool,
}

/// The task of a walk.
pub(super) struct CheckTask<'t> {
    /// The definitions to check against.
    pub(super) definitions: &'t Definitions,
    /// Profiles to check against besides the type and those that the resource claims.
    pub(super) profiles: &'t [&'t str],
    /// The instant of `now()` in rules; without it, rules that ask for it are not checked.
    pub(super) now: Option<Timestamp>,
    /// True if everything is to be found that changes the meaning of the resource in a way that
    /// this server does not understand.
    pub(super) is_to_the_letter: bool,
}

/// Checks a value that should be a resource.
pub(super) fn check(task: &CheckTask<'_>, resource: &Value, sink: &mut Sink) {
    let mut walk = ResourceWalk {
        definitions: task.definitions,
        sink,
        now: task.now,
        index: Rc::default(),
        budget: Rc::new(CheckBudget::of(resource)),
        bundles: Vec::new(),
        trials: 0,
        refuses_modifiers: task.is_to_the_letter,
    };
    walk.check_root(resource, task.profiles, None);
}

impl ResourceWalk<'_, '_> {
    fn error(&mut self, code: IssueCode, at: &At<'_>, what: impl AsRef<str>) {
        self.sink.add(Severity::Error, code, at, "", what.as_ref());
    }

    /// Tells whether the walk can end: no further finding will be kept, or its work exceeds the
    /// budget, which is then a finding.
    fn is_over(&mut self, at: &At<'_>) -> bool {
        if !self.sink.is_settled() && self.budget.is_exceeded() {
            let what = "expected a resource that can be checked in bounded work, found so much to be \
                        held against each other that the check ends here";
            self.sink.end(at, what);
        }
        self.sink.is_settled()
    }
}
