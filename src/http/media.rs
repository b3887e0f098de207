//! The words of headers: media types, the forms in which an answer is written, preferences, and the
//! text of entity tags and dates.

use axum::http::HeaderName;
use jiff::Timestamp;

use crate::fhir::media_type::{FhirForm, essence};
use crate::fhir::{ResourceKey, Version};

/// The media type of FHIR JSON.
pub(super) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
/// The generic media type of JSON.
pub(super) const PLAIN_JSON: &str = "application/json; charset=utf-8";

/// The header that tells which wish was honoured.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The header that tells in short what a write did to rights.
pub(super) const FRIST_RIGHTS: HeaderName = HeaderName::from_static("frist-rights");
/// The header that tells in which ways a patch may be sent (<https://www.rfc-editor.org/rfc/rfc5789#section-3.1>).
pub(super) const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// The ways in which a patch may be sent: JSON Patch, JSON Merge Patch, and FHIRPath Patch.
pub(super) const PATCHES: &str = "application/json-patch+json, application/merge-patch+json, application/fhir+json, application/fhir+xml";

/// The form in which an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rendering {
    /// Its media type.
    pub(super) media_type: &'static str,
    /// JSON or XML.
    pub(super) form: FhirForm,
    /// In lines that people can read.
    pub(super) is_pretty: bool,
}

impl Rendering {
    /// FHIR JSON under its own media type.
    pub(super) const FHIR: Rendering = Rendering {
        media_type: FHIR_JSON,
        form: FhirForm::Json,
        is_pretty: false,
    };
    /// FHIR JSON under the generic media type.
    pub(super) const PLAIN: Rendering = Rendering {
        media_type: PLAIN_JSON,
        form: FhirForm::Json,
        is_pretty: false,
    };
    /// JSON as a browser shows it to people.
    pub(super) const READABLE: Rendering = Rendering {
        is_pretty: true,
        ..Rendering::PLAIN
    };
    /// FHIR XML under its own media type.
    pub(super) const XML: Rendering = Rendering {
        media_type: "application/fhir+xml; charset=utf-8",
        form: FhirForm::Xml,
        is_pretty: false,
    };
    /// FHIR XML under the generic media type.
    pub(super) const PLAIN_XML: Rendering = Rendering {
        media_type: "application/xml; charset=utf-8",
        ..Rendering::XML
    };
    /// FHIR XML under the older generic media type.
    pub(super) const TEXT_XML: Rendering = Rendering {
        media_type: "text/xml; charset=utf-8",
        ..Rendering::XML
    };

    /// Returns the form for a client that asks for that media type, or by the short name of one: a
    /// client that asks for the generic type gets its answer under that name.
    pub(super) fn of_media_type(media_type: &str) -> Self {
        match essence(media_type).as_str() {
            "application/json" => Rendering::PLAIN,
            "xml" | "application/fhir+xml" => Rendering::XML,
            "application/xml" => Rendering::PLAIN_XML,
            "text/xml" => Rendering::TEXT_XML,
            _ => Rendering::FHIR,
        }
    }
}

impl Default for Rendering {
    fn default() -> Self {
        Rendering::FHIR
    }
}

/// Returns how much a client likes an element of such a list, from 0 (not at all) to 1.
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

/// Writes a version as an ETag: `W/"3"`.
pub(super) fn etag(version: Version) -> String {
    format!("W/\"{version}\"")
}

/// Writes an instant as `Last-Modified` has it.
pub(super) fn http_date(instant: Timestamp) -> String {
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Returns the address of a version: `[base]/Condition/7/_history/3`.
pub(super) fn location(base_url: &str, key: &ResourceKey, version: Version) -> String {
    format!("{base_url}/{key}/_history/{version}")
}
