//! What one subscription is due next, as the store has it: read and decided in one step, which may
//! block on the disk and never sends.
//!
//! Order and repetition are decided here. One message at a time, events in the order of their
//! numbers; a message that was not acknowledged is repeated with the same events, hence under the
//! same id. That must hold over a stop at any instant, so that:
//! - a message of several events is written down (`sent`) before it is sent;
//! - one of a single event is not, but no more than [`UNRECORDED_MAX`] are sent before the cursor
//!   is written again, and as many after a start go out one by one, as they may have gone out
//!   before.
//!
//! Events that were forgotten before they were acknowledged are passed over, and said to be missed
//! in each message until the next event is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::World;
use super::cursors::Cursor;
use crate::fhir::{Id, ResourceKey, ResourceType, Version};
use crate::storage::{Event, StoreError, Stream};
use crate::subscriptions::notification::{About, Kind, Told, bundle, message_id};
use crate::subscriptions::signing::WebhookKey;
use crate::subscriptions::{Channel, Content, Status, Subscription};

/// The most events that are sent one by one before the cursor is written.
pub(super) const UNRECORDED_MAX: u64 = 128;
/// The most bytes of resources in one message, unless a single one is larger.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What a worker knows of its subscription between two looks at the store.
pub(super) struct Account {
    pub(super) id: Id,
    /// The Subscription, as it was when it was last looked at.
    pub(super) seen: Option<Seen>,
    /// How far it is delivered.
    pub(super) cursor: Cursor,
    /// The last delivered event that is known to be on the disk.
    recorded: u64,
    /// Up to this event messages have one event each.
    single_until: u64,
    /// What is to be sent again of this life, as it was stored when the life was first seen; taken
    /// by the worker.
    pub(super) resends: Option<(u64, Vec<(u64, u64)>)>,
    /// Up to this event it was logged that events were forgotten before they were delivered.
    logged: u64,
}

/// A version of the Subscription.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) version: Version,
    /// Which of the Subscriptions that had this id.
    life: u64,
    /// None if it cannot be honoured.
    pub(super) subscription: Option<Arc<Subscription>>,
}

impl Seen {
    fn of(world: &World, id: &Id, version: Version, body: &[u8]) -> Result<Self, StoreError> {
        let value = serde_json::from_slice(body)
            .map_err(|error| StoreError(format!("Subscription/{id} is no JSON: {error}")))?;
        let subscription = Subscription::read(&value, &world.base_url)
            .ok()
            .map(Arc::new);
        Ok(Seen {
            version,
            life: world.store.stream(id)?.life,
            subscription,
        })
    }

    /// True if both ask for the same: whatever else is written of a Subscription, as its labels,
    /// begins nothing anew.
    pub(super) fn asks_as(&self, other: &Seen) -> bool {
        self.life == other.life
            && self.subscription.is_some()
            && self.subscription == other.subscription
    }
}

/// What is due.
pub(super) enum Step {
    /// The Subscription does not exist: there is nothing more to do.
    Gone,
    /// Nothing, until the Subscription is written or its end comes.
    Rest,
    /// The end came.
    End,
    /// It becomes active without a handshake.
    Activate,
    /// The cursor must be on the disk before anything else.
    Record(Cursor),
    /// The event to send again is no longer kept.
    NotKept,
    /// Something must be sent.
    Send(Message),
    /// Nothing until there is an event; a heartbeat is due after so much more silence.
    Idle(Option<Duration>),
}

/// Something to send.
pub(super) struct Message {
    pub(super) purpose: Purpose,
    /// The Bundle's id.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    pub(super) key: WebhookKey,
}

/// What a message is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Handshake,
    Heartbeat,
    /// Events up to this one, with their instants.
    Events {
        last: u64,
        instants: Vec<Timestamp>,
    },
    /// This event again.
    Replay(u64),
}

impl Account {
    pub(super) fn new(id: Id) -> Self {
        Account {
            id,
            seen: None,
            cursor: Cursor {
                life: u64::MAX,
                ..Cursor::default()
            },
            recorded: 0,
            single_until: 0,
            resends: None,
            logged: 0,
        }
    }

    /// True if there is such a Subscription.
    pub(super) fn exists(id: &Id, world: &World) -> Result<bool, StoreError> {
        Ok(world
            .store
            .read(&key(id))?
            .is_some_and(|stored| stored.body.is_some()))
    }

    /// The version of the Subscription now, if it asks for what it asked for when it was seen.
    pub(super) fn unmoved(
        id: &Id,
        seen: &Seen,
        world: &World,
    ) -> Result<Option<Version>, StoreError> {
        let stored = world.store.read(&key(id))?;
        let Some((version, body)) = stored.and_then(|stored| Some((stored.version, stored.body?)))
        else {
            return Ok(None);
        };
        if version == seen.version {
            return Ok(Some(version));
        }
        Ok(Seen::of(world, id, version, &body)?
            .asks_as(seen)
            .then_some(version))
    }

    /// Finds out what is due, after so much silence. `replay` is an event to send again.
    pub(super) fn next(
        &mut self,
        world: &World,
        silence: Duration,
        replay: Option<u64>,
    ) -> Result<Step, StoreError> {
        if !self.look(world)? {
            return Ok(Step::Gone);
        }
        let Some(subscription) = self
            .seen
            .as_ref()
            .and_then(|seen| seen.subscription.clone())
        else {
            return Ok(Step::Rest);
        };
        if subscription.status == Status::Off {
            return Ok(Step::Rest);
        }
        if subscription.end.is_some_and(|end| end <= (world.now)()) {
            return Ok(Step::End);
        }
        match (subscription.status, &subscription.channel) {
            (Status::Error | Status::Off, _) | (Status::Active, Channel::Websocket) => {
                Ok(Step::Rest)
            }
            (Status::Requested, Channel::Websocket) => Ok(Step::Activate),
            (Status::Requested, Channel::RestHook { .. }) => {
                let stream = self.follow(world)?;
                Ok(Step::Send(self.message(
                    world,
                    &subscription,
                    &stream,
                    Purpose::Handshake,
                    &[],
                    &[],
                )))
            }
            (Status::Active, Channel::RestHook { .. }) => {
                let stream = self.follow(world)?;
                self.next_of_active(world, &subscription, &stream, silence, replay)
            }
        }
    }

    fn next_of_active(
        &mut self,
        world: &World,
        subscription: &Subscription,
        stream: &Stream,
        silence: Duration,
        replay: Option<u64>,
    ) -> Result<Step, StoreError> {
        if let Some(number) = replay {
            let events = world.store.events(&self.id, number - 1, 1)?;
            if events.first().is_none_or(|event| event.number != number) {
                return Ok(Step::NotKept);
            }
            let resources = self.resources(world, subscription, &events, true)?;
            return Ok(Step::Send(self.message(
                world,
                subscription,
                stream,
                Purpose::Replay(number),
                &events,
                &resources,
            )));
        }
        if self.cursor.delivered.max(stream.forgotten) < stream.last {
            return self.next_events(world, subscription, stream);
        }
        match subscription
            .heartbeat_s
            .map(|period| Duration::from_secs(period.into()))
        {
            Some(period) if silence >= period => Ok(Step::Send(self.message(
                world,
                subscription,
                stream,
                Purpose::Heartbeat,
                &[],
                &[],
            ))),
            period => Ok(Step::Idle(period.map(|period| period - silence))),
        }
    }

    /// The next message with events. There is one at least that is not delivered.
    fn next_events(
        &mut self,
        world: &World,
        subscription: &Subscription,
        stream: &Stream,
    ) -> Result<Step, StoreError> {
        // What is too old to be kept is passed over, but counts as delivered only when the
        // subscriber was told of it.
        let from = self.cursor.delivered.max(stream.forgotten);
        let sent = self.cursor.sent.max(from);
        let is_fixed = sent > from;
        let most = match sent - from {
            _ if !is_fixed && from < self.single_until => 1,
            0 => u64::from(subscription.max_count),
            fixed => fixed,
        };
        let mut events = world
            .store
            .events(&self.id, from, usize::try_from(most).unwrap_or(1))?;
        if events.first().is_none_or(|first| first.number != from + 1) {
            // Forgotten since the stream was read: look anew.
            return Ok(Step::Idle(Some(Duration::ZERO)));
        }
        let resources = self.resources(world, subscription, &events, is_fixed)?;
        if !is_fixed {
            events.truncate(resources.len());
        }
        let last = from + events.len() as u64;
        let is_many = last > from + 1;
        if (is_many && !is_fixed)
            || (!is_many && last - self.recorded.max(stream.forgotten) > UNRECORDED_MAX)
        {
            return Ok(Step::Record(Cursor {
                sent: if is_many { last } else { sent },
                ..self.cursor
            }));
        }
        self.cursor.sent = last;
        let purpose = Purpose::Events {
            last,
            instants: events.iter().map(|event| event.instant).collect(),
        };
        Ok(Step::Send(self.message(
            world,
            subscription,
            stream,
            purpose,
            &events,
            &resources,
        )))
    }

    /// The stored bytes of what the first events are about, as many as fit in a message; all events
    /// of a fixed message do.
    fn resources(
        &self,
        world: &World,
        subscription: &Subscription,
        events: &[Event],
        is_fixed: bool,
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let (mut resources, mut bytes) = (Vec::new(), 0);
        for event in events {
            let resource = match subscription.content {
                Content::FullResource => world
                    .store
                    .read_version(&event.focus, event.version)?
                    .and_then(|stored| stored.body),
                Content::IdOnly | Content::Empty => None,
            };
            bytes += resource.as_ref().map_or(0, Vec::len);
            if bytes > MESSAGE_BYTES_MAX && !is_fixed && !resources.is_empty() {
                break;
            }
            resources.push(resource);
        }
        Ok(resources)
    }

    fn message(
        &self,
        world: &World,
        subscription: &Subscription,
        stream: &Stream,
        purpose: Purpose,
        events: &[Event],
        resources: &[Option<Vec<u8>>],
    ) -> Message {
        let kind = match purpose {
            Purpose::Handshake => Kind::Handshake,
            Purpose::Heartbeat => Kind::Heartbeat,
            Purpose::Events { .. } | Purpose::Replay(_) => Kind::EventNotification,
        };
        let missed = missed(&Stream {
            delivered: self.cursor.delivered,
            ..*stream
        });
        let about = About {
            base_url: &world.base_url,
            id: &self.id,
            status: subscription.status,
            content: subscription.content,
            life: stream.life,
            events_since_start: stream.last,
            error: missed.as_deref(),
        };
        let told = events.iter().zip(resources).map(|(event, resource)| Told {
            event,
            resource: resource.as_deref(),
        });
        let (told, now) = (told.collect::<Vec<_>>(), (world.now)());
        let (id, body) = (
            message_id(&about, kind, &told, now).to_string(),
            bundle(&about, kind, &told, now),
        );
        Message {
            purpose,
            id,
            body,
            key: WebhookKey::derive(world.store.secret(), &self.id, stream.life),
        }
    }

    /// Reads the Subscription, if it was written since; false if there is none.
    fn look(&mut self, world: &World) -> Result<bool, StoreError> {
        let stored = world.store.read(&key(&self.id))?;
        let Some((version, body)) = stored.and_then(|stored| Some((stored.version, stored.body?)))
        else {
            return Ok(false);
        };
        if self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.version != version)
        {
            let seen = Seen::of(world, &self.id, version, &body)?;
            if seen.subscription.is_none() {
                tracing::error!(subscription = %self.id, "a stored Subscription cannot be honoured: nothing is sent");
            }
            self.seen = Some(seen);
        }
        Ok(true)
    }

    /// Where the events stand; takes the cursor from the store if a life begins, or the worker
    /// does.
    fn follow(&mut self, world: &World) -> Result<Stream, StoreError> {
        let stream = world.store.stream(&self.id)?;
        if self.cursor.life != stream.life {
            self.cursor = Cursor {
                life: stream.life,
                delivered: stream.delivered,
                sent: stream.sent,
            };
            self.recorded = stream.delivered;
            self.single_until = stream.sent.max(stream.forgotten) + UNRECORDED_MAX;
            self.resends = Some((stream.life, world.store.resends(&self.id)?));
            self.logged = 0;
        }
        if let Some(missed) = missed(&Stream {
            delivered: self.cursor.delivered,
            ..stream
        })
        .filter(|_| stream.forgotten > self.logged)
        {
            tracing::error!(subscription = %self.id, "{missed}; the subscriber is told");
            self.logged = stream.forgotten;
        }
        Ok(stream)
    }

    /// The cursor is on the disk.
    pub(super) fn recorded(&mut self, cursor: Cursor) {
        if cursor.life == self.cursor.life {
            self.cursor = cursor;
            self.recorded = cursor.delivered;
        }
    }

    /// Events up to this one were acknowledged.
    pub(super) fn acknowledged(&mut self, last: u64) {
        self.cursor.delivered = last;
        self.cursor.sent = self.cursor.sent.max(last);
    }
}

/// What a subscriber must know if events were forgotten before it acknowledged them: each message
/// says so until one with events is acknowledged.
pub fn missed(stream: &Stream) -> Option<String> {
    let Stream {
        delivered,
        forgotten,
        ..
    } = stream;
    let first = delivered + 1;
    (forgotten > delivered).then(|| {
        format!(
            "events {first} to {forgotten} were never acknowledged and are no longer kept: what they told is in the history of the Tasks"
        )
    })
}

/// The key of a Subscription.
pub(super) fn key(id: &Id) -> ResourceKey {
    ResourceKey::new(ResourceType::Subscription, id.clone())
}
