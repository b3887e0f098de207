//! All that is known: the R4 core package and the packages that were added.

use super::shelf::{CORE, Shelf, Stacked};
use super::structure::{Element, Structure};
use crate::fhirpath::TypeId;

/// The definitions that resources are held against. They never change once made: share them.
#[derive(Debug)]
pub struct Definitions {
    pub(super) core: &'static Shelf,
    pub(super) added: Shelf,
}

impl Definitions {
    /// The R4 base: types, resources, profiles, extensions and code systems of `hl7.fhir.r4.core`.
    pub fn core() -> Definitions {
        Definitions { core: &CORE, added: Shelf::default() }
    }

    /// The structure with this address, perhaps with `|version`.
    pub fn structure(&self, canonical: &str) -> Option<&Structure> {
        let place = self.core.place(canonical).or_else(|| Some(self.core.len() + self.added.place(canonical)?))?;
        Some(self.structure_at(place))
    }

    /// The definition of the data type or resource type with this name.
    pub fn type_structure(&self, type_name: &str) -> Option<&Structure> {
        self.type_place(type_name).map(|place| self.structure_at(place))
    }

    /// The structure that a type is part of.
    pub fn structure_of(&self, id: TypeId) -> &Structure {
        self.structure_at(id.structure)
    }

    /// The element that a type is.
    pub fn element(&self, id: TypeId) -> &Element {
        &self.structure_of(id).elements[id.element as usize]
    }

    /// The type that stands for a structure with this address, perhaps with `|version`.
    pub fn type_id(&self, canonical: &str) -> Option<TypeId> {
        let place = self.core.place(canonical).or_else(|| Some(self.core.len() + self.added.place(canonical)?))?;
        Some(TypeId { structure: place, element: 0 })
    }

    /// True if there is a data type or resource type with this name.
    pub fn is_known_type(&self, name: &str) -> bool {
        self.type_place(name).is_some()
    }

    /// The resource types that can be instantiated, in order.
    pub fn resource_names(&self) -> Vec<&str> {
        let heads = self.core.heads().chain(self.added.heads());
        let resources = heads.filter(|head| head.kind == "resource" && head.derivation == "specialization");
        resources.map(|head| head.type_name).filter(|name| *name != "DomainResource").collect()
    }

    pub(super) fn type_place(&self, name: &str) -> Option<u32> {
        self.core.type_place(name).or_else(|| Some(self.core.len() + self.added.type_place(name)?))
    }

    /// The name of the type at this place, and the address of its base, without compiling it.
    pub(super) fn type_and_base(&self, place: u32) -> (&str, &str) {
        let (shelf, place) = self.shelf(place);
        let head = shelf.head(place);
        (head.type_name, head.base)
    }

    fn shelf(&self, place: u32) -> (&Shelf, u32) {
        match place.checked_sub(self.core.len()) {
            None => (self.core, place),
            Some(place) => (&self.added, place),
        }
    }

    fn structure_at(&self, place: u32) -> &Structure {
        match place.checked_sub(self.core.len()) {
            None => self.core.structure(place, self.core),
            Some(place) => self.added.structure(place, &Stacked { below: self.core, top: &self.added }),
        }
    }
}
