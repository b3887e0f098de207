//! The receiver of the notifications: an endpoint for each subscription, in this process, that
//! notes when and which events came.
//!
//! It reads HTTP as far as the server's client speaks it, and does as little as it can: what it
//! costs, it takes from the server's two cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The time that the slow endpoint takes to answer.
pub(crate) const SLOW: Duration = Duration::from_secs(1);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// An event that arrived.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// The event's own instant, by the server's clock.
    pub(crate) instant: Timestamp,
}

/// The events that one endpoint received.
#[derive(Default)]
pub(crate) struct Slot {
    /// The number of the last event.
    pub(crate) last: u64,
    pub(crate) arrivals: Vec<Arrival>,
}

/// The behaviour of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    Slow,
    /// It takes connections and never answers, while [`Receiver::set_dead`] says so.
    Dead,
}

struct Shared {
    slots: Vec<(Manner, Mutex<Slot>)>,
    is_dead: AtomicBool,
    events: AtomicU64,
    messages: AtomicU64,
}

/// The endpoints.
#[derive(Clone)]
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    port: u16,
}

impl Receiver {
    /// Endpoints that behave so.
    pub(crate) async fn start(manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let slots = manners
            .iter()
            .map(|manner| (*manner, Mutex::default()))
            .collect();
        let shared = Arc::new(Shared {
            slots,
            is_dead: AtomicBool::new(false),
            events: AtomicU64::new(0),
            messages: AtomicU64::new(0),
        });
        let receiver = Receiver {
            shared: Arc::clone(&shared),
            port,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // Whoever ends the connection is not missed.
                tokio::spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        receiver
    }

    /// Returns the address of an endpoint.
    pub(crate) fn endpoint(&self, slot: usize) -> String {
        format!("http://127.0.0.1:{}/{slot}", self.port)
    }

    pub(crate) fn set_dead(&self, is_dead: bool) {
        self.shared.is_dead.store(is_dead, Ordering::SeqCst);
    }

    /// Counts the events that arrived, at all endpoints.
    pub(crate) fn events(&self) -> u64 {
        self.shared.events.load(Ordering::SeqCst)
    }

    /// Counts the messages that were answered.
    pub(crate) fn messages(&self) -> u64 {
        self.shared.messages.load(Ordering::SeqCst)
    }

    /// Looks at what an endpoint received.
    pub(crate) fn slot<R>(&self, slot: usize, look: impl FnOnce(&mut Slot) -> R) -> R {
        look(&mut self.shared.slots[slot].1.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::with_capacity(8 * 1024);
    loop {
        let Some((slot, body_at, end)) = message(&bytes) else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let at = Instant::now();
        let (manner, place) = &shared.slots[slot];
        match manner {
            Manner::Good => {}
            Manner::Slow => tokio::time::sleep(SLOW).await,
            Manner::Dead if shared.is_dead.load(Ordering::SeqCst) => std::future::pending().await,
            Manner::Dead => {}
        }
        let events = note(
            &mut place.lock().unwrap(),
            &String::from_utf8_lossy(&bytes[body_at..end]),
            at,
        );
        shared.events.fetch_add(events, Ordering::SeqCst);
        shared.messages.fetch_add(1, Ordering::SeqCst);
        bytes.drain(..end);
        stream.write_all(ANSWER).await?;
    }
}

/// Returns the endpoint of a message that is there as a whole, where its body begins and where it
/// ends.
fn message(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let body_at = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..body_at])
        .unwrap()
        .to_ascii_lowercase();
    let length: usize = head
        .split("content-length: ")
        .nth(1)?
        .split('\r')
        .next()?
        .parse()
        .unwrap();
    let slot = head
        .strip_prefix("post /")?
        .split(' ')
        .next()?
        .parse()
        .unwrap();
    (bytes.len() >= body_at + length).then_some((slot, body_at, body_at + length))
}

/// Notes the events of a message that are new; answers how many.
fn note(slot: &mut Slot, body: &str, at: Instant) -> u64 {
    let mut new = 0;
    for event in body
        .split(r#""name":"event-number","valueString":""#)
        .skip(1)
    {
        let number: u64 = event.split('"').next().unwrap().parse().unwrap();
        let instant = event
            .split(r#""valueInstant":""#)
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        if number <= slot.last {
            continue;
        }
        assert_eq!(number, slot.last + 1, "a gap");
        slot.last = number;
        slot.arrivals.push(Arrival { at, instant });
        new += 1;
    }
    new
}
