//! Functions on numbers (<http://hl7.org/fhirpath/N1/#math>), and the clock.
//!
//! Roots, powers and logarithms are computed in binary fractions; all else is exact.

use super::EvaluationError;
use super::decimal::Decimal;
use super::evaluate::{Evaluation, NameScope, Result, error};
use super::operand::{Items, Operand, Quantity, Scalar};
use super::syntax::{Function, FunctionCall};
use super::temporal::Temporal;

impl Function {
    /// Returns true for a function of this file.
    pub(super) fn is_on_numbers(self) -> bool {
        use Function::*;
        matches!(
            self,
            Abs | Ceiling | Exp | Floor | Ln | Log | Power | Round | Sqrt | Truncate
        )
    }
}

impl<'a> Evaluation<'a, '_> {
    pub(super) fn math(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let Some(focus) = self.one(base, call.function.name())? else {
            return Ok(Items::None);
        };
        let number = match focus.scalar(self.environment.model) {
            Some(Scalar::Integer(value)) => Decimal::from(value),
            Some(Scalar::Decimal(value)) => value,
            Some(Scalar::Quantity(quantity)) if call.function == Function::Abs => {
                return Ok(Items::One(Operand::Quantity(Box::new(Quantity {
                    value: quantity.value.absolute(),
                    unit: quantity.unit.into_owned().into(),
                    is_calendar: quantity.is_calendar,
                }))));
            }
            _ => return error(format!("{}() takes a number", call.function.name())),
        };
        let is_integer = matches!(
            focus.scalar(self.environment.model),
            Some(Scalar::Integer(_))
        );
        let whole =
            |value: Option<Decimal>| value.and_then(Decimal::to_integer).map(Operand::Integer);
        let binary = |value: f64| Decimal::from_f64(value).map(Operand::Decimal);
        let result = match call.function {
            Function::Abs if is_integer => whole(Some(number.absolute())),
            Function::Abs => Some(Operand::Decimal(number.absolute())),
            Function::Ceiling => whole(number.negate().floor().map(Decimal::negate)),
            Function::Floor => whole(number.floor()),
            Function::Truncate => whole(number.truncate()),
            Function::Exp => binary(number.to_f64().exp()),
            Function::Ln => binary(number.to_f64().ln()),
            Function::Sqrt => binary(number.to_f64().sqrt()),
            Function::Round => {
                let digits = self.argument(call, 0, scope)?;
                let digits = self.integer(&digits, "round()")?.unwrap_or(0);
                let Ok(digits) = u32::try_from(digits) else {
                    return error("round() takes a number of digits");
                };
                number.round(digits).map(Operand::Decimal)
            }
            function => {
                let argument = self.argument(call, 0, scope)?;
                let Some(argument) = self.number(&argument, function)? else {
                    return Ok(Items::None);
                };
                if function == Function::Log {
                    binary(number.to_f64().log(argument.to_f64()))
                } else {
                    power(number, argument, is_integer)
                }
            }
        };
        Ok(result.into())
    }

    /// Returns the only item as a number; an error if it is something else.
    fn number(&self, items: &Items<'a>, function: Function) -> Result<Option<Decimal>> {
        match self
            .one(items, function.name())?
            .map(|item| item.scalar(self.environment.model))
        {
            None => Ok(None),
            Some(Some(Scalar::Integer(value))) => Ok(Some(Decimal::from(value))),
            Some(Some(Scalar::Decimal(value))) => Ok(Some(value)),
            Some(_) => error(format!("{}() takes a number", function.name())),
        }
    }

    /// Answers `now()`, `today()` and `timeOfDay()`, all for one instant and by the clock in
    /// Copenhagen.
    pub(super) fn clock<'v>(&self, function: Function) -> Result<Items<'v>> {
        let Some(now) = self.environment.now.and_then(Temporal::of_clock) else {
            let why = format!("{}() is not available here", function.name());
            return Err(EvaluationError::Unavailable(why));
        };
        Ok(Items::One(Operand::Temporal(match function {
            Function::Today => now.to_date(),
            Function::TimeOfDay => now.to_time(),
            _ => now,
        })))
    }
}

/// Raises a number to a power; exactly for small whole exponents.
fn power<'v>(base: Decimal, exponent: Decimal, is_integer: bool) -> Option<Operand<'v>> {
    let exact = exponent
        .to_integer()
        .filter(|exponent| (0..=64).contains(exponent));
    let exact = exact.and_then(|exponent| {
        (0..exponent).try_fold(Decimal::from(1), |product, _| product.multiply(base))
    });
    let value = match exact {
        Some(value) => value,
        None => Decimal::from_f64(base.to_f64().powf(exponent.to_f64()))?,
    };
    match value.to_integer() {
        Some(integer) if is_integer && exponent.to_integer().is_some() => {
            Some(Operand::Integer(integer))
        }
        _ => Some(Operand::Decimal(value)),
    }
}
