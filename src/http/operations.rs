//! The operations, from a request to an interaction and back, and the download of the guide's
//! package.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::answer::Answer;
use super::call::{Call, no_parameters, sent_resource, without_parameters};
use super::error::Refusal;
use super::reading::answer_search;
use super::{Wire, bundle, negotiation, websocket};
use crate::fhir::ResourceKey;
use crate::fhir::dates::format_instant;
use crate::interactions::change::Condition;
use crate::interactions::meta::Labelled;
use crate::interactions::scopes::{LabelChange, MetaScope};
use crate::interactions::search::SearchScope;
use crate::interactions::subscription::binding;
use crate::interactions::validate::ValidationTarget;
use crate::interactions::{everything, meta, rights, validate};

/// Answers `$rights`: the Tasks of a person as of a day.
pub(super) fn rights(wire: &Wire, call: &Call, patient: &ResourceKey) -> Result<Answer, Refusal> {
    let mut parameters = call.query.clone();
    if call.method == Method::POST && !call.body.is_empty() {
        parameters.extend(rights::parameters(&sent_resource(call)?)?);
    }
    let found = rights::rights(&wire.server, &call.context, patient, &parameters)?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::rights(&wire.server.base_url, &found),
    ))
}

/// Answers `$everything`: a page of all that belongs to a person.
pub(super) fn everything(
    wire: &Wire,
    call: &Call,
    patient: ResourceKey,
) -> Result<Answer, Refusal> {
    let mut parameters = call.query.clone();
    if !call.body.is_empty() {
        parameters.extend(everything::sent_parameters(&sent_resource(call)?)?);
    }
    answer_search(wire, call, SearchScope::Everything(patient), parameters)
}

/// Answers `$meta`: the labels of a version, or those in use.
pub(super) fn meta(wire: &Wire, call: &Call, scope: &MetaScope) -> Result<Answer, Refusal> {
    let mut parameters = call.query.clone();
    if !call.body.is_empty() {
        parameters.extend(meta::sent_parameters(&sent_resource(call)?)?);
    }
    no_parameters(call, &parameters)?;
    Ok(labelled(&meta::meta(&wire.server, &call.context, scope)?))
}

/// Carries out `$meta-add` and `$meta-delete`.
pub(super) fn meta_change(
    wire: &Wire,
    call: &Call,
    key: ResourceKey,
    change: LabelChange,
) -> Result<Answer, Refusal> {
    without_parameters(call)?;
    let condition = negotiation::condition(&call.headers)?;
    Ok(labelled(&meta::change(
        &wire.server,
        &call.context,
        key,
        change,
        &sent_resource(call)?,
        condition,
    )?))
}

fn labelled(Labelled { meta, version }: &Labelled) -> Answer {
    let answer = Answer::made(
        &json!({ "resourceType": "Parameters", "parameter": [{ "name": "return", "valueMeta": meta }] }),
    );
    match version {
        Some(version) => answer.of_version(version),
        None => answer,
    }
}

/// Answers `$validate`: findings are the answer, with 200, also when they refuse the resource.
pub(super) fn validate(
    wire: &Wire,
    call: &Call,
    target: ValidationTarget,
) -> Result<Answer, Refusal> {
    let (sent, condition) = if call.method == Method::POST {
        let sent = if call.body.is_empty() {
            None
        } else {
            Some(sent_resource(call)?)
        };
        (sent, negotiation::condition(&call.headers)?)
    } else {
        (None, Condition::Any)
    };
    let request = validate::read_request(target, sent, &call.query, condition)?;
    let issues = validate::validate(&wire.server, &call.context, request)?;
    Ok(Answer::outcome(StatusCode::OK, &issues))
}

/// Answers `$get-ws-binding-token` with what a client needs to listen over a websocket.
pub(super) fn binding_token(
    wire: &Wire,
    call: &Call,
    subscription: Option<&ResourceKey>,
) -> Result<Answer, Refusal> {
    let mut parameters = call.query.clone();
    if !call.body.is_empty() {
        parameters.extend(binding::parameters(&sent_resource(call)?)?);
    }
    let bound = binding::binding_token(&wire.server, &call.context, subscription, &parameters)?;
    let mut parameter = vec![
        json!({ "name": "token", "valueString": bound.token }),
        json!({ "name": "expiration", "valueDateTime": format_instant(bound.expiration) }),
    ];
    parameter.extend(
        bound
            .subscriptions
            .iter()
            .map(|id| json!({ "name": "subscription", "valueString": id.as_str() })),
    );
    parameter.push(
        json!({ "name": "websocket-url", "valueUrl": websocket::url(&wire.server.base_url) }),
    );
    Ok(Answer::made(
        &json!({ "resourceType": "Parameters", "parameter": parameter }),
    ))
}

/// Answers with the package of the guide's definitions, as clients of the package registries take it.
pub(super) fn package(wire: &Wire, call: &Call) -> Answer {
    let package = &wire.package;
    let etag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(&package.bytes));
    let known = negotiation::text(&call.headers, header::IF_NONE_MATCH).unwrap_or("");
    let has_already = known
        .split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known == etag);
    let answer = if has_already {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let disposition = format!("attachment; filename=\"{}\"", package.file_name);
        Answer::text("application/gzip", package.bytes.clone())
            .with(header::CONTENT_DISPOSITION, disposition)
    };
    answer.with(header::ETAG, etag)
}
