//! The types of items (<http://hl7.org/fhirpath/N1/#types>,
//! <https://hl7.org/fhir/R4/fhirpath.html#types>).

use serde_json::Value;

use super::navigate::resource_type;
use super::operand::Operand;
use super::syntax::{Namespace, TypeName, TypeTest};
use super::temporal::TemporalKind;
use super::{Model, Node};

const SYSTEM_TYPES: &[&str] = &[
    "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity",
];

/// Returns true if the item is of the type in the sense of the test: `is` accepts every type that
/// specializes it; `as` and `ofType` accept a primitive only by its own name, and `as` ignores the
/// case of letters, as the public validator does for R4.
pub(super) fn fits(
    item: &Operand<'_>,
    type_name: &TypeName,
    test: TypeTest,
    model: &dyn Model,
) -> bool {
    let name = &*type_name.name;
    let same = |own: &str| own == name || (test == TypeTest::As && own.eq_ignore_ascii_case(name));
    match item {
        Operand::Node(_) if type_name.namespace == Namespace::System => false,
        Operand::Node(node) => match node.type_id {
            Some(type_id) => {
                let own = model.name(type_id);
                let is_primitive = own.starts_with(|first: char| first.is_ascii_lowercase());
                same(own) || ((test == TypeTest::Is || !is_primitive) && model.is_a(type_id, name))
            }
            None => own_name(*node).is_some_and(same),
        },
        _ if type_name.namespace == Namespace::Fhir => false,
        value => system_type(value).is_some_and(same),
    }
}

/// Returns true if the element is of the type or of one that specializes it.
pub(super) fn node_is(node: Node<'_>, name: &str, model: &dyn Model) -> bool {
    match node.type_id {
        Some(type_id) => model.name(type_id) == name || model.is_a(type_id, name),
        None => own_name(node) == Some(name),
    }
}

/// Returns true if there is such a type.
pub(super) fn is_known(type_name: &TypeName, model: &dyn Model) -> bool {
    let system = type_name.namespace != Namespace::Fhir && SYSTEM_TYPES.contains(&&*type_name.name);
    let fhir =
        type_name.namespace != Namespace::System && model.type_named(&type_name.name).is_some();
    system || fhir
}

/// Returns true for an element of type boolean, even without a value.
pub(super) fn is_boolean(item: &Operand<'_>, model: &dyn Model) -> bool {
    matches!(item, Operand::Node(Node { type_id: Some(type_id), .. }) if model.name(*type_id) == "boolean")
}

/// Returns the type of an element as far as JSON alone tells it.
fn own_name(node: Node<'_>) -> Option<&str> {
    match node.value? {
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) => Some(if number.is_i64() {
            "integer"
        } else {
            "decimal"
        }),
        Value::String(_) => Some("string"),
        Value::Object(_) => resource_type(node),
        Value::Null | Value::Array(_) => None,
    }
}

/// Returns the type of a value that is no element.
fn system_type(item: &Operand<'_>) -> Option<&'static str> {
    Some(match item {
        Operand::Boolean(_) => "Boolean",
        Operand::Integer(_) => "Integer",
        Operand::Decimal(_) => "Decimal",
        Operand::Text(_) => "String",
        Operand::Temporal(value) => match value.kind {
            TemporalKind::Date => "Date",
            TemporalKind::DateTime => "DateTime",
            TemporalKind::Time => "Time",
        },
        Operand::Quantity(_) => "Quantity",
        Operand::Node(_) | Operand::Type { .. } => return None,
    })
}

/// Returns the result of `type()` for an item.
pub(super) fn type_of<'a>(item: &Operand<'a>, model: &'a dyn Model) -> Option<Operand<'a>> {
    match item {
        Operand::Node(node) => {
            let name = node
                .type_id
                .map(|type_id| model.name(type_id))
                .or_else(|| own_name(*node))?;
            Some(Operand::Type {
                namespace: "FHIR",
                name,
            })
        }
        value => system_type(value).map(|name| Operand::Type {
            namespace: "System",
            name,
        }),
    }
}
