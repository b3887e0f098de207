//! From rights to the Tasks that must be written: a new version only when the content changes
//! (deadline-rules, sections 5 and 6).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::clock::{Clock, Rights};
use super::facts::PersonFacts;
use super::stored::SourceVersion;
use super::task::{business_status, task, without_forecast};
use super::words::{BusinessStatus, TaskStatus};
use crate::fhir::dates::format_instant;
use crate::fhir::reference::Reference;
use crate::fhir::view::says_the_same;
use crate::fhir::{Id, ResourceKey};

/// A Task to write.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskChange {
    /// Its id.
    pub id: Id,
    /// Its content, without version and `lastUpdated`.
    pub content: Value,
    /// The versions it was computed from, for its Provenance.
    pub inputs: Vec<SourceVersion>,
}

/// Returns the Condition or ServiceRequest that a Task is about.
pub fn task_focus(task: &Value) -> Option<ResourceKey> {
    Reference::read(&task["focus"]).local_key().cloned()
}

/// Returns the Tasks to write, by id, so that the stored ones say what the rules say; none if they
/// do already.
///
/// `people` are the persons concerned. `existing` are the current contents of all Tasks for them,
/// and of any other Task that has the id of one of their clocks (a referral that was moved to
/// another person takes its Task along). `is_deleted` says of a focus that is not among the
/// persons' facts whether it was deleted; what is stored for someone else was not.
pub fn reconcile(
    people: &[(&PersonFacts, &Rights)],
    existing: &[&Value],
    is_deleted: impl Fn(&ResourceKey) -> bool,
    last_modified: Timestamp,
) -> Vec<TaskChange> {
    let mut changes: BTreeMap<Id, TaskChange> = BTreeMap::new();
    let current: BTreeMap<&str, &Value> = existing
        .iter()
        .filter_map(|task| Some((task["id"].as_str()?, *task)))
        .collect();
    let clocks: BTreeMap<&str, (&Clock, &Rights)> = people
        .iter()
        .flat_map(|(_, rights)| {
            rights
                .clocks
                .iter()
                .map(move |clock| (clock.task_id.as_str(), (clock, *rights)))
        })
        .collect();
    for (clock, rights) in clocks.values() {
        let content = task(clock, last_modified);
        if !current
            .get(clock.task_id.as_str())
            .is_some_and(|stored| is_unchanged(stored, &content))
        {
            let inputs = rights
                .inputs
                .get(&clock.task_id)
                .cloned()
                .unwrap_or_default();
            changes.insert(
                clock.task_id.clone(),
                TaskChange {
                    id: clock.task_id.clone(),
                    content,
                    inputs,
                },
            );
        }
    }
    for (id, stored) in current {
        let Some(id) = Id::parse(id).filter(|_| !clocks.contains_key(id)) else {
            continue;
        };
        let content = without_clock(&id, stored, people, &is_deleted, last_modified);
        if !is_unchanged(stored, &content) {
            changes.insert(
                id.clone(),
                TaskChange {
                    inputs: inputs_without_clock(&id, stored, people),
                    id,
                    content,
                },
            );
        }
    }
    changes.into_values().collect()
}

/// Applies rows 1 and 2 of the status table: returns the stored Task with another status.
fn without_clock(
    id: &Id,
    stored: &Value,
    people: &[(&PersonFacts, &Rights)],
    is_deleted: &impl Fn(&ResourceKey) -> bool,
    last_modified: Timestamp,
) -> Value {
    let not_applicable = people
        .iter()
        .any(|(_, rights)| rights.not_applicable.contains(id));
    let focus_is_gone = || {
        let Some(focus) = task_focus(stored) else {
            return false;
        };
        let known = people
            .iter()
            .find_map(|(facts, _)| facts.triggers.get(&focus));
        known.map_or_else(|| is_deleted(&focus), |trigger| trigger.entered_in_error)
    };
    let (status, business) = if not_applicable {
        (TaskStatus::Cancelled, BusinessStatus::NotApplicable)
    } else if focus_is_gone() {
        (TaskStatus::EnteredInError, BusinessStatus::Void)
    } else {
        (TaskStatus::Cancelled, BusinessStatus::Void)
    };
    let mut content = without_version(stored);
    content["status"] = status.code().into();
    content["businessStatus"] = business_status(business);
    content["lastModified"] = format_instant(last_modified).into();
    without_forecast(&mut content);
    content
}

/// Returns the versions that a Task without a clock follows from: the trigger that gives no right;
/// else the Patient and the focus, as far as they are stored.
fn inputs_without_clock(
    id: &Id,
    stored: &Value,
    people: &[(&PersonFacts, &Rights)],
) -> Vec<SourceVersion> {
    if let Some(inputs) = people.iter().find_map(|(_, rights)| rights.inputs.get(id)) {
        return inputs.clone();
    }
    let person = Reference::read(&stored["for"]).local_key().cloned();
    let facts = people
        .iter()
        .map(|(facts, _)| facts)
        .find(|facts| Some(&facts.patient.key) == person.as_ref());
    let Some(facts) = facts else {
        return Vec::new();
    };
    let patient = facts
        .patient
        .version
        .map(|version| (facts.patient.key.clone(), version));
    let focus = task_focus(stored)
        .and_then(|focus| Some((focus.clone(), facts.triggers.get(&focus)?.version)));
    patient.into_iter().chain(focus).collect()
}

fn without_version(task: &Value) -> Value {
    let mut content = task.clone();
    if let Some(meta) = content.get_mut("meta").and_then(Value::as_object_mut) {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
    }
    content
}

/// Tells whether both say the same but for version, `lastUpdated` and `lastModified`.
fn is_unchanged(stored: &Value, content: &Value) -> bool {
    says_the_same(stored, content, &["lastModified"])
}
