//! Each entry by itself: its address, compared with its resource.

use serde_json::Value;

use super::indexed::{IndexedBundle, IsResource, resource_of, restful_base, text};
use crate::fhir::{IssueCode, Severity};
use crate::validation::datatypes::PathReport;
use crate::validation::primitives;

/// Checks the address of each entry.
pub(super) fn check(entries: &IndexedBundle<'_>, report: &mut PathReport<'_>) {
    let is_optional = matches!(
        entries.kind,
        "transaction" | "transaction-response" | "batch" | "batch-response"
    );
    for (at, entry) in entries.items.iter().enumerate() {
        match text(entry, "fullUrl").filter(|url| !url.is_empty()) {
            Some(url) => check_address(url, entry, at, &*entries.is_resource, report),
            None if is_optional => {}
            None => {
                let what = "expected the address of the entry, found none";
                report(
                    Severity::Error,
                    IssueCode::Required,
                    &format!(".entry[{at}].fullUrl"),
                    what,
                );
            }
        }
    }
}

fn check_address(
    url: &str,
    entry: &Value,
    at: usize,
    is_resource: &IsResource<'_>,
    report: &mut PathReport<'_>,
) {
    let mut refuse = |what: &str| {
        report(
            Severity::Error,
            IssueCode::Value,
            &format!(".entry[{at}].fullUrl"),
            what,
        )
    };
    if !primitives::is_absolute(url) {
        return refuse("expected an absolute address (http:, https: or urn:), found another text");
    }
    let Some((resource, name, id)) = resource_of(entry) else {
        return;
    };
    let is_restful = restful_base(url, is_resource).is_some();
    let ends_with_id = url.rsplit_once('/').is_some_and(|(before, last)| {
        !id.is_empty() && last == id && before.ends_with(&format!("/{name}"))
    });
    if is_restful && id.is_empty() {
        refuse(
            "expected a resource with the id that the address ends with, found one without an id",
        );
    } else if is_restful && !ends_with_id {
        refuse("expected an address that ends with the type and id of the resource, found another");
    }
    // The canonical address of a definition is not its place: one address may be both only if it
    // ends with the id.
    let of_older_terminology =
        url.starts_with("http://hl7.org/fhir/v3/") || url.starts_with("http://hl7.org/fhir/v2/");
    let ends_alike = url.rsplit_once('/').is_some_and(|(_, last)| last == id);
    if text(resource, "url") == Some(url) && !(is_restful && ends_alike) && !of_older_terminology {
        refuse(
            "expected the place of the resource, found its canonical address, which does not end \
             with its id",
        );
    }
}
