//! Outcomes as answers: the status, the headers and the body of each.

use axum::http::{StatusCode, header};

use super::answer::Answer;
use super::bundle;
use super::call::Call;
use super::media::{FRIST_RIGHTS, PREFERENCE_APPLIED, location};
use super::negotiation::{self, Return};
use crate::fhir::{Issue, IssueCode, ResourceType};
use crate::interactions::outcome::{BundleKind, EntryAnswer, Outcome};
use crate::interactions::{Effect, Written};

/// The most items of the header that tells of rights: proxies bound what a header may have.
const RIGHTS_ITEMS_MAX: usize = 32;

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
            Answer::outcome(StatusCode::OK, &written.told())
        }
        (_, Effect::Deleted, _) | (_, _, None) => Answer::empty(status),
        (Some(Return::OperationOutcome), _, _) => Answer::outcome(status, &written.told()),
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
    let answer = with_rights(answer, std::slice::from_ref(&written));
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
    let written = answers.iter().filter_map(|answer| match &answer.outcome {
        Ok(Outcome::Written(written)) => Some(written),
        _ => None,
    });
    let answer = with_rights(answer, &written.collect::<Vec<_>>());
    match wanted {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    }
}

/// Returns the same answer with a header that says in short what writes did to rights, each thing
/// once, for those who ask for no outcome.
fn with_rights(answer: Answer, written: &[&Written]) -> Answer {
    let mut items: Vec<String> = Vec::new();
    for written in written {
        let is_duplicate = |issue: &Issue| {
            issue.code == IssueCode::Duplicate && written.key.resource_type == ResourceType::Patient
        };
        let duplicate = written.issues.iter().any(is_duplicate);
        let notice = duplicate.then(|| "notice;reason=duplicate-patient".to_owned());
        for item in written.rights.items().into_iter().chain(notice) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }
    let more = items.len().saturating_sub(RIGHTS_ITEMS_MAX);
    items.truncate(RIGHTS_ITEMS_MAX);
    if more > 0 {
        items.push(format!("more;items={more}"));
    }
    if items.is_empty() {
        return answer;
    }
    answer.with(FRIST_RIGHTS, items.join(", "))
}
