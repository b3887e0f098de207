//! An operation as it is asked for, already read.

use serde_json::Value;

use crate::fhir::{Resource, ResourceKey};
use crate::interactions::Failure;
use crate::interactions::condition::Condition;
use crate::interactions::query::Handling;
use crate::interactions::scopes::Subject;

/// The parameters that were given, each as its declaration has it.
#[derive(Clone, Default)]
pub struct GivenParameters {
    /// Names and texts, in order.
    pub texts: Vec<(String, String)>,
    /// The one that is a resource.
    pub resource: Option<Resource>,
    /// The one that is a Meta.
    pub meta: Option<Value>,
}

impl GivenParameters {
    /// Returns the first text of that name.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the number of that name.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.one(name).and_then(|text| text.parse().ok())
    }

    /// Returns the items of the lists of that name, each parted by commas.
    pub fn listed<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|list| list.split(','))
    }

    /// Returns all texts of that name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.texts
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, text)| text.as_str())
    }
}

/// An operation as it is asked for.
#[derive(Clone)]
pub struct OperationRequest {
    /// Its subject.
    pub subject: Subject,
    /// Its parameters.
    pub given: GivenParameters,
    /// The state that the client requires of the resource.
    pub condition: Condition,
    /// The way to handle what is not understood.
    pub handling: Handling,
    /// Tells whether findings are wanted too that are only good to know.
    pub is_verbose: bool,
    /// Tells whether the parameters stood in an address on the way here.
    pub is_shown: bool,
}

impl OperationRequest {
    /// Returns the resource that it is about.
    ///
    /// # Errors
    /// `NotFound` if its address names none, which the catalogue does not let in.
    pub fn key(&self) -> Result<&ResourceKey, Failure> {
        let named = self.subject.key();
        named.ok_or_else(|| Failure::not_found("this operation is asked of one resource"))
    }
}
