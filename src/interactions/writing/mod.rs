//! The inside of the one write path: from the changes that a request asks for to their commit.

pub mod attempt;
pub mod content;
mod criteria;
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
mod identified;
pub(super) mod identify;
mod joined;
mod meeting;
pub(super) mod pending;
pub(super) mod references;
mod referrers;
mod rights_gathering;
mod same_person;
mod subscription_check;
mod telling;
mod together;
pub(super) mod write_turns;
