//! The vocabulary: resources as the JSON that was received, their keys, references, dates and
//! issues, and the guide's package.
//!
//! Nothing here does I/O or knows another module of this crate.

pub mod counted;
pub mod cpr;
mod danish_clock;
pub mod dates;
pub mod extent;
pub mod guide;
pub mod held;
pub mod issue;
pub mod json;
pub mod key;
pub mod media_type;
pub mod names;
mod own_bases;
pub mod reference;
pub mod resource;
pub mod terminology;
pub mod view;

pub use counted::counted;
pub use dates::{FhirDate, copenhagen, copenhagen_date, danish_instants, start_of_day};
pub use issue::{Issue, IssueCode, Severity};
pub use key::{Id, ResourceKey, ResourceType, Version};
pub use own_bases::OwnBases;
pub use reference::Reference;
pub use resource::{Body, Resource};
pub use terminology::Terminology;
