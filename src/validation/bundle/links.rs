//! The links of a Bundle: of pages to each other, and of a document to its style sheet.

use std::collections::HashMap;

use serde_json::Value;

use super::indexed::{IndexedBundle, text};
use crate::fhir::{IssueCode, Severity};
use crate::validation::datatypes::PathReport;
use crate::validation::primitives::is_absolute;

impl IndexedBundle<'_> {
    /// Checks that pages have links to each other and other Bundles have none, and that a Bundle
    /// has one link to itself at most.
    pub(super) fn check_links(&self, report: &mut PathReport<'_>) {
        let has_pages = matches!(self.kind, "searchset" | "history");
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (at, link) in self.links().enumerate() {
            let Some(relation) = text(link, "relation") else {
                continue;
            };
            let is_page = matches!(relation, "first" | "previous" | "next" | "last");
            let path = format!(".link[{at}].relation");
            if is_page && !has_pages {
                let what = "expected no links to pages in a Bundle that is no search or history, \
                    found one";
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

    /// Checks that a style sheet is HL7's own, or in the document.
    fn check_stylesheet(&self, link: &Value, at: usize, report: &mut PathReport<'_>) {
        let Some(url) = text(link, "url") else { return };
        let path = format!(".link[{at}].url");
        if is_absolute(url) {
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
