//! The address at which subscribers listen over a websocket (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#websockets>):
//! who may connect there, and how many. What is said then is the matter of `listener`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::Method;
use axum::http::request::Parts;

use super::Wire;
use super::answer::Answer;
use super::error::Refusal;
use super::listener::{SAID_BYTES_MAX, listen};
use super::paths::{WEBSOCKET, below_base};
use crate::interactions::Context;

/// Answers a client that asks for a websocket at its address; returns none for any other request.
pub(super) async fn upgraded(
    wire: &Arc<Wire>,
    context: &Context,
    parts: &mut Parts,
) -> Option<Result<Answer, Refusal>> {
    if below_base(parts.uri.path()) != Some(WEBSOCKET) || parts.method != Method::GET {
        return None;
    }
    // Browsers let any page connect anywhere, and say from where it comes.
    if wire
        .origins
        .is_foreign(wire.server.base_of(context), &parts.headers)
    {
        return Some(Err(Refusal::ForeignOrigin));
    }
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(parts, &()).await else {
        return Some(Err(Refusal::NotUpgraded));
    };
    let Ok(permit) = Arc::clone(&wire.listeners.permits).try_acquire_owned() else {
        return Some(Err(Refusal::Overload));
    };
    let wire = Arc::clone(wire);
    let upgrade = upgrade
        .max_message_size(SAID_BYTES_MAX)
        .max_frame_size(SAID_BYTES_MAX)
        .write_buffer_size(0);
    let response = upgrade.on_upgrade(move |socket| listen(wire, socket, permit));
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.to_str().ok()?.to_owned())));
    Some(Ok(headers.fold(
        Answer::empty(response.status()),
        |answer, (name, value)| answer.with(name, value),
    )))
}
