//! A resource, alone or inside another: in `contained`, in a Bundle, in Parameters.

use serde_json::{Map, Value};

use super::path::At;
use super::{Found, Scope, Shape, Walk};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Model, Node};
use crate::schema::{ElementType, Structure};
use crate::validation::findings::json_type;
use crate::validation::{bundle, contained, datatypes, narrative};

impl<'a> Walk<'a, '_> {
    /// Holds a resource against the root of a structure of its type.
    pub(super) fn check_resource(&mut self, shape: Shape<'a>, found: Found<'a>, at: &At<'_>, scope: Scope<'a>) {
        let at = &at.holding(found.node());
        self.check_object(shape, shape, found, at, scope);
    }

    /// Holds a resource inside another one against its type's definition, and the profiles that it claims or the element asks for.
    pub(super) fn check_inner_resource(
        &mut self,
        shape: Shape<'a>,
        of_type: Option<&'a ElementType>,
        found: Found<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let Some(value) = found.value else {
            return self.error(IssueCode::Structure, at, "expected a resource, found only extensions");
        };
        let Some(name) = value.get("resourceType").and_then(Value::as_str) else {
            let what = format!("expected a resource with its resourceType, found {}", json_type(value));
            return self.error(IssueCode::Structure, at, what);
        };
        let Some(structure) = self.definitions.type_structure(name).filter(|structure| structure.is_resource() && !structure.is_abstract)
        else {
            return self.error(IssueCode::Structure, at, "expected a resource of a type that R4 has, found another resourceType");
        };
        let node = Node { value: Some(value), extras: None, type_id: self.definitions.type_named(name) };
        let found = Found { value: Some(value), extras: None, type_id: node.type_id };
        let is_contained = at.name() == "contained";
        let root = if is_contained { scope.root } else { node };
        let bundle = if is_contained { scope.bundle } else { scope.bundle.or(enclosing_bundle(scope)) };
        let inner = Scope { resource: node, root, bundle };
        for structure in self.structures_for(structure, value, of_type, at) {
            if let Some(shape) = Shape::root(structure) {
                self.check_resource(shape, found, at, inner);
            }
        }
        let _ = shape;
    }

    /// The structures that a resource is held against: those of the profiles that it claims and that the element asks for; of its
    /// type if there are none of these, since a profile says all that the type says.
    pub(super) fn structures_for(
        &mut self,
        of_its_type: &'a Structure,
        resource: &'a Value,
        of_type: Option<&'a ElementType>,
        at: &At<'_>,
    ) -> Vec<&'a Structure> {
        let mut structures: Vec<&'a Structure> = Vec::new();
        let asked = of_type.map_or(&[][..], |of_type| &of_type.profiles);
        if let [profile] = asked
            && let Some(profile) = self.definitions.structure(profile)
        {
            structures.push(profile);
        }
        let claimed = resource.get("meta").and_then(|meta| meta.get("profile")).and_then(Value::as_array);
        for (index, claim) in claimed.into_iter().flatten().enumerate() {
            let Some(claim) = claim.as_str() else { continue };
            let meta = at.child("meta");
            let at = meta.child("profile").item(index);
            if let Some(profile) = self.claimed(claim, of_its_type, &at)
                && !structures.iter().any(|known| std::ptr::eq(*known, profile))
            {
                structures.push(profile);
            }
        }
        if structures.is_empty() || structures.iter().all(|structure| !structure.is_constraint) {
            structures = vec![of_its_type];
        }
        structures
    }

    /// The profile that a resource claims to fit; a finding if it cannot be checked.
    fn claimed(&mut self, claim: &str, of_its_type: &'a Structure, at: &At<'_>) -> Option<&'a Structure> {
        let Some(profile) = self.definitions.structure(claim) else {
            let what = "expected a profile that the server has, found an unknown one; the resource is not checked against it";
            self.sink.add(Severity::Warning, IssueCode::NotSupported, at, "", what);
            return None;
        };
        if profile.type_name != of_its_type.type_name && !self.is_general(profile) {
            let what = format!("expected a profile of this type, found one of {}", profile.type_name);
            self.error(IssueCode::Structure, at, what);
            return None;
        }
        Some(profile).filter(|profile| profile.type_name == of_its_type.type_name)
    }

    fn is_general(&self, profile: &Structure) -> bool {
        matches!(&*profile.type_name, "Resource" | "DomainResource")
    }
}

fn enclosing_bundle<'a>(scope: Scope<'a>) -> Option<&'a Value> {
    scope.resource.value.filter(|value| value.get("resourceType").and_then(Value::as_str) == Some("Bundle"))
}
