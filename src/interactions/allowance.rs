//! The bound on what the entries of one Bundle find together.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Failure;
use super::outcome::Outcome;
use crate::fhir::IssueCode;

/// The most bytes that the reads, searches and operations of one Bundle find: a thousand entries
/// may each ask for the same page.
const FOUND_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The bytes that the entries of one Bundle may still find.
pub(super) struct Allowance(AtomicUsize);

impl Default for Allowance {
    fn default() -> Self {
        Allowance(AtomicUsize::new(FOUND_BYTES_MAX))
    }
}

impl Allowance {
    /// Takes the bytes of an outcome, and returns it.
    ///
    /// # Errors
    /// `BadRequest` if there are not so many left.
    pub(super) fn take(&self, outcome: Outcome) -> Result<Outcome, Failure> {
        let bytes = outcome.found_bytes();
        let left = |left: usize| left.checked_sub(bytes);
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
        {
            Ok(_) => Ok(outcome),
            Err(_) => {
                let text = format!(
                    "the reads of one Bundle may find {FOUND_BYTES_MAX} bytes in all: ask for this by itself"
                );
                Err(Failure::bad_request(IssueCode::TooCostly, text))
            }
        }
    }
}
