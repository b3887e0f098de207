//! The writes that a request is about to make, and whom they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::deadlines::FACT_TYPES;
use crate::fhir::view::items;
use crate::fhir::{Id, Reference, ResourceKey, ResourceType, Version};

/// The writes of a request, by key.
pub(in crate::interactions) type Pending = BTreeMap<ResourceKey, PendingWrite>;

/// One resource that a request is about to write.
#[derive(Clone, Debug)]
pub(in crate::interactions) struct PendingWrite {
    /// The version that it will have.
    pub(super) version: Version,
    /// Its content, shared with the resource that was sent and with or without its id; none if it
    /// is deleted.
    pub(super) content: Option<Arc<Value>>,
    /// The practices that the content names and that facts depend on.
    pub(super) practices: Arc<[ResourceKey]>,
    /// Its content before; none if it did not exist.
    pub(super) before: Option<Arc<Value>>,
}

impl PendingWrite {
    /// Returns the contents before and after, as far as there are any.
    pub(super) fn contents(&self) -> impl Iterator<Item = &Value> {
        self.before
            .iter()
            .chain(&self.content)
            .map(|content| &**content)
    }
}

/// The types that belong to a person and say nothing about the person's rights.
const OTHERS_ABOUT_A_PERSON: &[ResourceType] = &[ResourceType::Goal, ResourceType::CareTeam];

/// Returns the person that a resource is about, if it is about one.
pub(in crate::interactions) fn person_of(key: &ResourceKey, content: &Value) -> Option<Id> {
    if key.resource_type == ResourceType::Patient {
        return Some(key.id.clone());
    }
    let of_person = [FACT_TYPES, OTHERS_ABOUT_A_PERSON];
    if !of_person
        .iter()
        .any(|types| types.contains(&key.resource_type))
    {
        return None;
    }
    let named = |element: &Value| match Reference::read(element) {
        Reference::Local(patient, _) if patient.resource_type == ResourceType::Patient => {
            Some(patient.id)
        }
        _ => None,
    };
    match key.resource_type {
        ResourceType::Appointment => {
            items(&content["participant"]).find_map(|participant| named(&participant["actor"]))
        }
        _ => named(&content["subject"]),
    }
}

/// Returns everyone about whom something is written, before or after.
pub(super) fn persons(pending: &Pending) -> BTreeSet<Id> {
    let contents = pending
        .iter()
        .flat_map(|(key, write)| write.contents().map(move |content| (key, content)));
    contents
        .filter_map(|(key, content)| person_of(key, content))
        .collect()
}

/// Returns the key of a person's Patient.
pub(in crate::interactions) fn patient(person: &Id) -> ResourceKey {
    ResourceKey::new(ResourceType::Patient, person.clone())
}
