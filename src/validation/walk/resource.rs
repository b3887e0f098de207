//! A resource, alone or inside another: in `contained`, in a Bundle, in Parameters.

use std::rc::Rc;

use serde_json::Value;

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::reference::is_resource_type;
use super::rules::MODIFIER_RULE;
use super::shape::Shape;
use super::spot::{InBundle, ResourceScope, Spot};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Model, Node};
use crate::schema::{ElementType, Structure};
use crate::validation::bundle::IndexedBundle;
use crate::validation::findings::json_type;
use crate::validation::{contained, primitives};

/// The types whose `url` is the address by which others name them
/// (<https://hl7.org/fhir/R4/resource.html#canonical>).
const CANONICAL_RESOURCES: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "EffectEvidenceSynthesis",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "OperationDefinition",
    "PlanDefinition",
    "Questionnaire",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "TestScript",
    "ValueSet",
];

impl<'a> ResourceWalk<'a, '_> {
    /// Checks a resource against the root of a structure of its type.
    pub(super) fn check_resource(&mut self, shape: Shape<'a>, spot: Spot<'a, '_>) {
        let at = spot.at.holding(spot.node);
        let spot = Spot { at: &at, ..spot };
        let around = self.refuses_modifiers;
        self.refuses_modifiers |= shape
            .element
            .constraints
            .iter()
            .any(|rule| *rule.key == *MODIFIER_RULE);
        let has_rules = |value: &Value| {
            ["implicitRules", "_implicitRules"]
                .iter()
                .any(|key| value.get(key).is_some())
        };
        if self.refuses_modifiers && spot.node.value.is_some_and(has_rules) {
            self.refuse_modifier(&at.child("implicitRules"));
        }
        self.check_object(shape, ObjectMembers::of(shape), spot);
        self.refuses_modifiers = around;
    }

    /// Checks a resource inside another one against its type's definition, and the profiles that it
    /// claims or the element asks for.
    pub(super) fn check_inner_resource(
        &mut self,
        of_type: Option<&'a ElementType>,
        spot: Spot<'a, '_>,
    ) {
        let Spot { at, scope, .. } = spot;
        let Some(value) = spot.node.value else {
            return self.error(
                IssueCode::Structure,
                at,
                "expected a resource, found only extensions",
            );
        };
        let Some(structure) = self.definition_of_resource(value, at) else {
            return;
        };
        let node = Node {
            value: Some(value),
            extras: None,
            type_id: self.definitions.type_named(&structure.type_name),
        };
        let is_contained = at.name() == "contained";
        let root = if is_contained { scope.root } else { node };
        let bundle = if is_contained {
            scope.bundle
        } else {
            self.entry_around(at)
        };
        let inner = ResourceScope {
            resource: node,
            root,
            bundle,
            extension: None,
        };
        if of_type.is_some_and(|of_type| of_type.profiles.len() > 1) {
            let scope = &inner;
            self.check_profiles_of_type(of_type, Spot { node, at, scope });
        }
        let asked = of_type.map_or(&[][..], |of_type| &of_type.profiles);
        let asked = if asked.len() == 1 {
            asked.first().map(|profile| &**profile)
        } else {
            None
        };
        let scope = &inner;
        self.check_as_all(structure, asked.as_slice(), Spot { node, at, scope });
    }

    /// Checks the resource that a walk begins with against its type's definition, or the profiles
    /// that it claims and `profiles`; it may stand in an entry of a Bundle that the walk knows.
    pub(super) fn check_root(
        &mut self,
        resource: &'a Value,
        profiles: &[&str],
        bundle: Option<InBundle>,
    ) {
        let name = resource
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap_or("Resource");
        let known = self.definitions.type_named(name).is_some();
        let at = At::root(if known { name } else { "Resource" });
        let Some(structure) = self.definition_of_resource(resource, &at) else {
            return;
        };
        let node = Node {
            value: Some(resource),
            extras: None,
            type_id: self.definitions.type_named(&structure.type_name),
        };
        let scope = ResourceScope {
            resource: node,
            root: node,
            bundle,
            extension: None,
        };
        let (at, scope) = (&at, &scope);
        self.check_as_all(structure, profiles, Spot { node, at, scope });
    }

    /// Returns the entry of the innermost Bundle, if the resource stands there.
    fn entry_around(&self, at: &At<'_>) -> Option<InBundle> {
        let entry = at
            .parent()
            .filter(|entry| at.name() == "resource" && entry.name() == "entry")?;
        Some(InBundle {
            bundle: self.bundles.len().checked_sub(1)?,
            entry: entry.index()?,
        })
    }

    /// Checks a resource against everything that it must fit.
    fn check_as_all(&mut self, of_its_type: &'a Structure, asked: &[&str], spot: Spot<'a, '_>) {
        let Some(resource) = spot.node.value else {
            return;
        };
        let is_bundle = &*of_its_type.type_name == "Bundle";
        if is_bundle {
            let definitions = self.definitions;
            self.bundles
                .push(Rc::new(IndexedBundle::of(resource, move |name| {
                    is_resource_type(definitions, name)
                })));
        }
        for structure in self.structures_for(of_its_type, resource, asked, spot.at) {
            if let Some(shape) = Shape::root(structure) {
                self.check_resource(shape, spot);
            }
        }
        self.check_whole(resource, spot);
        if is_bundle {
            self.bundles.pop();
        }
    }

    /// Checks the rules for a resource as a whole, whatever its profile.
    fn check_whole(&mut self, resource: &'a Value, spot: Spot<'a, '_>) {
        let Spot { at, scope, .. } = spot;
        let sink = &mut *self.sink;
        if let Some(id) = resource.get("id").filter(|id| id.is_string()) {
            let at = at.child("id");
            primitives::check("id", id, &mut |severity, code, what| {
                sink.add(severity, code, &at, "", what)
            });
        }
        if resource.get("id").is_none() && resource.get("_id").is_some() {
            sink.add(
                Severity::Error,
                IssueCode::Value,
                &at.child("id"),
                "",
                "expected an id, found only what stands beside it",
            );
        }
        let kind = resource
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(url) = resource
            .get("url")
            .and_then(Value::as_str)
            .filter(|_| CANONICAL_RESOURCES.contains(&kind))
            && !primitives::is_absolute(url)
        {
            sink.add(
                Severity::Error,
                IssueCode::Value,
                &at.child("url"),
                "",
                "expected an absolute address, found another text",
            );
        }
        if scope
            .root
            .value
            .is_some_and(|root| std::ptr::eq(root, resource))
        {
            contained::check(resource, &mut |severity, code, path, rule, what| {
                sink.add(severity, code, &format_args!("{at}{path}"), rule, what)
            });
        }
        if let Some(entries) = self
            .bundles
            .last()
            .filter(|entries| std::ptr::eq(entries.bundle(), resource))
        {
            entries.check(&mut |severity, code, path, what| {
                sink.add(severity, code, &format_args!("{at}{path}"), "", what)
            });
        }
    }

    /// Returns the definition of a resource's type; if there is none, that is a finding.
    fn definition_of_resource(
        &mut self,
        resource: &'a Value,
        at: &At<'_>,
    ) -> Option<&'a Structure> {
        let Some(name) = resource.get("resourceType").and_then(Value::as_str) else {
            let found = if resource.is_object() {
                "an object without"
            } else {
                json_type(resource)
            };
            self.error(
                IssueCode::Structure,
                at,
                format!("expected a resource with its resourceType, found {found}"),
            );
            return None;
        };
        let found = self
            .definitions
            .type_structure(name)
            .filter(|structure| structure.is_resource() && !structure.is_abstract);
        if found.is_none() {
            self.error(
                IssueCode::Structure,
                at,
                "expected a resource of a type that R4 has, found another resourceType",
            );
        }
        found
    }

    /// Returns the structures to check a resource against: those of the profiles that it claims and
    /// that the element asks for; that of its type if there are none, since a profile says all that
    /// the type says.
    fn structures_for(
        &mut self,
        of_its_type: &'a Structure,
        resource: &'a Value,
        asked: &[&str],
        at: &At<'_>,
    ) -> Vec<&'a Structure> {
        let mut structures: Vec<&'a Structure> = Vec::new();
        for profile in asked {
            match self.definitions.structure(profile) {
                Some(profile) if profile.type_name == of_its_type.type_name => {
                    structures.push(profile)
                }
                Some(profile) if is_general(profile) => {}
                Some(profile) => self.error(
                    IssueCode::Structure,
                    at,
                    format!(
                        "expected the type {}, which its profile is for, found another",
                        profile.type_name
                    ),
                ),
                None => {
                    let what = "expected a profile that the server has, found an unknown one; the \
                        resource is not checked against it";
                    self.sink
                        .add(Severity::Warning, IssueCode::NotSupported, at, "", what);
                }
            }
        }
        let claimed = resource
            .get("meta")
            .and_then(|meta| meta.get("profile"))
            .and_then(Value::as_array);
        for (index, claim) in claimed.into_iter().flatten().enumerate() {
            let Some(claim) = claim.as_str() else {
                continue;
            };
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

    /// Returns the profile that a resource claims to fit; if it cannot be checked, that is a
    /// finding.
    fn claimed(
        &mut self,
        claim: &str,
        of_its_type: &'a Structure,
        at: &At<'_>,
    ) -> Option<&'a Structure> {
        let Some(profile) = self.definitions.structure(claim) else {
            let what = "expected a profile that the server has, found an unknown one; the resource \
                is not checked against it";
            self.sink
                .add(Severity::Warning, IssueCode::NotSupported, at, "", what);
            return None;
        };
        if profile.type_name != of_its_type.type_name && !is_general(profile) {
            let what = format!(
                "expected a profile of this type, found one of {}",
                profile.type_name
            );
            self.error(IssueCode::Structure, at, what);
            return None;
        }
        Some(profile).filter(|profile| profile.type_name == of_its_type.type_name)
    }
}

/// Tells whether a profile is for resources of any type, of which it can say nothing that the walk
/// would not find by their type.
pub(super) fn is_general(profile: &Structure) -> bool {
    matches!(&*profile.type_name, "Resource" | "DomainResource")
}
