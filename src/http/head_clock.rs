//! The time that a client may take to send the head of a request: counted from its first byte, so
//! that a connection may rest between requests.
//!
//! hyper has one clock for both, the rest and the head. This one looks at the bytes as they come
//! in.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The clock of one connection.
#[derive(Clone)]
pub(super) struct HeadClock(Arc<Connection>);

struct Connection {
    patience: Patience,
    phase: Mutex<ConnectionPhase>,
    changed: Notify,
}

/// The time for which a client may be silent.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// From the first byte of a request's head to its last one; for the first request, from the
    /// beginning of the connection.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) rest: Duration,
}

/// The phases of a connection.
#[derive(Clone, Copy)]
enum ConnectionPhase {
    /// No byte has come yet since that instant; the first head is awaited.
    New(Instant),
    /// The head of a request must be whole at that instant.
    Head(Instant),
    /// So many requests are being answered.
    Answering(usize),
    /// Nothing since that instant: the next byte begins a head.
    Resting(Instant),
    /// HTTP/2, which has clocks of its own for heads: so many requests are being answered, and none
    /// since that instant if there are none.
    Streams(usize, Instant),
    /// It gives way to others.
    Ended,
}

impl HeadClock {
    /// Makes the clock of a connection that was just made: its first head must come at once.
    pub(super) fn started(patience: Patience) -> Self {
        let phase = Mutex::new(ConnectionPhase::New(Instant::now()));
        HeadClock(Arc::new(Connection {
            patience,
            phase,
            changed: Notify::new(),
        }))
    }

    fn change(&self, next: impl FnOnce(ConnectionPhase) -> ConnectionPhase) {
        let mut phase = self.0.phase.lock().unwrap_or_else(PoisonError::into_inner);
        *phase = next(*phase);
        self.0.changed.notify_one();
    }

    /// Notes that the head of a request has come, which is answered until the turn is dropped.
    pub(super) fn has_head(&self, is_http_2: bool) -> Turn {
        self.change(|phase| match phase {
            ConnectionPhase::Ended => ConnectionPhase::Ended,
            ConnectionPhase::Streams(others, since) => ConnectionPhase::Streams(others + 1, since),
            _ if is_http_2 => ConnectionPhase::Streams(1, Instant::now()),
            ConnectionPhase::Answering(others) => ConnectionPhase::Answering(others + 1),
            ConnectionPhase::New(_) | ConnectionPhase::Head(_) | ConnectionPhase::Resting(_) => {
                ConnectionPhase::Answering(1)
            }
        });
        Turn(self.clone())
    }

    fn has_bytes(&self) {
        self.change(|phase| match phase {
            ConnectionPhase::New(since) => ConnectionPhase::Head(since + self.0.patience.head),
            ConnectionPhase::Resting(_) => {
                ConnectionPhase::Head(Instant::now() + self.0.patience.head)
            }
            ConnectionPhase::Head(_)
            | ConnectionPhase::Answering(_)
            | ConnectionPhase::Streams(..)
            | ConnectionPhase::Ended => phase,
        });
    }

    fn phase(&self) -> ConnectionPhase {
        *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the instant since which nobody asks anything; none if somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.phase() {
            ConnectionPhase::New(since)
            | ConnectionPhase::Resting(since)
            | ConnectionPhase::Streams(0, since) => Some(since),
            ConnectionPhase::Head(_)
            | ConnectionPhase::Answering(_)
            | ConnectionPhase::Streams(..)
            | ConnectionPhase::Ended => None,
        }
    }

    /// Ends the connection if nobody asks anything on it; returns true if it ends.
    pub(super) fn give_way(&self) -> bool {
        let mut gives_way = false;
        self.change(|phase| match phase {
            ConnectionPhase::New(_)
            | ConnectionPhase::Resting(_)
            | ConnectionPhase::Streams(0, _) => {
                gives_way = true;
                ConnectionPhase::Ended
            }
            ConnectionPhase::Head(_)
            | ConnectionPhase::Answering(_)
            | ConnectionPhase::Streams(..)
            | ConnectionPhase::Ended => phase,
        });
        gives_way
    }

    /// Waits until a head was not whole in time, or the connection gives way to others.
    pub(super) async fn too_late(&self) {
        loop {
            let until = match self.phase() {
                ConnectionPhase::Ended => return,
                ConnectionPhase::New(since) => Some(since + self.0.patience.head),
                ConnectionPhase::Head(until) => Some(until),
                ConnectionPhase::Streams(0, since) => Some(since + self.0.patience.rest),
                // hyper has a clock for the rest between the requests of HTTP/1.
                ConnectionPhase::Answering(_)
                | ConnectionPhase::Resting(_)
                | ConnectionPhase::Streams(..) => None,
            };
            match until {
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => return,
                    () = self.0.changed.notified() => {}
                },
                None => self.0.changed.notified().await,
            }
        }
    }
}

/// The time in which a request is answered.
pub(super) struct Turn(HeadClock);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.change(|phase| match phase {
            ConnectionPhase::Answering(1) => ConnectionPhase::Resting(Instant::now()),
            ConnectionPhase::Answering(requests) => {
                ConnectionPhase::Answering(requests.saturating_sub(1))
            }
            ConnectionPhase::Streams(requests, _) => {
                ConnectionPhase::Streams(requests.saturating_sub(1), Instant::now())
            }
            ConnectionPhase::New(_)
            | ConnectionPhase::Head(_)
            | ConnectionPhase::Resting(_)
            | ConnectionPhase::Ended => phase,
        });
    }
}

/// The body of an answer, which is not given before it has ended.
pub(super) struct Held<B> {
    pub(super) body: B,
    pub(super) _until_ended: Turn,
}

impl<B: HttpBody + Unpin> HttpBody for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells the clock when bytes come in.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) clock: HeadClock,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.clock.has_bytes();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
