//! Bundles of what is stored: pages of searches and histories, rights, and the status of
//! subscriptions.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::writer::BundleWriter;
use crate::fhir::dates::format_instant;
use crate::fhir::issue::operation_outcome;
use crate::http::media::etag;
use crate::interactions::history::{HistoryAnswer, PastVersion};
use crate::interactions::page_token::PAGE;
use crate::interactions::search::SearchAnswer;
use crate::interactions::subscription::status::Statuses;
use crate::interactions::{Method, rights};

/// Writes an address below the base.
pub(in crate::http) fn address(base_url: &str, path: &str, query: &[(String, String)]) -> String {
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

/// Makes a link of a page: `general` says how the page that it leads to is written.
fn link(
    relation: &str,
    base_url: &str,
    path: &str,
    query: &[(String, String)],
    general: &[(String, String)],
) -> Value {
    json!({ "relation": relation, "url": address(base_url, path, &[query, general].concat()) })
}

/// Writes the answer to a search, with its links.
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
    let mut bundle = BundleWriter::new("searchset", members(head));
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

/// Writes a page of past versions.
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
    let mut head = json!({ "link": links });
    if let Some(total) = page.total {
        head["total"] = total.into();
    }
    let mut bundle = BundleWriter::new("history", members(head));
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

/// Writes the rights of a person as of a day.
pub(super) fn rights(base_url: &str, rights: &rights::PatientRights) -> Vec<u8> {
    let asked = if rights.reasons.is_some() {
        "&_reasons=true"
    } else {
        ""
    };
    let head = json!({
        "link": [{ "relation": "self", "url": format!("{base_url}/{}/$rights?as-of={}{asked}", rights.patient, rights.day) }],
        "timestamp": format_instant(rights.asked_at),
    });
    let mut bundle = BundleWriter::new("collection", members(head));
    for task in &rights.tasks {
        let full_url = format!("{base_url}/Task/{}", task["id"].as_str().unwrap_or(""));
        bundle.entry(
            Some(&full_url),
            Some(task.to_string().as_bytes()),
            &json!({}),
        );
    }
    if let Some(reasons) = &rights.reasons {
        let issues = reasons.iter().map(rights::Unfounded::issue);
        let outcome = operation_outcome(&issues.collect::<Vec<_>>()).to_string();
        let full_url = Uuid::new_v5(&Uuid::NAMESPACE_URL, outcome.as_bytes());
        let full_url = full_url.urn().to_string();
        bundle.entry(Some(&full_url), Some(outcome.as_bytes()), &json!({}));
    }
    bundle.end()
}

/// Writes how subscriptions stand.
pub(super) fn statuses(base_url: &str, found: &Statuses) -> Vec<u8> {
    let link = json!({ "relation": "self", "url": address(base_url, &found.path, &found.applied) });
    let mut bundle = BundleWriter::new(
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

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
