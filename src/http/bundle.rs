//! Bundles of answers, written around the stored bytes so that each resource stays as it was
//! accepted.

use axum::http::{StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, etag, location};
use super::error::status;
use super::negotiation::Return;
use crate::fhir::dates::format_instant;
use crate::fhir::issue::operation_outcome;
use crate::fhir::{Issue, ResourceKey, Severity};
use crate::interactions::history::{HistoryAnswer, PastVersion};
use crate::interactions::page_token::PAGE;
use crate::interactions::search::SearchAnswer;
use crate::interactions::subscription_events::Statuses;
use crate::interactions::transaction::{BundleKind, EntryAnswer};
use crate::interactions::{Effect, Method, StoredVersion, Written, rights};

/// Writes one Bundle.
struct Writer {
    out: Vec<u8>,
    entries: usize,
}

impl Writer {
    fn new(kind: &str, members: Map<String, Value>) -> Self {
        let mut head = json!({ "resourceType": "Bundle", "type": kind });
        if let Some(object) = head.as_object_mut() {
            object.extend(members);
        }
        let mut out = head.to_string().into_bytes();
        out.pop();
        Writer { out, entries: 0 }
    }

    /// One entry: its address, its resource as bytes, and whatever else it says.
    fn entry(&mut self, full_url: Option<&str>, resource: Option<&[u8]>, rest: &Value) {
        self.out.extend_from_slice(if self.entries == 0 {
            b",\"entry\":[{"
        } else {
            b",{"
        });
        self.entries += 1;
        let mut first = true;
        let mut member = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            out.extend_from_slice(value);
        };
        if let Some(full_url) = full_url {
            member(
                &mut self.out,
                "fullUrl",
                Value::from(full_url).to_string().as_bytes(),
            );
        }
        if let Some(resource) = resource {
            member(&mut self.out, "resource", resource);
        }
        for (name, value) in rest.as_object().into_iter().flatten() {
            member(&mut self.out, name, value.to_string().as_bytes());
        }
        self.out.push(b'}');
    }

    /// The entry that tells of warnings, if there are any.
    fn outcome(&mut self, warnings: &[Issue]) {
        if !warnings.is_empty() {
            self.told(&operation_outcome(warnings));
        }
    }

    /// The entry that tells how a search was answered, if that was asked.
    fn plan(&mut self, steps: &[String]) {
        let issue = |step: &String| json!({ "severity": "information", "code": "informational", "diagnostics": step });
        if !steps.is_empty() {
            self.told(&json!({ "resourceType": "OperationOutcome", "issue": steps.iter().map(issue).collect::<Vec<_>>() }));
        }
    }

    fn told(&mut self, outcome: &Value) {
        // Each entry of a searchset has a fullUrl; what is no resource of this server has one of
        // its own.
        let outcome = outcome.to_string();
        let full_url = Uuid::new_v5(&Uuid::NAMESPACE_URL, outcome.as_bytes())
            .urn()
            .to_string();
        self.entry(
            Some(&full_url),
            Some(outcome.as_bytes()),
            &json!({ "search": { "mode": "outcome" } }),
        );
    }

    fn end(mut self) -> Vec<u8> {
        self.out
            .extend_from_slice(if self.entries == 0 { b"}" } else { b"]}" });
        self.out
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// An address below the base.
pub(super) fn address(base_url: &str, path: &str, query: &[(String, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    // The base itself is written without a slash at its end.
    let address = if path.is_empty() {
        base_url.to_owned()
    } else {
        format!("{base_url}/{path}")
    };
    if query.is_empty() {
        address
    } else {
        format!("{address}?{query}")
    }
}

/// A link of a page: `general` says how the page that it leads to is written.
fn link(
    relation: &str,
    base_url: &str,
    path: &str,
    query: &[(String, String)],
    general: &[(String, String)],
) -> Value {
    json!({ "relation": relation, "url": address(base_url, path, &[query, general].concat()) })
}

/// The answer to a search, with its links.
pub(super) fn searchset(
    base_url: &str,
    answer: &SearchAnswer,
    general: &[(String, String)],
) -> Vec<u8> {
    let link = |relation: &str, query: &[(String, String)]| {
        link(relation, base_url, &answer.path, query, general)
    };
    let mut links = vec![link("self", &answer.applied)];
    for (relation, token) in [("next", &answer.next), ("previous", &answer.previous)] {
        links.extend(
            token
                .iter()
                .map(|token| link(relation, &[(PAGE.to_owned(), token.clone())])),
        );
    }
    let mut head = json!({ "total": answer.total, "link": links });
    if let (None, Some(head)) = (answer.total, head.as_object_mut()) {
        head.shift_remove("total");
    }
    let mut bundle = Writer::new("searchset", members(head));
    bundle.plan(&answer.steps);
    for (mode, versions) in [("match", &answer.matches), ("include", &answer.included)] {
        for found in versions {
            let full_url = format!("{base_url}/{}", found.key);
            bundle.entry(
                Some(&full_url),
                found.body.as_deref(),
                &json!({ "search": { "mode": mode } }),
            );
        }
    }
    bundle.outcome(&answer.warnings);
    bundle.end()
}

/// A page of past versions.
pub(super) fn history(
    base_url: &str,
    page: &HistoryAnswer,
    general: &[(String, String)],
) -> Vec<u8> {
    let mut links = vec![link("self", base_url, &page.path, &page.applied, general)];
    if let Some(token) = &page.next {
        links.push(link(
            "next",
            base_url,
            &page.path,
            &[(PAGE.to_owned(), token.clone())],
            general,
        ));
    }
    let mut bundle = Writer::new("history", members(json!({ "link": links })));
    for past in &page.versions {
        let full_url = format!("{base_url}/{}", past.version.key);
        bundle.entry(
            Some(&full_url),
            past.version.body.as_deref(),
            &past_entry(past),
        );
    }
    bundle.end()
}

fn past_entry(
    PastVersion {
        version,
        is_creation,
    }: &PastVersion,
) -> Value {
    let (method, url, status) = match version.method {
        Method::Post => ("POST", version.key.resource_type.to_string(), "201"),
        Method::Put if *is_creation => ("PUT", version.key.to_string(), "201"),
        Method::Put => ("PUT", version.key.to_string(), "200"),
        Method::Patch => ("PATCH", version.key.to_string(), "200"),
        Method::Delete => ("DELETE", version.key.to_string(), "204"),
    };
    let response = json!({ "status": status, "etag": etag(version.version), "lastModified": format_instant(version.last_updated) });
    json!({ "request": { "method": method, "url": url }, "response": response })
}

/// The rights of a person as of a day.
pub(super) fn rights(base_url: &str, rights: &rights::Rights) -> Vec<u8> {
    let head = json!({
        "link": [{ "relation": "self", "url": format!("{base_url}/{}/$rights?as-of={}", rights.patient, rights.day) }],
        "timestamp": format_instant(rights.asked_at),
    });
    let mut bundle = Writer::new("collection", members(head));
    for task in &rights.tasks {
        let full_url = format!("{base_url}/Task/{}", task["id"].as_str().unwrap_or(""));
        bundle.entry(
            Some(&full_url),
            Some(task.to_string().as_bytes()),
            &json!({}),
        );
    }
    bundle.end()
}

/// How subscriptions stand.
pub(super) fn statuses(base_url: &str, found: &Statuses) -> Vec<u8> {
    let link = json!({ "relation": "self", "url": address(base_url, &found.path, &found.applied) });
    let mut bundle = Writer::new(
        "searchset",
        members(json!({ "total": found.statuses.len(), "link": [link] })),
    );
    for status in &found.statuses {
        // What is found has an id, and one that is made for the answer has it in its fullUrl too.
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, status.to_string().as_bytes());
        let mut status = status.clone();
        if let Some(members) = status.as_object_mut() {
            members.shift_insert(1, "id".to_owned(), Value::from(id.to_string()));
        }
        bundle.entry(
            Some(&id.urn().to_string()),
            Some(status.to_string().as_bytes()),
            &json!({ "search": { "mode": "match" } }),
        );
    }
    bundle.end()
}

/// The answers to the entries of a batch or transaction, in their order. They have no fullUrl: one
/// resource may stand in several (bdl-7), and the location says which it is.
pub(super) fn response(
    base_url: &str,
    kind: BundleKind,
    answers: &[EntryAnswer],
    wanted: Return,
) -> Vec<u8> {
    let kind = match kind {
        BundleKind::Batch => "batch-response",
        BundleKind::Transaction => "transaction-response",
    };
    let mut bundle = Writer::new(kind, Map::new());
    for answer in answers {
        match answer {
            EntryAnswer::Written(written) => written_entry(&mut bundle, base_url, written, wanted),
            EntryAnswer::Found(found) => {
                bundle.entry(
                    None,
                    found.body.as_deref(),
                    &json!({ "response": of_version("200 OK", found) }),
                );
            }
            EntryAnswer::NotModified(found) => {
                bundle.entry(
                    None,
                    None,
                    &json!({ "response": of_version("304 Not Modified", found) }),
                );
            }
            EntryAnswer::Searched(found) => {
                bundle.entry(
                    None,
                    Some(&searchset(base_url, found, &[])),
                    &json!({ "response": { "status": "200 OK" } }),
                );
            }
            EntryAnswer::Rights(found) => {
                bundle.entry(
                    None,
                    Some(&rights(base_url, found)),
                    &json!({ "response": { "status": "200 OK" } }),
                );
            }
            EntryAnswer::Failed(failure) => {
                let outcome = operation_outcome(&failure.issues());
                bundle.entry(None, None, &json!({ "response": { "status": status(failure).to_string(), "outcome": outcome } }));
            }
        }
    }
    bundle.end()
}

/// The answer to a request that was answered later, as the only entry of a Bundle.
pub(super) fn later(answer: &Answer) -> Vec<u8> {
    let mut response = json!({ "status": answer.status().to_string() });
    for (member, name) in [("location", header::LOCATION), ("etag", header::ETAG)] {
        if let Some(value) = answer.header(&name) {
            response[member] = Value::from(value);
        }
    }
    let is_refusal = answer.status().is_client_error() || answer.status().is_server_error();
    if is_refusal {
        response["outcome"] = serde_json::from_slice(answer.body()).unwrap_or_default();
    }
    let mut bundle = Writer::new("batch-response", Map::new());
    let resource = Some(answer.body()).filter(|body| !is_refusal && !body.is_empty());
    bundle.entry(None, resource, &json!({ "response": response }));
    bundle.end()
}

fn of_version(status: &str, version: &StoredVersion) -> Value {
    json!({ "status": status, "etag": etag(version.version), "lastModified": format_instant(version.last_updated) })
}

fn written_entry(bundle: &mut Writer, base_url: &str, written: &Written, wanted: Return) {
    let mut response = match &written.version {
        Some(version) => of_version(&effect_status(written.effect).to_string(), version),
        None => json!({ "status": effect_status(written.effect).to_string() }),
    };
    if let Some(at) = place(base_url, &written.key, written) {
        response["location"] = Value::from(at);
    }
    // What is only good to know comes to who asks for it: of most resources there is something.
    if wanted == Return::OperationOutcome
        || written
            .issues
            .iter()
            .any(|issue| issue.severity != Severity::Information)
    {
        response["outcome"] = operation_outcome(&written.issues);
    }
    let body = written
        .version
        .as_ref()
        .and_then(|version| version.body.as_deref());
    let resource =
        body.filter(|_| wanted == Return::Representation && written.effect != Effect::Deleted);
    bundle.entry(None, resource, &json!({ "response": response }));
}

fn place(base_url: &str, key: &ResourceKey, written: &Written) -> Option<String> {
    let version = written
        .version
        .as_ref()
        .filter(|_| written.effect != Effect::Deleted)?;
    Some(location(base_url, key, version.version))
}

/// The status of a write that was carried out.
pub(super) fn effect_status(effect: Effect) -> StatusCode {
    match effect {
        Effect::Created => StatusCode::CREATED,
        Effect::Updated | Effect::Unchanged => StatusCode::OK,
        Effect::Deleted => StatusCode::NO_CONTENT,
    }
}
