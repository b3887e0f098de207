//! What somebody hears who listens to a subscription over a websocket
//! (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#websockets>): a handshake, and then each event from then on.
//!
//! Nothing is kept for a listener but the number of the last event that it was told: what comes
//! next is read from the store. A websocket tells nobody whether a message arrived, so the server
//! counts nothing as delivered; who missed something sees it by the number, and asks `$events`.

use jiff::{SignedDuration, Timestamp};

pub use super::listeners::Listening;
use super::listeners::Wake;
use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::stored::parse_stored;
use crate::interactions::{Context, Failure, Principal, Server};
use crate::storage::Stream;
use crate::subscriptions::notification::{self, About, NotificationType, NotifiedEvent};
use crate::subscriptions::{Channel, PayloadContent, Status, Subscription};

/// A subscription, and how far its listener was told.
#[derive(Clone, Debug)]
pub struct Feed {
    /// On whose behalf it is listened to.
    pub principal: Principal,
    key: ResourceKey,
    content: PayloadContent,
    life: u64,
    told: u64,
    /// Seconds of silence after which the listener hears a heartbeat.
    pub heartbeat_s: Option<u32>,
    end: Option<Timestamp>,
}

/// What a listener hears next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing yet.
    Nothing,
    /// This Bundle.
    Message(Vec<u8>),
    /// That there will be nothing more, and why.
    End(&'static str),
}

/// A Subscription that can be listened to.
struct Open {
    subscription: Subscription,
    stream: Stream,
}

impl Feed {
    /// The feed of everything that happens from now on, and the handshake.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin(
        server: &Server,
        context: &Context,
        id: &Id,
    ) -> Result<(Option<Feed>, Heard), Failure> {
        let key = ResourceKey::new(ResourceType::Subscription, id.clone());
        let open = match open(server, context, &key)? {
            Ok(open) => open,
            Err(end) => return Ok((None, Heard::End(end))),
        };
        let Open {
            subscription,
            stream,
        } = open;
        let feed = Feed {
            principal: context.principal.clone(),
            key,
            content: subscription.content,
            life: stream.life,
            told: stream.last,
            heartbeat_s: subscription.heartbeat_s,
            end: subscription.end,
        };
        let handshake = feed.message(
            server,
            context,
            NotificationType::Handshake,
            stream.last,
            &[],
        );
        Ok((Some(feed), Heard::Message(handshake)))
    }

    /// The id of the Subscription.
    pub fn id(&self) -> &Id {
        &self.key.id
    }

    /// How long until the subscription ends, if it does.
    pub fn rest(&self, context: &Context) -> Option<SignedDuration> {
        self.end.map(|end| end.duration_since(context.now))
    }

    /// What comes next.
    ///
    /// # Errors
    /// Of the store.
    pub fn next(&mut self, server: &Server, context: &Context) -> Result<Heard, Failure> {
        let open = match open(server, context, &self.key)? {
            Ok(open) => open,
            Err(end) => return Ok(Heard::End(end)),
        };
        let Open {
            subscription,
            stream,
        } = open;
        if stream.life != self.life {
            return Ok(Heard::End("the Subscription was deleted"));
        }
        self.content = subscription.content;
        (self.heartbeat_s, self.end) = (subscription.heartbeat_s, subscription.end);
        let Some(event) = server.store.events(&self.key.id, self.told, 1)?.pop() else {
            return Ok(Heard::Nothing);
        };
        if event.number != self.told + 1 {
            return Ok(Heard::End(
                "events were forgotten before they could be told",
            ));
        }
        let stored = match self.content {
            PayloadContent::FullResource => {
                server.store.read_version(&event.focus, event.version)?
            }
            PayloadContent::Empty | PayloadContent::IdOnly => None,
        };
        let resource = stored.as_ref().and_then(|stored| stored.body.as_deref());
        self.told = event.number;
        let last = stream.last.max(event.number);
        Ok(Heard::Message(self.message(
            server,
            context,
            NotificationType::EventNotification,
            last,
            &[NotifiedEvent {
                event: &event,
                resource,
            }],
        )))
    }

    /// What is heard when nothing happens.
    ///
    /// # Errors
    /// Of the store.
    pub fn heartbeat(&self, server: &Server, context: &Context) -> Result<Vec<u8>, Failure> {
        let last = server.store.stream(&self.key.id)?.last;
        Ok(self.message(server, context, NotificationType::Heartbeat, last, &[]))
    }

    fn message(
        &self,
        server: &Server,
        context: &Context,
        kind: NotificationType,
        last: u64,
        told: &[NotifiedEvent<'_>],
    ) -> Vec<u8> {
        let about = About {
            base_url: &server.base_url,
            id: &self.key.id,
            status: Status::Active,
            content: self.content,
            life: self.life,
            events_since_start: last,
            error: None,
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

/// The Subscription as it is now, or why there is nothing to listen to.
fn open(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
) -> Result<Result<Open, &'static str>, Failure> {
    let Some(body) = server.store.read(key)?.and_then(|stored| stored.body) else {
        return Ok(Err("the Subscription was deleted"));
    };
    let Ok(subscription) = Subscription::read(&parse_stored(key, &body)?, &server.base_url) else {
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
    Ok(Ok(Open {
        subscription,
        stream,
    }))
}
