//! The turns in which requests are worked on: small bodies beside each other, and large ones one
//! after the other, which wait before anything of them is parsed.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::arrival::{Arrivals, SMALL_BYTES_MAX, WAIT_TIME_MAX};
use super::error::Refusal;
use super::memory_pool::{MemoryPool, MemoryShare};
use super::wire_bounds::{WORK_FACTOR, WireBounds};

/// The most requests that may be worked on at once; more are turned away with 503.
const REQUESTS_MAX: usize = 512;

/// The places in which requests arrive and are worked on.
pub(super) struct Admission {
    pub(super) arrivals: Arrivals,
    requests: Arc<Semaphore>,
    small: MemoryPool,
    large: MemoryPool,
    heavy: Arc<Semaphore>,
}

/// A turn to be worked on, until it is dropped.
pub(super) struct WorkTurn {
    _request: OwnedSemaphorePermit,
    _memory: MemoryShare,
    _heavy: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// Makes the places within these bounds.
    pub(super) fn within(bounds: &WireBounds) -> Self {
        Admission {
            arrivals: Arrivals::within(bounds),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            small: MemoryPool::of_bytes(bounds.memory_bytes / 8),
            large: MemoryPool::of_bytes(bounds.memory_bytes / 2),
            heavy: Arc::new(Semaphore::new(bounds.heavy_max)),
        }
    }

    /// Waits for the turn of a request with a body of so many bytes, unpacked; none waits if there
    /// is no body.
    ///
    /// # Errors
    /// `Overload` if its turn does not come in time, or too many are worked on.
    pub(super) async fn turn(&self, body_bytes: usize) -> Result<WorkTurn, Refusal> {
        let memory = self.memory(body_bytes);
        let (heavy, memory) = tokio::time::timeout(WAIT_TIME_MAX, memory)
            .await
            .map_err(|_| Refusal::Overload)?;
        Ok(WorkTurn {
            _request: self.place()?,
            _memory: memory,
            _heavy: heavy,
        })
    }

    /// Takes one of the places for requests that are worked on.
    ///
    /// # Errors
    /// `Overload` if there is none.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.requests)
            .try_acquire_owned()
            .map_err(|_| Refusal::Overload)
    }

    async fn memory(&self, body_bytes: usize) -> (Option<OwnedSemaphorePermit>, MemoryShare) {
        let wanted = body_bytes.saturating_mul(WORK_FACTOR);
        if body_bytes == 0 {
            return (None, MemoryShare::default());
        }
        if body_bytes <= SMALL_BYTES_MAX {
            return (None, self.small.take(wanted).await);
        }
        // Nobody closes it.
        let heavy = Arc::clone(&self.heavy).acquire_owned().await.ok();
        (heavy, self.large.take(wanted).await)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LARGE: usize = 2 * 1024 * 1024;

    fn polled<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn admission(memory_bytes: usize, heavy_max: usize) -> Admission {
        Admission::within(&WireBounds {
            memory_bytes,
            heavy_max,
            ..WireBounds::default()
        })
    }

    #[test]
    fn large_bodies_wait_in_order_and_small_ones_never_for_them() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _within = runtime.enter();
        let admission = admission(512 * 1024 * 1024, 2);
        let turn = |bytes| Box::pin(admission.turn(bytes));
        let Poll::Ready(Ok(first)) = polled(turn(LARGE).as_mut()) else {
            panic!("the first one has a turn");
        };
        let Poll::Ready(Ok(_second)) = polled(turn(LARGE).as_mut()) else {
            panic!("there are as many turns as workers");
        };
        let (mut third, mut fourth) = (turn(LARGE), turn(LARGE));
        assert!(polled(third.as_mut()).is_pending() && polled(fourth.as_mut()).is_pending());
        for bytes in [0, 1, SMALL_BYTES_MAX] {
            let Poll::Ready(Ok(_)) = polled(turn(bytes).as_mut()) else {
                panic!("a body of {bytes} bytes waits");
            };
        }
        drop(first);
        assert!(polled(fourth.as_mut()).is_pending(), "another came before");
        assert!(matches!(polled(third.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn what_works_at_once_has_its_measured_share_of_the_memory() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _within = runtime.enter();
        let admission = admission(4 * LARGE * WORK_FACTOR, 64);
        let free = || admission.large.free_bytes();
        let all = free();
        let Poll::Ready(Ok(turn)) = polled(pin!(admission.turn(LARGE))) else {
            panic!("there is room");
        };
        assert_eq!(free(), all - LARGE * WORK_FACTOR);
        let Poll::Ready(Ok(_other)) = polled(pin!(admission.turn(LARGE))) else {
            panic!("there is room");
        };
        let mut waiting = Box::pin(admission.turn(SMALL_BYTES_MAX + 1));
        assert!(
            polled(waiting.as_mut()).is_pending(),
            "the memory is used up"
        );
        drop(turn);
        assert!(polled(waiting.as_mut()).is_ready());
    }
}
