//! References: their syntax, the type that they name, and whether a fragment names anything.
//!
//! The HL7 validator, as it comes, looks at the type of a target only where the target is at hand.
//! The definitions of R4 restrict the targets of every reference, so that a type that stands in the
//! address, or in `type` beside an identifier, is held against them here.

use serde_json::Value;

use super::{PathReport, text};
use crate::fhir::{IssueCode, Severity};

/// The allowed targets of a reference, and the facts that only its surroundings tell.
pub struct Targets<'a> {
    /// The types that the element allows; empty, or with `Resource`, for any.
    pub allowed: &'a [&'a str],
    /// Tells whether there is a resource type of that name.
    pub is_resource: &'a dyn Fn(&str) -> bool,
    /// Looks up the target among the resources at hand: contained ones for `#x` (`#` alone is the
    /// container), entries of the Bundle.
    pub resolve: &'a dyn Fn(&str) -> ReferenceTarget<'a>,
}

/// The target of a reference, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferenceTarget<'a> {
    /// A resource at hand, of this type.
    Found(&'a str),
    /// A resource that is not at hand, and may be elsewhere.
    Elsewhere,
}

/// Tags that are references only by name.
const LANGUAGE_TAGS: &str = "http://tools.ietf.org/html/bcp47";

/// Checks a Reference.
pub fn check_reference<'a>(
    reference: &'a Value,
    targets: &Targets<'a>,
    report: &mut PathReport<'_>,
) {
    let stated = text(reference, "type").filter(|name| !name.is_empty());
    // Addresses of types are for logical models only, so that a plain name is asked for.
    if stated.is_some_and(|name| !(targets.is_resource)(name)) {
        report(
            Severity::Error,
            IssueCode::CodeInvalid,
            ".type",
            "expected the name of a resource type, found another text",
        );
    }
    let found = match text(reference, "reference").filter(|address| !address.is_empty()) {
        None => {
            check_logical(reference, report);
            stated
        }
        Some(LANGUAGE_TAGS) => return,
        Some(address) => {
            let found = check_address(address, targets, report);
            if let (Some(found), Some(stated)) = (found, stated)
                && found != stated
            {
                report(
                    Severity::Error,
                    IssueCode::Structure,
                    ".type",
                    "expected the type of the target, found another",
                );
            }
            found.or(stated)
        }
    };
    let allows = |name: &str| {
        targets.allowed.is_empty()
            || targets.allowed.contains(&name)
            || targets.allowed.contains(&"Resource")
    };
    let wrong = [found, stated]
        .into_iter()
        .flatten()
        .find(|name| !allows(name));
    if let Some(name) = wrong {
        let found = if (targets.is_resource)(name) {
            name
        } else {
            "a type that is not one of them"
        };
        let what = format!(
            "expected a reference to {}, found {found}",
            targets.allowed.join(" or ")
        );
        report(Severity::Error, IssueCode::Structure, "", &what);
    }
}

/// Checks that a reference without an address has an identifier, or at least words.
fn check_logical(reference: &Value, report: &mut PathReport<'_>) {
    let identifier = reference.get("identifier").unwrap_or(&Value::Null);
    let named = [
        text(identifier, "system"),
        text(identifier, "value"),
        text(reference, "display"),
    ];
    if named.iter().all(|name| name.is_none_or(str::is_empty)) {
        let what =
            "expected reference, an identifier with a value, or at least display; found none";
        report(Severity::Warning, IssueCode::Structure, "", what);
    }
}

/// Checks the address, and returns the type of the target, if it is known.
fn check_address<'a>(
    address: &'a str,
    targets: &Targets<'a>,
    report: &mut PathReport<'_>,
) -> Option<&'a str> {
    if address
        .bytes()
        .any(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
    {
        report(
            Severity::Error,
            IssueCode::Value,
            ".reference",
            "expected an address without whitespace, found some",
        );
        return None;
    }
    if let Some((name, query)) = address.split_once('?')
        && (targets.is_resource)(name)
    {
        if !is_query(query) {
            let what = "expected a search as Patient?identifier=system|value, found one without \
                names or values";
            report(Severity::Error, IssueCode::Value, ".reference", what);
        }
        return Some(name);
    }
    match (targets.resolve)(address) {
        ReferenceTarget::Found(name) => Some(name),
        ReferenceTarget::Elsewhere if address.starts_with('#') => {
            let what = "expected the id of a contained resource after #, found one that none has";
            report(Severity::Error, IssueCode::NotFound, ".reference", what);
            None
        }
        ReferenceTarget::Elsewhere => type_in(address).filter(|name| (targets.is_resource)(name)),
    }
}

/// Returns the part of a RESTful address where the type stands: relative or absolute, with a
/// version or without.
fn type_in(address: &str) -> Option<&str> {
    let mut parts = address.trim_end_matches('/').rsplit('/');
    let (_, before) = (parts.next()?, parts.next()?);
    if before != "_history" {
        return Some(before);
    }
    let (_, name) = (parts.next()?, parts.next()?);
    Some(name)
}

/// Tells whether the text is `name=value` once or more; a name may have a modifier and be a chain.
pub(crate) fn is_query(query: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-')
            })
    };
    query.split('&').all(|pair| {
        pair.split_once('=')
            .is_some_and(|(name, value)| is_name(name) && !value.contains('='))
    })
}
