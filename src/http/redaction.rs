//! The part of a request that an operator sees, in the log and in the metrics: never anything that
//! could be a person's number, or that a client can make up without end.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, Method};

use super::header_text;
use super::paths::{below_base, is_beside_base};
use crate::fhir::cpr::could_be_cpr_number;
use crate::interactions::Context;
use crate::interactions::address::Address;

/// The longest request id that is taken from a client.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Returns the client's own request id if it is short, of safe characters and may be seen, else a
/// new one.
pub(super) fn request_id(headers: &HeaderMap, context: &Context) -> String {
    let sent = header_text::text(headers, HeaderName::from_static("x-request-id"));
    sent.filter(|id| is_request_id(id))
        .map_or_else(|| (context.new_id)().to_string(), Cow::into_owned)
}

fn is_request_id(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let words = text
        .split(['.', '_', ':'])
        .chain(text.split(['.', '_', ':', '-']));
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_safe)
        && !words.into_iter().any(could_be_cpr_number)
}

/// Returns the method by a name of its own, if it is a known one: any word can be sent as a method,
/// and each that is counted is kept.
pub(super) fn countable(method: &Method) -> &'static str {
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
    ]
    .into_iter()
    .find(|known| *known == method)
    .unwrap_or("(unknown)")
}

/// Returns the path as it may be seen: one that is no address of this server could hold anything,
/// and so could an escape.
pub(super) fn loggable(path: &str) -> &str {
    let known = match below_base(path) {
        Some(below) => {
            Address::read(below).is_ok()
                && !path.contains('%')
                && !path.split('/').any(could_be_cpr_number)
        }
        None => is_beside_base(path),
    };
    if known { path } else { "(unknown)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_short_word_that_is_no_persons_number() {
        for id in [
            "7",
            "ehr-7",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "4bf92f:00f067aa_0b.A",
            &"x".repeat(64),
        ] {
            assert!(is_request_id(id), "{id}");
        }
        let wrong = [
            "",
            "a b",
            "a\"b",
            "<a>",
            "å",
            "a/b",
            "0405440001",
            "040544-0001",
            "ehr:0405440001",
            "ehr-0405440001",
            "a_040544-0001.b",
        ];
        for id in wrong.into_iter().chain([&*"x".repeat(65)]) {
            assert!(!is_request_id(id), "{id}");
        }
    }

    #[test]
    fn a_path_that_could_hold_a_persons_number_is_not_logged() {
        for (path, logged) in [
            ("/fhir/Patient/7", "/fhir/Patient/7"),
            (
                "/fhir/Patient/0f8fad5b-d9cb-469f-a165-70867728950e/$rights",
                "/fhir/Patient/0f8fad5b-d9cb-469f-a165-70867728950e/$rights",
            ),
            ("/fhir/Patient/7/$rights", "/fhir/Patient/7/$rights"),
            ("/fhir/Condition", "/fhir/Condition"),
            ("/metrics", "/metrics"),
            ("/package.tgz", "/package.tgz"),
            ("/fhir/Condition/$validate", "/fhir/Condition/$validate"),
            ("/fhir/Patient/7/$validate", "/fhir/Patient/7/$validate"),
            ("/fhir/Patient/040544-0001/$validate", "(unknown)"),
            ("/fhir/Patient/0405440001", "(unknown)"),
            ("/fhir/Patient/040544-0001/_history/1", "(unknown)"),
            ("/fhir/Patient/040544-0001/_history", "(unknown)"),
            ("/fhir/Patient/0405440001/$rights", "(unknown)"),
            ("/fhir/Patient/%30405440001", "(unknown)"),
            ("/fhir/Patient/%30405440001/_history/1", "(unknown)"),
            ("/fhir/Patient/7/0405440001", "(unknown)"),
            ("/fhir/0405440001", "(unknown)"),
            ("/fhir/0405440001/1", "(unknown)"),
            ("/0405440001", "(unknown)"),
        ] {
            assert_eq!(loggable(path), logged);
        }
    }
}
