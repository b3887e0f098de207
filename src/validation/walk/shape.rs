//! An element of a compiled structure, and the way from it to its children and slices.

use crate::schema::{Element, Structure};

/// An element of a structure, against which values are checked.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) structure: &'a Structure,
    pub(super) element: &'a Element,
}

impl<'a> Shape<'a> {
    /// Returns the root of a structure.
    pub(super) fn root(structure: &'a Structure) -> Option<Self> {
        structure
            .elements
            .first()
            .map(|element| Shape { structure, element })
    }

    /// Returns another element of the same structure.
    pub(super) fn other(self, index: usize) -> Option<Self> {
        self.structure
            .elements
            .get(index)
            .map(|element| Shape { element, ..self })
    }

    /// Returns the elements below this one.
    pub(super) fn children(self) -> impl Iterator<Item = Shape<'a>> {
        self.element
            .children
            .iter()
            .filter_map(move |index| self.other(*index))
    }

    /// Returns the slices of this element.
    pub(super) fn slices(self) -> impl Iterator<Item = Shape<'a>> {
        self.element
            .slices
            .iter()
            .filter_map(move |index| self.other(*index))
    }

    /// Finds the child and type that a key of JSON stands for: their places among the children and
    /// the child's types.
    pub(super) fn key_place(self, key: &str) -> Option<(usize, usize)> {
        let keys = &self.element.keys;
        let index = keys
            .binary_search_by(|(known, ..)| (**known).cmp(key))
            .ok()?;
        keys.get(index)
            .map(|(_, child, of_type)| (*child, *of_type))
    }

    /// Returns the child at that place.
    pub(super) fn child(self, index: usize) -> Option<Shape<'a>> {
        self.other(*self.element.children.get(index)?)
    }

    /// Tells whether this is the root of a resource, the only object with a `resourceType`.
    pub(super) fn is_resource(self) -> bool {
        self.structure.is_resource() && !self.element.path.contains('.')
    }
}
