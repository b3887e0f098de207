//! Conversions between types (<http://hl7.org/fhirpath/N1/#conversion>).

use super::decimal::Decimal;
use super::evaluate::{Result, Run, Scope};
use super::operand::{Items, Operand, Quantity, Scalar};
use super::syntax::{Call, Function};
use super::temporal::{Precision, Sort, Temporal};

impl<'a> Run<'a, '_> {
    pub(super) fn convert(
        &self,
        base: &Items<'a>,
        call: &'a Call,
        scope: Scope<'a, '_>,
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

/// The value as another type; none if it is not one of it.
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
    let sort = match target {
        Function::ToDate => Sort::Date,
        Function::ToDateTime => Sort::DateTime,
        _ => Sort::Time,
    };
    match value {
        Scalar::Text(text) => match sort {
            Sort::Date => Temporal::parse(text, Sort::DateTime).map(Temporal::to_date),
            Sort::Time => Temporal::parse(text.strip_prefix('T').unwrap_or(text), Sort::Time),
            Sort::DateTime => Temporal::parse(text, Sort::DateTime),
        },
        Scalar::Temporal(value) => match (value.sort, sort) {
            (Sort::Time, Sort::Time) => Some(*value),
            (Sort::Time, _) => None,
            (_, Sort::Date) => Some(value.to_date()),
            (_, Sort::DateTime) => Some(value.to_date_time()),
            (_, Sort::Time) => (value.precision > Precision::Day).then(|| value.to_time()),
        },
        _ => None,
    }
}
