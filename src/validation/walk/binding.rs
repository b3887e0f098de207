//! Codes: whether they are of the value set that an element is bound to, and of the code system that they name
//! (<https://hl7.org/fhir/R4/terminologies.html#strength>).

use serde_json::Value;

use super::path::At;
use super::{Found, Walk};
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::Node;
use crate::schema::{Binding, Element, Membership, Strength};
use crate::validation::findings::quoted;

impl Walk<'_, '_> {
    /// Checks the codes of a value against the binding of its element.
    pub(super) fn check_binding(&mut self, element: &Element, found: Found<'_>, at: &At<'_>) {
        let Some(binding) = element.binding.as_ref().filter(|binding| binding.strength >= Strength::Extensible) else { return };
        let Some(value) = found.value else { return };
        let codings = codings_of(found.node());
        let is_concept =
            value.get("coding").is_some() || (value.is_object() && value.get("code").is_none() && value.get("value").is_none());
        let mut unknown = None;
        let mut first_wrong = None;
        for (index, (system, code)) in codings.iter().enumerate() {
            match self.definitions.membership(&binding.value_set, *system, code) {
                Membership::In => return,
                Membership::Unknown(why) => unknown = Some(why),
                Membership::NotIn => first_wrong = first_wrong.or(Some(index)),
            }
        }
        if let Some(why) = unknown {
            return self.sink.note(&format!("codes of {} are not checked: {why}", binding.value_set));
        }
        let Some(index) = first_wrong else {
            if binding.strength == Strength::Required && value.is_object() {
                let what = format!("expected a code of the value set {}, found none", without_version(&binding.value_set));
                self.error(IssueCode::CodeInvalid, at, what);
            }
            return;
        };
        let what = self.wrong_code(binding, codings[index].1);
        let severity = if binding.strength == Strength::Required { Severity::Error } else { Severity::Warning };
        let _ = is_concept;
        self.sink.add(severity, IssueCode::CodeInvalid, at, "", &what);
    }

    fn wrong_code(&self, binding: &Binding, found: &str) -> String {
        let value_set = without_version(&binding.value_set);
        let found = quoted(found);
        match self.definitions.value_set(value_set).and_then(|set| set.few_codes()) {
            Some(codes) => format!("expected one of {} (value set {value_set}), found {found}", codes.join(", ")),
            None => format!("expected a code of the value set {value_set}, found {found}"),
        }
    }
}

fn without_version(canonical: &str) -> &str {
    canonical.split_once('|').map_or(canonical, |(url, _)| url)
}

/// The system and code of one coded value: a code, a Coding, a Quantity (its unit).
pub(super) fn system_and_code<'v>(node: Node<'v>) -> Option<(Option<&'v str>, &'v str)> {
    codings_of(node).first().copied()
}

/// The systems and codes of a coded value: a code, a Coding, the codings of a CodeableConcept, a Quantity's unit.
pub(super) fn codings_of<'v>(node: Node<'v>) -> Vec<(Option<&'v str>, &'v str)> {
    let of = |coding: &'v Value| {
        let code = coding.get("code").and_then(Value::as_str)?;
        Some((Some(coding.get("system").and_then(Value::as_str).unwrap_or("")), code))
    };
    match node.value {
        Some(Value::String(code)) => vec![(None, code.as_str())],
        Some(value @ Value::Object(_)) => match value.get("coding") {
            Some(Value::Array(codings)) => codings.iter().filter_map(of).collect(),
            _ => of(value).into_iter().collect(),
        },
        _ => Vec::new(),
    }
}
