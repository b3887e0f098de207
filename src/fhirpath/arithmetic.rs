//! Arithmetic on numbers, quantities, texts and dates (<http://hl7.org/fhirpath/N1/#math-1>, <http://hl7.org/fhirpath/N1/#datetime-arithmetic>).
//!
//! Operations without a result (a division by zero, a number that has no room) give nothing;
//! operations without a meaning are errors.

use super::decimal::Decimal;
use super::evaluate::{Evaluation, Result, error};
use super::operand::{Items, Operand, Quantity, Scalar};
use super::syntax::Operator;
use super::temporal::{Temporal, Unit};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn arithmetic(
        &self,
        operator: Operator,
        left: &Operand<'a>,
        right: &Operand<'a>,
    ) -> Result<Items<'a>> {
        let model = self.environment.model;
        let (Some(left), Some(right)) = (left.scalar(model), right.scalar(model)) else {
            return error("arithmetic takes numbers");
        };
        let result = match (&left, &right) {
            (Scalar::Integer(left), Scalar::Integer(right)) if operator != Operator::Divide => {
                return Ok(integers(operator, *left, *right)
                    .map(Operand::Integer)
                    .into());
            }
            (Scalar::Integer(_) | Scalar::Decimal(_), Scalar::Integer(_) | Scalar::Decimal(_)) => {
                let result = decimal(&left)
                    .zip(decimal(&right))
                    .and_then(|(left, right)| decimals(operator, left, right));
                match operator {
                    Operator::WholeDivide => {
                        result.and_then(Decimal::to_integer).map(Operand::Integer)
                    }
                    _ => result.map(Operand::Decimal),
                }
            }
            (Scalar::Text(left), Scalar::Text(right)) if operator == Operator::Add => {
                self.charge((left.len() + right.len()) / 16)?;
                Some(Operand::Text(format!("{left}{right}").into()))
            }
            (Scalar::Temporal(left), Scalar::Quantity(right)) => {
                return moved(operator, *left, right);
            }
            (Scalar::Quantity(left), right) => quantities(operator, left, right),
            (left, Scalar::Quantity(right)) if operator == Operator::Multiply => {
                quantities(operator, right, left)
            }
            _ => return error("arithmetic on values of kinds that cannot be combined"),
        };
        Ok(result.into())
    }
}

fn decimal(scalar: &Scalar<'_>) -> Option<Decimal> {
    match scalar {
        Scalar::Integer(value) => Some(Decimal::from(*value)),
        Scalar::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// Computes with two integers; none for an overflow or a division by zero.
fn integers(operator: Operator, left: i32, right: i32) -> Option<i32> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::WholeDivide => left.checked_div(right),
        Operator::Modulo => left.checked_rem(right),
        _ => None,
    }
}

fn decimals(operator: Operator, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        Operator::Add => left.add(right),
        Operator::Subtract => left.add(right.negate()),
        Operator::Multiply => left.multiply(right),
        Operator::Divide => left.divide(right),
        Operator::WholeDivide => left.whole_quotient(right),
        Operator::Modulo => left.remainder(right),
        _ => None,
    }
}

fn quantities<'a>(
    operator: Operator,
    left: &Quantity<'_>,
    right: &Scalar<'_>,
) -> Option<Operand<'a>> {
    let with_unit = |value: Decimal| {
        let unit = left.unit.clone().into_owned().into();
        Operand::Quantity(Box::new(Quantity {
            value,
            unit,
            is_calendar: left.is_calendar,
        }))
    };
    match (operator, right) {
        (Operator::Add | Operator::Subtract | Operator::Divide, Scalar::Quantity(right))
            if left.unit == right.unit =>
        {
            let value = decimals(operator, left.value, right.value)?;
            let without_unit = || Operand::Quantity(Box::new(Quantity::of_number(value)));
            Some(if operator == Operator::Divide {
                without_unit()
            } else {
                with_unit(value)
            })
        }
        (Operator::Multiply | Operator::Divide, Scalar::Integer(_) | Scalar::Decimal(_)) => {
            decimals(operator, left.value, decimal(right)?).map(with_unit)
        }
        _ => None,
    }
}

/// Moves a date or time later or earlier by a quantity of time.
fn moved<'a>(operator: Operator, from: Temporal, by: &Quantity<'_>) -> Result<Items<'a>> {
    let Some(unit) = Unit::named(&by.unit) else {
        return error("a date can only be moved by a calendar unit of time");
    };
    let (amount, unit) = match unit {
        Unit::Second => (by.value.multiply(Decimal::from(1_000)), Unit::Millisecond),
        unit => (Some(by.value), unit),
    };
    let Some(amount) = amount
        .and_then(Decimal::truncate)
        .and_then(Decimal::to_whole)
    else {
        return Ok(Items::None);
    };
    let amount = match operator {
        Operator::Add => amount,
        Operator::Subtract => -amount,
        _ => return error("only time can be added to a date or taken from it"),
    };
    Ok(from.moved(amount, unit).map(Operand::Temporal).into())
}
