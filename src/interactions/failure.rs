//! The reasons to stop. No HTTP here: the wire chooses the status of each.

use crate::fhir::{Issue, IssueCode, ResourceKey};
use crate::storage::{SearchError, StoreError};

/// The reason why an interaction was not carried out.
#[derive(Clone, PartialEq, Debug)]
pub enum Failure {
    /// The request itself cannot be understood.
    BadRequest(Vec<Issue>),
    /// The content breaks a rule: all findings.
    Unprocessable(Vec<Issue>),
    /// There is no such resource, version, type or operation.
    NotFound(Issue),
    /// The resource was deleted.
    Gone(ResourceKey, crate::fhir::Version),
    /// The type or operation does not allow this interaction.
    NotAllowed(Issue),
    /// No answer is written in a form that the client accepts.
    NotAcceptable(Issue),
    /// The version, or the number of matches, is not what the request requires.
    PreconditionFailed(Issue),
    /// The request contradicts what is stored.
    Conflict(Issue),
    /// Several entries of a transaction failed: the first failure, and the findings of all of them.
    Several(Box<Failure>, Vec<Issue>),
    /// Too many others wrote the same data at once, or it took longer than its client waits: nothing
    /// was done, and it may be tried again.
    Busy,
    /// The store failed while it was written: whether it was, is not known before the next start.
    Unsure(StoreError),
    /// The index of this parameter, as `Task?owner`, is being rebuilt for another definition: try
    /// again.
    BeingIndexed(String),
    /// The store cannot be used.
    Store(StoreError),
}

impl Failure {
    /// Makes the failure of a request that cannot be understood, for one reason.
    pub fn bad_request(code: IssueCode, text: impl Into<String>) -> Self {
        Failure::BadRequest(vec![Issue::error(code, "", text)])
    }

    /// Makes the failure of a request for something that is not there.
    pub fn not_found(text: impl Into<String>) -> Self {
        Failure::NotFound(Issue::error(IssueCode::NotFound, "", text))
    }

    /// Makes the failure of an interaction that is not offered.
    pub fn not_allowed(text: impl Into<String>) -> Self {
        Failure::NotAllowed(Issue::error(IssueCode::NotSupported, "", text))
    }

    /// Makes the failure of a condition that does not hold.
    pub fn precondition(code: IssueCode, text: impl Into<String>) -> Self {
        Failure::PreconditionFailed(Issue::error(code, "", text))
    }

    /// Tells whether it will be gone once the index is rebuilt.
    pub fn is_of_index(&self) -> bool {
        match self {
            Failure::BeingIndexed(_) => true,
            Failure::Several(first, _) => first.is_of_index(),
            _ => false,
        }
    }

    /// Returns the findings that tell the client what is wrong.
    pub fn issues(&self) -> Vec<Issue> {
        let one = |code, text: String| vec![Issue::error(code, "", text)];
        match self {
            Failure::BadRequest(issues)
            | Failure::Unprocessable(issues)
            | Failure::Several(_, issues) => issues.clone(),
            Failure::Gone(key, version) => one(
                IssueCode::Deleted,
                format!("{key} was deleted in version {version}; its history is still there"),
            ),
            Failure::NotFound(issue)
            | Failure::NotAllowed(issue)
            | Failure::NotAcceptable(issue)
            | Failure::PreconditionFailed(issue)
            | Failure::Conflict(issue) => {
                vec![issue.clone()]
            }
            Failure::Busy => one(
                IssueCode::Transient,
                "nothing of this was done, because the server is busy with other requests; send it again".into(),
            ),
            Failure::BeingIndexed(parameter) => one(
                IssueCode::Transient,
                format!(
                    "the search index of {parameter} is being rebuilt for its new definition; send the request again later"
                ),
            ),
            Failure::Store(error) if error.is_local => one(
                IssueCode::Exception,
                "what is stored of this is damaged; the log of the server names it".into(),
            ),
            Failure::Store(_) => one(
                IssueCode::Exception,
                "the store cannot be used; the log of the server says why".into(),
            ),
            Failure::Unsure(_) => one(
                IssueCode::Exception,
                "the store failed while this was written, and it may be stored or not; the server needs its operator: look before you send it again".into(),
            ),
        }
    }

    /// Returns the same failure as that of the entry of a Bundle at that place.
    pub fn in_entry(mut self, at: usize) -> Self {
        match &mut self {
            Failure::BadRequest(issues)
            | Failure::Unprocessable(issues)
            | Failure::Several(_, issues) => {
                issues.iter_mut().for_each(|issue| locate(issue, at));
            }
            Failure::NotFound(issue)
            | Failure::NotAllowed(issue)
            | Failure::NotAcceptable(issue)
            | Failure::PreconditionFailed(issue)
            | Failure::Conflict(issue) => {
                locate(issue, at);
            }
            Failure::Gone(..) => {
                let mut issues = self.issues();
                issues.iter_mut().for_each(|issue| locate(issue, at));
                return Failure::Several(Box::new(self), issues);
            }
            Failure::Busy | Failure::BeingIndexed(_) | Failure::Store(_) | Failure::Unsure(_) => {}
        }
        self
    }

    /// Joins these failures, if there are any; a store that cannot be used is the only one that
    /// counts.
    pub fn together(mut failures: Vec<Failure>) -> Option<Failure> {
        if let Some(at) = failures
            .iter()
            .position(|failure| matches!(failure, Failure::Store(_) | Failure::Unsure(_)))
        {
            return Some(failures.swap_remove(at));
        }
        if failures.len() < 2 {
            return failures.pop();
        }
        let issues = failures.iter().flat_map(Failure::issues).collect();
        Some(Failure::Several(Box::new(failures.swap_remove(0)), issues))
    }
}

/// Says in which entry of a Bundle a finding is: about its resource, or else about its request.
pub(super) fn locate(issue: &mut Issue, at: usize) {
    if !issue.expression.starts_with("Bundle.") {
        issue.expression = match issue.expression.split_once('.') {
            Some((_, below)) => format!("Bundle.entry[{at}].resource.{below}"),
            None if issue.expression.is_empty() => format!("Bundle.entry[{at}].request"),
            None => format!("Bundle.entry[{at}].resource"),
        };
    }
}

impl From<SearchError> for Failure {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Store(error) => error.into(),
            SearchError::BeingMade(parameter) => Failure::BeingIndexed(parameter),
            too_many @ SearchError::TooMany(_) => Failure::bad_request(
                IssueCode::TooCostly,
                format!("{too_many}: expected further criteria that lead to fewer"),
            ),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}
