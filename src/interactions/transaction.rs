//! batch and transaction (<https://hl7.org/fhir/R4/http.html#transaction>): a batch is entry by entry, a transaction all or nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::address::Address;
use super::search::{SearchAnswer, SearchRequest};
use super::write::{Action, Change, Condition, Writer};
use super::{Failure, Moment, Server, Written, read, rights, search, write};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey, ResourceType, Version, view};
use crate::storage::StoredVersion;

/// How many entries a Bundle may have.
pub const ENTRIES_MAX: usize = 1_000;
/// How many entries of a batch are worked on at once: they share the store's syncs.
const BATCH_WORKERS: usize = 16;

/// The answer to one entry.
pub enum EntryAnswer {
    /// To a POST, PUT or DELETE.
    Written(Written),
    /// To the GET of a resource or version.
    Found(StoredVersion),
    /// To the GET of a search.
    Searched(ResourceType, SearchAnswer),
    /// To the GET of `$rights`.
    Rights(rights::Rights),
    /// In a batch: the entry was not carried out.
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
enum Request {
    Write(Change),
    Read(ResourceKey, Option<Version>),
    Search(SearchRequest),
    Rights(ResourceKey, Vec<(String, String)>),
}

/// Carries out a Bundle; the answers stand in the order of its entries.
///
/// # Errors
/// For a transaction, what forbids any of its entries; for both, a Bundle that cannot be understood.
pub fn process(server: &Server, moment: &Moment, bundle: &Resource) -> Result<(BundleKind, Vec<EntryAnswer>), Failure> {
    let kind = match (bundle.type_name(), bundle.value()["type"].as_str()) {
        ("Bundle", Some("batch")) => BundleKind::Batch,
        ("Bundle", Some("transaction")) => BundleKind::Transaction,
        _ => return Err(Failure::bad_request(IssueCode::Value, "expected a Bundle of type 'batch' or 'transaction'")),
    };
    let entries: Vec<_> = view::items(&bundle.value()["entry"]).collect();
    if entries.len() > ENTRIES_MAX {
        let text = format!("Bundle.entry: expected at most {ENTRIES_MAX} entries, found {}", entries.len());
        return Err(Failure::bad_request(IssueCode::TooCostly, text));
    }
    let requests: Vec<_> = entries.iter().enumerate().map(|(at, entry)| understand(moment, at, entry)).collect();
    let answers = match kind {
        BundleKind::Batch => batch(server, moment, requests),
        BundleKind::Transaction => transaction(server, moment, requests)?,
    };
    Ok((kind, answers))
}

fn batch(server: &Server, moment: &Moment, requests: Vec<Result<Request, Failure>>) -> Vec<EntryAnswer> {
    let one = |request: Result<Request, Failure>| match request.and_then(|request| alone(server, moment, request)) {
        Ok(answer) => answer,
        Err(failure) => EntryAnswer::Failed(failure),
    };
    let share = requests.len().div_ceil(BATCH_WORKERS).max(1);
    let mut shares: Vec<Vec<_>> = Vec::new();
    for request in requests {
        match shares.last_mut() {
            Some(last) if last.len() < share => last.push(request),
            _ => shares.push(vec![request]),
        }
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || share.into_iter().map(one).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn alone(server: &Server, moment: &Moment, request: Request) -> Result<EntryAnswer, Failure> {
    match request {
        Request::Write(change) => super::write_one(server, moment, change).map(EntryAnswer::Written),
        other => look(server, moment, other),
    }
}

fn look(server: &Server, moment: &Moment, request: Request) -> Result<EntryAnswer, Failure> {
    Ok(match request {
        Request::Read(key, None) => EntryAnswer::Found(read::read(server, &key)?),
        Request::Read(key, Some(version)) => EntryAnswer::Found(read::read_version(server, &key, version)?),
        Request::Search(request) => EntryAnswer::Searched(request.resource_type, search::search(server, &request)?),
        Request::Rights(patient, parameters) => EntryAnswer::Rights(rights::rights(server, moment, &patient, &parameters)?),
        Request::Write(change) => EntryAnswer::Written(super::write_one(server, moment, change)?),
    })
}

/// Deletes, creates and updates commit together; then the reads see what they did.
fn transaction(server: &Server, moment: &Moment, requests: Vec<Result<Request, Failure>>) -> Result<Vec<EntryAnswer>, Failure> {
    let requests = all_or_findings(requests)?;
    refuse_equal_conditions(&requests)?;
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for (at, request) in requests.into_iter().enumerate() {
        match request {
            Request::Write(change) => writes.push((at, change)),
            other => reads.push((at, other)),
        }
    }
    writes.sort_by_key(|(at, change)| (order(&change.action), *at));
    let (places, changes): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
    for (_, request) in &reads {
        foresee(server, request, &changes)?;
    }
    let written = write::write(server, moment, Writer::Client, &changes, true)?;
    let mut answers: Vec<_> = places.into_iter().zip(written.into_iter().map(EntryAnswer::Written)).collect();
    for (at, request) in reads {
        answers.push((at, look(server, moment, request)?));
    }
    answers.sort_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn order(action: &Action) -> u8 {
    match action {
        Action::Delete { .. } => 0,
        Action::Create { .. } => 1,
        Action::Update { .. } => 2,
    }
}

/// The requests, or the findings about all entries that cannot be understood.
fn all_or_findings(requests: Vec<Result<Request, Failure>>) -> Result<Vec<Request>, Failure> {
    let mut understood = Vec::new();
    let mut issues = Vec::new();
    for request in requests {
        match request {
            Ok(request) => understood.push(request),
            Err(failure @ (Failure::NotAllowed(_) | Failure::NotFound(_))) => return Err(failure),
            Err(failure) => issues.extend(failure.issues()),
        }
    }
    if issues.is_empty() { Ok(understood) } else { Err(Failure::BadRequest(issues)) }
}

/// Two conditional creates of one query in one transaction would make what each of them forbids.
fn refuse_equal_conditions(requests: &[Request]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for request in requests {
        if let Request::Write(Change { action: Action::Create { resource, if_none_exist: Some(query), .. }, .. }) = request
            && !seen.insert((resource.type_name(), query))
        {
            return Err(Failure::bad_request(
                IssueCode::Duplicate,
                "two entries of the transaction have the same ifNoneExist: expected each once",
            ));
        }
    }
    Ok(())
}

/// A read that would fail after the commit fails before it.
fn foresee(server: &Server, request: &Request, changes: &[Change]) -> Result<(), Failure> {
    match request {
        Request::Read(key, None) => {
            let change = changes.iter().find_map(|change| match &change.action {
                Action::Update { key: changed, .. } if changed == key => Some(true),
                Action::Delete { key: changed, .. } if changed == key => Some(false),
                Action::Create { .. } | Action::Update { .. } | Action::Delete { .. } => None,
            });
            match change {
                Some(true) => Ok(()),
                Some(false) => Err(Failure::NotFound(format!("{key} is deleted by the same transaction"))),
                None => read::read(server, key).map(drop),
            }
        }
        Request::Read(key, Some(version)) => read::read_version(server, key, *version).map(drop),
        Request::Search(request) => search::search(server, request).map(drop),
        Request::Rights(patient, parameters) => rights::asked_day(parameters).and_then(|_| read::read(server, patient).map(drop)),
        Request::Write(_) => Ok(()),
    }
}

fn understand(moment: &Moment, at: usize, entry: &Value) -> Result<Request, Failure> {
    let wrong = |element: &str, text: String| {
        Failure::BadRequest(vec![Issue::error(IssueCode::Invalid, format!("Bundle.entry[{at}]{element}"), text)])
    };
    let request = &entry["request"];
    let method = request["method"].as_str().ok_or_else(|| wrong(".request.method", "expected a method, found none".into()))?;
    let url = request["url"].as_str().ok_or_else(|| wrong(".request.url", "expected an address, found none".into()))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let address = Address::read(path)?;
    let condition = match request["ifMatch"].as_str() {
        Some(etag) => {
            Condition::Is(etag_version(etag).ok_or_else(|| wrong(".request.ifMatch", "expected an ETag such as W/\"1\"".into()))?)
        }
        None if request["ifNoneMatch"].as_str() == Some("*") => Condition::Absent,
        None => Condition::Any,
    };
    let resource = || {
        let resource = Resource::from_value(entry["resource"].clone());
        resource.map_err(|issue| wrong(".resource", issue.text))
    };
    let full_url = entry["fullUrl"].as_str().map(str::to_owned);
    let change = |action| Ok(Request::Write(Change { action, full_url }));
    match (method, address) {
        ("POST", Address::Type(resource_type)) if query.is_empty() => {
            let resource = resource()?;
            if resource.type_name() != resource_type.as_str() {
                return Err(wrong(".resource.resourceType", format!("expected the type of the address, '{resource_type}'")));
            }
            let if_none_exist = request["ifNoneExist"].as_str().map(query_pairs);
            change(Action::Create { resource, id: (moment.new_id)(), if_none_exist })
        }
        ("PUT", Address::Instance(key)) if query.is_empty() => change(Action::Update { key, resource: resource()?, condition }),
        ("DELETE", Address::Instance(key)) if query.is_empty() => change(Action::Delete { key, condition }),
        ("GET" | "HEAD", Address::Instance(key)) => Ok(Request::Read(key, None)),
        ("GET" | "HEAD", Address::Version(key, version)) => Ok(Request::Read(key, Some(version))),
        ("GET" | "HEAD", Address::Type(resource_type)) => {
            Ok(Request::Search(SearchRequest { resource_type, parameters: query_pairs(query), lenient: false }))
        }
        ("GET", Address::Rights(patient)) => Ok(Request::Rights(patient, query_pairs(query))),
        _ => Err(wrong(".request", format!("{method} {} is not supported in a Bundle", path))),
    }
}

/// The version in `W/"3"` or `"3"`.
pub fn etag_version(etag: &str) -> Option<Version> {
    let quoted = etag.trim().strip_prefix("W/").unwrap_or(etag.trim());
    Version::parse(quoted.strip_prefix('"')?.strip_suffix('"')?)
}

/// The names and values of a query, percent-decoded.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
