//! A search, typed: built once at the edge, never checked again.

use jiff::Timestamp;

use crate::fhir::{Id, ResourceType};

/// What to find, in which order, and which part of the answer.
#[derive(Clone, PartialEq, Debug)]
pub struct SearchQuery {
    /// The types to look in; at least one.
    pub types: Vec<ResourceType>,
    /// All of these must hold.
    pub clauses: Vec<Clause>,
    /// The order, most significant first; what ties is ordered by type and id.
    pub sort: Vec<Sort>,
    /// How many matches to pass over.
    pub offset: usize,
    /// How many matches to return at most; 0 asks for the total alone.
    pub count: usize,
    /// How many bytes of content the matches that are returned may have together; one is returned however large it is.
    pub bytes_max: usize,
}

impl SearchQuery {
    /// Everything of one type that meets these clauses, up to `usize::MAX` of them.
    pub fn all(resource_type: ResourceType, clauses: Vec<Clause>) -> Self {
        SearchQuery { types: vec![resource_type], clauses, sort: Vec::new(), offset: 0, count: usize::MAX, bytes_max: usize::MAX }
    }
}

/// One condition; its alternatives are joined by "or".
#[derive(Clone, PartialEq, Debug)]
pub enum Clause {
    /// The resource's id is one of these.
    Ids(Vec<Id>),
    /// The instant of the current version.
    LastUpdated(Vec<Test>),
    /// At least one index entry of this parameter passes at least one of the tests.
    Parameter {
        /// The parameter's code, as in [`crate::search::IndexEntry::parameter`].
        code: String,
        /// The alternatives.
        any_of: Vec<Test>,
    },
}

impl Clause {
    /// The condition that a reference parameter names that local resource or address.
    pub fn reference(code: &str, target: impl ToString) -> Self {
        Clause::Parameter { code: code.to_owned(), any_of: vec![Test::Reference(target.to_string())] }
    }
}

/// A test of one index value; it fails on values of another kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// A token. `system: None` is any system, `Some("")` is "no system"; `code: None` is any code. Codes compare exactly.
    Token {
        /// The system asked for.
        system: Option<String>,
        /// The code asked for.
        code: Option<String>,
    },
    /// A reference to exactly this `Type/id` or address.
    Reference(String),
    /// A date; the bounds are the span of the value asked for, in microseconds since 1970, the second one after the span.
    Date {
        /// How to compare.
        prefix: DatePrefix,
        /// The first microsecond of the value asked for.
        from_us: i64,
        /// The first microsecond after it.
        until_us: i64,
    },
    /// Text that starts so; already in lower case.
    StartsWith(String),
    /// Exactly this address.
    Uri(String),
}

/// The prefix of a date (<https://hl7.org/fhir/R4/search.html#prefix>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DatePrefix {
    /// The value asked for contains the resource's.
    Eq,
    /// It does not.
    Ne,
    /// The resource's value reaches beyond the one asked for.
    Gt,
    /// The resource's value begins before the one asked for.
    Lt,
    /// `Gt` or `Eq`.
    Ge,
    /// `Lt` or `Eq`.
    Le,
    /// The resource's value begins after the end of the one asked for.
    Sa,
    /// The resource's value ends before the start of the one asked for.
    Eb,
}

/// One criterion of the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Greatest first. Resources without a value come last either way.
    pub descending: bool,
}

/// What to sort by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SortBy {
    /// The id.
    Id,
    /// The instant of the current version.
    LastUpdated,
    /// A parameter's smallest value (ascending) or greatest (descending).
    Parameter(String),
}

/// The span of one microsecond that an instant is, for [`Test::Date`].
pub fn instant_span_us(instant: Timestamp) -> (i64, i64) {
    let first = instant.as_microsecond();
    (first, first + 1)
}
