//! The operations on Subscriptions, from a request to an interaction and back.

use axum::http::{Method, StatusCode, header};

use super::answer::Answer;
use super::call::{Call, Parameters, sent_resource};
use super::error::Refusal;
use super::{Wire, bundle, negotiation};
use crate::fhir::{Issue, IssueCode, ResourceKey, Severity};
use crate::interactions::Failure;
use crate::interactions::address::query_pairs;
use crate::interactions::subscription::{deliveries, events, status, webhook_secret};

/// Returns the parameters of the address and those that were sent.
fn parameters(call: &Call) -> Result<Parameters, Refusal> {
    let mut parameters = call.query.clone();
    if call.method == Method::POST && !call.body.is_empty() {
        parameters.extend(events::parameters(&sent_resource(call)?)?);
    }
    Ok(parameters)
}

/// Answers `$status` of the type: how the subscriptions stand that are asked for.
pub(super) fn statuses(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    let found = status::statuses(&wire.server, &call.context, &parameters(call)?)?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::statuses(&wire.server.base_url, &found),
    ))
}

/// Answers `$status` of one subscription.
pub(super) fn status(
    wire: &Wire,
    call: &Call,
    subscription: &ResourceKey,
) -> Result<Answer, Refusal> {
    parameters(call)?;
    let found = status::status(&wire.server, &call.context, subscription)?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::statuses(&wire.server.base_url, &found),
    ))
}

/// Answers `$events`: events of the past as a notification.
pub(super) fn events(
    wire: &Wire,
    call: &Call,
    subscription: &ResourceKey,
) -> Result<Answer, Refusal> {
    let found = events::events(
        &wire.server,
        &call.context,
        subscription,
        &parameters(call)?,
    )?;
    Ok(Answer::fhir(StatusCode::OK, found))
}

/// Carries out `$resend`: what was delivered is sent again. Parameters come as a resource, or as the form of
/// the page at `/`.
pub(super) fn resend(
    wire: &Wire,
    call: &Call,
    subscription: &ResourceKey,
) -> Result<Answer, Refusal> {
    // A browser sends a form from any page to anywhere, and says from where it comes.
    if wire
        .origins
        .is_foreign(&wire.server.base_url, &call.headers)
    {
        return Err(Refusal::ForeignOrigin);
    }
    let parameters = if negotiation::sends_form(&call.headers).is_ok() {
        let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
        query_pairs(std::str::from_utf8(&call.body).map_err(wrong)?)?
    } else {
        parameters(call)?
    };
    let (since, until) =
        deliveries::resend(&wire.server, &call.context, subscription, &parameters)?;
    let text = format!("the events from {since} to {until} are sent again");
    Ok(Answer::outcome(
        StatusCode::OK,
        &[Issue {
            severity: Severity::Information,
            ..Issue::error(IssueCode::Informational, "", text)
        }],
    ))
}

/// Answers `$webhook-secret` with what the subscriber checks signatures with. It is kept nowhere on the way.
pub(super) fn webhook_secret(
    wire: &Wire,
    call: &Call,
    subscription: &ResourceKey,
) -> Result<Answer, Refusal> {
    webhook_secret::without_parameters(&parameters(call)?)?;
    let told = webhook_secret::webhook_secret(&wire.server, &call.context, subscription)?;
    Ok(Answer::made(&told).with(header::CACHE_CONTROL, "no-store"))
}
