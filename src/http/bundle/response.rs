//! Bundles of answers: to the entries of a batch or transaction, and to a request that was answered
//! later.

use axum::http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::bodies::{body_of, version_of};
use super::writer::BundleWriter;
use crate::fhir::dates::format_instant;
use crate::fhir::issue::operation_outcome;
use crate::fhir::{ResourceKey, Severity};
use crate::http::answer::Answer;
use crate::http::error::status;
use crate::http::media::{etag, location};
use crate::http::negotiation::Return;
use crate::interactions::outcome::{BundleKind, EntryAnswer, Outcome};
use crate::interactions::{Effect, StoredVersion, Written};

/// Writes the answers to the entries of a batch or transaction, in their order. They have no
/// fullUrl: one resource may stand in several (bdl-7), and the location says which it is.
pub(in crate::http) fn response(
    base_url: &str,
    kind: BundleKind,
    answers: &[EntryAnswer],
    wanted: Return,
) -> Vec<u8> {
    let kind = match kind {
        BundleKind::Batch => "batch-response",
        BundleKind::Transaction => "transaction-response",
    };
    let mut bundle = BundleWriter::new(kind, Map::new());
    for EntryAnswer { general, outcome } in answers {
        match outcome {
            Ok(Outcome::Written(written)) => written_entry(&mut bundle, base_url, written, wanted),
            Ok(Outcome::NotModified(found)) => {
                let response = of_version("304 Not Modified", found);
                bundle.entry(None, None, &json!({ "response": response }));
            }
            Ok(outcome) => {
                let body = body_of(base_url, general, outcome);
                let response = match version_of(outcome) {
                    Some(version) => of_version("200 OK", version),
                    None => json!({ "status": "200 OK" }),
                };
                bundle.entry(None, Some(&body), &json!({ "response": response }));
            }
            Err(failure) => {
                let outcome = operation_outcome(&failure.issues());
                bundle.entry(None, None, &json!({ "response": { "status": status(failure).to_string(), "outcome": outcome } }));
            }
        }
    }
    bundle.end()
}

/// Writes the answer to a request that was answered later, as the only entry of a Bundle.
pub(in crate::http) fn later(answer: &Answer) -> Vec<u8> {
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
    let mut bundle = BundleWriter::new("batch-response", Map::new());
    let resource = Some(answer.body()).filter(|body| !is_refusal && !body.is_empty());
    bundle.entry(None, resource, &json!({ "response": response }));
    bundle.end()
}

fn of_version(status: &str, version: &StoredVersion) -> Value {
    json!({ "status": status, "etag": etag(version.version), "lastModified": format_instant(version.last_updated) })
}

fn written_entry(bundle: &mut BundleWriter, base_url: &str, written: &Written, wanted: Return) {
    let status = match (written.effect, wanted) {
        // As alone: what is told of it is an outcome.
        (Effect::Deleted, Return::OperationOutcome) => StatusCode::OK,
        (effect, _) => effect_status(effect),
    };
    let mut response = match &written.version {
        Some(version) => of_version(&status.to_string(), version),
        None => json!({ "status": status.to_string() }),
    };
    if let Some(at) = place(base_url, &written.key, written) {
        response["location"] = Value::from(at);
    }
    // What is only good to know comes to who asks for it: of most resources there is something.
    let told = written.told();
    if wanted == Return::OperationOutcome
        || told
            .iter()
            .any(|issue| issue.severity != Severity::Information)
    {
        response["outcome"] = operation_outcome(&told);
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

/// Returns the status of a write that was carried out.
pub(in crate::http) fn effect_status(effect: Effect) -> StatusCode {
    match effect {
        Effect::Created => StatusCode::CREATED,
        Effect::Updated | Effect::Unchanged => StatusCode::OK,
        Effect::Deleted => StatusCode::NO_CONTENT,
    }
}
