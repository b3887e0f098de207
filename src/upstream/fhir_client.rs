//! The HTTP client by which other FHIR servers are asked; the only file here that knows the
//! client's library.
//!
//! It follows no redirect and asks no proxy. Whatever an answer names (the next page, the status of
//! an export, a file) is asked for only on the server that the operator named: neither a token nor
//! a request goes elsewhere. Bodies and silence have bounds, and nothing that is sent or answered is
//! logged.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, CONTENT_LOCATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use url::Url;

use super::credentials::Credentials;
use super::settings::{Upstream, is_safe};
use crate::interactions::Context;
use crate::subscriptions::delivery::connections;

/// The longest silence of a server.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The longest time for a page.
const PAGE_TIME_MAX: Duration = Duration::from_secs(120);
/// The most bytes of a page.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most bytes of the answer of a token endpoint.
const TOKEN_BYTES_MAX: usize = 256 * 1024;
/// The media type of resources.
const FHIR_JSON: &str = "application/fhir+json";

/// Asks one server.
pub struct FhirClient {
    http: reqwest::Client,
    /// The base of its addresses, without a slash at its end.
    base: String,
    credentials: Option<Credentials>,
}

/// A kind of request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestKind {
    /// A resource or a page.
    Resource,
    /// The begin of an export.
    ExportJob,
    /// The status of an export.
    JobStatus,
}

/// An answer whose body was read.
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) content_location: Option<String>,
    /// The instant of the answer, by its Date.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Vec<u8>,
}

/// A reason why a round ends early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setback {
    /// A description for the operator: no secret, no person.
    pub(super) text: String,
    /// The status of the answer, if there was one.
    pub(super) status: Option<u16>,
    /// The value of its Retry-After header.
    pub(super) retry_after: Option<String>,
    /// True if nothing at all can be asked: no connection, no token.
    pub(super) is_of_all: bool,
}

impl Setback {
    pub(super) fn because(text: impl Into<String>) -> Self {
        Setback {
            text: text.into(),
            status: None,
            retry_after: None,
            is_of_all: false,
        }
    }

    /// Tells whether it is about the server, and not about what was asked for: nothing of it is asked for
    /// in the pause.
    pub(super) fn is_of_server(&self) -> bool {
        let has_paused = matches!(self.status, Some(401 | 429 | 503));
        self.is_of_all || self.retry_after.is_some() || has_paused
    }
}

impl FhirClient {
    /// Makes a client of a server, with the bytes of its key file and of its certificates.
    ///
    /// # Errors
    /// If one of them cannot be used.
    pub fn new(
        upstream: &Upstream,
        key: Option<&[u8]>,
        authorities: Option<&[u8]>,
    ) -> Result<Self, String> {
        let credentials = match (&upstream.auth, key) {
            (Some(auth), Some(key)) => Some(Credentials::new(auth, key)?),
            _ => None,
        };
        Ok(FhirClient {
            http: connections(authorities, "ca", |builder| {
                builder.read_timeout(SILENCE_MAX)
            })?,
            base: upstream.base_text().to_owned(),
            credentials,
        })
    }

    /// Makes a client of the server with that base, which does not ask who is calling.
    ///
    /// # Errors
    /// If the certificates cannot be used, or what is sent to the base could be read on the way.
    pub fn of(base: &str, authorities: Option<&[u8]>) -> Result<Self, String> {
        let is_safe = Url::parse(base).is_ok_and(|url| is_safe(&url));
        if !is_safe {
            return Err("expected an https address (http to this machine alone)".to_owned());
        }
        Ok(FhirClient {
            http: connections(authorities, "--ca", |builder| builder)?,
            base: base.trim_end_matches('/').to_owned(),
            credentials: None,
        })
    }

    /// Sends content to an operation, and returns the status and the body of the answer.
    ///
    /// # Errors
    /// If there is no answer, in words for the operator.
    pub async fn post(
        &self,
        operation: &str,
        media_type: &str,
        content: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), String> {
        let address = self.below(operation).map_err(|setback| setback.text)?;
        let request = self
            .http
            .post(address)
            .timeout(PAGE_TIME_MAX)
            .header(ACCEPT, FHIR_JSON)
            .header(CONTENT_TYPE, media_type)
            .body(content);
        let answer = request.send().await.map_err(|error| setback(&error).text)?;
        let status = answer.status().as_u16();
        let body = body(answer, PAGE_BYTES_MAX).await;
        Ok((status, body.map_err(|setback| setback.text)?))
    }

    /// Returns the address below the base.
    pub(super) fn below(&self, rest: &str) -> Result<Url, Setback> {
        Url::parse(&format!("{}/{rest}", self.base))
            .map_err(|_| Setback::because("an address cannot be made of what is to be read"))
    }

    /// Reads an address that an answer of this server names, also a relative one.
    ///
    /// # Errors
    /// If it leads to another server.
    pub(super) fn named(&self, address: &str) -> Result<Url, Setback> {
        let base = self.below("")?;
        let named = base.join(address).ok();
        let own = named.filter(|url| {
            url.origin() == base.origin() && url.username().is_empty() && url.password().is_none()
        });
        own.ok_or_else(|| {
            Setback::because(
                "it names an address on another server than its base: that is not asked for",
            )
        })
    }

    /// Asks for an address, and reads the body. A status of 400 and more is an answer too.
    ///
    /// # Errors
    /// If there is no answer, none whole, or one that is too large; 401 with a new token too, 429, 500 and more.
    pub(super) async fn get(
        &self,
        address: &Url,
        kind: RequestKind,
        context: &Context,
    ) -> Result<Fetched, Setback> {
        let request = || {
            let request = self.http.get(address.clone()).timeout(PAGE_TIME_MAX);
            match kind {
                RequestKind::Resource => request.header(ACCEPT, FHIR_JSON),
                RequestKind::ExportJob => request
                    .header(ACCEPT, FHIR_JSON)
                    .header(HeaderName::from_static("prefer"), "respond-async"),
                RequestKind::JobStatus => request.header(ACCEPT, "application/json"),
            }
        };
        let answer = self.send(&request, context).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = body(answer, PAGE_BYTES_MAX).await?;
        Ok(Fetched {
            status: status.as_u16(),
            retry_after: text_of(&headers, &RETRY_AFTER),
            content_location: text_of(&headers, &CONTENT_LOCATION),
            date: text_of(&headers, &DATE).and_then(|text| {
                let parser = rfc2822::DateTimeParser::new();
                parser.parse_timestamp(&text).ok()
            }),
            body,
        })
    }

    /// Makes this the content of a resource there.
    ///
    /// # Errors
    /// As [`FhirClient::get`].
    pub(super) async fn update(
        &self,
        address: &Url,
        content: &str,
        context: &Context,
    ) -> Result<Fetched, Setback> {
        let request = || {
            self.http
                .put(address.clone())
                .timeout(PAGE_TIME_MAX)
                .header(ACCEPT, FHIR_JSON)
                .header(CONTENT_TYPE, FHIR_JSON)
                .body(content.to_owned())
        };
        let answer = self.send(&request, context).await?;
        Ok(Fetched {
            status: answer.status().as_u16(),
            retry_after: None,
            content_location: None,
            date: None,
            body: body(answer, PAGE_BYTES_MAX).await?,
        })
    }

    /// Begins to read a file of an export.
    ///
    /// # Errors
    /// As [`FhirClient::get`], and any status but 200.
    pub(super) async fn file(
        &self,
        address: &Url,
        context: &Context,
    ) -> Result<FileStream, Setback> {
        let request = || {
            self.http
                .get(address.clone())
                .header(ACCEPT, "application/fhir+ndjson")
        };
        let answer = self.send(&request, context).await?;
        match answer.status() {
            StatusCode::OK => Ok(FileStream(answer)),
            status => Err(Setback {
                status: Some(status.as_u16()),
                ..Setback::because(format!(
                    "a file of the export was answered with {}",
                    status.as_u16()
                ))
            }),
        }
    }

    /// Tells the server that an export is not needed any more; whether it hears that is its matter.
    pub(super) async fn forget_job(&self, address: &Url, context: &Context) {
        let request = || self.http.delete(address.clone()).timeout(PAGE_TIME_MAX);
        let _ = self.send(&request, context).await;
    }

    /// Sends a request with a token; a second time with a new one, if the first is not taken.
    async fn send(
        &self,
        request: &(dyn Fn() -> RequestBuilder + Sync),
        context: &Context,
    ) -> Result<Response, Setback> {
        let mut answer = self.send_once(request(), context).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(credentials) = &self.credentials
        {
            credentials.drop_token();
            answer = self.send_once(request(), context).await?;
        }
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED
            || status == StatusCode::FORBIDDEN
            || status == StatusCode::TOO_MANY_REQUESTS
            || status.is_server_error()
            || status.is_redirection()
        {
            return Err(Setback {
                text: format!("it answered {}", status.as_u16()),
                status: Some(status.as_u16()),
                retry_after: text_of(answer.headers(), &RETRY_AFTER),
                is_of_all: false,
            });
        }
        Ok(answer)
    }

    async fn send_once(
        &self,
        request: RequestBuilder,
        context: &Context,
    ) -> Result<Response, Setback> {
        let request = match &self.credentials {
            None => request,
            Some(credentials) => {
                let token = self.token(credentials, context).await;
                let token = token.map_err(|setback| Setback {
                    is_of_all: true,
                    ..setback
                })?;
                request.bearer_auth(token)
            }
        };
        request.send().await.map_err(|error| setback(&error))
    }

    async fn token(&self, credentials: &Credentials, context: &Context) -> Result<String, Setback> {
        if let Some(token) = credentials.token(context.now) {
            return Ok(token);
        }
        let endpoint = match credentials.endpoint() {
            Some(endpoint) => endpoint,
            None => {
                let address = self.below(".well-known/smart-configuration")?;
                let asked = self.http.get(address).timeout(SILENCE_MAX);
                let answer = asked.send().await.map_err(|error| setback(&error))?;
                let found = body(answer, TOKEN_BYTES_MAX).await?;
                let base = self.below("")?;
                credentials
                    .discover(&found, &base)
                    .map_err(Setback::because)?
            }
        };
        let form = credentials
            .form(&endpoint, context)
            .map_err(Setback::because)?;
        let asked = self
            .http
            .post(endpoint)
            .timeout(SILENCE_MAX)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(form);
        let answer = asked.send().await;
        if !answer.as_ref().is_ok_and(|it| it.status().is_success()) {
            credentials.drop_endpoint();
        }
        let answer = answer.map_err(|error| setback(&error))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Setback {
                text: format!("its token endpoint answered {}", status.as_u16()),
                status: None,
                retry_after: text_of(answer.headers(), &RETRY_AFTER),
                is_of_all: true,
            });
        }
        let answer = body(answer, TOKEN_BYTES_MAX).await?;
        credentials
            .keep(&answer, context.now)
            .map_err(Setback::because)
    }
}

/// The bytes of a file, as they come.
pub(super) struct FileStream(Response);

impl FileStream {
    /// Returns the next bytes; none at the end.
    ///
    /// # Errors
    /// If the file ends before it is whole.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Setback> {
        let bytes = self.0.chunk().await.map_err(|error| setback(&error))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }
}

async fn body(mut answer: Response, bytes_max: usize) -> Result<Vec<u8>, Setback> {
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(|error| setback(&error))? {
        if body.len() + bytes.len() > bytes_max {
            return Err(Setback::because(format!(
                "an answer has more than {} MiB: ask for smaller pages ('page')",
                bytes_max / (1024 * 1024)
            )));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// Describes an error in words that repeat nothing of the request.
fn setback(error: &reqwest::Error) -> Setback {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    let mut is_tls = false;
    while let Some(cause) = source {
        is_tls |= cause.is::<rustls::Error>();
        source = match cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    let text = match () {
        () if is_tls => "there is no trusted TLS connection to it",
        () if error.is_timeout() => "it did not answer in time",
        () if error.is_connect() => "there is no connection to it",
        () => "it ended the connection before its answer was whole",
    };
    Setback {
        is_of_all: is_tls || error.is_connect(),
        ..Setback::because(text)
    }
}
