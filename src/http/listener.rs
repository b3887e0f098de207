//! A conversation with a subscriber over a websocket (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#websockets>):
//! the client says `bind-with-token` and a token of `$get-ws-binding-token`, and hears a handshake,
//! each event from then on, and heartbeats.
//!
//! Bounded in all that a client can make large: how many listen, how long one is silent, what it
//! says, and how long it takes to hear a message. One that does not keep up is disconnected, and
//! asks `$events` for what it missed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};

use super::Wire;
use super::listeners::LEAVE_TIME_MAX;
use crate::fhir::Id;
use crate::interactions::subscription::binding;
use crate::interactions::subscription::binding::{BindingGrant, SUBSCRIPTIONS_MAX};
use crate::interactions::subscription::feed::{Feed, Heard, Listening, listen_to};
use crate::interactions::{Context, Failure, Server};

/// The longest thing that a client may say: a token, with room.
pub(super) const SAID_BYTES_MAX: usize = 1_024;
/// The time that a client may take to say to what it listens.
const BIND_TIME_MAX: Duration = Duration::from_secs(10);
/// The time that a client may take to hear one message.
const HEAR_TIME_MAX: Duration = Duration::from_secs(10);
/// After how much silence a client is asked whether it is there …
const PING_AFTER: Duration = Duration::from_secs(30);
/// … and after how much it is given up.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// The word before a token.
const BIND: &str = "bind-with-token";

/// The end of a conversation: the code of RFC 6455 (section 7.4.1) and words for the client.
struct Parting(u16, String);

impl Parting {
    /// Ends since there is nothing more to hear.
    fn normal(why: impl Into<String>) -> Self {
        Parting(1000, why.into())
    }

    /// Ends since the server stops.
    fn leaving() -> Self {
        Parting(
            1001,
            "the server stops: connect again, and ask $events for what was missed".to_owned(),
        )
    }

    /// Ends since the client did what it may not.
    fn policy(why: impl Into<String>) -> Self {
        Parting(1008, why.into())
    }

    /// Ends since the client cannot be spoken to.
    fn gone() -> Self {
        Parting(1006, String::new())
    }

    fn failed(failure: &Failure) -> Self {
        tracing::error!("a subscriber could not be told: {failure:?}");
        Parting(
            1011,
            "the server failed: connect again, and ask $events for what was missed".to_owned(),
        )
    }
}

/// Holds a conversation, from its beginning to its end.
pub(super) async fn listen(wire: Arc<Wire>, socket: WebSocket, _permit: OwnedSemaphorePermit) {
    let (leaving, wake) = (wire.listeners.leaving.subscribe(), Arc::new(Notify::new()));
    let mut listener = Listener {
        wire,
        socket,
        feeds: Vec::new(),
        wake,
        leaving,
        last_heard: Instant::now(),
    };
    let Parting(code, why) = match listener.converse().await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    tracing::info!(
        subscriptions = listener.feeds.len(),
        code,
        "a subscriber no longer listens: {why}"
    );
    if code != 1006 {
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: Utf8Bytes::from(why),
        }));
        let parting = async {
            // The connection stays until the client has answered (RFC 6455, section 5.5.1): one
            // that is saying something would else learn no reason.
            let mut is_there = listener.socket.send(close).await.is_ok();
            while is_there {
                is_there = matches!(listener.socket.recv().await, Some(Ok(_)));
            }
        };
        let _ = timeout(LEAVE_TIME_MAX, parting).await;
    }
}

/// A client that listens.
struct Listener {
    wire: Arc<Wire>,
    socket: WebSocket,
    feeds: Vec<Followed>,
    wake: Arc<Notify>,
    leaving: watch::Receiver<bool>,
    /// The instant at which the client was last heard.
    last_heard: Instant,
}

/// A subscription that is listened to.
struct Followed {
    feed: Feed,
    /// The instant at which it last told something.
    last_told: Instant,
    _listening: Listening,
}

impl Listener {
    async fn converse(&mut self) -> Result<std::convert::Infallible, Parting> {
        let bound_until = Instant::now() + BIND_TIME_MAX;
        let mut last_ping = Instant::now();
        loop {
            self.tell_all().await?;
            let silent_until = if self.feeds.is_empty() {
                bound_until
            } else {
                self.last_heard + SILENCE_MAX
            };
            let ping_at = self.last_heard.max(last_ping) + PING_AFTER;
            let due = self
                .due()
                .into_iter()
                .chain([silent_until, ping_at])
                .min()
                .unwrap_or(ping_at);
            let mut leaving = self.leaving.clone();
            let left = async move { leaving.wait_for(|leaving| *leaving).await.is_ok() };
            tokio::select! {
                said = self.socket.recv() => self.hear(said).await?,
                () = self.wake.notified() => {}
                _ = left => return Err(Parting::leaving()),
                () = sleep_until(due) => {}
            }
            let now = Instant::now();
            if now >= silent_until && self.feeds.is_empty() {
                return Err(Parting::policy(format!(
                    "expected {BIND} and a token within {} s",
                    BIND_TIME_MAX.as_secs()
                )));
            }
            if now >= self.last_heard + SILENCE_MAX {
                return Err(Parting::policy("no sign of life"));
            }
            if now >= ping_at {
                last_ping = now;
                self.send(Message::Ping(axum::body::Bytes::new())).await?;
            }
        }
    }

    /// Returns when there is next something to say though nothing happens: a heartbeat, or the end
    /// of a subscription.
    fn due(&self) -> Option<Instant> {
        let context = (self.wire.context)();
        let heartbeats = self.feeds.iter().filter_map(Followed::heartbeat_at);
        let ends = self.feeds.iter().filter_map(|bound| {
            let rest = bound.feed.rest(&context)?;
            Some(
                Instant::now()
                    + Duration::try_from(rest)
                        .unwrap_or_default()
                        .min(SILENCE_MAX),
            )
        });
        heartbeats.chain(ends).min()
    }

    /// Takes what the client says.
    async fn hear(&mut self, said: Option<Result<Message, axum::Error>>) -> Result<(), Parting> {
        self.last_heard = Instant::now();
        match said {
            Some(Ok(Message::Text(text))) => match text.as_str().trim().strip_prefix(BIND) {
                // The guide writes a blank; some clients write a colon too.
                Some(token) => {
                    self.bind(token.trim_start_matches(':').trim().to_owned())
                        .await
                }
                None => Err(Parting::policy(format!("expected {BIND} and a token"))),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(Parting::policy("expected text")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Parting::gone()),
        }
    }

    /// Begins to listen to the subscriptions of a token.
    async fn bind(&mut self, token: String) -> Result<(), Parting> {
        let before = (self.wire.context)();
        let redeemed = read(Arc::clone(&self.wire), before, move |server, context| {
            Ok(binding::redeem(server, context, &token))
        });
        let Some(BindingGrant {
            principal,
            subscriptions,
        }) = redeemed.await?
        else {
            return Err(Parting::policy(
                "the token is not known, was used, or is too old: ask for another one",
            ));
        };
        if self.feeds.len() + subscriptions.len() > SUBSCRIPTIONS_MAX {
            return Err(Parting::policy(format!(
                "expected at most {SUBSCRIPTIONS_MAX} subscriptions on one websocket"
            )));
        }
        for id in subscriptions
            .into_iter()
            .filter(|id| self.feeds.iter().all(|bound| bound.feed.id() != id))
            .collect::<Vec<_>>()
        {
            let wake = Arc::clone(&self.wake);
            // Before the feed looks where it begins.
            let context = (self.wire.context)().on_behalf_of(principal.clone());
            let wake = Arc::new(move || wake.notify_one());
            let listening = listen_to(&self.wire.server, &context, &id, wake);
            let begun = id.clone();
            let (feed, heard) = read(Arc::clone(&self.wire), context, move |server, context| {
                Feed::begin(server, context, &begun)
            })
            .await?;
            self.say(&id, heard).await?;
            tracing::info!(subscription = %id, "a subscriber listens");
            self.feeds.extend(feed.map(|feed| Followed {
                feed,
                last_told: Instant::now(),
                _listening: listening,
            }));
        }
        Ok(())
    }

    /// Tells all that is due, the subscriptions in turn.
    async fn tell_all(&mut self) -> Result<(), Parting> {
        let mut something = true;
        while something {
            something = false;
            for at in 0..self.feeds.len() {
                something |= self.tell(at).await?;
            }
            if *self.leaving.borrow() {
                return Err(Parting::leaving());
            }
        }
        Ok(())
    }

    /// Tells the next thing of one subscription; returns true if there was an event.
    async fn tell(&mut self, at: usize) -> Result<bool, Parting> {
        let Some(bound) = self.feeds.get(at) else {
            return Ok(false);
        };
        let mut feed = bound.feed.clone();
        let is_silent = bound.heartbeat_at().is_some_and(|at| at <= Instant::now());
        let next = move |server: &Server, context: &Context| {
            let heard = match feed.next(server, context)? {
                Heard::Nothing if is_silent => Heard::Message(feed.heartbeat(server, context)?),
                heard => heard,
            };
            Ok((feed, heard))
        };
        let context = (self.wire.context)().on_behalf_of(bound.feed.principal.clone());
        let (feed, heard) = read(Arc::clone(&self.wire), context, next).await?;
        let id = feed.id().clone();
        let told = self.say(&id, heard).await?;
        if let Some(bound) = self.feeds.get_mut(at) {
            bound.feed = feed;
            if told {
                bound.last_told = Instant::now();
            }
        }
        Ok(told)
    }

    /// Says what a feed has to say; returns true if that was anything.
    async fn say(&mut self, id: &Id, heard: Heard) -> Result<bool, Parting> {
        match heard {
            Heard::Nothing => Ok(false),
            Heard::Message(bundle) => {
                let text = Utf8Bytes::try_from(bundle).map_err(|_| Parting::gone())?;
                self.send(Message::Text(text)).await.map(|()| true)
            }
            Heard::End(why) => Err(Parting::normal(format!("Subscription/{id}: {why}"))),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Parting> {
        match timeout(HEAR_TIME_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Parting::gone()),
            Err(_) => Err(Parting::policy(
                "too slow: connect again, and ask $events for what was missed",
            )),
        }
    }
}

/// Does what may wait for the disk.
async fn read<T: Send + 'static>(
    wire: Arc<Wire>,
    context: Context,
    work: impl FnOnce(&Server, &Context) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Parting> {
    let Ok(_turn) = Arc::clone(&wire.listeners.readers).acquire_owned().await else {
        return Err(Parting::leaving());
    };
    match spawn_blocking(move || work(&wire.server, &context)).await {
        Ok(done) => done.map_err(|failure| Parting::failed(&failure)),
        Err(panic) => {
            tracing::error!("a subscriber could not be told: {panic}");
            Err(Parting(1011, "the server failed".to_owned()))
        }
    }
}

impl Followed {
    /// Returns when its next heartbeat is due, if it has any.
    fn heartbeat_at(&self) -> Option<Instant> {
        self.feed
            .heartbeat_s()
            .map(|seconds| self.last_told + Duration::from_secs(seconds.into()))
    }
}
