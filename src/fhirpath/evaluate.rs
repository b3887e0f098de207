//! The evaluation of an expression: paths, operators, and the scope that names are looked up in.
//! Functions are in `call`.

use std::borrow::Cow;
use std::cell::Cell;

use super::operand::{Items, Operand, Quantity, Scalar};
use super::syntax::{Expr, Literal, Operator, TypeTest, Variable};
use super::{Environment, EvaluationError, Node, navigate, types};

/// The most steps of one evaluation: far more than any invariant needs, and soon spent by one that
/// would never end.
const STEPS_MAX: u32 = 4_000_000;

pub(super) type Result<T> = std::result::Result<T, EvaluationError>;

/// One evaluation.
pub(super) struct Evaluation<'a, 'e> {
    pub(super) environment: &'e Environment<'a>,
    /// `%context`
    context: Node<'a>,
    steps: Cell<u32>,
}

/// The meaning of the names in an expression.
#[derive(Clone, Copy)]
pub(super) struct NameScope<'a, 's> {
    /// `$this`, where paths begin; none where a function works on an empty collection.
    pub(super) this: Option<&'s Operand<'a>>,
    /// `$index`
    pub(super) index: i32,
    /// `$total`
    pub(super) total: Option<&'s Items<'a>>,
}

impl<'a, 's> NameScope<'a, 's> {
    /// Returns the scope for a criterion on one item.
    pub(super) fn on(self, this: &'s Operand<'a>, index: usize) -> Self {
        NameScope {
            this: Some(this),
            index: i32::try_from(index).unwrap_or(i32::MAX),
            ..self
        }
    }
}

/// Returns an error with its reason.
pub(super) fn error<T>(why: impl Into<String>) -> Result<T> {
    Err(EvaluationError::Data(why.into()))
}

impl<'a, 'e> Evaluation<'a, 'e> {
    /// Evaluates an expression on an element, and counts the steps.
    pub(super) fn evaluate(
        expr: &'a Expr,
        focus: Node<'a>,
        environment: &'e Environment<'a>,
    ) -> (Result<Items<'a>>, u32) {
        let context = navigate::typed(focus, environment.model);
        let run = Evaluation {
            environment,
            context,
            steps: Cell::new(0),
        };
        let this = Operand::Node(context);
        let items = run.eval(
            expr,
            NameScope {
                this: Some(&this),
                index: 0,
                total: None,
            },
        );
        (items, run.steps.get())
    }

    /// Counts work, so that no evaluation goes on forever.
    pub(super) fn charge(&self, steps: usize) -> Result<()> {
        let spent = self
            .steps
            .get()
            .saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        self.steps.set(spent);
        if spent > STEPS_MAX {
            error("the expression takes too many steps on this element")
        } else {
            Ok(())
        }
    }

    /// Counts the comparison of each of some items with each of others.
    pub(super) fn charge_pairs(&self, left: usize, right: usize) -> Result<()> {
        self.charge(left.saturating_mul(right) / 4)
    }

    pub(super) fn eval(&self, expr: &'a Expr, scope: NameScope<'a, '_>) -> Result<Items<'a>> {
        self.charge(1)?;
        match expr {
            Expr::Literal(literal) => Ok(Items::One(literal_operand(literal))),
            Expr::Nothing => Ok(Items::None),
            Expr::This => Ok(scope.this.cloned().into()),
            Expr::Index => Ok(Items::One(Operand::Integer(scope.index))),
            Expr::Total => Ok(scope.total.cloned().unwrap_or(Items::None)),
            Expr::Variable(variable) => Ok(self.variable(variable)),
            Expr::First(name) => {
                let found = self.first_step(name, scope);
                self.charge(found.as_slice().len())?;
                Ok(found)
            }
            Expr::Member(base, name) => {
                let base = self.eval(base, scope)?;
                let mut found = Items::None;
                base.as_slice()
                    .iter()
                    .for_each(|item| self.step(item, name, &mut found));
                self.charge(base.as_slice().len() + found.as_slice().len())?;
                Ok(found)
            }
            Expr::Call(call) => self.call(call, scope),
            Expr::Indexed(sides) => {
                let (base, index) = (self.eval(&sides.0, scope)?, self.eval(&sides.1, scope)?);
                let Some(index) = self.integer(&index, "an index")? else {
                    return Ok(Items::None);
                };
                let place = usize::try_from(index).ok();
                Ok(place.and_then(|place| base.into_iter().nth(place)).into())
            }
            Expr::Negative(operand) => {
                let operand = self.eval(operand, scope)?;
                let minus_one = Operand::Integer(-1);
                match self.one(&operand, "-")? {
                    Some(operand) => self.arithmetic(Operator::Multiply, operand, &minus_one),
                    None => Ok(Items::None),
                }
            }
            Expr::Binary(operator, sides) => self.binary(*operator, &sides.0, &sides.1, scope),
            Expr::Type(test, operand, name) => {
                let items = self.eval(operand, scope)?;
                let model = self.environment.model;
                if *test == TypeTest::Is {
                    return Ok(items
                        .single()
                        .map(|item| types::fits(item, name, *test, model))
                        .into());
                }
                let any = !items.is_empty();
                let fitting: Items<'a> = items
                    .into_iter()
                    .filter(|item| types::fits(item, name, *test, model))
                    .collect();
                if any && fitting.is_empty() && !types::is_known(name, model) {
                    return error(format!("there is no type {}", name.name));
                }
                Ok(fitting)
            }
        }
    }

    fn variable(&self, variable: &'a Variable) -> Items<'a> {
        let surroundings = self.environment;
        let node = |node| Operand::Node(navigate::typed(node, surroundings.model));
        match variable {
            Variable::Context => Items::One(Operand::Node(self.context)),
            Variable::Resource => Items::One(node(surroundings.resource)),
            Variable::RootResource => Items::One(node(surroundings.root_resource)),
            Variable::Extension => surroundings.extension.map(node).into(),
            Variable::Text(text) => Items::One(Operand::Text(Cow::Borrowed(text))),
        }
    }

    /// Resolves the name that begins a path: the type of `$this`, or one of its children.
    fn first_step(&self, name: &'a str, scope: NameScope<'a, '_>) -> Items<'a> {
        let Some(this) = scope.this else {
            return Items::None;
        };
        if name.starts_with(|first: char| first.is_ascii_uppercase()) {
            let named = matches!(this, Operand::Node(node) if types::node_is(*node, name, self.environment.model));
            return if named {
                Items::One(this.clone())
            } else {
                Items::None
            };
        }
        let mut found = Items::None;
        self.step(this, name, &mut found);
        found
    }

    fn step(&self, item: &Operand<'a>, name: &str, found: &mut Items<'a>) {
        match item {
            Operand::Node(node) => navigate::members(*node, name, self.environment.model, found),
            Operand::Quantity(quantity) => match name {
                "value" => found.push(Operand::Decimal(quantity.value)),
                "unit" | "code" => found.push(Operand::Text(quantity.unit.clone())),
                _ => {}
            },
            Operand::Type {
                namespace,
                name: type_name,
            } => match name {
                "namespace" => found.push(Operand::Text(Cow::Borrowed(namespace))),
                "name" => found.push(Operand::Text(Cow::Borrowed(type_name))),
                _ => {}
            },
            _ => {}
        }
    }

    /// Returns the only item of an operand; an error if there are several.
    pub(super) fn one<'i>(
        &self,
        items: &'i Items<'a>,
        what: &str,
    ) -> Result<Option<&'i Operand<'a>>> {
        match items.as_slice() {
            [] => Ok(None),
            [item] => Ok(Some(item)),
            several => error(format!("{what} takes one item, found {}", several.len())),
        }
    }

    /// Returns the only item as an integer; an error if it is something else.
    pub(super) fn integer(&self, items: &Items<'a>, what: &str) -> Result<Option<i32>> {
        match self
            .one(items, what)?
            .map(|item| item.scalar(self.environment.model))
        {
            None => Ok(None),
            Some(Some(Scalar::Integer(value))) => Ok(Some(value)),
            Some(_) => error(format!("{what} takes an integer")),
        }
    }

    /// Reads a collection as a condition: one item that is not a boolean counts as true.
    pub(super) fn truth(&self, items: &Items<'a>) -> Result<Option<bool>> {
        match items.as_slice() {
            [] => Ok(None),
            [Operand::Boolean(value)] => Ok(Some(*value)),
            [item] => Ok(match item.scalar(self.environment.model) {
                Some(Scalar::Boolean(value)) => Some(value),
                None if types::is_boolean(item, self.environment.model) => None,
                _ => Some(true),
            }),
            several => error(format!(
                "a condition takes one item, found {}",
                several.len()
            )),
        }
    }
}

fn literal_operand(literal: &Literal) -> Operand<'_> {
    match literal {
        Literal::Boolean(value) => Operand::Boolean(*value),
        Literal::Integer(value) => Operand::Integer(*value),
        Literal::Decimal(value) => Operand::Decimal(*value),
        Literal::Text(text) => Operand::Text(Cow::Borrowed(text)),
        Literal::Temporal(value) => Operand::Temporal(*value),
        Literal::Quantity {
            value,
            unit,
            is_calendar,
        } => Operand::Quantity(Box::new(Quantity {
            value: *value,
            unit: Cow::Borrowed(unit),
            is_calendar: *is_calendar,
        })),
    }
}
