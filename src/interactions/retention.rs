//! Events are kept for a time, and then forgotten: those of Subscriptions that exist by their age, those of deleted ones at once, since nobody can ask
//! for them. What they told stays in the history of the Tasks.

use jiff::Timestamp;

use super::{Failure, Moment, Server, followers};
use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::storage::{ChangeSet, CommitError, Precondition, StreamChange};

/// How many events are forgotten in one commit: few, so that no request waits long behind them.
const EVENTS_PER_COMMIT: usize = 500;

/// Forgets all events that were committed before that instant. Answers how many commits that took.
///
/// # Errors
/// Of the store.
pub fn forget(server: &Server, moment: &Moment, before: Timestamp) -> Result<usize, Failure> {
    let mut commits = 0;
    for subscription in server.store.streams()? {
        while let Some(changes) = step(server, moment, &subscription, before)? {
            match server.store.commit(changes) {
                Ok(_) => commits += 1,
                // It exists again: look anew.
                Err(CommitError::FactsMoved | CommitError::VersionMoved(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }
    Ok(commits)
}

/// The next commit, if a subscription has events to be forgotten.
fn step(server: &Server, moment: &Moment, subscription: &Id, before: Timestamp) -> Result<Option<ChangeSet>, Failure> {
    // Asked for before the Subscription is read: that it comes to exist again after this is found out by the commit.
    let position = server.store.guard_positions(&[followers::guard()])?.first().copied().unwrap_or_default();
    let key = ResourceKey::new(ResourceType::Subscription, subscription.clone());
    let exists = server.store.read(&key)?.is_some_and(|stored| stored.body.is_some());
    let (before, preconditions) =
        if exists { (before, Vec::new()) } else { (Timestamp::MAX, vec![Precondition::Unmoved(followers::guard(), position)]) };
    if server.store.stream(subscription)?.oldest.is_none_or(|oldest| oldest >= before) {
        return Ok(None);
    }
    Ok(Some(ChangeSet {
        preconditions,
        streams: vec![StreamChange::Forget { subscription: subscription.clone(), before, limit: EVENTS_PER_COMMIT }],
        ..ChangeSet::at(moment.now)
    }))
}
