//! Changes, one by one and in Bundles, from a request to an interaction and back.

use axum::http::{HeaderName, Method, StatusCode, header};

use super::answer::Answer;
use super::call::{Call, sent_resource, without_parameters};
use super::error::Refusal;
use super::media::{PREFERENCE_APPLIED, location};
use super::negotiation::{self, Return, SentPatch};
use super::{Wire, bundle};
use crate::fhir::ResourceType;
use crate::interactions::address::criteria;
use crate::interactions::change::{ChangeTarget, Criteria};
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::delete;
use crate::interactions::patch::{Patch, patch};
use crate::interactions::update::update;
use crate::interactions::{Effect, Failure, Written, transaction};

/// Creates a resource, and answers with it.
pub(super) fn answer_create(
    wire: &Wire,
    call: &Call,
    resource_type: ResourceType,
) -> Result<Answer, Refusal> {
    let resource = sent_resource(call)?;
    let if_none_exist =
        negotiation::decisive(&call.headers, HeaderName::from_static("if-none-exist"))?;
    let if_none_exist = if let Some(query) = if_none_exist {
        without_parameters(call)?;
        Some(criteria(resource_type, query)?)
    } else {
        // In the address of a create they can only mean what the header says, and some clients
        // write them there.
        Some(call.query.clone()).filter(|parameters| !parameters.is_empty())
    };
    let written = create(
        &wire.server,
        &call.context,
        CreateRequest {
            resource_type,
            resource,
            if_none_exist,
        },
    )?;
    Ok(tell_written(wire, call, &written))
}

/// Changes the one resource that the parameters of the address match.
pub(super) fn answer_conditional_change(
    wire: &Wire,
    call: &Call,
    resource_type: ResourceType,
) -> Result<Answer, Refusal> {
    let criteria = Criteria {
        resource_type,
        parameters: call.query.clone(),
        unused_id: (call.context.new_id)(),
    };
    answer_change(wire, call, ChangeTarget::Matching(criteria))
}

/// Carries out a `PUT`, `PATCH` or `DELETE`.
pub(super) fn answer_change(
    wire: &Wire,
    call: &Call,
    target: ChangeTarget,
) -> Result<Answer, Refusal> {
    let condition = negotiation::condition(&call.headers)?;
    let written = match call.method {
        Method::DELETE => delete(&wire.server, &call.context, target, condition)?,
        Method::PATCH => patch(
            &wire.server,
            &call.context,
            target,
            sent_patch(call)?,
            condition,
        )?,
        _ => update(
            &wire.server,
            &call.context,
            target,
            sent_resource(call)?,
            condition,
        )?,
    };
    Ok(tell_written(wire, call, &written))
}

/// Reads the patch in the body.
fn sent_patch(call: &Call) -> Result<Patch, Refusal> {
    let patch = match negotiation::sends_patch(&call.headers)? {
        SentPatch::Json => Patch::parse_json_patch(&call.body),
        SentPatch::Merge => Patch::parse_merge_patch(&call.body),
        SentPatch::Plain => Patch::parse_plain_json(&call.body),
        SentPatch::FhirPath => Patch::from_parameters(&sent_resource(call)?),
    };
    Ok(patch.map_err(Failure::BadRequest)?)
}

/// Tells of a write as the client prefers.
fn tell_written(wire: &Wire, call: &Call, written: &Written) -> Answer {
    let (wanted, _) = negotiation::prefer(&call.headers);
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
            location(&wire.server.base_url, &written.key, version.version),
        ),
        Effect::Deleted => answer,
    }
}

/// Carries out a batch or transaction.
pub(super) fn answer_bundle(wire: &Wire, call: &Call) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let sent = sent_resource(call)?;
    let (kind, answers) = transaction::process(&wire.server, &call.context, &sent)?;
    let (wanted, _) = negotiation::prefer(&call.headers);
    let body = bundle::response(
        &wire.server.base_url,
        kind,
        &answers,
        wanted.unwrap_or(Return::Minimal),
    );
    let answer = Answer::fhir(StatusCode::OK, body);
    Ok(match wanted {
        Some(wanted) => answer.with(PREFERENCE_APPLIED, wanted.applied()),
        None => answer,
    })
}
