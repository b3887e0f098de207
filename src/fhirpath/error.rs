//! The errors of compiling and of evaluating an expression.

use std::fmt;

/// The reason why an expression cannot be compiled: its syntax is wrong, or it uses something that
/// this evaluator does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError(pub String);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// The reason why an expression has no result on an element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvaluationError {
    /// The data is not what the author of the expression expected.
    Data(String),
    /// The expression asks for what its surroundings do not say, whatever the data.
    Unavailable(String),
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (EvaluationError::Data(why) | EvaluationError::Unavailable(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for EvaluationError {}
