//! Outcomes as answers: the status, the headers and the body of each.

use axum::http::{StatusCode, header};

use super::answer::Answer;
use super::bundle;
use super::call::Call;
use super::media::{PREFERENCE_APPLIED, location};
use super::negotiation::{self, Return};
use crate::interactions::outcome::{BundleKind, EntryAnswer, Outcome};
use crate::interactions::{Effect, Written};

/// Tells an outcome as an answer. `general` are the parameters that its links repeat.
pub(super) fn told(
    base_url: &str,
    call: &Call,
    general: &[(String, String)],
    outcome: &Outcome,
) -> Answer {
    match outcome {
        Outcome::NotModified(version) => {
            Answer::empty(StatusCode::NOT_MODIFIED).of_version(version)
        }
        Outcome::Written(written) => tell_written(base_url, call, written),
        Outcome::Bundle(kind, answers) => tell_bundle(base_url, call, *kind, answers),
        Outcome::Secret(_) => {
            let body = bundle::body_of(base_url, general, outcome);
            Answer::fhir(StatusCode::OK, body).with(header::CACHE_CONTROL, "no-store")
        }
        other => {
            let answer = Answer::fhir(StatusCode::OK, bundle::body_of(base_url, general, other));
            match bundle::version_of(other) {
                Some(version) => answer.of_version(version),
                None => answer,
            }
        }
    }
}

/// Tells of a write as the client prefers.
fn tell_written(base_url: &str, call: &Call, written: &Written) -> Answer {
    let wanted = negotiation::wanted(&call.headers);
    let status = bundle::effect_status(written.effect);
    let answer = match (wanted, written.effect, &written.version) {
        (Some(Return::OperationOutcome), Effect::Deleted, _) => {
            Answer::outcome(StatusCode::OK, &written.issues)
        }
        (_, Effect::Deleted, _) | (_, _, None) => Answer::empty(status),
        (Some(Return::OperationOutcome), _, _) => Answer::outcome(status, &written.issues),
        (Some(Return::Minimal), _, _) => Answer::empty(status),
        (Some(Return::Representation) | None, _, Some(version)) => {
            Answer::fhir(status, version.body.clone().unwrap_or_default())
        }
    };
    let answer = match wanted
        .filter(|wanted| written.effect != Effect::Deleted || *wanted == Return::OperationOutcome)
    {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    };
    let Some(version) = &written.version else {
        return answer;
    };
    let answer = answer.of_version(version);
    match written.effect {
        Effect::Created | Effect::Updated | Effect::Unchanged => answer.with(
            header::LOCATION,
            location(base_url, &written.key, version.version),
        ),
        Effect::Deleted => answer,
    }
}

fn tell_bundle(base_url: &str, call: &Call, kind: BundleKind, answers: &[EntryAnswer]) -> Answer {
    let wanted = negotiation::wanted(&call.headers);
    let minimal = wanted.unwrap_or(Return::Minimal);
    let answer = Answer::fhir(
        StatusCode::OK,
        bundle::response(base_url, kind, answers, minimal),
    );
    match wanted {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    }
}
