//! The subscriptions that must be told of changes of Tasks, each in the very commit that makes the
//! change.
//!
//! What was read of the subscriptions is kept between commits; a guard that every change of who
//! follows what moves says whether it still holds, so that a subscription which was acknowledged
//! misses nothing that is committed after it.

use std::sync::{Arc, PoisonError};

use serde_json::Value;

use super::follower_cache::FollowersAt;
use super::guards;
use super::pending::{Pending, PendingWrite};
use crate::fhir::{Id, Issue, IssueCode, ResourceKey, ResourceType, counted};
use crate::interactions::Server;
use crate::search::SearchQuery;
use crate::storage::{Guard, Position, SearchError, StreamChange};
use crate::subscriptions::{FilterIndex, Standing, Status};

/// Returns the followers as they are since their guard stood at this position: it was asked for
/// before, so that what moved since is found out when the events are committed.
///
/// # Errors
/// Of the store.
pub(super) fn at(server: &Server, position: Position) -> Result<Arc<FilterIndex<Id>>, SearchError> {
    // Held while they are read: of all the writes that find it too old, one reads and the
    // others wait for it.
    let mut kept = server
        .followers
        .known
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.as_ref().filter(|known| known.position == position) {
        return Ok(Arc::clone(&known.index));
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
    let index = Arc::new(FilterIndex::new(followers));
    *kept = Some(FollowersAt {
        position,
        index: Arc::clone(&index),
    });
    Ok(index)
}

/// Returns the guard of the subscriptions, if these writes change who follows what.
pub(super) fn touched_guard(pending: &Pending) -> Option<Guard> {
    let moves = |write: &PendingWrite| {
        followed(write.before.as_deref()) != followed(write.content.as_deref())
    };
    subscriptions(pending)
        .any(|(_, write)| moves(write))
        .then(guards::subscriptions)
}

/// Returns the criteria of a Subscription that is not off.
fn followed(subscription: Option<&Value>) -> Option<(&Value, &Value)> {
    let subscription = subscription?;
    (subscription["status"] != Status::Off.as_str())
        .then(|| (&subscription["criteria"], &subscription["_criteria"]))
}

/// Begins the streams of the subscriptions that these writes bring about: their events count from 1.
pub(super) fn new_streams(pending: &Pending) -> Vec<StreamChange> {
    created(pending)
        .map(|key| StreamChange::Begin(key.id.clone()))
        .collect()
}

fn created(pending: &Pending) -> impl Iterator<Item = &ResourceKey> {
    subscriptions(pending)
        .filter(|(_, write)| write.before.is_none() && write.content.is_some())
        .map(|(key, _)| key)
}

/// Returns a finding if these writes bring about more subscriptions than there may be.
///
/// # Errors
/// Of the store.
pub(super) fn too_many(server: &Server, pending: &Pending) -> Result<Option<Issue>, SearchError> {
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
        let most = counted(most, "subscription");
        format!("this server has at most {most}: delete one first")
    };
    Ok((total > most).then(|| Issue::error(IssueCode::TooCostly, "Subscription", text())))
}

/// Returns the writes of Subscriptions among these.
pub(super) fn subscriptions(
    pending: &Pending,
) -> impl Iterator<Item = (&ResourceKey, &PendingWrite)> {
    pending
        .iter()
        .filter(|(key, _)| key.resource_type == ResourceType::Subscription)
}
