//! Events are kept for a time, and then forgotten: those of Subscriptions that exist by their age,
//! those of deleted ones at once, since nobody can ask for them. What they told stays in the
//! history of the Tasks.
//!
//! What is on its way to a subscriber is not forgotten, however old it is: a server that was down
//! for longer than events are kept still delivers. That has an end by itself, since a subscription
//! that cannot be delivered to is in error before long; of one in error, and of one that is off,
//! events are forgotten by their age alone, and its subscriber is told which.

use jiff::Timestamp;

use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::writing::guards;
use crate::interactions::{Context, Failure, Server};
use crate::storage::{ChangeSet, CommitError, Forgettable, Precondition, StreamChange};
use crate::subscriptions::Standing;

/// The number of events that are forgotten in one commit: few, so that no request waits long behind
/// them.
const EVENTS_PER_COMMIT: usize = 500;

/// Forgets all events that were committed before that instant. Answers how many commits that took.
///
/// # Errors
/// Of the store.
pub fn forget(server: &Server, context: &Context, before: Timestamp) -> Result<usize, Failure> {
    let mut commits = 0;
    for subscription in server.store.streams()? {
        while let Some(changes) = step(server, context, &subscription, before)? {
            match server.store.commit(changes) {
                Ok(_) => commits += 1,
                // It exists again: look anew.
                Err(
                    CommitError::FactsMoved | CommitError::VersionMoved(_) | CommitError::GivenUp,
                ) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }
    Ok(commits)
}

/// Prepares the next commit, if a subscription has events to be forgotten.
fn step(
    server: &Server,
    context: &Context,
    subscription: &Id,
    before: Timestamp,
) -> Result<Option<ChangeSet>, Failure> {
    // Asked for before the Subscription is read: that it comes to exist again after this is found
    // out by the commit.
    let position = server
        .store
        .guard_positions(&[guards::subscriptions()])?
        .first()
        .copied()
        .unwrap_or_default();
    let key = ResourceKey::new(ResourceType::Subscription, subscription.clone());
    let stored = server.store.read(&key)?;
    let standing = match &stored {
        Some(stored) => Standing::read(stored, &server.base_url)?,
        None => None,
    };
    let (before, preconditions, which) = match standing {
        Some(standing) if standing.is_awaited() => (before, Vec::new(), Forgettable::Delivered),
        Some(_) => (before, Vec::new(), Forgettable::All),
        None => (
            Timestamp::MAX,
            vec![Precondition::Unmoved(guards::subscriptions(), position)],
            Forgettable::All,
        ),
    };
    let Some(oldest) = server
        .store
        .oldest_event(subscription)?
        .filter(|oldest| *oldest < before)
    else {
        return Ok(None);
    };
    if which == Forgettable::Delivered {
        let delivered = server.store.stream(subscription)?.delivered;
        let first = server.store.events(subscription, 0, 1)?.pop();
        if first.is_some_and(|first| first.instant == oldest && first.number > delivered) {
            return Ok(None);
        }
    }
    Ok(Some(ChangeSet {
        preconditions,
        streams: vec![StreamChange::Forget {
            subscription: subscription.clone(),
            before,
            limit: EVENTS_PER_COMMIT,
            which,
        }],
        ..ChangeSet::at(context.now)
    }))
}
