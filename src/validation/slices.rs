//! Slices: how often an identifier or a coding of one system may be there.

use serde_json::Value;

use super::findings::Findings;
use crate::fhir::{IssueCode, view};

/// The items of an array whose `system` is one of these.
pub(super) struct Slice {
    /// What they are called in a finding.
    pub(super) name: &'static str,
    /// Their systems.
    pub(super) systems: &'static [&'static str],
}

/// The codings of a diagnosis, as dk-core slices them.
pub(super) const DIAGNOSIS_CODINGS: &[Slice] = &[
    Slice { name: "SKS-D", systems: &["urn:oid:1.2.208.176.2.4.12"] },
    Slice { name: "ICPC-2", systems: &["urn:oid:1.2.208.176.2.31"] },
    Slice { name: "SNOMED CT", systems: &["http://snomed.info/sct"] },
];

impl Slice {
    /// The items of the slice and their places.
    pub(super) fn items<'a>(&self, array: &'a Value) -> impl Iterator<Item = (usize, &'a Value)> {
        let is_in = |item: &Value| item["system"].as_str().is_some_and(|system| self.systems.contains(&view::without_version(system)));
        array.as_array().into_iter().flatten().enumerate().filter(move |(_, item)| is_in(item))
    }

    /// Adds a finding for each item after the first.
    pub(super) fn check_at_most_once(&self, array: &Value, path: &str, findings: &mut Findings<'_>) {
        for (at, _) in self.items(array).skip(1) {
            let what = format!("expected at most one of {}, found one more", self.name);
            findings.error(IssueCode::Structure, &format!("{path}[{at}]"), "", what);
        }
    }
}
