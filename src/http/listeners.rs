//! The subscribers that listen over a websocket, as a number: bounds on how many there are and how
//! many read at once, and the word to all of them that the server stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// The most who may listen at once.
const LISTENERS_MAX: usize = 1_024;
/// The most of them who may read from the store at once.
const READERS_MAX: usize = 4;
/// The time that a client may take to answer that the conversation ends, and that a stop waits
/// until all have heard of it.
pub(super) const LEAVE_TIME_MAX: Duration = Duration::from_secs(2);

/// All who listen.
pub(super) struct Listeners {
    pub(super) permits: Arc<Semaphore>,
    pub(super) readers: Arc<Semaphore>,
    pub(super) leaving: watch::Sender<bool>,
}

impl Default for Listeners {
    fn default() -> Self {
        Listeners {
            permits: Arc::new(Semaphore::new(LISTENERS_MAX)),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            leaving: watch::Sender::new(false),
        }
    }
}

impl Listeners {
    /// Returns how many listen now.
    pub(super) fn count(&self) -> usize {
        LISTENERS_MAX.saturating_sub(self.permits.available_permits())
    }

    /// Tells all that the server stops.
    pub(super) async fn leave(&self) {
        self.leaving.send_replace(true);
        let all = u32::try_from(LISTENERS_MAX).unwrap_or(u32::MAX);
        let _ = timeout(LEAVE_TIME_MAX, self.permits.acquire_many(all)).await;
    }
}
