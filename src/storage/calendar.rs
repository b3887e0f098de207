//! Timers: the days on which resources must be looked at again.

use jiff::civil::Date;

use super::error::StoreError;
use crate::fhir::ResourceKey;

/// A timer that is due.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Timer {
    /// The day on which it is due.
    pub day: Date,
    /// The resource whose timer it is.
    pub owner: ResourceKey,
}

/// The timers that commits have set. A resource has at most one.
pub trait Calendar: Send + Sync {
    /// Reads the timers that are due on or before that day, by day and owner, at most `limit`.
    fn timers_due(&self, day: Date, limit: usize) -> Result<Vec<Timer>, StoreError>;

    /// Returns the day on which the owner's timer is due, if it has one.
    fn timer(&self, owner: &ResourceKey) -> Result<Option<Date>, StoreError>;

    /// Returns the days that [`Calendar::timer`] returns of some owners, in their order, all of one
    /// state.
    fn timers(&self, owners: &[ResourceKey]) -> Result<Vec<Option<Date>>, StoreError>;
}
