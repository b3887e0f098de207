//! A body that is made while it is sent: a part is begun when the one before was taken, so that a
//! client that is slow holds neither a thread nor more memory than for a part.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

/// A part, and by what the body goes on after it.
type MadePart<N> = Result<(Vec<u8>, Option<N>), Broken>;

/// The work by which a body goes on.
pub(super) trait NextPart: Sized + Send + Unpin + 'static {
    /// Makes the next part, and says how it goes on after it.
    fn next_part(self) -> impl Future<Output = MadePart<Self>> + Send;

    /// Returns the number of bytes that are still to come, where that is known.
    fn length(&self) -> Option<u64>;
}

/// A body, part by part.
pub(super) enum BodyParts<N> {
    /// The next part is not yet begun.
    Before(Box<N>),
    /// It is being made.
    Making(JoinHandle<MadePart<N>>),
    /// There is none.
    Ended,
}

/// The body cannot be sent to its end: the connection is cut off, so that nobody takes a part for
/// the whole.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an answer was cut off: {}", self.0)
    }
}

impl std::error::Error for Broken {}

impl<N: NextPart> HttpBody for BodyParts<N> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match std::mem::replace(&mut *self, BodyParts::Ended) {
                BodyParts::Ended => return Poll::Ready(None),
                BodyParts::Before(next) => {
                    *self = BodyParts::Making(tokio::spawn(next.next_part()))
                }
                BodyParts::Making(mut making) => match Pin::new(&mut making).poll(context) {
                    Poll::Pending => {
                        *self = BodyParts::Making(making);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Ok((bytes, next)))) => {
                        *self =
                            next.map_or(BodyParts::Ended, |next| BodyParts::Before(Box::new(next)));
                        if !bytes.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                        }
                    }
                    Poll::Ready(Ok(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                    Poll::Ready(Err(_)) => {
                        return Poll::Ready(Some(Err(Broken("its maker panicked".into()))));
                    }
                },
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            BodyParts::Before(next) => next
                .length()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            BodyParts::Making(_) => SizeHint::default(),
            BodyParts::Ended => SizeHint::with_exact(0),
        }
    }
}
