//! Making index entries anew while others read, write and search.
//!
//! A step looks at some records in a view of its own, and works out what they should be. What
//! differs goes to the one writer, which judges it once more between two commits, so that no commit
//! is overwritten and none waits for more than one small step. What the view shows to
//! be sound stays sound, since every commit keeps the keys of a resource in step with its entries;
//! so it is not judged again.
//!
//! Why no search is wrong meanwhile: the store knows of each parameter of each type by what
//! definition all of its entries are made. While entries are made anew by other definitions, those
//! of a parameter whose definition is the same do not change, and searches by it are answered from
//! old and new records alike; searches by a parameter whose definition is another one are refused
//! until all is done ([`SearchError::BeingMade`](super::SearchError)). Entries made anew by the
//! same definitions differ only where they were damaged.
//!
//! How far it came is part of every step, so that a process that ends in the middle goes on from
//! there when it starts again. A start with yet other definitions begins anew, and relies only on
//! what was made in one way before and after each of them.

mod looking;
mod plan;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod waiting;

pub(super) use looking::next_step;
pub(super) use plan::{mark, plan};
pub(super) use state::IndexState;
pub(super) use step::ReindexStep;
pub(super) use waiting::waits_for;
