//! Topic-based subscriptions to changes of rights, as the Subscriptions R5 Backport guide defines
//! them for R4 (<https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/>).
//!
//! Decides purely which changes are events and which subscriptions they concern; the events
//! themselves are written by the commit that causes them.

mod channel_headers;
pub mod delivery;
pub mod endpoint;
mod extensions;
pub mod filter;
mod filter_index;
mod filter_words;
pub mod names;
pub mod notification;
mod public_addresses;
pub mod signing;
mod standing;
pub mod subscription;
pub mod topic;

pub use endpoint::EndpointPolicy;
pub use filter::EventFilter;
pub use filter_index::FilterIndex;
pub use standing::{Standing, missed};
pub use subscription::{Channel, PayloadContent, Status, Subscription};
