//! Patches: changes told as steps, applied to the JSON of a resource
//! (<https://hl7.org/fhir/R4/http.html#patch>).
//!
//! JSON Patch (RFC 6902) steps along the JSON, FHIRPath Patch along the elements; a JSON Merge
//! Patch (RFC 7396) holds the changed members as they are to be; labels are added and removed as
//! sets. Each is applied as a whole or not at all, keeps the digits and the order of what it does
//! not touch, and is bounded in its steps and in its result. Pure: the result is validated by
//! whoever writes it. No text of a finding repeats a value or a path of the patch.

mod context;
mod depth;
mod elements;
mod fhirpath_patch;
mod given;
mod json_patch;
mod merge_patch;
mod meta;
mod operation;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::fhir::{Issue, IssueCode, Resource, json};

pub use context::PatchContext;
pub use meta::LabelChange;

/// The greatest resource that a patch may make, as text.
const RESULT_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The media type of JSON Patch.
pub const JSON_PATCH: &str = "application/json-patch+json";
/// The media type of JSON Merge Patch.
pub const MERGE_PATCH: &str = "application/merge-patch+json";

/// A patch that was understood.
#[derive(Clone, Debug)]
pub struct Patch(Arc<Steps>);

#[derive(Debug)]
enum Steps {
    Json(Vec<json_patch::JsonPatchStep>),
    FhirPath(Vec<operation::PatchOperation>),
    Merge(Map<String, Value>),
    Labels(meta::Labels),
}

impl Patch {
    /// Reads a JSON Patch document.
    ///
    /// # Errors
    /// That it is not strict JSON, or the findings about all steps.
    pub fn parse_json_patch(bytes: &[u8]) -> Result<Self, Vec<Issue>> {
        Ok(Patch(Arc::new(Steps::Json(json_patch::read(&parsed(
            bytes,
        )?)?))))
    }

    /// Reads a JSON Merge Patch.
    ///
    /// # Errors
    /// That it is not strict JSON, or no object.
    pub fn parse_merge_patch(bytes: &[u8]) -> Result<Self, Vec<Issue>> {
        Ok(Patch(Arc::new(Steps::Merge(merge_patch::read(parsed(
            bytes,
        )?)?))))
    }

    /// Reads a patch that is sent as JSON of no particular kind: Parameters, which say their type,
    /// or a JSON Merge Patch, which does not.
    ///
    /// # Errors
    /// As [`Patch::from_parameters`] and [`Patch::parse_merge_patch`].
    pub fn parse_plain_json(bytes: &[u8]) -> Result<Self, Vec<Issue>> {
        let document = parsed(bytes)?;
        if document.get("resourceType").is_none() {
            return Ok(Patch(Arc::new(Steps::Merge(merge_patch::read(document)?))));
        }
        Patch::from_parameters(&Resource::from_value(document).map_err(|issue| vec![issue])?)
    }

    /// Reads the Parameters of a FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>).
    ///
    /// # Errors
    /// That it is another resource, or the findings about all operations.
    pub fn from_parameters(parameters: &Resource) -> Result<Self, Vec<Issue>> {
        Ok(Patch(Arc::new(Steps::FhirPath(operation::read(
            parameters,
        )?))))
    }

    /// Reads a Meta whose profiles, tags and security labels are to be added or removed.
    ///
    /// # Errors
    /// A finding about everything in it that is no label.
    pub fn of_labels(change: LabelChange, meta: &Value) -> Result<Self, Vec<Issue>> {
        Ok(Patch(Arc::new(Steps::Labels(meta::read(change, meta)?))))
    }

    /// Applies all steps to a resource and returns the result.
    ///
    /// # Errors
    /// The reason why a step cannot be carried out, or the element that it must not change.
    pub fn apply(&self, resource: &Value, context: PatchContext<'_>) -> Result<Value, Issue> {
        let mut patched = resource.clone();
        match &*self.0 {
            Steps::Json(steps) => json_patch::apply(steps, &mut patched)?,
            Steps::FhirPath(steps) => fhirpath_patch::apply(steps, &mut patched, context)?,
            Steps::Merge(members) => merge_patch::apply(members, &mut patched),
            Steps::Labels(labels) => meta::apply(labels, &mut patched),
        }
        keeps_identity(resource, &patched)?;
        if patched.to_string().len() > RESULT_BYTES_MAX {
            let text = format!(
                "expected the patch to make a resource of at most {RESULT_BYTES_MAX} bytes"
            );
            return Err(Issue::error(IssueCode::TooLong, "", text));
        }
        Ok(patched)
    }
}

fn parsed(bytes: &[u8]) -> Result<Value, Vec<Issue>> {
    json::parse(bytes).map_err(|what| {
        vec![Issue::error(
            IssueCode::Structure,
            "",
            format!("expected a patch in JSON: {what}"),
        )]
    })
}

/// Checks that the patch left alone what the server sets. An element that it removed is set again;
/// another value is refused.
fn keeps_identity(before: &Value, after: &Value) -> Result<(), Issue> {
    let type_name = before["resourceType"].as_str().unwrap_or("");
    let refused = |at: &str| {
        let expression = format!("{type_name}.{at}");
        Err(Issue::error(
            IssueCode::BusinessRule,
            expression,
            "expected the patch to leave this as it is: the server alone sets it",
        ))
    };
    for name in ["resourceType", "id"] {
        if before[name] != after[name] {
            return refused(name);
        }
    }
    for name in ["versionId", "lastUpdated"] {
        if after["meta"]
            .get(name)
            .is_some_and(|value| *value != before["meta"][name])
        {
            return refused(&format!("meta.{name}"));
        }
    }
    Ok(())
}
