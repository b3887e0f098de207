//! A package's definitions: an index of condensed lines, of which each is compiled when it is first asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::compile::{self, Surroundings};
use super::structure::{Constraint, Structure};
use crate::fhirpath::TypeId;

/// The R4 core package, condensed by `tests/it/schema/core.rs`.
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
    /// Of a StructureDefinition, as the next ones.
    pub(super) type_name: &'a str,
    pub(super) derivation: &'a str,
    pub(super) base: &'a str,
    pub(super) kind: &'a str,
}

impl<'a> Head<'a> {
    /// Reads the keys in the order in which they were written; what is not there is empty.
    pub(super) fn of(line: &'a str) -> Head<'a> {
        let mut rest = line;
        let mut next = |key: &str| {
            let after = rest.get(1..).and_then(|rest| rest.strip_prefix(key));
            let Some((value, after)) = after.and_then(|after| after.split_once('"')) else { return "" };
            rest = after;
            value
        };
        Head {
            resource_type: next("\"resourceType\":\""),
            url: next("\"url\":\""),
            version: next("\"version\":\""),
            type_name: next("\"type\":\""),
            derivation: next("\"derivation\":\""),
            base: next("\"base\":\""),
            kind: next("\"kind\":\""),
        }
    }
}

/// One StructureDefinition.
#[derive(Debug)]
struct StructureEntry {
    line: Cow<'static, str>,
    structure: OnceLock<Structure>,
    type_constraints: OnceLock<Vec<Arc<Constraint>>>,
}

/// Definitions that were loaded together, after those of another shelf.
#[derive(Default, Debug)]
pub(super) struct Shelf {
    structures: Vec<StructureEntry>,
    /// Address, and address with version where the address alone means another one, to place.
    structures_by_url: HashMap<Cow<'static, str>, u32>,
    /// Names of types to the place of their definition.
    types: HashMap<Cow<'static, str>, u32>,
    constraints: Mutex<HashMap<(Box<str>, Box<str>, bool), Arc<Constraint>>>,
}

impl Shelf {
    /// Adds a line, after those of the shelf below, if there is one. False if exactly this definition is there already.
    pub(super) fn put(&mut self, line: Cow<'static, str>, below: Option<&Shelf>) -> bool {
        match &line {
            Cow::Borrowed(text) => self.put_headed(line.clone(), Head::of(text), Cow::Borrowed, below),
            Cow::Owned(text) => {
                let text = text.clone();
                self.put_headed(line, Head::of(&text), |part| Cow::Owned(part.to_owned()), below)
            }
        }
    }

    fn put_headed<'a>(
        &mut self,
        line: Cow<'static, str>,
        head: Head<'a>,
        keep: fn(&'a str) -> Cow<'static, str>,
        below: Option<&Shelf>,
    ) -> bool {
        if head.resource_type != "StructureDefinition" {
            return false;
        }
        let place = u32::try_from(self.structures.len()).unwrap_or(u32::MAX);
        let mut key = keep(head.url);
        if self.structures_by_url.contains_key(&key) || below.is_some_and(|below| below.place(head.url).is_some()) {
            let versioned = format!("{}|{}", head.url, head.version);
            if self.place(&versioned).is_some() || below.is_some_and(|below| below.place(&versioned).is_some()) {
                return false;
            }
            key = Cow::Owned(versioned);
        }
        self.structures_by_url.insert(key, place);
        let is_known = self.types.contains_key(head.type_name) || below.is_some_and(|below| below.types.contains_key(head.type_name));
        if head.derivation != "constraint" && !is_known {
            self.types.insert(keep(head.type_name), place);
        }
        self.structures.push(StructureEntry { line, structure: OnceLock::new(), type_constraints: OnceLock::new() });
        true
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.structures.len()).unwrap_or(u32::MAX)
    }

    /// The place of the structure with this address, perhaps with `|version`.
    pub(super) fn place(&self, canonical: &str) -> Option<u32> {
        let Some((url, version)) = canonical.split_once('|') else { return self.structures_by_url.get(canonical).copied() };
        let plain = self.structures_by_url.get(url).copied().filter(|place| self.head(*place).version == version);
        plain.or_else(|| self.structures_by_url.get(canonical).copied())
    }

    /// The place of the definition of this type.
    pub(super) fn type_place(&self, name: &str) -> Option<u32> {
        self.types.get(name).copied()
    }

    /// The beginning of the line at this place; empty beyond the last.
    pub(super) fn head(&self, place: u32) -> Head<'_> {
        self.structures.get(place as usize).map_or_else(Head::default, |entry| Head::of(&entry.line))
    }

    /// All lines' beginnings.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        self.structures.iter().map(|entry| Head::of(&entry.line))
    }

    /// The structure at this place, compiled now if it never was.
    pub(super) fn structure(&self, place: u32, around: &dyn Surroundings) -> &Structure {
        let entry = &self.structures[place as usize];
        entry.structure.get_or_init(|| compile::structure(&entry.line, around))
    }

    /// The rules at the root of the definition of a data type.
    fn root_constraints(&self, place: u32) -> &[Arc<Constraint>] {
        let entry = &self.structures[place as usize];
        entry.type_constraints.get_or_init(|| {
            let constraints = if self.head(place).kind == "resource" { Vec::new() } else { compile::root_constraints(&entry.line) };
            constraints.into_iter().map(|constraint| self.shared(constraint)).collect()
        })
    }

    fn known(&self, constraint: &Constraint) -> Option<Arc<Constraint>> {
        let shared = self.constraints.lock().unwrap_or_else(PoisonError::into_inner);
        shared.get(&identity(constraint)).cloned()
    }
}

fn identity(constraint: &Constraint) -> (Box<str>, Box<str>, bool) {
    (constraint.key.clone(), constraint.expression.clone(), constraint.is_error)
}

impl Surroundings for Shelf {
    fn type_id(&self, name: &str) -> Option<TypeId> {
        self.type_place(name).map(|structure| TypeId { structure, element: 0 })
    }

    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>> {
        self.type_place(name).map(|place| self.root_constraints(place).to_vec()).unwrap_or_default()
    }

    fn shared(&self, constraint: Constraint) -> Arc<Constraint> {
        let mut shared = self.constraints.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.entry(identity(&constraint)).or_insert_with(|| Arc::new(constraint)))
    }
}

/// A shelf on top of another: what it does not have, the one below may.
pub(super) struct Stacked<'a> {
    pub(super) below: &'a Shelf,
    pub(super) top: &'a Shelf,
}

impl Surroundings for Stacked<'_> {
    fn type_id(&self, name: &str) -> Option<TypeId> {
        let on_top = || self.top.type_place(name).map(|place| TypeId { structure: self.below.len() + place, element: 0 });
        self.below.type_id(name).or_else(on_top)
    }

    fn type_constraints(&self, name: &str) -> Vec<Arc<Constraint>> {
        if self.below.type_place(name).is_some() { self.below.type_constraints(name) } else { self.top.type_constraints(name) }
    }

    fn shared(&self, constraint: Constraint) -> Arc<Constraint> {
        self.below.known(&constraint).unwrap_or_else(|| self.top.shared(constraint))
    }
}
