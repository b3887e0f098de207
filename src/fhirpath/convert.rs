//! Conversions between types (<http://hl7.org/fhirpath/N1/#conversion>).

use super::decimal::Decimal;
use super::evaluate::{Evaluation, NameScope, Result};
use super::operand::{Items, Operand, Quantity, Scalar};
use super::syntax::{Function, FunctionCall};
use super::temporal::{Temporal, TemporalKind, TemporalPrecision};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn convert(
        &self,
        base: &Items<'a>,
        call: &'a FunctionCall,
        scope: NameScope<'a, '_>,
    ) -> Result<Items<'a>> {
        let Some(focus) = self.one(base, call.function.name())? else {
            return Ok(Items::None);
        };
        let unit = self.argument(call, 0, scope)?;
        let unit = self.text_argument(&unit, call)?;
        let (target, asks) = match call.function {
            Function::ConvertsToBoolean => (Function::ToBoolean, true),
            Function::ConvertsToInteger => (Function::ToInteger, true),
            Function::ConvertsToDecimal => (Function::ToDecimal, true),
            Function::ConvertsToText => (Function::ToText, true),
            Function::ConvertsToDate => (Function::ToDate, true),
            Function::ConvertsToDateTime => (Function::ToDateTime, true),
            Function::ConvertsToTime => (Function::ToTime, true),
            Function::ConvertsToQuantity => (Function::ToQuantity, true),
            function => (function, false),
        };
        let converted = if target == Function::ToText {
            focus
                .to_text()
                .map(|text| Operand::Text(text.into_owned().into()))
        } else {
            focus
                .scalar(self.environment.model)
                .and_then(|value| converted(target, &value, unit))
        };
        Ok(if asks {
            converted.is_some().into()
        } else {
            converted.into()
        })
    }
}

/// Converts a value to another type; none if it has no such form.
fn converted<'v>(target: Function, value: &Scalar<'_>, unit: Option<&str>) -> Option<Operand<'v>> {
    match target {
        Function::ToBoolean => to_boolean(value).map(Operand::Boolean),
        Function::ToInteger => match value {
            Scalar::Integer(value) => Some(*value),
            Scalar::Boolean(value) => Some(i32::from(*value)),
            Scalar::Text(text) => text.parse().ok(),
            _ => None,
        }
        .map(Operand::Integer),
        Function::ToDecimal => match value {
            Scalar::Integer(value) => Some(Decimal::from(*value)),
            Scalar::Decimal(value) => Some(*value),
            Scalar::Boolean(value) => Some(Decimal::from(i32::from(*value))),
            Scalar::Text(text) => Decimal::parse(text).filter(|_| !text.contains(['e', 'E'])),
            _ => None,
        }
        .map(Operand::Decimal),
        Function::ToQuantity => to_quantity(value)
            .filter(|quantity| unit.is_none_or(|unit| *quantity.unit == *unit))
            .map(|quantity| Operand::Quantity(Box::new(quantity))),
        _ => to_temporal(target, value).map(Operand::Temporal),
    }
}

fn to_boolean(value: &Scalar<'_>) -> Option<bool> {
    let number = |number: Decimal| match number.to_integer() {
        Some(1) => Some(true),
        Some(0) => Some(false),
        _ => None,
    };
    match value {
        Scalar::Boolean(value) => Some(*value),
        Scalar::Integer(value) => number(Decimal::from(*value)),
        Scalar::Decimal(value) => number(*value),
        Scalar::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn to_quantity<'v>(value: &Scalar<'_>) -> Option<Quantity<'v>> {
    match value {
        Scalar::Integer(value) => Some(Quantity::of_number(Decimal::from(*value))),
        Scalar::Decimal(value) => Some(Quantity::of_number(*value)),
        Scalar::Boolean(value) => Some(Quantity::of_number(Decimal::from(i32::from(*value)))),
        Scalar::Quantity(Quantity {
            value,
            unit,
            is_calendar,
        }) => Some(Quantity {
            value: *value,
            unit: unit.clone().into_owned().into(),
            is_calendar: *is_calendar,
        }),
        Scalar::Text(text) => Quantity::parse(text),
        Scalar::Temporal(_) => None,
    }
}

fn to_temporal(target: Function, value: &Scalar<'_>) -> Option<Temporal> {
    let kind = match target {
        Function::ToDate => TemporalKind::Date,
        Function::ToDateTime => TemporalKind::DateTime,
        _ => TemporalKind::Time,
    };
    match value {
        Scalar::Text(text) => match kind {
            TemporalKind::Date => {
                Temporal::parse(text, TemporalKind::DateTime).map(Temporal::to_date)
            }
            TemporalKind::Time => {
                Temporal::parse(text.strip_prefix('T').unwrap_or(text), TemporalKind::Time)
            }
            TemporalKind::DateTime => Temporal::parse(text, TemporalKind::DateTime),
        },
        Scalar::Temporal(value) => match (value.kind, kind) {
            (TemporalKind::Time, TemporalKind::Time) => Some(*value),
            (TemporalKind::Time, _) => None,
            (_, TemporalKind::Date) => Some(value.to_date()),
            (_, TemporalKind::DateTime) => Some(value.to_date_time()),
            (_, TemporalKind::Time) => {
                (value.precision > TemporalPrecision::Day).then(|| value.to_time())
            }
        },
        _ => None,
    }
}
