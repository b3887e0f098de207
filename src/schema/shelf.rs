//! A package's definitions: an index of condensed lines, each of which is compiled when it is first
//! asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::code_system::{self, CodeSystem};
use super::compile::{self, OtherDefinitions};
use super::structure::{Constraint, Structure};
use super::value_set::{self, ValueSet};
use crate::fhirpath::TypeId;

/// The R4 core package in condensed form; how it is made stands in `profiles/SOURCES.md`.
static CORE_LINES: &str = include_str!("../../profiles/packages/r4-core.jsonl");

/// The R4 core package, shared by all in this process.
pub(super) static CORE: LazyLock<Shelf> = LazyLock::new(|| {
    let mut shelf = Shelf::default();
    for line in CORE_LINES.lines() {
        shelf.put(Cow::Borrowed(line), None);
    }
    shelf
});

/// The beginning of a condensed line.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Head<'a> {
    pub(super) resource_type: &'a str,
    pub(super) url: &'a str,
    pub(super) version: &'a str,
    /// The system that a CodeSystem adds names to.
    pub(super) supplements: &'a str,
    /// The type of a StructureDefinition; the next members are of it too.
    pub(super) type_name: &'a str,
    pub(super) derivation: &'a str,
    pub(super) kind: &'a str,
}

impl<'a> Head<'a> {
    /// Reads the keys in the order in which they were written; missing ones are empty.
    pub(super) fn of(line: &'a str) -> Head<'a> {
        let mut rest = line;
        let mut next = |key: &str| {
            let after = rest.get(1..).and_then(|rest| rest.strip_prefix(key));
            let Some((value, after)) = after.and_then(|after| after.split_once('"')) else {
                return "";
            };
            rest = after;
            value
        };
        Head {
            resource_type: next("\"resourceType\":\""),
            url: next("\"url\":\""),
            version: next("\"version\":\""),
            supplements: next("\"supplements\":\""),
            type_name: next("\"type\":\""),
            derivation: next("\"derivation\":\""),
            kind: next("\"kind\":\""),
        }
    }
}

/// The fate of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Put {
    /// It has been added.
    Added,
    /// The same definition was there.
    Known,
    /// Another definition with the same address and version was there, and stays.
    Contradicted,
}

/// Definitions of one resource type.
#[derive(Debug)]
pub(super) struct Rack<T> {
    rows: Vec<ShelvedLine<T>>,
    /// Places by address; by address with version where the address alone means another definition.
    places: HashMap<Cow<'static, str>, u32>,
}

#[derive(Debug)]
struct ShelvedLine<T> {
    line: Cow<'static, str>,
    compiled: OnceLock<T>,
}

impl<T> Default for Rack<T> {
    fn default() -> Self {
        Rack {
            rows: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T> Rack<T> {
    /// Adds a line, unless this or the one below has it.
    fn put(&mut self, line: Cow<'static, str>, below: Option<&Rack<T>>) -> Put {
        let place = self.len();
        let head = Head::of(&line);
        let found = |canonical: &str| {
            self.line_of(canonical)
                .or_else(|| below?.line_of(canonical))
        };
        let versioned = format!("{}|{}", head.url, head.version);
        if let Some(known) = found(&versioned) {
            return if *known == *line {
                Put::Known
            } else {
                Put::Contradicted
            };
        }
        let key = match &line {
            _ if found(head.url).is_some() => Cow::Owned(versioned),
            Cow::Borrowed(line) => Cow::Borrowed(Head::of(line).url),
            Cow::Owned(_) => Cow::Owned(head.url.to_owned()),
        };
        self.places.insert(key, place);
        self.rows.push(ShelvedLine {
            line,
            compiled: OnceLock::new(),
        });
        Put::Added
    }

    fn line_of(&self, canonical: &str) -> Option<&str> {
        self.place(canonical).map(|place| self.line(place))
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    /// Returns the place of the definition with this address, perhaps with `|version`.
    pub(super) fn place(&self, canonical: &str) -> Option<u32> {
        let Some((url, version)) = canonical.split_once('|') else {
            return self.places.get(canonical).copied();
        };
        let plain = self
            .places
            .get(url)
            .copied()
            .filter(|place| Head::of(self.line(*place)).version == version);
        plain.or_else(|| self.places.get(canonical).copied())
    }

    pub(super) fn line(&self, place: u32) -> &str {
        &self.rows[place as usize].line
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        self.rows.iter().map(|row| Head::of(&row.line))
    }

    /// Returns the definition at this place, compiled now if it never was.
    pub(super) fn get(&self, place: u32, compile: impl FnOnce(&str) -> T) -> &T {
        let row = &self.rows[place as usize];
        row.compiled.get_or_init(|| compile(&row.line))
    }
}

/// Definitions that were loaded together.
#[derive(Default, Debug)]
pub(super) struct Shelf {
    pub(super) structures: Rack<Structure>,
    code_systems: Rack<CodeSystem>,
    value_sets: Rack<ValueSet>,
    /// The places of definitions by the name of their type.
    types: HashMap<Cow<'static, str>, u32>,
    /// The rules at the root of each structure, if it defines a data type.
    type_constraints: Vec<OnceLock<Vec<Arc<Constraint>>>>,
    /// The places of supplements by the address of their code system.
    supplements: HashMap<Box<str>, Vec<u32>>,
    constraints: Mutex<HashMap<ConstraintIdentity, Arc<Constraint>>>,
}

impl Shelf {
    /// Adds a line, unless this or the one below has it.
    pub(super) fn put(&mut self, line: Cow<'static, str>, below: Option<&Shelf>) -> Put {
        let head = Head::of(&line);
        match head.resource_type {
            "CodeSystem" => {
                let place = self.code_systems.len();
                let supplemented = Some(head.supplements)
                    .filter(|url| !url.is_empty())
                    .map(Box::from);
                let put = self
                    .code_systems
                    .put(line, below.map(|below| &below.code_systems));
                if let (Put::Added, Some(supplemented)) = (put, supplemented) {
                    self.supplements
                        .entry(supplemented)
                        .or_default()
                        .push(place);
                }
                put
            }
            "ValueSet" => self
                .value_sets
                .put(line, below.map(|below| &below.value_sets)),
            _ => self.put_structure(line, below),
        }
    }

    fn put_structure(&mut self, line: Cow<'static, str>, below: Option<&Shelf>) -> Put {
        let place = self.structures.len();
        let head = Head::of(&line);
        let is_known = self.types.contains_key(head.type_name)
            || below.is_some_and(|below| below.types.contains_key(head.type_name));
        let type_name = (head.derivation != "constraint" && !is_known).then(|| match &line {
            Cow::Borrowed(line) => Cow::Borrowed(Head::of(line).type_name),
            Cow::Owned(_) => Cow::Owned(head.type_name.to_owned()),
        });
        let put = self
            .structures
            .put(line, below.map(|below| &below.structures));
        if put == Put::Added {
            self.types.extend(type_name.map(|name| (name, place)));
            self.type_constraints.push(OnceLock::new());
        }
        put
    }

    /// Returns the place of the definition of this type.
    pub(super) fn type_place(&self, name: &str) -> Option<u32> {
        self.types.get(name).copied()
    }

    /// Returns the code system with this address, perhaps with `|version`.
    pub(super) fn code_system(&self, canonical: &str) -> Option<&CodeSystem> {
        self.code_systems
            .place(canonical)
            .map(|place| self.code_systems.get(place, code_system::compile))
    }

    /// Returns the supplements of the code system with this address.
    pub(super) fn supplements(&self, url: &str) -> impl Iterator<Item = &CodeSystem> {
        let places = self.supplements.get(url).map_or(&[][..], Vec::as_slice);
        places
            .iter()
            .map(|place| self.code_systems.get(*place, code_system::compile))
    }

    /// Returns the value set with this address, perhaps with `|version`.
    pub(super) fn value_set(&self, canonical: &str) -> Option<&ValueSet> {
        self.value_sets
            .place(canonical)
            .map(|place| self.value_sets.get(place, value_set::compile))
    }

    /// Returns the rules at the root of the definition of a data type.
    fn root_constraints(&self, place: u32) -> &[Arc<Constraint>] {
        self.type_constraints[place as usize].get_or_init(|| {
            let line = self.structures.line(place);
            let constraints = if Head::of(line).kind == "resource" {
                Vec::new()
            } else {
                compile::root_constraints(line)
            };
            constraints
                .into_iter()
                .map(|constraint| self.shared(constraint))
                .collect()
        })
    }

    fn known(&self, constraint: &Constraint) -> Option<Arc<Constraint>> {
        let shared = self
            .constraints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shared.get(&identity(constraint)).cloned()
    }
}

/// The members by which two constraints are the same: key, expression, and whether breaking it is
/// an error.
type ConstraintIdentity = (Box<str>, Box<str>, bool);

fn identity(constraint: &Constraint) -> ConstraintIdentity {
    (
        constraint.key.clone(),
        constraint.expression.clone(),
        constraint.is_error,
    )
}

impl OtherDefinitions for Shelf {
    fn type_id(&self, name: &str) -> Option<TypeId> {
        self.type_place(name).map(|structure| TypeId {
            structure,
            element: 0,
        })
    }

    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>> {
        self.type_place(name)
            .map(|place| self.root_constraints(place).to_vec())
            .unwrap_or_default()
    }

    fn shared(&self, constraint: Constraint) -> Arc<Constraint> {
        let mut shared = self
            .constraints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            shared
                .entry(identity(&constraint))
                .or_insert_with(|| Arc::new(constraint)),
        )
    }
}

/// A shelf on top of another, which is asked for everything that the upper one does not have.
pub(super) struct Stacked<'a> {
    pub(super) below: &'a Shelf,
    pub(super) top: &'a Shelf,
}

impl OtherDefinitions for Stacked<'_> {
    fn type_id(&self, name: &str) -> Option<TypeId> {
        let on_top = || {
            self.top.type_place(name).map(|place| TypeId {
                structure: self.below.structures.len() + place,
                element: 0,
            })
        };
        self.below.type_id(name).or_else(on_top)
    }

    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>> {
        if self.below.type_place(name).is_some() {
            self.below.type_constraints(name)
        } else {
            self.top.type_constraints(name)
        }
    }

    fn shared(&self, constraint: Constraint) -> Arc<Constraint> {
        self.below
            .known(&constraint)
            .unwrap_or_else(|| self.top.shared(constraint))
    }
}
