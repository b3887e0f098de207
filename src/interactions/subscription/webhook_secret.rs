//! `$webhook-secret`: the secret by which a subscriber checks that a message came from this server,
//! and that nothing in it was changed.
//!
//! It is derived whenever it is asked for, and stands in no resource and in no log.

use serde_json::{Value, json};

use crate::fhir::{Issue, IssueCode, ResourceKey};
use crate::interactions::{Context, Failure, Server, read};
use crate::subscriptions::{Standing, signing};

/// Answers the secret of a subscription with the channel rest-hook, as Parameters.
///
/// # Errors
/// `NotFound` or `Gone` for the Subscription, `Unprocessable` for one whose messages are not
/// signed.
pub fn webhook_secret(
    server: &Server,
    context: &Context,
    subscription: &ResourceKey,
) -> Result<Value, Failure> {
    let stored = read::read(server, context, subscription)?;
    let standing = Standing::read(&stored, &server.base_url)?;
    if !standing.is_some_and(|standing| standing.is_posted()) {
        let text =
            "expected a subscription with the channel rest-hook: only what is posted is signed";
        return Err(Failure::Unprocessable(vec![Issue::error(
            IssueCode::BusinessRule,
            "Subscription.channel.type",
            text,
        )]));
    }
    let life = server.store.stream(&subscription.id)?.life;
    let secret = signing::webhook_secret(server.store.secret(), &subscription.id, life);
    Ok(
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "secret", "valueString": secret }] }),
    )
}
