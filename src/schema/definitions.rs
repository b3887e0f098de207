//! All definitions: the R4 core package and the packages that were added.

use std::borrow::Cow;

use super::code_system::CodeSystem;
use super::compile;
use super::condense::Unusable;
use super::package::{Package, PackageError};
use super::shelf::{CORE, Head, Put, Shelf, Stacked};
use super::structure::{ContextKind, Element, Structure, StructureKind};
use super::value_set::ValueSet;
use crate::fhirpath::{AskedDefinition, Expression, TypeId};

/// The definitions that resources are checked against. They never change once made: share them.
///
/// If two packages define the same address, the address means the first one that was added, after
/// the R4 core package; with `|version` it means the definition of that version.
#[derive(Debug)]
pub struct Definitions {
    core: &'static Shelf,
    added: Shelf,
    left_out: Vec<Unusable>,
}

/// A rule of a definition that cannot be evaluated, and so is not checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unevaluated {
    /// The address of the structure.
    pub structure: String,
    /// The key of the rule.
    pub key: String,
    /// Its expression.
    pub expression: String,
    /// The part of the expression that is not supported, or the definition that it asks about and
    /// that is not there.
    pub why: String,
}

impl Definitions {
    /// Returns the R4 base: types, resources, profiles, extensions and code systems of
    /// `hl7.fhir.r4.core`.
    pub fn core() -> Definitions {
        Definitions {
            core: &CORE,
            added: Shelf::default(),
            left_out: Vec::new(),
        }
    }

    /// Adds the definitions of a package. [`Definitions::left_out`] lists those that cannot be
    /// used.
    ///
    /// # Errors
    /// None of the package's definitions can be used.
    pub fn with(mut self, package: &Package) -> Result<Definitions, PackageError> {
        let (lines, unusable) = package.condensed();
        if lines.is_empty() {
            return Err(PackageError::NothingUsable(unusable));
        }
        self.left_out.extend(unusable);
        for line in lines {
            let head = Head::of(&line);
            let is_new_type = head.resource_type == "StructureDefinition"
                && head.derivation != "constraint"
                && self.core.type_place(head.type_name).is_none();
            if is_new_type {
                self.left_out.push(Unusable::of_new_type(head.url));
                continue;
            }
            let url = head.url.to_owned();
            if self.added.put(Cow::Owned(line), Some(self.core)) == Put::Contradicted {
                let why =
                    "another definition with this address and version is known already".to_owned();
                self.left_out.push(Unusable { url, why });
            }
        }
        Ok(self)
    }

    /// Returns the definitions of added packages that cannot be used, with the reason.
    pub fn left_out(&self) -> &[Unusable] {
        &self.left_out
    }

    /// Returns the structure with this address, perhaps with `|version`.
    pub fn structure(&self, canonical: &str) -> Option<&Structure> {
        self.place(canonical).map(|place| self.structure_at(place))
    }

    /// Returns the definition of the data type or resource type with this name.
    pub fn type_structure(&self, type_name: &str) -> Option<&Structure> {
        self.type_place(type_name)
            .map(|place| self.structure_at(place))
    }

    /// Returns the structure that a type is part of.
    pub fn structure_of(&self, id: TypeId) -> &Structure {
        self.structure_at(id.structure)
    }

    /// Returns the element that a type stands for.
    pub fn element(&self, id: TypeId) -> &Element {
        &self.structure_of(id).elements[id.element as usize]
    }

    /// Returns the type that stands for the structure with this address, perhaps with `|version`.
    pub fn type_id(&self, canonical: &str) -> Option<TypeId> {
        self.place(canonical).map(|structure| TypeId {
            structure,
            element: 0,
        })
    }

    /// Returns true if there is a data type or resource type with this name.
    pub fn is_known_type(&self, name: &str) -> bool {
        self.type_place(name).is_some()
    }

    /// Returns true if there are resources of the type with this name.
    pub fn is_resource_type(&self, name: &str) -> bool {
        self.type_structure(name).is_some_and(|structure| {
            structure.kind == StructureKind::Resource && !structure.is_abstract
        })
    }

    /// Returns the resource types that can be instantiated, in order.
    pub fn resource_names(&self) -> Vec<&str> {
        let heads = self
            .core
            .structures
            .heads()
            .chain(self.added.structures.heads());
        let resources =
            heads.filter(|head| head.kind == "resource" && head.derivation == "specialization");
        resources
            .map(|head| head.type_name)
            .filter(|name| *name != "DomainResource")
            .collect()
    }

    /// Returns the code system with this address, perhaps with `|version`. If that version is not
    /// there, one of HL7's own is returned in any version.
    pub fn code_system(&self, canonical: &str) -> Option<&CodeSystem> {
        let exact = self
            .core
            .code_system(canonical)
            .or_else(|| self.added.code_system(canonical));
        exact.or_else(|| self.core.code_system(address_of_hl7(canonical)?))
    }

    /// Returns the value set with this address, perhaps with `|version`. If that version is not
    /// there, one of HL7's own is returned in any version.
    pub fn value_set(&self, canonical: &str) -> Option<&ValueSet> {
        let exact = self
            .core
            .value_set(canonical)
            .or_else(|| self.added.value_set(canonical));
        exact.or_else(|| self.core.value_set(address_of_hl7(canonical)?))
    }

    /// Returns all names of a code, in any language, from its system and its supplements: first its
    /// display. Nothing if the code is not known.
    pub fn displays(&self, system: &str, code: &str) -> Vec<&str> {
        let Some(own) = self.code_system(system) else {
            return Vec::new();
        };
        let supplements = self
            .core
            .supplements(&own.url)
            .chain(self.added.supplements(&own.url));
        let concepts = std::iter::once(own)
            .chain(supplements)
            .filter_map(|system| system.concept(code));
        let names = concepts.flat_map(|concept| {
            std::iter::once(&concept.display)
                .chain(concept.designations.iter().map(|(_, name)| name))
        });
        names
            .map(|name| &**name)
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Returns the rules of all definitions that cannot be evaluated. This compiles everything, and
    /// is not for every start.
    pub fn unevaluated(&self) -> Vec<Unevaluated> {
        let mut found = Vec::new();
        for place in 0..self.core.structures.len() + self.added.structures.len() {
            let structure = self.structure_at(place);
            let of_elements = structure
                .elements
                .iter()
                .flat_map(|element| &element.constraints);
            let rules = of_elements.chain(&structure.context_invariants);
            let rules = rules.map(|rule| {
                let why = match rule.evaluable() {
                    Ok(expression) => self.unknown_in(expression),
                    Err(why) => Some(why.to_string()),
                };
                (&*rule.key, &*rule.expression, why)
            });
            let contexts = structure.contexts.iter();
            let contexts = contexts.filter(|context| context.kind == ContextKind::FhirPath);
            let contexts = contexts.map(|context| {
                let why = Expression::compile(&context.expression).err();
                let why = why.map(|why| why.to_string());
                ("context", &*context.expression, why)
            });
            for (key, expression, why) in rules.chain(contexts) {
                let Some(why) = why else { continue };
                let unevaluated = Unevaluated {
                    structure: structure.url.to_string(),
                    key: key.to_owned(),
                    expression: expression.to_owned(),
                    why,
                };
                if !found.contains(&unevaluated) {
                    found.push(unevaluated);
                }
            }
        }
        found
    }

    /// Returns what an expression asks about that is not among the definitions.
    fn unknown_in(&self, expression: &Expression) -> Option<String> {
        let asked = expression.asked_definitions().into_iter();
        asked
            .filter_map(|asked| match asked {
                AskedDefinition::ValueSet(url) if self.value_set(url).is_none() => {
                    Some(format!("the value set {url} is not known here"))
                }
                AskedDefinition::Profile(url) if self.structure(url).is_none() => {
                    Some(format!("the profile {url} is not known here"))
                }
                AskedDefinition::ValueSet(_) | AskedDefinition::Profile(_) => None,
            })
            .next()
    }

    pub(super) fn type_place(&self, name: &str) -> Option<u32> {
        self.core
            .type_place(name)
            .or_else(|| Some(self.core.structures.len() + self.added.type_place(name)?))
    }

    /// Returns the place of the structure with this address, perhaps with `|version`.
    pub(super) fn place(&self, canonical: &str) -> Option<u32> {
        let added = || Some(self.core.structures.len() + self.added.structures.place(canonical)?);
        self.core.structures.place(canonical).or_else(added)
    }

    pub(super) fn structure_at(&self, place: u32) -> &Structure {
        match place.checked_sub(self.core.structures.len()) {
            None => self
                .core
                .structures
                .get(place, |line| compile::structure(line, self.core)),
            Some(place) => {
                let around = Stacked {
                    below: self.core,
                    top: &self.added,
                };
                self.added
                    .structures
                    .get(place, |line| compile::structure(line, &around))
            }
        }
    }
}

/// Returns the address without version of a definition of HL7. Its definitions name its terminology
/// with the version of FHIR, where the terminology has a version of its own
/// (`http://terminology.hl7.org/ValueSet/v3-NullFlavor|4.0.1`).
fn address_of_hl7(canonical: &str) -> Option<&str> {
    let (url, _) = canonical.split_once('|')?;
    ["http://hl7.org/fhir/", "http://terminology.hl7.org/"]
        .iter()
        .any(|base| url.starts_with(base))
        .then_some(url)
}
