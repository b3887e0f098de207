//! References that are searches, and a `subject` that is named by identifier alone: found in what
//! is stored and in what the other entries of the request write.

use std::collections::HashMap;

use serde_json::Value;

use super::conditional::{
    AfterEntries, canonical, conditional_query, enough_matches, patients_with,
};
use super::finder::EntryFinder;
use super::relink::replace_references;
use super::surrounding::{Surrounding, addresses_in};
use crate::fhir::held::not_held;
use crate::fhir::reference::searched;
use crate::fhir::{Issue, IssueCode, Reference, ResourceKey, ResourceType};
use crate::interactions::Failure;
use crate::interactions::change::{AskedAs, placed};
use crate::interactions::query::query_pairs;
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::interactions::writing::gathering::Gathering;
use crate::search::{Clause, SearchQuery, asks_for_names, rename};

/// The most searches that the references of one request may be, each counted once.
const SEARCHES_MAX: usize = 10_000;

/// Rewrites all references that are searches. Those that ask what others name come last, when that
/// is settled.
///
/// # Errors
/// `PreconditionFailed` if an address that is a search has not exactly one match; of the store.
pub(super) fn resolve(
    gathering: &mut Gathering<'_>,
    entries: &mut [Entry],
    request: Surrounding<'_>,
) -> Result<(), Failure> {
    let mut searches = Searches::default();
    let mut failures = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if request.asked_as == AskedAs::Transaction {
            let wrong = searches.read_references(gathering, request, (at, entry));
            let placed = |failure| placed(&request.changes[at], failure);
            failures.extend(wrong.into_iter().map(placed));
        }
        searches.read_subject(at, entry);
    }
    if searches.queries.len() > SEARCHES_MAX {
        let text = format!(
            "expected at most {SEARCHES_MAX} different searches in the references of one request, found {}",
            searches.queries.len()
        );
        return Err(Failure::bad_request(IssueCode::TooCostly, text));
    }
    if !searches.queries.is_empty() {
        let finder = EntryFinder::of(entries);
        for is_late in [false, true] {
            searches.ask(gathering, entries, &finder, request, is_late)?;
            failures.extend(searches.put(entries, request, is_late));
        }
    }
    Failure::together(failures).map_or(Ok(()), Err)
}

/// A reference that is a search.
struct Searched {
    /// The place of its entry.
    at: usize,
    /// The FHIRPath of the element.
    path: String,
    /// The address as it stands.
    address: String,
    /// The place of its query.
    query: usize,
}

/// A query, and what it matches, once it was asked.
struct AskedQuery {
    query: SearchQuery,
    found: Option<Result<Vec<ResourceKey>, Failure>>,
}

impl AskedQuery {
    /// Tells whether it is asked when all others are answered.
    fn is_late(&self) -> bool {
        asks_for_names(&self.query)
    }
}

/// The searches of one request, each query once.
#[derive(Default)]
struct Searches {
    references: Vec<Searched>,
    /// The entries whose subject is named by identifier alone, each with its query.
    subjects: Vec<(usize, usize)>,
    queries: Vec<AskedQuery>,
    by_text: HashMap<String, usize>,
}

impl Searches {
    fn place_of(&mut self, query: SearchQuery) -> usize {
        let next = self.queries.len();
        let place = *self.by_text.entry(canonical(&query)).or_insert(next);
        if place == next {
            let found = None;
            self.queries.push(AskedQuery { query, found });
        }
        place
    }

    /// Reads the references of one entry that are searches; answers why some cannot be read.
    fn read_references(
        &mut self,
        gathering: &Gathering<'_>,
        request: Surrounding<'_>,
        (at, entry): (usize, &Entry),
    ) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (path, address) in addresses_in(entry) {
            if known.contains_key(address) {
                continue;
            }
            let Reference::Conditional(address) = Reference::parse(address) else {
                continue;
            };
            match query_of(gathering, request, at, address) {
                Ok(query) => {
                    let query = self.place_of(query);
                    known.insert(address, query);
                    self.references.push(Searched {
                        at,
                        path,
                        address: address.to_owned(),
                        query,
                    });
                }
                Err(failure) => failures.push(at_reference(&path, failure)),
            }
        }
        failures
    }

    fn read_subject(&mut self, at: usize, entry: &Entry) {
        let EntryWrite::Put(resource, _) = &entry.step else {
            return;
        };
        if let Reference::Logical(system, value) = Reference::read(&resource.value()["subject"]) {
            let query = self.place_of(patients_with(system, value));
            self.subjects.push((at, query));
        }
    }

    /// Asks the queries that are late, or those that are not.
    fn ask(
        &mut self,
        gathering: &mut Gathering<'_>,
        entries: &[Entry],
        finder: &EntryFinder,
        request: Surrounding<'_>,
        is_late: bool,
    ) -> Result<(), Failure> {
        let now = request.now;
        let after = AfterEntries {
            entries,
            finder,
            now,
            enough: enough_matches(request.changes),
        };
        let mut asked: Vec<&mut AskedQuery> = self
            .queries
            .iter_mut()
            .filter(|asked| asked.is_late() == is_late)
            .collect();
        let (linked, plain): (Vec<_>, Vec<_>) = asked
            .drain(..)
            .partition(|asked| asked.query.clauses.iter().any(Clause::is_linked));
        let queries = plain.iter().map(|asked| asked.query.clone()).collect();
        for (asked, stored) in plain
            .into_iter()
            .zip(gathering.matching_many(queries, after.enough))
        {
            let found = stored.map_err(Failure::from);
            asked.found = Some(found.map(|stored| after.keys(&asked.query, stored)));
        }
        for asked in linked {
            asked.found = Some(after.ask(gathering, asked.query.clone()));
        }
        let fault = self.queries.iter_mut().find_map(|asked| {
            let is_fault = matches!(
                asked.found,
                Some(Err(Failure::Store(_) | Failure::BeingIndexed(_)))
            );
            if is_fault { asked.found.take() } else { None }
        });
        match fault {
            Some(Err(failure)) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Puts what was found in place of the searches; answers which have not exactly one match.
    fn put(&self, entries: &mut [Entry], request: Surrounding<'_>, is_late: bool) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut new: HashMap<usize, HashMap<String, String>> = HashMap::new();
        for reference in &self.references {
            let asked = &self.queries[reference.query];
            if asked.is_late() != is_late {
                continue;
            }
            match one(asked) {
                Ok(key) => {
                    let of_entry = new.entry(reference.at).or_default();
                    of_entry.insert(reference.address.clone(), key.to_string());
                }
                Err(failure) => failures.push(placed(
                    &request.changes[reference.at],
                    at_reference(&reference.path, failure),
                )),
            }
        }
        for (at, addresses) in new {
            entries[at].edit(|value| replace_references(value, &addresses));
        }
        if !is_late {
            for (at, query) in &self.subjects {
                if let Some(Ok(keys)) = &self.queries[*query].found {
                    put_subject(&mut entries[*at], keys);
                }
            }
        }
        failures
    }
}

/// Reads the query of a reference; entries that it names by their address are named by their keys.
fn query_of(
    gathering: &Gathering<'_>,
    request: Surrounding<'_>,
    at: usize,
    address: &str,
) -> Result<SearchQuery, Failure> {
    let (type_name, criteria) = searched(address).unwrap_or((address, "".into()));
    let resource_type: ResourceType = type_name.parse().map_err(|_| {
        let text = format!(
            "a reference that is a search names a type: {}",
            not_held(type_name)
        );
        // It has no match here; what is no type of FHIR has none anywhere.
        let definitions = gathering.server().validator.definitions();
        let code = if definitions.is_resource_type(type_name) {
            IssueCode::NotSupported
        } else {
            IssueCode::Invalid
        };
        Failure::precondition(code, text)
    })?;
    let parameters = query_pairs(&criteria)?;
    let mut query = conditional_query(request.bases, resource_type, &parameters)?;
    rename(&mut query, &mut |named, is_uri| {
        let entry = request.names.asked(at, named, is_uri)?;
        Some(request.keys.get(entry)?.to_string())
    });
    Ok(query)
}

/// Returns the only match.
fn one(asked: &AskedQuery) -> Result<ResourceKey, Failure> {
    match &asked.found {
        Some(Ok(keys)) => match keys.as_slice() {
            [key] => Ok(key.clone()),
            [] => Err(Failure::precondition(
                IssueCode::NotFound,
                "a reference that is a search matches nothing: expected one resource that is stored, or that the same transaction writes",
            )),
            _ => Err(Failure::precondition(
                IssueCode::MultipleMatches,
                "a reference that is a search matches more than one resource: expected one; add criteria, or name the resource",
            )),
        },
        Some(Err(failure)) => Err(failure.clone()),
        None => Err(Failure::Busy),
    }
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
        | Failure::Store(_)
        | Failure::Unsure(_) => {}
    }
    failure
}

/// Puts the Patient beside the identifier that names it, or says what is wrong with that.
fn put_subject(entry: &mut Entry, keys: &[ResourceKey]) {
    let text = match keys {
        [key] => {
            return entry.edit(|resource| {
                if let Some(subject) = resource["subject"].as_object_mut() {
                    subject.insert("reference".into(), Value::from(key.to_string()));
                }
            });
        }
        [] => "expected a Patient with this identifier to be stored, found none: send the Patient first, or in the same transaction".to_owned(),
        _ => "expected one Patient with this identifier, found several: name one by reference".to_owned(),
    };
    let expression = format!("{}.subject.identifier", entry.key.resource_type);
    let issue = Issue::error(IssueCode::BusinessRule, expression, text);
    entry.warnings.push(issue);
}
