//! One Bundle, written around the stored bytes so that each resource stays as it was accepted.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fhir::Issue;
use crate::fhir::issue::operation_outcome;

/// A Bundle that is being written.
pub(super) struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

impl BundleWriter {
    /// Begins a Bundle of that type, with these members besides.
    pub(super) fn new(kind: &str, members: Map<String, Value>) -> Self {
        let mut head = json!({ "resourceType": "Bundle", "type": kind });
        if let Some(object) = head.as_object_mut() {
            object.extend(members);
        }
        let mut out = head.to_string().into_bytes();
        out.pop();
        BundleWriter { out, entries: 0 }
    }

    /// Writes one entry: its address, its resource as bytes, and whatever else it says.
    pub(super) fn entry(&mut self, full_url: Option<&str>, resource: Option<&[u8]>, rest: &Value) {
        self.out.extend_from_slice(if self.entries == 0 {
            b",\"entry\":[{"
        } else {
            b",{"
        });
        self.entries += 1;
        let mut first = true;
        let mut member = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            out.extend_from_slice(value);
        };
        if let Some(full_url) = full_url {
            member(
                &mut self.out,
                "fullUrl",
                Value::from(full_url).to_string().as_bytes(),
            );
        }
        if let Some(resource) = resource {
            member(&mut self.out, "resource", resource);
        }
        for (name, value) in rest.as_object().into_iter().flatten() {
            member(&mut self.out, name, value.to_string().as_bytes());
        }
        self.out.push(b'}');
    }

    /// Writes the entry that tells of warnings, if there are any.
    pub(super) fn outcome(&mut self, warnings: &[Issue]) {
        if !warnings.is_empty() {
            self.told(&operation_outcome(warnings));
        }
    }

    /// Writes the entry that tells how a search was answered, if that was asked.
    pub(super) fn plan(&mut self, steps: &[String]) {
        let issue = |step: &String| json!({ "severity": "information", "code": "informational", "diagnostics": step });
        if !steps.is_empty() {
            self.told(&json!({ "resourceType": "OperationOutcome", "issue": steps.iter().map(issue).collect::<Vec<_>>() }));
        }
    }

    fn told(&mut self, outcome: &Value) {
        // Each entry of a searchset has a fullUrl; what is no resource of this server has one of
        // its own.
        let outcome = outcome.to_string();
        let full_url = Uuid::new_v5(&Uuid::NAMESPACE_URL, outcome.as_bytes())
            .urn()
            .to_string();
        self.entry(
            Some(&full_url),
            Some(outcome.as_bytes()),
            &json!({ "search": { "mode": "outcome" } }),
        );
    }

    /// Ends the Bundle, and returns it.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.out
            .extend_from_slice(if self.entries == 0 { b"}" } else { b"]}" });
        self.out
    }
}
