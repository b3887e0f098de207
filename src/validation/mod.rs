//! The check of a resource against its profiles, and against the rules of this server that no
//! profile can say (fhir-profiles, sections 1 to 4; deadline-rules, section 2).
//!
//! [`check`] is pure and total: the same resource and context give the same findings in the same
//! order, all of them at once, and no input makes it fail. It reads no clock and no file, knows no
//! store, and resolves no reference: callers look references up, and hand the results to
//! [`one_person`].
//!
//! The definitions hold everything that FHIR can say, and a [`Validator`] walks over the JSON
//! beside them. No text of a finding repeats an identifier, a name or a display.

pub mod bundle;
mod business;
mod check;
pub mod contained;
mod context;
pub mod datatypes;
mod dates;
mod findings;
mod links;
pub mod narrative;
mod persons;
pub mod primitives;
mod references;
mod validator;
mod walk;

pub use check::{check, check_entry};
pub use context::CheckContext;
pub use dates::NOT_IN_FUTURE;
pub use links::{LinkKind, for_each_link};
pub use persons::{ReferencedPerson, ResolvedReference, one_person, person_references};
pub use validator::Validator;
pub use walk::BundleWalk;
