//! The references of incoming resources: rewritten to addresses of this server, and checked
//! (<https://hl7.org/fhir/R4/http.html#trules>, fhir-profiles, section 2).

pub(super) mod checking;
pub(super) mod conditional;
pub(super) mod finder;
pub(in crate::interactions) mod names;
pub(super) mod relink;
pub(super) mod rewriting;
mod searches;
pub(super) mod surrounding;
mod versions;
