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
    time_max: Duration,
    phase: Mutex<ConnectionPhase>,
    changed: Notify,
}

/// The phases of a connection.
#[derive(Clone, Copy)]
enum ConnectionPhase {
    /// The head of a request must be whole at that instant.
    Head(Instant),
    /// So many requests are being answered.
    Answering(usize),
    /// Nothing: the next byte begins a head.
    Resting,
    /// HTTP/2 has clocks of its own.
    Unwatched,
}

impl HeadClock {
    /// Makes the clock of a connection that was just made: its first head must come at once.
    pub(super) fn started(time_max: Duration) -> Self {
        let phase = Mutex::new(ConnectionPhase::Head(Instant::now() + time_max));
        HeadClock(Arc::new(Connection {
            time_max,
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
            _ if is_http_2 => ConnectionPhase::Unwatched,
            ConnectionPhase::Answering(others) => ConnectionPhase::Answering(others + 1),
            ConnectionPhase::Head(_) | ConnectionPhase::Resting => ConnectionPhase::Answering(1),
            ConnectionPhase::Unwatched => ConnectionPhase::Unwatched,
        });
        Turn(self.clone())
    }

    fn has_bytes(&self) {
        self.change(|phase| match phase {
            ConnectionPhase::Resting => ConnectionPhase::Head(Instant::now() + self.0.time_max),
            ConnectionPhase::Head(_)
            | ConnectionPhase::Answering(_)
            | ConnectionPhase::Unwatched => phase,
        });
    }

    /// Waits until a head was not whole in time.
    pub(super) async fn too_late(&self) {
        loop {
            let phase = *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner);
            match phase {
                ConnectionPhase::Head(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => return,
                    () = self.0.changed.notified() => {}
                },
                ConnectionPhase::Answering(_)
                | ConnectionPhase::Resting
                | ConnectionPhase::Unwatched => self.0.changed.notified().await,
            }
        }
    }
}

/// The time in which a request is answered.
pub(super) struct Turn(HeadClock);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.change(|phase| match phase {
            ConnectionPhase::Answering(1) => ConnectionPhase::Resting,
            ConnectionPhase::Answering(requests) => {
                ConnectionPhase::Answering(requests.saturating_sub(1))
            }
            ConnectionPhase::Head(_) | ConnectionPhase::Resting | ConnectionPhase::Unwatched => {
                phase
            }
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
