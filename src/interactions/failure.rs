//! The reasons to stop. No HTTP here: the wire chooses the status of each.

use crate::fhir::{Issue, IssueCode, ResourceKey};
use crate::storage::StoreError;

/// Why an interaction was not carried out.
#[derive(Clone, PartialEq, Debug)]
pub enum Failure {
    /// The request itself cannot be understood.
    BadRequest(Vec<Issue>),
    /// The content breaks a rule: all findings.
    Unprocessable(Vec<Issue>),
    /// There is no such resource, version, type or operation.
    NotFound(String),
    /// The resource was deleted.
    Gone(ResourceKey, crate::fhir::Version),
    /// The type or operation does not allow this interaction.
    NotAllowed(String),
    /// The version, or the number of matches, is not what the request requires.
    PreconditionFailed(Issue),
    /// The request contradicts what is stored.
    Conflict(Issue),
    /// Too many others wrote the same data at once: try again.
    Busy,
    /// The store cannot be used.
    Store(StoreError),
}

impl Failure {
    /// A request that cannot be understood, for one reason.
    pub fn bad_request(code: IssueCode, text: impl Into<String>) -> Self {
        Failure::BadRequest(vec![Issue::error(code, "", text)])
    }

    /// A condition of the request that does not hold.
    pub fn precondition(code: IssueCode, text: impl Into<String>) -> Self {
        Failure::PreconditionFailed(Issue::error(code, "", text))
    }

    /// The findings that tell the client what is wrong.
    pub fn issues(&self) -> Vec<Issue> {
        let one = |code, text: String| vec![Issue::error(code, "", text)];
        match self {
            Failure::BadRequest(issues) | Failure::Unprocessable(issues) => issues.clone(),
            Failure::NotFound(what) => one(IssueCode::NotFound, what.clone()),
            Failure::Gone(key, version) => {
                one(IssueCode::Deleted, format!("{key} was deleted in version {version}; its history is still there"))
            }
            Failure::NotAllowed(what) => one(IssueCode::NotSupported, what.clone()),
            Failure::PreconditionFailed(issue) | Failure::Conflict(issue) => vec![issue.clone()],
            Failure::Busy => one(IssueCode::Transient, "too many writes to the same data at once; send the request again".into()),
            Failure::Store(_) => one(IssueCode::Exception, "the store cannot be used; the operator must look at the server".into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}
