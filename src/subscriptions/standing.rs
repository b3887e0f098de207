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
            StoreError::unusable(format!(
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::subscriptions::names::TOPIC;

    /// Reads a Subscription with this status, channel and topic.
    fn standing(status: &str, channel: &str, topic: &str) -> Standing {
        let resource = json!({
            "resourceType": "Subscription", "id": "s", "status": status, "reason": "A test",
            "criteria": topic, "error": "the endpoint answered 500",
            "channel": {
                "type": channel, "payload": "application/fhir+json",
                "endpoint": (channel == "rest-hook").then_some("https://ehr.example.dk/hook"),
            },
        });
        let stored = StoredVersion {
            key: ResourceKey::parse("Subscription/s").unwrap(),
            version: Version(3),
            position: crate::storage::Position(7),
            last_updated: jiff::Timestamp::UNIX_EPOCH,
            method: crate::storage::Method::Put,
            body: Some(resource.to_string().into_bytes()),
        };
        Standing::read(&stored, "http://localhost/fhir")
            .unwrap()
            .unwrap()
    }

    #[test]
    fn only_events_on_their_way_to_an_endpoint_are_awaited() {
        for (status, channel, topic, is_awaited) in [
            ("requested", "rest-hook", TOPIC, true),
            ("active", "rest-hook", TOPIC, true),
            ("error", "rest-hook", TOPIC, false),
            ("off", "rest-hook", TOPIC, false),
            ("active", "websocket", TOPIC, false),
            ("active", "rest-hook", "http://example.org/other", false),
        ] {
            let standing = standing(status, channel, topic);
            assert_eq!(standing.is_awaited(), is_awaited, "{standing:?}");
            assert_eq!(standing.verdict.is_ok(), topic == TOPIC, "{standing:?}");
        }
    }

    #[test]
    fn missed_events_are_a_problem_of_those_that_are_posted_to_and_can_be_honoured() {
        let stream = Stream {
            life: 1,
            last: 9,
            forgotten: 5,
            delivered: 3,
            sent: 3,
        };
        let problem = |channel, topic| standing("active", channel, topic).problem(&stream);
        let written = "the endpoint answered 500";
        let both = problem("rest-hook", TOPIC).unwrap();
        assert!(
            both.starts_with(&format!("{written}; events 4 to 5 were")),
            "{both}"
        );
        assert_eq!(problem("websocket", TOPIC).unwrap(), written);
        assert_eq!(problem("rest-hook", "other").unwrap(), written);
        assert_eq!((stream.settled(), stream.waiting()), (5, 4));
    }
}
