//! `base64Binary` (RFC 4648, section 4).
//!
//! The HL7 validator counts letters and digits alone, and so lets `!!!!` and `A===` pass; R4 asks
//! for Base64. The pattern of R4 has whitespace between groups of four, the HL7 validator warns of
//! whitespace anywhere: so does this.

use super::report::{ValueReport, refuse, warn};

/// Checks text that is not empty.
pub(super) fn check(text: &str, report: &mut ValueReport<'_>) {
    if decoded_length(text).is_none_or(|length| length == 0) {
        return refuse(
            report,
            "expected Base64 (letters, digits, + and /, in groups of four, padded with =), found \
             another text",
        );
    }
    if text.contains(char::is_whitespace) {
        warn(report, "expected Base64 without whitespace, found some");
    }
}

/// Returns the number of bytes that the text stands for; none if it is not Base64. Whitespace is
/// ignored.
pub fn decoded_length(text: &str) -> Option<usize> {
    let (mut digits, mut padding) = (0_usize, 0_usize);
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        match character {
            '=' => padding += 1,
            _ if padding > 0 => return None,
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' => digits += 1,
            _ => return None,
        }
    }
    let whole = (digits + padding).is_multiple_of(4) && padding <= 2;
    whole.then_some(digits * 3 / 4)
}
