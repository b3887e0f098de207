//! Equality, equivalence and order (<http://hl7.org/fhirpath/N1/#equality>, <http://hl7.org/fhirpath/N1/#comparison>).

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

use super::decimal::Decimal;
use super::operand::{Operand, Quantity, Scalar, temporal_kind};
use super::temporal::{Temporal, TemporalKind};
use super::{Model, Node};

/// Returns true if both are the same; none if that cannot be told, as with two dates of different
/// precision.
pub(super) fn equal(left: &Operand<'_>, right: &Operand<'_>, model: &dyn Model) -> Option<bool> {
    if let (
        Operand::Node(Node {
            value: Some(left),
            extras: None,
            ..
        }),
        Operand::Node(Node {
            value: Some(right),
            extras: None,
            ..
        }),
    ) = (left, right)
        && std::ptr::eq(*left, *right)
    {
        return Some(true);
    }
    if let (Some(one), Some(other)) = (left.as_str(), right.as_str()) {
        let dates = is_temporal(left, model) && is_temporal(right, model);
        if one == other || !dates {
            return Some(one == other);
        }
    }
    match (left.scalar(model), right.scalar(model)) {
        // Text is compared with the text form of other values, as the public validator does.
        (
            Some(Scalar::Text(text)),
            Some(Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Decimal(_)),
        ) => Some(right.to_text().is_some_and(|right| right == text)),
        (
            Some(Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Decimal(_)),
            Some(Scalar::Text(text)),
        ) => Some(left.to_text().is_some_and(|left| left == text)),
        (Some(left), Some(right)) => scalars_equal(&left, &right),
        (None, None) => match (left, right) {
            (Operand::Node(left), Operand::Node(right)) => {
                Some(nodes_same(*left, *right, Comparison::Equality))
            }
            (
                Operand::Type { namespace, name },
                Operand::Type {
                    namespace: other,
                    name: other_name,
                },
            ) => Some(namespace == other && name == other_name),
            _ => Some(false),
        },
        _ => Some(false),
    }
}

fn is_temporal(operand: &Operand<'_>, model: &dyn Model) -> bool {
    matches!(operand, Operand::Node(node) if temporal_kind(*node, model).is_some())
}

fn scalars_equal(left: &Scalar<'_>, right: &Scalar<'_>) -> Option<bool> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Some(left.compare(right).is_eq());
    }
    match (left, right) {
        (Scalar::Boolean(left), Scalar::Boolean(right)) => Some(left == right),
        (Scalar::Text(left), Scalar::Text(right)) => Some(left == right),
        (Scalar::Temporal(left), Scalar::Temporal(right)) => left.equal(*right),
        (Scalar::Temporal(temporal), Scalar::Text(text))
        | (Scalar::Text(text), Scalar::Temporal(temporal)) => {
            read_as(text, temporal.kind).map_or(Some(false), |other| other.equal(*temporal))
        }
        _ => match (quantity(left), quantity(right)) {
            (Some(left), Some(right)) => {
                let ((left, dimension), (right, other)) = (left.canonical(), right.canonical());
                (dimension == other).then(|| left.compare(right).is_eq())
            }
            _ => Some(false),
        },
    }
}

fn number(scalar: &Scalar<'_>) -> Option<Decimal> {
    match scalar {
        Scalar::Integer(value) => Some(Decimal::from(*value)),
        Scalar::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// Returns a quantity, or a number as one.
fn quantity<'v>(scalar: &Scalar<'v>) -> Option<Quantity<'v>> {
    match scalar {
        Scalar::Quantity(quantity) => Some(quantity.clone()),
        other => number(other).map(Quantity::of_number),
    }
}

fn read_as(text: &str, kind: TemporalKind) -> Option<Temporal> {
    Temporal::parse(
        text,
        if kind == TemporalKind::Time {
            TemporalKind::Time
        } else {
            TemporalKind::DateTime
        },
    )
}

/// Compares the order of two operands; none if it cannot be told.
///
/// # Errors
/// The operands are of kinds that do not compare.
pub(super) fn order(
    left: &Operand<'_>,
    right: &Operand<'_>,
    model: &dyn Model,
) -> Result<Option<Ordering>, String> {
    let (Some(left), Some(right)) = (left.scalar(model), right.scalar(model)) else {
        return Ok(None);
    };
    if let (Some(left), Some(right)) = (number(&left), number(&right)) {
        return Ok(Some(left.compare(right)));
    }
    match (&left, &right) {
        (Scalar::Text(left), Scalar::Text(right)) => Ok(Some(left.cmp(right))),
        (Scalar::Temporal(left), Scalar::Temporal(right))
            if (left.kind == TemporalKind::Time) == (right.kind == TemporalKind::Time) =>
        {
            Ok(left.order(*right))
        }
        (Scalar::Temporal(left), Scalar::Text(text)) => {
            Ok(read_as(text, left.kind).and_then(|right| left.order(right)))
        }
        (Scalar::Text(text), Scalar::Temporal(right)) => {
            Ok(read_as(text, right.kind).and_then(|left| left.order(*right)))
        }
        (Scalar::Quantity(_), _) | (_, Scalar::Quantity(_)) => {
            match (quantity(&left), quantity(&right)) {
                (Some(left), Some(right)) => {
                    let ((left, dimension), (right, other)) = (left.canonical(), right.canonical());
                    Ok((dimension == other).then(|| left.compare(right)))
                }
                _ => Err(format!(
                    "{} does not compare with {}",
                    kind_of(&left),
                    kind_of(&right)
                )),
            }
        }
        _ => Err(format!(
            "{} does not compare with {}",
            kind_of(&left),
            kind_of(&right)
        )),
    }
}

fn kind_of(scalar: &Scalar<'_>) -> &'static str {
    match scalar {
        Scalar::Boolean(_) => "a boolean",
        Scalar::Integer(_) | Scalar::Decimal(_) => "a number",
        Scalar::Text(_) => "text",
        Scalar::Temporal(value) if value.kind == TemporalKind::Time => "a time",
        Scalar::Temporal(_) => "a date",
        Scalar::Quantity(_) => "a quantity",
    }
}

/// Returns true if both mean the same: texts regardless of case and of the kind of each blank (not
/// of the number of blanks), decimals to the lesser precision, sets regardless of order.
pub(super) fn equivalent(left: &Operand<'_>, right: &Operand<'_>, model: &dyn Model) -> bool {
    match (left.scalar(model), right.scalar(model)) {
        (Some(left), Some(right)) => scalars_equivalent(&left, &right),
        (None, None) => match (left, right) {
            (Operand::Node(left), Operand::Node(right)) => {
                nodes_same(*left, *right, Comparison::Equivalence)
            }
            _ => equal(left, right, model) == Some(true),
        },
        _ => false,
    }
}

fn scalars_equivalent(left: &Scalar<'_>, right: &Scalar<'_>) -> bool {
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => texts_equivalent(left, right),
        (Scalar::Temporal(left), Scalar::Temporal(right)) => {
            left.precision == right.precision && left.equal(*right) == Some(true)
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => decimals_equivalent(left, right),
            _ => match (quantity(left), quantity(right)) {
                (Some(left), Some(right)) => {
                    let ((left, dimension), (right, other)) = (left.canonical(), right.canonical());
                    dimension.trim_start_matches("definite ")
                        == other.trim_start_matches("definite ")
                        && decimals_equivalent(left, right)
                }
                _ => scalars_equal(left, right) == Some(true),
            },
        },
    }
}

fn decimals_equivalent(left: Decimal, right: Decimal) -> bool {
    let scale = left.scale().min(right.scale());
    match (left.round(scale), right.round(scale)) {
        (Some(left), Some(right)) => left.compare(right).is_eq(),
        _ => left.compare(right).is_eq(),
    }
}

fn texts_equivalent(left: &str, right: &str) -> bool {
    let letters = |text: &'_ str| -> Vec<char> {
        let lower = text.chars().flat_map(char::to_lowercase);
        lower
            .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
            .collect()
    };
    left == right || letters(left) == letters(right)
}

fn nodes_same(left: Node<'_>, right: Node<'_>, by: Comparison) -> bool {
    let both = |left: Option<&Value>, right: Option<&Value>| match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => std::ptr::eq(left, right) || same(left, right, by),
        _ => false,
    };
    both(left.value, right.value) && both(left.extras, right.extras)
}

/// The rule by which two pieces of JSON are compared as elements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equality,
    Equivalence,
}

fn same(left: &Value, right: &Value, by: Comparison) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let same_member = |(key, value): (&String, &Value)| {
                right.get(key).is_some_and(|other| same(value, other, by))
            };
            left.len() == right.len() && left.iter().all(same_member)
        }
        (Value::Array(left), Value::Array(right)) => {
            let in_right = |item: &Value| right.iter().any(|other| same(item, other, by));
            left.len() == right.len()
                && match by {
                    Comparison::Equality => left
                        .iter()
                        .zip(right)
                        .all(|(left, right)| same(left, right, by)),
                    Comparison::Equivalence => left.iter().all(in_right),
                }
        }
        (Value::String(left), Value::String(right)) if by == Comparison::Equivalence => {
            texts_equivalent(left, right)
        }
        (Value::Number(left), Value::Number(right)) => match (
            Decimal::parse(left.as_str()),
            Decimal::parse(right.as_str()),
        ) {
            (Some(left), Some(right)) => left.compare(right).is_eq(),
            _ => left == right,
        },
        (left, right) => left == right,
    }
}

/// From so many items on, text is looked up instead of compared with each.
const MANY: usize = 8;

/// Returns true if the distinct items are found by looking texts up rather than by comparing each
/// item with every other.
pub(super) fn are_looked_up(items: &[Operand<'_>], model: &dyn Model) -> bool {
    let plain = |item: &Operand<'_>| item.as_str().is_some() && !is_temporal(item, model);
    items.len() >= MANY && items.iter().all(plain)
}

/// Returns the places of the items that equal none before them.
pub(super) fn distinct(items: &[Operand<'_>], model: &dyn Model) -> Vec<usize> {
    if are_looked_up(items, model) {
        let mut seen = HashSet::with_capacity(items.len());
        return (0..items.len())
            .filter(|index| seen.insert(items[*index].as_str()))
            .collect();
    }
    let mut kept: Vec<usize> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if !kept
            .iter()
            .any(|other| equal(&items[*other], item, model) == Some(true))
        {
            kept.push(index);
        }
    }
    kept
}
