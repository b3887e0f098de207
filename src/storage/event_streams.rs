//! The events of subscriptions, one stream for each subscription.

use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::error::StoreError;
use crate::fhir::{Id, ResourceKey, Version};

/// The events of one subscription, in figures. Events count from 1; 0 is "none yet".
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stream {
    /// Tells apart the Subscriptions that had the same id one after the other; with an event's
    /// number it names the event for ever.
    pub life: u64,
    /// The number of the last event.
    pub last: u64,
    /// The number of the last event that was forgotten because it was too old.
    pub forgotten: u64,
    /// The number of the last event that the subscriber has acknowledged.
    pub delivered: u64,
    /// The number of the last event that was put into a message, delivered or not; never less than
    /// `delivered`.
    pub sent: u64,
}

impl Stream {
    /// Returns the numbers of the events that were forgotten before the subscriber acknowledged
    /// them; none if all others arrived, or can still be sent.
    pub fn missed(&self) -> Option<RangeInclusive<u64>> {
        (self.forgotten > self.delivered).then(|| self.delivered + 1..=self.forgotten)
    }

    /// Returns the number of the last event that will not be sent any more: it was acknowledged, or
    /// is forgotten.
    pub fn settled(&self) -> u64 {
        self.delivered.max(self.forgotten)
    }

    /// Returns how many events wait to be delivered.
    pub fn waiting(&self) -> u64 {
        self.last.saturating_sub(self.settled())
    }
}

/// An event as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its number among those of the subscription: they count up by one from 1, in the order of
    /// the commits.
    pub number: u64,
    /// The instant of the commit.
    pub instant: Timestamp,
    /// The resource that was written.
    pub focus: ResourceKey,
    /// The version that was written.
    pub version: Version,
}

/// The events that commits have caused, numbered for each subscription without gaps.
pub trait EventStreams: Send + Sync {
    /// Returns the events of a subscription in figures.
    fn stream(&self, subscription: &Id) -> Result<Stream, StoreError>;

    /// Reads the ids of all Subscriptions that ever began, in order: also of those that are
    /// deleted.
    fn streams(&self) -> Result<Vec<Id>, StoreError>;

    /// Reads the events of a subscription with numbers greater than `after`, in order, at most
    /// `limit`.
    fn events(&self, subscription: &Id, after: u64, limit: usize)
    -> Result<Vec<Event>, StoreError>;

    /// Returns the instant of the oldest event that is kept under this id, also of a life before;
    /// none if there is none.
    fn oldest_event(&self, subscription: &Id) -> Result<Option<Timestamp>, StoreError>;

    /// Reads the ranges of events of a subscription that are to be sent again, in the order in
    /// which they are to be sent.
    fn resends(&self, subscription: &Id) -> Result<Vec<RangeInclusive<u64>>, StoreError>;
}
