//! The parts of the server that delivery works with; it reaches none of them in another way.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fhir::{Id, Version};
use crate::storage::Store;
use crate::subscriptions::Status;

/// Writes the status of a Subscription (with what is wrong, if it is in error), if its last version
/// is still the one that was seen. Returns the number of the new version, or none if another one
/// came meanwhile.
pub type SetStatus = Box<
    dyn Fn(&Id, Version, Status, Option<&str>) -> Result<Option<Version>, String> + Send + Sync,
>;

/// The surroundings of delivery.
pub struct World {
    /// The durable state.
    pub store: Arc<dyn Store>,
    /// The base of this server's own addresses.
    pub base_url: String,
    /// The server's clock.
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Writes a status by the write path.
    pub set_status: SetStatus,
}
