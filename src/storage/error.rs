//! Reasons why a store does not do what it was asked.

use std::fmt;

use crate::fhir::ResourceKey;
use crate::search::TooMany;

/// The store cannot answer: an I/O error, or a record that is damaged. After the first error that is
/// not proven to be of some records alone nothing is acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreError {
    /// The words that say what is wrong, without what the records say.
    pub text: String,
    /// True if a checksum proves that the damage is of the records that were read, and of no others.
    pub is_local: bool,
}

impl StoreError {
    /// Makes the error of a store that cannot be used.
    pub fn unusable(text: impl Into<String>) -> Self {
        StoreError {
            text: text.into(),
            is_local: false,
        }
    }

    /// Makes the error of records that are damaged, as their checksum proves.
    pub fn damaged(text: impl Into<String>) -> Self {
        StoreError {
            text: text.into(),
            is_local: true,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local {
            write!(f, "damaged: {}", self.text)
        } else {
            write!(f, "the store cannot be used: {}", self.text)
        }
    }
}

impl std::error::Error for StoreError {}

/// A reason why nothing was committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommitError {
    /// The last version of this resource is not the `previous` one.
    VersionMoved(ResourceKey),
    /// A guard was touched, or a query matches something else: gather again.
    FactsMoved,
    /// Whoever asked for it gave up before it was written.
    GivenUp,
    /// The store cannot be used.
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        CommitError::Store(error)
    }
}

/// A reason why a search has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchError {
    /// It follows or looks at more resources than a search may; nothing is wrong with the store.
    TooMany(TooMany),
    /// It depends on this parameter, such as `Task?owner`, whose entries are not all made yet by
    /// the definitions in use: ask again.
    BeingMade(String),
    /// The store cannot be used.
    Store(StoreError),
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SearchError::TooMany(too_many) => too_many.fmt(f),
            SearchError::BeingMade(parameter) => {
                write!(f, "the entries of {parameter} are being made anew")
            }
            SearchError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SearchError {}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        SearchError::Store(error)
    }
}

impl From<TooMany> for SearchError {
    fn from(too_many: TooMany) -> Self {
        SearchError::TooMany(too_many)
    }
}
