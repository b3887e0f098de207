//! An expression: compiled from text, evaluated on an element.

use std::fmt;

use serde_json::Value;

use super::evaluate::Evaluation;
use super::operand::{Items, Operand};
use super::syntax::Expr;
use super::{Model, Node, errata, parse, types};

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    tree: Expr,
}

/// Why an expression cannot be compiled: its syntax is wrong, or it uses what this evaluator does
/// not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError(pub String);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// Why an expression has no result on this element: the data is not what the expression's author
/// expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvaluationError(pub String);

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EvaluationError {}

/// What an evaluation depends on besides the element. All that is answered from outside is a value
/// or a pure function.
pub struct Environment<'a> {
    /// The types.
    pub model: &'a dyn Model,
    /// `%resource`: the resource that contains the element, contained ones included.
    pub resource: Node<'a>,
    /// `%rootResource`: the resource that contains `%resource`, or `%resource` itself.
    pub root_resource: Node<'a>,
    /// `%extension`: of a rule about where an extension may stand, the extension; none elsewhere.
    pub extension: Option<Node<'a>>,
    /// The instant of `now()` and `today()`; none where no expression may ask.
    pub now: Option<jiff::Timestamp>,
    /// `resolve()` for what is not contained in `root_resource`: the resource that a reference
    /// names, if it can be told (entries of the same Bundle, say).
    pub resolve: &'a dyn Fn(&str) -> Option<Node<'a>>,
    /// `memberOf(value set)`; none if that cannot be told.
    pub member_of: &'a dyn Fn(Node<'a>, &str) -> Option<bool>,
    /// `conformsTo(profile)`; none if the profile is not known.
    pub conforms_to: &'a dyn Fn(Node<'a>, &str) -> Option<bool>,
}

/// One item of a result.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An element of the resource.
    Node(Node<'a>),
    /// A value that the expression made.
    Value(Value),
}

impl Expression {
    /// Compiles an expression. The few invariants of R4 that are published with a mistake compile
    /// as what they are meant to say.
    ///
    /// # Errors
    /// Its syntax is wrong, or it uses a function or operator that is not supported.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Ok(Expression {
            text: text.into(),
            tree: parse::parse(errata::as_meant(text))?,
        })
    }

    /// The expression as it was published.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The items that the expression gives on an element.
    ///
    /// # Errors
    /// The data is not what the expression's author expected, as several items where one was.
    pub fn evaluate<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> Result<Vec<Item<'a>>, EvaluationError> {
        self.evaluate_counted(focus, environment).0
    }

    /// As [`Expression::evaluate`], with the steps that it took: a step is done in some ten
    /// nanoseconds.
    pub fn evaluate_counted<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> (Result<Vec<Item<'a>>, EvaluationError>, u32) {
        let (items, steps) = Evaluation::evaluate(&self.tree, focus, environment);
        (
            items.map(|items| items.into_iter().map(Operand::into_item).collect()),
            steps,
        )
    }

    /// True if the invariant holds on the element: the result is true, as the public validator
    /// takes it. No result is a failure; one item that is not a boolean, or several items, are
    /// a success.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn holds<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> Result<bool, EvaluationError> {
        self.holds_counted(focus, environment).0
    }

    /// As [`Expression::holds`], with the steps that it took.
    pub fn holds_counted<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> (Result<bool, EvaluationError>, u32) {
        let (items, steps) = Evaluation::evaluate(&self.tree, focus, environment);
        let holds = |items: Items<'a>| match &items {
            Items::One(Operand::Boolean(value)) => *value,
            Items::One(item @ Operand::Node(Node { value, .. }))
                if types::is_boolean(item, environment.model) =>
            {
                value.and_then(Value::as_bool) == Some(true)
            }
            Items::One(Operand::Node(Node {
                value: Some(Value::Bool(value)),
                ..
            })) => *value,
            items => !items.is_empty(),
        };
        (items.map(holds), steps)
    }
}
