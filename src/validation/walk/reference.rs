//! References: their form, and their targets among the resources at hand
//! (<https://hl7.org/fhir/R4/references.html>).

use std::rc::Rc;

use serde_json::Value;

use super::ResourceWalk;
use super::path::At;
use super::spot::{InBundle, ResourceScope, Spot};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Model, Node};
use crate::schema::{Definitions, ElementType};
use crate::validation::bundle::IndexedBundle;
use crate::validation::{datatypes, primitives};

impl<'a> ResourceWalk<'a, '_> {
    /// Finds the resource that a reference names, if it is contained in the same resource or is an
    /// entry of the same Bundle.
    pub(super) fn resolve(&self, reference: &str, scope: &ResourceScope<'a>) -> Option<Node<'a>> {
        let found = match reference.strip_prefix('#') {
            Some("") => container(scope),
            Some(id) => self.index.contained(scope.root.value?, id),
            None => self
                .entry_named(reference, scope, &mut |_, _, _, _| {})
                .map(|(found, _)| found),
        };
        found.map(|found| self.node_of(found))
    }

    /// Finds the resource that a reference of this element names. In a rule about a whole Bundle, or
    /// Parameters, the element may stand in a resource inside: its references begin there.
    pub(super) fn resolve_of(
        &self,
        reference: &str,
        holder: Option<&Value>,
        scope: &ResourceScope<'a>,
    ) -> Option<Node<'a>> {
        let inside = self.scope_inside(reference, holder, scope);
        self.resolve(reference, inside.as_ref().unwrap_or(scope))
    }

    fn scope_inside(
        &self,
        reference: &str,
        holder: Option<&Value>,
        scope: &ResourceScope<'a>,
    ) -> Option<ResourceScope<'a>> {
        let is_around = |value: &&Value| {
            let name = value.get("resourceType").and_then(Value::as_str);
            matches!(name, Some("Bundle" | "Parameters"))
        };
        let around = scope.resource.value.filter(is_around)?;
        let is_it = |known: &Rc<IndexedBundle<'a>>| std::ptr::eq(known.bundle(), around);
        let bundle = self.bundles.iter().rposition(is_it);
        let within = |entry: usize| bundle.map(|bundle| InBundle { bundle, entry });
        match holder.and_then(|holder| self.index.resource_inside(around, holder)) {
            Some(inside) => {
                let resource = self.node_of(inside.of(around)?);
                Some(ResourceScope {
                    resource,
                    root: resource,
                    bundle: inside.entry.and_then(within).or(scope.bundle),
                    extension: None,
                })
            }
            // Of an absolute address it does not matter in which entry it stands.
            None if primitives::is_absolute(reference) => Some(ResourceScope {
                bundle: Some(within(0)?),
                ..*scope
            }),
            None => None,
        }
    }

    /// Returns what is around a resource to which something in this scope leads: an entry of a Bundle,
    /// or a contained resource.
    pub(super) fn scope_of(
        &self,
        resource: &'a Value,
        scope: &ResourceScope<'a>,
    ) -> ResourceScope<'a> {
        let is_it = |other: &Value| std::ptr::eq(other, resource);
        if scope.resource.value.is_some_and(is_it) {
            return *scope;
        }
        let contained = scope.root.value.and_then(|root| root.get("contained"));
        let mut contained = contained.and_then(Value::as_array).into_iter().flatten();
        let node = self.node_of(resource);
        if scope.root.value.is_some_and(is_it) || contained.any(is_it) {
            return ResourceScope {
                resource: node,
                ..*scope
            };
        }
        let mut bundles = self.bundles.iter().enumerate().rev();
        let around = bundles.find_map(|(bundle, entries)| {
            let inside = self.index.resource_inside(entries.bundle(), resource)?;
            let entry = inside.entry.map(|entry| InBundle { bundle, entry });
            Some((inside.of(entries.bundle())?, entry))
        });
        let (root, bundle) = around.unwrap_or((resource, scope.bundle));
        ResourceScope {
            resource: node,
            root: self.node_of(root),
            bundle,
            extension: None,
        }
    }

    pub(super) fn node_of(&self, resource: &'a Value) -> Node<'a> {
        let name = resource.get("resourceType").and_then(Value::as_str);
        Node {
            value: Some(resource),
            extras: None,
            type_id: name.and_then(|name| self.definitions.type_named(name)),
        }
    }

    /// Finds the resource in the entry of the same Bundle that a reference names, and its place.
    fn entry_named(
        &self,
        reference: &str,
        scope: &ResourceScope<'a>,
        report: &mut datatypes::PathReport<'_>,
    ) -> Option<(&'a Value, InBundle)> {
        let inside = scope.bundle?;
        let entries = self.bundles.get(inside.bundle)?;
        let entry = entries.resolve(inside.entry, reference, report)?;
        let (resource, _) = entries.resource(entry)?;
        Some((resource, InBundle { entry, ..inside }))
    }

    /// Does the same as [`ResourceWalk::resolve`], and adds the findings of the Bundle about the
    /// reference; returns also what is around the target.
    fn resolve_aloud(
        &mut self,
        reference: &str,
        spot: Spot<'a, '_>,
    ) -> Option<(Node<'a>, ResourceScope<'a>)> {
        let Spot { at, scope, .. } = spot;
        if reference.starts_with('#') {
            let resource = self.resolve(reference, scope)?;
            return Some((resource, ResourceScope { resource, ..*scope }));
        }
        let mut findings = Vec::new();
        let found = self.entry_named(reference, scope, &mut |severity, code, path, what| {
            findings.push((severity, code, path.to_owned(), what.to_owned()))
        });
        let bundle = scope
            .bundle
            .and_then(|inside| self.bundles.get(inside.bundle))
            .map(|entries| entries.bundle());
        let holds = |at: &&At<'_>| {
            at.node()
                .and_then(|node| node.value)
                .zip(bundle)
                .is_some_and(|(one, other)| std::ptr::eq(one, other))
        };
        if let Some(around) = std::iter::successors(Some(at), |at| at.parent()).find(holds) {
            for (severity, code, path, what) in findings {
                self.sink
                    .add(severity, code, &format_args!("{around}{path}"), "", &what);
            }
        }
        let (found, place) = found?;
        let resource = self.node_of(found);
        let around = ResourceScope {
            resource,
            root: resource,
            bundle: Some(place),
            extension: None,
        };
        Some((resource, around))
    }

    /// Checks a Reference: its form, and that its target has one of the types, and fits one of the
    /// profiles, that the element allows.
    pub(super) fn check_reference(
        &mut self,
        of_type: &'a ElementType,
        reference: &'a Value,
        spot: Spot<'a, '_>,
    ) {
        let at = spot.at;
        let definitions = self.definitions;
        let address = match reference.get("reference") {
            None => None,
            Some(Value::String(address)) => Some(address.as_str()),
            // It has a finding as a value of another type; its target cannot be known.
            Some(_) => return,
        };
        let target = address.and_then(|address| self.resolve_aloud(address, spot));
        let allowed: Vec<&str> = of_type
            .target_profiles
            .iter()
            .map(|profile| type_of_target(definitions, profile))
            .collect();
        let found = target
            .and_then(|(node, _)| node.value)
            .and_then(|found| found.get("resourceType"))
            .and_then(Value::as_str);
        let targets = datatypes::Targets {
            allowed: &allowed,
            is_resource: &|name| is_resource_type(definitions, name),
            resolve: &|_| {
                found.map_or(
                    datatypes::ReferenceTarget::Elsewhere,
                    datatypes::ReferenceTarget::Found,
                )
            },
        };
        let sink = &mut *self.sink;
        datatypes::check_reference(reference, &targets, &mut |severity, code, path, what| {
            sink.add(severity, code, &format_args!("{at}{path}"), "", what);
        });
        self.check_aggregation(of_type, address, target.is_some(), at);
        self.check_versioning(of_type, address, at);
        if let Some((node, scope)) = target {
            let scope = &scope;
            self.check_target(&of_type.target_profiles, Spot { node, at, scope });
        }
    }

    /// Checks that the target is contained, in the same Bundle, or elsewhere, as the profile asks.
    fn check_aggregation(
        &mut self,
        of_type: &ElementType,
        address: Option<&str>,
        is_at_hand: bool,
        at: &At<'_>,
    ) {
        let Some(address) = address.filter(|_| !of_type.aggregation.is_empty()) else {
            return;
        };
        let found = if address.starts_with('#') {
            "contained"
        } else if is_at_hand {
            "bundled"
        } else {
            "referenced"
        };
        // Whatever is in the same Bundle is also referenced.
        let allows =
            |allowed: &str| allowed == found || (allowed, found) == ("referenced", "bundled");
        if !of_type.aggregation.iter().any(|allowed| allows(allowed)) {
            let words = |name: &str| match name {
                "contained" => "contained in the same resource",
                "bundled" => "an entry of the same Bundle",
                _ => "elsewhere",
            };
            let expected: Vec<_> = of_type.aggregation.iter().map(|name| words(name)).collect();
            let advice = if expected == [words("bundled")] && found == "referenced" {
                "; send both in one transaction"
            } else {
                ""
            };
            let what = format!(
                "expected a target that is {}, found one that is {}{advice}",
                expected.join(" or "),
                words(found)
            );
            self.error(IssueCode::Structure, at, what);
        }
    }

    /// Checks that a reference names a version of its target, or none, as the profile asks. The HL7
    /// validator does not look at this, so it is a warning.
    fn check_versioning(&mut self, of_type: &ElementType, address: Option<&str>, at: &At<'_>) {
        let (Some(address), Some(is_wanted)) = (address, of_type.is_of_version) else {
            return;
        };
        let what = match (is_wanted, address.contains("/_history/")) {
            (true, false) => "expected a reference to one version of the target, found no version",
            (false, true) => "expected a reference to the target in any version, found one of them",
            _ => return,
        };
        let at = at.child("reference");
        self.sink
            .add(Severity::Warning, IssueCode::Value, &at, "", what);
    }

    /// Checks that the target, a contained resource or an entry of the same Bundle, fits one of the
    /// profiles that a reference to it asks for.
    fn check_target(&mut self, targets: &'a [Box<str>], target: Spot<'a, '_>) {
        let Spot { node, at, scope } = target;
        let of_type = |profile: &&str| {
            let name = node.type_id.map(|id| self.definitions.name(id));
            self.definitions
                .structure(profile)
                .is_some_and(|structure| {
                    name == Some(&*structure.type_name) || &*structure.type_name == "Resource"
                })
        };
        let wanted: Vec<&str> = targets
            .iter()
            .map(|profile| &**profile)
            .filter(of_type)
            .collect();
        let any_will_do = wanted.iter().any(|profile| {
            self.definitions
                .structure(profile)
                .is_none_or(|structure| !structure.is_constraint)
        });
        if wanted.is_empty() || any_will_do {
            return;
        }
        let fits = |profile: &&str| {
            self.definitions
                .structure(profile)
                .is_none_or(|structure| self.fits(structure, node, scope))
        };
        if !wanted.iter().any(fits) {
            let what = format!(
                "expected a reference to what one of the profiles {} says, found another resource",
                wanted.join(", ")
            );
            self.error(IssueCode::Structure, at, what);
        }
    }
}

/// Returns the resource around a contained one, which `#` alone names.
fn container<'a>(scope: &ResourceScope<'a>) -> Option<&'a Value> {
    let (root, resource) = (scope.root.value?, scope.resource.value?);
    (!std::ptr::eq(root, resource)).then_some(root)
}

/// Tells whether that is the name of a resource type.
pub(super) fn is_resource_type(definitions: &Definitions, name: &str) -> bool {
    definitions
        .type_named(name)
        .is_some_and(|id| definitions.is_a(id, "Resource"))
}

/// Returns the type that a profile on a target is for; of an unknown one, the end of its address.
fn type_of_target<'d>(definitions: &'d Definitions, profile: &'d str) -> &'d str {
    match definitions.type_id(profile) {
        Some(id) => definitions.name(id),
        None => profile.rsplit('/').next().unwrap_or_default(),
    }
}
