//! A pool of memory that is planned with: who wants a part of it waits in order, and gives it back
//! by dropping it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The smallest part.
const UNIT_BYTES: usize = 1024;

/// A pool of memory.
#[derive(Clone)]
pub(super) struct MemoryPool {
    units: Arc<Semaphore>,
    capacity: u32,
}

/// A part of a pool, given back when it is dropped.
#[derive(Default)]
pub(super) struct MemoryShare(Option<OwnedSemaphorePermit>);

impl MemoryPool {
    /// Makes a pool of so many bytes.
    pub(super) fn of_bytes(bytes: usize) -> Self {
        let capacity = units(bytes).max(1);
        MemoryPool {
            units: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
        }
    }

    /// Waits for so many bytes; for all of the pool if they are more, since what is larger than
    /// the pool is worked on alone.
    pub(super) async fn take(&self, bytes: usize) -> MemoryShare {
        let mut share = MemoryShare::default();
        self.grow(&mut share, bytes).await;
        share
    }

    /// Waits until a share has so many bytes.
    pub(super) async fn grow(&self, share: &mut MemoryShare, bytes: usize) {
        let has = share.units();
        let more = units(bytes).min(self.capacity).saturating_sub(has);
        if more == 0 {
            return;
        }
        // Nobody closes it.
        if let Ok(permit) = Arc::clone(&self.units).acquire_many_owned(more).await {
            match &mut share.0 {
                Some(held) => held.merge(permit),
                None => share.0 = Some(permit),
            }
        }
    }

    /// Counts the bytes that nobody holds.
    pub(super) fn free_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }
}

impl MemoryShare {
    fn units(&self) -> u32 {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(held).unwrap_or(u32::MAX)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn polled<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn shares_are_given_in_order_and_what_is_larger_than_the_pool_is_alone() {
        let pool = MemoryPool::of_bytes(10 * UNIT_BYTES);
        let Poll::Ready(first) = polled(pin!(pool.take(4 * UNIT_BYTES))) else {
            panic!("there is room");
        };
        let mut alone = pin!(pool.take(1_000 * UNIT_BYTES));
        assert!(polled(alone.as_mut()).is_pending());
        let mut later = pin!(pool.take(1));
        assert!(polled(later.as_mut()).is_pending(), "others came before");
        drop(first);
        let Poll::Ready(held) = polled(alone.as_mut()) else {
            panic!("the pool is empty");
        };
        assert!(polled(later.as_mut()).is_pending());
        drop(held);
        assert!(polled(later.as_mut()).is_ready());
    }

    #[test]
    fn a_share_grows_by_what_it_lacks() {
        let pool = MemoryPool::of_bytes(10 * UNIT_BYTES);
        let mut share = MemoryShare::default();
        for (bytes, left) in [
            (1, 9),
            (UNIT_BYTES, 9),
            (UNIT_BYTES + 1, 8),
            (5 * UNIT_BYTES, 5),
            (2, 5),
        ] {
            assert!(polled(pin!(pool.grow(&mut share, bytes))).is_ready());
            assert_eq!(pool.free_bytes(), left * UNIT_BYTES, "{bytes}");
        }
        drop(share);
        assert_eq!(pool.free_bytes(), 10 * UNIT_BYTES);
    }
}
