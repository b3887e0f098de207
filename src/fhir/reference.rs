//! The target of a FHIR Reference (<https://hl7.org/fhir/R4/references.html>).

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::key::{Id, ResourceKey, ResourceType, Version};
use super::view::items;

/// The target of one Reference element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference<'a> {
    /// A resource of this server: `Condition/7` or `Condition/7/_history/2`.
    Local(ResourceKey, Option<Version>),
    /// A resource in the same document: `#x`.
    Contained(&'a str),
    /// An entry of the same Bundle: `urn:uuid:…` or `urn:oid:…`.
    Urn(&'a str),
    /// To be found by a search within a transaction: `Patient?identifier=…`, in any spelling that
    /// [`searched`] reads.
    Conditional(&'a str),
    /// Any other address.
    External(&'a str),
    /// By identifier alone: system (empty if absent) and value.
    Logical(&'a str, &'a str),
    /// Neither address nor identifier, for example `display` alone.
    None,
}

impl<'a> Reference<'a> {
    /// Reads a Reference element.
    pub fn read(element: &'a Value) -> Self {
        if let Some(address) = element.get("reference").and_then(Value::as_str) {
            return Reference::parse(address);
        }
        let identifier = &element["identifier"];
        match identifier["value"].as_str() {
            Some(value) => Reference::Logical(identifier["system"].as_str().unwrap_or(""), value),
            None => Reference::None,
        }
    }

    /// Reads the text of `Reference.reference`.
    pub fn parse(address: &'a str) -> Self {
        if let Some(anchor) = address.strip_prefix('#') {
            return Reference::Contained(anchor);
        }
        if address.starts_with("urn:") {
            return Reference::Urn(address);
        }
        // Before anything else: what is searched for may be an address with a scheme itself.
        if searched(address).is_some() {
            return Reference::Conditional(address);
        }
        if address.contains("://") {
            return Reference::External(address);
        }
        let (key, version) = match address.split_once("/_history/") {
            Some((key, version)) => (key, Version::parse(version)),
            None => (address, None),
        };
        ResourceKey::parse(key).map_or(Reference::External(address), |key| {
            Reference::Local(key, version)
        })
    }

    /// Returns the resource of this server that is named, if one is.
    pub fn local_key(&self) -> Option<&ResourceKey> {
        match self {
            Reference::Local(key, _) => Some(key),
            _ => None,
        }
    }
}

/// Returns the type and the criteria of an address below the base that is a search: `Patient?a=b`,
/// also with a slash before or after the type or `_search` behind it, and if it is percent-encoded
/// as a whole. The criteria are otherwise as they stand.
pub fn searched(address: &str) -> Option<(&str, Cow<'_, str>)> {
    let (path, criteria) = parted(address)?;
    let path = path.trim_start_matches('/');
    let named = path.strip_suffix("/_search").unwrap_or(path);
    let named = named.trim_end_matches('/');
    let is_name = named.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_name.then_some((named, criteria))
}

/// Tells whether an address is a search in a type, on whatever server: it names no resource. `is_type`
/// tells whether FHIR has a type of that name.
pub fn is_search(address: &str, is_type: &dyn Fn(&str) -> bool) -> bool {
    let Some((path, criteria)) = parted(address) else {
        return false;
    };
    let path = path.strip_suffix("/_search").unwrap_or(path);
    let named = path.trim_end_matches('/').rsplit('/').next();
    criteria.contains('=') && named.is_some_and(is_type)
}

/// A path below the base of a server, as a reference to one resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LiteralPath {
    /// `Type/id` or `Type/id/_history/version`, written plainly.
    Resource(String),
    /// The same with a fragment behind it.
    Part,
    /// The path of something else.
    Other,
}

/// Reads a path below the base as one to a resource, also with slashes around it, or
/// percent-encoded. `is_type` tells whether FHIR has a type of that name.
pub fn literal_path(path: &str, is_type: &dyn Fn(&str) -> bool) -> LiteralPath {
    if let Some((whole, _)) = path.split_once('#') {
        return match literal_path(whole, is_type) {
            LiteralPath::Resource(_) => LiteralPath::Part,
            other => other,
        };
    }
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return LiteralPath::Other;
    };
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    let is_id = |text: &str| Id::parse(text).is_some();
    let is_resource = match steps.as_slice() {
        [name, id] => is_type(name) && is_id(id),
        [name, id, "_history", version] => is_type(name) && is_id(id) && is_id(version),
        _ => false,
    };
    if is_resource {
        LiteralPath::Resource(steps.join("/"))
    } else {
        LiteralPath::Other
    }
}

/// Tells whether an address names a scheme. A type of FHIR before a colon is none, nor is a host
/// before its port.
pub fn has_scheme(address: &str, is_type: &dyn Fn(&str) -> bool) -> bool {
    let Some((scheme, rest)) = address.split_once(':') else {
        return false;
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(fits)
        && !rest.starts_with(|first: char| first.is_ascii_digit())
        && !is_type(scheme)
}

/// Parts an address at its question mark, which may be percent-encoded.
fn parted(address: &str) -> Option<(&str, Cow<'_, str>)> {
    if let Some((path, criteria)) = address.split_once('?') {
        return Some((path, Cow::Borrowed(criteria)));
    }
    let at = ["%3F", "%3f"].iter().filter_map(|mark| address.find(mark));
    let at = at.min()?;
    let criteria = address.get(at + "%3F".len()..)?;
    let criteria = if criteria.contains('=') {
        Cow::Borrowed(criteria)
    } else {
        percent_decode_str(criteria).decode_utf8().ok()?
    };
    Some((address.get(..at)?, criteria))
}

/// Returns the resources of that type that a Reference element, or an array of them, names by
/// literal references: no other can be followed on this server.
pub fn local_keys(references: &Value, resource_type: ResourceType) -> Vec<ResourceKey> {
    items(references)
        .filter_map(|element| Reference::read(element).local_key().cloned())
        .filter(|key| key.resource_type == resource_type)
        .collect()
}

/// Calls `visit` with the FHIRPath and the element of every Reference in the resource that has a
/// `reference` or an `identifier` and stands where the base definition has a Reference (recognised
/// by its members).
pub fn for_each<'a>(
    resource_type: &str,
    resource: &'a Value,
    visit: &mut impl FnMut(&str, &'a Value),
) {
    let mut path = resource_type.to_owned();
    walk(resource, &mut path, visit);
}

fn walk<'a>(value: &'a Value, path: &mut String, visit: &mut impl FnMut(&str, &'a Value)) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            if members.get("reference").is_some_and(Value::is_string) {
                visit(path, value);
            }
            for (name, member) in members {
                path.push('.');
                path.push_str(name);
                walk(member, path, visit);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(path, "[{at}]");
                walk(item, path, visit);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_search_is_one() {
        let by_https = "identifier=https://ehr.example/pid|7";
        for (address, expected) in [
            ("Patient?identifier=7", Some(("Patient", "identifier=7"))),
            (
                "Patient?identifier=urn:oid:1.2|7",
                Some(("Patient", "identifier=urn:oid:1.2|7")),
            ),
            (
                "Patient?identifier=https://ehr.example/pid|7",
                Some(("Patient", by_https)),
            ),
            (
                "/Patient?identifier=https://ehr.example/pid|7",
                Some(("Patient", by_https)),
            ),
            (
                "Patient/?identifier=https://ehr.example/pid|7",
                Some(("Patient", by_https)),
            ),
            (
                "Patient/_search?identifier=https://ehr.example/pid|7",
                Some(("Patient", by_https)),
            ),
            (
                "Patient%3Fidentifier=https://ehr.example/pid|7",
                Some(("Patient", by_https)),
            ),
            (
                "Patient%3fidentifier%3Dhttps%3A%2F%2Fehr.example%2Fpid%7C7",
                Some(("Patient", by_https)),
            ),
            (
                "Patient?identifier=https%3A%2F%2Fehr.example%2Fpid%7C7",
                Some(("Patient", "identifier=https%3A%2F%2Fehr.example%2Fpid%7C7")),
            ),
            (
                "Observation?code=a&status=b",
                Some(("Observation", "code=a&status=b")),
            ),
            ("?identifier=7", Some(("", "identifier=7"))),
            ("https://ehr.example/fhir/Patient?identifier=7", None),
            ("https://ehr.example/x?identifier=7", None),
            ("Patient/7", None),
            ("Patient/7?x=1", None),
        ] {
            let found = searched(address);
            let found = found.as_ref().map(|(name, criteria)| (*name, &**criteria));
            assert_eq!(found, expected, "{address}");
            let is_conditional = matches!(Reference::parse(address), Reference::Conditional(_));
            assert_eq!(is_conditional, expected.is_some(), "{address}");
        }
    }

    #[test]
    fn a_search_on_another_server_is_one_too() {
        let is_type = |name: &str| matches!(name, "Patient" | "Observation");
        for (address, expected) in [
            ("https://ehr.example/fhir/Patient?identifier=7", true),
            ("https://ehr.example/fhir/Patient%3Fidentifier=7", true),
            ("fhir/Patient/_search?identifier=7", true),
            ("https://ehr.example/fhir/Patient/7", false),
            ("https://ehr.example/fhir/Patient?7", false),
            ("https://ehr.example/fhir/Observation/?code=7", true),
            ("https://ehr.example/documents?id=7", false),
            ("https://arkiv.example/Hent?id=7", false),
            ("https://arkiv.example/Hent/_search?id=7", false),
            ("https://arkiv.example/patient?id=7", false),
            ("https://arkiv.example/?id=7", false),
            ("https://ehr.example/fhir/Patient/7?_format=json", false),
        ] {
            assert_eq!(is_search(address, &is_type), expected, "{address}");
        }
    }

    #[test]
    fn a_path_leads_to_one_resource_or_is_told_apart() {
        use LiteralPath::{Other, Part};
        let is_type = |name: &str| matches!(name, "Patient" | "Observation");
        let resource = |plain: &str| LiteralPath::Resource(plain.to_owned());
        for (path, expected) in [
            ("Patient/7", resource("Patient/7")),
            ("Observation/7", resource("Observation/7")),
            ("//Patient/7/", resource("Patient/7")),
            ("Patient/%37", resource("Patient/7")),
            ("Patient%2F7", resource("Patient/7")),
            ("Patient/7/_history/2", resource("Patient/7/_history/2")),
            ("Patient/7#a", Part),
            ("Patient/7/#a", Part),
            ("Patient#a", Other),
            ("Patient/7?x=1", Other),
            ("Patient/7/?x=1", Other),
            ("Patient/7%3Fx=1", Other),
            ("Patient/7/_history", Other),
            ("Patient/7/_history/", Other),
            ("Patient/7/_history/2?x", Other),
            ("Patient/7/x", Other),
            ("Patient/%FF", Other),
            ("Patient", Other),
            ("patient/7", Other),
            ("Hent/7", Other),
            ("fhir/Patient/7", Other),
            ("7", Other),
            ("", Other),
        ] {
            assert_eq!(literal_path(path, &is_type), expected, "{path}");
        }
        for (address, expected) in [
            ("https://ehr.example/x", true),
            ("URN:uuid:7", true),
            ("ehr.example:8080/fhir/Patient/7", false),
            ("Patient:7", false),
            ("Patient:x", false),
            ("Patient/a:b", false),
            ("//ehr.example/fhir", false),
        ] {
            assert_eq!(has_scheme(address, &is_type), expected, "{address}");
        }
    }
}
