//! References: whether what they name may be named there (<https://hl7.org/fhir/R4/references.html>).

use serde_json::Value;

use super::path::At;
use super::{Scope, Walk};
use crate::fhir::IssueCode;
use crate::fhirpath::{Model, Node};
use crate::schema::{Definitions, ElementType};
use crate::validation::references::target_type;

impl<'a> Scope<'a> {
    /// The resource that a reference names, if it is contained in the same resource or is an entry of the same Bundle.
    pub(super) fn resolve(self, definitions: &'a Definitions, reference: &str) -> Option<Node<'a>> {
        let found = match reference.strip_prefix('#') {
            Some("") => self.root.value,
            Some(id) => contained(self.root.value?, id),
            None => crate::validation::bundle::entry_named(self.bundle?, reference),
        }?;
        let type_id = found.get("resourceType").and_then(Value::as_str).and_then(|name| definitions.type_named(name));
        Some(Node { value: Some(found), extras: None, type_id })
    }
}

/// The contained resource with that id.
pub(super) fn contained<'v>(resource: &'v Value, id: &str) -> Option<&'v Value> {
    resource.get("contained")?.as_array()?.iter().find(|inner| inner.get("id").and_then(Value::as_str) == Some(id))
}

impl<'a> Walk<'a, '_> {
    /// Checks that what a Reference names has one of the types, and fits one of the profiles, that the element allows.
    pub(super) fn check_reference(&mut self, of_type: &'a ElementType, reference: &'a Value, at: &At<'_>, scope: Scope<'a>) {
        let targets = &of_type.target_profiles;
        if targets.is_empty() {
            return;
        }
        let resolved = reference.get("reference").and_then(Value::as_str).and_then(|text| scope.resolve(self.definitions, text));
        let found = match resolved.and_then(|node| node.value) {
            Some(resource) => resource.get("resourceType").and_then(Value::as_str),
            None => scope.root.value.and_then(|root| target_type(reference, root)),
        };
        let Some(found) = found else { return };
        let type_of = |profile: &str| match self.definitions.structure(profile) {
            Some(structure) => structure.type_name.to_string(),
            None => profile.rsplit('/').next().unwrap_or("").to_owned(),
        };
        let mut types: Vec<String> = targets.iter().map(|profile| type_of(profile)).collect();
        types.dedup();
        if !types.iter().any(|name| name == "Resource" || name == found) {
            let known = self.definitions.type_named(found).is_some();
            let found = if known { found } else { "a type that is not one of them" };
            return self.error(IssueCode::Structure, at, format!("expected a reference to {}, found {found}", types.join(" or ")));
        }
        if let Some(node) = resolved {
            self.check_target(targets, node, at, scope);
        }
    }

    /// A contained resource, or an entry of the same Bundle, must fit one of the profiles that a reference to it asks for.
    fn check_target(&mut self, targets: &'a [Box<str>], node: Node<'a>, at: &At<'_>, scope: Scope<'a>) {
        let of_type = |profile: &&str| {
            let name = node.type_id.map(|id| self.definitions.name(id));
            self.definitions
                .structure(profile)
                .is_some_and(|structure| name == Some(&*structure.type_name) || &*structure.type_name == "Resource")
        };
        let wanted: Vec<&str> = targets.iter().map(|profile| &**profile).filter(of_type).collect();
        let any_will_do = wanted.iter().any(|profile| self.definitions.structure(profile).is_none_or(|structure| !structure.is_constraint));
        if wanted.is_empty() || any_will_do {
            return;
        }
        let found = super::Found { value: node.value, extras: None, type_id: node.type_id };
        let inner = Scope { resource: node, ..scope };
        let fits = |profile: &&str| self.definitions.structure(profile).is_none_or(|structure| self.fits(structure, found, inner));
        if !wanted.iter().any(fits) {
            let what = format!("expected a reference to what one of the profiles {} says, found another resource", wanted.join(", "));
            self.error(IssueCode::Structure, at, what);
        }
    }
}
