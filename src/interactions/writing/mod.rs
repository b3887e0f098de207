//! The inside of the one write path: from the changes that a request asks for to their commit.

pub mod attempt;
pub mod content;
mod decision;
mod dependents;
pub(super) mod derived;
pub(super) mod entry;
pub(super) mod follower_cache;
pub(super) mod followers;
mod gathered_rights;
pub(super) mod gathering;
mod gist;
pub(super) mod guards;
pub(super) mod identify;
pub(super) mod pending;
mod references;
mod referrers;
mod rights_gathering;
mod subscription_check;
mod together;
pub(super) mod write_turns;
