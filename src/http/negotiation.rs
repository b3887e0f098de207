//! What the headers ask for (<https://hl7.org/fhir/R4/http.html#mime-type>, <https://hl7.org/fhir/R4/http.html#ops>).

use axum::http::{HeaderMap, HeaderName, header};

use super::error::Refusal;
use crate::fhir::{IssueCode, Version};
use crate::interactions::Failure;
use crate::interactions::transaction::etag_version;
use crate::interactions::write::Condition;

/// What a client wants back from a write (`Prefer: return=`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Return {
    /// No body.
    Minimal,
    /// The resource.
    Representation,
    /// The findings.
    OperationOutcome,
}

/// The text of a header, if it was sent and is text.
pub(super) fn text(headers: &HeaderMap, name: impl Into<HeaderName>) -> Option<&str> {
    headers.get(name.into()).and_then(|value| value.to_str().ok())
}

/// Refuses a request whose answer the client would not accept. `_format` wins over `Accept`.
pub(super) fn acceptable(headers: &HeaderMap, query: &[(String, String)]) -> Result<(), Refusal> {
    if let Some((_, format)) = query.iter().find(|(name, _)| name == "_format") {
        // A `+` that was not encoded arrives as a blank.
        let format = format.replace(' ', "+");
        return if format == "json" || is_json(&format) { Ok(()) } else { Err(Refusal::NotAcceptable) };
    }
    let Some(accept) = text(headers, header::ACCEPT).filter(|accept| !accept.trim().is_empty()) else { return Ok(()) };
    let allows = |range: &str| {
        let refused = range.split(';').any(|parameter| parameter.trim().trim_start_matches("q=").parse() == Ok(0.0_f32));
        let name = essence(range);
        !refused && (matches!(name.as_str(), "*/*" | "application/*") || is_json(range))
    };
    if accept.split(',').any(allows) { Ok(()) } else { Err(Refusal::NotAcceptable) }
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// True for FHIR JSON of R4 in UTF-8.
fn is_json(media_type: &str) -> bool {
    let parameters_fit = media_type.split(';').skip(1).all(|parameter| match parameter.trim().split_once('=') {
        Some((name, value)) => match name.trim().to_ascii_lowercase().as_str() {
            "charset" => value.trim_matches('"').eq_ignore_ascii_case("utf-8"),
            "fhirversion" => matches!(value.trim_matches('"'), "4.0" | "4.0.1"),
            _ => true,
        },
        None => true,
    });
    parameters_fit && matches!(essence(media_type).as_str(), "application/fhir+json" | "application/json")
}

/// Refuses a body that is not FHIR JSON.
pub(super) fn sends_json(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_TYPE) {
        Some(media_type) if is_json(media_type) => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType("application/fhir+json or application/json")),
    }
}

/// Refuses a search body that is not a form.
pub(super) fn sends_form(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_TYPE).map(essence).as_deref() {
        Some("application/x-www-form-urlencoded") => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType("application/x-www-form-urlencoded")),
    }
}

/// What `Prefer` says: the wanted body, if it is said, and whether to pass over unknown parameters.
pub(super) fn prefer(headers: &HeaderMap) -> (Option<Return>, bool) {
    let all = headers.get_all("prefer");
    let parts = all.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split([',', ';']));
    let mut wanted = (None, false);
    for part in parts {
        match part.trim() {
            "return=minimal" => wanted.0 = Some(Return::Minimal),
            "return=representation" => wanted.0 = Some(Return::Representation),
            "return=OperationOutcome" => wanted.0 = Some(Return::OperationOutcome),
            "handling=lenient" => wanted.1 = true,
            _ => {}
        }
    }
    wanted
}

/// The condition of `If-Match` or `If-None-Match: *` on a write.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Refusal> {
    if let Some(etag) = text(headers, header::IF_MATCH) {
        let version = etag_version(etag);
        let wrong = || Failure::bad_request(IssueCode::Value, "If-Match: expected the ETag of one version, such as W/\"1\"");
        return Ok(Condition::Is(version.ok_or_else(wrong)?));
    }
    match text(headers, header::IF_NONE_MATCH) {
        Some("*") => Ok(Condition::Absent),
        Some(_) => Err(Failure::bad_request(IssueCode::Value, "If-None-Match: expected '*' on a write").into()),
        None => Ok(Condition::Any),
    }
}

/// True if the client has this version already (`If-None-Match` on a read).
pub(super) fn has_already(headers: &HeaderMap, version: Version) -> bool {
    let Some(known) = text(headers, header::IF_NONE_MATCH) else { return false };
    known.trim() == "*" || known.split(',').any(|etag| etag_version(etag) == Some(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_given() {
        for (accept, given) in [
            ("application/fhir+json", true),
            ("application/json;charset=UTF-8", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/fhir+json; fhirVersion=4.0", true),
            ("application/fhir+json; fhirVersion=5.0", false),
            ("application/fhir+xml", false),
            ("application/fhir+json;q=0", false),
            ("text/html", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            assert_eq!(acceptable(&headers, &[]).is_ok(), given, "{accept}");
        }
    }
}
