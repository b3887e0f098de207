//! A request as it was sent, with all that its answer depends on.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

use super::error::Refusal;
use super::negotiation::{self, GENERAL_PARAMETERS};
use crate::fhir::{IssueCode, Resource};
use crate::interactions::{Context, Failure};

/// Names and values, percent-decoded.
pub(super) type Parameters = Vec<(String, String)>;

/// A request with its body, ready for the blocking part.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// The parameters of the address, but those that every request may have.
    pub(super) query: Parameters,
    /// The parameters that every request may have: they say how the answer is written, and so do the
    /// links to its further pages.
    pub(super) general: Parameters,
    pub(super) headers: HeaderMap,
    /// As it was before it was compressed.
    pub(super) body: Bytes,
    pub(super) context: Context,
}

/// Parts the parameters of a request from those that every request may have, which come second.
pub(super) fn own_and_general(query: Parameters) -> (Parameters, Parameters) {
    query
        .into_iter()
        .partition(|(name, _)| !GENERAL_PARAMETERS.contains(&name.as_str()))
}

/// Reads the resource in the body.
pub(super) fn sent_resource(call: &Call) -> Result<Resource, Refusal> {
    negotiation::sends_json(&call.headers)?;
    Ok(Resource::parse(&call.body).map_err(|issue| Failure::BadRequest(vec![issue]))?)
}

/// Refuses parameters at an address where none means anything; under `handling=lenient` they are
/// passed over.
pub(super) fn without_parameters(call: &Call) -> Result<(), Refusal> {
    no_parameters(call, &call.query)
}

/// As [`without_parameters`], for parameters that came otherwise too.
pub(super) fn no_parameters(call: &Call, parameters: &[(String, String)]) -> Result<(), Refusal> {
    let (_, lenient) = negotiation::prefer(&call.headers);
    if parameters.is_empty() || lenient {
        return Ok(());
    }
    let text = format!(
        "expected no parameters here but {}",
        GENERAL_PARAMETERS.join(", ")
    );
    Err(Failure::bad_request(IssueCode::NotSupported, text).into())
}
