//! Codes, checked against the value set that an element is bound to, and against the code system
//! that they name (<https://hl7.org/fhir/R4/terminologies.html#strength>).

use serde_json::Value;

use super::ResourceWalk;
use super::path::At;
use crate::fhir::{IssueCode, Severity};
use crate::fhirpath::{Model, Node};
use crate::schema::{Doubt, Element, Membership, Selection, Strength};
use crate::validation::findings::quoted;

/// The types that can be bound to codes
/// (<https://hl7.org/fhir/R4/terminologies.html#4.1>), and the specializations of these.
const BINDABLE: &[&str] = &[
    "code",
    "Coding",
    "CodeableConcept",
    "Quantity",
    "Age",
    "Count",
    "Distance",
    "Duration",
    "string",
    "uri",
];

/// The most codes that a finding lists.
const LISTED_MAX: usize = 12;

impl ResourceWalk<'_, '_> {
    /// Checks the codes of a value against the binding of its element.
    pub(super) fn check_binding(&mut self, element: &Element, found: Node<'_>, at: &At<'_>) {
        let Some(binding) = element.binding.as_ref() else {
            return;
        };
        // Of the types of a choice, those without codes are not bound.
        if element.is_choice
            && found
                .type_id
                .is_some_and(|id| !BINDABLE.contains(&self.definitions.name(id)))
        {
            return;
        }
        if let Some(most) = &binding.max_value_set {
            self.check_codes(most, Severity::Error, false, found, at);
        }
        match binding.strength {
            Strength::Required => {
                self.check_codes(&binding.value_set, Severity::Error, true, found, at)
            }
            Strength::Extensible => {
                self.check_codes(&binding.value_set, Severity::Warning, false, found, at)
            }
            Strength::Preferred | Strength::Example => {}
        }
    }

    fn check_codes(
        &mut self,
        value_set: &str,
        severity: Severity,
        needs_code: bool,
        found: Node<'_>,
        at: &At<'_>,
    ) {
        let Some(value) = found.value else { return };
        let codings = codings_of(found);
        let mut doubt = None;
        for (system, code) in &codings {
            match self.definitions.membership(value_set, *system, code) {
                Membership::In => return,
                Membership::Unknown(why) => doubt = Some(why),
                Membership::NotIn => {}
            }
        }
        if let Some(why @ Doubt::OneOfSeveral(_)) = &doubt {
            let what =
                format!("expected a code that is in the value set by every reading, but {why}");
            return self
                .sink
                .add(Severity::Warning, IssueCode::CodeInvalid, at, "", &what);
        }
        if let Some(why) = doubt {
            return self.sink.note(&format!(
                "codes of the value set {} are not all checked: {why}",
                without_version(value_set)
            ));
        }
        let is_text_alone = codings.is_empty() && value.is_object();
        if is_text_alone && !needs_code {
            return;
        }
        let found = codings
            .first()
            .map_or("none".to_owned(), |(_, code)| quoted(code));
        let known = if is_text_alone {
            self.systems_of(value_set)
        } else {
            String::new()
        };
        let what = format!(
            "expected {}{known}, found {found}",
            self.codes_of(value_set)
        );
        self.sink
            .add(severity, IssueCode::CodeInvalid, at, "", &what);
    }

    /// Checks that the code of a Coding, or of a Quantity's unit, is one of its system, if the
    /// system is known.
    pub(super) fn check_code_of_system(&mut self, coded: &Value, at: &At<'_>) {
        let text = |name| coded.get(name).and_then(Value::as_str);
        let (Some(system), Some(code)) = (text("system"), text("code")) else {
            return;
        };
        if self.definitions.code_in_system(system, code) == Membership::NotIn {
            let what = format!(
                "expected a code of the system {}, found {}",
                without_version(system),
                quoted(code)
            );
            self.sink.add(
                Severity::Error,
                IssueCode::CodeInvalid,
                &at.child("code"),
                "",
                &what,
            );
        }
    }

    /// Names the systems whose codes a value set takes, for who sends no code at all.
    fn systems_of(&self, value_set: &str) -> String {
        let Some(known) = self.definitions.value_set(value_set) else {
            return String::new();
        };
        let mut systems: Vec<&str> = Vec::new();
        for part in &known.include {
            if !part.system.is_empty() && !systems.contains(&&*part.system) {
                systems.push(&part.system);
            }
        }
        match systems.len() {
            0 => String::new(),
            1 => format!(" (system {})", systems[0]),
            _ => format!(
                " (systems {})",
                systems[..systems.len().min(LISTED_MAX)].join(", ")
            ),
        }
    }

    /// Names the codes of a value set: all of them if they are few.
    fn codes_of(&self, value_set: &str) -> String {
        let name = without_version(value_set);
        let known = self.definitions.value_set(value_set);
        let few = known.and_then(|known| self.few_codes(&known.include));
        match few {
            Some(codes) => format!("one of {} (value set {name})", codes.join(", ")),
            None => format!("a code of the value set {name}"),
        }
    }

    fn few_codes(&self, selections: &[Selection]) -> Option<Vec<String>> {
        let mut codes = Vec::new();
        for selection in selections {
            match &selection.codes {
                Some(listed) => codes.extend(listed.iter().map(ToString::to_string)),
                None if selection.filters.is_empty() && selection.value_sets.is_empty() => {
                    let system = self.definitions.code_system(&selection.system)?;
                    codes.extend(
                        system
                            .concepts
                            .iter()
                            .take(LISTED_MAX + 1)
                            .map(|concept| concept.code.to_string()),
                    );
                }
                None => return None,
            }
        }
        codes.sort();
        codes.dedup();
        Some(codes).filter(|codes| !codes.is_empty() && codes.len() <= LISTED_MAX)
    }
}

fn without_version(canonical: &str) -> &str {
    canonical.split_once('|').map_or(canonical, |(url, _)| url)
}

/// Returns the systems and codes of a coded value: a code, a Coding, the codings of a
/// CodeableConcept, a Quantity's unit.
pub(super) fn codings_of<'v>(node: Node<'v>) -> Vec<(Option<&'v str>, &'v str)> {
    let of = |coding: &'v Value| {
        let code = coding.get("code").and_then(Value::as_str)?;
        Some((
            Some(coding.get("system").and_then(Value::as_str).unwrap_or("")),
            code,
        ))
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
