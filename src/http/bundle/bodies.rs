//! The body of each outcome, the same in an answer and in the entry of a Bundle.

use serde_json::{Value, json};

use super::pages;
use crate::fhir::dates::format_instant;
use crate::fhir::issue::operation_outcome;
use crate::fhir::{Id, Issue, IssueCode, Severity};
use crate::http::paths::websocket_url;
use crate::interactions::StoredVersion;
use crate::interactions::outcome::Outcome;
use crate::interactions::subscription::binding::BindingToken;

/// Writes the body of an outcome; `general` are the parameters that its links repeat.
pub(in crate::http) fn body_of(
    base_url: &str,
    general: &[(String, String)],
    outcome: &Outcome,
) -> Vec<u8> {
    let made = |value: &Value| value.to_string().into_bytes();
    match outcome {
        Outcome::Found(version) => version.body.clone().unwrap_or_default(),
        Outcome::Written(written) => {
            let version = written.version.as_ref();
            version
                .and_then(|version| version.body.clone())
                .unwrap_or_default()
        }
        Outcome::Searched(found) => pages::searchset(base_url, found, general),
        Outcome::Past(page) => pages::history(base_url, page, general),
        Outcome::Capabilities(statement) => statement.as_bytes().to_vec(),
        Outcome::Labels(labelled) => {
            let label = json!({ "name": "return", "valueMeta": labelled.meta });
            made(&parameters(vec![label]))
        }
        Outcome::Rights(found) => pages::rights(base_url, found),
        Outcome::Statuses(found) => pages::statuses(base_url, found),
        Outcome::Notification(bundle) => bundle.clone(),
        Outcome::Findings(issues) => made(&operation_outcome(issues)),
        Outcome::Secret(secret) => made(secret),
        Outcome::TakenIn(report) => made(report),
        Outcome::Token(token) => made(&token_parameters(base_url, token)),
        Outcome::Resent { since, until } => {
            let text = format!("the events from {since} to {until} are sent again");
            made(&operation_outcome(&[Issue {
                severity: Severity::Information,
                ..Issue::error(IssueCode::Informational, "", text)
            }]))
        }
        // These have answers of their own.
        Outcome::NotModified(_) | Outcome::Export(_) | Outcome::Bundle(..) => Vec::new(),
    }
}

/// Returns the version of which an outcome tells, if it is of one.
pub(in crate::http) fn version_of(outcome: &Outcome) -> Option<&StoredVersion> {
    match outcome {
        Outcome::Found(version) | Outcome::NotModified(version) => Some(version),
        Outcome::Labels(labelled) => labelled.version.as_ref(),
        Outcome::Written(written) => written.version.as_ref(),
        Outcome::Searched(_)
        | Outcome::Past(_)
        | Outcome::Capabilities(_)
        | Outcome::Rights(_)
        | Outcome::Statuses(_)
        | Outcome::Notification(_)
        | Outcome::Findings(_)
        | Outcome::Secret(_)
        | Outcome::TakenIn(_)
        | Outcome::Token(_)
        | Outcome::Resent { .. }
        | Outcome::Export(_)
        | Outcome::Bundle(..) => None,
    }
}

/// Writes what a client needs to listen over a websocket.
fn token_parameters(base_url: &str, token: &BindingToken) -> Value {
    let mut given = vec![
        json!({ "name": "token", "valueString": token.token }),
        json!({ "name": "expiration", "valueDateTime": format_instant(token.expiration) }),
    ];
    let named = |id: &Id| json!({ "name": "subscription", "valueString": id.as_str() });
    given.extend(token.subscriptions.iter().map(named));
    given.push(json!({ "name": "websocket-url", "valueUrl": websocket_url(base_url) }));
    parameters(given)
}

fn parameters(parameters: Vec<Value>) -> Value {
    json!({ "resourceType": "Parameters", "parameter": parameters })
}
