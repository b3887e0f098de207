//! `$get-ws-binding-token`: a token by which a websocket is bound to subscriptions
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-get-ws-binding-token.html>).
//!
//! A token is good once and for a minute, and kept in memory: after a restart a client asks for
//! another one.

use jiff::{SignedDuration, Timestamp};

pub use super::binding_tokens::BindingGrant;
use super::binding_tokens::GivenToken;
use crate::fhir::{Id, Issue, IssueCode, ResourceKey, ResourceType};
use crate::interactions::{Context, Failure, Server, read};
use crate::subscriptions::{Channel, Standing, Status};

/// The time during which a token can be used.
const TOKEN_TIME: SignedDuration = SignedDuration::from_secs(60);
/// The most tokens that may wait to be used.
const TOKENS_MAX: usize = 10_000;
/// The most subscriptions of a token, and of a websocket.
pub const SUBSCRIPTIONS_MAX: usize = 100;

/// A token with which a client listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindingToken {
    /// The word that the client says to be bound.
    pub token: String,
    /// The end of the token's life.
    pub expiration: Timestamp,
    /// The subscriptions that it is bound to.
    pub subscriptions: Vec<Id>,
}

/// Gives out a token for the subscription that the address names, or for those that are named besides.
///
/// # Errors
/// `BadRequest` for parameters that are not understood, `NotFound` or `Gone` for a Subscription,
/// `Unprocessable` for one that has no websocket or is off.
pub fn binding_token(
    server: &Server,
    context: &Context,
    subscription: Option<&ResourceKey>,
    named: Vec<Id>,
) -> Result<BindingToken, Failure> {
    let mut subscriptions = match subscription {
        Some(key) => vec![key.id.clone()],
        None if named.is_empty() => {
            return Err(Failure::bad_request(
                IssueCode::Required,
                "id: expected the id of a Subscription, once or several times",
            ));
        }
        None => named,
    };
    subscriptions.sort();
    subscriptions.dedup();
    if subscriptions.len() > SUBSCRIPTIONS_MAX {
        return Err(Failure::bad_request(
            IssueCode::TooCostly,
            format!("id: expected at most {SUBSCRIPTIONS_MAX}"),
        ));
    }
    for id in &subscriptions {
        listened_to(server, context, id)?;
    }
    // Two ids by chance, each of which nobody can guess.
    let token = format!("{}.{}", (context.new_id)(), (context.new_id)());
    let expiration = context
        .now
        .checked_add(TOKEN_TIME)
        .unwrap_or(Timestamp::MAX);
    let mut tokens = server.binding_tokens.good(context.now);
    if tokens.len() >= TOKENS_MAX {
        return Err(Failure::Busy);
    }
    tokens.insert(
        token.clone(),
        GivenToken {
            until: expiration,
            grant: BindingGrant {
                principal: context.principal.clone(),
                subscriptions: subscriptions.clone(),
            },
        },
    );
    Ok(BindingToken {
        token,
        expiration,
        subscriptions,
    })
}

/// Takes a token, which is no longer good then; answers none if it is not good.
pub fn redeem(server: &Server, context: &Context, token: &str) -> Option<BindingGrant> {
    server
        .binding_tokens
        .good(context.now)
        .remove(token)
        .map(|given| given.grant)
}

/// Refuses what cannot be listened to.
fn listened_to(server: &Server, context: &Context, id: &Id) -> Result<(), Failure> {
    let stored = read::read(
        server,
        context,
        &ResourceKey::new(ResourceType::Subscription, id.clone()),
    )?;
    let Some(standing) = Standing::read(&stored, &server.base_url)? else {
        return Err(Failure::Gone(stored.key, stored.version));
    };
    let subscription = standing.verdict.map_err(Failure::Unprocessable)?;
    let refused = |expression: &str, text: &str| {
        let text = format!("{}: {text}", stored.key);
        Err(Failure::Unprocessable(vec![Issue::error(
            IssueCode::BusinessRule,
            expression,
            text,
        )]))
    };
    match (&subscription.channel, subscription.status) {
        (Channel::RestHook { .. }, _) => refused(
            "Subscription.channel.type",
            "expected a Subscription whose channel is a websocket",
        ),
        (Channel::Websocket, Status::Off) => refused(
            "Subscription.status",
            "expected a Subscription that is not off",
        ),
        (Channel::Websocket, Status::Requested | Status::Active | Status::Error) => Ok(()),
    }
}
