//! The path of a discriminator (<https://hl7.org/fhir/R4/profiling.html#discriminator>): its steps,
//! and the place in a profile that they lead to.

use serde_json::Value;

use super::ResourceWalk;
use super::shape::Shape;
use crate::schema::ElementType;

/// A place in a profile to which the path of a discriminator has come.
#[derive(Clone, Copy)]
pub(super) struct ProfilePlace<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) inherited: InheritedValues<'a>,
    pub(super) of_type: Option<&'a ElementType>,
}

impl<'a> ProfilePlace<'a> {
    /// Returns the place of an element of which nothing is known from further up.
    pub(super) fn at(shape: Shape<'a>) -> Self {
        ProfilePlace {
            shape,
            inherited: InheritedValues::default(),
            of_type: None,
        }
    }
}

/// The parts of the fixed values and patterns of elements further up that apply to a place.
#[derive(Clone, Copy, Default)]
pub(super) struct InheritedValues<'a> {
    pub(super) fixed: Option<&'a Value>,
    pub(super) pattern: Option<&'a Value>,
}

impl<'a> InheritedValues<'a> {
    fn or(self, shape: Shape<'a>) -> Self {
        InheritedValues {
            fixed: shape.element.fixed.as_ref().or(self.fixed),
            pattern: shape.element.pattern.as_ref().or(self.pattern),
        }
    }

    fn below(self, name: &str) -> Self {
        let member = |value: Option<&'a Value>| match value?.get(name)? {
            Value::Array(items) => items.first(),
            value => Some(value),
        };
        InheritedValues {
            fixed: member(self.fixed),
            pattern: member(self.pattern),
        }
    }

    fn is_some(self) -> bool {
        self.fixed.is_some() || self.pattern.is_some()
    }
}

/// One step of a discriminator's path.
pub(super) enum PathStep<'a> {
    Child(&'a str),
    Extension(&'a str),
    OfType(&'a str),
    Resolve,
}

/// Returns the steps of a path such as `$this`, `coding.system`, `resolve().code`,
/// `extension('url').value` or `value.ofType(Quantity)`.
pub(super) fn path_steps(path: &str) -> impl Iterator<Item = PathStep<'_>> {
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
                    PathStep::Extension(argument)
                } else {
                    PathStep::OfType(argument)
                });
            }
            let end = rest.find('.').unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            rest = after;
            match part {
                "$this" => {}
                "resolve()" => return Some(PathStep::Resolve),
                name => return Some(PathStep::Child(name)),
            }
        }
    })
}

impl<'a> ResourceWalk<'a, '_> {
    /// Follows one step of the path from a place in the profile: to one place, or to one for each
    /// profile on the target of a reference; to none if the profile says nothing there.
    pub(super) fn next_places(
        &self,
        place: ProfilePlace<'a>,
        step: &PathStep<'a>,
    ) -> Vec<ProfilePlace<'a>> {
        if !matches!(step, PathStep::Resolve) {
            return self.next_place(place, step).into_iter().collect();
        }
        let types = place.shape.element.types.iter();
        types
            .flat_map(|of| &of.target_profiles)
            .filter_map(|target| self.definitions.structure(target))
            .filter_map(Shape::root)
            .map(ProfilePlace::at)
            .collect()
    }

    fn next_place(&self, place: ProfilePlace<'a>, step: &PathStep<'a>) -> Option<ProfilePlace<'a>> {
        let inherited = place.inherited.or(place.shape);
        match step {
            PathStep::Child(name) => {
                let next = self.child_of(place, name);
                let inherited = inherited.below(name);
                // Of repetitions that are told apart themselves, the required one says what is
                // asked.
                let required =
                    next.and_then(|shape| shape.slices().find(|slice| slice.element.min > 0));
                match required.or(next) {
                    Some(shape) => Some(ProfilePlace {
                        shape,
                        inherited,
                        of_type: None,
                    }),
                    None if inherited.is_some() => Some(ProfilePlace { inherited, ..place }),
                    None => None,
                }
            }
            PathStep::Extension(url) => self.extension_of(place, url).map(ProfilePlace::at),
            PathStep::OfType(name) => {
                let of_type = place
                    .shape
                    .element
                    .types
                    .iter()
                    .find(|of| &*of.code == *name);
                Some(ProfilePlace {
                    of_type,
                    inherited,
                    ..place
                })
            }
            PathStep::Resolve => None,
        }
    }

    /// Finds the extension with that address below a place: as the profile has it, or its own
    /// definition.
    fn extension_of(&self, place: ProfilePlace<'a>, url: &str) -> Option<Shape<'a>> {
        let extensions = self.child_of(place, "extension")?;
        let is_it = |slice: &Shape<'a>| {
            let types = slice.element.types.iter();
            let mut profiles = types.flat_map(|of| &of.profiles);
            profiles.any(|profile| **profile == *url)
        };
        let definition = || self.definitions.structure(url).and_then(Shape::root);
        extensions.slices().find(is_it).or_else(definition)
    }

    /// Finds the element of that name below a place: as the profile has it, or the profile on its
    /// type, or its type.
    fn child_of(&self, place: ProfilePlace<'a>, name: &str) -> Option<Shape<'a>> {
        let find = |shape: Shape<'a>| {
            let content = self.content_of(shape);
            let listed = shape
                .children()
                .chain(content.into_iter().flat_map(Shape::children));
            listed
                .into_iter()
                .find(|child| &*child.element.name == name)
        };
        let of_type = place.of_type.or_else(|| place.shape.element.types.first());
        find(place.shape).or_else(|| {
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
}
