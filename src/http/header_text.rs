//! The text of headers: UTF-8, and otherwise ISO-8859-1, as HTTP had it from the beginning
//! (<https://www.rfc-editor.org/rfc/rfc9110#section-5.5>). Clients send Danish letters both ways.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::error::Refusal;
use crate::fhir::IssueCode;
use crate::interactions::Failure;

/// Reads a header's value; each byte means something, so nothing is ever passed over.
fn read(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Returns the text of a header that gives advice: the first one.
pub(super) fn text(headers: &HeaderMap, name: impl Into<HeaderName>) -> Option<Cow<'_, str>> {
    headers.get(name.into()).map(read)
}

/// Returns the text of a header that decides about a write.
///
/// # Errors
/// `BadRequest` if it came twice: one of the two would be passed over.
pub(super) fn decisive(
    headers: &HeaderMap,
    name: impl Into<HeaderName>,
) -> Result<Option<Cow<'_, str>>, Refusal> {
    let name = name.into();
    let mut values = headers.get_all(&name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(read)),
        (_, Some(_)) => {
            let text = format!("{name}: expected the header once");
            Err(Failure::bad_request(IssueCode::Value, text).into())
        }
    }
}

/// Returns the text of a header that is a list, in however many lines it came.
pub(super) fn joined(headers: &HeaderMap, name: impl Into<HeaderName>) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name.into()).iter().map(read).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Returns the elements of a header that is a list.
pub(super) fn listed(headers: &HeaderMap, name: impl Into<HeaderName>) -> Vec<String> {
    let joined = joined(headers, name).unwrap_or_default();
    let elements = joined.split(',').map(str::trim);
    elements
        .filter(|element| !element.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_utf_8_or_else_iso_8859_1() {
        for (bytes, expected) in [
            (b"plain".as_slice(), "plain"),
            ("æ?ø".as_bytes(), "æ?ø"),
            (b"identifier=\xe6\xf8\xe5", "identifier=æøå"),
            (b"\xff", "ÿ"),
            // The beginning of a letter in UTF-8, and then none.
            (b"\xc3x", "Ãx"),
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(bytes).expect("a header");
            headers.append("prefer", value);
            assert_eq!(read(&headers["prefer"]), expected);
            assert_eq!(
                listed(&headers, HeaderName::from_static("prefer")),
                [expected]
            );
        }
    }

    #[test]
    fn a_list_may_come_in_several_lines_and_what_decides_alone_may_not() {
        let name = || HeaderName::from_static("if-match");
        let mut headers = HeaderMap::new();
        assert_eq!(joined(&headers, name()), None);
        headers.append(name(), HeaderValue::from_static("\"1\""));
        assert!(decisive(&headers, name()).is_ok_and(|text| text.as_deref() == Some("\"1\"")));
        headers.append(name(), HeaderValue::from_static("\"2\""));
        assert_eq!(joined(&headers, name()).as_deref(), Some("\"1\", \"2\""));
        assert!(decisive(&headers, name()).is_err());
    }
}
