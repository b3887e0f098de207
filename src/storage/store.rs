//! The whole contract.

use super::{Calendar, Commits, EventStreams, Resources, Upkeep};

/// A store of resources: the sum of the promises. All functions may block on the disk, and all may
/// be called from many threads at once.
///
/// A resource is a linearizable register: a read that begins after a commit was acknowledged sees
/// it, and so does a search. What is acknowledged is on the disk.
pub trait Store: Resources + Commits + Calendar + EventStreams + Upkeep {}

impl<S: Resources + Commits + Calendar + EventStreams + Upkeep> Store for S {}
