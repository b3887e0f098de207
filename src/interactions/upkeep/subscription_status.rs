//! The status of a Subscription as the server itself writes it: by the write path, like everything
//! else.

use std::sync::Arc;

use serde_json::Value;

use crate::fhir::{Id, Issue, Resource, ResourceKey, ResourceType, Version};
use crate::interactions::change::{Action, AskedAs, Change, ChangeTarget, Writer};
use crate::interactions::condition::Condition;
use crate::interactions::writing::attempt::write;
use crate::interactions::{Context, Failure, Server, StoredVersion};
use crate::subscriptions::Status;
use crate::subscriptions::delivery::World;

/// Writes how a Subscription stands, and what is wrong with it, if it is still at the version that
/// was seen; none if it moved, or is deleted.
///
/// # Errors
/// Of the store.
pub fn set_status(
    server: &Server,
    context: &Context,
    id: &Id,
    seen: Version,
    to: Status,
    error: Option<&str>,
) -> Result<Option<StoredVersion>, Failure> {
    let key = ResourceKey::new(ResourceType::Subscription, id.clone());
    let stored = server
        .store
        .read(&key)?
        .filter(|stored| stored.version == seen);
    let Some(body) = stored.and_then(|stored| stored.body) else {
        return Ok(None);
    };
    let mut resource =
        Resource::parse(&body).map_err(|issue| Failure::Unprocessable(vec![issue]))?;
    resource.edit(|subscription| {
        subscription["status"] = Value::from(to.as_str());
        if let Some(members) = subscription.as_object_mut() {
            match error {
                Some(error) => drop(members.insert("error".to_owned(), Value::from(error))),
                None => drop(members.shift_remove("error")),
            }
        }
    });
    let action = Action::Update {
        target: ChangeTarget::Key(key),
        resource,
        condition: Condition::is(seen),
    };
    match write(
        server,
        context,
        Writer::Delivery,
        &[Change::alone(action)],
        AskedAs::Requests,
    ) {
        Ok(mut written) => Ok(written.pop().and_then(|written| written.version)),
        Err(Failure::PreconditionFailed(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Makes the surroundings of delivery for this server; `context` gives the time and ids of each
/// write.
pub fn world(server: Arc<Server>, context: Arc<dyn Fn() -> Context + Send + Sync>) -> World {
    let clock = Arc::clone(&context);
    World {
        store: Arc::clone(&server.store),
        base_url: server.base_url.clone(),
        now: Box::new(move || clock().now),
        set_status: Box::new(move |id, seen, to, error| {
            let written = set_status(&server, &context(), id, seen, to, error);
            let told = |failure: Failure| {
                failure
                    .issues()
                    .into_iter()
                    .map(|issue: Issue| issue.text)
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            written
                .map(|written| written.map(|written| written.version))
                .map_err(told)
        }),
    }
}
