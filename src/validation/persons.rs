//! One resource is about one person (fhir-profiles, section 2): a plan never addresses someone
//! else's diagnosis.
//!
//! [`person_references`] finds the references to look up, the caller looks them up in a store, and
//! [`one_person`] makes the findings.

use serde_json::Value;

use super::references::target_type;
use crate::fhir::{Issue, IssueCode, Reference, ResourceKey};

/// Rule: all references name the same person.
const SAME: &str = "kp-person-1";
/// Rule: the Patient is stored.
const STORED: &str = "kp-person-2";
/// Rule: other resources that are named are stored, or arrive later.
const ARRIVES: &str = "kp-person-3";

/// The types that belong to one person, the person included.
const PERSON_BOUND: &[&str] = &[
    "Patient",
    "Condition",
    "CarePlan",
    "ServiceRequest",
    "Encounter",
    "Appointment",
    "Goal",
    "CareTeam",
];

/// Elements that name something of a person even if the reference itself does not tell its type.
const PERSON_ELEMENTS: &[&str] = &[
    "subject",
    "patient",
    "addresses",
    "reasonReference",
    "basedOn",
    "replaces",
    "encounter",
    "goal",
];

/// The elements by which clocks are assigned, started and stopped: an identifier in one of them is
/// a logical reference.
const FOLLOWED: &[&str] = &[
    "subject",
    "patient",
    "addresses",
    "reasonReference",
    "basedOn",
    "replaces",
];

/// A person-bound reference and its target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedReference {
    /// FHIRPath of the reference, as [`person_references`] gave it.
    pub expression: String,
    /// Its target.
    pub target: ReferencedPerson,
}

/// The target of a person-bound reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReferencedPerson {
    /// A Patient, or a resource of that Patient.
    Person(ResourceKey),
    /// A Patient that is not stored (also by an identifier that no stored Patient has, or more than
    /// one).
    PatientNotStored,
    /// Another resource that is not stored: it may arrive later.
    NotYetStored,
    /// A Patient who has another identifier, of the same system, than the reference says beside its
    /// address.
    OtherIdentifier,
    /// Something by identifier alone, or on another server: no clock can follow it.
    NotFollowed,
    /// Nothing of a person.
    NoPerson,
}

/// Finds the references in a resource that name a Patient, or something that belongs to one (a
/// Condition, CarePlan, ServiceRequest, Encounter, Appointment, Goal or CareTeam), each with its FHIRPath; that
/// of the subject first, the others as they stand.
///
/// A Patient's own links are not among them: they name other records of the same person. References
/// to contained resources are left out; what those refer to is not.
pub fn person_references(resource: &Value) -> Vec<(String, &Value)> {
    let kind = resource["resourceType"].as_str().unwrap_or("");
    let mut found = Vec::new();
    if kind != "Patient" {
        walk(resource, resource, "", &mut kind.to_owned(), &mut found);
        let subjects = [format!("{kind}.subject"), format!("{kind}.patient")];
        found.sort_by_key(|(expression, _)| !subjects.contains(expression));
    }
    found
}

fn walk<'a>(
    value: &'a Value,
    resource: &'a Value,
    name: &str,
    path: &mut String,
    found: &mut Vec<(String, &'a Value)>,
) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            if is_person_bound(value, resource, name) {
                found.push((path.clone(), value));
            }
            for (name, member) in members {
                path.push('.');
                path.push_str(if name.starts_with("value") {
                    "value"
                } else {
                    name
                });
                walk(member, resource, name, path, found);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("[{at}]"));
                walk(item, resource, name, path, found);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_person_bound(element: &Value, resource: &Value, name: &str) -> bool {
    match Reference::read(element) {
        Reference::None | Reference::Contained(_) => false,
        Reference::Local(key, _) => PERSON_BOUND.contains(&key.resource_type.as_str()),
        // Everything with an identifier looks like a logical reference: only these elements are
        // certain to be one.
        Reference::Logical(..)
            if !FOLLOWED.contains(&name)
                && element.get("type").is_none_or(|kind| !kind.is_string()) =>
        {
            false
        }
        Reference::Urn(_)
        | Reference::Conditional(_)
        | Reference::External(_)
        | Reference::Logical(..) => target_type(element, resource)
            .map_or(PERSON_ELEMENTS.contains(&name), |kind| {
                PERSON_BOUND.contains(&kind)
            }),
    }
}

/// Returns the findings about the person-bound references of one resource, given their targets: an
/// error for each that names another person than the first (the subject, if [`person_references`]
/// gave the order), an error for a Patient that is not stored, a warning for anything else that is
/// not yet stored or cannot be followed.
pub fn one_person(references: &[ResolvedReference]) -> Vec<Issue> {
    let first = references
        .iter()
        .find_map(|reference| match &reference.target {
            ReferencedPerson::Person(patient) => Some((patient, reference.expression.as_str())),
            ReferencedPerson::PatientNotStored
            | ReferencedPerson::NotYetStored
            | ReferencedPerson::OtherIdentifier
            | ReferencedPerson::NotFollowed
            | ReferencedPerson::NoPerson => None,
        });
    let finding = |reference: &ResolvedReference| {
        let at = reference.expression.as_str();
        match (&reference.target, first) {
            (ReferencedPerson::Person(patient), Some((person, person_at))) if patient != person => {
                let text = format!(
                    "{at}: expected a reference to something of the same person as {person_at}, \
                     found another person's"
                );
                Some(Issue::error(IssueCode::BusinessRule, at, text).by_rule(SAME))
            }
            (ReferencedPerson::PatientNotStored, _) => {
                let text = format!(
                    "{at}: expected a reference to one stored Patient, found none that is stored; \
                     send the Patient first"
                );
                Some(Issue::error(IssueCode::BusinessRule, at, text).by_rule(STORED))
            }
            (ReferencedPerson::NotYetStored, _) => {
                let text = format!(
                    "{at}: expected a reference to a stored resource, found one that is not \
                     stored; it counts from when it is"
                );
                Some(Issue::warning(IssueCode::NotFound, at, text).by_rule(ARRIVES))
            }
            (ReferencedPerson::OtherIdentifier, _) => {
                let text = format!(
                    "{at}: expected 'reference' and 'identifier' to name one Patient, found an \
                     identifier that differs from the Patient's own"
                );
                Some(Issue::error(IssueCode::BusinessRule, at, text).by_rule(SAME))
            }
            (ReferencedPerson::NotFollowed, _) => {
                let text = format!(
                    "{at}: expected a reference to a resource of this server, such as Condition/7, or in a \
                     transaction Condition?identifier=…; found one that is kept as it is and counts for \
                     no deadline"
                );
                Some(Issue::warning(IssueCode::NotSupported, at, text))
            }
            (ReferencedPerson::Person(_) | ReferencedPerson::NoPerson, _) => None,
        }
    };
    references.iter().filter_map(finding).collect()
}
