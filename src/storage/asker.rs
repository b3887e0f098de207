//! The one who waits for what a commit does, or does no more: whoever was told "not in time" is told
//! the truth, because asker and writer settle it in one step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Set when nobody waits any more.
const GAVE_UP: u8 = 1;
/// Set when something of it was taken to be written.
const TAKEN: u8 = 2;

/// The one who waits for the effects of some commits. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Asker(Arc<AtomicU8>);

impl Asker {
    /// Says that nobody waits any more, so that nothing more is written. Returns true if nothing was
    /// taken to be written before: then nothing was done at all, and never will be.
    pub fn give_up(&self) -> bool {
        self.0.fetch_or(GAVE_UP, Ordering::SeqCst) & TAKEN == 0
    }

    /// Tells whether nobody waits any more.
    pub fn has_given_up(&self) -> bool {
        self.0.load(Ordering::SeqCst) & GAVE_UP != 0
    }

    /// Takes something to be written: true if somebody waits, and from now on waits for the answer.
    pub fn takes_effect(&self) -> bool {
        let taken = |state: u8| (state & GAVE_UP == 0).then_some(state | TAKEN);
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_nothing_is_done_or_the_answer_is_awaited() {
        let before = Asker::default();
        assert!(before.give_up(), "nothing was taken");
        assert!(!before.takes_effect(), "and nothing is");
        let after = Asker::default();
        assert!(after.clone().takes_effect() && !after.has_given_up());
        assert!(!after.give_up(), "something was taken");
        assert!(after.has_given_up() && !after.takes_effect());
    }
}
