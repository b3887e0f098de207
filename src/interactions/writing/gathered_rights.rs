//! All that the rights of some persons follow from, gathered from the store or from anywhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::deadlines::{GroupTable, PersonFacts, PracticeTable, Stored, practice_references};
use crate::fhir::{Id, ResourceKey, Version};
use crate::subscriptions::FilterIndex;

/// All that the rights of some persons follow from, and the Tasks by which they are told so far.
#[derive(Default)]
pub(in crate::interactions) struct GatheredRights {
    /// The persons.
    pub(super) holders: Vec<RightHolder>,
    /// Their Tasks, and any other one under the id of one of their clocks.
    pub(super) tasks: BTreeMap<Id, (Version, Value)>,
    /// The focuses of these Tasks that are not stored any more.
    pub(super) missing: BTreeSet<ResourceKey>,
    /// The subscriptions that are told of events, if there are any.
    pub(super) followers: Option<Arc<FilterIndex<Id>>>,
}

/// One person and all that is known of the person's rights.
pub(super) struct RightHolder {
    /// The Patient.
    pub(super) key: ResourceKey,
    /// The facts.
    pub(super) facts: PersonFacts,
    /// The Organizations and PractitionerRoles that the facts depend on, stored or not.
    pub(super) practices: BTreeSet<ResourceKey>,
    /// True if something was stored before that may have set a timer.
    pub(super) may_have_timer: bool,
}

impl RightHolder {
    /// Reads the facts of a person from resources, wherever they come from.
    pub(super) fn of(
        key: ResourceKey,
        resources: &[Stored<'_>],
        groups: &GroupTable,
        practices: &PracticeTable,
    ) -> Self {
        RightHolder {
            facts: PersonFacts::read(&key, resources, groups, practices),
            practices: resources
                .iter()
                .flat_map(|stored| practice_references(stored.value))
                .collect(),
            may_have_timer: false,
            key,
        }
    }
}
