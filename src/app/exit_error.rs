//! The error with which the program ends.

use crate::fhir::Issue;
use crate::interactions::Failure;

/// A reason why the program ends with an error: one line.
#[derive(Debug)]
pub struct ExitError {
    /// The line: what is wrong, and what to do.
    pub text: String,
    /// True if the options are wrong (exit code 2).
    pub is_usage: bool,
}

impl ExitError {
    /// Makes the error of something that cannot be done.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        ExitError {
            text: text.into(),
            is_usage: false,
        }
    }

    /// Makes the error of wrong options.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        ExitError {
            text: text.into(),
            is_usage: true,
        }
    }
}

impl From<Failure> for ExitError {
    fn from(failure: Failure) -> Self {
        // Whoever reads this is the operator.
        if let Failure::Store(error) = &failure {
            return ExitError::failed(error.to_string());
        }
        let texts: Vec<_> = failure
            .issues()
            .into_iter()
            .filter(Issue::refuses)
            .map(|issue| issue.text)
            .collect();
        ExitError::failed(texts.join("; "))
    }
}
