//! Finding a declaration: by the address and the method, or by a name.

use super::declaration::{AddressForm, Declaration, Verb};
use super::{interactions, operations};
use crate::fhir::ResourceType;

/// Returns all declarations.
pub fn all() -> impl Iterator<Item = &'static Declaration> {
    interactions::ROWS.iter().chain(operations::ROWS)
}

/// Returns the interaction that is asked for by a method at addresses of that form, which name that
/// type if they name one.
pub fn at(
    form: AddressForm,
    resource_type: Option<ResourceType>,
    verb: Verb,
) -> Option<&'static Declaration> {
    let mut rows = interactions::ROWS.iter();
    rows.find(|declared| declared.has(form, verb) && declared.is_of(resource_type))
}

/// Returns the names of the operations at addresses of that form, which name that type if they name
/// one.
pub fn operations_at(
    form: AddressForm,
    resource_type: Option<ResourceType>,
) -> impl Iterator<Item = &'static str> {
    let rows = operations::ROWS.iter();
    rows.filter(move |declared| declared.is_at(form) && declared.is_of(resource_type))
        .map(|declared| declared.name)
}

/// Returns the operation of that name at addresses of that form, which name that type if they name
/// one.
pub fn named(
    name: &str,
    form: AddressForm,
    resource_type: Option<ResourceType>,
) -> Option<&'static Declaration> {
    operations::ROWS.iter().find(|declared| {
        declared.name == name && declared.is_at(form) && declared.is_of(resource_type)
    })
}
