//! Bodies as they arrive: in a budget of memory that counts the bytes that came, by a minimum rate,
//! and with a share for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::error::Refusal;
use super::memory_pool::{MemoryPool, MemoryShare};
use super::wire_bounds::WireBounds;

/// The greatest body that is small: it never waits for one that is larger.
pub(super) const SMALL_BYTES_MAX: usize = 64 * 1024;
/// The time that a body may take to arrive, not counting what the server lets it wait.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// The time before a body has to arrive at a rate …
const RATE_GRACE: Duration = Duration::from_secs(5);
/// … of at least so many bytes in a second.
const RATE_MIN: usize = 16 * 1024;
/// The longest time that a body waits for memory.
pub(super) const WAIT_TIME_MAX: Duration = Duration::from_secs(20);
/// The most bodies that may arrive at once, slow ones that hold next to nothing included.
const ARRIVALS_MAX: usize = 8_192;
/// The number of addresses at which those are forgotten of which nothing arrives any more.
const ADDRESSES_MAX: usize = 1_024;

/// The places for bodies that arrive.
pub(super) struct Arrivals {
    bytes_max: usize,
    places: Arc<Semaphore>,
    small: ArrivalPool,
    large: ArrivalPool,
    by_address: Mutex<HashMap<IpAddr, Weak<AddressShares>>>,
}

/// The memory for bodies of one size that arrive.
struct ArrivalPool {
    memory: MemoryPool,
    /// Held by the one body that may go on although the memory is used up, so that bodies that
    /// each have a part never wait for each other.
    beyond: Arc<Semaphore>,
    /// The part that one address may have.
    share_bytes: usize,
}

/// The memory that the bodies of one address may hold.
struct AddressShares {
    small: MemoryPool,
    large: MemoryPool,
}

/// A body that has arrived, with the memory that it holds.
pub(super) struct ArrivedBody {
    pub(super) bytes: Bytes,
    held: HeldMemory,
}

impl ArrivedBody {
    /// Returns the bytes, and the memory that is held until they are gone.
    pub(super) fn into_parts(self) -> (Bytes, HeldMemory) {
        (self.bytes, self.held)
    }
}

/// The memory that a body holds in its pool and in the share of its address.
#[derive(Default)]
pub(super) struct HeldMemory {
    in_pool: MemoryShare,
    of_address: MemoryShare,
    beyond: Option<OwnedSemaphorePermit>,
    /// The shares of its address, which are known as long as one of its bodies is there.
    _shares: Option<Arc<AddressShares>>,
}

impl ArrivalPool {
    fn of_bytes(bytes: usize) -> Self {
        ArrivalPool {
            memory: MemoryPool::of_bytes(bytes),
            beyond: Arc::new(Semaphore::new(1)),
            share_bytes: bytes / 4 * 3,
        }
    }

    /// Waits until a body may hold so many bytes.
    async fn grow(&self, of_address: Option<&MemoryPool>, held: &mut HeldMemory, bytes: usize) {
        if held.beyond.is_some() {
            return;
        }
        let HeldMemory {
            in_pool,
            of_address: own,
            beyond,
            ..
        } = held;
        let both = async {
            if let Some(of_address) = of_address {
                of_address.grow(own, bytes).await;
            }
            self.memory.grow(in_pool, bytes).await;
        };
        tokio::select! {
            biased;
            () = both => {}
            permit = Arc::clone(&self.beyond).acquire_owned() => *beyond = permit.ok(),
        }
    }
}

impl Arrivals {
    /// Makes the places within these bounds: three eighths of the memory.
    pub(super) fn within(bounds: &WireBounds) -> Self {
        Arrivals {
            bytes_max: bounds.body_bytes_max,
            places: Arc::new(Semaphore::new(ARRIVALS_MAX)),
            small: ArrivalPool::of_bytes(bounds.memory_bytes / 8),
            large: ArrivalPool::of_bytes(bounds.memory_bytes / 4),
            by_address: Mutex::default(),
        }
    }

    /// Receives a body as it was sent.
    ///
    /// # Errors
    /// `TooLarge`, at once if its length says so; `Slow`; `Overload` if there is no memory for it.
    pub(super) async fn receive(
        &self,
        body: Body,
        from: Option<IpAddr>,
    ) -> Result<ArrivedBody, Refusal> {
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > self.bytes_max {
            return Err(Refusal::TooLarge(self.bytes_max));
        }
        let _place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refusal::Overload)?;
        let shares = from.map(|address| self.shares_of(address));
        let arrival = Arrival {
            arrivals: self,
            shares,
            is_large: declared > SMALL_BYTES_MAX,
            declared,
            bytes: Vec::new(),
            held: HeldMemory::default(),
            pace: ArrivalPace::begun(),
        };
        arrival.received(body).await
    }

    /// Returns what the bodies of an address may hold together.
    fn shares_of(&self, address: IpAddr) -> Arc<AddressShares> {
        let mut known = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(shares) = known.get(&address).and_then(Weak::upgrade) {
            return shares;
        }
        if known.len() >= ADDRESSES_MAX {
            known.retain(|_, shares| shares.strong_count() > 0);
        }
        let shares = Arc::new(AddressShares {
            small: MemoryPool::of_bytes(self.small.share_bytes),
            large: MemoryPool::of_bytes(self.large.share_bytes),
        });
        known.insert(address, Arc::downgrade(&shares));
        shares
    }

    /// Counts the bytes that are free for small bodies and for large ones.
    pub(super) fn free_bytes(&self) -> (usize, usize) {
        (
            self.small.memory.free_bytes(),
            self.large.memory.free_bytes(),
        )
    }
}

/// One body on its way in.
struct Arrival<'a> {
    arrivals: &'a Arrivals,
    shares: Option<Arc<AddressShares>>,
    is_large: bool,
    declared: usize,
    bytes: Vec<u8>,
    held: HeldMemory,
    pace: ArrivalPace,
}

impl Arrival<'_> {
    async fn received(mut self, mut body: Body) -> Result<ArrivedBody, Refusal> {
        loop {
            let next = tokio::time::timeout_at(self.pace.deadline(self.bytes.len()), body.frame());
            let Some(frame) = next.await.map_err(|_| Refusal::Slow)? else {
                self.held._shares = self.shares;
                return Ok(ArrivedBody {
                    bytes: self.bytes.into(),
                    held: self.held,
                });
            };
            // The client went away: nobody reads the answer.
            let frame = frame.map_err(|_| Refusal::Slow)?;
            if let Ok(data) = frame.into_data() {
                self.take(&data).await?;
            }
        }
    }

    async fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let length = self.bytes.len() + data.len();
        if length > self.arrivals.bytes_max {
            return Err(Refusal::TooLarge(self.arrivals.bytes_max));
        }
        if length > SMALL_BYTES_MAX && !self.is_large {
            self.is_large = true;
            self.held = HeldMemory::default();
        }
        let waits = Instant::now();
        // Of one body, however many parts it comes in.
        let wait_max = WAIT_TIME_MAX.saturating_sub(self.pace.waited);
        let memory = self.memory_for(length);
        tokio::time::timeout(wait_max, memory)
            .await
            .map_err(|_| Refusal::Overload)?;
        self.pace.waited += waits.elapsed();
        if self.bytes.capacity() < length {
            // What was declared is not believed in advance, and not exceeded.
            let doubled = length.saturating_mul(2);
            let room = if length <= self.declared {
                doubled.min(self.declared)
            } else {
                doubled
            };
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Waits until the body may hold so many bytes.
    async fn memory_for(&mut self, bytes: usize) {
        let Arrivals { small, large, .. } = self.arrivals;
        let (pool, own) = if self.is_large {
            (large, self.shares.as_ref().map(|shares| &shares.large))
        } else {
            (small, self.shares.as_ref().map(|shares| &shares.small))
        };
        pool.grow(own, &mut self.held, bytes).await;
    }
}

/// The pace of a body, by which it must arrive.
struct ArrivalPace {
    begun: Instant,
    /// The time for which the server let it wait.
    waited: Duration,
}

impl ArrivalPace {
    fn begun() -> Self {
        ArrivalPace {
            begun: Instant::now(),
            waited: Duration::ZERO,
        }
    }

    /// Returns the instant at which more must have come than these bytes.
    fn deadline(&self, bytes: usize) -> Instant {
        self.begun + self.waited + time_for(bytes)
    }
}

/// Returns the time in which more than so many bytes must have come.
fn time_for(bytes: usize) -> Duration {
    let at_rate = Duration::from_millis((bytes as u64).saturating_mul(1_000) / RATE_MIN as u64);
    (RATE_GRACE + at_rate).min(BODY_TIME_MAX)
}

#[cfg(test)]
mod tests;
