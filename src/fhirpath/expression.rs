//! An expression: compiled from text, evaluated on an element.

use serde_json::Value;

use super::environment::{Environment, Item};
use super::error::{CompileError, EvaluationError};
use super::evaluate::Evaluation;
use super::operand::{Items, Operand};
use super::syntax::{Expr, Function, Literal, Variable};
use super::{Node, errata, parse, types};

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    tree: Expr,
}

/// A definition that an expression asks about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedDefinition<'e> {
    /// The address of a value set, in `memberOf()`.
    ValueSet(&'e str),
    /// The address of a profile, in `conformsTo()`.
    Profile(&'e str),
}

impl Expression {
    /// Compiles an expression. The few invariants that R4 publishes with a mistake are compiled as
    /// they are meant.
    ///
    /// # Errors
    /// Its syntax is wrong, or it uses a function or operator that is not supported.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Ok(Expression {
            text: text.into(),
            tree: parse::parse(errata::as_meant(text))?,
        })
    }

    /// Returns the addresses of the value sets and profiles that the expression asks about, as far as
    /// it writes them out.
    pub fn asked_definitions(&self) -> Vec<AskedDefinition<'_>> {
        let mut found = Vec::new();
        self.tree.for_each(&mut |expr| {
            let Expr::Call(call) = expr else { return };
            let address = match call.arguments.first() {
                Some(Expr::Literal(Literal::Text(text)) | Expr::Variable(Variable::Text(text))) => {
                    text
                }
                _ => return,
            };
            match call.function {
                Function::MemberOf => found.push(AskedDefinition::ValueSet(address)),
                Function::ConformsTo => found.push(AskedDefinition::Profile(address)),
                _ => {}
            }
        });
        found
    }

    /// Returns the expression as it was published.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates the expression on an element.
    ///
    /// # Errors
    /// The data is not what the author of the expression expected, for instance several items
    /// instead of one.
    pub fn evaluate<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> Result<Vec<Item<'a>>, EvaluationError> {
        self.evaluate_counted(focus, environment).0
    }

    /// Evaluates the expression as [`Expression::evaluate`] does, but returns the items one by one,
    /// and none in place of an error.
    pub fn items<'a>(
        &'a self,
        focus: Node<'a>,
        environment: &Environment<'a>,
    ) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let (items, _) = Evaluation::evaluate(&self.tree, focus, environment);
        items
            .unwrap_or(Items::None)
            .into_iter()
            .map(Operand::into_item)
    }

    /// Evaluates the expression, and counts the steps. A step takes about ten nanoseconds.
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

    /// Returns true if the invariant holds on the element: if the result is true in the reading of
    /// the public validator. No result is a failure; one item that is not a boolean, or several
    /// items, are a success.
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

    /// Evaluates the invariant as [`Expression::holds`] does, and counts the steps.
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
