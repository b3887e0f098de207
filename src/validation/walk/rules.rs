//! The rules of an element in FHIRPath, and the other questions that FHIRPath answers for a walk.

use std::sync::Arc;

use serde_json::Value;

use super::ResourceWalk;
use super::binding::system_and_code;
use super::extension::MODIFIER_RULE;
use super::spot::{ResourceScope, Spot};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Environment, EvaluationError, Expression, Item, Node};
use crate::schema::{Constraint, Element, Membership};

impl<'a> ResourceWalk<'a, '_> {
    /// Checks the rules of an element, and those of its type that are not among them.
    pub(super) fn check_rules(
        &mut self,
        element: &'a Element,
        of_type: &'a [Arc<Constraint>],
        spot: Spot<'a, '_>,
    ) {
        let own = &element.constraints;
        let others = of_type.iter().filter(|rule| {
            !own.iter()
                .any(|own| Arc::ptr_eq(own, rule) || own.key == rule.key)
        });
        for rule in own.iter().chain(others) {
            if !self.is_answered_by_the_walk(rule, spot)
                && let Ok(expression) = rule.evaluable()
            {
                self.check_rule(rule, expression, spot);
            }
        }
    }

    /// Tells whether a rule need not be evaluated. The walk itself checks some: every element has a
    /// value or children, an extension has a value or extensions, a narrative is XHTML with some
    /// content, contained resources are referred to, no extension changes meanings. It also knows
    /// when a reference that begins with `#` names a contained resource; the expression would look
    /// at all of them for every reference.
    fn is_answered_by_the_walk(&self, rule: &Constraint, spot: Spot<'a, '_>) -> bool {
        match &*rule.key {
            "ele-1" | "ext-1" | "txt-1" | "txt-2" | "dom-3" | MODIFIER_RULE => true,
            "ref-1" => {
                let Some(address) = spot.node.value.and_then(|value| value.get("reference")) else {
                    return false;
                };
                // It has a finding as a value of another type; its target cannot be known.
                let Some(address) = address.as_str() else {
                    return true;
                };
                address
                    .strip_prefix('#')
                    .zip(spot.scope.root.value)
                    .is_some_and(|(id, root)| self.index.contained(root, id).is_some())
            }
            _ => false,
        }
    }

    /// Evaluates a rule; if it does not hold, that is a finding.
    fn check_rule(&mut self, rule: &Constraint, expression: &'a Expression, spot: Spot<'a, '_>) {
        let Spot { node, at, scope } = spot;
        let severity = match rule {
            // Not following good practice is no error of the sender: R4 itself asks for a narrative
            // in this way.
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
        let found = match self.holds(expression, node, scope) {
            Ok(true) => return,
            Ok(false) => "found otherwise".to_owned(),
            // It follows from errors in the values, which have findings of their own.
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
            &format!("expected {asked}; {found}{}", advice(rule, node)),
        );
    }

    /// Evaluates a rule on an element.
    ///
    /// # Errors
    /// If it cannot be evaluated.
    pub(super) fn holds(
        &self,
        expression: &Expression,
        focus: Node<'_>,
        scope: &ResourceScope<'a>,
    ) -> Result<bool, EvaluationError> {
        let definitions = self.definitions;
        let resolve = |reference: &str| self.resolve(reference, scope);
        let environment = Environment {
            member_of: &|node: Node<'_>, value_set: &str| {
                let (system, code) = system_and_code(node)?;
                match definitions.membership(value_set, system, code) {
                    Membership::In => Some(true),
                    Membership::NotIn => Some(false),
                    Membership::Unknown(_) => None,
                }
            },
            conforms_to: &|node: Node<'_>, profile: &str| {
                Some(self.fits(definitions.structure(profile)?, node, scope))
            },
            ..self.environment(scope, &resolve)
        };
        let (holds, steps) = expression.holds_counted(focus, &environment);
        self.budget.took(steps.into());
        holds
    }

    /// Tells whether an expression selects this value from the resource; false if it cannot be
    /// evaluated.
    pub(super) fn selects(
        &self,
        expression: &Expression,
        held: &Value,
        scope: &ResourceScope<'a>,
    ) -> bool {
        let resolve = |reference: &str| self.resolve(reference, scope);
        let environment = self.environment(scope, &resolve);
        let (items, steps) = expression.evaluate_counted(scope.resource, &environment);
        self.budget.took(steps.into());
        let items = items.unwrap_or_default();
        items.iter().any(|item| {
            matches!(item, Item::Node(Node { value: Some(value), .. }) if std::ptr::eq(*value, held))
        })
    }

    /// Returns the surroundings of an expression, without codes and profiles.
    fn environment<'e>(
        &self,
        scope: &ResourceScope<'a>,
        resolve: &'e dyn Fn(&str) -> Option<Node<'e>>,
    ) -> Environment<'e>
    where
        'a: 'e,
    {
        Environment {
            model: self.definitions,
            resource: scope.resource,
            root_resource: scope.root,
            extension: scope.extension,
            now: None,
            resolve,
            member_of: &|_, _| None,
            conforms_to: &|_, _| None,
        }
    }
}

/// Says how to mend what the words of a rule of R4 do not tell: two ends of a Period that cannot be
/// compared, because one says less than the other.
fn advice(rule: &Constraint, node: Node<'_>) -> &'static str {
    // A year, a month, a day, or with a time.
    let precision = |name: &str| Some(node.value?.get(name)?.as_str()?.len().min(11));
    match (&*rule.key, precision("start"), precision("end")) {
        ("per-1", Some(start), Some(end)) if start != end => {
            "; write both ends alike, as days or with a time, so that they can be compared"
        }
        _ => "",
    }
}
