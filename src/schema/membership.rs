//! Membership of codes in value sets, as far as the loaded packages can tell.
//!
//! A code counts as a member or not only where the definitions decide it; everything else is a
//! doubt with its reason, for instance filters on systems that may not be redistributed.
//! <https://hl7.org/fhir/R4/valueset.html#compositions>

use std::fmt;

use super::code_system::{CodeStanding, CodeSystem, CodeSystemContent};
use super::definitions::Definitions;
use super::value_set::{PropertyFilter, Selection, ValueSet};
use super::well_known;

/// The deepest chain of value sets that name each other; a longer one is taken for a circle.
const DEPTH_MAX: usize = 16;

/// The answer to whether a code is in a value set or a code system.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Membership {
    /// It is.
    In,
    /// It is not.
    NotIn,
    /// The definitions do not decide it.
    Unknown(Doubt),
}

/// The reason why it cannot be told whether a code is in a value set or a code system. Each names
/// the definition that the doubt is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// The value set is not among the definitions.
    UnknownValueSet(Box<str>),
    /// The code system is not among the definitions.
    UnknownSystem(Box<str>),
    /// Only a part of the code system is, and the code is not in it.
    IncompleteSystem(Box<str>),
    /// The value set selects codes of a system by a property that is not looked at here.
    Filter(Box<str>),
    /// Value sets name each other without end.
    Circle(Box<str>),
    /// The value set says nothing about its codes.
    NoContent(Box<str>),
    /// The value set includes several others at once, and the code is in one of them: by one sentence of
    /// R4 it must be in all of them, by another in any
    /// (<https://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.compose.include.valueSet>).
    OneOfSeveral(Box<str>),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::UnknownValueSet(url) => write!(f, "the value set {url} is not known here"),
            Doubt::UnknownSystem(url) => write!(f, "the code system {url} is not known here"),
            Doubt::IncompleteSystem(url) => {
                write!(f, "only a part of the code system {url} is known here")
            }
            Doubt::Filter(url) => write!(
                f,
                "the value set selects codes of {url} by a property that is not known here"
            ),
            Doubt::Circle(url) => write!(f, "the value set {url} is defined by itself"),
            Doubt::NoContent(url) => write!(f, "the value set {url} does not list its codes"),
            Doubt::OneOfSeveral(url) => write!(
                f,
                "the code is in some of the value sets that {url} includes together, and R4 says both \
                 that it must be in all of them and that it must be in one"
            ),
        }
    }
}

impl Membership {
    fn of(is_in: bool) -> Membership {
        if is_in {
            Membership::In
        } else {
            Membership::NotIn
        }
    }

    /// Combines two answers that must both hold.
    fn and(self, other: impl FnOnce() -> Membership) -> Membership {
        match self {
            Membership::NotIn => Membership::NotIn,
            Membership::In => other(),
            Membership::Unknown(doubt) => match other() {
                Membership::NotIn => Membership::NotIn,
                Membership::In | Membership::Unknown(_) => Membership::Unknown(doubt),
            },
        }
    }

    /// Combines answers of which one must hold.
    fn any(members: impl Iterator<Item = Membership>) -> Membership {
        let mut found = Membership::NotIn;
        for member in members {
            match (member, &found) {
                (Membership::In, _) => return Membership::In,
                (unknown @ Membership::Unknown(_), Membership::NotIn) => found = unknown,
                (Membership::NotIn | Membership::Unknown(_), _) => {}
            }
        }
        found
    }
}

/// The code that is looked for. An element of type `code` has no system of its own, since the value
/// set gives it.
#[derive(Clone, Copy)]
struct WantedCode<'a> {
    system: Option<&'a str>,
    code: &'a str,
}

impl Definitions {
    /// Tells whether a code is in a value set. Without a system (for elements of type `code`) any
    /// system of the value set will do.
    pub fn membership(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership {
        self.in_value_set(value_set, WantedCode { system, code }, 0)
    }

    /// Tells whether a code is in a code system, whose address may be followed by `|version`.
    pub fn code_in_system(&self, system: &str, code: &str) -> Membership {
        let known = self.code_system(system);
        if let Some(known) = known.filter(|known| known.content != CodeSystemContent::NotPresent) {
            return match known.content {
                _ if known.contains(code) => Membership::In,
                CodeSystemContent::Complete => Membership::NotIn,
                _ => Membership::Unknown(Doubt::IncompleteSystem(system.into())),
            };
        }
        match well_known::standing(system, code) {
            Some(CodeStanding::Valid) => Membership::In,
            Some(CodeStanding::Invalid) => Membership::NotIn,
            Some(CodeStanding::Unsure) => {
                Membership::Unknown(Doubt::IncompleteSystem(system.into()))
            }
            None => Membership::Unknown(Doubt::UnknownSystem(system.into())),
        }
    }

    fn in_value_set(&self, canonical: &str, wanted: WantedCode<'_>, depth: usize) -> Membership {
        let Some(value_set) = self.value_set(canonical) else {
            return Membership::Unknown(Doubt::UnknownValueSet(canonical.into()));
        };
        if depth >= DEPTH_MAX {
            return Membership::Unknown(Doubt::Circle(canonical.into()));
        }
        match (
            self.in_composition(value_set, wanted, depth),
            &value_set.expansion,
        ) {
            (Membership::Unknown(doubt), Some(expansion)) => {
                let fits = |system: &str, code: &str| {
                    code == wanted.code && wanted.system.is_none_or(|wanted| wanted == system)
                };
                match expansion
                    .codes
                    .iter()
                    .any(|(system, code)| fits(system, code))
                {
                    true => Membership::In,
                    false if expansion.is_complete => Membership::NotIn,
                    false => Membership::Unknown(doubt),
                }
            }
            (decided, _) => decided,
        }
    }

    fn in_composition(
        &self,
        value_set: &ValueSet,
        wanted: WantedCode<'_>,
        depth: usize,
    ) -> Membership {
        if value_set.include.is_empty() {
            return Membership::Unknown(Doubt::NoContent(value_set.url.clone()));
        }
        let any = |selections: &[Selection]| {
            Membership::any(
                selections
                    .iter()
                    .map(|part| self.in_selection(part, value_set, wanted, depth)),
            )
        };
        any(&value_set.include).and(|| match any(&value_set.exclude) {
            Membership::In => Membership::NotIn,
            Membership::NotIn => Membership::In,
            unknown @ Membership::Unknown(_) => unknown,
        })
    }

    fn in_selection(
        &self,
        part: &Selection,
        of: &ValueSet,
        wanted: WantedCode<'_>,
        depth: usize,
    ) -> Membership {
        let in_system = if part.system.is_empty() {
            Membership::of(!part.value_sets.is_empty())
        } else if wanted.system.is_some_and(|wanted| *wanted != *part.system) {
            Membership::NotIn
        } else {
            self.selected(part, wanted.code)
        };
        in_system.and(|| self.in_value_sets(part, of, wanted, depth))
    }

    /// Tells whether a code is in the value sets of a selection.
    fn in_value_sets(
        &self,
        part: &Selection,
        of: &ValueSet,
        wanted: WantedCode<'_>,
        depth: usize,
    ) -> Membership {
        let (mut in_all, mut is_in_one) = (Membership::In, false);
        for value_set in &part.value_sets {
            let found = self.in_value_set(value_set, wanted, depth + 1);
            is_in_one |= found == Membership::In;
            in_all = in_all.and(|| found);
        }
        if in_all == Membership::NotIn && is_in_one {
            Membership::Unknown(Doubt::OneOfSeveral(of.url.clone()))
        } else {
            in_all
        }
    }

    /// Tells whether a code is among those selected from one system.
    fn selected(&self, part: &Selection, code: &str) -> Membership {
        let versioned;
        let canonical = if part.version.is_empty() {
            &*part.system
        } else {
            versioned = format!("{}|{}", part.system, part.version);
            &versioned
        };
        let system = self.code_system(canonical);
        if let Some(codes) = &part.codes {
            let lax = system.filter(|system| !system.is_case_sensitive);
            return Membership::of(
                codes.contains(code)
                    || lax.is_some_and(|system| {
                        codes.iter().any(|listed| system.is_same(listed, code))
                    }),
            );
        }
        let in_system = self.code_in_system(canonical, code);
        part.filters.iter().fold(in_system, |found, filter| {
            found.and(|| {
                match system.filter(|system| system.content == CodeSystemContent::Complete) {
                    Some(system) => passes(filter, system, code),
                    None => Membership::Unknown(Doubt::Filter(part.system.clone())),
                }
            })
        })
    }
}

/// Tells whether a code of a complete system passes a filter on its place in the hierarchy.
fn passes(filter: &PropertyFilter, system: &CodeSystem, code: &str) -> Membership {
    if !matches!(&*filter.property, "concept" | "code") {
        return Membership::Unknown(Doubt::Filter(system.url.clone()));
    }
    let value = &*filter.value;
    let listed = || {
        value
            .split(',')
            .any(|listed| system.is_same(listed.trim(), code))
    };
    match &*filter.operator {
        "is-a" => Membership::of(system.is_a(code, value)),
        "descendent-of" => Membership::of(system.is_a(code, value) && !system.is_same(code, value)),
        "is-not-a" => Membership::of(!system.is_a(code, value)),
        "generalizes" => Membership::of(system.is_a(value, code)),
        "=" => Membership::of(system.is_same(code, value)),
        "in" => Membership::of(listed()),
        "not-in" => Membership::of(!listed()),
        _ => Membership::Unknown(Doubt::Filter(system.url.clone())),
    }
}
