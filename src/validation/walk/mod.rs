//! The walk over a resource: one pass over its JSON beside one compiled structure (<https://hl7.org/fhir/R4/validation.html>).
//!
//! Every element is looked at where it stands: its place and number, its JSON type, what it must be
//! equal to or bound to, its rules. What needs a whole noun of its own stands beside: repetitions
//! that are told apart (`slicing`, `discriminator`), extensions, references, codes (`binding`),
//! rules in FHIRPath (`rules`). Pure and total: any JSON gives findings, in the order of the
//! definitions.

mod binding;
mod discriminator;
mod extension;
mod members;
mod path;
mod primitive;
mod reference;
mod resource;
mod rules;
mod slicing;
mod value;
mod whole;

use std::rc::Rc;

use serde_json::Value;

use super::bundle::Entries;
use super::findings::{Sink, json_type};
use super::{datatypes, narrative};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Model, Node};
use crate::schema::{Definitions, Element, ElementType, Structure};

use path::At;
use whole::Whole;

/// How deep profiles can ask for each other while one value is tried against them.
const TRIALS_MAX: usize = 6;

/// One walk: what it is held against, and what it has found.
pub(super) struct Walk<'a, 's> {
    definitions: &'a Definitions,
    sink: &'s mut Sink,
    whole: Rc<Whole<'a>>,
    /// The Bundles that the walk is in, the innermost last.
    bundles: Vec<Rc<Entries<'a>>>,
    /// How many values are being tried against a profile around this walk.
    trials: usize,
    /// True where nothing may be that changes the meaning of what is around it.
    refuses_modifiers: bool,
}

/// What surrounds an element: the resources that its rules and references are about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The resource that the element is in; of a contained resource, itself.
    resource: Node<'a>,
    /// The resource that contains that one, or the same.
    root: Node<'a>,
    /// The Bundle around it, if there is one.
    bundle: Option<InBundle>,
    /// The extension that may stand there or not, while that is looked at.
    extension: Option<Node<'a>>,
}

/// An entry of a Bundle.
#[derive(Clone, Copy)]
pub(super) struct InBundle {
    /// The place of the Bundle among those that the walk is in.
    bundle: usize,
    /// The place of the entry in the Bundle.
    entry: usize,
}

/// An element of a structure: what a value is held against.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    structure: &'a Structure,
    element: &'a Element,
}

impl<'a> Shape<'a> {
    /// The root of a structure.
    fn root(structure: &'a Structure) -> Option<Self> {
        structure
            .elements
            .first()
            .map(|element| Shape { structure, element })
    }

    /// Another element of the same structure.
    fn other(self, index: usize) -> Option<Self> {
        self.structure
            .elements
            .get(index)
            .map(|element| Shape { element, ..self })
    }

    fn children(self) -> impl Iterator<Item = Shape<'a>> {
        self.element
            .children
            .iter()
            .filter_map(move |index| self.other(*index))
    }

    fn slices(self) -> impl Iterator<Item = Shape<'a>> {
        self.element
            .slices
            .iter()
            .filter_map(move |index| self.other(*index))
    }
}

/// Holds a value that should be a resource against its type, the profiles that it claims, and
/// these.
pub(super) fn check(
    definitions: &Definitions,
    resource: &Value,
    profiles: &[&str],
    sink: &mut Sink,
) {
    Walk::of(definitions, resource, sink).check_root(resource, profiles);
}

/// As [`check`]; what changes the meaning of the resource in a way that nobody here understands is
/// a finding too.
pub(super) fn check_to_the_letter(
    definitions: &Definitions,
    resource: &Value,
    profiles: &[&str],
    sink: &mut Sink,
) {
    Walk {
        refuses_modifiers: true,
        ..Walk::of(definitions, resource, sink)
    }
    .check_root(resource, profiles);
}

impl<'a, 's> Walk<'a, 's> {
    fn of(definitions: &'a Definitions, resource: &'a Value, sink: &'s mut Sink) -> Self {
        let whole = Rc::new(Whole::of(resource));
        Walk {
            definitions,
            sink,
            whole,
            bundles: Vec::new(),
            trials: 0,
            refuses_modifiers: false,
        }
    }
}

impl<'a> Walk<'a, '_> {
    fn error(&mut self, code: IssueCode, at: &At<'_>, what: impl AsRef<str>) {
        self.sink.add(Severity::Error, code, at, "", what.as_ref());
    }

    /// True if the walk can end: nothing more will be told, or it has taken too much work, which is
    /// then told.
    fn is_over(&mut self, at: &At<'_>) -> bool {
        if !self.sink.is_settled() && self.whole.is_too_much() {
            let what = "expected a resource that can be checked in bounded work, found so much to be held against each other that the \
                        check ends here";
            self.sink.end(at, what);
        }
        self.sink.is_settled()
    }

    /// Holds one value against an element of the type with this place among the element's types.
    fn check_item(
        &mut self,
        shape: Shape<'a>,
        of_type: Option<&'a ElementType>,
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let at = &at.holding(found);
        if self.is_over(at) {
            return;
        }
        self.whole.looked_at_element();
        if let Some(other) = shape
            .element
            .content_of
            .and_then(|other| shape.other(other))
        {
            return self.check_object(shape, other, found, at, scope);
        }
        let Some(definition) = self.definition_of(of_type) else {
            return self.check_object(shape, shape, found, at, scope);
        };
        if !definition.structure.is_primitive() && !found.value.is_some_and(Value::is_object) {
            // Only its form is told: what is no object has no members, codes or rules.
            return self.check_object(shape, definition, found, at, scope);
        }
        if definition.structure.is_primitive() {
            self.check_primitive(shape, definition.structure, found, at, scope);
        } else if definition.structure.is_resource() {
            self.check_inner_resource(of_type, found, at, scope);
        } else if &*definition.structure.type_name == "Extension" {
            self.check_extension(shape, found, at, scope);
        } else {
            let members = if shape.element.children.is_empty() {
                definition
            } else {
                shape
            };
            self.check_object(shape, members, found, at, scope);
            if shape.element.children.is_empty() {
                self.check_rules(
                    definition.element,
                    &shape.element.constraints,
                    found,
                    at,
                    scope,
                );
            }
            self.check_profiles_of_type(of_type, found, at, scope);
        }
        if let (Some(of_type), Some(value)) = (of_type, found.value) {
            self.check_data_type(of_type, shape.element.binding.is_some(), value, at, scope);
        }
    }

    /// The definition of a type.
    fn definition_of(&self, of_type: Option<&'a ElementType>) -> Option<Shape<'a>> {
        let type_id = of_type?.type_id?;
        let structure = self.definitions.structure_of(type_id);
        Shape::root(structure)
    }

    /// Holds an object against an element, whose members `members` lists.
    fn check_object(
        &mut self,
        shape: Shape<'a>,
        members: Shape<'a>,
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let Some(value) = found.value else {
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
        self.check_members(members, object, found.type_id, at, scope);
        self.check_fixed(shape.element, value, at);
        self.check_binding(shape.element, found, at);
        self.check_rules(shape.element, &[], found, at, scope);
    }

    /// Checks a value against what an element must be equal to, or contain.
    fn check_fixed(&mut self, element: &Element, value: &Value, at: &At<'_>) {
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

    /// A value must fit one of the profiles on its type, if there are any.
    fn check_profiles_of_type(
        &mut self,
        of_type: Option<&'a ElementType>,
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
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
            return self.check_against(profile, found, at, scope);
        }
        if !known.iter().any(|profile| self.fits(profile, found, scope)) {
            let names: Vec<_> = profiles.iter().map(|profile| &**profile).collect();
            self.error(
                IssueCode::Structure,
                at,
                format!(
                    "expected what one of the profiles {} says, found another value",
                    names.join(", ")
                ),
            );
        }
    }

    /// Holds a value that is no resource against a profile on its type.
    fn check_against(
        &mut self,
        profile: &'a Structure,
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        if self.trials > TRIALS_MAX {
            return;
        }
        if let Some(shape) = Shape::root(profile) {
            self.trials += 1;
            self.check_object(shape, shape, found, at, scope);
            self.trials -= 1;
        }
    }

    /// True if a value fits a profile: nothing is found that would refuse it.
    fn fits(&self, profile: &'a Structure, found: Node<'a>, scope: Scope<'a>) -> bool {
        if self.trials > TRIALS_MAX {
            return true;
        }
        match (Shape::root(profile), found.value) {
            (None, _) => true,
            (Some(shape), Some(resource)) if profile.is_resource() => {
                self.whole.fits(resource, profile, || {
                    self.is_fine(
                        |trial, at| trial.check_resource(shape, found, at, scope),
                        profile,
                    )
                })
            }
            (Some(shape), _) => self.is_fine(
                |trial, at| trial.check_object(shape, shape, found, at, scope),
                profile,
            ),
        }
    }

    /// True if a walk of its own finds nothing that refuses.
    fn is_fine(&self, check: impl FnOnce(&mut Walk<'a, '_>, &At<'_>), profile: &Structure) -> bool {
        let mut sink = Sink::of_a_trial();
        let (whole, bundles) = (Rc::clone(&self.whole), self.bundles.clone());
        let (trials, refuses_modifiers) = (self.trials + 1, false);
        let mut trial = Walk {
            definitions: self.definitions,
            sink: &mut sink,
            whole,
            bundles,
            trials,
            refuses_modifiers,
        };
        check(&mut trial, &At::root(&profile.type_name));
        !sink.refuses()
    }

    /// What R4 says of a data type beside its elements.
    fn check_data_type(
        &mut self,
        of_type: &'a ElementType,
        is_bound: bool,
        value: &'a Value,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        if !value.is_object() {
            return;
        }
        let (definitions, sink) = (self.definitions, &mut *self.sink);
        let holder = at.parent().and_then(At::node);
        let surroundings = datatypes::Surroundings {
            in_concept: at.name() == "coding" || is_bound,
            in_extension: holder
                .and_then(|node| node.type_id)
                .is_some_and(|id| definitions.name(id) == "Extension"),
            is_value_set: &|url| definitions.value_set(url).is_some(),
            is_code_system: &|url| definitions.code_system(url).is_some(),
            is_extension: &|url| {
                definitions
                    .structure(url)
                    .is_some_and(|known| &*known.type_name == "Extension")
            },
        };
        datatypes::check(
            &of_type.code,
            value,
            &surroundings,
            &mut |severity, code, path, what| {
                sink.add(severity, code, &format_args!("{at}{path}"), "", what);
            },
        );
        match &*of_type.code {
            "Reference" => self.check_reference(of_type, value, at, scope),
            "Coding" | "Quantity" | "Age" | "Duration" | "Count" | "Distance" => {
                self.check_code_of_system(value, at)
            }
            "Narrative" => self.check_narrative(value, at, scope),
            _ => {}
        }
    }

    fn check_narrative(&mut self, value: &Value, at: &At<'_>, scope: Scope<'a>) {
        let bundle = scope
            .bundle
            .and_then(|inside| self.bundles.get(inside.bundle))
            .map(|entries| entries.bundle());
        let around = bundle.or(scope.root.value);
        let at = at.child("div");
        if let Some(div) = value.get("div").and_then(Value::as_str) {
            let (sink, whole) = (&mut *self.sink, &self.whole);
            narrative::check(
                div,
                &|id| around.is_some_and(|around| whole.has_id(around, id)),
                &mut |severity, code, rule, what| sink.add(severity, code, &at, rule, what),
            );
        }
    }
}
