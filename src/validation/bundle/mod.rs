//! Bundles as a whole: the addresses of entries, links, the rules of each kind of Bundle for its
//! entries, and references between them (<https://hl7.org/fhir/R4/bundle.html>). The invariants
//! bdl-1 to bdl-12 are FHIRPath, and checked where FHIRPath is.
//!
//! Pure and total; of the resources in the entries only those parts are looked at that the Bundle
//! depends on. The HL7 validator is followed, except for two things that R4 allows: an entry that
//! is created by POST needs no `fullUrl`, even if it has references; and in a history several
//! entries are versions of one resource, so that a reference to it is not ambiguous.

mod entries;
mod indexed;
mod linked;
mod links;
mod resolve;
mod search;

use super::datatypes::PathReport;
use crate::fhir::{IssueCode, Severity};

pub use indexed::{IndexedBundle, IsResource};

impl IndexedBundle<'_> {
    /// Checks the Bundle apart from its structure, its invariants and the resources in it.
    ///
    /// References inside the entries are checked one by one by [`IndexedBundle::resolve`].
    pub fn check(&self, report: &mut PathReport<'_>) {
        self.check_links(report);
        match (self.kind, self.items.first()) {
            ("document" | "message", None) => {
                let what = "expected a first entry that says what the Bundle is, found none";
                report(Severity::Error, IssueCode::Required, ".entry", what);
            }
            ("document" | "message", Some(first)) => linked::check(self, first, report),
            ("searchset", _) => search::check(self, report),
            _ => {}
        }
        entries::check(self, report);
    }
}
