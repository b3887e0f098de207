//! One entry of a Bundle: what it asks for, and carrying that out by itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::address::{Address, criteria, query_pairs};
use super::change::{Action, Change, ChangeTarget, Condition, Criteria};
use super::read::ClientCopy;
use super::search::{SearchAnswer, SearchRequest, SearchScope};
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, Written, patch, read, rights, search};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey, Version};
use crate::storage::StoredVersion;

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
    Rights(rights::PatientRights),
    /// The entry was not carried out: any of a batch, and of a transaction what could no longer be
    /// read after its commit.
    Failed(Failure),
}

/// What one entry asks for.
pub(super) enum EntryRequest {
    Write(Change),
    Read(EntryRead),
    Search(SearchRequest),
    Rights(ResourceKey, Vec<(String, String)>),
}

/// The reading of one resource.
pub(super) struct EntryRead {
    pub(super) key: ResourceKey,
    pub(super) version: Option<Version>,
    /// What the client has already.
    known: ClientCopy,
}

/// Carries out one request by itself.
pub(super) fn answer(
    server: &Server,
    context: &Context,
    request: EntryRequest,
    allowance: &Allowance,
) -> Result<EntryAnswer, Failure> {
    let answer = match request {
        EntryRequest::Write(change) => EntryAnswer::Written(write_one(
            server,
            context,
            Change {
                place: None,
                ..change
            },
        )?),
        EntryRequest::Read(reading) => {
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
        EntryRequest::Search(request) => {
            EntryAnswer::Searched(search::search(server, context, &request)?)
        }
        EntryRequest::Rights(patient, parameters) => {
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
    pub(super) fn take<'a>(
        &self,
        found: impl IntoIterator<Item = &'a StoredVersion>,
    ) -> Result<(), Failure> {
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

/// Reads what an entry asks for.
pub(super) fn understand(
    context: &Context,
    at: usize,
    entry: &Value,
) -> Result<EntryRequest, Failure> {
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
        Ok(EntryRequest::Write(Change {
            action,
            full_url,
            place: Some(at),
        }))
    };
    let reading = |key, version| {
        Ok(EntryRequest::Read(EntryRead {
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
        ("GET", Address::Rights(patient), _) => {
            Ok(EntryRequest::Rights(patient, query_pairs(query)?))
        }
        ("GET" | "HEAD", address, _) if SearchScope::of(&address).is_some() => {
            let scope = SearchScope::of(&address).unwrap_or(SearchScope::System);
            Ok(EntryRequest::Search(SearchRequest {
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
fn target(context: &Context, address: Address, query: &str) -> Result<ChangeTarget, Failure> {
    match (address, query.is_empty()) {
        (Address::Instance(key), true) => Ok(ChangeTarget::Key(key)),
        (Address::Type(resource_type), _) => Ok(ChangeTarget::Matching(Criteria {
            resource_type,
            parameters: query_pairs(query)?,
            unused_id: (context.new_id)(),
        })),
        _ => Err(Failure::not_allowed("expected no parameters beside an id")),
    }
}

/// What an entry that reads says that the client has already.
fn known(request: &Value) -> ClientCopy {
    let since = request["ifModifiedSince"]
        .as_str()
        .and_then(|instant| instant.parse().ok());
    ClientCopy {
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
            let version = matched.as_str().and_then(Version::from_etag);
            version.map(Condition::Is).ok_or((
                "request.ifMatch",
                "expected the ETag of one version, such as W/\"1\"",
            ))
        }
    }
}
