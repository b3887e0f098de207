//! `uri`, `url`, `canonical`, `oid` and `uuid`.
//!
//! Nothing is looked up. A `uri` may be relative; a `canonical` is absolute or a fragment.

use super::report::{ValueReport, refuse};

/// Checks text that is not empty.
pub(super) fn check(type_name: &str, text: &str, report: &mut ValueReport<'_>) {
    if has_whitespace(text) {
        return refuse(report, "expected an address without whitespace, found some");
    }
    if text.starts_with("oid:") || text.starts_with("uuid:") {
        refuse(
            report,
            "expected an address that begins with urn:oid: or urn:uuid:, found one without urn:",
        );
    }
    match type_name {
        "oid" if !text.starts_with("urn:oid:") => {
            refuse(report, "expected urn:oid: and an OID, found another text")
        }
        "uuid" if !text.starts_with("urn:uuid:") => {
            refuse(report, "expected urn:uuid: and a UUID, found another text")
        }
        "canonical" if !text.starts_with('#') && !is_absolute(text) => {
            refuse(
                report,
                "expected an absolute address, or a fragment that begins with #; found another \
                 text",
            );
        }
        _ => {}
    }
    if let Some(oid) = text.strip_prefix("urn:oid:")
        && !(is_oid(oid) && is_deep(oid))
    {
        refuse(
            report,
            if is_oid(oid) {
                "expected the whole OID after urn:oid:, as 1.2.208.176.1.1, found the beginning of \
                 one: its first numbers say only who gives out the others"
            } else {
                "expected an OID after urn:oid:, as 1.2.208.176.1.1 (numbers without leading zeros, \
                 the first 0, 1 or 2), found another text"
            },
        );
    }
    if let Some(rest) = text.strip_prefix("urn:uuid:")
        && !is_uuid(without_suffix(type_name, rest))
    {
        refuse(
            report,
            "expected a UUID in lower case after urn:uuid:, found another text",
        );
    }
}

/// Tells whether the text has whitespace: at the ends any that Unicode knows, inside that of ASCII,
/// as in the pattern of R4.
fn has_whitespace(text: &str) -> bool {
    text.trim().len() < text.len()
        || text
            .bytes()
            .any(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
}

/// Removes the fragment after the UUID of an address, and the version after that of a canonical;
/// the type `uuid` is the UUID alone.
fn without_suffix<'a>(type_name: &str, rest: &'a str) -> &'a str {
    if type_name == "uuid" {
        return rest;
    }
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let version = rest.rsplit_once('|').filter(|_| type_name == "canonical");
    version.map_or(rest, |(before, _)| before)
}

/// Tells whether the text is an OID, of any depth.
fn is_oid(text: &str) -> bool {
    let mut arcs = text.split('.');
    let first = arcs
        .next()
        .is_some_and(|arc| matches!(arc, "0" | "1" | "2"));
    let is_arc = |arc: &str| {
        arc == "0"
            || (!arc.is_empty()
                && !arc.starts_with('0')
                && arc.bytes().all(|byte| byte.is_ascii_digit()))
    };
    first && text.contains('.') && arcs.all(is_arc)
}

/// Tells whether an OID is of some depth: `1.2` is one for ISO, but names no system, and is often the
/// rest of a number that was cut.
fn is_deep(oid: &str) -> bool {
    oid.rfind('.').is_some_and(|at| at >= 4) || oid.starts_with("1.3")
}

/// Tells whether the text is `8-4-4-4-12` hexadecimal digits in lower case (R4, `uuid`).
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let is_group = |(group, length): (&str, usize)| {
        group.len() == length
            && group
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.len() == 36
        && text.split('-').count() == lengths.len()
        && text.split('-').zip(lengths).all(is_group)
}

/// Tells whether an address has a scheme in lower case (or one of letters and digits) and something
/// after it.
///
/// FHIR knows no scheme with `+`, `-` or `.`: that counts as a name with a colon.
pub fn is_absolute(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letters = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'[' | b']')
    };
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(letters)
        && !rest.is_empty()
        && !rest.contains(' ')
}
