//! What tells slices apart: whether an item is as a slice asks at the end of a discriminator's path
//! (<https://hl7.org/fhir/R4/profiling.html#discriminator>).

use serde_json::Value;

use super::{Scope, Shape, Walk, value};
use crate::fhirpath::{Model, Node};
use crate::schema::{Discriminator, DiscriminatorKind, ElementType, Membership, Strength};

/// How deep below a discriminator's element a profile may say what it asks for.
const ASKING_DEPTH_MAX: usize = 4;

impl<'a> Walk<'a, '_> {
    /// True if an item is as a slice asks.
    pub(super) fn meets(
        &self,
        slice: Shape<'a>,
        discriminator: &'a Discriminator,
        of_type: Option<&'a ElementType>,
        found: Node<'a>,
        scope: Scope<'a>,
    ) -> bool {
        let own_type =
            of_type.and_then(|of| slice.element.types.iter().find(|own| own.code == of.code));
        let mut step = Step {
            shape: slice,
            asked: Asked::default(),
            of_type: own_type,
        };
        let mut places = vec![found];
        for part in discriminator_steps(&discriminator.path) {
            places = places
                .iter()
                .flat_map(|node| self.follow(*node, &part, scope))
                .collect();
            step = match self.step(step, &part) {
                Some(next) => next,
                // The profile says nothing there: nothing is asked, and so it cannot tell.
                None => return false,
            };
        }
        match discriminator.kind {
            DiscriminatorKind::Exists => {
                let element = step.shape.element;
                if element.max == Some(0) {
                    places.is_empty()
                } else {
                    element.min == 0 || !places.is_empty()
                }
            }
            DiscriminatorKind::Type => places.iter().any(|node| self.is_of_type(step, *node)),
            DiscriminatorKind::Profile => places
                .iter()
                .any(|node| self.is_of_profile(step, *node, scope)),
            DiscriminatorKind::Value | DiscriminatorKind::Pattern => {
                places.iter().any(|node| self.is_as_asked(step, *node))
            }
        }
    }

    /// The elements that one step of a discriminator's path leads to.
    fn follow(&self, node: Node<'a>, part: &Part<'a>, scope: Scope<'a>) -> Vec<Node<'a>> {
        match part {
            Part::Child(name) => self.children_of(node, name),
            Part::Extension(url) => {
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
            Part::OfType(name) => {
                let is = node
                    .type_id
                    .is_some_and(|id| self.definitions.is_a(id, name));
                if is { vec![node] } else { Vec::new() }
            }
            Part::Resolve => {
                let reference = node
                    .value
                    .and_then(|value| value.get("reference").or(Some(value)))
                    .and_then(Value::as_str);
                reference
                    .and_then(|reference| self.resolve(reference, scope))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The elements of that name below an element.
    pub(super) fn children_of(&self, node: Node<'a>, name: &str) -> Vec<Node<'a>> {
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
        found
    }

    /// What the profile asks one step further on.
    fn step(&self, step: Step<'a>, part: &Part<'a>) -> Option<Step<'a>> {
        let asked = step.asked.or(step.shape);
        match part {
            Part::Child(name) => {
                let next = self.child_of(step, name);
                let asked = asked.below(name);
                // Of repetitions that are told apart themselves, the one that must be there says
                // what is asked.
                let required =
                    next.and_then(|shape| shape.slices().find(|slice| slice.element.min > 0));
                match required.or(next) {
                    Some(shape) => Some(Step {
                        shape,
                        asked,
                        of_type: None,
                    }),
                    None if asked.is_some() => Some(Step { asked, ..step }),
                    None => None,
                }
            }
            Part::Extension(url) => {
                let extension = self.child_of(step, "extension")?;
                let of = |slice: &Shape<'a>| {
                    slice
                        .element
                        .types
                        .iter()
                        .flat_map(|of| &of.profiles)
                        .any(|profile| **profile == **url)
                };
                let by_profile = extension.slices().find(of);
                let profile = self.definitions.structure(url).and_then(Shape::root);
                by_profile.or(profile).map(|shape| Step {
                    shape,
                    asked: Asked::default(),
                    of_type: None,
                })
            }
            Part::OfType(name) => {
                let of_type = step
                    .shape
                    .element
                    .types
                    .iter()
                    .find(|of| &*of.code == *name);
                Some(Step {
                    of_type,
                    asked,
                    ..step
                })
            }
            Part::Resolve => {
                let targets = step
                    .shape
                    .element
                    .types
                    .iter()
                    .flat_map(|of| &of.target_profiles);
                let mut known = targets.filter_map(|target| self.definitions.structure(target));
                let target = known.next()?;
                Shape::root(target).map(|shape| Step {
                    shape,
                    asked: Asked::default(),
                    of_type: None,
                })
            }
        }
    }

    /// The element of that name below one: as the profile has it, or as the profile on its type, or
    /// its type has it.
    fn child_of(&self, step: Step<'a>, name: &str) -> Option<Shape<'a>> {
        let find = |shape: Shape<'a>| {
            let shape = match shape.element.content_of {
                Some(other) if shape.element.children.is_empty() => shape.other(other)?,
                _ => shape,
            };
            shape.children().find(|child| &*child.element.name == name)
        };
        let of_type = step.of_type.or_else(|| step.shape.element.types.first());
        find(step.shape).or_else(|| {
            let profiles = of_type?
                .profiles
                .iter()
                .filter_map(|profile| self.definitions.structure(profile))
                .filter_map(Shape::root);
            let by_type = of_type?
                .type_id
                .map(|id| self.definitions.structure_of(id))
                .and_then(Shape::root);
            profiles.chain(by_type).find_map(find)
        })
    }

    /// True if a value has one of the types that the profile lists there.
    fn is_of_type(&self, step: Step<'a>, node: Node<'a>) -> bool {
        let types = &step.shape.element.types;
        let named = node
            .value
            .and_then(|value| value.get("resourceType"))
            .and_then(Value::as_str);
        let name = named.or_else(|| node.type_id.map(|id| self.definitions.name(id)));
        let Some(name) = name else { return false };
        if types.is_empty() {
            return *step.shape.structure.type_name == *name;
        }
        types.iter().any(|of| &*of.code == name)
    }

    fn is_of_profile(&self, step: Step<'a>, node: Node<'a>, scope: Scope<'a>) -> bool {
        let mut profiles = step
            .shape
            .element
            .types
            .iter()
            .flat_map(|of| &of.profiles)
            .peekable();
        if profiles.peek().is_none() {
            return step.shape.structure.is_constraint
                && self.fits(step.shape.structure, node, scope);
        }
        profiles
            .filter_map(|profile| self.definitions.structure(profile))
            .any(|profile| self.fits(profile, node, scope))
    }

    /// True if a value is what the profile fixes, outlines or binds there.
    fn is_as_asked(&self, step: Step<'a>, node: Node<'a>) -> bool {
        let Some(value) = node.value else {
            return false;
        };
        let element = step.shape.element;
        if let Some(fixed) = element.fixed.as_ref().or(step.asked.fixed) {
            return value::is_fixed(value, fixed);
        }
        if let Some(pattern) = element.pattern.as_ref().or(step.asked.pattern) {
            return value::contains(value, pattern);
        }
        if let Some(binding) = element
            .binding
            .as_ref()
            .filter(|binding| binding.strength == Strength::Required)
        {
            return super::binding::codings_of(node)
                .iter()
                .any(|(system, code)| {
                    matches!(
                        self.definitions
                            .membership(&binding.value_set, *system, code),
                        Membership::In
                    )
                });
        }
        self.is_as_parts_ask(step.shape, node, ASKING_DEPTH_MAX)
            .unwrap_or(false)
    }

    /// A complex element is asked for by what its own elements, and the slices of these that must
    /// be there, ask for; none if nothing in it asks for anything.
    fn is_as_parts_ask(&self, shape: Shape<'a>, node: Node<'a>, depth: usize) -> Option<bool> {
        let below = depth.checked_sub(1)?;
        let mut result = None;
        for child in shape.children() {
            let required = child.slices().filter(|slice| slice.element.min > 0);
            for part in std::iter::once(child).chain(required) {
                let element = part.element;
                let nodes = self.children_of(node, &element.name);
                let is_asked = if element.fixed.is_some() || element.pattern.is_some() {
                    let step = Step {
                        shape: part,
                        asked: Asked::default(),
                        of_type: None,
                    };
                    Some(nodes.iter().any(|node| self.is_as_asked(step, *node)))
                } else {
                    let asked: Vec<_> = nodes
                        .iter()
                        .map(|node| self.is_as_parts_ask(part, *node, below))
                        .collect();
                    if nodes.is_empty() {
                        asks_for_something(part, below).then_some(false)
                    } else if asked.iter().all(Option::is_none) {
                        None
                    } else {
                        Some(asked.contains(&Some(true)))
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

/// True if an element or something in it has a fixed value or a pattern.
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

/// Where the path of a discriminator has come to in the profile.
#[derive(Clone, Copy)]
struct Step<'a> {
    shape: Shape<'a>,
    /// What an element further up fixes or outlines here.
    asked: Asked<'a>,
    of_type: Option<&'a ElementType>,
}

/// What a fixed value or a pattern asks of what is below it.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    fixed: Option<&'a Value>,
    pattern: Option<&'a Value>,
}

impl<'a> Asked<'a> {
    fn or(self, shape: Shape<'a>) -> Self {
        Asked {
            fixed: shape.element.fixed.as_ref().or(self.fixed),
            pattern: shape.element.pattern.as_ref().or(self.pattern),
        }
    }

    fn below(self, name: &str) -> Self {
        let member = |value: Option<&'a Value>| match value?.get(name)? {
            Value::Array(items) => items.first(),
            value => Some(value),
        };
        Asked {
            fixed: member(self.fixed),
            pattern: member(self.pattern),
        }
    }

    fn is_some(self) -> bool {
        self.fixed.is_some() || self.pattern.is_some()
    }
}

/// One step of a discriminator's path.
enum Part<'a> {
    Child(&'a str),
    Extension(&'a str),
    OfType(&'a str),
    Resolve,
}

/// The steps of a path such as `$this`, `coding.system`, `resolve().code`, `extension('url').value`
/// or `value.ofType(Quantity)`.
fn discriminator_steps(path: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches('.');
            if rest.is_empty() {
                return None;
            }
            let quoted = |name: &str, rest: &str| rest.starts_with(name);
            if quoted("extension(", rest) || quoted("ofType(", rest) {
                let (name, after) = rest.split_once('(')?;
                let (argument, after) = after.split_once(')')?;
                rest = after;
                let argument = argument.trim_matches(['\'', '"']);
                return Some(if name == "extension" {
                    Part::Extension(argument)
                } else {
                    Part::OfType(argument)
                });
            }
            let end = rest.find('.').unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            rest = after;
            match part {
                "$this" => {}
                "resolve()" => return Some(Part::Resolve),
                name => return Some(Part::Child(name)),
            }
        }
    })
}
