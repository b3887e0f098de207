//! The wishes and conditions in the headers of a request (<https://hl7.org/fhir/R4/http.html#mime-type>, <https://hl7.org/fhir/R4/http.html#ops>).

use axum::http::{HeaderMap, HeaderName, header};

use super::error::Refusal;
use super::header_text::{joined, listed, text};
use super::media::{Rendering, quality};
use crate::fhir::IssueCode;
use crate::fhir::media_type::{FhirForm, essence};
use crate::interactions::Failure;
use crate::interactions::condition::{Condition, Unreadable};
use crate::interactions::patch::{JSON_PATCH, MERGE_PATCH};
use crate::interactions::query::{Handling, format, is_pretty, not_acceptable};
use crate::interactions::read::ClientCopy;

/// The media types that a client names who knows what this server gives.
const FORMS_OF_FHIR: &[&str] = &[
    "application/fhir+json",
    "application/json",
    "application/fhir+xml",
];

/// The answer that a client wants to a write (`Prefer: return=`).
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
    /// Returns the wish as it was honoured, for `Preference-Applied`.
    pub(super) fn applied(self) -> &'static str {
        match self {
            Return::Minimal => "return=minimal",
            Return::Representation => "return=representation",
            Return::OperationOutcome => "return=OperationOutcome",
        }
    }
}

/// Returns the form in which the client wants the answer; refuses any that this server does not
/// write. `_format` wins over `Accept`.
pub(super) fn rendering(
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Rendering, Refusal> {
    let rendering = match format(query)? {
        Some(format) => Some(Rendering::of_media_type(&format)),
        None if is_of_browser(headers) => Some(Rendering::READABLE),
        None => of_accept(headers),
    };
    let rendering = rendering.ok_or_else(not_acceptable)?;
    Ok(Rendering {
        is_pretty: is_pretty(query)?.unwrap_or(rendering.is_pretty),
        ..rendering
    })
}

/// Tells whether a browser asks for something to show: it likes pages best, names no form of FHIR,
/// and takes what else there is. That it would rather be given some XML than nothing says nothing
/// of resources, which people read as JSON.
fn is_of_browser(headers: &HeaderMap) -> bool {
    let ranges = listed(headers, header::ACCEPT);
    let liking = |wanted: &[&str]| {
        let named = ranges
            .iter()
            .filter(|range| wanted.contains(&essence(range).as_str()));
        named.map(|range| quality(range)).reduce(f32::max)
    };
    let pages = liking(&["text/html"]).unwrap_or(0.0);
    pages > 0.0
        && pages >= liking(&["application/xml", "text/xml"]).unwrap_or(0.0)
        && liking(&["*/*", "application/*"]).is_some_and(|anything| anything > 0.0)
        && liking(FORMS_OF_FHIR).is_none()
}

/// Returns the form that the client likes best of those that can be given. If it likes JSON and XML
/// the same, that is the form in which it sends, or else JSON, which is what is stored; of the names
/// of one form, the one that it names first. A narrow range says more than a wide one.
fn of_accept(headers: &HeaderMap) -> Option<Rendering> {
    let ranges = listed(headers, header::ACCEPT);
    let (json, xml) = (
        [Rendering::FHIR, Rendering::PLAIN].as_slice(),
        [Rendering::XML, Rendering::PLAIN_XML, Rendering::TEXT_XML].as_slice(),
    );
    let preferred = match sent_form(headers) {
        Ok(FhirForm::Xml) => [xml, json],
        Ok(FhirForm::Json) | Err(_) => [json, xml],
    };
    if ranges.is_empty() {
        return preferred[0].first().copied();
    }
    let liking = |rendering: &Rendering| {
        let named = essence(rendering.media_type);
        let wide = named.split('/').next().map(|kind| format!("{kind}/*"));
        let at = [Some(named.clone()), wide, Some("*/*".to_owned())]
            .iter()
            .flatten()
            .find_map(|wanted| {
                let names = |range: &String| {
                    essence(range) == *wanted
                        && (wanted.ends_with('*') || FhirForm::of_media_type(range).is_some())
                };
                ranges.iter().position(names)
            })?;
        Some((quality(&ranges[at]), at)).filter(|(quality, _)| *quality > 0.0)
    };
    let better = |one: &(f32, usize), other: &(f32, usize)| {
        one.0 > other.0 || (one.0 == other.0 && one.1 < other.1)
    };
    let best_of = |renderings: &[Rendering]| {
        let liked = renderings
            .iter()
            .filter_map(|rendering| Some((liking(rendering)?, *rendering)));
        liked.reduce(|best, next| if better(&next.0, &best.0) { next } else { best })
    };
    let best = preferred.into_iter().filter_map(best_of);
    best.reduce(|first, other| if other.0.0 > first.0.0 { other } else { first })
        .map(|(_, rendering)| rendering)
}

/// Returns the form of a body; refuses one that is neither FHIR JSON nor FHIR XML.
pub(super) fn sent_form(headers: &HeaderMap) -> Result<FhirForm, Refusal> {
    let media_type = text(headers, header::CONTENT_TYPE);
    let form = media_type.as_deref().and_then(FhirForm::of_media_type);
    form.ok_or(Refusal::UnsupportedMediaType(
        "application/fhir+json, application/json, application/fhir+xml, application/xml or text/xml",
    ))
}

/// The ways in which a patch is sent.
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
    match text(headers, header::CONTENT_TYPE).as_deref() {
        Some(media_type) if essence(media_type) == JSON_PATCH => Ok(SentPatch::Json),
        Some(media_type) if essence(media_type) == MERGE_PATCH => Ok(SentPatch::Merge),
        Some(media_type) => match FhirForm::of_media_type(media_type) {
            Some(FhirForm::Json) if essence(media_type) == "application/json" => {
                Ok(SentPatch::Plain)
            }
            Some(FhirForm::Json | FhirForm::Xml) => Ok(SentPatch::FhirPath),
            None => Err(Refusal::UnsupportedPatch),
        },
        None => Err(Refusal::UnsupportedPatch),
    }
}

/// Refuses a search body that is not a form.
pub(super) fn sends_form(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, header::CONTENT_TYPE)
        .map(|named| essence(&named))
        .as_deref()
    {
        Some("application/x-www-form-urlencoded") => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType(
            "application/x-www-form-urlencoded",
        )),
    }
}

/// Reads from `Prefer` the wanted body, if it is said. Of two wishes the first one counts
/// (<https://www.rfc-editor.org/rfc/rfc7240>).
pub(super) fn wanted(headers: &HeaderMap) -> Option<Return> {
    match preference(headers, "return")?.as_str() {
        "minimal" => Some(Return::Minimal),
        "representation" => Some(Return::Representation),
        "operationoutcome" => Some(Return::OperationOutcome),
        _ => None,
    }
}

/// Reads from `Prefer` what is to be done with parameters that are not understood.
pub(super) fn handling(headers: &HeaderMap) -> Handling {
    match preference(headers, "handling").as_deref() {
        Some("lenient") => Handling::Lenient,
        Some("strict") => Handling::Strict,
        Some(_) | None => Handling::Unsaid,
    }
}

/// Returns the value of a preference in lower case, empty if it has none; none if it is not said.
pub(super) fn preference(headers: &HeaderMap, wanted: &str) -> Option<String> {
    // Clients part preferences by `;` too, though that begins a parameter of the one before.
    let elements = listed(headers, HeaderName::from_static("prefer"));
    let parts = elements.iter().flat_map(|element| element.split(';'));
    let mut named = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"').to_ascii_lowercase())
}

/// Reads the condition of `If-Match` and `If-None-Match` on a write.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Refusal> {
    let read = |name| joined(headers, name);
    let (if_match, if_none_match) = (read(header::IF_MATCH), read(header::IF_NONE_MATCH));
    Condition::read(if_match.as_deref(), if_none_match.as_deref()).map_err(|unreadable| {
        let name = match unreadable {
            Unreadable::IfMatch => "If-Match",
            Unreadable::IfNoneMatch => "If-None-Match",
        };
        let text = format!("{name}: {}", Unreadable::EXPECTED);
        Failure::bad_request(IssueCode::Value, text).into()
    })
}

/// Reads from a read's headers the version that the client has already.
pub(super) fn client_copy(headers: &HeaderMap) -> ClientCopy {
    let since = text(headers, header::IF_MODIFIED_SINCE)
        .and_then(|date| jiff::fmt::rfc2822::parse(&date).ok());
    ClientCopy {
        // Tags that cannot be read are none of this server's, but still win over the instant.
        none_match: joined(headers, header::IF_NONE_MATCH),
        modified_since: since.map(|since| since.timestamp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `Accept`, and the media type that is given; none for 406.
    const GIVEN: &[(&str, Option<&str>)] = &[
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
            "text/html,application/fhir+json;q=0.9,*/*;q=0.8",
            Some("application/fhir+json"),
        ),
        ("text/html, application/xml;q=0.9", Some("application/xml")),
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
        ("application/fhir+xml", Some("application/fhir+xml")),
        ("application/xml;charset=utf-8", Some("application/xml")),
        ("text/xml", Some("text/xml")),
        ("text/*", Some("text/xml")),
        (
            "text/xml, application/xml, application/fhir+xml;q=0.9",
            Some("text/xml"),
        ),
        (
            "application/fhir+xml, application/*;q=0.1",
            Some("application/fhir+xml"),
        ),
        (
            "application/fhir+xml;q=0.1, application/*;q=0.2",
            Some("application/fhir+json"),
        ),
        (
            "application/fhir+xml;q=1.0, application/fhir+json;q=1.0",
            Some("application/fhir+json"),
        ),
        (
            "application/fhir+json;q=0, application/json;q=0, */*",
            Some("application/fhir+xml"),
        ),
        (
            "application/xml;q=0.9, application/json;q=0.1",
            Some("application/xml"),
        ),
        (
            "application/fhir+xml; fhirVersion=4.0",
            Some("application/fhir+xml"),
        ),
        ("application/fhir+xml; fhirVersion=5.0", None),
        ("application/xml; charset=iso-8859-1", None),
        ("application/fhir+xml;q=0", None),
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
    ];

    #[test]
    fn json_and_xml_are_given_as_the_client_likes_them() {
        for (accept, given) in GIVEN {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            let media_type = rendering(&headers, &[])
                .ok()
                .map(|rendering| rendering.media_type.split(';').next().unwrap_or(""));
            assert_eq!(media_type, *given, "{accept}");
        }
    }

    /// Headers of browsers and others, and whether JSON is given in lines for people.
    const OF_BROWSERS: &[(&str, bool)] = &[
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            true,
        ),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
             application/signed-exchange;v=b3;q=0.7",
            true,
        ),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/png,image/svg+xml,*/*;q=0.8",
            true,
        ),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true),
        ("text/html, application/*;q=0.1", true),
        ("*/*", false),
        ("", false),
        ("application/xml, text/html;q=0.9, */*;q=0.8", false),
        ("text/html, application/xml;q=0.9", false),
        ("text/html, application/fhir+xml;q=0.9, */*;q=0.8", false),
        ("text/html, application/json;q=0.9, */*;q=0.8", false),
        ("text/html;q=0, */*", false),
        ("text/html, */*;q=0, application/xml;q=0.5", false),
    ];

    #[test]
    fn a_browser_is_given_json_that_people_can_read() {
        for (accept, is_of_browser) in OF_BROWSERS {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            let given = rendering(&headers, &[]).expect("a form");
            assert_eq!(given == Rendering::READABLE, *is_of_browser, "{accept}");
            let said = |value: &str| [("_pretty".to_owned(), value.to_owned())];
            for (value, expected) in [("true", true), ("false", false)] {
                let given = rendering(&headers, &said(value)).expect("a form");
                assert_eq!(given.is_pretty, expected, "{accept} {value}");
            }
            let format = [("_format".to_owned(), "xml".to_owned())];
            let given = rendering(&headers, &format).expect("a form");
            assert_eq!(given, Rendering::XML, "{accept}");
        }
    }

    #[test]
    fn who_likes_both_alike_is_answered_in_the_form_of_its_body() {
        for (accept, sent, given) in [
            ("", "application/fhir+xml", "application/fhir+xml"),
            ("*/*", "text/xml; charset=utf-8", "application/fhir+xml"),
            (
                "application/json, application/xml",
                "application/xml",
                "application/xml",
            ),
            (
                "application/fhir+json",
                "application/fhir+xml",
                "application/fhir+json",
            ),
            (
                "application/fhir+json, */*;q=0.1",
                "application/fhir+xml",
                "application/fhir+json",
            ),
            (
                "application/fhir+xml",
                "application/fhir+json",
                "application/fhir+xml",
            ),
            ("*/*", "application/fhir+json", "application/fhir+json"),
            (
                "*/*",
                "application/x-www-form-urlencoded",
                "application/fhir+json",
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            headers.insert(header::CONTENT_TYPE, sent.parse().expect("a header"));
            let rendering = rendering(&headers, &[]).expect("a form");
            assert!(
                rendering.media_type.starts_with(given),
                "{accept}, {sent}: {rendering:?}"
            );
        }
    }
}
