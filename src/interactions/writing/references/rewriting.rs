//! Rewriting the references of incoming resources: to entries of the same request, to this server's
//! own addresses, to the match of a search, and a `subject` that is named by identifier alone.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::conditional::{by_search, keys_with, patients_with};
use crate::fhir::{Issue, IssueCode, Reference, ResourceKey, reference};
use crate::interactions::Failure;
use crate::interactions::change::{AskedAs, Change, placed};
use crate::interactions::writing::entry::{Entry, EntryWrite};
use crate::interactions::writing::gathering::Gathering;

/// The request to which references belong.
#[derive(Clone, Copy)]
pub(in crate::interactions::writing) struct Surrounding<'a> {
    /// Its changes, one for each entry.
    pub(in crate::interactions::writing) changes: &'a [Change],
    /// The way in which they are asked for: only in a transaction may an address be a search.
    pub(in crate::interactions::writing) asked_as: AskedAs,
    /// The time of the request.
    pub(in crate::interactions::writing) now: Timestamp,
}

/// Rewrites the references of all entries, and adds to each entry what is wrong with them. Searches
/// come last, when all others are rewritten.
///
/// # Errors
/// `PreconditionFailed` if an address that is a search has not exactly one match.
pub(in crate::interactions::writing) fn rewrite(
    gathering: &mut Gathering<'_>,
    entries: &mut [Entry],
    request: Surrounding<'_>,
) -> Result<(), Failure> {
    let named = entries.iter().zip(request.changes);
    let by_full_url: HashMap<String, ResourceKey> = named
        .filter_map(|(entry, change)| Some((change.full_url.clone()?, entry.key.clone())))
        .collect();
    let known = KnownAddresses {
        base_url: &gathering.server().base_url,
        by_full_url,
        asked_as: request.asked_as,
    };
    for (entry, change) in entries.iter_mut().zip(request.changes) {
        let issues = known.rewrite(entry, change.full_url.as_deref());
        entry.warnings.extend(issues);
    }
    let mut failures = Vec::new();
    for (at, change) in request.changes.iter().enumerate() {
        match by_searches(gathering, entries, at, request) {
            Ok(issue) => entries[at].warnings.extend(issue),
            Err(failure) => failures.push(placed(change, failure)),
        }
    }
    Failure::together(failures).map_or(Ok(()), Err)
}

/// Rewrites the references of one entry that need a search; answers what is wrong.
fn by_searches(
    gathering: &mut Gathering<'_>,
    entries: &mut [Entry],
    at: usize,
    request: Surrounding<'_>,
) -> Result<Option<Issue>, Failure> {
    if request.asked_as == AskedAs::Transaction {
        let found = searched(gathering, entries, at, request.now)?;
        rewrite_addresses(&mut entries[at], &found);
    }
    logical_subject(gathering, entries, at, request.now)
}

/// The addresses that need no search.
struct KnownAddresses<'a> {
    base_url: &'a str,
    /// Each `fullUrl` with the key that the entry has on this server.
    by_full_url: HashMap<String, ResourceKey>,
    asked_as: AskedAs,
}

enum ReferenceRewrite {
    AsItStands,
    /// This address of the server, perhaps with a version.
    Address(String),
    Wrong(&'static str),
}

impl KnownAddresses<'_> {
    /// Rewrites what needs no search; answers what is wrong.
    fn rewrite(&self, entry: &mut Entry, full_url: Option<&str>) -> Vec<Issue> {
        let mut addresses: HashMap<String, String> = HashMap::new();
        let mut issues = Vec::new();
        for (path, address) in addresses_in(entry) {
            if addresses.contains_key(address) {
                continue;
            }
            match self.named(full_url, address) {
                ReferenceRewrite::AsItStands => {}
                ReferenceRewrite::Address(local) => {
                    drop(addresses.insert(address.to_owned(), local))
                }
                ReferenceRewrite::Wrong(text) => issues.push(Issue::error(
                    IssueCode::Value,
                    format!("{path}.reference"),
                    text,
                )),
            }
        }
        rewrite_addresses(entry, &addresses);
        issues
    }

    fn named(&self, full_url: Option<&str>, address: &str) -> ReferenceRewrite {
        if let Some(key) = self.by_full_url.get(address) {
            return ReferenceRewrite::Address(key.to_string());
        }
        match Reference::parse(address) {
            Reference::Urn(_) => ReferenceRewrite::Wrong(
                "expected the fullUrl of an entry of the same transaction: no entry has this one",
            ),
            Reference::Conditional(_) if self.asked_as != AskedAs::Transaction => {
                ReferenceRewrite::Wrong(
                    "a reference that is a search is understood in a transaction only",
                )
            }
            Reference::External(absolute) => {
                let local = absolute
                    .strip_prefix(self.base_url)
                    .and_then(|rest| rest.strip_prefix('/'));
                match local.map(|local| (local, Reference::parse(local))) {
                    Some((local, Reference::Local(..))) => {
                        ReferenceRewrite::Address(local.to_owned())
                    }
                    Some(_) | None => ReferenceRewrite::AsItStands,
                }
            }
            // A relative address is relative to the base of its entry's fullUrl.
            Reference::Local(key, None) => {
                let entry = full_url
                    .and_then(base_of)
                    .and_then(|base| self.by_full_url.get(&format!("{base}/{key}")));
                entry.map_or(ReferenceRewrite::AsItStands, |entry| {
                    ReferenceRewrite::Address(entry.to_string())
                })
            }
            Reference::Conditional(_)
            | Reference::Local(_, Some(_))
            | Reference::Contained(_)
            | Reference::Logical(..)
            | Reference::None => ReferenceRewrite::AsItStands,
        }
    }
}

/// Returns the path and the address of each literal reference that an entry will write.
fn addresses_in(entry: &Entry) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    if let EntryWrite::Put(resource, _) = &entry.step {
        reference::for_each(
            resource.type_name(),
            resource.value(),
            &mut |path, element| {
                if let Some(address) = element["reference"].as_str() {
                    found.push((path.to_owned(), address));
                }
            },
        );
    }
    found
}

/// Returns `http://x/fhir` of `http://x/fhir/Condition/7`.
fn base_of(full_url: &str) -> Option<&str> {
    let (rest, _) = full_url.rsplit_once('/')?;
    full_url
        .contains("://")
        .then(|| rest.rsplit_once('/').map(|(base, _)| base))
        .flatten()
}

fn rewrite_addresses(entry: &mut Entry, addresses: &HashMap<String, String>) {
    if !addresses.is_empty() {
        entry.edit(|value| replace(value, addresses));
    }
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

/// Finds what one entry's references name that are searches.
fn searched(
    gathering: &mut Gathering<'_>,
    entries: &[Entry],
    at: usize,
    now: Timestamp,
) -> Result<HashMap<String, String>, Failure> {
    let mut found: HashMap<String, String> = HashMap::new();
    for (path, address) in addresses_in(&entries[at]) {
        if found.contains_key(address) {
            continue;
        }
        if let Reference::Conditional(query) = Reference::parse(address) {
            let key = by_search(gathering, entries, now, query)
                .map_err(|failure| at_reference(&path, failure))?;
            found.insert(address.to_owned(), key.to_string());
        }
    }
    Ok(found)
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

/// Resolves a `subject` that is named by identifier alone; the identifier stays beside the
/// reference. Answers what is wrong with it.
fn logical_subject(
    gathering: &mut Gathering<'_>,
    entries: &mut [Entry],
    at: usize,
    now: Timestamp,
) -> Result<Option<Issue>, Failure> {
    let EntryWrite::Put(resource, _) = &entries[at].step else {
        return Ok(None);
    };
    let Reference::Logical(system, value) = Reference::read(&resource.value()["subject"]) else {
        return Ok(None);
    };
    let expression = format!("{}.subject.identifier", resource.type_name());
    let query = patients_with(system, value);
    let keys = keys_with(gathering, entries, now, query)?;
    let text = match keys.as_slice() {
        [key] => {
            entries[at].edit(|resource| {
                if let Some(subject) = resource["subject"].as_object_mut() {
                    subject.insert("reference".into(), Value::from(key.to_string()));
                }
            });
            return Ok(None);
        }
        [] => "expected a Patient with this identifier to be stored, found none: send the Patient first, or in the same transaction".to_owned(),
        several => format!(
            "expected one Patient with this identifier, found {}: name one by reference",
            several.len()
        ),
    };
    Ok(Some(Issue::error(
        IssueCode::BusinessRule,
        expression,
        text,
    )))
}
