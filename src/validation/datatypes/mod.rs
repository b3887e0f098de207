//! The rules of the HL7 validator for values of each data type, besides structure, terminology and
//! invariants (<https://hl7.org/fhir/R4/datatypes.html>,
//! <https://hl7.org/fhir/R4/references.html>).
//!
//! Pure and total. Closures of the caller answer questions about definitions or the rest of the
//! resource. Paths of findings are relative to the value: empty, or as `.system`.
//!
//! One check of that validator is left out: that `Attachment.hash` is the SHA-1 of the data.
//! Whitespace in the Base64 of an Attachment is an error there; the pattern of R4's `base64Binary`
//! allows it, so it is a warning here, as everywhere else.

mod reference;

use serde_json::Value;

use super::primitives;
use crate::fhir::{IssueCode, Severity, names};

pub(crate) use reference::is_query;
pub use reference::{ReferenceTarget, Targets, check_reference};

/// The receiver of a finding: how bad it is, its kind, the path below the value, and what was
/// expected and found.
pub type PathReport<'r> = dyn FnMut(Severity, IssueCode, &str, &str) + 'r;

/// The place of a value, and the facts that only the definitions tell.
pub struct ValueContext<'a> {
    /// True for a Coding that is bound itself or in a CodeableConcept: the binding or the concept
    /// judges its system.
    pub in_concept: bool,
    /// True for an Extension inside another one, whose address may be a plain name.
    pub in_extension: bool,
    /// Tells whether that address is one of a value set.
    pub is_value_set: &'a dyn Fn(&str) -> bool,
    /// Tells whether that address is one of a code system at hand.
    pub is_code_system: &'a dyn Fn(&str) -> bool,
    /// Tells whether that address is one of a known extension.
    pub is_extension: &'a dyn Fn(&str) -> bool,
}

const UCUM: &str = "http://unitsofmeasure.org";
const UUID_AS_IDENTIFIER: &str = "https://tools.ietf.org/html/rfc4122";

/// Checks a value of that type; types without such rules are not checked. A Reference needs more:
/// see [`check_reference`].
pub fn check(
    type_name: &str,
    value: &Value,
    surroundings: &ValueContext<'_>,
    report: &mut PathReport<'_>,
) {
    match type_name {
        "Identifier" => check_identifier(value, report),
        "Coding" => {
            let is_judged = check_relative_system(value, report);
            if !is_judged && !surroundings.in_concept {
                check_coding(value, surroundings, report);
            }
        }
        "CodeableConcept" => check_concept(value, report),
        "Quantity" => {
            let is_judged = check_relative_system(value, report);
            check_quantity(value, is_judged, surroundings, report);
        }
        "Attachment" => check_attachment(value, report),
        "Extension" => check_extension(value, surroundings, report),
        _ => {}
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn is_system(address: &str) -> bool {
    ["http:", "https:", "urn:"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
}

fn check_identifier(value: &Value, report: &mut PathReport<'_>) {
    let Some(system) = text(value, "system") else {
        return;
    };
    if !is_system(system) && !system.starts_with("ldap:") {
        let what =
            "expected an absolute address (http:, https:, urn: or ldap:), found another text";
        report(Severity::Error, IssueCode::CodeInvalid, ".system", what);
    }
    let Some(identifier) = text(value, "value") else {
        return;
    };
    match system {
        names::URI_SYSTEM if !is_uri_value(identifier) => {
            let what = "expected an absolute address, as the system says, found another text";
            report(Severity::Error, IssueCode::CodeInvalid, ".value", what);
        }
        UUID_AS_IDENTIFIER => {
            let is_uuid = identifier.starts_with("urn:uuid:") || primitives::is_uuid(identifier);
            let severity = if is_uuid {
                Severity::Warning
            } else {
                Severity::Error
            };
            let what = "expected the system urn:ietf:rfc:3986 and a value that begins with \
                urn:uuid:, found the system of RFC 4122";
            report(severity, IssueCode::CodeInvalid, ".value", what);
        }
        _ => {}
    }
}

/// Tells whether the text is a URI with any scheme, in capitals too; that of a file has a path.
fn is_uri_value(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']');
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(letters);
    is_scheme && (scheme != "file" || rest.starts_with('/') || rest.contains(':'))
}

/// Checks that the system of a Coding or Quantity, wherever it stands, is not relative: a code means the same to
/// everyone, or nothing. Tells whether it is.
fn check_relative_system(value: &Value, report: &mut PathReport<'_>) -> bool {
    let is_relative = text(value, "system")
        .is_some_and(|system| !system.is_empty() && !primitives::is_absolute(system));
    if is_relative {
        let what = "expected the absolute address of a code system (http:, https: or urn:), found \
            another text";
        report(Severity::Error, IssueCode::CodeInvalid, ".system", what);
    }
    is_relative
}

fn check_coding(value: &Value, surroundings: &ValueContext<'_>, report: &mut PathReport<'_>) {
    if value.get("code").is_some() && value.get("system").is_none() {
        let what =
            "expected a system for the code, found none: nobody can tell what the code means";
        report(Severity::Warning, IssueCode::CodeInvalid, "", what);
    }
    check_system_of_code(value, surroundings, report);
}

/// Checks that the system of a code is an absolute address, and not that of a value set, which
/// defines no codes.
fn check_system_of_code(
    value: &Value,
    surroundings: &ValueContext<'_>,
    report: &mut PathReport<'_>,
) {
    let (Some(system), Some(_)) = (text(value, "system"), text(value, "code")) else {
        return;
    };
    if !is_system(system) {
        let what = "expected the absolute address of a code system (http:, https: or urn:), found \
            another text";
        report(Severity::Error, IssueCode::CodeInvalid, ".system", what);
    } else if (surroundings.is_value_set)(system) {
        let what = "expected the address of a code system, found that of a value set";
        report(Severity::Error, IssueCode::CodeInvalid, ".system", what);
    } else if let Some(expected) = misspelt_system(system, surroundings.is_code_system) {
        report(
            Severity::Error,
            IssueCode::CodeInvalid,
            ".system",
            &format!("expected {expected}, found another address"),
        );
    }
}

/// Suggests the system that was meant by an address that no code system can have: one of HL7 that
/// is unknown there, or nearly that of a well-known one.
fn misspelt_system(system: &str, is_code_system: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    const WELL_KNOWN: &[&str] = &[
        "http://snomed.info/sct",
        "http://loinc.org",
        UCUM,
        "http://www.nlm.nih.gov/research/umls/rxnorm",
    ];
    let address = system
        .strip_prefix("https://")
        .or_else(|| system.strip_prefix("http://"))?;
    let of_hl7 = address
        .strip_prefix("www.")
        .unwrap_or(address)
        .strip_prefix("hl7.org/fhir");
    if is_code_system(system) {
        None
    } else if address.starts_with("build.fhir.org")
        || of_hl7.is_some_and(|below| !below.starts_with("/sid/") && !below.starts_with("/test"))
    {
        Some("the address of a code system that HL7 has published")
    } else if system.starts_with("https:") && is_code_system(&format!("http://{address}")) {
        Some("the address of the code system as published, with http:")
    } else if WELL_KNOWN
        .iter()
        .any(|known| system.starts_with(known) && system != *known)
    {
        Some("the address of the code system alone (an edition or version is told in version)")
    } else {
        None
    }
}

/// Checks a concept. Codings that say little are no error there: there may be better ones beside
/// them, and text.
fn check_concept(value: &Value, report: &mut PathReport<'_>) {
    for (at, coding) in value
        .get("coding")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let what = match (text(coding, "system"), text(coding, "code")) {
            (None, Some(_)) => {
                "expected a system for the code, found none: nobody can tell what the code means"
            }
            (Some(system), _) if primitives::is_absolute(system) && !is_system(system) => {
                "expected the absolute address of a code system, found another text"
            }
            _ => continue,
        };
        report(
            Severity::Warning,
            IssueCode::CodeInvalid,
            &format!(".coding[{at}]"),
            what,
        );
    }
}

fn check_quantity(
    value: &Value,
    is_judged: bool,
    surroundings: &ValueContext<'_>,
    report: &mut PathReport<'_>,
) {
    if !is_judged {
        check_system_of_code(value, surroundings, report);
    }
    if text(value, "system") == Some(UCUM)
        && text(value, "code").is_some_and(|code| code.contains('{') && code.contains('}'))
    {
        let what = "expected a unit of UCUM without an annotation in braces, found one: receivers \
            may not keep it";
        report(Severity::Warning, IssueCode::BusinessRule, ".code", what);
    }
}

fn check_attachment(value: &Value, report: &mut PathReport<'_>) {
    let has = |name: &str| value.get(name).is_some();
    if !["data", "url", "contentType", "language"]
        .into_iter()
        .any(has)
    {
        let what = "expected data or url, or at least contentType or language, found none";
        report(Severity::Warning, IssueCode::Structure, "", what);
    }
    let length = text(value, "data").and_then(primitives::decoded_length);
    let size = value.get("size").and_then(Value::as_u64);
    if let (Some(length), Some(size)) = (length, size)
        && u64::try_from(length) != Ok(size)
    {
        report(
            Severity::Error,
            IssueCode::Structure,
            ".size",
            "expected the number of bytes of the data, found another",
        );
    }
    let hash = text(value, "hash")
        .filter(|_| length.is_some())
        .and_then(primitives::decoded_length);
    if hash.is_some_and(|length| length != 20) {
        report(
            Severity::Error,
            IssueCode::Structure,
            ".hash",
            "expected a SHA-1 of the data (20 bytes), found another length",
        );
    }
}

fn check_extension(value: &Value, surroundings: &ValueContext<'_>, report: &mut PathReport<'_>) {
    let Some(url) = text(value, "url").filter(|url| !url.is_empty()) else {
        return;
    };
    if !surroundings.in_extension && !primitives::is_absolute(url) {
        let what = "expected the absolute address of an extension, found another text";
        return report(Severity::Error, IssueCode::Extension, ".url", what);
    }
    if let Some((address, _)) = url.split_once('|') {
        let severity = if (surroundings.is_extension)(address) {
            Severity::Error
        } else {
            Severity::Warning
        };
        report(
            severity,
            IssueCode::Extension,
            ".url",
            "expected the address of an extension without a version, found one",
        );
    }
}
