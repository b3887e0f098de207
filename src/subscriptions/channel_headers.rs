//! The headers of a channel: how many, how long, and none that belongs to the server. Their values
//! are secrets, which no finding repeats.

use serde_json::Value;

use crate::fhir::{Issue, IssueCode, view};

/// The most headers of a channel, and the most characters of one.
const HEADERS_MAX: usize = 32;
const HEADER_CHARS_MAX: usize = 4_096;

const NAME_AND_VALUE: &str = "expected a header as 'Name: value'";

/// Headers that belong to the connection, to the message or to its signature: a Subscription cannot
/// set them.
const HEADERS_OF_THE_SERVER: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// The prefixes of further such names.
const HEADER_PREFIXES_OF_THE_SERVER: &[&str] = &["proxy-", "webhook-"];

/// Returns a finding for each header that cannot be sent, and one if there are too many.
pub(super) fn findings(headers: &[(String, String)]) -> Vec<Issue> {
    let mut issues = Vec::new();
    if headers.len() > HEADERS_MAX {
        let text = format!(
            "expected at most {HEADERS_MAX} headers, found {}",
            headers.len()
        );
        issues.push(Issue::error(
            IssueCode::TooLong,
            "Subscription.channel.header",
            text,
        ));
    }
    for (at, (name, value)) in headers.iter().enumerate() {
        if let Some(expected) = refusal(name, value) {
            issues.push(Issue::error(
                IssueCode::BusinessRule,
                format!("Subscription.channel.header[{at}]"),
                expected,
            ));
        }
    }
    issues
}

/// Returns a finding for each header of a channel that has no colon: it would be sent without what
/// its author meant by it.
pub(super) fn without_colon(channel: &Value) -> Vec<Issue> {
    let headers = view::items(&channel["header"]).enumerate();
    let without = headers.filter(|(_, header)| {
        let text = header.as_str();
        // Of what is not even a name, the other findings tell.
        text.is_some_and(|text| !text.contains(':') && refusal(text, "") != Some(NAME_AND_VALUE))
    });
    let issue = |at| {
        Issue::error(
            IssueCode::Value,
            format!("Subscription.channel.header[{at}]"),
            NAME_AND_VALUE,
        )
    };
    without.map(|(at, _)| issue(at)).collect()
}

/// Says what is expected instead of a header that cannot be sent, without repeating its value; none
/// if it can.
fn refusal(name: &str, value: &str) -> Option<&'static str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Some(NAME_AND_VALUE);
    }
    if !value
        .bytes()
        .all(|byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic())
    {
        return Some("expected a value of printable ASCII characters in one line");
    }
    if name.len() + value.len() > HEADER_CHARS_MAX {
        return Some("expected at most 4096 characters");
    }
    let name = name.to_ascii_lowercase();
    let is_ours = HEADERS_OF_THE_SERVER.contains(&name.as_str())
        || HEADER_PREFIXES_OF_THE_SERVER
            .iter()
            .any(|prefix| name.starts_with(prefix));
    is_ours.then_some(
        "expected no header that belongs to the connection, the message or its signature",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_cannot_be_sent_are_told_without_their_values() {
        for (name, value) in [
            ("Authorization", "Bearer x"),
            ("X-Api-Key", ""),
            ("x_y", "a\tb; c=\"d\""),
        ] {
            assert_eq!(refusal(name, value), None, "{name}");
        }
        let ours = [
            "Host",
            "content-LENGTH",
            "Transfer-Encoding",
            "Connection",
            "Webhook-Signature",
            "webhook-id",
            "Proxy-Authorization",
            "TE",
        ];
        for name in ours.iter().chain(&["", "a b", "a\r\nb", "æ", "a:b"]) {
            assert!(
                refusal(name, "secret").is_some_and(|text| !text.contains("secret")),
                "{name}"
            );
        }
        for value in ["a\r\nHost: x", "a\nb", "a\0", "æ"] {
            assert!(refusal("X", value).is_some(), "{value:?}");
        }
        assert!(refusal("X", &"a".repeat(HEADER_CHARS_MAX)).is_some());
    }
}
