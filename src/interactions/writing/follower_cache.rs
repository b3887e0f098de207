//! The subscriptions that are told of events, kept between commits.

use std::sync::{Arc, Mutex};

use crate::fhir::Id;
use crate::storage::Position;
use crate::subscriptions::FilterIndex;

/// The subscriptions that are told of events, by what they follow, as they were at a position of
/// the guard.
#[derive(Clone)]
pub(super) struct FollowersAt {
    /// The position of the guard.
    pub(super) position: Position,
    /// The subscriptions, by what each follows.
    pub(super) index: Arc<FilterIndex<Id>>,
}

/// The followers as they were read last.
#[derive(Default)]
pub(in crate::interactions) struct FollowerCache {
    /// The followers; none before they were read.
    pub(super) known: Mutex<Option<FollowersAt>>,
    /// An upper bound of the number of Subscriptions, once they were counted.
    pub(super) at_most: Mutex<Option<usize>>,
}
