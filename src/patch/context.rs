//! The things that a patch is applied with.

use jiff::Timestamp;

use crate::schema::Definitions;

/// The things that a patch is applied with, besides the resource.
#[derive(Clone, Copy)]
pub struct PatchContext<'a> {
    /// The types of elements.
    pub definitions: &'a Definitions,
    /// The instant of `now()`, `today()` and `timeOfDay()`.
    pub now: Timestamp,
}
