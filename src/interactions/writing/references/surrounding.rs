//! The request around an entry, with which its references are read.

use jiff::Timestamp;

use super::names::EntryNames;
use crate::fhir::{OwnBases, ResourceKey, reference};
use crate::interactions::change::{AskedAs, Change};
use crate::interactions::writing::entry::{Entry, EntryWrite};

/// The request to which references belong.
#[derive(Clone, Copy)]
pub(in crate::interactions::writing) struct Surrounding<'a> {
    /// Its changes, one for each entry.
    pub(in crate::interactions::writing) changes: &'a [Change],
    /// The addresses of the entries.
    pub(in crate::interactions::writing) names: &'a EntryNames<'a>,
    /// The resource of each entry.
    pub(in crate::interactions::writing) keys: &'a [ResourceKey],
    /// The way in which they are asked for: only in a transaction may an address be a search.
    pub(in crate::interactions::writing) asked_as: AskedAs,
    /// The bases below which an address names what is stored here.
    pub(in crate::interactions::writing) bases: OwnBases<'a>,
    /// The time of the request.
    pub(in crate::interactions::writing) now: Timestamp,
}

/// Returns the path and the address of each literal reference that an entry will write.
pub(super) fn addresses_in(entry: &Entry) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    if let EntryWrite::Put(resource, _) = &entry.step {
        reference::for_each(
            resource.type_name(),
            resource.value(),
            &mut |path, element| {
                if let Some(address) = element["reference"].as_str() {
                    found.push((path.to_owned(), address));
                }
            },
        );
    }
    found
}
