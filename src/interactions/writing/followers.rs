//! The subscriptions that must be told of a change of a Task, in the very commit that makes it.
//!
//! What was read of the subscriptions is kept between commits; a guard that every change of who
//! follows what moves says whether it still holds, so that a subscription which was acknowledged
//! misses nothing that is committed after it.

use std::sync::{Arc, PoisonError};

use serde_json::Value;

use super::follower_cache::FollowersAt;
use super::pending::{Pending, PendingWrite};
use crate::fhir::{Issue, IssueCode, ResourceKey, ResourceType};
use crate::interactions::Server;
use crate::search::{SearchQuery, index_entries};
use crate::storage::{Guard, NewEvent, Precondition, SearchError, StreamChange};
use crate::subscriptions::filter::Side;
use crate::subscriptions::{FilterIndex, Standing, Status, topic};

/// Returns the guard of who follows what.
pub(in crate::interactions) fn guard() -> Guard {
    Guard("subscriptions".to_owned())
}

/// A version of a Task that will be written.
pub(in crate::interactions) struct TaskVersion<'a> {
    /// The Task.
    pub(in crate::interactions) key: &'a ResourceKey,
    /// Its content before; none if it did not exist.
    pub(in crate::interactions) before: Option<&'a Value>,
    /// Its content from now on.
    pub(in crate::interactions) after: &'a Value,
}

/// Finds the events that these versions are, and what must still be so when they are committed.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn events_of(
    server: &Server,
    versions: &[TaskVersion<'_>],
) -> Result<(Vec<NewEvent>, Option<Precondition>), SearchError> {
    let versions: Vec<_> = versions
        .iter()
        .filter(|version| topic::is_event(version.before, version.after))
        .collect();
    if versions.is_empty() {
        return Ok((Vec::new(), None));
    }
    let FollowersAt {
        position,
        index: followers,
    } = current(server)?;
    let mut events = Vec::new();
    // What a Task is found by is worked out only if somebody follows.
    let looked_at = if followers.is_empty() {
        &[]
    } else {
        &versions[..]
    };
    for version in looked_at {
        let key = version.key;
        let before = version
            .before
            .map(|before| index_entries(ResourceType::Task, before));
        let before = before.as_ref().map(|entries| Side { key, entries });
        let after = index_entries(ResourceType::Task, version.after);
        let after = Side {
            key,
            entries: &after,
        };
        let concerned = followers.concerned(before, after);
        events.extend(concerned.map(|subscription| NewEvent {
            subscription: subscription.clone(),
            focus: key.clone(),
        }));
    }
    Ok((events, Some(Precondition::Unmoved(guard(), position))))
}

/// Reads the followers as they are now.
fn current(server: &Server) -> Result<FollowersAt, SearchError> {
    // Asked for before anything is read: what moves after this is found out when the events are
    // committed.
    let position = server
        .store
        .guard_positions(&[guard()])?
        .first()
        .copied()
        .unwrap_or_default();
    // Held while they are read: of all the writes that find it too old, one reads and the
    // others wait for it.
    let mut kept = server
        .followers
        .known
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.as_ref().filter(|known| known.position == position) {
        return Ok(known.clone());
    }
    let mut followers = Vec::new();
    for stored in server
        .store
        .search(
            &SearchQuery::all(ResourceType::Subscription, Vec::new()),
            None,
        )?
        .matches
    {
        let Some(standing) = Standing::read(&stored, &server.base_url)? else {
            continue;
        };
        match standing.verdict {
            Ok(subscription) if subscription.status == Status::Off => {}
            Ok(subscription) => {
                let subscription = Arc::unwrap_or_clone(subscription);
                followers.push((subscription.filter, standing.key.id));
            }
            Err(_) => {
                tracing::error!(subscription = %stored.key, "a stored Subscription cannot be honoured: it is told of nothing")
            }
        }
    }
    let known = FollowersAt {
        position,
        index: Arc::new(FilterIndex::new(followers)),
    };
    *kept = Some(known.clone());
    Ok(known)
}

/// Returns the guard, if these writes change who follows what.
pub(in crate::interactions) fn touched(pending: &Pending) -> Option<Guard> {
    let follows = |content: &Option<Value>| {
        let content = content
            .as_ref()
            .filter(|content| content["status"] != Status::Off.as_str())?;
        Some((content["criteria"].clone(), content["_criteria"].clone()))
    };
    let moves = |write: &PendingWrite| follows(&write.before) != follows(&write.content);
    subscriptions(pending)
        .any(|(_, write)| moves(write))
        .then(guard)
}

/// Returns the streams of the subscriptions that these writes create: their events count from 1.
pub(in crate::interactions) fn begun(pending: &Pending) -> Vec<StreamChange> {
    created(pending)
        .map(|key| StreamChange::Begin(key.id.clone()))
        .collect()
}

fn created(pending: &Pending) -> impl Iterator<Item = &ResourceKey> {
    subscriptions(pending)
        .filter(|(_, write)| write.before.is_none() && write.content.is_some())
        .map(|(key, _)| key)
}

/// Returns a finding if these writes create more subscriptions than there may be.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn too_many(
    server: &Server,
    pending: &Pending,
) -> Result<Option<Issue>, SearchError> {
    let created = created(pending).count();
    if created == 0 {
        return Ok(None);
    }
    let most = server.subscriptions_max;
    let mut at_most = server
        .followers
        .at_most
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    // Whoever wants one counts as having it, whether or not it comes to be: what is deleted or
    // refused only makes it count anew the sooner.
    let total = match at_most.map(|before| before + created) {
        Some(total) if total <= most => total,
        _ => {
            let all = SearchQuery {
                count: 0,
                ..SearchQuery::all(ResourceType::Subscription, Vec::new())
            };
            server.store.search(&all, None)?.total + created
        }
    };
    *at_most = Some(total.min(most));
    let text = || {
        format!("this server has at most {most} subscriptions: expected that one is deleted first")
    };
    Ok((total > most).then(|| Issue::error(IssueCode::TooCostly, "Subscription", text())))
}

/// Returns the writes of Subscriptions.
pub(in crate::interactions) fn subscriptions(
    pending: &Pending,
) -> impl Iterator<Item = (&ResourceKey, &PendingWrite)> {
    pending
        .iter()
        .filter(|(key, _)| key.resource_type == ResourceType::Subscription)
}
