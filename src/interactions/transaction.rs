//! The Bundles that are carried out (<https://hl7.org/fhir/R4/http.html#transaction>): a batch entry by entry (see `batch`), a transaction all
//! or nothing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::address::{Address, criteria, query_pairs};
use super::read::Known;
use super::search::{SearchAnswer, SearchRequest, SearchScope};
use super::write::{Action, Change, Condition, Criteria, Target, Writer};
use super::{Context, Failure, Server, Written, batch, patch, read, rights, search, write};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey, Version};
use crate::storage::StoredVersion;

/// How many entries a Bundle may have.
pub const ENTRIES_MAX: usize = 1_000;
/// How many bytes of resources the reads and searches of one Bundle find at most: a thousand
/// entries may each ask for the same page.
const FOUND_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The answer to one entry.
pub enum EntryAnswer {
    /// To a POST, PUT, PATCH or DELETE.
    Written(Written),
    /// To the GET of a resource or version.
    Found(StoredVersion),
    /// To the GET of a version that the client has already.
    NotModified(StoredVersion),
    /// To the GET of a search.
    Searched(SearchAnswer),
    /// To the GET of `$rights`.
    Rights(rights::Rights),
    /// The entry was not carried out: any of a batch, and of a transaction what could no longer be
    /// read after its commit.
    Failed(Failure),
}

/// Which of the two a Bundle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleKind {
    /// Entry by entry.
    Batch,
    /// All or nothing.
    Transaction,
}

/// What one entry asks for.
pub(super) enum Request {
    Write(Change),
    Read(Reading),
    Search(SearchRequest),
    Rights(ResourceKey, Vec<(String, String)>),
}

/// The reading of one resource.
pub(super) struct Reading {
    key: ResourceKey,
    version: Option<Version>,
    /// What the client has already.
    known: Known,
}

/// Carries out a Bundle; the answers stand in the order of its entries.
///
/// # Errors
/// For a transaction, what forbids any of its entries; for both, a Bundle that cannot be
/// understood.
pub fn process(
    server: &Server,
    context: &Context,
    bundle: &Resource,
) -> Result<(BundleKind, Vec<EntryAnswer>), Failure> {
    let kind = match (bundle.type_name(), bundle.value()["type"].as_str()) {
        ("Bundle", Some("batch")) => BundleKind::Batch,
        ("Bundle", Some("transaction")) => BundleKind::Transaction,
        _ => {
            return Err(Failure::bad_request(
                IssueCode::Value,
                "expected a Bundle of type 'batch' or 'transaction'",
            ));
        }
    };
    let entries = match bundle.value().get("entry") {
        None => &[][..],
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            return Err(Failure::BadRequest(vec![Issue::error(
                IssueCode::Structure,
                "Bundle.entry",
                "expected an array",
            )]));
        }
    };
    if entries.len() > ENTRIES_MAX {
        let text = format!(
            "expected at most {ENTRIES_MAX} entries, found {}",
            entries.len()
        );
        return Err(Failure::BadRequest(vec![Issue::error(
            IssueCode::TooCostly,
            "Bundle.entry",
            text,
        )]));
    }
    let requests: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| understand(context, at, entry))
        .collect();
    let answers = match kind {
        BundleKind::Batch => batch::batch(server, context, requests),
        BundleKind::Transaction => transaction(server, context, requests)?,
    };
    Ok((kind, answers))
}

/// Carries out one request by itself.
pub(super) fn answer(
    server: &Server,
    context: &Context,
    request: Request,
    allowance: &Allowance,
) -> Result<EntryAnswer, Failure> {
    let answer = match request {
        Request::Write(change) => EntryAnswer::Written(super::write_one(
            server,
            context,
            Change {
                place: None,
                ..change
            },
        )?),
        Request::Read(reading) => {
            let found = match reading.version {
                None => read::read(server, context, &reading.key)?,
                Some(version) => read::read_version(server, context, &reading.key, version)?,
            };
            if reading.known.is(&found) {
                EntryAnswer::NotModified(found)
            } else {
                EntryAnswer::Found(found)
            }
        }
        Request::Search(request) => {
            EntryAnswer::Searched(search::search(server, context, &request)?)
        }
        Request::Rights(patient, parameters) => {
            EntryAnswer::Rights(rights::rights(server, context, &patient, &parameters)?)
        }
    };
    match &answer {
        EntryAnswer::Found(found) => allowance.take([found])?,
        EntryAnswer::Searched(found) => allowance.take(found.found())?,
        EntryAnswer::Written(_)
        | EntryAnswer::NotModified(_)
        | EntryAnswer::Rights(_)
        | EntryAnswer::Failed(_) => {}
    }
    Ok(answer)
}

/// What the reads and searches of one Bundle may still find.
pub(super) struct Allowance(AtomicUsize);

impl Default for Allowance {
    fn default() -> Self {
        Allowance(AtomicUsize::new(FOUND_BYTES_MAX))
    }
}

impl Allowance {
    /// Takes the bytes of these resources.
    fn take<'a>(&self, found: impl IntoIterator<Item = &'a StoredVersion>) -> Result<(), Failure> {
        let bytes = found
            .into_iter()
            .filter_map(|version| version.body.as_ref())
            .map(Vec::len)
            .sum();
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            }) {
            Ok(_) => Ok(()),
            Err(_) => {
                let text = format!(
                    "the reads of one Bundle may find {FOUND_BYTES_MAX} bytes in all: ask for this by itself"
                );
                Err(Failure::bad_request(IssueCode::TooCostly, text))
            }
        }
    }
}

/// Deletes, creates and updates commit together; then the reads see what they did.
fn transaction(
    server: &Server,
    context: &Context,
    requests: Vec<Result<Request, Failure>>,
) -> Result<Vec<EntryAnswer>, Failure> {
    let requests = all_or_findings(requests)?;
    refuse_equal_conditions(&requests)?;
    refuse_equal_addresses(&requests)?;
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for (at, request) in requests.into_iter().enumerate() {
        match request {
            Request::Write(change) => writes.push((at, change)),
            other => reads.push((at, other)),
        }
    }
    writes.sort_by_key(|(at, change)| (order(&change.action), *at));
    let (places, changes): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    let allowance = Allowance::default();
    let unforeseen = reads.iter().filter_map(|(at, request)| {
        foresee(server, context, request, &changes, &allowance)
            .err()
            .map(|failure| failure.in_entry(*at))
    });
    if let Some(failure) = Failure::together(unforeseen.collect()) {
        return Err(failure);
    }
    let written = write::write(server, context, Writer::Client, &changes, true)?;
    let mut answers: Vec<_> = places
        .into_iter()
        .zip(written.into_iter().map(EntryAnswer::Written))
        .collect();
    let allowance = Allowance::default();
    for (at, request) in reads {
        // Foreseen, but others write too. What is committed must not be told as a failure.
        answers.push((
            at,
            answer(server, context, request, &allowance).unwrap_or_else(EntryAnswer::Failed),
        ));
    }
    answers.sort_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn order(action: &Action) -> u8 {
    match action {
        Action::Delete { .. } => 0,
        Action::Create { .. } => 1,
        Action::Update { .. } | Action::Patch { .. } => 2,
    }
}

/// The requests, or the findings about all entries that cannot be understood.
fn all_or_findings(requests: Vec<Result<Request, Failure>>) -> Result<Vec<Request>, Failure> {
    let mut understood = Vec::new();
    let mut failures = Vec::new();
    for (at, request) in requests.into_iter().enumerate() {
        match request {
            Ok(request) => understood.push(request),
            Err(failure) => failures.push(failure.in_entry(at)),
        }
    }
    Failure::together(failures).map_or(Ok(understood), Err)
}

/// Two conditional creates or updates of one query in one transaction would make what each of them
/// forbids.
fn refuse_equal_conditions(requests: &[Request]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        let Request::Write(change) = request else {
            continue;
        };
        let (type_name, query, what) = match &change.action {
            Action::Create {
                resource,
                if_none_exist: Some(query),
                ..
            } => (resource.type_name(), query, "ifNoneExist"),
            Action::Update {
                target: Target::Matching(criteria),
                ..
            } => (
                criteria.resource_type.as_str(),
                &criteria.parameters,
                "criteria",
            ),
            Action::Create { .. }
            | Action::Update { .. }
            | Action::Patch { .. }
            | Action::Delete { .. } => continue,
        };
        if !seen.insert((type_name, query)) {
            let text =
                format!("another entry of the transaction has the same {what}: expected each once");
            return Err(Failure::bad_request(IssueCode::Duplicate, text).in_entry(at));
        }
    }
    Ok(())
}

/// Two entries under one address: a reference to it would name either.
fn refuse_equal_addresses(requests: &[Request]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for (at, request) in requests.iter().enumerate() {
        if let Request::Write(Change {
            full_url: Some(full_url),
            ..
        }) = request
            && !seen.insert(full_url)
        {
            let text = "another entry of the transaction has the same fullUrl: expected each once";
            return Err(Failure::BadRequest(vec![Issue::error(
                IssueCode::Duplicate,
                format!("Bundle.entry[{at}].fullUrl"),
                text,
            )]));
        }
    }
    Ok(())
}

/// A read that would fail after the commit fails before it.
fn foresee(
    server: &Server,
    context: &Context,
    request: &Request,
    changes: &[Change],
    allowance: &Allowance,
) -> Result<(), Failure> {
    match request {
        Request::Read(Reading {
            key, version: None, ..
        }) => foresee_current(server, context, key, changes, allowance),
        Request::Read(Reading {
            key,
            version: Some(version),
            ..
        }) => allowance.take([&read::read_version(server, context, key, *version)?]),
        Request::Search(request) => {
            allowance.take(search::search(server, context, request)?.found())
        }
        Request::Rights(patient, parameters) => {
            rights::asked_day(parameters)?;
            foresee_current(server, context, patient, changes, &Allowance::default())
        }
        Request::Write(_) => Ok(()),
    }
}

/// That the resource will be there after the changes.
fn foresee_current(
    server: &Server,
    context: &Context,
    key: &ResourceKey,
    changes: &[Change],
    allowance: &Allowance,
) -> Result<(), Failure> {
    let change = changes.iter().find_map(|change| match &change.action {
        Action::Update {
            target: Target::Key(changed),
            ..
        }
        | Action::Patch {
            target: Target::Key(changed),
            ..
        } if changed == key => Some(true),
        Action::Delete {
            target: Target::Key(changed),
            ..
        } if changed == key => Some(false),
        Action::Create { .. }
        | Action::Update { .. }
        | Action::Patch { .. }
        | Action::Delete { .. } => None,
    });
    match change {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::not_found(format!(
            "{key} is deleted by the same transaction"
        ))),
        None => allowance.take([&read::read(server, context, key)?]),
    }
}

fn understand(context: &Context, at: usize, entry: &Value) -> Result<Request, Failure> {
    let wrong = |element: &str, text: &str| {
        Failure::BadRequest(vec![Issue::error(
            IssueCode::Invalid,
            format!("Bundle.entry[{at}].{element}"),
            text,
        )])
    };
    let request = &entry["request"];
    let method = request["method"]
        .as_str()
        .ok_or_else(|| wrong("request.method", "expected a method, found none"))?;
    let url = request["url"]
        .as_str()
        .ok_or_else(|| wrong("request.url", "expected an address, found none"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.contains("://") {
        return Err(wrong(
            "request.url",
            "expected an address relative to the base, such as Patient/7, found an absolute one",
        ));
    }
    let address = Address::read(path)?;
    let condition = || condition(request).map_err(|(element, text)| wrong(element, text));
    let resource = || {
        Resource::from_value(entry["resource"].clone())
            .map_err(|issue| wrong("resource", &issue.text))
    };
    let full_url = entry["fullUrl"].as_str().map(str::to_owned);
    let change = |action| {
        Ok(Request::Write(Change {
            action,
            full_url,
            place: Some(at),
        }))
    };
    let reading = |key, version| {
        Ok(Request::Read(Reading {
            key,
            version,
            known: known(request),
        }))
    };
    match (method, address, query.is_empty()) {
        ("POST", Address::Type(resource_type), true) => {
            let resource = resource()?;
            if resource.type_name() != resource_type.as_str() {
                return Err(wrong(
                    "resource.resourceType",
                    &format!("expected the type of the address, '{resource_type}'"),
                ));
            }
            let if_none_exist = request["ifNoneExist"]
                .as_str()
                .map(|query| criteria(resource_type, query))
                .transpose()?;
            change(Action::Create {
                resource,
                id: (context.new_id)(),
                if_none_exist,
            })
        }
        ("PUT", address @ (Address::Instance(_) | Address::Type(_)), _) => change(Action::Update {
            target: target(context, address, query)?,
            resource: resource()?,
            condition: condition()?,
        }),
        ("PATCH", address @ (Address::Instance(_) | Address::Type(_)), _) => {
            let target = target(context, address, query)?;
            change(Action::Patch {
                target,
                patch: patch::in_entry(&resource()?)?,
                condition: condition()?,
            })
        }
        ("DELETE", address @ (Address::Instance(_) | Address::Type(_)), _) => {
            change(Action::Delete {
                target: target(context, address, query)?,
                condition: condition()?,
            })
        }
        ("GET" | "HEAD", Address::Instance(key), true) => reading(key, None),
        ("GET" | "HEAD", Address::Version(key, version), true) => reading(key, Some(version)),
        ("GET", Address::Rights(patient), _) => Ok(Request::Rights(patient, query_pairs(query)?)),
        ("GET" | "HEAD", address, _) if SearchScope::of(&address).is_some() => {
            let scope = SearchScope::of(&address).unwrap_or(SearchScope::System);
            Ok(Request::Search(SearchRequest {
                scope,
                parameters: query_pairs(query)?,
                lenient: false,
            }))
        }
        _ => Err(Failure::not_allowed(
            "expected POST to a type (conditional by ifNoneExist), PUT, PATCH or DELETE of a type and id or of a type and criteria, or GET, in \
             capitals and without parameters but those of a search; found another method or address",
        )),
    }
}

/// Which resource an entry names: by its id, or by criteria.
fn target(context: &Context, address: Address, query: &str) -> Result<Target, Failure> {
    match (address, query.is_empty()) {
        (Address::Instance(key), true) => Ok(Target::Key(key)),
        (Address::Type(resource_type), _) => Ok(Target::Matching(Criteria {
            resource_type,
            parameters: query_pairs(query)?,
            unused_id: (context.new_id)(),
        })),
        _ => Err(Failure::not_allowed("expected no parameters beside an id")),
    }
}

/// What an entry that reads says that the client has already.
fn known(request: &Value) -> Known {
    let since = request["ifModifiedSince"]
        .as_str()
        .and_then(|instant| instant.parse().ok());
    Known {
        none_match: request["ifNoneMatch"].as_str().map(str::to_owned),
        modified_since: since,
    }
}

/// What an entry requires of the version that it changes.
fn condition(request: &Value) -> Result<Condition, (&'static str, &'static str)> {
    match (&request["ifMatch"], &request["ifNoneMatch"]) {
        (Value::Null, Value::Null) => Ok(Condition::Any),
        (Value::Null, none_match) if none_match == "*" => Ok(Condition::Absent),
        (Value::Null, _) => Err(("request.ifNoneMatch", "expected '*' on a write")),
        (matched, _) => {
            let version = matched.as_str().and_then(etag_version);
            version.map(Condition::Is).ok_or((
                "request.ifMatch",
                "expected the ETag of one version, such as W/\"1\"",
            ))
        }
    }
}

/// The version in `W/"3"` or `"3"`.
pub fn etag_version(etag: &str) -> Option<Version> {
    let quoted = etag.trim().strip_prefix("W/").unwrap_or(etag.trim());
    Version::parse(quoted.strip_prefix('"')?.strip_suffix('"')?)
}
