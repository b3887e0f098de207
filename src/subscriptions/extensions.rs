//! The extensions of a Subscription. Those of the backport guide must stand where they belong, and
//! the server refuses any that it would have to ignore silently.

use serde_json::Value;

use super::names::{EXT_FILTER_CRITERIA, EXTENSIONS, EXTENSIONS_BACKPORT, is_of_another_version};
use crate::fhir::{Issue, IssueCode};

/// Returns the first extension with that address on an element, and its place among all extensions
/// there.
pub(super) fn first<'a>(element: &'a Value, url: &str) -> Option<(usize, &'a Value)> {
    all(element).find(|(_, extension)| extension["url"] == url)
}

/// Returns the extensions on an element, each with its place.
pub(super) fn all(element: &Value) -> impl Iterator<Item = (usize, &Value)> {
    element["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
}

/// An extension somewhere in a resource.
struct PlacedExtension<'a> {
    /// The element that it stands on, without indexes.
    element: String,
    /// Its own path, with indexes.
    expression: String,
    url: &'a str,
}

/// Returns a finding for each extension that cannot be honoured where it stands: one of another
/// version of FHIR, one of the guide that is unknown here, one on an element where it means
/// nothing, or one that is repeated.
pub(super) fn misplaced(resource: &Value) -> Vec<Issue> {
    let mut found = Vec::new();
    collect(resource, "Subscription", "Subscription", &mut found);
    let mut issues = Vec::new();
    for (
        at,
        PlacedExtension {
            element,
            expression,
            url,
        },
    ) in found.iter().enumerate()
    {
        let place = EXTENSIONS
            .iter()
            .find(|(known, _)| known == url)
            .map(|(_, place)| *place);
        let is_again = || {
            *url != EXT_FILTER_CRITERIA
                && found[..at]
                    .iter()
                    .any(|other| other.url == *url && other.element == *element)
        };
        let (code, text) = match place {
            None if is_of_another_version(url) => {
                let text = "expected no extension of another version of FHIR: say it as the Subscriptions R5 Backport guide does for R4";
                (IssueCode::NotSupported, text.to_owned())
            }
            None if url.starts_with(EXTENSIONS_BACKPORT) => {
                let names: Vec<_> = EXTENSIONS
                    .iter()
                    .map(|(url, _)| url.trim_start_matches(EXTENSIONS_BACKPORT))
                    .collect();
                (
                    IssueCode::NotSupported,
                    format!(
                        "expected no extension of the backport guide but {}",
                        names.join(", ")
                    ),
                )
            }
            Some(place) if place != element => (
                IssueCode::Extension,
                format!("expected this extension on {place}"),
            ),
            Some(_) if is_again() => (
                IssueCode::Duplicate,
                "expected this extension once".to_owned(),
            ),
            None | Some(_) => continue,
        };
        issues.push(Issue::error(code, expression.clone(), text));
    }
    issues
}

fn collect<'a>(
    value: &'a Value,
    element: &str,
    expression: &str,
    found: &mut Vec<PlacedExtension<'a>>,
) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.trim_start_matches('_');
                let inside = format!("{expression}.{name}");
                if matches!(name, "extension" | "modifierExtension") {
                    for (at, extension) in member.as_array().into_iter().flatten().enumerate() {
                        let expression = format!("{inside}[{at}]");
                        if let Some(url) = extension["url"].as_str() {
                            found.push(PlacedExtension {
                                element: element.to_owned(),
                                expression: expression.clone(),
                                url,
                            });
                        }
                        collect(extension, &format!("{element}.{name}"), &expression, found);
                    }
                } else {
                    collect(member, &format!("{element}.{name}"), &inside, found);
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| {
                collect(item, element, &format!("{expression}[{at}]"), found)
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
