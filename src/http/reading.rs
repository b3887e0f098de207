//! Reads, searches and histories, from a request to an interaction and back.

use axum::http::StatusCode;

use super::answer::Answer;
use super::call::{Call, Parameters, no_parameters, own_and_general};
use super::error::Refusal;
use super::media::Rendering;
use super::{Wire, bundle, negotiation};
use crate::fhir::IssueCode;
use crate::interactions::address::query_pairs;
use crate::interactions::history::{HistoryRequest, history};
use crate::interactions::search::{SearchRequest, SearchScope, search};
use crate::interactions::{Failure, HistoryScope, StoredVersion, subset};

/// Answers with a version, or that the client has it already.
pub(super) fn answer_read(
    wire: &Wire,
    call: &Call,
    mut found: StoredVersion,
) -> Result<Answer, Refusal> {
    let (part, others) = subset::asked(
        &wire.server,
        &call.context,
        found.key.resource_type,
        &call.query,
    )?;
    no_parameters(call, &others)?;
    subset::cut(&wire.server, &call.context, &part, &mut found)?;
    let answer = if negotiation::known(&call.headers).is(&found) {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Answer::fhir(StatusCode::OK, found.body.clone().unwrap_or_default())
    };
    Ok(answer.of_version(&found))
}

/// Answers with a page of a search.
pub(super) fn answer_search(
    wire: &Wire,
    call: &Call,
    scope: SearchScope,
    parameters: Parameters,
) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = search(
        &wire.server,
        &call.context,
        &SearchRequest {
            scope,
            parameters,
            lenient,
        },
    )?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::searchset(&wire.server.base_url, &found, &call.general),
    ))
}

/// Answers a search whose parameters are in a form, in the address, or some in each.
pub(super) fn answer_search_of_form(
    wire: &Wire,
    call: &Call,
    scope: SearchScope,
) -> Result<Answer, Refusal> {
    negotiation::sends_form(&call.headers)?;
    let wrong = |_| Failure::bad_request(IssueCode::Value, "expected a form in UTF-8");
    let form = query_pairs(std::str::from_utf8(&call.body).map_err(wrong)?)?;
    let (own, general) = own_and_general(form);
    let rendering = if general.is_empty() {
        Rendering::default()
    } else {
        negotiation::rendering(&call.headers, &general)?
    };
    let parameters = call.query.iter().cloned().chain(own).collect();
    let call = Call {
        general: call.general.iter().cloned().chain(general).collect(),
        ..call.clone()
    };
    Ok(answer_search(wire, &call, scope, parameters)?.rendered(rendering))
}

/// Answers with a page of a history.
pub(super) fn answer_history(
    wire: &Wire,
    call: &Call,
    scope: HistoryScope,
) -> Result<Answer, Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    let found = history(
        &wire.server,
        &call.context,
        HistoryRequest {
            scope,
            parameters: call.query.clone(),
            lenient,
        },
    )?;
    Ok(Answer::fhir(
        StatusCode::OK,
        bundle::history(&wire.server.base_url, &found, &call.general),
    ))
}
