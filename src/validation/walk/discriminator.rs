//! Discriminators, which tell slices apart: an item is compared with what a slice asks at the end
//! of a discriminator's path (<https://hl7.org/fhir/R4/profiling.html#discriminator>).

use serde_json::Value;

use super::discriminator_path::{PathStep, ProfilePlace, path_steps};
use super::shape::Shape;
use super::spot::ResourceScope;
use super::{ResourceWalk, binding, value};
use crate::fhirpath::{Model, Node};
use crate::schema::{Discriminator, DiscriminatorKind, ElementType, Membership, Strength};

/// The greatest depth below a discriminator's element at which a profile may say what it asks for.
const ASKING_DEPTH_MAX: usize = 4;

impl<'a> ResourceWalk<'a, '_> {
    /// Tells whether an item is as a slice asks there; none if the slice asks for nothing.
    pub(super) fn meets(
        &self,
        slice: Shape<'a>,
        discriminator: &'a Discriminator,
        of_type: Option<&'a ElementType>,
        found: Node<'a>,
        scope: &ResourceScope<'a>,
    ) -> Option<bool> {
        let own_type =
            of_type.and_then(|of| slice.element.types.iter().find(|own| own.code == of.code));
        let mut places = vec![ProfilePlace {
            of_type: own_type,
            ..ProfilePlace::at(slice)
        }];
        let mut nodes = vec![found];
        for step in path_steps(&discriminator.path) {
            nodes = nodes
                .iter()
                .flat_map(|node| self.follow(*node, &step, scope))
                .collect();
            places = places
                .into_iter()
                .flat_map(|place| self.next_places(place, &step))
                .collect();
        }
        let answers = places.into_iter().map(|place| match discriminator.kind {
            DiscriminatorKind::Exists => exists(place, &nodes),
            DiscriminatorKind::Type => Some(nodes.iter().any(|node| self.is_of_type(place, *node))),
            DiscriminatorKind::Profile => self.is_of_profile(place, &nodes, scope),
            DiscriminatorKind::Value | DiscriminatorKind::Pattern => {
                let is_slice = std::ptr::eq(place.shape.element, slice.element);
                let existence = || exists(place, &nodes).filter(|_| !is_slice);
                self.is_as_asked(place, &nodes).or_else(existence)
            }
        });
        any_of(answers)
    }

    /// Returns the elements that one step of a discriminator's path leads to.
    fn follow(
        &self,
        node: Node<'a>,
        step: &PathStep<'a>,
        scope: &ResourceScope<'a>,
    ) -> Vec<Node<'a>> {
        match step {
            PathStep::Child(name) => self.children_of(node, name),
            PathStep::Extension(url) => {
                let of = |extension: &Node<'a>| {
                    extension
                        .value
                        .and_then(|value| value.get("url"))
                        .and_then(Value::as_str)
                        == Some(*url)
                };
                self.children_of(node, "extension")
                    .into_iter()
                    .filter(of)
                    .collect()
            }
            PathStep::OfType(name) => {
                let is = node
                    .type_id
                    .is_some_and(|id| self.definitions.is_a(id, name));
                if is { vec![node] } else { Vec::new() }
            }
            PathStep::Resolve => {
                let reference = node
                    .value
                    .and_then(|value| value.get("reference").or(Some(value)))
                    .and_then(Value::as_str);
                reference
                    .and_then(|reference| self.resolve_of(reference, node.value, scope))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Returns the elements of that name below an element.
    fn children_of(&self, node: Node<'a>, name: &str) -> Vec<Node<'a>> {
        let holder = node.value.filter(|value| value.is_object()).or(node.extras);
        let Some(object) = holder.and_then(Value::as_object) else {
            return Vec::new();
        };
        let choice = node
            .type_id
            .and_then(|id| self.definitions.choice_keys(id, name));
        let mut found = Vec::new();
        let mut add = |key: &str| {
            let type_id = node
                .type_id
                .and_then(|id| self.definitions.key_type(id, key));
            let extras = object.get(&format!("_{key}"));
            match (object.get(key), extras) {
                (Some(Value::Array(items)), extras) => {
                    let extras = extras.and_then(Value::as_array);
                    found.extend(items.iter().enumerate().map(|(at, value)| Node {
                        value: Some(value),
                        extras: extras.and_then(|extras| extras.get(at)),
                        type_id,
                    }));
                }
                (None, None) => {}
                (value, extras) => found.push(Node {
                    value,
                    extras,
                    type_id,
                }),
            }
        };
        match choice {
            Some(keys) => keys.iter().for_each(|key| add(key)),
            None => add(name),
        }
        // What may be any resource says itself what it is.
        for node in &mut found {
            let is_any = node.type_id.is_some_and(|id| {
                matches!(self.definitions.name(id), "Resource" | "DomainResource")
            });
            if let Some(resource) = node.value.filter(|_| is_any) {
                *node = self.node_of(resource);
            }
        }
        found
    }

    /// Tells whether a value has one of the types that the profile lists there.
    fn is_of_type(&self, place: ProfilePlace<'a>, node: Node<'a>) -> bool {
        let types = &place.shape.element.types;
        let named = node
            .value
            .and_then(|value| value.get("resourceType"))
            .and_then(Value::as_str);
        let name = named.or_else(|| node.type_id.map(|id| self.definitions.name(id)));
        let Some(name) = name else { return false };
        if types.is_empty() {
            return *place.shape.structure.type_name == *name;
        }
        types.iter().any(|of| &*of.code == name)
    }

    /// Tells whether one of the values fits a profile that is asked for there; none if there is no
    /// profile.
    fn is_of_profile(
        &self,
        place: ProfilePlace<'a>,
        nodes: &[Node<'a>],
        scope: &ResourceScope<'a>,
    ) -> Option<bool> {
        let fits = |structure| nodes.iter().any(|node| self.fits(structure, *node, scope));
        let mut profiles = place
            .shape
            .element
            .types
            .iter()
            .flat_map(|of| &of.profiles)
            .peekable();
        if profiles.peek().is_none() {
            // A structure itself is what the profiles on a reference's target lead to.
            let is_root = !place.shape.element.path.contains('.');
            return is_root.then(|| fits(place.shape.structure));
        }
        let mut known = profiles.filter_map(|profile| self.definitions.structure(profile));
        Some(known.any(fits))
    }

    /// Tells whether one of the values is as the profile asks there by a fixed value, a pattern or a
    /// binding; none if it asks for nothing.
    fn is_as_asked(&self, place: ProfilePlace<'a>, nodes: &[Node<'a>]) -> Option<bool> {
        let element = place.shape.element;
        let any = |fits: &dyn Fn(&'a Value) -> bool| {
            Some(nodes.iter().filter_map(|node| node.value).any(fits))
        };
        if let Some(fixed) = element.fixed.as_ref().or(place.inherited.fixed) {
            return any(&|value| value::is_fixed(value, fixed));
        }
        if let Some(pattern) = element.pattern.as_ref().or(place.inherited.pattern) {
            return any(&|value| value::contains(value, pattern));
        }
        if let Some(binding) = element
            .binding
            .as_ref()
            .filter(|binding| binding.strength == Strength::Required)
        {
            let mut codes = nodes.iter().flat_map(|node| binding::codings_of(*node));
            return Some(codes.any(|(system, code)| {
                let found = self
                    .definitions
                    .membership(&binding.value_set, system, code);
                found == Membership::In
            }));
        }
        if nodes.is_empty() {
            return asks_for_something(place.shape, ASKING_DEPTH_MAX).then_some(false);
        }
        let parts = nodes
            .iter()
            .map(|node| self.is_as_parts_ask(place.shape, *node, ASKING_DEPTH_MAX));
        any_of(parts)
    }

    /// Tells whether a complex value is as its own elements, and the required slices of these, ask;
    /// none if nothing in it asks for anything.
    fn is_as_parts_ask(&self, shape: Shape<'a>, node: Node<'a>, depth: usize) -> Option<bool> {
        let below = depth.checked_sub(1)?;
        let mut result = None;
        for child in shape.children() {
            let required = child.slices().filter(|slice| slice.element.min > 0);
            for part in std::iter::once(child).chain(required) {
                let element = part.element;
                let nodes = self.children_of(node, &element.name);
                let is_asked = if element.fixed.is_some() || element.pattern.is_some() {
                    let place = ProfilePlace::at(part);
                    self.is_as_asked(place, &nodes)
                } else {
                    let asked = nodes
                        .iter()
                        .map(|node| self.is_as_parts_ask(part, *node, below));
                    if nodes.is_empty() {
                        asks_for_something(part, below).then_some(false)
                    } else {
                        any_of(asked)
                    }
                };
                result = match (result, is_asked) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (None, None) => None,
                };
            }
        }
        result
    }
}

/// Tells whether one of the answers is yes; none if all are none.
fn any_of(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    answers.flatten().reduce(|one, other| one || other)
}

/// Tells whether there are elements as the profile asks there; none if it lets them be there or not.
fn exists(place: ProfilePlace<'_>, nodes: &[Node<'_>]) -> Option<bool> {
    let element = place.shape.element;
    match element.max {
        Some(0) => Some(nodes.is_empty()),
        _ => (element.min > 0).then_some(!nodes.is_empty()),
    }
}

/// Tells whether an element or something in it has a fixed value or a pattern.
fn asks_for_something(shape: Shape<'_>, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return false;
    };
    let required = |slice: &Shape<'_>| slice.element.min > 0;
    shape.element.fixed.is_some()
        || shape.element.pattern.is_some()
        || shape.children().any(|child| {
            asks_for_something(child, below)
                || child
                    .slices()
                    .filter(required)
                    .any(|slice| asks_for_something(slice, below))
        })
}
