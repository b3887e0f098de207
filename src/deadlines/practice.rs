//! Who a reference names, as far as rights ask: is it a general practice, is it the person's own,
//! and how a Task names it (deadline-rules, sections 3 and 6; fhir-profiles, section 2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::clock::Input;
use super::facts::Stored;
use crate::fhir::reference::Reference;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{ResourceKey, ResourceType, names};

/// The Organizations and PractitionerRoles that the facts in a resource depend on: load these, and
/// the Organizations that the PractitionerRoles among them depend on, before reading facts.
pub fn practice_references(resource: &Value) -> Vec<ResourceKey> {
    let elements: &[&str] = match resource["resourceType"].as_str() {
        Some("Patient") => &["generalPractitioner"],
        Some("Condition") => &["recorder", "asserter"],
        Some("CarePlan") => &["author"],
        Some("ServiceRequest") => &["requester", "performer"],
        Some("PractitionerRole") => &["organization"],
        _ => &[],
    };
    let references = elements
        .iter()
        .flat_map(|element| items(&resource[*element]));
    let keys: BTreeSet<ResourceKey> = references
        .filter_map(|element| practice_key(&Reference::read(element)).cloned())
        .collect();
    keys.into_iter().collect()
}

fn practice_key<'a>(reference: &'a Reference<'_>) -> Option<&'a ResourceKey> {
    reference.local_key().filter(|key| {
        matches!(
            key.resource_type,
            ResourceType::Organization | ResourceType::PractitionerRole
        )
    })
}

/// What one reference says about a party.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Party {
    /// The reference as a Task carries it: address and identifier only, a stored PractitionerRole
    /// replaced by its organization. None if there is neither.
    pub reference: Option<Value>,
    /// True for a general practice.
    pub is_general_practice: bool,
    /// Everything by which the organization is known; two parties that share one are the same.
    identities: BTreeSet<Identity>,
    /// The stored resources that were read for this.
    pub inputs: Vec<Input>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Identity {
    Resource(ResourceKey),
    Identifier(String, String),
}

impl Identity {
    /// An identifier; a ydernummer is the same with and without leading zeros, and under its
    /// mistyped system.
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
    /// True if both name the same organization.
    pub(super) fn is_same_as(&self, other: &Party) -> bool {
        !self.identities.is_disjoint(&other.identities)
    }
}

/// The stored Organizations and PractitionerRoles.
pub(super) struct Practices<'a> {
    by_key: BTreeMap<&'a ResourceKey, &'a Stored<'a>>,
}

impl<'a> Practices<'a> {
    pub(super) fn among(resources: &'a [Stored<'a>]) -> Self {
        let practices = resources.iter().filter(|stored| {
            matches!(
                stored.key.resource_type,
                ResourceType::Organization | ResourceType::PractitionerRole
            )
        });
        Practices {
            by_key: practices.map(|stored| (&stored.key, stored)).collect(),
        }
    }

    /// What a Reference element says.
    pub(super) fn party(&self, element: &Value) -> Party {
        let reference = Reference::read(element);
        let stored = practice_key(&reference).and_then(|key| self.by_key.get(key));
        let mut party = match stored {
            Some(stored) if stored.key.resource_type == ResourceType::PractitionerRole => {
                self.role(element, stored)
            }
            Some(stored) => organization(element, stored),
            None => unstored(element, &reference),
        };
        party
            .identities
            .extend(identifiers(element).map(|(system, value)| Identity::of(system, value)));
        party
    }

    fn role(&self, element: &Value, role: &Stored<'_>) -> Party {
        let of_role = &role.value["organization"];
        let mut party = match Reference::read(of_role).local_key() {
            // A role of a role is no organization; reading it would not end.
            Some(key) if key.resource_type == ResourceType::PractitionerRole => Party::default(),
            _ => self.party(of_role),
        };
        party
            .identities
            .insert(Identity::Resource(role.key.clone()));
        party.inputs.push((role.key.clone(), role.version));
        party.reference = party.reference.or_else(|| written(element));
        party
    }
}

fn organization(element: &Value, stored: &Stored<'_>) -> Party {
    let mut identities: BTreeSet<Identity> = identifiers(stored.value)
        .map(|(system, value)| Identity::of(system, value))
        .collect();
    identities.insert(Identity::Resource(stored.key.clone()));
    Party {
        reference: written(element),
        is_general_practice: identifiers(stored.value)
            .any(|(system, _)| names::is_ydernummer_system(system)),
        identities,
        inputs: vec![(stored.key.clone(), stored.version)],
    }
}

fn unstored(element: &Value, reference: &Reference<'_>) -> Party {
    let mut party = Party {
        reference: written(element),
        ..Party::default()
    };
    party
        .identities
        .extend(practice_key(reference).cloned().map(Identity::Resource));
    if let Reference::Logical(system, _) = reference {
        party.is_general_practice = names::is_ydernummer_system(system);
    }
    party
}

/// The reference with address and identifier only: a display can be a name, and a CPR number stays
/// where it was sent.
fn written(element: &Value) -> Option<Value> {
    let mut reference = Map::new();
    match Reference::read(element) {
        Reference::Local(key, _) => {
            reference.insert("reference".into(), key.to_string().into());
        }
        Reference::External(address) => {
            reference.insert("reference".into(), address.into());
        }
        Reference::Contained(_)
        | Reference::Urn(_)
        | Reference::Conditional(_)
        | Reference::Logical(..)
        | Reference::None => {}
    }
    let sent = &element["identifier"];
    if sent["value"].is_string() && sent["system"] != names::CPR {
        let parts = ["system", "value"]
            .into_iter()
            .filter_map(|part| Some((part.to_owned(), sent.get(part)?.clone())));
        reference.insert("identifier".into(), Value::Object(parts.collect()));
    }
    (!reference.is_empty()).then_some(Value::Object(reference))
}
