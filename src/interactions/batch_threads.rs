//! The threads that all batches of a server share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of threads that all batches have together, besides those of their requests.
const THREADS_MAX: usize = 64;

/// The threads that all batches of a server have besides those of their requests.
pub(super) struct BatchThreads(AtomicUsize);

impl Default for BatchThreads {
    fn default() -> Self {
        BatchThreads(AtomicUsize::new(THREADS_MAX))
    }
}

impl BatchThreads {
    /// Lends so many threads, or as many as are left, until they are dropped.
    pub(super) fn borrow(&self, wanted: usize) -> BorrowedThreads<'_> {
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(wanted))
            });
        BorrowedThreads {
            count: before.unwrap_or(0).min(wanted),
            from: self,
        }
    }
}

pub(super) struct BorrowedThreads<'a> {
    pub(super) count: usize,
    from: &'a BatchThreads,
}

impl Drop for BorrowedThreads<'_> {
    fn drop(&mut self) {
        self.from.0.fetch_add(self.count, Ordering::Relaxed);
    }
}
