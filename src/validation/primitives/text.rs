//! `string`, `markdown`, `code` and `id`.

use super::report::{ValueReport, refuse, warn};
use crate::fhir::{IssueCode, Severity};
use crate::validation::findings::quoted;

/// The most characters of a string.
const STRING_LENGTH_MAX: usize = 1024 * 1024;

pub(super) fn check_string(text: &str, report: &mut ValueReport<'_>) {
    if is_longer(text, STRING_LENGTH_MAX) {
        let what = format!("expected text of at most {STRING_LENGTH_MAX} characters, found more");
        report(Severity::Error, IssueCode::TooLong, &what);
    }
    if text.trim().is_empty() {
        warn(report, "expected text, found nothing but whitespace");
    } else if text.trim().len() < text.len() {
        warn(
            report,
            "expected text without whitespace at its ends, found some",
        );
    }
}

pub(super) fn check_markdown(text: &str, report: &mut ValueReport<'_>) {
    if text.trim().is_empty() {
        warn(report, "expected text, found nothing but whitespace");
    }
}

/// Checks a code: words with single spaces between them, and no other whitespace.
pub(super) fn check_code(text: &str, report: &mut ValueReport<'_>) {
    let single = |text: &str| {
        text.split(' ')
            .all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
    };
    if !single(text) {
        refuse(
            report,
            &format!(
                "expected a code without whitespace but single spaces inside, found {}",
                quoted(text)
            ),
        );
    }
}

pub(super) fn check_id(text: &str, report: &mut ValueReport<'_>) {
    let fits = text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if !fits {
        refuse(
            report,
            "expected 1 to 64 letters, digits, hyphens or points, found another text",
        );
    }
}

/// Refuses characters that XML cannot hold: a resource that has one cannot be told in every format of
/// FHIR (<https://hl7.org/fhir/R4/formats.html>).
pub(super) fn check_characters(text: &str, report: &mut ValueReport<'_>) {
    if text
        .bytes()
        .any(|byte| byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r'))
    {
        refuse(
            report,
            "expected text without control characters (below U+0020, but for tab and line breaks), \
             found some",
        );
    }
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        refuse(
            report,
            "expected text without U+FFFE and U+FFFF, which are no characters, found one",
        );
    }
}

/// Tells whether the text has more characters, counted as JSON escapes count them (in units of
/// UTF-16).
pub(super) fn is_longer(text: &str, max: usize) -> bool {
    text.len() > max && text.encode_utf16().count() > max
}
