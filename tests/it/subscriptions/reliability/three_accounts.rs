//! Three accounts of the events of subscribers, which must agree: the messages that arrived, the
//! answers of `$events`, and the histories of the Tasks and of the Subscriptions alone.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use frist::fhir::{Id, ResourceKey, ResourceType};
use frist::storage::{HistoryQuery, HistoryScope, StoredVersion};
use jiff::Timestamp;
use serde_json::Value;

use super::subscribers::{Arrived, Book, events_of};
use crate::subscriptions::delivery::delivering_server::{DeliveringServer, subscription_key};
use crate::subscriptions::shape;

/// A version of a Task that is an event, with everything that a filter can follow it by.
struct Event {
    task: String,
    version: u64,
    instant: Timestamp,
    patient: String,
    /// The business status before and after.
    statuses: [Option<String>; 2],
}

/// A Subscription from its creation until it is deleted.
#[derive(Default)]
struct Life {
    /// The instant and content of each version; no content for the deletion.
    versions: Vec<(Timestamp, Option<Value>)>,
}

impl Life {
    /// Returns the paths that its notifications took.
    fn paths(&self) -> BTreeSet<String> {
        let endpoints = self
            .versions
            .iter()
            .filter_map(|(_, content)| content.as_ref()?["channel"]["endpoint"].as_str());
        endpoints
            .map(|endpoint| endpoint.splitn(4, '/').last().unwrap().to_owned())
            .collect()
    }

    /// Tells whether the event concerns it, as it was when the event was committed.
    fn is_told_of(&self, event: &Event) -> bool {
        let as_it_was = self
            .versions
            .iter()
            .rev()
            .find(|(instant, _)| *instant < event.instant);
        let Some((_, Some(subscription))) = as_it_was else {
            return false;
        };
        if subscription["status"] == "off" {
            return false;
        }
        let filter = &subscription["_criteria"]["extension"][0]["valueString"];
        match filter
            .as_str()
            .and_then(|filter| filter.strip_prefix("Task?")?.split_once('='))
        {
            None => true,
            Some(("patient", patient)) => event.patient == patient,
            Some(("business-status", wanted)) => event
                .statuses
                .iter()
                .flatten()
                .any(|status| wanted.split(',').any(|wanted| wanted == status)),
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// Returns all versions, oldest first.
fn history(server: &DeliveringServer, scope: HistoryScope) -> Vec<StoredVersion> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let query = HistoryQuery {
            scope: scope.clone(),
            since: None,
            at: None,
            before,
            count: 500,
        };
        let page = server.as_server().store.history(&query).unwrap();
        found.extend(page.versions);
        before = page.next;
        if before.is_none() {
            found.reverse();
            return found;
        }
    }
}

fn content(stored: &StoredVersion) -> Option<Value> {
    stored
        .body
        .as_ref()
        .map(|body| serde_json::from_slice(body).unwrap())
}

/// Returns all events, by the histories of the Tasks: one came to be, or its business status is
/// another one.
fn all_events(server: &DeliveringServer) -> Vec<Event> {
    let mut before: BTreeMap<ResourceKey, String> = BTreeMap::new();
    let mut events = Vec::new();
    for stored in history(server, HistoryScope::Type(ResourceType::Task)) {
        let Some(task) = content(&stored) else {
            before.remove(&stored.key);
            continue;
        };
        let status = task["businessStatus"]["coding"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned();
        let was = before.insert(stored.key.clone(), status.clone());
        if was.as_ref() != Some(&status) {
            events.push(Event {
                task: stored.key.id.to_string(),
                version: stored.version.0,
                instant: stored.last_updated,
                patient: task["for"]["reference"].as_str().unwrap().to_owned(),
                statuses: [was, Some(status)],
            });
        }
    }
    events
}

/// Returns the lives of the Subscriptions that had that id.
fn lives(server: &DeliveringServer, id: &str) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut is_alive = false;
    for stored in history(server, HistoryScope::Instance(subscription_key(id))) {
        if !is_alive {
            lives.push(Life::default());
        }
        is_alive = stored.body.is_some();
        lives
            .last_mut()
            .unwrap()
            .versions
            .push((stored.last_updated, content(&stored)));
    }
    lives
}

/// Returns the events that `$events` tells, by number: the Task and its version.
fn told(server: &DeliveringServer, id: &str) -> BTreeMap<u64, (String, u64)> {
    let mut told = BTreeMap::new();
    loop {
        let since = told.len() + 1;
        let path =
            format!("/fhir/Subscription/{id}/$events?content=id-only&eventsSinceNumber={since}");
        let (status, text) = server.ask(Request::get(path).body(Body::empty()).unwrap());
        assert_eq!(status, 200, "{text}");
        let bundle: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(shape::unfit_notification(&bundle), [""; 0]);
        let page = events_of(&bundle);
        if page.is_empty() {
            return told;
        }
        told.extend(
            page.into_iter()
                .map(|(number, focus)| (number, focus.unwrap())),
        );
    }
}

/// Holds what arrived against itself, and answers it by number: numbers come first in order and
/// without a gap, and again only in the same message.
fn in_order(id: &str, arrived: &[&Arrived]) -> BTreeMap<u64, Option<(String, u64)>> {
    let mut told = BTreeMap::new();
    let mut messages: BTreeMap<u64, (&str, Vec<u64>)> = BTreeMap::new();
    for message in arrived {
        let numbers: Vec<u64> = message.events.iter().map(|event| event.0).collect();
        assert!(!numbers.is_empty(), "{id}: a message without events");
        for (number, focus) in &message.events {
            if let Some(before) = messages.get(number) {
                assert_eq!(
                    *before,
                    (message.id.as_str(), numbers.clone()),
                    "{id}: event {number} came again in another message"
                );
                assert_eq!(
                    told[number], *focus,
                    "{id}: event {number} came again with another content"
                );
            } else {
                assert_eq!(
                    *number,
                    told.len() as u64 + 1,
                    "{id}: a gap, or another order"
                );
                told.insert(*number, focus.clone());
                messages.insert(*number, (&message.id, numbers.clone()));
            }
        }
    }
    told
}

/// Holds the three accounts of all Subscriptions with these ids against each other; answers how
/// many events there were.
pub(crate) fn compare_accounts(server: &DeliveringServer, ids: &[&str], book: &Book) -> usize {
    let events = all_events(server);
    let mut count = 0;
    for id in ids {
        let lives = lives(server, id);
        let last = lives.len() - 1;
        let is_deleted = content(
            &server
                .as_server()
                .store
                .read(&subscription_key(id))
                .unwrap()
                .unwrap(),
        )
        .is_none();
        for (at, life) in lives.iter().enumerate() {
            let expected: Vec<_> = events
                .iter()
                .filter(|event| life.is_told_of(event))
                .collect();
            count += expected.len();
            let arrived = arrived_in(id, at, life, &expected, book);
            if at == last && !is_deleted {
                compare_with_answers(server, id, &expected, &arrived);
                assert_eq!(
                    book.acknowledged_on(&life.paths()),
                    arrived.keys().copied().collect(),
                    "{id}: what was acknowledged, and $events"
                );
            } else {
                // Its subscriber was told until it was deleted.
                assert!(
                    arrived.len() <= expected.len(),
                    "{id}: {} of {} events of life {at}",
                    arrived.len(),
                    expected.len()
                );
            }
        }
    }
    count
}

/// Returns by number what arrived in a life, which is nothing but its events.
fn arrived_in(
    id: &str,
    at: usize,
    life: &Life,
    expected: &[&Event],
    book: &Book,
) -> BTreeMap<u64, Option<(String, u64)>> {
    let paths = life.paths();
    let arrived: Vec<_> = book
        .arrived
        .iter()
        .filter(|message| paths.contains(&message.path))
        .collect();
    let arrived = in_order(id, &arrived);
    let of_one_life = |found: &(String, u64)| {
        expected
            .iter()
            .any(|event| (event.task.as_str(), event.version) == (&found.0, found.1))
    };
    assert!(
        arrived.values().flatten().all(of_one_life),
        "{id}: something arrived that is no event of life {at}"
    );
    arrived
}

/// Holds what arrived and what was to be told against what `$events` answers.
fn compare_with_answers(
    server: &DeliveringServer,
    id: &str,
    expected: &[&Event],
    arrived: &BTreeMap<u64, Option<(String, u64)>>,
) {
    let told = told(server, id);
    let as_expected: BTreeSet<_> = expected
        .iter()
        .map(|event| (event.task.clone(), event.version))
        .collect();
    assert_eq!(
        told.values().cloned().collect::<BTreeSet<_>>(),
        as_expected,
        "{id}: $events, and what follows from the histories"
    );
    assert_eq!(told.len(), expected.len(), "{id}: an event has two numbers");
    let instants = server
        .as_server()
        .store
        .events(&Id::parse(id).unwrap(), 0, usize::MAX)
        .unwrap();
    assert!(
        instants.is_sorted_by_key(|event| event.instant),
        "{id}: another order than that of the commits"
    );
    assert!(
        arrived.keys().eq(told.keys()),
        "{id}: what arrived, and $events"
    );
    for (number, focus) in arrived {
        assert!(
            focus.as_ref().is_none_or(|focus| *focus == told[number]),
            "{id}: event {number} was told otherwise"
        );
    }
}
