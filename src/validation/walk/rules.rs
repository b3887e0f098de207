//! The rules of an element in FHIRPath, and the other questions that FHIRPath answers for a walk.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;

use super::ResourceWalk;
use super::binding::codings_of;
use super::spot::{ResourceScope, Spot};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Coded, Environment, EvaluationError, Expression, Item, Node};
use crate::schema::{Constraint, Doubt, Element, Membership};

/// The rule that nothing changes the meaning of a resource that clocks follow. As FHIRPath it would
/// look at every element once more, and could not name the place.
pub(super) const MODIFIER_RULE: &str = "kp-mod-1";

/// The answer to whether a rule holds on an element.
pub(super) enum RuleAnswer {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The data is not what the rule expects, for this reason.
    Unasked(String),
    /// The rule cannot be evaluated here whatever the data, for this reason.
    Unknown(String),
}

impl<'a> ResourceWalk<'a, '_> {
    /// Checks the rules of an element.
    pub(super) fn check_rules(&mut self, element: &'a Element, spot: Spot<'a, '_>) {
        for rule in &element.constraints {
            self.check_rule(rule, spot);
        }
    }

    /// Checks rules that do not stand at the element itself, without those that do.
    pub(super) fn check_further_rules(
        &mut self,
        rules: &'a [Arc<Constraint>],
        element: &'a Element,
        spot: Spot<'a, '_>,
    ) {
        let known = &element.constraints;
        for rule in rules {
            if !known
                .iter()
                .any(|own| Arc::ptr_eq(own, rule) || own.key == rule.key)
            {
                self.check_rule(rule, spot);
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
    fn check_rule(&mut self, rule: &'a Constraint, spot: Spot<'a, '_>) {
        let Spot { node, at, scope } = spot;
        if self.is_answered_by_the_walk(rule, spot) {
            return;
        }
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
        let found = match self.answer(rule, node, scope) {
            RuleAnswer::Yes => return,
            RuleAnswer::No => "found otherwise".to_owned(),
            // It follows from errors in the values, which have findings of their own.
            RuleAnswer::Unasked(_) if self.sink.refuses_at(at) => return,
            RuleAnswer::Unasked(why) => format!("found what the rule cannot be asked of: {why}"),
            RuleAnswer::Unknown(why) => return self.tell_unchecked(&rule.key, &why),
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

    /// Adds that a rule is not checked: once, however many elements it is about. It is no fault of
    /// the sender.
    pub(super) fn tell_unchecked(&mut self, rule_key: &str, why: &str) {
        let what = format!(
            "expected rules that can be evaluated, found rule {rule_key}, which is not checked: {why}"
        );
        self.sink.warn_of_check(rule_key, &what);
    }

    /// Tells whether a rule holds on an element. One that is in words only does.
    pub(super) fn answer(
        &self,
        rule: &Constraint,
        focus: Node<'_>,
        scope: &ResourceScope<'a>,
    ) -> RuleAnswer {
        let expression = match rule.evaluable() {
            Ok(expression) => expression,
            Err(_) if rule.expression.is_empty() => return RuleAnswer::Yes,
            Err(why) => return RuleAnswer::Unknown(why.to_string()),
        };
        let definitions = self.definitions;
        let undecided = RefCell::new(None);
        let resolve =
            |reference: &str, holder: Option<&Value>| self.resolve_of(reference, holder, scope);
        let environment = Environment {
            member_of: &|coded: Coded<'_>, value_set: &str| match self.is_member(coded, value_set) {
                Membership::In => Some(true),
                Membership::NotIn => Some(false),
                Membership::Unknown(doubt) => {
                    undecided.replace(Some(doubt.to_string()));
                    None
                }
            },
            conforms_to: &|node: Node<'_>, profile: &str| {
                let Some(structure) = definitions.structure(profile) else {
                    undecided.replace(Some(format!("the profile {profile} is not known here")));
                    return None;
                };
                Some(self.fits(structure, node, scope))
            },
            ..self.environment(scope, &resolve)
        };
        let (holds, steps) = expression.holds_counted(focus, &environment);
        self.budget.took(steps.into());
        match (holds, undecided.take()) {
            (Ok(true), _) => RuleAnswer::Yes,
            (Ok(false) | Err(_), Some(why)) => RuleAnswer::Unknown(why),
            (Ok(false), None) => RuleAnswer::No,
            (Err(EvaluationError::Data(why)), None) => RuleAnswer::Unasked(why),
            (Err(EvaluationError::Unavailable(why)), None) => RuleAnswer::Unknown(why),
        }
    }

    /// Tells whether a text, or any code of an element, is in a value set. A code without a place
    /// for a system is looked for in all systems of the value set.
    fn is_member(&self, coded: Coded<'_>, value_set: &str) -> Membership {
        let codes = match coded {
            Coded::Element(node) => codings_of(node),
            Coded::Text(code) => vec![(None, code)],
        };
        let mut doubt: Option<Doubt> = None;
        for (system, code) in codes {
            match self.definitions.membership(value_set, system, code) {
                Membership::In => return Membership::In,
                Membership::Unknown(why) => doubt = Some(why),
                Membership::NotIn => {}
            }
        }
        doubt.map_or(Membership::NotIn, Membership::Unknown)
    }

    /// Tells whether an expression selects this value from the resource; false if it cannot be
    /// evaluated.
    pub(super) fn selects(
        &self,
        expression: &Expression,
        held: &Value,
        scope: &ResourceScope<'a>,
    ) -> bool {
        let resolve =
            |reference: &str, holder: Option<&Value>| self.resolve_of(reference, holder, scope);
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
        resolve: &'e dyn Fn(&str, Option<&Value>) -> Option<Node<'e>>,
    ) -> Environment<'e>
    where
        'a: 'e,
    {
        Environment {
            model: self.definitions,
            resource: scope.resource,
            root_resource: scope.root,
            extension: scope.extension,
            now: self.now,
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
