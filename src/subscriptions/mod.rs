//! Who must be told of a change of a right, and what they are told: topic-based subscriptions as
//! the Subscriptions R5 Backport guide has them for R4 (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/>).
//!
//! What counts as an event and whom it concerns is decided here, purely; the events themselves are
//! written by the commit that causes them.

pub mod delivery;
pub mod endpoint;
mod extensions;
pub mod filter;
mod filter_index;
pub mod names;
pub mod notification;
pub mod signing;
pub mod subscription;
pub mod topic;

pub use endpoint::EndpointPolicy;
pub use filter::Filter;
pub use filter_index::FilterIndex;
pub use subscription::{Channel, Content, Status, Subscription};
