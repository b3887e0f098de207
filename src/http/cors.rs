//! Pages of other origins that may use this server from a browser (<https://hl7.org/fhir/R4/http.html#security>, <https://fetch.spec.whatwg.org/#http-cors-protocol>):
//! none, unless the operator lists them. Credentials of the browser are never asked for: a client
//! shows who it is in `Authorization`.
//!
//! Of our own, since the usual layer answers every OPTIONS itself: an address would no longer tell
//! its methods, and a page that is not listed would look allowed until it reads the headers.

use axum::http::{HeaderMap, HeaderName, header};

use super::answer::Answer;
use super::header_text::text;

/// The headers that a page may read of an answer.
const EXPOSED: &str = "ETag, Location, Content-Location, Last-Modified, X-Request-Id, X-Progress, Retry-After, Preference-Applied, Frist-Rights";
/// The headers that a page may send.
const SENT: &str = "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Request-Id";
/// The time for which a browser may remember that it asked, in seconds.
const REMEMBERED_SECONDS: &str = "600";
/// The headers on which an answer depends besides its address.
const VARY: &str = "Accept, Accept-Encoding";
const VARY_SHARED: &str = "Accept, Accept-Encoding, Origin";

/// The origins whose pages may use this server.
#[derive(Clone, Default, Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Takes origins, each as [`origin`] reads it.
    pub fn new(origins: Vec<String>) -> Self {
        Origins(origins)
    }

    /// Returns the origin of the request, if it is one of these.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<String> {
        let from = text(headers, header::ORIGIN)?;
        self.0.iter().find(|allowed| **allowed == from).cloned()
    }

    /// Tells whether the request is of a page that is neither the server's own nor of an origin
    /// that may use it: for what browsers send anywhere without asking.
    pub(super) fn is_foreign(&self, base_url: &str, headers: &HeaderMap) -> bool {
        let own = base_url.strip_suffix("/fhir").unwrap_or(base_url);
        let is_own = text(headers, header::ORIGIN).as_deref() == Some(own);
        headers.contains_key(header::ORIGIN) && self.allowed(headers).is_none() && !is_own
    }

    /// Returns the names of the request headers on which answers depend.
    pub(super) fn vary(&self) -> &'static str {
        if self.0.is_empty() { VARY } else { VARY_SHARED }
    }
}

/// Reads an origin as browsers write it: `https://ehr.example.dk`, with a port if it is not the usual one.
///
/// # Errors
/// The form that is expected. `*` and `null` are no origins: everyone may have them.
pub fn origin(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", ""));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let usual = match scheme {
        "http" => "80",
        "https" => "443",
        _ => "",
    };
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.[:]".contains(&byte)
        });
    let is_port = port
        .is_none_or(|port| port != usual && !port.starts_with('0') && port.parse::<u16>().is_ok());
    if !usual.is_empty() && is_host && is_port {
        Ok(text.to_owned())
    } else {
        Err(
            "expected an origin as browsers send it, such as https://ehr.example.dk or http://localhost:3000",
        )
    }
}

/// Returns the answer with what lets a page of that origin read it.
pub(super) fn shared(answer: Answer, origin: Option<String>) -> Answer {
    match origin {
        Some(origin) => answer
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        None => answer,
    }
}

/// Returns the answer to a browser that asks, before it sends a page's request, which methods and
/// headers it may have.
pub(super) fn preflight(answer: Answer, headers: &HeaderMap, allow: &str) -> Answer {
    if !headers.contains_key(HeaderName::from_static("access-control-request-method")) {
        return answer;
    }
    answer
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, allow)
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT)
        .with(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in [
            "https://ehr.example.dk",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "https://[::1]",
        ] {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "*",
            "null",
            "ehr.example.dk",
            "https://",
            "https://x/",
            "https://x/a",
            "HTTPS://x",
            "https://X.dk",
            "https://*.x.dk",
            "ftp://x",
            "https://x:443",
            "http://x:80",
            "http://x:",
            "http://x:0",
            "http://x:99999",
            "http://a b",
            "http://u@x",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
