//! The knowledge that a conversion needs of the store: whom the statement names, and what is stored
//! of the person.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fhir::{ResourceKey, ResourceType};

/// The questions that a statement asks of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedParties {
    /// The identifiers of the person, each with its system: one of them is enough.
    pub person: Vec<(String, String)>,
    /// The identifiers by which the person is looked for if none is stored with one of those.
    pub person_else: Vec<(String, String)>,
    /// The identifiers of organizations.
    pub organizations: BTreeSet<(String, String)>,
    /// The types of which everything about the person is read.
    pub of_person: &'static [ResourceType],
}

/// A resource that is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct KnownResource {
    /// Its key.
    pub key: ResourceKey,
    /// Its content.
    pub content: Value,
}

/// The answers of the store.
#[derive(Default, Debug)]
pub struct KnownParties {
    /// The Patient of the person.
    pub patient: Option<KnownResource>,
    /// The identifiers of the person that another stored Patient has.
    pub numbers_of_others: Vec<(String, String)>,
    /// The Organizations that have one of the identifiers.
    pub organizations: Vec<KnownResource>,
    /// The resources about the person, of the types that were asked for.
    pub of_person: Vec<KnownResource>,
    /// The ones of them about which the sender has made a statement before.
    pub of_sender: BTreeSet<ResourceKey>,
    /// The ones of them about which the sender has made a later statement.
    pub stated_later: BTreeSet<ResourceKey>,
}

impl KnownParties {
    /// Returns the content of a resource about the person.
    pub fn content(&self, key: &ResourceKey) -> Option<&Value> {
        let mut of_person = self.of_person.iter();
        let found = of_person.find(|known| known.key == *key)?;
        Some(&found.content)
    }

    /// Returns what is stored of that type about the person.
    pub fn of_type(&self, resource_type: ResourceType) -> impl Iterator<Item = &KnownResource> {
        let of_person = self.of_person.iter();
        of_person.filter(move |known| known.key.resource_type == resource_type)
    }
}
