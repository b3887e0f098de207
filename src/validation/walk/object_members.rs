//! The elements that an object can have, as the walk finds them by key.

use super::shape::Shape;

/// The elements that an object can have: those that an element lists itself, and those that it
/// leaves to the definition of its type, or to the element whose content it has.
///
/// A profile that says something of one child lists all of them, except on a choice that still has
/// several types: there it can list only what is common to all types.
#[derive(Clone, Copy)]
pub(super) struct ObjectMembers<'a> {
    listed: Shape<'a>,
    /// Everything that the object can have, if the element does not list all of it.
    whole: Option<Shape<'a>>,
    /// True for what stands beside a primitive, whose value is no member of an object.
    is_beside_value: bool,
}

impl<'a> ObjectMembers<'a> {
    /// Returns the elements that an element lists, which are all.
    pub(super) fn of(shape: Shape<'a>) -> Self {
        ObjectMembers {
            listed: shape,
            whole: None,
            is_beside_value: false,
        }
    }

    /// Returns the elements that an element lists, and those of the whole that it does not list.
    pub(super) fn listed_by(shape: Shape<'a>, whole: Shape<'a>) -> Self {
        let count = |shape: Shape<'_>| shape.element.children.len();
        match count(shape) {
            0 => ObjectMembers::of(whole),
            some if some < count(whole) => ObjectMembers {
                whole: Some(whole),
                ..ObjectMembers::of(shape)
            },
            _ => ObjectMembers::of(shape),
        }
    }

    /// Returns the same without the value of a primitive.
    pub(super) fn beside_value(self) -> Self {
        ObjectMembers {
            is_beside_value: true,
            ..self
        }
    }

    /// Returns the elements in order, each with its place.
    pub(super) fn children(self) -> impl Iterator<Item = (usize, Shape<'a>)> {
        let listed = self
            .listed
            .children()
            .enumerate()
            .filter(move |(_, child)| self.whole.is_none_or(|whole| has(whole, *child)));
        let others = self
            .whole
            .into_iter()
            .flat_map(|whole| whole.children().enumerate())
            .filter(move |(_, child)| !has(self.listed, *child));
        let first = self.listed.element.children.len();
        listed
            .chain(others.map(move |(place, child)| (first + place, child)))
            .filter(move |(_, child)| !(self.is_beside_value && &*child.element.name == "value"))
    }

    /// Finds the element and type that a key of JSON stands for: the place of the element, and that
    /// of the type among the element's types.
    pub(super) fn key_place(self, key: &str) -> Option<(usize, usize)> {
        if self.is_beside_value && key == "value" {
            return None;
        }
        let Some(whole) = self.whole else {
            return self.listed.key_place(key);
        };
        let (place, of_type) = whole.key_place(key)?;
        let is_listed = |child| has(self.listed, child);
        if whole.child(place).is_some_and(is_listed) {
            self.listed.key_place(key)
        } else {
            Some((self.listed.element.children.len() + place, of_type))
        }
    }

    /// Returns the element at that place.
    pub(super) fn child(self, place: usize) -> Option<Shape<'a>> {
        let first = self.listed.element.children.len();
        match place.checked_sub(first) {
            None => self.listed.child(place),
            Some(place) => self.whole?.child(place),
        }
    }

    /// Tells whether these are the elements of a resource, the only object with a `resourceType`.
    pub(super) fn is_resource(self) -> bool {
        self.listed.is_resource()
    }

    /// Says in words what the object can have.
    pub(super) fn told(self) -> String {
        if self.is_beside_value {
            return "id and extension beside the value".to_owned();
        }
        let structure = self.whole.unwrap_or(self.listed).structure;
        format!("elements of {}", structure.type_name)
    }
}

fn has(shape: Shape<'_>, wanted: Shape<'_>) -> bool {
    shape
        .children()
        .any(|child| child.element.name == wanted.element.name)
}
