//! The answer to a request: a status, headers and a JSON body made of the stored bytes.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::body_parts::BodyParts;
use super::media::{FHIR_JSON, Rendering, etag, http_date};
use super::pretty::pretty;
use super::xml_page::XmlPage;
use crate::fhir::Issue;
use crate::fhir::issue::operation_outcome;
use crate::fhir::media_type::FhirForm;
use crate::interactions::{Server, StoredVersion};
use crate::xml::{self, Layout, Unwritable};

/// An answer on its way to the wire.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Payload,
    /// The form that what was asked for says, besides address and headers.
    asked: Option<Rendering>,
}

/// The part that follows the headers.
#[derive(Debug)]
enum Payload {
    /// A body that is at hand.
    Whole(Vec<u8>),
    /// One that is made while it is sent; it stays as it is.
    Stream(Body),
    /// A large page in XML, which is written while it is sent.
    Page(Box<XmlPage>),
}

impl Answer {
    /// Makes an answer without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: Payload::Whole(Vec::new()),
            asked: None,
        }
    }

    /// Makes an answer of FHIR JSON.
    pub(super) fn fhir(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            body: Payload::Whole(body.into()),
            ..Answer::empty(status)
        }
        .with(header::CONTENT_TYPE, FHIR_JSON)
    }

    /// Makes an answer of another media type.
    pub(super) fn text(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            body: Payload::Whole(body.into()),
            ..Answer::empty(StatusCode::OK)
        }
        .with(header::CONTENT_TYPE, media_type)
    }

    /// Makes an answer whose body is made while it is sent.
    pub(super) fn stream(media_type: &str, body: Body) -> Self {
        Answer {
            body: Payload::Stream(body),
            ..Answer::empty(StatusCode::OK)
        }
        .with(header::CONTENT_TYPE, media_type)
    }

    /// Makes an answer of an OperationOutcome.
    pub(super) fn outcome(status: StatusCode, issues: &[Issue]) -> Self {
        Answer::fhir(status, operation_outcome(issues).to_string())
    }

    /// Makes an answer of a resource that the server made for it.
    pub(super) fn made(resource: &Value) -> Self {
        Answer::fhir(StatusCode::OK, resource.to_string())
    }

    /// Returns the same answer with one header more.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the same answer with that header, unless it has one of the name.
    pub(super) fn or_with(self, name: HeaderName, value: &str) -> Self {
        if self.headers.iter().any(|(known, _)| *known == name) {
            self
        } else {
            self.with(name, value)
        }
    }

    /// Returns the same answer with the headers that name a version.
    pub(super) fn of_version(self, version: &StoredVersion) -> Self {
        self.with(header::ETAG, etag(version.version))
            .with(header::LAST_MODIFIED, http_date(version.last_updated))
    }

    /// Returns the same answer with the form that the body of the request asks for, which wins over
    /// that of its address and headers.
    pub(super) fn asked_as(self, rendering: Rendering) -> Self {
        Answer {
            asked: Some(rendering),
            ..self
        }
    }

    /// Returns the same answer as the client wants it written; one that is no FHIR JSON stays as it
    /// is. What is stored is JSON: where XML has no form for it, which is so of nothing valid, it
    /// is given as JSON, and says so.
    pub(super) fn rendered(mut self, rendering: Rendering, server: &Arc<Server>) -> Self {
        let rendering = self.asked.unwrap_or(rendering);
        let content_type = self
            .headers
            .iter_mut()
            .find(|(name, value)| name == header::CONTENT_TYPE && value == FHIR_JSON);
        if let (Some((_, media_type)), Payload::Whole(body)) = (content_type, &mut self.body) {
            match rendering.form {
                FhirForm::Json => {
                    rendering.media_type.clone_into(media_type);
                    if rendering.is_pretty {
                        *body = pretty(body);
                    }
                }
                FhirForm::Xml => match in_xml(server, std::mem::take(body), rendering.is_pretty) {
                    Ok(written) => {
                        rendering.media_type.clone_into(media_type);
                        self.body = written;
                    }
                    Err((json, why)) => {
                        *body = json;
                        tracing::warn!("an answer has no form in XML, and is given in JSON: {why}");
                    }
                },
            }
        }
        self
    }

    /// Returns the same answer compressed while it is sent, if it is written then.
    pub(super) fn packed_while_sent(self) -> Self {
        match self.body {
            Payload::Page(page) => Answer {
                body: Payload::Page(Box::new(page.packed())),
                ..self
            }
            .with(header::CONTENT_ENCODING, "gzip"),
            Payload::Whole(_) | Payload::Stream(_) => self,
        }
    }

    /// Returns the same answer with another body, which is at hand.
    pub(super) fn of_body(self, body: Vec<u8>) -> Self {
        Answer {
            body: Payload::Whole(body),
            ..self
        }
    }

    /// Returns the same answer with another status.
    pub(super) fn of_status(self, status: StatusCode) -> Self {
        Answer { status, ..self }
    }

    /// Returns the status that was decided.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a header that was decided.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body that is at hand; nothing of one that is made while it is sent.
    pub(super) fn body(&self) -> &[u8] {
        match &self.body {
            Payload::Whole(body) => body,
            Payload::Stream(_) | Payload::Page(_) => &[],
        }
    }

    /// Makes the message for the wire.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(match self.body {
            Payload::Whole(body) => Body::from(body),
            Payload::Stream(body) => body,
            Payload::Page(page) => Body::new(BodyParts::Before(page)),
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

/// Writes a body as XML; gives it back with the reason where XML has no form for it.
fn in_xml(
    server: &Arc<Server>,
    json: Vec<u8>,
    is_pretty: bool,
) -> Result<Payload, (Vec<u8>, Unwritable)> {
    let layout = if is_pretty {
        Layout::Lines
    } else {
        Layout::Compact
    };
    match XmlPage::of(server, json, layout)? {
        Ok(page) => Ok(Payload::Page(Box::new(page))),
        Err(json) => match xml::write(server.validator.definitions(), &json, layout) {
            Ok(written) => Ok(Payload::Whole(written)),
            Err(why) => Err((json, why)),
        },
    }
}
