//! A primitive: its JSON, its format, its bounds, and the object beside it.

use super::path::At;
use super::{Found, Scope, Shape, Walk};
use crate::fhir::IssueCode;
use crate::schema::Structure;
use crate::validation::findings::json_type;
use crate::validation::{dates, primitives};

impl<'a> Walk<'a, '_> {
    /// Holds a primitive against an element of that type.
    pub(super) fn check_primitive(
        &mut self,
        shape: Shape<'a>,
        definition: &'a Structure,
        found: Found<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let mut is_well_formed = true;
        if let Some(value) = found.value {
            let rule = if matches!(&*definition.type_name, "date" | "dateTime" | "instant") { dates::EXISTS } else { "" };
            let sink = &mut *self.sink;
            primitives::check(&definition.type_name, value, &mut |severity, code, what| {
                is_well_formed = false;
                let rule = if code == IssueCode::Value { rule } else { "" };
                sink.add(severity, code, at, rule, what);
            });
            let element = shape.element;
            primitives::check_bounds(element, value, &mut |severity, code, what| sink.add(severity, code, at, "", what));
            self.check_fixed(element, value, at);
        } else if shape.element.fixed.is_some() || shape.element.pattern.is_some() {
            self.error(IssueCode::Value, at, "expected a value, found only extensions");
        }
        if let Some(extras) = found.extras {
            match extras.as_object() {
                Some(object) if !object.is_empty() => self.check_extras(definition, object, found, at, scope),
                Some(_) => self.error(IssueCode::Structure, at, "expected an object with id or extension beside the value, found an empty one"),
                None => {
                    let what = format!("expected an object with id or extension beside the value, found {}", json_type(extras));
                    self.error(IssueCode::Structure, at, what);
                }
            }
        }
        if is_well_formed {
            self.check_binding(shape.element, found, at);
            let root = definition.elements.first();
            let of_type = root.map_or(&[][..], |root| &root.constraints);
            self.check_rules(shape.element, of_type, found, at, scope);
        }
    }
}
