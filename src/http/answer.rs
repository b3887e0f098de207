//! What is sent back: a status, headers and a JSON body made of the stored bytes.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::encoding;
use super::negotiation::Rendering;
use super::pretty::pretty;
use crate::fhir::issue::operation_outcome;
use crate::fhir::{Issue, ResourceKey, Version};
use crate::interactions::StoredVersion;

/// The media type of FHIR JSON.
pub(super) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
/// The generic media type of JSON.
pub(super) const PLAIN_JSON: &str = "application/json; charset=utf-8";

/// An answer on its way to the wire.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Content,
}

/// What follows the headers.
#[derive(Debug)]
enum Content {
    /// A body that is at hand.
    Whole(Vec<u8>),
    /// One that is made while it is sent; it stays as it is.
    Stream(Body),
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: Content::Whole(Vec::new()),
        }
    }

    /// An answer of FHIR JSON.
    pub(super) fn fhir(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            body: Content::Whole(body.into()),
            ..Answer::empty(status)
        }
        .with(header::CONTENT_TYPE, FHIR_JSON)
    }

    /// An answer of another media type.
    pub(super) fn text(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            body: Content::Whole(body.into()),
            ..Answer::empty(StatusCode::OK)
        }
        .with(header::CONTENT_TYPE, media_type)
    }

    /// An answer whose body is made while it is sent.
    pub(super) fn stream(media_type: &str, body: Body) -> Self {
        Answer {
            body: Content::Stream(body),
            ..Answer::empty(StatusCode::OK)
        }
        .with(header::CONTENT_TYPE, media_type)
    }

    /// An OperationOutcome.
    pub(super) fn outcome(status: StatusCode, issues: &[Issue]) -> Self {
        Answer::fhir(status, operation_outcome(issues).to_string())
    }

    /// A resource that the server made for this answer.
    pub(super) fn made(resource: &Value) -> Self {
        Answer::fhir(StatusCode::OK, resource.to_string())
    }

    /// The same answer with one header more.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer with that header, unless it has one of the name.
    pub(super) fn or_with(self, name: HeaderName, value: &str) -> Self {
        if self.headers.iter().any(|(known, _)| *known == name) {
            self
        } else {
            self.with(name, value)
        }
    }

    /// The same answer with the headers that name a version.
    pub(super) fn of_version(self, version: &StoredVersion) -> Self {
        self.with(header::ETAG, etag(version.version))
            .with(header::LAST_MODIFIED, http_date(version.last_updated))
    }

    /// The same answer as the client wants it written; one that is no FHIR JSON stays as it is.
    pub(super) fn rendered(mut self, rendering: Rendering) -> Self {
        let content_type = self
            .headers
            .iter_mut()
            .find(|(name, value)| name == header::CONTENT_TYPE && value == FHIR_JSON);
        if let Some((_, value)) = content_type {
            rendering.media_type.clone_into(value);
            if let Content::Whole(body) = &mut self.body
                && rendering.is_pretty
            {
                *body = pretty(body);
            }
        }
        self
    }

    /// The same answer compressed, if the client takes that and it is worth the work. Its ETag is
    /// weak, and so still says the truth.
    pub(super) fn encoded(mut self, takes_gzip: bool) -> Self {
        let media_type = self
            .headers
            .iter()
            .find(|(name, _)| name == header::CONTENT_TYPE)
            .map_or("", |(_, value)| value);
        let packed = match &self.body {
            Content::Whole(body) if takes_gzip => encoding::packed(media_type, body),
            Content::Whole(_) | Content::Stream(_) => None,
        };
        match packed {
            Some(packed) => {
                self.body = Content::Whole(packed);
                self.with(header::CONTENT_ENCODING, "gzip")
            }
            None => self,
        }
    }

    /// The same answer with another status.
    pub(super) fn of_status(self, status: StatusCode) -> Self {
        Answer { status, ..self }
    }

    /// The status that was decided.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// A header that was decided.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body that is at hand; nothing of one that is made while it is sent.
    pub(super) fn body(&self) -> &[u8] {
        match &self.body {
            Content::Whole(body) => body,
            Content::Stream(_) => &[],
        }
    }

    /// The message for the wire.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(match self.body {
            Content::Whole(body) => Body::from(body),
            Content::Stream(body) => body,
        });
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A version as an ETag: `W/"3"`.
pub(super) fn etag(version: Version) -> String {
    format!("W/\"{version}\"")
}

/// An instant as `Last-Modified` has it.
pub(super) fn http_date(instant: Timestamp) -> String {
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Where a version is: `[base]/Condition/7/_history/3`.
pub(super) fn location(base_url: &str, key: &ResourceKey, version: Version) -> String {
    format!("{base_url}/{key}/_history/{version}")
}
