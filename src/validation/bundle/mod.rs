//! Bundles as a whole: addresses of entries, links, what the kind of Bundle asks of its entries,
//! and references between them (<https://hl7.org/fhir/R4/bundle.html>). The invariants bdl-1 to bdl-12 are FHIRPath, and checked where FHIRPath is.
//!
//! Pure and total; the resources in the entries are looked at only for what the Bundle says of
//! them. The HL7 validator is followed, but for two things that R4 allows: an entry that is created
//! by POST needs no `fullUrl`, even if it has references; and in a history several entries are
//! versions of one resource, so that a reference to it is not ambiguous.

mod entries;
mod linked;
mod resolve;
mod search;

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::{IssueCode, Severity};

/// Who is told of a finding: how bad it is, its kind, the path below the Bundle, and what was
/// expected and found.
pub type Report<'r> = dyn FnMut(Severity, IssueCode, &str, &str) + 'r;

/// Tells whether there is a resource type of that name.
pub type IsResource<'r> = dyn Fn(&str) -> bool + 'r;

/// A Bundle, with its entries by address.
pub struct Entries<'a> {
    bundle: &'a Value,
    /// Its type, or empty.
    kind: &'a str,
    items: &'a [Value],
    is_resource: Box<IsResource<'a>>,
    /// The places of the entries with that `fullUrl`.
    by_address: HashMap<&'a str, Vec<usize>>,
    /// The same of the entries with that `fullUrl` and version.
    by_version: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// The first place of a resource with that type and id.
    by_name: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Entries<'a> {
    /// The entries of a Bundle; `is_resource` tells whether there is a resource type of that name.
    pub fn of(bundle: &'a Value, is_resource: impl Fn(&str) -> bool + 'a) -> Self {
        let items = bundle
            .get("entry")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let (mut by_address, mut by_version) =
            (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut by_name = HashMap::new();
        for (at, entry) in items.iter().enumerate() {
            if let Some(url) = text(entry, "fullUrl") {
                by_address.entry(url).or_default().push(at);
                if let Some(version) = entry["resource"]["meta"]["versionId"].as_str() {
                    by_version.entry((url, version)).or_default().push(at);
                }
            }
            if let Some((_, name, id)) = resource_of(entry).filter(|(_, _, id)| !id.is_empty()) {
                by_name.entry((name, id)).or_insert(at);
            }
        }
        Entries {
            bundle,
            kind: text(bundle, "type").unwrap_or(""),
            items,
            is_resource: Box::new(is_resource),
            by_address,
            by_version,
            by_name,
        }
    }

    /// Reports what is wrong with the Bundle apart from its structure, its invariants and the
    /// resources in it.
    ///
    /// References inside of the entries are asked about one by one with [`Entries::resolve`].
    pub fn check(&self, report: &mut Report<'_>) {
        self.check_links(report);
        match (self.kind, self.items.first()) {
            ("document" | "message", None) => {
                let what = "expected a first entry that says what the Bundle is, found none";
                report(Severity::Error, IssueCode::Required, ".entry", what);
            }
            ("document" | "message", Some(first)) => linked::check(self, first, report),
            ("searchset", _) => search::check(self, report),
            _ => {}
        }
        entries::check(self, report);
    }

    /// The Bundle.
    pub fn bundle(&self) -> &'a Value {
        self.bundle
    }

    /// The resource in the entry at that place, with its type.
    pub fn resource(&self, at: usize) -> Option<(&'a Value, &'a str)> {
        self.items
            .get(at)
            .and_then(resource_of)
            .map(|(resource, name, _)| (resource, name))
    }

    fn links(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.bundle
            .get("link")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The resource of an entry, its type and id (empty if it has none).
fn resource_of(entry: &Value) -> Option<(&Value, &str, &str)> {
    let resource = entry.get("resource")?;
    Some((
        resource,
        text(resource, "resourceType")?,
        text(resource, "id").unwrap_or(""),
    ))
}

impl Entries<'_> {
    /// Pages have links to each other; what is not a page has none, and is itself in one place.
    fn check_links(&self, report: &mut Report<'_>) {
        let has_pages = matches!(self.kind, "searchset" | "history");
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (at, link) in self.links().enumerate() {
            let Some(relation) = text(link, "relation") else {
                continue;
            };
            let is_page = matches!(relation, "first" | "previous" | "next" | "last");
            let path = format!(".link[{at}].relation");
            if is_page && !has_pages {
                let what = "expected no links to pages in a Bundle that is no search or history, found one";
                report(Severity::Error, IssueCode::Invalid, &path, what);
            }
            let times = seen.entry(relation).or_default();
            *times += 1;
            if *times > 1 && (relation == "self" || (is_page && has_pages)) {
                let what = "expected one link of each of these relations, found another one";
                report(Severity::Error, IssueCode::Duplicate, &path, what);
            }
            if self.kind == "document" && relation == "stylesheet" {
                self.check_stylesheet(link, at, report);
            }
        }
    }

    /// A style sheet is HL7's own, or in the document.
    fn check_stylesheet(&self, link: &Value, at: usize, report: &mut Report<'_>) {
        let Some(url) = text(link, "url") else { return };
        let path = format!(".link[{at}].url");
        if super::primitives::is_absolute(url) {
            if url != "https://hl7.org/fhir/fhir.css" {
                report(
                    Severity::Warning,
                    IssueCode::BusinessRule,
                    &path,
                    "expected a style sheet in the document, found one elsewhere",
                );
            }
        } else if !url
            .split_once('/')
            .is_some_and(|names| self.by_name.contains_key(&names))
        {
            report(
                Severity::Error,
                IssueCode::NotFound,
                &path,
                "expected a style sheet in the document, found one that is not there",
            );
        }
    }
}

/// A RESTful address: `base/Type/id`, with `/_history/version` or without. Gives the part before
/// the type.
fn restful_base<'a>(address: &'a str, is_resource: &IsResource<'_>) -> Option<&'a str> {
    let is_id = |id: &str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    let plain = match address.rsplit_once("/_history/") {
        Some((before, version)) if is_id(version) => before,
        _ => address,
    };
    let (before, id) = plain.rsplit_once('/')?;
    let (base, name) = before.rsplit_once('/').unwrap_or(("", before));
    let rest = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"))
        .or(base.is_empty().then_some(""))?;
    let is_part = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'/' | b'\\' | b'.' | b':' | b'%' | b'$' | b'-' | b'_')
    };
    (is_id(id) && is_resource(name) && rest.bytes().all(is_part))
        .then(|| &plain[..before.len() - name.len()])
}
