//! The turns in which writes commit: all at once as long as it goes well, and a write that keeps
//! being overtaken alone.
//!
//! Commits that depend on the same facts refuse each other, and then gather again. That is quick
//! for a write about one person; but a write that concerns a whole practice would find something
//! moved each time. Correctness never depends on this: the store's preconditions alone see to that.

use std::sync::{PoisonError, RwLock};

use crate::interactions::Failure;

/// The most attempts beside others.
const ATTEMPTS_BESIDE_MAX: usize = 8;
/// The most attempts alone after them, when nobody overtakes: the first ones may only make the
/// steps that the calendar has due.
const ATTEMPTS_ALONE_MAX: usize = 64;

/// The outcome of one attempt.
pub(in crate::interactions) enum Attempted<R> {
    /// It got through.
    Done(R),
    /// Others moved something that it depends on: it has to gather again.
    Overtaken,
}

/// The turns of one server.
#[derive(Default)]
pub(in crate::interactions) struct WriteTurns(RwLock<()>);

impl WriteTurns {
    /// Tries until an attempt gets through. An attempt never asks for another turn itself.
    ///
    /// # Errors
    /// The attempt's; `Busy` if none got through.
    pub(in crate::interactions) fn take<R>(
        &self,
        mut attempt: impl FnMut() -> Result<Attempted<R>, Failure>,
    ) -> Result<R, Failure> {
        for _ in 0..ATTEMPTS_BESIDE_MAX {
            let _beside = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Attempted::Done(result) = attempt()? {
                return Ok(result);
            }
        }
        let _alone = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS_ALONE_MAX {
            if let Attempted::Done(result) = attempt()? {
                return Ok(result);
            }
        }
        Err(Failure::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_again_and_again_gets_a_turn_alone() {
        let turns = WriteTurns::default();
        let mut attempts = 0;
        let alone = turns.take(|| {
            attempts += 1;
            // Nobody else can have a turn only while this one is alone.
            Ok(if turns.0.try_read().is_err() {
                Attempted::Done(attempts)
            } else {
                Attempted::Overtaken
            })
        });
        assert_eq!(alone.ok(), Some(ATTEMPTS_BESIDE_MAX + 1));
        assert!(turns.0.try_write().is_ok(), "the turn is over");
        assert!(matches!(
            turns.take::<()>(|| Ok(Attempted::Overtaken)),
            Err(Failure::Busy)
        ));
    }
}
