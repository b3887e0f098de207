//! Extensions: their content, and the elements on which they may stand
//! (<https://hl7.org/fhir/R4/extensibility.html>).

use serde_json::Value;

use super::ResourceWalk;
use super::object_members::ObjectMembers;
use super::path::At;
use super::rules::{MODIFIER_RULE, RuleAnswer};
use super::shape::Shape;
use super::spot::{ResourceScope, Spot};
use crate::fhir::{IssueCode, Severity, names};
use crate::fhirpath::{CompileError, Expression, Model, Node};
use crate::schema::{ContextKind, ElementType, Structure};
use crate::validation::primitives;

/// Extensions that R4 itself uses, throughout its own definitions, on other elements than it says.
const ERRATA: &[(&str, &str)] = &[(
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type",
    "ElementDefinition.type",
)];

impl<'a> ResourceWalk<'a, '_> {
    /// Checks an extension against the element that it stands in, and against the definition of its
    /// address.
    pub(super) fn check_extension(
        &mut self,
        shape: Shape<'a>,
        of_type: Option<&'a ElementType>,
        spot: Spot<'a, '_>,
    ) {
        let Spot { node, at, scope } = spot;
        let url = node
            .value
            .and_then(|value| value.get("url"))
            .and_then(Value::as_str);
        let is_absolute = url.is_some_and(primitives::is_absolute);
        let definition = url
            .filter(|_| is_absolute)
            .and_then(|url| self.definitions.structure(url))
            .filter(|known| is_extension(known));
        let by_definition = definition.and_then(Shape::root);
        // The parts of a complex extension, and extensions with a profile of their own, have
        // members of their own.
        let is_profiled = !shape.element.children.is_empty();
        let base = || {
            self.definitions
                .type_structure("Extension")
                .and_then(Shape::root)
        };
        let Some(members) = by_definition.filter(|_| !is_profiled).or_else(base) else {
            return;
        };
        self.check_object(shape, ObjectMembers::listed_by(shape, members), spot);
        if let Some(root) = by_definition {
            if is_profiled {
                self.check_object(root, ObjectMembers::of(root), spot);
            } else {
                self.check_rules(root.element, spot);
            }
        }
        self.check_other_profiles(definition, of_type, spot);
        if url.is_none() && node.value.is_some_and(|value| value.get("_url").is_some()) {
            self.error(
                IssueCode::Required,
                &at.child("url"),
                "expected the address of the extension, found only what stands beside it",
            );
        }
        self.check_has_value_or_parts(node, at);
        if self.refuses_modifiers && at.name() == "modifierExtension" {
            self.refuse_modifier(at);
        }
        match (definition, url) {
            (Some(definition), _) => self.check_modifier(definition, at),
            (None, Some(url)) if is_absolute => self.check_unknown(url, at),
            (None, Some(_)) if !is_profiled => self.check_part(at),
            _ => {}
        }
        if let Some(definition) = definition {
            let scope = ResourceScope {
                extension: Some(node),
                ..*scope
            };
            self.check_place(definition, at, &scope);
        }
    }

    /// Checks an extension against the profiles that the element asks for, unless its own definition
    /// is one of them.
    fn check_other_profiles(
        &mut self,
        definition: Option<&'a Structure>,
        of_type: Option<&'a ElementType>,
        spot: Spot<'a, '_>,
    ) {
        let asked = of_type.map_or(&[][..], |of_type| &of_type.profiles);
        let is_asked = |known: &Structure| {
            let mut asked = asked
                .iter()
                .filter_map(|url| self.definitions.structure(url));
            asked.any(|one| std::ptr::eq(one, known))
        };
        if !definition.is_some_and(is_asked) {
            self.check_profiles_of_type(of_type, spot);
        }
    }

    /// Adds a finding about an element that changes the meaning of the resource around it.
    pub(super) fn refuse_modifier(&mut self, at: &At<'_>) {
        let what = format!(
            "expected nothing that changes the meaning of the resource in a way that the receiver must \
             know, found {}; the server knows none, and might tell a deadline that the sender does \
             not mean",
            at.name()
        );
        self.sink.add(
            Severity::Error,
            IssueCode::Extension,
            at,
            MODIFIER_RULE,
            &what,
        );
    }

    /// Checks rule ext-1 of R4.
    fn check_has_value_or_parts(&mut self, node: Node<'a>, at: &At<'_>) {
        let Some(object) = node.value.and_then(Value::as_object) else {
            return;
        };
        let has_parts = object.contains_key("extension");
        let has_value = object
            .keys()
            .any(|key| key.trim_start_matches('_').starts_with("value"));
        if has_parts == has_value {
            let found = if has_value { "both" } else { "neither" };
            let what = format!("expected either a value or extensions inside, found {found}");
            self.sink
                .add(Severity::Error, IssueCode::Invariant, at, "ext-1", &what);
        }
    }

    fn check_unknown(&mut self, url: &str, at: &At<'_>) {
        let is_ours = url
            .strip_prefix(names::CANONICAL_BASE)
            .is_some_and(|below| below.starts_with('/'));
        if is_ours {
            // Anyone may add extensions, but those of the guide are all known: a misspelt one would
            // be ignored, and with it the postponement or group that it was meant to say.
            self.error(
                IssueCode::Extension,
                &at.child("url"),
                "expected an extension that the guide has, found another",
            );
        } else if is_of_another_version(url) {
            let what = "expected an extension whose definition is loaded, found one for an element of \
                another version of FHIR, which is not checked; its definition comes with a package \
                (--package)";
            let at = at.child("url");
            self.sink
                .add(Severity::Warning, IssueCode::NotSupported, &at, "", what);
        }
    }

    /// Checks that a part of an extension is one that the definition names.
    fn check_part(&mut self, at: &At<'_>) {
        let around = at.parent().and_then(At::node).and_then(|node| node.value);
        let url = around
            .and_then(|extension| extension.get("url"))
            .and_then(Value::as_str);
        if url
            .and_then(|url| self.definitions.structure(url))
            .is_some_and(is_extension)
        {
            self.error(
                IssueCode::Extension,
                &at.child("url"),
                "expected a part that the extension has, found another",
            );
        }
    }

    fn check_modifier(&mut self, definition: &'a Structure, at: &At<'_>) {
        let is_modifier = definition
            .elements
            .first()
            .is_some_and(|root| root.is_modifier);
        let stands_as_modifier = at.name() == "modifierExtension";
        if is_modifier != stands_as_modifier {
            let expected = if is_modifier {
                "modifierExtension"
            } else {
                "extension"
            };
            let what = format!(
                "expected this extension as {expected}, found it as {}",
                at.name()
            );
            self.error(IssueCode::Extension, at, what);
        }
    }

    /// Checks that an extension stands on an element that its definition allows.
    fn check_place(&mut self, definition: &'a Structure, at: &At<'_>, scope: &ResourceScope<'a>) {
        let Some(holder) = at.parent() else { return };
        if definition.contexts.is_empty() {
            return;
        }
        let is_erratum = ERRATA
            .iter()
            .any(|(url, place)| *definition.url == **url && self.is_place(holder, place));
        let mut unknown = None;
        let fits = is_erratum
            || definition
                .contexts
                .iter()
                .any(|context| match context.kind {
                    ContextKind::Element => self.is_place(holder, &context.expression),
                    ContextKind::Extension => is_extension_with(holder, &context.expression),
                    ContextKind::FhirPath => self
                        .is_selected(holder, &context.expression, scope)
                        .unwrap_or_else(|why| {
                            unknown = Some(why);
                            true
                        }),
                });
        if let Some(why) = unknown {
            self.tell_unchecked("context", &why.to_string());
        }
        if !fits {
            let places: Vec<_> = definition
                .contexts
                .iter()
                .map(|context| &*context.expression)
                .collect();
            let what = format!(
                "expected this extension only in {}, found it elsewhere",
                places.join(", ")
            );
            self.error(IssueCode::Extension, at, what);
        }
        if let Some(node) = holder
            .node()
            .filter(|_| !definition.context_invariants.is_empty())
        {
            self.check_context(definition, node, at, scope);
        }
    }

    /// Checks the rules for the element on which an extension stands.
    fn check_context(
        &mut self,
        definition: &'a Structure,
        holder: Node<'_>,
        at: &At<'_>,
        scope: &ResourceScope<'a>,
    ) {
        for rule in definition.context_invariants.iter() {
            match self.answer(rule, holder, scope) {
                RuleAnswer::Yes => {}
                RuleAnswer::No | RuleAnswer::Unasked(_) => {
                    let what = format!(
                        "expected this extension only where {} holds, found it elsewhere",
                        rule.expression
                    );
                    self.error(IssueCode::Extension, at, what);
                }
                RuleAnswer::Unknown(why) => self.tell_unchecked(&rule.key, &why),
            }
        }
    }

    /// Tells whether an element is the one that a context names: by its path, or by its type or one
    /// that it specializes.
    fn is_place(&self, holder: &At<'_>, expression: &str) -> bool {
        let expression = expression.replace("[x]", "");
        let type_id = holder.node().and_then(|node| node.type_id);
        // Extensions for any element are used on resources too, as data-absent-reason is.
        if expression == "Element" {
            return true;
        }
        if type_id.is_some_and(|id| {
            self.definitions.is_a(id, &expression)
                || *self.definitions.element(id).path == *expression
        }) {
            return true;
        }
        let Some((path, name)) = expression.rsplit_once('.') else {
            return false;
        };
        let around = holder
            .parent()
            .and_then(At::node)
            .and_then(|node| node.type_id);
        name == holder.name()
            && around.is_some_and(|id| {
                *self.definitions.element(id).path == *path || self.definitions.is_a(id, path)
            })
    }

    /// Tells whether an element is among those that a context's FHIRPath selects from the resource.
    ///
    /// # Errors
    /// The expression is not supported.
    fn is_selected(
        &self,
        holder: &At<'_>,
        expression: &str,
        scope: &ResourceScope<'a>,
    ) -> Result<bool, CompileError> {
        let expression = Expression::compile(expression)?;
        let held = holder.node().and_then(|node| node.value);
        Ok(held.is_some_and(|held| self.selects(&expression, held, scope)))
    }
}

/// Tells whether that is the address of an extension for an element of another version of FHIR than this
/// one, 4.0 (<https://hl7.org/fhir/R4/versions.html#extensions>).
fn is_of_another_version(url: &str) -> bool {
    url.strip_prefix("http://hl7.org/fhir/")
        .and_then(|rest| rest.split_once("/StructureDefinition/extension-"))
        .is_some_and(|(version, element)| {
            !element.is_empty()
                && version != "4.0"
                && version
                    .split_once('.')
                    .is_some_and(|(major, minor)| is_digits(major) && is_digits(minor))
        })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_extension(structure: &Structure) -> bool {
    &*structure.type_name == "Extension"
}

fn is_extension_with(holder: &At<'_>, url: &str) -> bool {
    holder
        .node()
        .and_then(|node| node.value)
        .and_then(|value| value.get("url"))
        .and_then(Value::as_str)
        == Some(url)
}
