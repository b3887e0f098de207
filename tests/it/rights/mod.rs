//! Rights through HTTP: what clients write, what time brings about, and the Tasks that everyone
//! reads (deadline-rules, sections 5 to 8).

#![allow(clippy::unwrap_used)]

mod bookings;
mod calendar;
mod cases;
mod changes;
mod demo;
mod dk_core;
pub(crate) mod interleaved;
mod order;
mod practices;
mod races;
mod rules;
mod store_calls;
mod stories;
mod tasks;
mod told;
mod upgrade;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use frist::deadlines::{self, derive};
use frist::fhir::{Id, Resource, ResourceKey, ResourceType, Version};
use frist::interactions::rights;
use jiff::Timestamp;
use serde_json::Value;

use crate::support::facade::Facade;

/// Returns the stored Tasks of a person, by id.
fn stored_tasks(facade: &Facade, patient: &str) -> BTreeMap<String, Value> {
    let tasks = facade.search_all(&format!("Task?patient=Patient/{patient}"));
    tasks
        .into_iter()
        .map(|task| (task["id"].as_str().unwrap().to_owned(), task))
        .collect()
}

/// Asks `$rights`, for today or for a day of the past.
fn rights(facade: &Facade, patient: &str, as_of: Option<&str>) -> Vec<Value> {
    let query = as_of.map(|day| format!("?as-of={day}")).unwrap_or_default();
    let reply = facade.get(&format!("Patient/{patient}/$rights{query}"));
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.resources()
}

/// Returns the code of `Task.businessStatus`.
fn business_status(task: &Value) -> &str {
    task["businessStatus"]["coding"][0]["code"]
        .as_str()
        .unwrap()
}

/// Returns `Task.status / businessStatus`.
fn status(task: &Value) -> String {
    format!(
        "{}/{}",
        task["status"].as_str().unwrap(),
        business_status(task)
    )
}

/// Returns what a Task says: all of it but its version and times.
fn said(task: &Value) -> Value {
    let mut said = task.clone();
    let members = said.as_object_mut().unwrap();
    members.shift_remove("lastModified");
    let meta = members["meta"].as_object_mut().unwrap();
    meta.shift_remove("versionId");
    meta.shift_remove("lastUpdated");
    said
}

/// Returns the stored Tasks of a person whose clocks are there today, as `$rights` says; every
/// other one must have lost its clock (rows 1 and 2). Panics unless what is stored is what the
/// rules say today.
fn live_tasks(facade: &Facade, patient: &str) -> Vec<Value> {
    let mut stored = stored_tasks(facade, patient);
    let mut live = Vec::new();
    for right in rights(facade, patient, None) {
        let id = right["id"].as_str().unwrap();
        let task = stored
            .remove(id)
            .unwrap_or_else(|| panic!("Patient/{patient} has no Task/{id}: {right}"));
        assert_eq!(said(&task), said(&right), "Patient/{patient} Task/{id}");
        live.push(task);
    }
    for task in stored.values() {
        let without_clock = [
            "cancelled/void",
            "cancelled/not-applicable",
            "entered-in-error/void",
        ];
        assert!(
            without_clock.contains(&status(task).as_str()),
            "Patient/{patient} has no such right: {task}"
        );
    }
    live
}

/// Derives a person's rights again from what is stored; every Task of a clock must come out as the
/// very bytes that are stored.
fn assert_recomputed_to_the_byte(facade: &Facade, patient: &str) {
    let server = facade.server();
    let context = facade.context();
    let key = ResourceKey::new(ResourceType::Patient, Id::parse(patient).unwrap());
    let facts = rights::facts(server, &context, &key).unwrap();
    for clock in derive(&facts, &server.rules, server.today(&context)).clocks {
        let key = ResourceKey::new(ResourceType::Task, clock.task_id.clone());
        let stored = facade.store().read(&key).unwrap().unwrap();
        let bytes = stored.body.unwrap();
        let task: Value = serde_json::from_slice(&bytes).unwrap();
        let last_modified: Timestamp = task["lastModified"].as_str().unwrap().parse().unwrap();
        let again = Resource::made(deadlines::task(&clock, last_modified))
            .stamped(&key.id, stored.version)
            .at(stored.last_updated);
        assert_eq!(
            String::from_utf8(again).unwrap(),
            String::from_utf8(bytes).unwrap()
        );
    }
}

/// Returns all versions of a Task, the first one first.
fn versions(facade: &Facade, task: &Value) -> Vec<Value> {
    let key = ResourceKey::new(
        ResourceType::Task,
        Id::parse(task["id"].as_str().unwrap()).unwrap(),
    );
    let last: u64 = facade.get(&key.to_string()).json()["meta"]["versionId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    (1..=last)
        .map(|number| {
            facade
                .get(&format!("{key}/_history/{}", Version(number)))
                .json()
        })
        .collect()
}

/// Returns each version of a Task as `status/businessStatus lastModified`, the first one first.
fn story(facade: &Facade, task: &Value) -> Vec<String> {
    let line = |task: Value| {
        format!(
            "{} {}",
            status(&task),
            task["lastModified"].as_str().unwrap()
        )
    };
    versions(facade, task).into_iter().map(line).collect()
}
