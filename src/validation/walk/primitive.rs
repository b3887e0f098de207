//! A primitive: its JSON, its format, its bounds, and the object beside it.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::shape::Shape;
use super::spot::Spot;
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::Model;
use crate::schema::Structure;
use crate::validation::findings::json_type;
use crate::validation::{dates, primitives};

/// The object beside a primitive that was sent without extensions.
static NO_EXTRAS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl<'a> ResourceWalk<'a, '_> {
    /// Checks a primitive against an element of that type.
    pub(super) fn check_primitive(
        &mut self,
        shape: Shape<'a>,
        definition: &'a Structure,
        spot: Spot<'a, '_>,
    ) {
        let Spot { node, at, .. } = spot;
        let mut is_well_formed = true;
        if let Some(value) = node.value {
            let is_date = matches!(&*definition.type_name, "date" | "dateTime" | "instant");
            let judged = self.without_version_of_system(value, at);
            let sink = &mut *self.sink;
            primitives::check(
                &definition.type_name,
                &judged,
                &mut |severity, code, what| {
                    is_well_formed &= severity > Severity::Error;
                    let rule = match (code, severity) {
                        (IssueCode::Value, Severity::Error) if is_date => dates::EXISTS,
                        (_, Severity::Warning) if is_date => dates::PLAUSIBLE,
                        _ => "",
                    };
                    sink.add(severity, code, at, rule, what);
                },
            );
            // A profile may say something of the value inside the element, too.
            let inside = shape.children().find(is_value).map(|child| child.element);
            for element in std::iter::once(shape.element).chain(inside) {
                self.check_bounds(element, value, at);
                self.check_fixed(element, value, at);
            }
        } else if shape
            .children()
            .find(is_value)
            .is_some_and(|child| child.element.min > 0)
        {
            self.error(
                IssueCode::Required,
                at,
                "expected a value, found only extensions",
            );
        } else if shape.element.fixed.is_some() || shape.element.pattern.is_some() {
            self.error(
                IssueCode::Value,
                at,
                "expected a value, found only extensions",
            );
        }
        if shape.element.fixed.is_some()
            && node
                .extras
                .is_some_and(|extras| extras.get("extension").is_some())
        {
            self.error(
                IssueCode::Value,
                at,
                "expected exactly the value that the profile fixes, found extensions beside it",
            );
        }
        self.check_extras(shape, definition, spot);
        if is_well_formed {
            self.check_binding(shape.element, node, at);
            let root = definition.elements.first();
            let of_type = root.map_or(&[][..], |root| &root.constraints);
            self.check_rules(shape.element, spot);
            self.check_further_rules(of_type, shape.element, spot);
        }
    }

    /// Returns the value whose form is judged: of the system of a Coding, if it is a urn, the part
    /// before a `|version`. That belongs in `version`, but is passed over behind every address.
    fn without_version_of_system<'v>(&self, value: &'v Value, at: &At<'_>) -> Cow<'v, Value> {
        let holder = at.parent().filter(|_| at.name() == "system");
        let is_of_coding = holder
            .and_then(At::node)
            .and_then(|node| node.type_id)
            .is_some_and(|id| self.definitions.name(id) == "Coding");
        let is_version = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        match value.as_str().and_then(|text| text.split_once('|')) {
            Some((system, version))
                if is_of_coding && system.starts_with("urn:") && is_version(version) =>
            {
                Cow::Owned(Value::from(system))
            }
            _ => Cow::Borrowed(value),
        }
    }

    /// Checks the object beside a primitive, which may hold an id and extensions.
    fn check_extras(&mut self, shape: Shape<'a>, definition: &'a Structure, spot: Spot<'a, '_>) {
        let Spot { node, at, .. } = spot;
        let is_profiled = !shape.element.children.is_empty();
        let extras = match node.extras {
            None if is_profiled => &*NO_EXTRAS,
            None => return,
            Some(Value::Object(object)) if !object.is_empty() => object,
            Some(other) => {
                let found = if other.is_object() {
                    "an empty one"
                } else {
                    json_type(other)
                };
                let what = format!(
                    "expected an object with id or extension beside the value, found {found}"
                );
                return self.error(IssueCode::Structure, at, what);
            }
        };
        if node.value.is_none() && !extras.contains_key("extension") {
            let what = "expected a value or extensions, found neither";
            self.sink
                .add(Severity::Error, IssueCode::Invariant, at, "ele-1", what);
        }
        if let Some(whole) = Shape::root(definition) {
            let members = ObjectMembers::listed_by(shape, whole).beside_value();
            self.check_members(members, extras, spot);
        }
    }
}

/// Tells whether that is the child of a primitive that stands for its value.
fn is_value(child: &Shape<'_>) -> bool {
    &*child.element.name == "value"
}
