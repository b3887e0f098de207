//! The operations on Subscriptions, from a request to an interaction and back.

use axum::http::{Method, StatusCode, header};

use super::answer::Answer;
use super::error::Refusal;
use super::routes::{Call, Parameters, sent_resource};
use super::{Wire, bundle};
use crate::fhir::ResourceKey;
use crate::interactions::{subscription_events, webhook_secret};

/// The parameters of the address and those that were sent.
fn parameters(call: &Call) -> Result<Parameters, Refusal> {
    let mut parameters = call.query.clone();
    if call.method == Method::POST && !call.body.is_empty() {
        parameters.extend(subscription_events::parameters(&sent_resource(call)?)?);
    }
    Ok(parameters)
}

/// `$status` of the type: how the subscriptions stand that are asked for.
pub(super) fn statuses(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let found = subscription_events::statuses(&wire.server, &parameters(call)?)?;
    Ok(Answer::fhir(StatusCode::OK, bundle::statuses(&wire.server.base_url, &found)))
}

/// `$status` of one subscription.
pub(super) fn status(wire: &Wire, call: &Call, subscription: &ResourceKey) -> Result<Answer, Refusal> {
    parameters(call)?;
    let found = subscription_events::status(&wire.server, subscription)?;
    Ok(Answer::fhir(StatusCode::OK, bundle::statuses(&wire.server.base_url, &found)))
}

/// `$events`: events of the past as a notification.
pub(super) fn events(wire: &Wire, call: &Call, subscription: &ResourceKey) -> Result<Answer, Refusal> {
    let found = subscription_events::events(&wire.server, &call.moment, subscription, &parameters(call)?)?;
    Ok(Answer::fhir(StatusCode::OK, found))
}

/// `$webhook-secret`: what the subscriber checks signatures with. It is kept nowhere on the way.
pub(super) fn webhook_secret(wire: &Wire, call: &Call, subscription: &ResourceKey) -> Result<Answer, Refusal> {
    webhook_secret::without_parameters(&parameters(call)?)?;
    let told = webhook_secret::webhook_secret(&wire.server, subscription)?;
    Ok(Answer::made(&told).with(header::CACHE_CONTROL, "no-store"))
}
