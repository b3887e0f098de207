//! What the headers ask for (<https://hl7.org/fhir/R4/http.html#mime-type>, <https://hl7.org/fhir/R4/http.html#ops>).

use axum::http::{HeaderMap, HeaderName, header};

use super::answer;
use super::error::Refusal;
use crate::fhir::IssueCode;
use crate::interactions::Failure;
use crate::interactions::patch::{JSON_PATCH, MERGE_PATCH};
use crate::interactions::read::Known;
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

impl Return {
    /// The wish as it was honoured, for `Preference-Applied`.
    pub(super) fn applied(self) -> &'static str {
        match self {
            Return::Minimal => "return=minimal",
            Return::Representation => "return=representation",
            Return::OperationOutcome => "return=OperationOutcome",
        }
    }
}

/// The header that tells which wish was honoured.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The header that tells in which ways a patch may be sent (<https://www.rfc-editor.org/rfc/rfc5789#section-3.1>).
pub(super) const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// Those ways: JSON Patch, JSON Merge Patch, and FHIRPath Patch.
pub(super) const PATCHES: &str =
    "application/json-patch+json, application/merge-patch+json, application/fhir+json";

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rendering {
    /// Its media type.
    pub(super) media_type: &'static str,
    /// In lines that people can read.
    pub(super) is_pretty: bool,
}

/// The parameters that every request may have besides its own.
pub(super) const GENERAL_PARAMETERS: &[&str] = &["_format", "_pretty"];

const FHIR_JSON: Rendering = Rendering {
    media_type: answer::FHIR_JSON,
    is_pretty: false,
};
const PLAIN_JSON: Rendering = Rendering {
    media_type: answer::PLAIN_JSON,
    is_pretty: false,
};

impl Default for Rendering {
    fn default() -> Self {
        FHIR_JSON
    }
}

/// The text of a header that gives advice: the first one, if it is text.
pub(super) fn text(headers: &HeaderMap, name: impl Into<HeaderName>) -> Option<&str> {
    headers
        .get(name.into())
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// The text of a header on which it depends what is written: never passed over because it cannot be
/// read.
pub(super) fn decisive(
    headers: &HeaderMap,
    name: impl Into<HeaderName>,
) -> Result<Option<&str>, Refusal> {
    let name = name.into();
    let mut values = headers.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    match (std::str::from_utf8(value.as_bytes()), second) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Failure::bad_request(
            IssueCode::Value,
            format!("{name}: expected the header once, as UTF-8 text"),
        )
        .into()),
    }
}

/// How the client wants the answer; refused if it is nothing that this server writes. `_format`
/// wins over `Accept`.
pub(super) fn rendering(
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Rendering, Refusal> {
    let named = |wanted: &str| {
        query
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let is_pretty = match named("_pretty") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Failure::bad_request(
                IssueCode::Value,
                "_pretty: expected 'true' or 'false'",
            )
            .into());
        }
    };
    let rendering = match named("_format") {
        // A `+` that was not encoded arrives as a blank.
        Some(format) => of_format(&format.replace(' ', "+")),
        None => of_accept(headers),
    };
    Ok(Rendering {
        is_pretty,
        ..rendering.ok_or(Refusal::NotAcceptable)?
    })
}

fn of_format(format: &str) -> Option<Rendering> {
    if format == "json" {
        Some(FHIR_JSON)
    } else {
        is_json(format).then(|| of_media_type(format))
    }
}

/// What the client likes best of what can be given; of equals what it names first. A narrow range
/// says more than a wide one.
fn of_accept(headers: &HeaderMap) -> Option<Rendering> {
    let ranges: Vec<_> = listed(headers, header::ACCEPT).collect();
    if ranges.is_empty() {
        return Some(FHIR_JSON);
    }
    let liking = |rendering: &Rendering| {
        let named = essence(rendering.media_type);
        let at = [named.as_str(), "application/*", "*/*"]
            .into_iter()
            .find_map(|wanted| {
                let names = |range: &&str| {
                    essence(range) == wanted && (wanted.ends_with('*') || is_json(range))
                };
                ranges.iter().position(names)
            })?;
        Some((quality(ranges[at]), at)).filter(|(quality, _)| *quality > 0.0)
    };
    let liked = [FHIR_JSON, PLAIN_JSON]
        .into_iter()
        .filter_map(|rendering| Some((liking(&rendering)?, rendering)));
    let better = |one: &(f32, usize), other: &(f32, usize)| {
        one.0 > other.0 || (one.0 == other.0 && one.1 < other.1)
    };
    liked
        .reduce(|best, next| if better(&next.0, &best.0) { next } else { best })
        .map(|(_, rendering)| rendering)
}

/// The elements of a header that is a list.
pub(super) fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

/// How much a client likes an element of such a list, from 0 (not at all) to 1.
pub(super) fn quality(element: &str) -> f32 {
    let parameters = element
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.trim().split_once('='));
    let stated = parameters
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .find_map(|(_, value)| value.trim().parse().ok());
    stated
        .filter(|quality| (0.0..=1.0).contains(quality))
        .unwrap_or(1.0)
}

/// A client that asks for the generic type gets its answer under that name.
fn of_media_type(media_type: &str) -> Rendering {
    if essence(media_type) == "application/json" {
        PLAIN_JSON
    } else {
        FHIR_JSON
    }
}

fn essence(media_type: &str) -> String {
    media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

/// The versions of FHIR that a media type may ask for: R4, and R4B, in which all that is held here
/// is as in R4.
const FHIR_VERSIONS: &[&str] = &["4.0", "4.0.1", "4.3"];

/// True for FHIR JSON of R4 in UTF-8.
fn is_json(media_type: &str) -> bool {
    let parameters_fit =
        media_type
            .split(';')
            .skip(1)
            .all(|parameter| match parameter.trim().split_once('=') {
                Some((name, value)) => match name.trim().to_ascii_lowercase().as_str() {
                    "charset" => value.trim_matches('"').eq_ignore_ascii_case("utf-8"),
                    "fhirversion" => FHIR_VERSIONS.contains(&value.trim_matches('"')),
                    _ => true,
                },
                None => true,
            });
    parameters_fit
        && matches!(
            essence(media_type).as_str(),
            "application/fhir+json" | "application/json"
        )
}

/// Refuses a body that is not FHIR JSON.
pub(super) fn sends_json(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_TYPE) {
        Some(media_type) if is_json(media_type) => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType(
            "application/fhir+json or application/json",
        )),
    }
}

/// How a patch is sent.
pub(super) enum SentPatch {
    /// As JSON Patch.
    Json,
    /// As JSON Merge Patch.
    Merge,
    /// As JSON that does not say which: not by its media type.
    Plain,
    /// As the Parameters of a FHIRPath Patch.
    FhirPath,
}

/// Refuses a body that is no patch that this server knows.
pub(super) fn sends_patch(headers: &HeaderMap) -> Result<SentPatch, Refusal> {
    match text(headers, header::CONTENT_TYPE) {
        Some(media_type) if essence(media_type) == JSON_PATCH => Ok(SentPatch::Json),
        Some(media_type) if essence(media_type) == MERGE_PATCH => Ok(SentPatch::Merge),
        Some(media_type) if is_json(media_type) && essence(media_type) == "application/json" => {
            Ok(SentPatch::Plain)
        }
        Some(media_type) if is_json(media_type) => Ok(SentPatch::FhirPath),
        _ => Err(Refusal::UnsupportedPatch),
    }
}

/// Refuses a search body that is not a form.
pub(super) fn sends_form(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_TYPE).map(essence).as_deref() {
        Some("application/x-www-form-urlencoded") => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType(
            "application/x-www-form-urlencoded",
        )),
    }
}

/// What `Prefer` says: the wanted body, if it is said, and whether to pass over unknown parameters.
/// Of two wishes the first one counts (<https://www.rfc-editor.org/rfc/rfc7240>).
pub(super) fn prefer(headers: &HeaderMap) -> (Option<Return>, bool) {
    let wanted = preference(headers, "return").and_then(|wanted| match wanted.as_str() {
        "minimal" => Some(Return::Minimal),
        "representation" => Some(Return::Representation),
        "operationoutcome" => Some(Return::OperationOutcome),
        _ => None,
    });
    (
        wanted,
        preference(headers, "handling").as_deref() == Some("lenient"),
    )
}

/// The value of a preference in lower case, empty if it has none; none if it is not said.
pub(super) fn preference(headers: &HeaderMap, wanted: &str) -> Option<String> {
    // Clients part preferences by `;` too, though that begins a parameter of the one before.
    let parts =
        listed(headers, HeaderName::from_static("prefer")).flat_map(|element| element.split(';'));
    let mut named = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase())
}

/// The condition of `If-Match` or `If-None-Match: *` on a write.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Refusal> {
    if let Some(etag) = decisive(headers, header::IF_MATCH)? {
        let version = etag_version(etag);
        let wrong = || {
            Failure::bad_request(
                IssueCode::Value,
                "If-Match: expected the ETag of one version, such as W/\"1\"",
            )
        };
        return Ok(Condition::Is(version.ok_or_else(wrong)?));
    }
    match decisive(headers, header::IF_NONE_MATCH)?.map(str::trim) {
        Some("*") => Ok(Condition::Absent),
        Some(_) => Err(Failure::bad_request(
            IssueCode::Value,
            "If-None-Match: expected '*' on a write",
        )
        .into()),
        None => Ok(Condition::Any),
    }
}

/// What the client says that it has already, on a read.
pub(super) fn known(headers: &HeaderMap) -> Known {
    // Tags that cannot be read are none of this server's, but still win over the instant.
    let none_match = headers.contains_key(header::IF_NONE_MATCH).then(|| {
        text(headers, header::IF_NONE_MATCH)
            .unwrap_or("")
            .to_owned()
    });
    let since = text(headers, header::IF_MODIFIED_SINCE)
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    Known {
        none_match,
        modified_since: since.map(|since| since.timestamp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_given() {
        for (accept, given) in [
            ("application/fhir+json", Some("application/fhir+json")),
            ("application/json;charset=UTF-8", Some("application/json")),
            (
                "application/json, application/fhir+json",
                Some("application/json"),
            ),
            (
                "application/json;q=0.5, application/fhir+json;q=0.9",
                Some("application/fhir+json"),
            ),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                Some("application/fhir+json"),
            ),
            (
                "application/fhir+json; fhirVersion=4.0",
                Some("application/fhir+json"),
            ),
            (
                "application/fhir+json; fhirVersion=4.3",
                Some("application/fhir+json"),
            ),
            ("application/fhir+json; fhirVersion=5.0", None),
            ("application/fhir+json; fhirVersion=4.1", None),
            ("application/fhir+xml", None),
            (
                "application/fhir+xml, application/*;q=0.1",
                Some("application/fhir+json"),
            ),
            ("application/fhir+json;q=0", None),
            (
                "application/fhir+json;q=0, */*;q=0.1",
                Some("application/json"),
            ),
            (
                "application/*;q=0.2, application/json;q=0.1",
                Some("application/fhir+json"),
            ),
            ("*/*;q=0", None),
            ("application/json;q=nan", Some("application/json")),
            (
                "application/json;q=7, application/fhir+json",
                Some("application/json"),
            ),
            ("text/html", None),
            ("", Some("application/fhir+json")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            let media_type = rendering(&headers, &[])
                .ok()
                .map(|rendering| rendering.media_type.split(';').next().unwrap_or(""));
            assert_eq!(media_type, given, "{accept}");
        }
    }
}
