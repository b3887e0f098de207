//! A profile inside another one: a value is checked against it, or tried by a walk whose findings
//! nobody sees. Profiles that ask for each other end at a bounded depth.

use std::rc::Rc;

use super::ResourceWalk;
use super::path::At;
use super::shape::Shape;
use super::spot::{ResourceScope, Spot};
use crate::fhirpath::Node;
use crate::schema::Structure;
use crate::validation::findings::Sink;

/// The greatest depth to which profiles can ask for each other while one value is tried against
/// them.
const TRIALS_MAX: usize = 6;

impl<'a> ResourceWalk<'a, '_> {
    /// Checks a value that is not a resource against a profile on its type.
    pub(super) fn check_against(&mut self, profile: &'a Structure, spot: Spot<'a, '_>) {
        if self.trials > TRIALS_MAX {
            return;
        }
        if let Some(shape) = Shape::root(profile) {
            self.trials += 1;
            self.check_object(shape, shape, spot);
            self.trials -= 1;
        }
    }

    /// Tells whether a value fits a profile: no finding would refuse it.
    pub(super) fn fits(
        &self,
        profile: &'a Structure,
        node: Node<'a>,
        scope: &ResourceScope<'a>,
    ) -> bool {
        if self.trials > TRIALS_MAX {
            return true;
        }
        let Some(shape) = Shape::root(profile) else {
            return true;
        };
        match node.value {
            Some(resource) if profile.is_resource() => self.index.fits(resource, profile, || {
                self.is_fine(profile, |trial, at| {
                    trial.check_resource(shape, Spot { node, at, scope })
                })
            }),
            _ => self.is_fine(profile, |trial, at| {
                trial.check_object(shape, shape, Spot { node, at, scope })
            }),
        }
    }

    /// Tells whether a walk of its own finds nothing that refuses.
    fn is_fine(
        &self,
        profile: &Structure,
        check: impl FnOnce(&mut ResourceWalk<'a, '_>, &At<'_>),
    ) -> bool {
        let mut sink = Sink::of_a_trial();
        let mut trial = ResourceWalk {
            definitions: self.definitions,
            sink: &mut sink,
            index: Rc::clone(&self.index),
            budget: Rc::clone(&self.budget),
            bundles: self.bundles.clone(),
            trials: self.trials + 1,
            refuses_modifiers: false,
        };
        check(&mut trial, &At::root(&profile.type_name));
        !sink.refuses()
    }
}
