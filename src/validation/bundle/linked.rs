//! Documents and messages: the first entry, the entries that it must find in the Bundle, and the
//! connection of all others with it (<https://hl7.org/fhir/R4/documents.html>,
//! <https://hl7.org/fhir/R4/messaging.html>).

use std::collections::HashMap;

use serde_json::Value;

use super::indexed::{IndexedBundle, resource_of, text};
use crate::fhir::{IssueCode, Severity};
use crate::validation::datatypes::PathReport;

/// Elements whose addresses do not name entries.
const NOT_LINKS: &[&str] = &[
    "fullUrl", "system", "profile", "url", "id", "display", "div", "code",
];

/// Checks a document or message, whose first entry is `first`.
pub(super) fn check(bundle: &IndexedBundle<'_>, first: &Value, report: &mut PathReport<'_>) {
    let expected = if bundle.kind == "document" {
        "Composition"
    } else {
        "MessageHeader"
    };
    let Some((resource, name, _)) = resource_of(first) else {
        let what = format!("expected a {expected} in the first entry, found no resource");
        report(
            Severity::Error,
            IssueCode::Required,
            ".entry[0].resource",
            &what,
        );
        return;
    };
    if name == expected {
        let mut wanted = Vec::new();
        if bundle.kind == "document" {
            collect_of_composition(resource, &mut wanted);
        } else {
            collect(resource, "focus", "", &mut wanted);
        }
        for (path, reference) in wanted {
            if !reference.is_empty()
                && !reference.starts_with('#')
                && bundle.linked(0, reference).is_none()
            {
                let what = format!(
                    "expected what the {expected} refers to in the Bundle, found a reference that \
                     leads to no entry of it"
                );
                report(
                    Severity::Error,
                    IssueCode::NotFound,
                    &format!(".entry[0].resource{path}"),
                    &what,
                );
            }
        }
    } else {
        let what = format!("expected a {expected} in the first entry, found another type");
        report(
            Severity::Error,
            IssueCode::Invalid,
            ".entry[0].resource",
            &what,
        );
    }
    check_together(bundle, report);
}

/// Adds the references of an element, which may repeat, with their paths.
fn collect<'a>(value: &'a Value, name: &str, path: &str, wanted: &mut Vec<(String, &'a str)>) {
    let element = value.get(name).unwrap_or(&Value::Null);
    let one = element.is_object().then_some(element);
    let many = element.as_array().into_iter().flatten();
    for (at, reference) in one.into_iter().chain(many).enumerate() {
        let index = if element.is_array() {
            format!("[{at}]")
        } else {
            String::new()
        };
        wanted.extend(
            text(reference, "reference").map(|address| (format!("{path}.{name}{index}"), address)),
        );
    }
}

fn collect_of_composition<'a>(composition: &'a Value, wanted: &mut Vec<(String, &'a str)>) {
    for name in ["subject", "author", "encounter", "custodian"] {
        collect(composition, name, "", wanted);
    }
    for (parent, name) in [("attester", "party"), ("event", "detail")] {
        for (at, item) in composition
            .get(parent)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            collect(item, name, &format!(".{parent}[{at}]"), wanted);
        }
    }
    let mut left = vec![(String::new(), composition)];
    while let Some((path, parent)) = left.pop() {
        for (at, section) in parent
            .get("section")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let path = format!("{path}.section[{at}]");
            for name in ["author", "focus", "entry"] {
                collect(section, name, &path, wanted);
            }
            left.push((path, section));
        }
    }
}

/// Checks that every entry is reached from the first one by references; in a document also
/// backwards, with a warning.
fn check_together(bundle: &IndexedBundle<'_>, report: &mut PathReport<'_>) {
    let is_document = bundle.kind == "document";
    let links: Vec<Vec<usize>> = (0..bundle.items.len())
        .map(|at| links_of(bundle, at))
        .collect();
    let mut backwards: Vec<Vec<usize>> = vec![Vec::new(); links.len()];
    for (at, targets) in links.iter().enumerate() {
        targets
            .iter()
            .for_each(|target| backwards[*target].push(at));
    }
    let mut reached = Reached {
        known: vec![false; links.len()],
        order: Vec::new(),
    };
    let stylesheets = bundle
        .links()
        .filter(|link| text(link, "relation") == Some("stylesheet"))
        .filter_map(|link| text(link, "url")?.split_once('/'));
    reached.forwards(
        std::iter::once(0)
            .chain(stylesheets.filter_map(|names| bundle.by_name.get(&names).copied()))
            .collect(),
        &links,
    );
    let mut next = 0;
    while let Some(at) = reached.order.get(next).copied() {
        next += 1;
        for source in &backwards[at] {
            if reached.known[*source] {
                continue;
            }
            let is_provenance = bundle
                .resource(*source)
                .is_some_and(|(_, name)| name == "Provenance");
            if is_document && !is_provenance {
                let what = "expected every entry to be reached from the Composition, found one \
                    that only refers to what is";
                report(
                    Severity::Warning,
                    IssueCode::Invalid,
                    &format!(".entry[{source}]"),
                    what,
                );
            }
            reached.forwards(vec![*source], &links);
        }
    }
    let severity = if is_document {
        Severity::Error
    } else {
        Severity::Warning
    };
    for at in (0..links.len()).filter(|at| !reached.known[*at] && bundle.resource(*at).is_some()) {
        let what = "expected every entry to belong to the first one by references, found one that \
            does not";
        report(severity, IssueCode::Invalid, &format!(".entry[{at}]"), what);
    }
}

/// The entries that were reached so far, and their order.
struct Reached {
    known: Vec<bool>,
    order: Vec<usize>,
}

impl Reached {
    fn forwards(&mut self, mut next: Vec<usize>, links: &[Vec<usize>]) {
        while let Some(at) = next.pop() {
            if !std::mem::replace(&mut self.known[at], true) {
                self.order.push(at);
                next.extend(&links[at]);
            }
        }
    }
}

/// Returns the entries that texts of this one lead to, without those of a Bundle inside it.
fn links_of(bundle: &IndexedBundle<'_>, from: usize) -> Vec<usize> {
    let mut links = Vec::new();
    let mut asked = HashMap::new();
    let mut left = vec![("", &bundle.items[from])];
    while let Some((name, value)) = left.pop() {
        match value {
            Value::Object(members)
                if members
                    .get("resourceType")
                    .is_some_and(|name| name == "Bundle") => {}
            Value::Object(members) => {
                left.extend(members.iter().map(|(name, value)| (name.as_str(), value)))
            }
            Value::Array(items) => left.extend(items.iter().map(|item| (name, item))),
            Value::String(text) if text.contains([':', '/']) && !NOT_LINKS.contains(&name) => {
                links.extend(
                    *asked
                        .entry(text.as_str())
                        .or_insert_with(|| bundle.linked(from, text)),
                );
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    links
}
