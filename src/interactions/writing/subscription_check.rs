//! Checking a Subscription that a client writes, beyond what R4 asks: the rules of the backport guide
//! and of this server, and who sets the status.
//!
//! `active` and `error` are the server's words. A client may leave them as they stand when it
//! writes back what it read, as long as it asks for nothing else than before: then nothing begins
//! anew. Whatever is asked for anew has to be `requested`, so that a handshake comes first.

use jiff::Timestamp;
use serde_json::Value;

use crate::fhir::{Issue, IssueCode, view};
use crate::interactions::Server;
use crate::subscriptions::names::{EXT_PAYLOAD_CONTENT, PROFILE_SUBSCRIPTION};
use crate::subscriptions::{Channel, Status, Subscription};

/// Adds what is wrong with a Subscription that follows `before` (none if it is the first version,
/// or the one before was deleted), besides what R4 says in `issues` already.
pub(super) fn check(
    server: &Server,
    now: Timestamp,
    before: Option<&Value>,
    sent: &Value,
    issues: &mut Vec<Issue>,
) {
    let profiles = claims_of_the_profile(sent);
    // The profile is known after all: it is what is checked here.
    issues.retain(|issue| issue.refuses() || !profiles.contains(&issue.expression));
    let mut found: Vec<_> = status_finding(before, sent, &server.base_url)
        .into_iter()
        .collect();
    if !profiles.is_empty()
        && view::extensions(&sent["channel"]["_payload"], EXT_PAYLOAD_CONTENT)
            .next()
            .is_none()
    {
        let text =
            "expected the extension backport-payload-content: the claimed profile requires it";
        found.push(Issue::error(
            IssueCode::Required,
            "Subscription.channel.payload.extension",
            text,
        ));
    }
    found.extend(Subscription::findings(sent, &server.base_url, now));
    found.extend(
        Channel::of(sent)
            .iter()
            .flat_map(|channel| server.endpoints.findings(channel)),
    );
    // What R4 says of an element already, is not said twice.
    found.retain(|issue| {
        !issues
            .iter()
            .any(|told| told.refuses() && told.expression == issue.expression)
    });
    issues.extend(found);
}

/// Returns the places at which the Subscription claims the guide's profile.
fn claims_of_the_profile(sent: &Value) -> Vec<String> {
    let profiles = view::items(&sent["meta"]["profile"]).enumerate();
    profiles
        .filter(|(_, profile)| **profile == PROFILE_SUBSCRIPTION)
        .map(|(at, _)| format!("Subscription.meta.profile[{at}]"))
        .collect()
}

/// Returns the finding about a status that only the server sets, or about the reason that goes with
/// it.
fn status_finding(before: Option<&Value>, sent: &Value, base_url: &str) -> Option<Issue> {
    let status = match sent["status"].as_str().and_then(Status::from_code) {
        Some(status @ (Status::Active | Status::Error)) => status.as_str(),
        Some(Status::Requested | Status::Off) | None => return None,
    };
    let refused = |text: String| {
        Some(Issue::error(
            IssueCode::BusinessRule,
            "Subscription.status",
            text,
        ))
    };
    let Some(before) = before else {
        return refused(format!(
            "expected 'requested' or 'off', found '{status}', which only the server sets"
        ));
    };
    if before["status"] != status {
        let stands = before["status"].as_str().unwrap_or_default();
        return refused(format!(
            "expected 'requested' or 'off', found '{status}', which only the server sets, while the Subscription is '{stands}': read it again"
        ));
    }
    let is_as_before = match (
        Subscription::read(before, base_url),
        Subscription::read(sent, base_url),
    ) {
        (Ok(before), Ok(sent)) => before == sent,
        (Err(_), _) | (_, Err(_)) => false,
    };
    if !is_as_before {
        return refused(format!(
            "expected 'requested' (or 'off'), found '{status}', which stays only while criteria, filters, channel and end are as they were: \
             a subscription that asks for anything else begins with a handshake"
        ));
    }
    let text = "expected the stored text: while the status stays the same, only the server writes what is wrong";
    (before["error"] != sent["error"])
        .then(|| Issue::error(IssueCode::BusinessRule, "Subscription.error", text))
}
