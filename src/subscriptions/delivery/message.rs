//! A message to a subscriber: which events it has, and its bytes. Reads events and resources from
//! the store; decides neither when it is sent nor whether it must be recorded before.

use jiff::Timestamp;

use super::world::World;
use crate::fhir::Id;
use crate::storage::{Event, StoreError, Stream};
use crate::subscriptions::notification::{
    About, NotificationType, NotifiedEvent, bundle, message_id,
};
use crate::subscriptions::signing::WebhookKey;
use crate::subscriptions::{PayloadContent, Subscription, missed};

/// The most bytes of resources in one message, unless a single one is larger.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Something to send.
pub(super) struct Message {
    pub(super) purpose: Purpose,
    /// The Bundle's id.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    pub(super) key: WebhookKey,
}

/// The purpose of a message.
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

/// The choice of events for a message.
#[derive(Clone, Copy)]
pub(super) struct EventRange {
    /// The event before the first one.
    pub(super) after: u64,
    /// The most events.
    pub(super) events_max: u64,
    /// True if the message may have been sent before: then it has exactly these events, however
    /// large it becomes.
    pub(super) is_fixed: bool,
}

/// An event with the stored bytes of its resource, if the subscriber is to have them.
pub(super) struct LoadedEvent {
    event: Event,
    resource: Option<Vec<u8>>,
}

/// The events of the next message, at least one.
pub(super) struct NextMessage {
    events: Vec<LoadedEvent>,
    pub(super) last: u64,
}

impl NextMessage {
    /// Tells whether it has more than one event.
    pub(super) fn is_many(&self) -> bool {
        self.events.len() > 1
    }
}

/// Makes the messages of one subscription.
pub(super) struct MessageWriter<'a> {
    pub(super) world: &'a World,
    pub(super) id: &'a Id,
    pub(super) subscription: &'a Subscription,
    /// The state of its events.
    pub(super) stream: Stream,
}

impl MessageWriter<'_> {
    /// Makes a message without events.
    pub(super) fn empty(&self, purpose: Purpose) -> Message {
        self.write(purpose, &[])
    }

    /// Makes the message that sends one event again; none if the event is no longer kept.
    pub(super) fn replay(&self, number: u64) -> Result<Option<Message>, StoreError> {
        let range = EventRange {
            after: number - 1,
            events_max: 1,
            is_fixed: true,
        };
        let next = self.load(range)?;
        Ok(next.map(|next| self.write(Purpose::Replay(number), &next.events)))
    }

    /// Makes a message with events.
    pub(super) fn with_events(&self, next: &NextMessage) -> Message {
        let instants = next.events.iter().map(|loaded| loaded.event.instant);
        let purpose = Purpose::Events {
            last: next.last,
            instants: instants.collect(),
        };
        self.write(purpose, &next.events)
    }

    /// Reads the events of a message, as many as fit in it; none if the first of them is not in the
    /// store.
    pub(super) fn load(&self, range: EventRange) -> Result<Option<NextMessage>, StoreError> {
        let EventRange {
            after,
            events_max,
            is_fixed,
        } = range;
        let events_max = usize::try_from(events_max).unwrap_or(1);
        let kept = self.world.store.events(self.id, after, events_max)?;
        let in_order = kept.into_iter().zip(after + 1..);
        let (mut events, mut bytes) = (Vec::new(), 0);
        for (event, _) in in_order.take_while(|(event, number)| event.number == *number) {
            let resource = self.resource(&event)?;
            bytes += resource.as_ref().map_or(0, Vec::len);
            if bytes > MESSAGE_BYTES_MAX && !is_fixed && !events.is_empty() {
                break;
            }
            events.push(LoadedEvent { event, resource });
        }
        let last = after + events.len() as u64;
        Ok((last > after).then_some(NextMessage { events, last }))
    }

    fn resource(&self, event: &Event) -> Result<Option<Vec<u8>>, StoreError> {
        let store = &self.world.store;
        match self.subscription.content {
            PayloadContent::FullResource => Ok(store
                .read_version(&event.focus, event.version)?
                .and_then(|stored| stored.body)),
            PayloadContent::IdOnly | PayloadContent::Empty => Ok(None),
        }
    }

    fn write(&self, purpose: Purpose, events: &[LoadedEvent]) -> Message {
        let kind = match purpose {
            Purpose::Handshake => NotificationType::Handshake,
            Purpose::Heartbeat => NotificationType::Heartbeat,
            Purpose::Events { .. } | Purpose::Replay(_) => NotificationType::EventNotification,
        };
        let missed = missed(&self.stream);
        let about = About {
            base_url: &self.world.base_url,
            id: self.id,
            status: self.subscription.status,
            content: self.subscription.content,
            life: self.stream.life,
            events_since_start: self.stream.last,
            error: missed.as_deref(),
        };
        let notified: Vec<_> = events
            .iter()
            .map(|LoadedEvent { event, resource }| NotifiedEvent {
                event,
                resource: resource.as_deref(),
            })
            .collect();
        let now = (self.world.now)();
        Message {
            purpose,
            id: message_id(&about, kind, &notified, now).to_string(),
            body: bundle(&about, kind, &notified, now),
            key: WebhookKey::derive(self.world.store.secret(), self.id, self.stream.life),
        }
    }
}
