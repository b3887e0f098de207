//! Checking the references of incoming resources: that the person is stored, that all is of one
//! person, and what is not here yet. It looks at what was gathered before.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::fhir::{Issue, IssueCode, Reference, ResourceKey, ResourceType, reference, view};
use crate::interactions::ReferencePolicy;
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::pending::{Pending, person_of};
use crate::search::{Clause, SearchQuery};
use crate::storage::{Precondition, SearchError};
use crate::validation::{self, ReferencedPerson, ResolvedReference};

/// The resources of this server that a resource names, each with the place of the reference.
pub(in crate::interactions::writing) type Named = Vec<(String, ResourceKey)>;

/// Returns the resources that a resource names: they must be gathered before the check.
pub(in crate::interactions::writing) fn named(resource: &Value) -> Named {
    let mut named = Vec::new();
    let type_name = resource["resourceType"].as_str().unwrap_or("");
    reference::for_each(type_name, resource, &mut |path, element| {
        if let Reference::Local(key, _) = Reference::read(element) {
            named.push((path.to_owned(), key));
        }
    });
    named
}

/// Returns the findings about what a resource refers to. Where it is refused that something is not
/// stored, the commit will insist that what is here stays.
///
/// # Errors
/// Of the store.
pub(in crate::interactions::writing) fn check(
    gathering: &mut Gathering<'_>,
    resource: &Value,
    named: &Named,
    pending: &Pending,
) -> Result<Vec<Issue>, SearchError> {
    let policy = gathering.server().references;
    let mut issues = Vec::new();
    let known = AfterWrites {
        gathering: &*gathering,
        pending,
    };
    let of_persons = validation::person_references(resource);
    let mut resolved: Vec<ResolvedReference> = of_persons
        .iter()
        .map(|(expression, element)| ResolvedReference {
            expression: expression.clone(),
            target: known.target(expression, element),
        })
        .collect();
    if policy == ReferencePolicy::Strict {
        // That it is not stored is refused below, wherever it stands.
        for reference in &mut resolved {
            if reference.target == ReferencedPerson::NotYetStored {
                reference.target = ReferencedPerson::NoPerson;
            }
        }
    }
    issues.extend(validation::one_person(&resolved));
    let places: HashSet<&str> = of_persons.iter().map(|(place, _)| place.as_str()).collect();
    let mut held = BTreeSet::new();
    for (place, key) in named {
        let is_of_person = places.contains(&*fhirpath(place));
        if known.content(key).is_none() {
            issues.extend(not_stored(policy, place, key, is_of_person));
        } else if policy == ReferencePolicy::Strict && !pending.contains_key(key) {
            held.insert(key);
        }
    }
    for key in held {
        let itself = SearchQuery::all(key.resource_type, vec![Clause::Ids(vec![key.id.clone()])]);
        gathering.insist(Precondition::Matches(itself, vec![key.clone()]));
    }
    Ok(issues)
}

/// Returns the FHIRPath of a place: `valueReference` is `value` there.
fn fhirpath(place: &str) -> Cow<'_, str> {
    if !place.contains(".value") {
        return Cow::Borrowed(place);
    }
    let steps: Vec<String> = place
        .split('.')
        .map(|step| match step.strip_prefix("value") {
            Some(rest) => format!("value{}", rest.trim_start_matches(char::is_alphabetic)),
            None => step.to_owned(),
        })
        .collect();
    Cow::Owned(steps.join("."))
}

/// Returns the finding about a reference to what is not stored, unless one about the persons says
/// it.
fn not_stored(
    policy: ReferencePolicy,
    place: &str,
    key: &ResourceKey,
    is_of_person: bool,
) -> Option<Issue> {
    let at = format!("{place}.reference");
    let is_patient = key.resource_type == ResourceType::Patient;
    match policy {
        ReferencePolicy::Later if is_of_person => None,
        ReferencePolicy::Strict if is_of_person && is_patient => None,
        ReferencePolicy::Later => {
            let text = format!("{key} is not stored here; it counts from when it is");
            Some(Issue::warning(IssueCode::NotFound, at, text))
        }
        ReferencePolicy::Strict => {
            let text = format!(
                "expected a reference to a stored resource: {key} is not; send it first, or in the same transaction"
            );
            Some(Issue::error(IssueCode::NotFound, at, text))
        }
    }
}

/// The resources that are known, as they will be after the pending writes.
#[derive(Clone, Copy)]
struct AfterWrites<'a> {
    gathering: &'a Gathering<'a>,
    pending: &'a Pending,
}

impl<'a> AfterWrites<'a> {
    /// Returns the content of a resource, if it is there.
    fn content(self, key: &ResourceKey) -> Option<&'a Value> {
        match self.pending.get(key) {
            Some(write) => write.content.as_deref(),
            None => Some(&self.gathering.get(key)?.content),
        }
    }

    /// Finds what a reference that may name something of a person names.
    fn target(self, expression: &str, element: &Value) -> ReferencedPerson {
        let Reference::Local(key, _) = Reference::read(element) else {
            return if expression.ends_with(".subject") {
                ReferencedPerson::PatientNotStored
            } else {
                ReferencedPerson::NotFollowed
            };
        };
        let is_patient = key.resource_type == ResourceType::Patient;
        match self.content(&key) {
            None if is_patient => ReferencedPerson::PatientNotStored,
            None => ReferencedPerson::NotYetStored,
            Some(patient) if is_patient && has_other_identifier(patient, element) => {
                ReferencedPerson::OtherIdentifier
            }
            Some(content) => match person_of(&key, content) {
                Some(person) => {
                    ReferencedPerson::Person(ResourceKey::new(ResourceType::Patient, person))
                }
                None => ReferencedPerson::NoPerson,
            },
        }
    }
}

/// Tells whether a reference names an identifier of a system in which the Patient has others.
fn has_other_identifier(patient: &Value, reference: &Value) -> bool {
    let Some((system, value)) = view::identifiers(reference).next() else {
        return false;
    };
    let mut of_system = view::identifiers(patient)
        .filter(|(known, _)| *known == system && !system.is_empty())
        .peekable();
    of_system.peek().is_some() && !of_system.any(|(_, known)| known == value)
}
