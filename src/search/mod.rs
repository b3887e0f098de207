//! Finding resources: typed queries, the index entries of a resource, and which of them match
//! (<https://hl7.org/fhir/R4/search.html>).
//!
//! Everything here is pure. How entries become keys of an engine is the store's business.

pub mod care_dates;
mod codings;
mod collation;
pub mod compartment;
mod contained;
mod contained_in;
mod criteria;
mod date_spans;
mod date_values;
pub mod entry;
pub mod explanation;
mod extract;
mod index_values;
mod links;
pub mod matching;
mod modifiers;
mod named;
mod number;
mod ordered_lists;
pub mod parameters;
pub mod parse;
pub mod personal_parameters;
mod problem;
pub mod query;
pub mod results;
mod text_folding;
mod values;

pub use codings::other_spellings;
pub use collation::sort_key;
pub use contained::{CONTAINED, ContainedEntry};
pub use entry::{IndexEntry, IndexValue};
pub use extract::{REFERS_TO, index_entries};
pub use links::{TooMany, resolve_links};
pub use matching::{Row, matches, sort_rows};
pub use named::{asks_for_names, rename};
pub use ordered_lists::{
    AskedLists, LIST_TEXT_BYTES_MAX, ListPlace, ORDERED_LISTS, OrderedList, asked_lists,
};
pub use parse::{ParsedSearch, parse, parse_search};
pub use query::{Clause, Prefix, SearchQuery, Sort, SortBy, SortOrder, Test};
pub use text_folding::fold;
