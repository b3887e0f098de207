//! The material of an evaluation: elements, values, and collections of both.

use std::borrow::Cow;

use serde_json::Value;

use super::decimal::Decimal;
use super::temporal::{Temporal, TemporalKind, Unit};
use super::{Item, Model, Node};

/// One item of a collection.
#[derive(Clone, Debug)]
pub(super) enum Operand<'a> {
    Node(Node<'a>),
    Boolean(bool),
    Integer(i32),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    Temporal(Temporal),
    Quantity(Box<Quantity<'a>>),
    /// The result of `type()`.
    Type {
        namespace: &'static str,
        name: &'a str,
    },
}

/// A number with a unit.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Quantity<'a> {
    pub(super) value: Decimal,
    /// The code of its unit, or the unit in words where it has no code; `1` for a number without
    /// one.
    pub(super) unit: Cow<'a, str>,
    /// True for a unit of the calendar (`1 year`), false for a code (`1 'a'`).
    pub(super) is_calendar: bool,
}

/// The primitive value of an operand.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Scalar<'v> {
    Boolean(bool),
    Integer(i32),
    Decimal(Decimal),
    Text(&'v str),
    Temporal(Temporal),
    Quantity(Quantity<'v>),
}

impl<'a> Operand<'a> {
    /// Returns the primitive value; none for an element that has only children, or a number that is
    /// too long to compute with.
    pub(super) fn scalar<'v>(&'v self, model: &dyn Model) -> Option<Scalar<'v>> {
        Some(match self {
            Operand::Node(node) => return node_scalar(*node, model),
            Operand::Boolean(value) => Scalar::Boolean(*value),
            Operand::Integer(value) => Scalar::Integer(*value),
            Operand::Decimal(value) => Scalar::Decimal(*value),
            Operand::Text(text) => Scalar::Text(text),
            Operand::Temporal(value) => Scalar::Temporal(*value),
            Operand::Quantity(quantity) => {
                let Quantity {
                    value,
                    unit,
                    is_calendar,
                } = &**quantity;
                Scalar::Quantity(Quantity {
                    value: *value,
                    unit: Cow::Borrowed(unit),
                    is_calendar: *is_calendar,
                })
            }
            Operand::Type { .. } => return None,
        })
    }

    /// Returns the text as it stands, if the operand is text; also of dates and codes if they are
    /// elements.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Operand::Node(Node {
                value: Some(Value::String(text)),
                ..
            }) => Some(text),
            Operand::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the primitive value as text; none if there is no value.
    pub(super) fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Operand::Node(node) => match node.value? {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Number(number) => match number.as_str() {
                    text if text.contains(['e', 'E']) => Decimal::parse(text)?.to_string().into(),
                    text => Cow::Borrowed(text),
                },
                Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            },
            Operand::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Operand::Integer(value) => value.to_string().into(),
            Operand::Decimal(value) => value.to_string().into(),
            Operand::Text(text) => Cow::Borrowed(text),
            Operand::Temporal(value) => value.to_string().into(),
            Operand::Quantity(quantity) => quantity.to_text().into(),
            Operand::Type { .. } => return None,
        })
    }

    /// Returns the item of the public interface.
    pub(super) fn into_item(self) -> Item<'a> {
        let number = |text: String| text.parse().map_or(Value::Null, Value::Number);
        Item::Value(match self {
            Operand::Node(node) => return Item::Node(node),
            Operand::Boolean(value) => Value::Bool(value),
            Operand::Integer(value) => value.into(),
            Operand::Decimal(value) => number(value.to_string()),
            Operand::Text(text) => Value::String(text.into_owned()),
            Operand::Temporal(value) => Value::String(value.to_string()),
            Operand::Quantity(quantity) => {
                let unit = if quantity.is_calendar { "unit" } else { "code" };
                serde_json::json!({ "value": number(quantity.value.to_string()), unit: quantity.unit })
            }
            Operand::Type { namespace, name } => {
                serde_json::json!({ "namespace": namespace, "name": name })
            }
        })
    }
}

fn node_scalar<'v>(node: Node<'v>, model: &dyn Model) -> Option<Scalar<'v>> {
    match node.value? {
        Value::Bool(value) => Some(Scalar::Boolean(*value)),
        Value::Number(number) => number_scalar(number.as_str()),
        Value::String(text) => Some(
            match temporal_kind(node, model).and_then(|kind| Temporal::parse(text, kind)) {
                Some(temporal) => Scalar::Temporal(temporal),
                None => Scalar::Text(text),
            },
        ),
        Value::Object(object) => {
            node.type_id
                .filter(|type_id| model.is_a(*type_id, "Quantity"))?;
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            let Some(Value::Number(number)) = object.get("value") else {
                return None;
            };
            let value = Decimal::parse(number.as_str())?;
            let unit = text("code").or_else(|| text("unit")).unwrap_or("1");
            Some(Scalar::Quantity(Quantity {
                value,
                unit: Cow::Borrowed(unit),
                is_calendar: false,
            }))
        }
        Value::Null | Value::Array(_) => None,
    }
}

fn number_scalar(text: &str) -> Option<Scalar<'static>> {
    match text.parse() {
        Ok(integer) => Some(Scalar::Integer(integer)),
        Err(_) => Decimal::parse(text).map(Scalar::Decimal),
    }
}

/// Tells which kind of date or time the text of an element is; none if its type is another one.
pub(super) fn temporal_kind(node: Node<'_>, model: &dyn Model) -> Option<TemporalKind> {
    match model.name(node.type_id?) {
        "date" => Some(TemporalKind::Date),
        "dateTime" | "instant" => Some(TemporalKind::DateTime),
        "time" => Some(TemporalKind::Time),
        _ => None,
    }
}

impl<'v> Quantity<'v> {
    /// Returns a number without a unit.
    pub(super) fn of_number(value: Decimal) -> Self {
        Quantity {
            value,
            unit: Cow::Borrowed("1"),
            is_calendar: false,
        }
    }

    /// Reads `4 days` or `4.5 'mg'` or a number.
    pub(super) fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let end = text
            .find(|c: char| c.is_whitespace() || c == '\'')
            .unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim_start());
        let value = Decimal::parse(number)?;
        if unit.is_empty() {
            return Some(Quantity::of_number(value));
        }
        if let Some(code) = unit
            .strip_prefix('\'')
            .and_then(|unit| unit.strip_suffix('\''))
        {
            return (!code.is_empty()).then(|| Quantity {
                value,
                unit: code.to_owned().into(),
                is_calendar: false,
            });
        }
        calendar_unit(unit).map(|unit| Quantity {
            value,
            unit: Cow::Borrowed(unit),
            is_calendar: true,
        })
    }

    pub(super) fn to_text(&self) -> String {
        if self.is_calendar {
            format!("{} {}", self.value, self.unit)
        } else {
            format!("{} '{}'", self.value, self.unit)
        }
    }

    /// Returns the value and the name of its dimension; values of one dimension compare. A year or
    /// month of the calendar is not the definite duration of the same name.
    pub(super) fn canonical(&self) -> (Decimal, &str) {
        let (length, dimension) = match &*self.unit {
            "a" => (12, "definite month"),
            "mo" => (1, "definite month"),
            unit => match Unit::named(unit) {
                Some(Unit::Year) => (12, "month"),
                Some(Unit::Month) => (1, "month"),
                Some(unit) => (
                    unit.nanoseconds()
                        .and_then(|length| i32::try_from(length / 1_000_000).ok())
                        .unwrap_or(1),
                    "millisecond",
                ),
                None => return (self.value, unit),
            },
        };
        self.value
            .multiply(Decimal::from(length))
            .map_or((self.value, &self.unit), |value| (value, dimension))
    }
}

/// Returns the name of a unit of the calendar in the singular, if the word is one.
pub(super) fn calendar_unit(word: &str) -> Option<&'static str> {
    Some(match word {
        "year" | "years" => "year",
        "month" | "months" => "month",
        "week" | "weeks" => "week",
        "day" | "days" => "day",
        "hour" | "hours" => "hour",
        "minute" | "minutes" => "minute",
        "second" | "seconds" => "second",
        "millisecond" | "milliseconds" => "millisecond",
        _ => return None,
    })
}

/// A collection. Most hold no more than one item, and then take no memory of their own.
#[derive(Clone, Debug)]
pub(super) enum Items<'a> {
    None,
    One(Operand<'a>),
    Many(Vec<Operand<'a>>),
}

impl<'a> Items<'a> {
    pub(super) fn as_slice(&self) -> &[Operand<'a>] {
        match self {
            Items::None => &[],
            Items::One(item) => std::slice::from_ref(item),
            Items::Many(items) => items,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(super) fn push(&mut self, item: Operand<'a>) {
        match self {
            Items::None => *self = Items::One(item),
            Items::One(_) => {
                let Items::One(first) = std::mem::replace(self, Items::None) else {
                    return;
                };
                *self = Items::Many(vec![first, item]);
            }
            Items::Many(items) => items.push(item),
        }
    }

    pub(super) fn append(&mut self, other: Items<'a>) {
        match (&mut *self, other) {
            (_, Items::None) => {}
            (Items::None, other) => *self = other,
            (Items::Many(items), Items::Many(more)) => items.extend(more),
            (_, other) => other.into_iter().for_each(|item| self.push(item)),
        }
    }

    /// Returns the only item; none if there is none or there are several.
    pub(super) fn single(&self) -> Option<&Operand<'a>> {
        match self.as_slice() {
            [item] => Some(item),
            _ => None,
        }
    }
}

impl<'a> IntoIterator for Items<'a> {
    type Item = Operand<'a>;
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<Operand<'a>>, std::vec::IntoIter<Operand<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Items::None => (None, Vec::new()),
            Items::One(item) => (Some(item), Vec::new()),
            Items::Many(items) => (None, items),
        };
        one.into_iter().chain(many)
    }
}

impl<'a> FromIterator<Operand<'a>> for Items<'a> {
    fn from_iter<I: IntoIterator<Item = Operand<'a>>>(items: I) -> Self {
        let mut all = Items::None;
        items.into_iter().for_each(|item| all.push(item));
        all
    }
}

impl<'a> From<Operand<'a>> for Items<'a> {
    fn from(item: Operand<'a>) -> Self {
        Items::One(item)
    }
}

impl<'a> From<Option<Operand<'a>>> for Items<'a> {
    fn from(item: Option<Operand<'a>>) -> Self {
        item.map_or(Items::None, Items::One)
    }
}

impl<'a> From<bool> for Items<'a> {
    fn from(value: bool) -> Self {
        Items::One(Operand::Boolean(value))
    }
}

impl<'a> From<Option<bool>> for Items<'a> {
    fn from(value: Option<bool>) -> Self {
        value.map(Operand::Boolean).into()
    }
}
