//! The progress of one subscription: what is due next, as the store has it. Read and decided in one
//! step, which may block on the disk and never sends.
//!
//! Order and repetition are decided here. One message at a time, events in the order of their
//! numbers; a message that was not acknowledged is repeated with the same events, hence under the
//! same id. That must hold over a stop at any instant, so that:
//! - a message of several events is recorded (`sent`) before it is sent;
//! - one of a single event is not, but no more than [`UNRECORDED_MAX`] are sent before the cursor
//!   is written again, and as many after a start are sent one by one, as they may have been sent
//!   before.
//!
//! Events that were forgotten before they were acknowledged are passed over, and each message says
//! that they were missed until the next event is acknowledged.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::cursors::DeliveryCursor;
use super::message::{EventRange, Message, MessageWriter, Purpose};
use super::seen::SeenSubscription;
use super::world::World;
use crate::fhir::Id;
use crate::storage::{StoreError, Stream};
use crate::subscriptions::{Channel, Status, Subscription, missed};

/// The most events that are sent one by one before the cursor is written.
const UNRECORDED_MAX: u64 = 128;

/// A worker's knowledge of its subscription between two looks at the store.
pub(super) struct SubscriptionProgress {
    id: Id,
    /// The Subscription, as it was when it was last looked at.
    pub(super) seen: Option<SeenSubscription>,
    /// The position of delivery.
    pub(super) cursor: DeliveryCursor,
    /// The last delivered event that is known to be on the disk.
    recorded: u64,
    /// Up to this event messages have one event each.
    single_until: u64,
    /// The ranges to send again in this life, as they were stored when the life was first seen;
    /// taken by the worker.
    pub(super) resends: Option<(u64, Vec<RangeInclusive<u64>>)>,
    /// Up to this event it was logged that events were forgotten before they were delivered.
    logged: u64,
}

/// The action that is due.
pub(super) enum DueAction {
    /// The Subscription does not exist: there is nothing more to do.
    Gone,
    /// Nothing, until the Subscription is written or its end comes.
    Rest,
    /// The end came.
    End,
    /// It becomes active without a handshake.
    Activate,
    /// The cursor must be on the disk before anything else.
    Record(DeliveryCursor),
    /// The event to send again is no longer kept.
    NotKept,
    /// Something must be sent.
    Send(Message),
    /// The events moved while they were read: look again.
    LookAgain,
    /// Nothing until there is an event; a heartbeat is due after so much more silence.
    Idle(Option<Duration>),
}

impl SubscriptionProgress {
    pub(super) fn new(id: Id) -> Self {
        SubscriptionProgress {
            id,
            seen: None,
            cursor: DeliveryCursor {
                life: u64::MAX,
                ..DeliveryCursor::default()
            },
            recorded: 0,
            single_until: 0,
            resends: None,
            logged: 0,
        }
    }

    /// Finds out what is due, after so much silence. `replay` is an event to send again.
    pub(super) fn next(
        &mut self,
        world: &World,
        silence: Duration,
        replay: Option<u64>,
    ) -> Result<DueAction, StoreError> {
        if !self.look(world)? {
            return Ok(DueAction::Gone);
        }
        let Some(subscription) = self.subscription() else {
            return Ok(DueAction::Rest);
        };
        if subscription.status == Status::Off {
            return Ok(DueAction::Rest);
        }
        if subscription.end.is_some_and(|end| end <= (world.now)()) {
            return Ok(DueAction::End);
        }
        match (subscription.status, &subscription.channel) {
            (Status::Error | Status::Off, _) | (Status::Active, Channel::Websocket) => {
                Ok(DueAction::Rest)
            }
            (Status::Requested, Channel::Websocket) => Ok(DueAction::Activate),
            (Status::Requested, Channel::RestHook { .. }) => {
                let stream = self.follow(world)?;
                let messages = self.messages(world, &subscription, stream);
                Ok(DueAction::Send(messages.empty(Purpose::Handshake)))
            }
            (Status::Active, Channel::RestHook { .. }) => {
                let stream = self.follow(world)?;
                if let Some(number) = replay {
                    let messages = self.messages(world, &subscription, stream);
                    return Ok(messages
                        .replay(number)?
                        .map_or(DueAction::NotKept, DueAction::Send));
                }
                if stream.waiting() > 0 {
                    return self.next_events(world, &subscription, stream);
                }
                let messages = self.messages(world, &subscription, stream);
                Ok(next_heartbeat(&messages, silence))
            }
        }
    }

    /// Finds out what is due if there is at least one event that is not delivered.
    fn next_events(
        &mut self,
        world: &World,
        subscription: &Subscription,
        stream: Stream,
    ) -> Result<DueAction, StoreError> {
        let range = self.next_range(subscription, &stream);
        let messages = self.messages(world, subscription, stream);
        let Some(next) = messages.load(range)? else {
            return self.unless_missing(world, &stream, range.after + 1);
        };
        let must_be_recorded = if next.is_many() {
            !range.is_fixed
        } else {
            next.last - self.recorded.max(stream.forgotten) > UNRECORDED_MAX
        };
        if must_be_recorded {
            let sent = if next.is_many() {
                next.last
            } else {
                self.cursor.sent.max(range.after)
            };
            return Ok(DueAction::Record(DeliveryCursor {
                sent,
                ..self.cursor
            }));
        }
        let message = messages.with_events(&next);
        self.cursor.sent = next.last;
        Ok(DueAction::Send(message))
    }

    /// Chooses the events of the next message.
    fn next_range(&self, subscription: &Subscription, stream: &Stream) -> EventRange {
        // What is too old to be kept is passed over, but counts as delivered only when the
        // subscriber was told of it.
        let after = stream.settled();
        let sent_already = self.cursor.sent.saturating_sub(after);
        let is_fixed = sent_already > 0;
        let events_max = if is_fixed {
            sent_already
        } else if after < self.single_until {
            1
        } else {
            u64::from(subscription.max_count)
        };
        EventRange {
            after,
            events_max,
            is_fixed,
        }
    }

    /// Decides what to do about an event that should be kept and was not found: to look again if
    /// it was forgotten, or another life began, since the stream was read.
    ///
    /// # Errors
    /// If neither is so: the store has lost it. To look again at once would find the same for ever.
    fn unless_missing(
        &self,
        world: &World,
        before: &Stream,
        number: u64,
    ) -> Result<DueAction, StoreError> {
        let now = world.store.stream(&self.id)?;
        if now.life != before.life || now.forgotten >= number {
            return Ok(DueAction::LookAgain);
        }
        Err(StoreError::unusable(format!(
            "event {number} of Subscription/{} is missing",
            self.id
        )))
    }

    /// Reads the Subscription, if it was written since; returns false if there is none.
    fn look(&mut self, world: &World) -> Result<bool, StoreError> {
        let Some(latest) = SeenSubscription::latest(self.seen.as_ref(), &self.id, world)? else {
            return Ok(false);
        };
        let is_new = self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.standing.version != latest.standing.version);
        if is_new && latest.standing.verdict.is_err() {
            tracing::error!(subscription = %self.id, "a stored Subscription cannot be honoured: nothing is sent");
        }
        self.seen = Some(latest);
        Ok(true)
    }

    /// Returns the state of the events, with `delivered` as this worker has it. Takes the cursor
    /// from the store if a life begins, or the worker does.
    fn follow(&mut self, world: &World) -> Result<Stream, StoreError> {
        let stored = world.store.stream(&self.id)?;
        if self.cursor.life != stored.life {
            self.cursor = DeliveryCursor {
                life: stored.life,
                delivered: stored.delivered,
                sent: stored.sent,
            };
            self.recorded = stored.delivered;
            self.single_until = stored.sent.max(stored.forgotten) + UNRECORDED_MAX;
            self.resends = Some((stored.life, world.store.resends(&self.id)?));
            self.logged = 0;
        }
        let stream = Stream {
            delivered: self.cursor.delivered,
            ..stored
        };
        if let Some(missed) = missed(&stream).filter(|_| stream.forgotten > self.logged) {
            tracing::error!(subscription = %self.id, "{missed}; the subscriber is told");
            self.logged = stream.forgotten;
        }
        Ok(stream)
    }

    fn messages<'a>(
        &'a self,
        world: &'a World,
        subscription: &'a Subscription,
        stream: Stream,
    ) -> MessageWriter<'a> {
        MessageWriter {
            world,
            id: &self.id,
            subscription,
            stream,
        }
    }

    /// Returns the Subscription, as it was when it was last looked at; none if it cannot be
    /// honoured.
    pub(super) fn subscription(&self) -> Option<Arc<Subscription>> {
        self.seen.as_ref()?.standing.subscription().cloned()
    }

    /// Notes that the cursor is on the disk.
    pub(super) fn recorded(&mut self, cursor: DeliveryCursor) {
        if cursor.life == self.cursor.life {
            self.cursor = cursor;
            self.recorded = cursor.delivered;
        }
    }

    /// Notes that events up to this one were acknowledged.
    pub(super) fn acknowledged(&mut self, last: u64) {
        self.cursor.delivered = last;
        self.cursor.sent = self.cursor.sent.max(last);
    }
}

/// Decides whether a heartbeat is due, after so much silence.
fn next_heartbeat(messages: &MessageWriter<'_>, silence: Duration) -> DueAction {
    let period = messages
        .subscription
        .heartbeat_s
        .map(|seconds| Duration::from_secs(seconds.into()));
    match period {
        Some(period) if silence >= period => DueAction::Send(messages.empty(Purpose::Heartbeat)),
        Some(period) => DueAction::Idle(Some(period - silence)),
        None => DueAction::Idle(None),
    }
}
