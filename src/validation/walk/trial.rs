//! A profile inside another one: a value is checked against it, or tried by a walk whose findings
//! nobody sees. Profiles that ask for each other end at a bounded depth.

use std::rc::Rc;

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::resource::is_general;
use super::shape::Shape;
use super::spot::{ResourceScope, Spot};
use crate::fhirpath::{Model, Node};
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
            self.check_by_root(shape, spot);
            self.trials -= 1;
        }
    }

    /// Checks a value that is not a resource against the root of a structure.
    fn check_by_root(&mut self, shape: Shape<'a>, spot: Spot<'a, '_>) {
        if shape.structure.is_primitive() {
            self.check_primitive(shape, shape.structure, spot);
        } else {
            self.check_object(shape, ObjectMembers::of(shape), spot);
        }
    }

    /// Tells whether a value fits a profile: it is of the profile's type, and no finding would refuse
    /// it.
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
        let is_of = |id| self.definitions.is_a(id, &profile.type_name);
        if !node.type_id.is_none_or(is_of) {
            return false;
        }
        if is_general(profile) {
            return true;
        }
        match node.value {
            Some(resource) if profile.is_resource() => self.index.fits(resource, profile, || {
                let scope = &self.scope_of(resource, scope);
                self.is_fine(profile, |trial, at| {
                    trial.check_resource(shape, Spot { node, at, scope })
                })
            }),
            _ => self.is_fine(profile, |trial, at| {
                trial.check_by_root(shape, Spot { node, at, scope })
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
            now: self.now,
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
