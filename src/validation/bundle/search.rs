//! Results of a search: the mode of each entry, compared with its resource and the search
//! (<https://hl7.org/fhir/R4/bundle.html#searchset>).

use std::collections::HashSet;

use serde_json::Value;

use super::indexed::{IndexedBundle, IsResource, resource_of, text};
use crate::fhir::{IssueCode, Severity};
use crate::validation::datatypes::PathReport;

/// Checks the entries of a search.
pub(super) fn check(bundle: &IndexedBundle<'_>, report: &mut PathReport<'_>) {
    let (entries, is_resource) = (bundle.items, &*bundle.is_resource);
    if entries.is_empty() {
        return;
    }
    let own = bundle
        .links()
        .filter(|link| text(link, "relation") == Some("self"))
        .find_map(|link| text(link, "url"));
    if own.is_none() {
        report(
            Severity::Warning,
            IssueCode::Invalid,
            ".link",
            "expected a link self that says what was searched, found none",
        );
    }
    let types = own.map_or_else(HashSet::new, |url| searched_types(url, is_resource));
    let has_mode = |entry: &Value| entry["search"]["mode"].is_string();
    let with_mode = entries.iter().filter(|entry| has_mode(entry)).count();
    for (at, entry) in entries.iter().enumerate() {
        let path = format!(".entry[{at}]");
        match resource_of(entry) {
            None => report(
                Severity::Error,
                IssueCode::Required,
                &path,
                "expected a resource in every entry of a search, found none",
            ),
            Some((_, name, id)) if with_mode == 0 => {
                check_without_mode(name, id, &types, &path, report)
            }
            Some((_, name, id)) => check_mode(
                entry["search"]["mode"].as_str(),
                name,
                id,
                &types,
                &path,
                report,
            ),
        }
    }
}

/// Returns the types that the address of a search asks for; none if it does not say.
fn searched_types<'a>(url: &'a str, is_resource: &IsResource<'_>) -> HashSet<&'a str> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
    if is_resource(last) {
        return HashSet::from([last]);
    }
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("_type="))
        .flat_map(|types| types.split(','))
        .collect()
}

fn check_mode(
    mode: Option<&str>,
    name: &str,
    id: &str,
    types: &HashSet<&str>,
    path: &str,
    report: &mut PathReport<'_>,
) {
    let mut refuse = |what: &str| report(Severity::Error, IssueCode::Invalid, path, what);
    match mode {
        None => {
            let what = "expected search.mode, since other entries have it; found none";
            report(Severity::Warning, IssueCode::Invalid, path, what);
        }
        Some("match" | "include") if id.is_empty() => {
            refuse("expected a resource with an id, found one without")
        }
        Some("match") if !types.is_empty() && !types.contains(&name) => {
            refuse("expected a match to be of a type that was searched, found another type");
        }
        Some("match" | "include") => {}
        Some(_) if name != "OperationOutcome" => {
            refuse("expected an OperationOutcome, found another type")
        }
        Some(_) => {}
    }
}

fn check_without_mode(
    name: &str,
    id: &str,
    types: &HashSet<&str>,
    path: &str,
    report: &mut PathReport<'_>,
) {
    let mut warn = |what: &str| report(Severity::Warning, IssueCode::Invalid, path, what);
    if id.is_empty() && name != "OperationOutcome" {
        warn("expected a resource with an id, found one without");
    }
    if !types.is_empty() && !types.contains(&name) {
        warn(
            "expected search.mode, since the resource is not of a type that was searched; found \
             none",
        );
    }
}
