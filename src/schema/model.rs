//! The model of types that FHIRPath asks, answered from the definitions.

use super::definitions::Definitions;
use super::structure::Element;
use crate::fhirpath::{Model, TypeId};

/// The most levels between a type and the root of all; it bounds the walk if a definition is based
/// on itself.
const LEVELS_MAX: usize = 16;

/// The definition of the member that an object of a type may have under one key.
#[derive(Clone, Copy, Debug)]
pub struct MemberDefinition<'d> {
    /// Its place among the children of the type, in the order of the definition; the keys of a
    /// choice of types share one.
    pub place: usize,
    /// Its element.
    pub element: &'d Element,
    /// The name of the type that its value has under this key; empty if the element names another
    /// one whose content it has.
    pub type_name: &'d str,
    /// The type that says what it contains.
    pub content: Option<TypeId>,
}

impl Definitions {
    /// Returns the definition of the member under this key of JSON, in an object of type `of`.
    pub fn member(&self, of: TypeId, key: &str) -> Option<MemberDefinition<'_>> {
        let parent = self.content(of)?;
        let structure = self.structure_of(parent);
        let parent = &structure.elements[parent.element as usize];
        let at = parent
            .keys
            .binary_search_by(|(known, _, _)| (**known).cmp(key))
            .ok()?;
        let (_, place, kind) = &parent.keys[at];
        let element = &structure.elements[parent.children[*place]];
        Some(MemberDefinition {
            place: *place,
            element,
            type_name: element.types.get(*kind).map_or("", |kind| &kind.code),
            content: self.key_type(of, key),
        })
    }

    /// Returns the type whose children an element has: the element itself if the structure lists
    /// them, or else the definition of its only type.
    fn content(&self, of: TypeId) -> Option<TypeId> {
        let element = self.element(of);
        if !element.children.is_empty() {
            return Some(of);
        }
        if let Some(content) = element
            .content_of
            .and_then(|content| u32::try_from(content).ok())
        {
            return Some(TypeId {
                element: content,
                ..of
            });
        }
        match &*element.types {
            [only] => only.type_id,
            _ => None,
        }
    }

    /// Returns true if the member under this key of JSON, in an object of type `of`, is an array.
    pub fn repeats(&self, of: TypeId, key: &str) -> bool {
        let Some(of) = self.content(of) else {
            return false;
        };
        let structure = self.structure_of(of);
        let parent = &structure.elements[of.element as usize];
        let found = parent
            .keys
            .binary_search_by(|(known, _, _)| (**known).cmp(key))
            .ok();
        found.is_some_and(|at| structure.elements[parent.children[parent.keys[at].1]].is_array)
    }
}

impl Model for Definitions {
    fn type_named(&self, name: &str) -> Option<TypeId> {
        Some(TypeId {
            structure: self.type_place(name)?,
            element: 0,
        })
    }

    fn name(&self, type_id: TypeId) -> &str {
        let structure = self.structure_of(type_id);
        if type_id.element == 0 {
            return &structure.type_name;
        }
        match &*structure.elements[type_id.element as usize].types {
            [only] => &only.code,
            _ => "BackboneElement",
        }
    }

    fn is_a(&self, type_id: TypeId, name: &str) -> bool {
        let own_name = self.name(type_id);
        let mut place = self.type_place(own_name);
        for _ in 0..LEVELS_MAX {
            let Some(structure) = place.map(|place| self.structure_at(place)) else {
                break;
            };
            if *structure.type_name == *name {
                return true;
            }
            place = self.place(&structure.base);
        }
        own_name == name
    }

    fn key_type(&self, of: TypeId, key: &str) -> Option<TypeId> {
        let of = self.content(of)?;
        let structure = self.structure_of(of);
        let parent = &structure.elements[of.element as usize];
        let at = parent
            .keys
            .binary_search_by(|(known, _, _)| (**known).cmp(key))
            .ok()?;
        let (_, place, kind) = &parent.keys[at];
        let child = parent.children[*place];
        let element = &structure.elements[child];
        let part = |element: usize| {
            u32::try_from(element).ok().map(|element| TypeId {
                structure: of.structure,
                element,
            })
        };
        if let Some(content) = element.content_of {
            return part(content);
        }
        if !element.is_choice && !element.children.is_empty() {
            part(child)
        } else {
            element.types.get(*kind)?.type_id
        }
    }

    fn choice_keys(&self, of: TypeId, name: &str) -> Option<&[Box<str>]> {
        let of = self.content(of)?;
        let structure = self.structure_of(of);
        let mut children = structure.elements[of.element as usize]
            .children
            .iter()
            .map(|child| &structure.elements[*child]);
        children
            .find(|child| child.is_choice && *child.name == *name)
            .map(|child| &*child.choice_keys)
    }
}
