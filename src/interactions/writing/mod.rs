//! The inside of the one write path: from the changes that a request asks for to their commit.

pub mod attempt;
pub mod content;
pub(super) mod entry;
pub(super) mod follower_cache;
pub(super) mod followers;
mod identify;
pub mod pending;
pub mod persons;
pub mod references;
mod referrers;
mod subscription_check;
pub(super) mod write_turns;
