//! All that the rights of some persons follow from, gathered from the store or from anywhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::deadlines::{GroupTable, PersonFacts, Stored, practice_references};
use crate::fhir::{Id, ResourceKey, Version};
use crate::subscriptions::FilterIndex;

/// All that the rights of some persons follow from, and the Tasks by which they are told so far.
#[derive(Default)]
pub(in crate::interactions) struct GatheredRights {
    /// The persons.
    pub(in crate::interactions) holders: Vec<RightHolder>,
    /// Their Tasks, and any other one under the id of one of their clocks.
    pub(in crate::interactions) tasks: BTreeMap<Id, (Version, Value)>,
    /// The focuses of these Tasks that are not stored any more.
    pub(in crate::interactions) missing: BTreeSet<ResourceKey>,
    /// The subscriptions that are told of events, if there are any.
    pub(in crate::interactions) followers: Option<Arc<FilterIndex<Id>>>,
}

/// One person and all that is known of the person's rights.
pub(in crate::interactions) struct RightHolder {
    /// The Patient.
    pub(in crate::interactions) key: ResourceKey,
    /// The facts.
    pub(in crate::interactions) facts: PersonFacts,
    /// The Organizations and PractitionerRoles that the facts depend on, stored or not.
    pub(in crate::interactions) practices: BTreeSet<ResourceKey>,
    /// True if something was stored before that may have set a timer.
    pub(in crate::interactions) may_have_timer: bool,
}

impl RightHolder {
    /// Reads the facts of a person from resources, wherever they come from.
    pub(in crate::interactions) fn of(
        key: ResourceKey,
        resources: &[Stored<'_>],
        groups: &GroupTable,
    ) -> Self {
        RightHolder {
            facts: PersonFacts::read(&key, resources, groups),
            practices: resources
                .iter()
                .flat_map(|stored| practice_references(stored.value))
                .collect(),
            may_have_timer: false,
            key,
        }
    }
}
