//! The rules of an element in FHIRPath.

use std::sync::Arc;

use serde_json::Value;

use super::extension::MODIFIER_RULE;
use super::path::At;
use super::{Scope, Walk};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Environment, EvaluationError, Expression, Item, Node};
use crate::schema::{Constraint, Element, Membership};

impl<'a> Walk<'a, '_> {
    /// Checks the rules of an element, and those of its type that are not among them.
    pub(super) fn check_rules(
        &mut self,
        element: &'a Element,
        of_type: &'a [Arc<Constraint>],
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let own = &element.constraints;
        let others = of_type.iter().filter(|rule| {
            !own.iter()
                .any(|own| Arc::ptr_eq(own, rule) || own.key == rule.key)
        });
        for rule in own.iter().chain(others) {
            if !self.is_answered_by_the_walk(rule, found, scope)
                && let Ok(expression) = rule.evaluable()
            {
                self.check_rule(rule, expression, found, at, scope);
            }
        }
    }

    /// True for a rule that need not be evaluated. Some the walk itself checks: every element has a
    /// value or children, an extension has a value or extensions, a narrative is XHTML with
    /// some content, what is contained is referred to, no extension is one that changes
    /// meanings. That a reference which
    /// begins with `#` names what is contained, it knows to hold: the expression looks at all that
    /// is contained, for every reference.
    fn is_answered_by_the_walk(
        &self,
        rule: &Constraint,
        found: Node<'a>,
        scope: Scope<'a>,
    ) -> bool {
        match &*rule.key {
            "ele-1" | "ext-1" | "txt-1" | "txt-2" | "dom-3" | MODIFIER_RULE => true,
            "ref-1" => {
                let Some(address) = found.value.and_then(|value| value.get("reference")) else {
                    return false;
                };
                // Told as a value of another type; what it was to name cannot be told.
                let Some(address) = address.as_str() else {
                    return true;
                };
                address
                    .strip_prefix('#')
                    .zip(scope.root.value)
                    .is_some_and(|(id, root)| self.whole.contained(root, id).is_some())
            }
            _ => false,
        }
    }

    fn check_rule(
        &mut self,
        rule: &Constraint,
        expression: &'a Expression,
        found: Node<'a>,
        at: &At<'_>,
        scope: Scope<'a>,
    ) {
        let severity = match rule {
            // What is good practice is no fault of a sender who cannot follow it: R4 itself asks
            // for a narrative in this way.
            Constraint {
                is_best_practice: true,
                ..
            } => Severity::Information,
            Constraint { is_error: true, .. } => Severity::Error,
            Constraint {
                is_error: false, ..
            } => Severity::Warning,
        };
        if self.is_over(at) {
            return;
        }
        let found = match self.holds(expression, found, scope) {
            Ok(true) => return,
            Ok(false) => "found otherwise".to_owned(),
            // It follows from what is wrong with the values, which is told.
            Err(_) if self.sink.refuses_at(at) => return,
            Err(EvaluationError(why)) => format!("found what the rule cannot be asked of: {why}"),
        };
        let asked = rule
            .human
            .strip_prefix("Expected ")
            .unwrap_or(&rule.human)
            .trim_end_matches('.');
        let rule_key = rule.key.to_string();
        self.sink.add(
            severity,
            IssueCode::Invariant,
            at,
            rule_key,
            &format!("expected {asked}; {found}"),
        );
    }

    pub(super) fn holds(
        &self,
        expression: &Expression,
        focus: Node<'_>,
        scope: Scope<'a>,
    ) -> Result<bool, EvaluationError> {
        let definitions = self.definitions;
        let environment = Environment {
            model: definitions,
            resource: scope.resource,
            root_resource: scope.root,
            extension: scope.extension,
            now: None,
            resolve: &|reference| self.resolve(reference, scope),
            member_of: &|node: Node<'_>, value_set: &str| {
                let (system, code) = super::binding::system_and_code(node)?;
                match definitions.membership(value_set, system, code) {
                    Membership::In => Some(true),
                    Membership::NotIn => Some(false),
                    Membership::Unknown(_) => None,
                }
            },
            conforms_to: &|node: Node<'_>, profile: &str| {
                Some(self.fits(definitions.structure(profile)?, node, scope))
            },
        };
        let (holds, steps) = expression.holds_counted(focus, &environment);
        self.whole.took(steps.into());
        holds
    }

    /// True if an expression selects this value from the resource; false if it cannot be evaluated.
    pub(super) fn selects(&self, expression: &Expression, held: &Value, scope: Scope<'a>) -> bool {
        let definitions = self.definitions;
        let environment = Environment {
            model: definitions,
            resource: scope.resource,
            root_resource: scope.root,
            extension: scope.extension,
            now: None,
            resolve: &|reference| self.resolve(reference, scope),
            member_of: &|_, _| None,
            conforms_to: &|_, _| None,
        };
        let (items, steps) = expression.evaluate_counted(scope.resource, &environment);
        self.whole.took(steps.into());
        let items = items.unwrap_or_default();
        items.iter().any(|item| matches!(item, Item::Node(Node { value: Some(value), .. }) if std::ptr::eq(*value, held)))
    }
}
