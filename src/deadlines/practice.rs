//! The parties that references name, as far as rights ask: is one a general practice, is it the
//! person's own, and how does a Task name it (deadline-rules, sections 3 and 6; fhir-profiles,
//! section 2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

use super::fact_types::practice_elements;
use super::owner::TaskOwner;
use super::practice_table::{PracticeDays, PracticeTable};
use super::stored::{SourceVersion, Stored};
use crate::fhir::reference::Reference;
use crate::fhir::view::{has_coding, identifiers, items};
use crate::fhir::{ResourceKey, ResourceType, names};

/// Tells whether a practice is known by resources of this type.
pub const fn is_practice(resource_type: ResourceType) -> bool {
    matches!(
        resource_type,
        ResourceType::Organization | ResourceType::PractitionerRole
    )
}

/// Returns the Organizations and PractitionerRoles that the facts in a resource depend on. Load
/// these, and the Organizations that the PractitionerRoles among them depend on, before reading
/// facts.
pub fn practice_references(resource: &Value) -> Vec<ResourceKey> {
    let resource_type = resource["resourceType"]
        .as_str()
        .and_then(|name| name.parse().ok());
    let references = resource_type
        .map_or(&[][..], practice_elements)
        .iter()
        .flat_map(|element| items(&resource[*element]));
    let keys: BTreeSet<ResourceKey> = references
        .filter_map(|element| practice_key(&Reference::read(element)).cloned())
        .collect();
    keys.into_iter().collect()
}

fn practice_key<'a>(reference: &'a Reference<'_>) -> Option<&'a ResourceKey> {
    reference
        .local_key()
        .filter(|key| is_practice(key.resource_type))
}

/// Tells whether two contents of one Organization or PractitionerRole (none: it does not exist) are
/// the same to everyone's facts, so that a change from one to the other concerns nobody.
pub fn is_same_practice(
    resource_type: ResourceType,
    before: Option<&Value>,
    after: Option<&Value>,
) -> bool {
    let read = |content| Practice::read(resource_type, content);
    before.map(read) == after.map(read)
}

/// The content of an Organization or PractitionerRole, as far as facts depend on it.
#[derive(PartialEq)]
enum Practice<'a> {
    Organization {
        identifiers: Vec<(&'a str, &'a str)>,
        /// True if it is of the type that SOR gives a general practice.
        is_typed: bool,
    },
    Role {
        organization: &'a Value,
    },
}

impl<'a> Practice<'a> {
    fn read(resource_type: ResourceType, content: &'a Value) -> Option<Self> {
        match resource_type {
            ResourceType::Organization => Some(Practice::Organization {
                identifiers: identifiers(content).collect(),
                is_typed: has_coding(&content["type"], names::SNOMED_CT, names::GENERAL_PRACTICE),
            }),
            ResourceType::PractitionerRole => Some(Practice::Role {
                organization: &content["organization"],
            }),
            _ => None,
        }
    }
}

/// A party that one reference names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Party {
    /// The reference as a Task carries it, a stored PractitionerRole replaced by its organization.
    pub owner: Option<TaskOwner>,
    /// True for a general practice by what it says of itself, which holds on every day.
    is_general_practice: bool,
    /// The days on which it is one by the operator's table.
    listed: Vec<PracticeDays>,
    /// Everything by which the organization is known; two parties that share one are the same.
    identities: BTreeSet<Identity>,
    /// The stored resources that were read for this.
    pub inputs: Vec<SourceVersion>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Identity {
    Resource(ResourceKey),
    Address(String),
    Identifier(String, String),
}

impl Identity {
    /// Returns the identity of an identifier. A ydernummer is the same with and without leading
    /// zeros, and under its mistyped system.
    fn of(system: &str, value: &str) -> Identity {
        if names::is_ydernummer_system(system) {
            return Identity::Identifier(
                names::YDERNUMMER.to_owned(),
                value.trim().trim_start_matches('0').to_owned(),
            );
        }
        Identity::Identifier(system.to_owned(), value.to_owned())
    }
}

impl Party {
    /// Tells whether it was a general practice on that day.
    pub(super) fn is_general_practice_on(&self, day: Date) -> bool {
        self.is_general_practice || self.listed.iter().any(|days| days.contain(day))
    }

    /// Tells whether both name the same organization.
    pub(super) fn is_same_as(&self, other: &Party) -> bool {
        !self.identities.is_disjoint(&other.identities)
    }
}

/// The stored Organizations and PractitionerRoles, and the operator's table of general practices.
pub(super) struct Practices<'a> {
    listed: &'a PracticeTable,
    by_key: BTreeMap<&'a ResourceKey, (&'a Stored<'a>, Practice<'a>)>,
}

impl<'a> Practices<'a> {
    /// Picks the practices out of the resources.
    pub(super) fn among(resources: &'a [Stored<'a>], listed: &'a PracticeTable) -> Self {
        let practices = resources.iter().filter_map(|stored| {
            let practice = Practice::read(stored.key.resource_type, stored.value)?;
            Some((&stored.key, (stored, practice)))
        });
        Practices {
            listed,
            by_key: practices.collect(),
        }
    }

    /// Reads the party that a Reference element names.
    pub(super) fn party(&self, element: &Value) -> Party {
        let reference = Reference::read(element);
        let stored = practice_key(&reference).and_then(|key| self.by_key.get(key));
        let mut party = match stored {
            Some((stored, Practice::Role { organization })) => {
                self.role(element, stored, organization)
            }
            Some((
                stored,
                Practice::Organization {
                    identifiers,
                    is_typed,
                },
            )) => self.organization(element, stored, identifiers, *is_typed),
            None => self.unstored(element, &reference),
        };
        party
            .identities
            .extend(identifiers(element).map(|(system, value)| Identity::of(system, value)));
        party
    }

    fn role(&self, element: &Value, role: &Stored<'_>, organization: &Value) -> Party {
        let mut party = match Reference::read(organization).local_key() {
            // A role of a role is no organization; reading it would not end.
            Some(key) if key.resource_type == ResourceType::PractitionerRole => Party::default(),
            _ => self.party(organization),
        };
        party
            .identities
            .insert(Identity::Resource(role.key.clone()));
        party.inputs.push(role.input());
        party.owner = party.owner.or_else(|| TaskOwner::read(element));
        party
    }

    fn organization(
        &self,
        element: &Value,
        stored: &Stored<'_>,
        identifiers: &[(&str, &str)],
        is_typed: bool,
    ) -> Party {
        let mut identities: BTreeSet<Identity> = identifiers
            .iter()
            .map(|(system, value)| Identity::of(system, value))
            .collect();
        let of_sor = identifiers
            .iter()
            .filter(|(system, _)| *system == names::SOR);
        identities.insert(Identity::Resource(stored.key.clone()));
        Party {
            owner: TaskOwner::read(element),
            is_general_practice: is_typed
                || identifiers
                    .iter()
                    .any(|(system, _)| names::is_ydernummer_system(system)),
            listed: of_sor
                .flat_map(|(_, sor)| self.listed.days_of(sor))
                .collect(),
            identities,
            inputs: vec![stored.input()],
        }
    }

    fn unstored(&self, element: &Value, reference: &Reference<'_>) -> Party {
        let mut party = Party {
            owner: TaskOwner::read(element),
            ..Party::default()
        };
        match reference {
            Reference::Local(key, _) => {
                party.identities.insert(Identity::Resource(key.clone()));
            }
            Reference::External(address) => {
                let address = (*address).to_owned();
                party.identities.insert(Identity::Address(address));
            }
            Reference::Logical(system, value) => {
                party.is_general_practice = names::is_ydernummer_system(system);
                if *system == names::SOR {
                    party.listed = self.listed.days_of(value).collect();
                }
            }
            _ => {}
        }
        party
    }
}
