//! The standing of a Subscription: one reading of the stored resource, and what this server does
//! for it.
//!
//! What another version of this program accepted, this one may not be able to honour. Such a
//! Subscription stands as it says, and its subscriber is told of nothing.

use std::sync::Arc;

use serde_json::Value;

use super::notification::About;
use super::{Channel, PayloadContent, Status, Subscription};
use crate::fhir::{Issue, ResourceKey, Version};
use crate::storage::{StoreError, StoredVersion, Stream};

/// A stored Subscription, read and judged.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The Subscription.
    pub key: ResourceKey,
    /// Its version.
    pub version: Version,
    /// Its status.
    pub status: Status,
    /// Its channel, whatever is wrong with the rest; none if this server does not offer it.
    pub channel: Option<Channel>,
    /// The verdict: the subscription that this server follows, or all reasons why it cannot.
    pub verdict: Result<Arc<Subscription>, Vec<Issue>>,
    /// The problem that the server wrote into it.
    pub error: Option<String>,
}

impl Standing {
    /// Reads a stored Subscription; none if it is deleted.
    ///
    /// # Errors
    /// If the content is not JSON, which only damage can bring about.
    pub fn read(stored: &StoredVersion, base_url: &str) -> Result<Option<Self>, StoreError> {
        let Some(body) = &stored.body else {
            return Ok(None);
        };
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            StoreError(format!(
                "the stored content of {} is not JSON: {error}",
                stored.key
            ))
        })?;
        let code = value["status"].as_str().and_then(Status::from_code);
        Ok(Some(Standing {
            key: stored.key.clone(),
            version: stored.version,
            status: code.unwrap_or(Status::Error),
            channel: Channel::of(&value),
            verdict: Subscription::read(&value, base_url).map(Arc::new),
            error: value["error"].as_str().map(str::to_owned),
        }))
    }

    /// Returns the subscription that this server follows; none if it cannot be honoured.
    pub fn subscription(&self) -> Option<&Arc<Subscription>> {
        self.verdict.as_ref().ok()
    }

    /// Tells whether its messages are posted, so that the server knows which events arrived.
    pub fn is_posted(&self) -> bool {
        matches!(self.channel, Some(Channel::RestHook { .. }))
    }

    /// Tells whether its events are on their way to an endpoint: however old they are, they are
    /// kept until it has acknowledged them.
    pub fn is_awaited(&self) -> bool {
        match self.status {
            Status::Requested | Status::Active => self.verdict.is_ok() && self.is_posted(),
            Status::Error | Status::Off => false,
        }
    }

    /// Describes its problem to the subscriber: the one that is written in it, and the events that
    /// were missed. Of a websocket nothing is known to be delivered, and events that are too old
    /// may have been.
    pub fn problem(&self, stream: &Stream) -> Option<String> {
        let missed = (self.verdict.is_ok() && self.is_posted())
            .then(|| missed(stream))
            .flatten();
        let problems: Vec<_> = self.error.clone().into_iter().chain(missed).collect();
        Some(problems.join("; ")).filter(|problem| !problem.is_empty())
    }

    /// Returns the subscription of a message, with that problem.
    pub fn about<'a>(
        &'a self,
        base_url: &'a str,
        stream: &Stream,
        problem: Option<&'a str>,
    ) -> About<'a> {
        About {
            base_url,
            id: &self.key.id,
            status: self.status,
            content: self
                .subscription()
                .map_or(PayloadContent::Empty, |known| known.content),
            life: stream.life,
            events_since_start: stream.last,
            error: problem,
        }
    }
}

/// Says which events were forgotten before the subscriber acknowledged them, if any were: each
/// message tells it so until one with events is acknowledged.
pub fn missed(stream: &Stream) -> Option<String> {
    let missed = stream.missed()?;
    Some(format!(
        "events {} to {} were never acknowledged and are no longer kept: what they told is in the history of the Tasks",
        missed.start(),
        missed.end()
    ))
}
