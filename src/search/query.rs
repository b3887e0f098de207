//! A search, typed: built once at the edge, never checked again.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::contained::CONTAINED;
use crate::fhir::{Id, ResourceKey, ResourceType};

/// The conditions of a search, its order, and the part of the answer that is asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct SearchQuery {
    /// The types to look in; at least one.
    pub types: Vec<ResourceType>,
    /// The conditions, all of which must hold.
    pub clauses: Vec<Clause>,
    /// The order, most significant first; ties are ordered by type and id.
    pub sort: Vec<Sort>,
    /// The number of matches to skip.
    pub offset: usize,
    /// The greatest number of matches to return; 0 asks for the total alone.
    pub count: usize,
    /// The most bytes of content that the returned matches may have together; one is returned
    /// however large it is.
    pub bytes_max: usize,
    /// The most resources that may be looked at one by one, because no index says whether they
    /// match or where they stand in the order.
    pub looks_max: usize,
    /// The most index keys or resources that may be read to find what matches.
    pub reads_max: usize,
    /// True if the answer is to tell how it was found.
    pub is_explained: bool,
}

impl SearchQuery {
    /// Returns the query for all resources of one type that meet these conditions.
    pub fn all(resource_type: ResourceType, clauses: Vec<Clause>) -> Self {
        SearchQuery {
            types: vec![resource_type],
            clauses,
            sort: Vec::new(),
            offset: 0,
            count: usize::MAX,
            bytes_max: usize::MAX,
            looks_max: usize::MAX,
            reads_max: usize::MAX,
            is_explained: false,
        }
    }
}

/// One condition; its alternatives are joined by "or".
#[derive(Clone, PartialEq, Debug)]
pub enum Clause {
    /// The resource's id is one of these.
    Ids(Vec<Id>),
    /// The resource is one of these.
    Keys(BTreeSet<ResourceKey>),
    /// The instant of the current version.
    LastUpdated(Vec<Test>),
    /// At least one index entry of this parameter passes at least one of the tests.
    Parameter {
        /// The parameter's code, as in [`crate::search::IndexEntry::parameter`].
        code: String,
        /// The alternatives.
        any_of: Vec<Test>,
    },
    /// No index entry of this parameter passes any of the tests (`:not`, `:not-in`); also where
    /// there is no entry.
    Not {
        /// The parameter's code.
        code: String,
        /// The alternatives.
        any_of: Vec<Test>,
    },
    /// There is no index entry of this parameter (`:missing=true`), or there is one
    /// (`:missing=false`).
    Missing {
        /// The parameter's code.
        code: String,
        /// True if it must be missing.
        is_missing: bool,
    },
    /// This reference parameter names a resource that one of these queries matches
    /// (`owner:Organization.name=…`).
    Chain {
        /// The parameter's code.
        code: String,
        /// One query for each type that may be named.
        any_of: Vec<SearchQuery>,
    },
    /// A resource that this query matches names this one by that reference parameter (`_has`).
    Has {
        /// The code of the other resource's parameter.
        code: String,
        /// The query for the other resource.
        source: Box<SearchQuery>,
    },
}

impl SearchQuery {
    /// Returns true if the conditions or the order look at entries of that parameter.
    pub fn looks_at(&self, parameter: &str) -> bool {
        let of_clause = |clause: &Clause| match clause {
            Clause::Parameter { code, any_of } => {
                code == parameter
                    || (parameter == CONTAINED
                        && any_of.iter().any(|test| matches!(test, Test::Contained(_))))
            }
            Clause::Not { code, .. } => code == parameter,
            Clause::Missing { code, .. } => is_of(parameter, code),
            Clause::Ids(_)
            | Clause::Keys(_)
            | Clause::LastUpdated(_)
            | Clause::Chain { .. }
            | Clause::Has { .. } => false,
        };
        let of_sort =
            |sort: &Sort| matches!(&sort.by, SortBy::Parameter(code) if code == parameter);
        self.clauses.iter().any(of_clause) || self.sort.iter().any(of_sort)
    }
}

/// Returns true if an entry's parameter is this one, alone or with a modifier: an element that has
/// only such entries is there.
pub(super) fn is_of(parameter: &str, code: &str) -> bool {
    parameter
        .strip_prefix(code)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

impl Clause {
    /// Returns the condition that a reference parameter names this local resource or address.
    pub fn reference(code: &str, target: impl ToString) -> Self {
        Clause::Parameter {
            code: code.to_owned(),
            any_of: vec![Test::Reference(target.to_string())],
        }
    }

    /// Returns true if the condition is about other resources than the one that is judged: see
    /// [`crate::search::resolve_links`].
    pub fn is_linked(&self) -> bool {
        match self {
            Clause::Chain { .. } | Clause::Has { .. } => true,
            Clause::Ids(_)
            | Clause::Keys(_)
            | Clause::LastUpdated(_)
            | Clause::Parameter { .. }
            | Clause::Not { .. }
            | Clause::Missing { .. } => false,
        }
    }
}

/// A test of one index value; it fails on values of another kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// A token. `system: None` is any system, `Some("")` is "no system"; `code: None` is any code.
    /// Codes compare exactly; one without a system also as the terminologies of diagnoses compare
    /// theirs ([`crate::search::other_spellings`]).
    Token {
        /// The system asked for.
        system: Option<String>,
        /// The code asked for.
        code: Option<String>,
    },
    /// A reference to exactly this `Type/id` or address.
    Reference(String),
    /// A reference to exactly one of these.
    ReferenceIn(BTreeSet<String>),
    /// A reference to a contained resource that meets this settled query.
    Contained(Box<SearchQuery>),
    /// A date; the bounds are the span of the value asked for, in microseconds since 1970, the
    /// second one after the span.
    Date {
        /// The comparison.
        prefix: Prefix,
        /// The first microsecond of the value asked for.
        from_us: i64,
        /// The first microsecond after it.
        until_us: i64,
    },
    /// Text that starts like this, regardless of case and accents; as [`crate::search::fold`]
    /// returns it.
    StartsWith(String),
    /// Text that contains this; folded likewise.
    Contains(String),
    /// Exactly this text.
    Exactly(String),
    /// Exactly this address.
    Uri(String),
    /// This address, or one whose path goes on from it.
    UriBelow(String),
    /// This address, or one from which its path goes on.
    UriAbove(String),
    /// A number or quantity; the bounds are the span of the value asked for, in 10⁻¹², the second
    /// one after the span.
    Quantity {
        /// The comparison.
        prefix: Prefix,
        /// The first number of the value asked for.
        from: i128,
        /// The first number after it.
        until: i128,
        /// The system of the unit asked for; none is any.
        system: Option<String>,
        /// The code of the unit asked for; none is any.
        code: Option<String>,
    },
    /// Values that stand together, each of which passes the test in its place.
    Composite(Vec<Test>),
}

/// The prefix of a date, number or quantity (<https://hl7.org/fhir/R4/search.html#prefix>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
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
    /// The values overlap; the one asked for has been widened.
    Ap,
}

impl Prefix {
    /// Splits a value into its prefix, `eq` if none is written, and the rest.
    pub(super) fn split(value: &str) -> (Prefix, &str) {
        let prefix = match value.get(..2) {
            Some("eq") => Prefix::Eq,
            Some("ne") => Prefix::Ne,
            Some("gt") => Prefix::Gt,
            Some("lt") => Prefix::Lt,
            Some("ge") => Prefix::Ge,
            Some("le") => Prefix::Le,
            Some("sa") => Prefix::Sa,
            Some("eb") => Prefix::Eb,
            Some("ap") => Prefix::Ap,
            _ => return (Prefix::Eq, value),
        };
        (prefix, &value[2..])
    }
}

/// One criterion of the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sort {
    /// The value to sort by.
    pub by: SortBy,
    /// The direction. Resources without a value come last either way.
    pub order: SortOrder,
}

/// A direction of sorting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortOrder {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// A value to sort by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SortBy {
    /// The id.
    Id,
    /// The instant of the current version.
    LastUpdated,
    /// A parameter's smallest value (ascending) or greatest (descending).
    Parameter(String),
}

/// Returns the span of the one microsecond of an instant, for [`Test::Date`].
pub fn instant_span_us(instant: Timestamp) -> (i64, i64) {
    let first = instant.as_microsecond();
    (first, first + 1)
}
