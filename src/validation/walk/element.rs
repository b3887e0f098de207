//! One element: its form, its members, its fixed value and the profiles on its type.

use serde_json::Value;

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::shape::Shape;
use super::spot::Spot;
use super::value;
use crate::fhir::{IssueCode, Severity};
use crate::schema::{Element, ElementType};
use crate::validation::findings::json_type;
use crate::validation::primitives::{self, ValueBounds};

impl<'a> ResourceWalk<'a, '_> {
    /// Checks one value against an element, as a value of one of the element's types.
    pub(super) fn check_item(
        &mut self,
        shape: Shape<'a>,
        of_type: Option<&'a ElementType>,
        spot: Spot<'a, '_>,
    ) {
        let at = spot.at.holding(spot.node);
        let spot = Spot { at: &at, ..spot };
        if self.is_over(&at) {
            return;
        }
        self.budget.looked_at_element();
        if let Some(content) = self.content_of(shape) {
            return self.check_content(shape, content, spot);
        }
        let Some(definition) = self.definition_of(of_type) else {
            return self.check_object(shape, ObjectMembers::of(shape), spot);
        };
        if !definition.structure.is_primitive() && !spot.node.value.is_some_and(Value::is_object) {
            // Only its form is a finding: without an object there are no members, codes or rules.
            return self.check_object(shape, ObjectMembers::of(definition), spot);
        }
        if definition.structure.is_primitive() {
            self.check_primitive(shape, definition.structure, spot);
            self.check_profiles_of_type(of_type, spot);
        } else if definition.structure.is_resource() {
            self.check_inner_resource(of_type, spot);
        } else if &*definition.structure.type_name == "Extension" {
            self.check_extension(shape, of_type, spot);
        } else {
            self.check_complex(shape, definition, spot);
            self.check_profiles_of_type(of_type, spot);
        }
        if let (Some(of_type), Some(value)) = (of_type, spot.node.value) {
            self.check_data_type(of_type, shape.element.binding.is_some(), value, spot);
        }
    }

    /// Returns the definition of a type.
    fn definition_of(&self, of_type: Option<&'a ElementType>) -> Option<Shape<'a>> {
        let type_id = of_type?.type_id?;
        let structure = self.definitions.structure_of(type_id);
        Shape::root(structure)
    }

    /// Checks a value of a complex type, whose members the element lists itself, or leaves to its
    /// type's definition.
    fn check_complex(&mut self, shape: Shape<'a>, definition: Shape<'a>, spot: Spot<'a, '_>) {
        self.check_object(shape, ObjectMembers::listed_by(shape, definition), spot);
        self.check_further_rules(&definition.element.constraints, shape.element, spot);
    }

    /// Checks a value whose content another element says: all that is said there holds here too,
    /// besides how often it may be there
    /// (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.contentReference>).
    fn check_content(&mut self, shape: Shape<'a>, content: Shape<'a>, spot: Spot<'a, '_>) {
        self.check_object(shape, ObjectMembers::listed_by(shape, content), spot);
        if let Some(value @ Value::Object(_)) = spot.node.value {
            self.check_fixed(content.element, value, spot.at);
            self.check_binding(content.element, spot.node, spot.at);
            self.check_further_rules(&content.element.constraints, shape.element, spot);
        }
    }

    /// Returns the element that says what an element contains: of the same structure, or of the one
    /// whose address is before the `#`. So what a profile says of a section holds for sections in
    /// it where its snapshot names its own element, and not where it names the one of R4.
    pub(super) fn content_of(&self, shape: Shape<'a>) -> Option<Shape<'a>> {
        let elsewhere = || {
            let (url, id) = shape
                .element
                .content_elsewhere
                .as_deref()?
                .split_once('#')?;
            let structure = self.definitions.structure(url)?;
            let element = structure.elements.iter().find(|one| *one.id == *id)?;
            Some(Shape { structure, element })
        };
        elsewhere().or_else(|| shape.other(shape.element.content_of?))
    }

    /// Checks an object against an element, whose members `members` lists.
    pub(super) fn check_object(
        &mut self,
        shape: Shape<'a>,
        members: ObjectMembers<'a>,
        spot: Spot<'a, '_>,
    ) {
        let Spot { node, at, .. } = spot;
        let Some(value) = node.value else {
            return self.error(
                IssueCode::Structure,
                at,
                "expected an object, found only the extensions of a simple value",
            );
        };
        let Value::Object(object) = value else {
            return self.error(
                IssueCode::Structure,
                at,
                format!("expected an object, found {}", json_type(value)),
            );
        };
        if object.is_empty() {
            return self.error(
                IssueCode::Structure,
                at,
                "expected an object with members, found an empty one",
            );
        }
        if object.len() == 1 && object.contains_key("id") {
            let what = "expected a value or elements inside, found only an id";
            self.sink
                .add(Severity::Error, IssueCode::Invariant, at, "ele-1", what);
        }
        self.check_members(members, object, spot);
        self.check_fixed(shape.element, value, at);
        self.check_bounds(shape.element, value, at);
        self.check_binding(shape.element, node, at);
        self.check_rules(shape.element, spot);
    }

    /// Checks a value against the bounds of an element.
    pub(super) fn check_bounds(&mut self, element: &Element, value: &Value, at: &At<'_>) {
        let bounds = ValueBounds {
            max_length: element.max_length,
            min_value: element.min_value.as_ref(),
            max_value: element.max_value.as_ref(),
        };
        let sink = &mut *self.sink;
        primitives::check_bounds(value, &bounds, &mut |severity, code, what| {
            sink.add(severity, code, at, "", what)
        });
    }

    /// Checks a value against the fixed value and the pattern of an element.
    pub(super) fn check_fixed(&mut self, element: &Element, value: &Value, at: &At<'_>) {
        if let Some(fixed) = &element.fixed
            && !value::is_fixed(value, fixed)
        {
            self.error(
                IssueCode::Value,
                at,
                format!(
                    "expected exactly {}, found another value",
                    value::describe(fixed)
                ),
            );
        }
        if let Some(pattern) = &element.pattern
            && !value::contains(value, pattern)
        {
            self.error(
                IssueCode::Value,
                at,
                format!("expected {}, found another value", value::describe(pattern)),
            );
        }
    }

    /// Checks that a value fits one of the profiles on its type, if there are any.
    pub(super) fn check_profiles_of_type(
        &mut self,
        of_type: Option<&'a ElementType>,
        spot: Spot<'a, '_>,
    ) {
        let profiles = of_type.map_or(&[][..], |of_type| &of_type.profiles);
        let known: Vec<_> = profiles
            .iter()
            .filter_map(|profile| self.definitions.structure(profile))
            .collect();
        if known.is_empty() || known.len() < profiles.len() {
            return;
        }
        if let [profile] = known[..] {
            return self.check_against(profile, spot);
        }
        if !known
            .iter()
            .any(|profile| self.fits(profile, spot.node, spot.scope))
        {
            let names: Vec<_> = profiles.iter().map(|profile| &**profile).collect();
            self.error(
                IssueCode::Structure,
                spot.at,
                format!(
                    "expected what one of the profiles {} says, found another value",
                    names.join(", ")
                ),
            );
        }
    }
}
