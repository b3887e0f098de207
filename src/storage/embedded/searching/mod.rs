//! Searching: the index proposes, [`crate::search::matches`] decides where the index does not, and
//! the log corrects for what changed meanwhile.
//!
//! Engines have no snapshot in common. So a search is answered for the state after one position:
//! the index gives candidates of about now, the log gives what changed since that position, and
//! each of those is judged by its version of that state. What the index says of a resource that did
//! not change since is so in that state.
//!
//! `finding` answers a query; it asks `candidates` what can match, which follows `probe` along the
//! index, and `in_order` for the order of a page; what lists
//! that are kept in order tell alone, `listed` answers. `values` lists what the index has of a parameter.

mod candidates;
mod ends;
mod finding;
mod in_order;
mod listed;
mod probe;
mod run;
mod spans;
mod values;
