//! The bounds on the extent of what is sent: a body as a whole, before it is read, and each resource
//! that would be written, whichever way it came to be.

use serde_json::Value;

use super::Failure;
use crate::fhir::extent::JsonExtent;
use crate::fhir::{Issue, IssueCode};

/// The most values that a body may have: objects, lists, texts, numbers.
const BODY_VALUES_MAX: usize = 400_000;
/// The most values that one resource may have.
const RESOURCE_VALUES_MAX: usize = 50_000;
/// The most times that one element may repeat.
pub const REPEATS_MAX: usize = 10_000;
/// The most bytes that the names and texts of one resource may have.
const RESOURCE_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Refuses a body of JSON that is too much to be read, by its text.
///
/// # Errors
/// `Unprocessable`, too costly.
pub fn refuse_excessive_body(json: &[u8]) -> Result<(), Failure> {
    let extent = JsonExtent::of_text(json);
    let issue = repeats_issue(extent).or_else(|| {
        let text = format!(
            "expected a body of at most {BODY_VALUES_MAX} values, found {}",
            extent.values
        );
        (extent.values > BODY_VALUES_MAX).then(|| too_costly(text))
    });
    issue.map_or(Ok(()), |issue| Err(Failure::Unprocessable(vec![issue])))
}

/// Returns the finding about a resource that is too much to be kept.
pub(super) fn excess(resource: &Value) -> Option<Issue> {
    let extent = JsonExtent::of_value(resource);
    repeats_issue(extent).or_else(|| {
        let text = if extent.values > RESOURCE_VALUES_MAX {
            format!(
                "expected a resource of at most {RESOURCE_VALUES_MAX} values, found {}",
                extent.values
            )
        } else if extent.bytes > RESOURCE_BYTES_MAX {
            format!(
                "expected a resource of at most {RESOURCE_BYTES_MAX} bytes, found {}",
                extent.bytes
            )
        } else {
            return None;
        };
        Some(too_costly(text))
    })
}

fn repeats_issue(extent: JsonExtent) -> Option<Issue> {
    let text = format!(
        "expected each element at most {REPEATS_MAX} times, found one {} times",
        extent.repeats
    );
    (extent.repeats > REPEATS_MAX).then(|| too_costly(text))
}

fn too_costly(text: String) -> Issue {
    Issue::error(IssueCode::TooCostly, "", text)
}
