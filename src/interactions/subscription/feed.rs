//! The messages of a subscription over a websocket
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#websockets>): a handshake, and then each event from then on.
//!
//! Nothing is kept for a listener but the number of the last event that it was told: what comes
//! next is read from the store. A websocket tells nobody whether a message arrived, so the server
//! counts nothing as delivered; who missed something sees it by the number, and asks `$events`.

use std::sync::Arc;

use jiff::SignedDuration;

pub use super::listeners::Listening;
use super::listeners::Wake;
use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::{Context, Failure, Principal, Server};
use crate::storage::Stream;
use crate::subscriptions::notification::{self, About, NotificationType, NotifiedEvent};
use crate::subscriptions::{Channel, PayloadContent, Standing, Status, Subscription};

/// A subscription and the place in its events up to which its listener was told.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The principal on whose behalf it is listened to.
    pub principal: Principal,
    standing: Standing,
    subscription: Arc<Subscription>,
    life: u64,
    told: u64,
}

/// The next thing that a listener hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing yet.
    Nothing,
    /// This Bundle.
    Message(Vec<u8>),
    /// The end, and its reason.
    End(&'static str),
}

/// A Subscription that can be listened to.
struct OpenSubscription {
    standing: Standing,
    subscription: Arc<Subscription>,
    stream: Stream,
}

impl Feed {
    /// Begins the feed of everything that happens from now on, with a handshake.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin(
        server: &Server,
        context: &Context,
        id: &Id,
    ) -> Result<(Option<Feed>, Heard), Failure> {
        let key = ResourceKey::new(ResourceType::Subscription, id.clone());
        let OpenSubscription {
            standing,
            subscription,
            stream,
        } = match open(server, context, &key)? {
            Ok(open) => open,
            Err(end) => return Ok((None, Heard::End(end))),
        };
        let feed = Feed {
            principal: context.principal.clone(),
            standing,
            subscription,
            life: stream.life,
            told: stream.last,
        };
        let handshake = feed.message(server, context, NotificationType::Handshake, &stream, &[]);
        Ok((Some(feed), Heard::Message(handshake)))
    }

    /// Returns the id of the Subscription.
    pub fn id(&self) -> &Id {
        &self.standing.key.id
    }

    /// Returns the seconds of silence after which the listener hears a heartbeat.
    pub fn heartbeat_s(&self) -> Option<u32> {
        self.subscription.heartbeat_s
    }

    /// Returns the time until the subscription ends, if it does.
    pub fn rest(&self, context: &Context) -> Option<SignedDuration> {
        self.subscription
            .end
            .map(|end| end.duration_since(context.now))
    }

    /// Finds the next event to tell.
    ///
    /// # Errors
    /// Of the store.
    pub fn next(&mut self, server: &Server, context: &Context) -> Result<Heard, Failure> {
        let OpenSubscription {
            standing,
            subscription,
            stream,
        } = match open(server, context, &self.standing.key)? {
            Ok(open) => open,
            Err(end) => return Ok(Heard::End(end)),
        };
        if stream.life != self.life {
            return Ok(Heard::End("the Subscription was deleted"));
        }
        (self.standing, self.subscription) = (standing, subscription);
        let Some(event) = server.store.events(self.id(), self.told, 1)?.pop() else {
            return Ok(Heard::Nothing);
        };
        if event.number != self.told + 1 {
            return Ok(Heard::End(
                "events were forgotten before they could be told",
            ));
        }
        let stored = match self.subscription.content {
            PayloadContent::FullResource => {
                server.store.read_version(&event.focus, event.version)?
            }
            PayloadContent::Empty | PayloadContent::IdOnly => None,
        };
        let resource = stored.as_ref().and_then(|stored| stored.body.as_deref());
        self.told = event.number;
        let stream = Stream {
            last: stream.last.max(event.number),
            ..stream
        };
        Ok(Heard::Message(self.message(
            server,
            context,
            NotificationType::EventNotification,
            &stream,
            &[NotifiedEvent {
                event: &event,
                resource,
            }],
        )))
    }

    /// Makes the message that is heard when nothing happens.
    ///
    /// # Errors
    /// Of the store.
    pub fn heartbeat(&self, server: &Server, context: &Context) -> Result<Vec<u8>, Failure> {
        let stream = server.store.stream(self.id())?;
        Ok(self.message(server, context, NotificationType::Heartbeat, &stream, &[]))
    }

    fn message(
        &self,
        server: &Server,
        context: &Context,
        kind: NotificationType,
        stream: &Stream,
        told: &[NotifiedEvent<'_>],
    ) -> Vec<u8> {
        let about = About {
            // Whoever listens is told, whether or not the server has noted it already.
            status: Status::Active,
            life: self.life,
            ..self.standing.about(&server.base_url, stream, None)
        };
        notification::bundle(&about, kind, told, context.now)
    }
}

/// Calls `wake` after each commit that wrote the Subscription or an event of it, from any thread,
/// until what is answered is dropped. What was committed before is to be looked at after this was
/// called, so that nothing comes between.
pub fn listen_to(server: &Server, _context: &Context, subscription: &Id, wake: Wake) -> Listening {
    server.listeners.add(subscription, wake)
}

/// Reads the Subscription as it is now; answers why there is nothing to listen to, if so.
fn open(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
) -> Result<Result<OpenSubscription, &'static str>, Failure> {
    let standing = match &server.store.read(key)? {
        Some(stored) => Standing::read(stored, &server.base_url)?,
        None => None,
    };
    let Some(standing) = standing else {
        return Ok(Err("the Subscription was deleted"));
    };
    let Some(subscription) = standing.subscription().cloned() else {
        return Ok(Err("the Subscription cannot be honoured"));
    };
    if subscription.channel != Channel::Websocket {
        return Ok(Err("the Subscription has another channel"));
    }
    match subscription.status {
        Status::Off => return Ok(Err("the Subscription is off")),
        Status::Error => {
            return Ok(Err(
                "the Subscription is in error: its client has to ask for it again",
            ));
        }
        Status::Requested | Status::Active
            if subscription.end.is_some_and(|end| end <= context.now) =>
        {
            return Ok(Err("the Subscription has ended"));
        }
        Status::Requested | Status::Active => {}
    }
    let stream = server.store.stream(&key.id)?;
    Ok(Ok(OpenSubscription {
        standing,
        subscription,
        stream,
    }))
}
