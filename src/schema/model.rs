//! What FHIRPath asks about types, answered from the definitions.

use super::definitions::Definitions;
use crate::fhirpath::{Model, TypeId};

impl Definitions {
    /// The type whose children an element has: itself if the structure lists them, or else the definition of its only type.
    fn content(&self, of: TypeId) -> Option<TypeId> {
        let element = self.element(of);
        if !element.children.is_empty() {
            return Some(of);
        }
        if let Some(content) = element.content_of.and_then(|content| u32::try_from(content).ok()) {
            return Some(TypeId { element: content, ..of });
        }
        match &*element.types {
            [only] => only.type_id,
            _ => None,
        }
    }
}

impl Model for Definitions {
    fn type_named(&self, name: &str) -> Option<TypeId> {
        Some(TypeId { structure: self.type_place(name)?, element: 0 })
    }

    fn name(&self, type_id: TypeId) -> &str {
        if type_id.element == 0 {
            return self.type_and_base(type_id.structure).0;
        }
        match &*self.element(type_id).types {
            [only] => &only.code,
            _ => "BackboneElement",
        }
    }

    fn is_a(&self, type_id: TypeId, name: &str) -> bool {
        let mut place = match self.type_place(self.name(type_id)) {
            Some(place) => place,
            None => return self.name(type_id) == name,
        };
        // No chain is longer than the number of levels; the bound keeps a definition based on itself from turning in a circle.
        for _ in 0..16 {
            let (type_name, base) = self.type_and_base(place);
            if type_name == name {
                return true;
            }
            match self.type_id(base) {
                Some(base) => place = base.structure,
                None => return false,
            }
        }
        false
    }

    fn key_type(&self, of: TypeId, key: &str) -> Option<TypeId> {
        let of = self.content(of)?;
        let parent = self.element(of);
        let at = parent.keys.binary_search_by(|(known, _, _)| (**known).cmp(key)).ok()?;
        let (_, child, kind) = &parent.keys[at];
        let child = parent.children[*child];
        let element = &self.structure_of(of).elements[child];
        let place = |element: usize| u32::try_from(element).ok().map(|element| TypeId { structure: of.structure, element });
        if let Some(content) = element.content_of {
            return place(content);
        }
        if !element.is_choice && !element.children.is_empty() { place(child) } else { element.types.get(*kind)?.type_id }
    }

    fn choice_keys(&self, of: TypeId, name: &str) -> Option<&[Box<str>]> {
        let of = self.content(of)?;
        let structure = self.structure_of(of);
        let mut children = self.element(of).children.iter().map(|child| &structure.elements[*child]);
        children.find(|child| child.is_choice && *child.name == *name).map(|child| &*child.choice_keys)
    }
}
