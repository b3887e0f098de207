//! Finding resources: typed queries, the index entries of a resource, and which of them match
//! (<https://hl7.org/fhir/R4/search.html>).
//!
//! Everything here is pure. How entries become keys of an engine is the store's business.

pub mod compartment;
mod criteria;
pub mod entry;
pub mod matching;
pub mod parameters;
pub mod parse;
pub mod personal;
pub mod query;
pub mod results;

pub use entry::{IndexEntry, IndexValue};
pub use matching::{Row, matches, sort_rows};
pub use parameters::index_entries;
pub use parse::{ParsedSearch, parse, parse_search};
pub use query::{Clause, DatePrefix, SearchQuery, Sort, SortBy, Test};
