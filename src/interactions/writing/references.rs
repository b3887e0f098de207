//! What the references of incoming resources name, their rewriting to addresses of this server, and
//! what is wrong with them (<https://hl7.org/fhir/R4/http.html#trules>, fhir-profiles, section 2).

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::pending::Pending;
use super::{pending, persons};
use crate::fhir::{
    Id, Issue, IssueCode, Reference, Resource, ResourceKey, ResourceType, reference, view,
};
use crate::interactions::query::query_pairs;
use crate::interactions::{Failure, ReferencePolicy, Server};
use crate::search::{self, Clause, IndexEntry, Row, SearchQuery, Test};
use crate::storage::{Precondition, SearchError};
use crate::validation::{self, ResolvedReference};

/// The entries of one request, by the addresses under which they may name each other.
#[derive(Default)]
pub struct KnownEntries {
    /// `fullUrl` to the key that the entry has on this server.
    pub by_full_url: HashMap<String, ResourceKey>,
    /// What the other entries are found by once they are written; none for one that is deleted.
    pub written: Vec<(ResourceKey, Option<Vec<IndexEntry>>)>,
    /// The time of the request.
    pub now: Timestamp,
    /// True for a transaction: only there may an address be a search.
    pub is_transaction: bool,
}

/// What resolving found besides the rewritten resource.
#[derive(Default)]
pub struct ResolvedReferences {
    /// What is wrong with the references.
    pub issues: Vec<Issue>,
    /// What must still match when the request is committed.
    pub preconditions: Vec<Precondition>,
}

/// Rewrites the references of one resource: to entries of the same request, by search, by this
/// server's own full address, and a `subject` that is named by identifier alone.
///
/// # Errors
/// `PreconditionFailed` if an address that is a search has not exactly one match.
pub(in crate::interactions) fn resolve(
    server: &Server,
    entries: &KnownEntries,
    full_url: Option<&str>,
    resource: &mut Resource,
) -> Result<ResolvedReferences, Failure> {
    let mut resolved = ResolvedReferences::default();
    let mut addresses: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    reference::for_each(
        resource.type_name(),
        resource.value(),
        &mut |path, element| {
            if let Some(address) = element["reference"].as_str() {
                found.push((path.to_owned(), address.to_owned()));
            }
        },
    );
    for (path, address) in found {
        if addresses.contains_key(&address) {
            continue;
        }
        let target = target(
            server,
            entries,
            full_url,
            &address,
            &mut resolved.preconditions,
        );
        match target.map_err(|failure| at_reference(&path, failure))? {
            ReferenceRewrite::AsItStands => {}
            ReferenceRewrite::Key(key) => drop(addresses.insert(address, key.to_string())),
            ReferenceRewrite::Address(local) => drop(addresses.insert(address, local)),
            ReferenceRewrite::Wrong(text) => resolved.issues.push(Issue::error(
                IssueCode::Value,
                format!("{path}.reference"),
                text,
            )),
        }
    }
    if !addresses.is_empty() {
        resource.edit(|value| replace(value, &addresses));
    }
    logical_subject(server, entries, resource, &mut resolved)?;
    Ok(resolved)
}

enum ReferenceRewrite {
    AsItStands,
    Key(ResourceKey),
    /// Of this server, perhaps with a version.
    Address(String),
    Wrong(String),
}

fn target(
    server: &Server,
    entries: &KnownEntries,
    full_url: Option<&str>,
    address: &str,
    preconditions: &mut Vec<Precondition>,
) -> Result<ReferenceRewrite, Failure> {
    if let Some(key) = entries.by_full_url.get(address) {
        return Ok(ReferenceRewrite::Key(key.clone()));
    }
    Ok(match Reference::parse(address) {
        Reference::Urn(_) => ReferenceRewrite::Wrong(
            "expected the fullUrl of an entry of the same transaction: no entry has this one"
                .into(),
        ),
        Reference::Conditional(query) if entries.is_transaction => {
            ReferenceRewrite::Key(by_search(server, entries, query, preconditions)?)
        }
        Reference::Conditional(_) => ReferenceRewrite::Wrong(
            "a reference that is a search is understood in a transaction only".into(),
        ),
        Reference::External(absolute) => match absolute
            .strip_prefix(&server.base_url)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            Some(local) => match Reference::parse(local) {
                Reference::Local(..) => ReferenceRewrite::Address(local.to_owned()),
                _ => ReferenceRewrite::AsItStands,
            },
            None => ReferenceRewrite::AsItStands,
        },
        // A relative address is relative to the base of its entry's fullUrl.
        Reference::Local(key, None) => {
            match full_url
                .and_then(base_of)
                .and_then(|base| entries.by_full_url.get(&format!("{base}/{key}")))
            {
                Some(entry) => ReferenceRewrite::Key(entry.clone()),
                None => ReferenceRewrite::AsItStands,
            }
        }
        Reference::Local(_, Some(_))
        | Reference::Contained(_)
        | Reference::Logical(..)
        | Reference::None => ReferenceRewrite::AsItStands,
    })
}

/// `http://x/fhir` of `http://x/fhir/Condition/7`.
fn base_of(full_url: &str) -> Option<&str> {
    let (rest, _) = full_url.rsplit_once('/')?;
    full_url
        .contains("://")
        .then(|| rest.rsplit_once('/').map(|(base, _)| base))
        .flatten()
}

/// Says of a failure which reference it is about.
fn at_reference(path: &str, mut failure: Failure) -> Failure {
    let expression = format!("{path}.reference");
    match &mut failure {
        Failure::PreconditionFailed(issue) => issue.expression = expression,
        Failure::BadRequest(issues) => issues
            .iter_mut()
            .for_each(|issue| issue.expression.clone_from(&expression)),
        Failure::Unprocessable(_)
        | Failure::NotFound(_)
        | Failure::Gone(..)
        | Failure::NotAllowed(_)
        | Failure::NotAcceptable(_)
        | Failure::Conflict(_)
        | Failure::Several(..)
        | Failure::Busy
        | Failure::BeingIndexed(_)
        | Failure::Store(_) => {}
    }
    failure
}

/// The one resource that matches, after deletions, creates and updates of the same transaction
/// (FHIR resolves these references last).
fn by_search(
    server: &Server,
    entries: &KnownEntries,
    query: &str,
    preconditions: &mut Vec<Precondition>,
) -> Result<ResourceKey, Failure> {
    let not_one = |what: &str| {
        Failure::precondition(
            IssueCode::MultipleMatches,
            format!("a reference that is a search {what}"),
        )
    };
    let (type_name, parameters) = query.split_once('?').unwrap_or((query, ""));
    let resource_type: ResourceType = type_name
        .parse()
        .map_err(|_| not_one("names a type that is not held here"))?;
    let query = conditional_query(server, resource_type, &query_pairs(parameters)?)?;
    let mut keys = keys_with(server, entries, query, preconditions)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (None, _) => Err(Failure::precondition(
            IssueCode::NotFound,
            "a reference that is a search matches nothing",
        )),
        (Some(_), false) => Err(not_one("matches more than one resource")),
    }
}

/// The resources that a conditional request's query matches, and the query; the commit will insist
/// on the same answer.
///
/// # Errors
/// `PreconditionFailed` if the query is empty, `BadRequest` if it cannot be understood.
pub(in crate::interactions) fn matching_keys(
    server: &Server,
    resource_type: ResourceType,
    parameters: &[(String, String)],
    preconditions: &mut Vec<Precondition>,
) -> Result<(Vec<ResourceKey>, SearchQuery), Failure> {
    let query = conditional_query(server, resource_type, parameters)?;
    Ok((keys_of(server, query.clone(), preconditions)?, query))
}

fn conditional_query(
    server: &Server,
    resource_type: ResourceType,
    parameters: &[(String, String)],
) -> Result<SearchQuery, Failure> {
    let parsed =
        search::parse(resource_type, parameters, &server.base_url).map_err(Failure::BadRequest)?;
    if !parsed.unknown.is_empty() {
        return Err(Failure::BadRequest(parsed.unknown));
    }
    if parsed.query.clauses.is_empty() {
        return Err(Failure::precondition(
            IssueCode::Invalid,
            "a conditional request needs at least one search criterion",
        ));
    }
    Ok(SearchQuery::all(resource_type, parsed.query.clauses))
}

/// What a query matches once the entries of the same request are written.
fn keys_with(
    server: &Server,
    entries: &KnownEntries,
    query: SearchQuery,
    preconditions: &mut Vec<Precondition>,
) -> Result<Vec<ResourceKey>, Failure> {
    if query.clauses.iter().any(Clause::is_linked) {
        let text = "a reference that is a search cannot ask about further resources (chains, _has)";
        return Err(Failure::precondition(IssueCode::NotSupported, text));
    }
    let found = |(key, index): &&(ResourceKey, Option<Vec<IndexEntry>>)| {
        index.as_deref().is_some_and(|index| {
            search::matches(
                &query,
                Row {
                    key,
                    last_updated: entries.now,
                    entries: index,
                },
            )
        })
    };
    let mut keys: Vec<ResourceKey> = entries
        .written
        .iter()
        .filter(found)
        .map(|(key, _)| key.clone())
        .collect();
    let stored = keys_of(server, query, preconditions)?;
    keys.extend(
        stored
            .into_iter()
            .filter(|key| !entries.written.iter().any(|(written, _)| written == key)),
    );
    keys.sort();
    Ok(keys)
}

fn keys_of(
    server: &Server,
    query: SearchQuery,
    preconditions: &mut Vec<Precondition>,
) -> Result<Vec<ResourceKey>, Failure> {
    let keys = server.store.search_keys(&query)?;
    preconditions.push(Precondition::Matches(query, keys.clone()));
    Ok(keys)
}

/// What finds the Patients that have an identifier.
fn patients_with(system: &str, value: &str) -> SearchQuery {
    let token = Test::Token {
        system: Some(system.to_owned()),
        code: Some(value.to_owned()),
    };
    SearchQuery::all(
        ResourceType::Patient,
        vec![Clause::Parameter {
            code: "identifier".into(),
            any_of: vec![token],
        }],
    )
}

/// Resolves a `subject` that is named by identifier alone; the identifier stays beside the
/// reference.
fn logical_subject(
    server: &Server,
    entries: &KnownEntries,
    resource: &mut Resource,
    resolved: &mut ResolvedReferences,
) -> Result<(), Failure> {
    let Reference::Logical(system, value) = Reference::read(&resource.value()["subject"]) else {
        return Ok(());
    };
    let keys = keys_with(
        server,
        entries,
        patients_with(system, value),
        &mut resolved.preconditions,
    )?;
    let at = format!("{}.subject.identifier", resource.type_name());
    match keys.as_slice() {
        [key] => resource.edit(|resource| {
            if let Some(subject) = resource["subject"].as_object_mut() {
                subject.insert("reference".into(), Value::from(key.to_string()));
            }
        }),
        [] => resolved.issues.push(Issue::error(
            IssueCode::BusinessRule,
            at,
            "expected a Patient with this identifier to be stored, found none: send the Patient first, or in the same transaction",
        )),
        several => resolved.issues.push(Issue::error(
            IssueCode::BusinessRule,
            at,
            format!("expected one Patient with this identifier, found {}: name one by reference", several.len()),
        )),
    }
    Ok(())
}

fn replace(value: &mut Value, addresses: &HashMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(address) if name == "reference" => {
                        if let Some(new) = addresses.get(address) {
                            address.clone_from(new);
                        }
                    }
                    other => replace(other, addresses),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, addresses)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The findings about what a resource refers to: that the person is stored, that all is of one
/// person, and what is not here yet. Where that is refused, the commit will insist that what is
/// here stays.
///
/// # Errors
/// Of the store.
pub(in crate::interactions) fn check(
    server: &Server,
    resource: &Value,
    pending: &Pending,
    preconditions: &mut Vec<Precondition>,
) -> Result<Vec<Issue>, SearchError> {
    let mut named = Named {
        server,
        pending,
        found: HashMap::new(),
    };
    let strict = server.references == ReferencePolicy::Strict;
    let of_persons = validation::person_references(resource);
    let mut resolved = Vec::new();
    for (expression, element) in &of_persons {
        let target = match Reference::read(element) {
            Reference::Local(key, _) => named.target(key, element)?,
            _ if expression.ends_with(".subject") => validation::ReferencedPerson::PatientNotStored,
            _ => validation::ReferencedPerson::NotFollowed,
        };
        resolved.push(ResolvedReference {
            expression: expression.clone(),
            target,
        });
    }
    let bound_to_persons: HashSet<*const Value> = of_persons
        .iter()
        .map(|(_, element)| std::ptr::from_ref(*element))
        .collect();
    let mut others = Vec::new();
    reference::for_each(
        resource["resourceType"].as_str().unwrap_or(""),
        resource,
        &mut |path, element| {
            let told_otherwise = !strict && bound_to_persons.contains(&std::ptr::from_ref(element));
            if let (Reference::Local(key, _), false) = (Reference::read(element), told_otherwise) {
                others.push((path.to_owned(), key));
            }
        },
    );
    if strict {
        for reference in resolved
            .iter_mut()
            .filter(|reference| reference.target == validation::ReferencedPerson::NotYetStored)
        {
            reference.target = validation::ReferencedPerson::NoPerson;
        }
    }
    let mut issues = validation::one_person(&resolved);
    issues.extend(same_person_twice(server, resource)?);
    for (path, key) in others {
        if named.found(&key)?.is_none() {
            let at = format!("{path}.reference");
            let is_patient = key.resource_type == ResourceType::Patient;
            issues.push(match server.references {
                // Said above already, of whom the resource is about.
                ReferencePolicy::Strict if is_patient && of_persons.iter().any(|(expression, _)| *expression == path) => continue,
                ReferencePolicy::Strict => {
                    let text =
                        format!("expected a reference to a stored resource: {key} is not; send it first, or in the same transaction");
                    Issue::error(IssueCode::NotFound, at, text)
                }
                ReferencePolicy::Later => {
                    Issue::warning(IssueCode::NotFound, at, format!("{key} is not stored here; it counts from when it is"))
                }
            });
        }
    }
    if strict {
        preconditions.extend(named.still_stored());
    }
    Ok(issues)
}

/// How many identifiers of a Patient are compared with those of others.
const IDENTIFIERS_MAX: usize = 16;

/// A warning for each identifier of a Patient that another stored Patient has too: the rights of
/// one person would be split in two.
fn same_person_twice(server: &Server, patient: &Value) -> Result<Vec<Issue>, SearchError> {
    let mut issues = Vec::new();
    if patient["resourceType"] != "Patient" {
        return Ok(issues);
    }
    let identifiers = view::identifiers(patient)
        .enumerate()
        .filter(|(_, (system, _))| !system.is_empty());
    for (at, (system, value)) in identifiers.take(IDENTIFIERS_MAX) {
        let others = server.store.search_keys(&patients_with(system, value))?;
        if let Some(other) = others
            .iter()
            .find(|other| Some(other.id.as_str()) != patient["id"].as_str())
        {
            let text = format!(
                "{other} has this identifier too: what is sent about two Patients counts for two persons"
            );
            issues.push(Issue::warning(
                IssueCode::Duplicate,
                format!("Patient.identifier[{at}]"),
                text,
            ));
        }
    }
    Ok(issues)
}

/// What one resource names: each is read once, however often it is named.
struct Named<'a> {
    server: &'a Server,
    pending: &'a Pending,
    /// None for what is not stored.
    found: HashMap<ResourceKey, Option<NamedResource>>,
}

/// What matters of a resource that is named.
struct NamedResource {
    /// Whom it is about, if anyone.
    person: Option<Id>,
    /// If it is a Patient, the identifiers.
    identifiers: Vec<(String, String)>,
}

impl Named<'_> {
    /// That each resource that is named, and that the same request does not write, is still there.
    fn still_stored(&self) -> impl Iterator<Item = Precondition> {
        let stored = self
            .found
            .iter()
            .filter(|(key, found)| found.is_some() && !self.pending.contains_key(*key));
        stored.map(|(key, _)| {
            let itself =
                SearchQuery::all(key.resource_type, vec![Clause::Ids(vec![key.id.clone()])]);
            Precondition::Matches(itself, vec![key.clone()])
        })
    }

    fn found(&mut self, key: &ResourceKey) -> Result<Option<&NamedResource>, SearchError> {
        if !self.found.contains_key(key) {
            let known = pending::lookup(self.server, key, self.pending)?;
            let found = known.map(|(key, _, content)| {
                let own = view::identifiers(&content)
                    .filter(|_| key.resource_type == ResourceType::Patient);
                let identifiers = own
                    .map(|(system, value)| (system.to_owned(), value.to_owned()))
                    .collect();
                NamedResource {
                    person: persons::person_of(&key, &content),
                    identifiers,
                }
            });
            self.found.insert(key.clone(), found);
        }
        Ok(self.found.get(key).and_then(Option::as_ref))
    }

    fn target(
        &mut self,
        key: ResourceKey,
        element: &Value,
    ) -> Result<validation::ReferencedPerson, SearchError> {
        let is_patient = key.resource_type == ResourceType::Patient;
        Ok(match self.found(&key)? {
            None if is_patient => validation::ReferencedPerson::PatientNotStored,
            None => validation::ReferencedPerson::NotYetStored,
            Some(patient) if is_patient && has_other_identifier(patient, element) => {
                validation::ReferencedPerson::OtherIdentifier
            }
            Some(_) if is_patient => validation::ReferencedPerson::Person(key),
            Some(NamedResource {
                person: Some(person),
                ..
            }) => validation::ReferencedPerson::Person(ResourceKey::new(
                ResourceType::Patient,
                person.clone(),
            )),
            Some(NamedResource { person: None, .. }) => validation::ReferencedPerson::NoPerson,
        })
    }
}

/// True if a reference says an identifier of a system in which the Patient has others.
fn has_other_identifier(patient: &NamedResource, reference: &Value) -> bool {
    let Some((system, value)) = view::identifiers(reference).next() else {
        return false;
    };
    let mut of_system = patient
        .identifiers
        .iter()
        .filter(|(known, _)| *known == system && !system.is_empty())
        .peekable();
    of_system.peek().is_some() && !of_system.any(|(_, known)| known == value)
}
