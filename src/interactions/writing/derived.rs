//! Deriving, from gathered rights, all that must be written: Tasks and their Provenance, timers and
//! events (deadline-rules, section 7). Pure: it can be asked with other rules, and with facts that
//! are in no store.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::gathered_rights::{GatheredRights, RightHolder};
use super::guards;
use crate::deadlines::{self, Rights, Rules, SourceVersion, TaskChange, TaskEffect};
use crate::fhir::{Id, Reference, Resource, ResourceKey, ResourceType, Version};
use crate::search::compartment::found_by;
use crate::search::index_entries;
use crate::storage::{Guard, Method, NewEvent, StoredContent, TimerChange, Write};
use crate::subscriptions::filter::Side;
use crate::subscriptions::topic;

/// The day and the instants of a derivation.
#[derive(Clone, Copy, Debug)]
pub(in crate::interactions) struct AsOf {
    /// The day that the rights are of.
    pub(in crate::interactions) day: Date,
    /// The instant that changed Tasks tell.
    pub(in crate::interactions) last_modified: Timestamp,
    /// The time itself.
    pub(in crate::interactions) recorded: Timestamp,
}

/// The writes, and all that a commit of them moves.
#[derive(Default)]
pub(in crate::interactions) struct Derived {
    /// New versions of Tasks, each with its Provenance.
    pub(in crate::interactions) writes: Vec<Write>,
    /// The guards that this moves.
    pub(in crate::interactions) touches: BTreeSet<Guard>,
    /// When each person's rights change next if nobody writes.
    pub(in crate::interactions) timers: Vec<TimerChange>,
    /// The events that the new versions of Tasks are.
    pub(in crate::interactions) events: Vec<NewEvent>,
    /// The changes of rights that the new versions of Tasks are.
    pub(in crate::interactions) changed: Vec<ChangedTask>,
    /// The rights of each person, in the order in which the persons were gathered.
    pub(in crate::interactions) rights: Vec<Rights>,
}

/// The change of one right.
pub(in crate::interactions) struct ChangedTask {
    /// The change itself.
    pub(super) effect: TaskEffect,
    /// The versions that it was computed from.
    pub(super) inputs: Vec<SourceVersion>,
    /// The resources that the Task is and was about.
    pub(super) focuses: Vec<ResourceKey>,
    /// The persons whom it is and was for.
    pub(super) persons: Vec<ResourceKey>,
}

impl Derived {
    /// Returns the subscriptions that have new events.
    pub(in crate::interactions) fn told(&self) -> BTreeSet<Id> {
        self.events
            .iter()
            .map(|event| event.subscription.clone())
            .collect()
    }
}

/// Derives the rights of the persons by these rules, and all that must be written so that what is
/// stored tells them.
pub(in crate::interactions) fn derived(
    gathered: &GatheredRights,
    rules: &Rules,
    as_of: AsOf,
) -> Derived {
    let rights: Vec<Rights> = gathered
        .holders
        .iter()
        .map(|holder| deadlines::derive(&holder.facts, rules, as_of.day))
        .collect();
    let mut derived = Derived::default();
    for (holder, rights) in gathered.holders.iter().zip(&rights) {
        derived.touches.extend(touches(holder));
        derived.timers.push(TimerChange {
            owner: holder.key.clone(),
            day: rights.next_change,
        });
    }
    let people: Vec<_> = gathered
        .holders
        .iter()
        .map(|holder| &holder.facts)
        .zip(&rights)
        .collect();
    let tasks: Vec<&Value> = gathered.tasks.values().map(|(_, task)| task).collect();
    let is_missing = |focus: &ResourceKey| gathered.missing.contains(focus);
    for change in deadlines::reconcile(&people, &tasks, is_missing, as_of.last_modified) {
        derived.add(change, gathered, as_of);
    }
    derived.rights = rights;
    derived
}

impl Derived {
    /// Adds a new version of a Task, its Provenance, and the events that it is.
    fn add(&mut self, change: TaskChange, gathered: &GatheredRights, as_of: AsOf) {
        let stored = gathered.tasks.get(&change.id);
        let previous = stored.map(|(version, _)| *version);
        let before = stored.map(|(_, content)| content);
        self.changed.push(changed_task(before, &change));
        let key = ResourceKey::new(ResourceType::Task, change.id);
        let is_event = topic::is_event(before, &change.content);
        let provenance = deadlines::provenance(
            &change.content,
            Version::after(previous),
            &change.inputs,
            as_of.day,
            as_of.recorded,
        );
        let task = made_by_server(key.clone(), previous, change.content);
        if let (true, Some(followers), Some(content)) =
            (is_event, &gathered.followers, &task.content)
            && !followers.is_empty()
        {
            let before = before.map(|before| index_entries(ResourceType::Task, before));
            let side = |entries| Side { key: &key, entries };
            let before = before.as_deref().map(side);
            let told = followers.concerned(before, side(&content.entries));
            self.events.extend(told.map(|subscription| NewEvent {
                subscription: subscription.clone(),
                focus: key.clone(),
            }));
        }
        let provenance_id = provenance["id"].as_str().and_then(Id::parse);
        let provenance_key = ResourceKey::new(
            ResourceType::Provenance,
            provenance_id.unwrap_or_else(|| key.id.clone()),
        );
        self.writes.push(task);
        self.writes
            .push(made_by_server(provenance_key, None, provenance));
    }
}

/// Says what a new version of a Task changes.
fn changed_task(before: Option<&Value>, change: &TaskChange) -> ChangedTask {
    let contents = || before.into_iter().chain([&change.content]);
    let person = |task: &Value| Reference::read(&task["for"]).local_key().cloned();
    ChangedTask {
        effect: deadlines::task_effect(&change.id, before, &change.content),
        inputs: change.inputs.clone(),
        focuses: contents().filter_map(deadlines::task_focus).collect(),
        persons: contents().filter_map(person).collect(),
    }
}

/// Returns the guards that a derivation moves: the person's, and those of the practices on which
/// the person depends from now on.
fn touches(holder: &RightHolder) -> impl Iterator<Item = Guard> {
    let practices = holder.practices.iter().map(guards::dependents);
    std::iter::once(guards::person(&holder.key.id)).chain(practices)
}

fn made_by_server(key: ResourceKey, previous: Option<Version>, content: Value) -> Write {
    let entries = found_by(&key, &content);
    let body = Resource::made(content).stamped(&key.id, Version::after(previous));
    Write {
        previous,
        method: Method::Put,
        content: Some(StoredContent { body, entries }),
        key,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deadlines::{GroupTable, PracticeTable, Stored};
    use jiff::civil::date;

    /// A diagnosis of a person, as it may stand in a file.
    const CONDITION: &str = r#"{
        "resourceType": "Condition", "id": "c",
        "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed" }] },
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] },
        "subject": { "reference": "Patient/p" }, "recordedDate": "2027-02-01"
    }"#;

    /// Derives the rights of the person from these facts and no store, as of 1 March 2027.
    fn derived_by(rules: &Rules) -> Derived {
        let condition: Value = serde_json::from_str(CONDITION).unwrap();
        let stored = Stored {
            key: ResourceKey::parse("Condition/c").unwrap(),
            version: Version::after(None),
            value: &condition,
        };
        let patient = ResourceKey::parse("Patient/p").unwrap();
        let gathered = GatheredRights {
            holders: vec![RightHolder::of(
                patient,
                &[stored],
                GroupTable::shipped(),
                &PracticeTable::default(),
            )],
            ..GatheredRights::default()
        };
        let now = "2027-03-01T08:00:00Z".parse().unwrap();
        let as_of = AsOf {
            day: date(2027, 3, 1),
            last_modified: now,
            recorded: now,
        };
        derived(&gathered, rules, as_of)
    }

    /// Returns the day by which each right must be kept, as the Tasks that are written tell.
    fn due(derived: Derived) -> Vec<String> {
        let tasks = derived
            .writes
            .into_iter()
            .filter(|write| write.key.resource_type == ResourceType::Task);
        let due = tasks.map(|task| {
            let bytes = task.content.unwrap().body.at(Timestamp::UNIX_EPOCH);
            let task: Value = serde_json::from_slice(&bytes).unwrap();
            let due = task["restriction"]["period"]["end"].as_str();
            due.unwrap().to_owned()
        });
        due.collect()
    }

    #[test]
    fn facts_from_a_file_give_tasks_by_the_rules_in_force_and_by_others() {
        let in_force = derived_by(Rules::shipped());
        let owners = in_force.timers.iter().map(|timer| timer.owner.to_string());
        assert_eq!(owners.collect::<Vec<_>>(), ["Patient/p"]);
        assert!(in_force.events.is_empty(), "nobody follows");
        assert_eq!(due(in_force), ["2027-03-03"]);

        let shipped = include_str!(
            "../../../profiles/package/PlanDefinition-copd-treatment-plan-2027.1.json"
        );
        let other: Value = serde_json::from_str(&shipped.replace("30", "40")).unwrap();
        let what_if = Rules::from_plan_definitions([&other]).unwrap();
        assert_eq!(due(derived_by(&what_if)), ["2027-03-13"]);
        assert!(
            due(derived_by(&Rules::default())).is_empty(),
            "no rule, no right"
        );
    }
}
