//! The topic, which decides whether a version of a Task is an event.

use serde_json::Value;

/// Tells whether the version of a rights Task that follows `before` (none if it is the first, or the
/// one before was deleted) is an event: the Task was created, or its `businessStatus` changed.
pub fn is_event(before: Option<&Value>, after: &Value) -> bool {
    before.is_none_or(|before| status_code(before) != status_code(after))
}

/// Returns the code of the deadline status.
fn status_code(task: &Value) -> Option<&str> {
    task["businessStatus"]["coding"][0]["code"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(status: &str, modified: &str) -> Value {
        json!({ "resourceType": "Task", "businessStatus": { "coding": [{ "code": status }] }, "lastModified": modified })
    }

    #[test]
    fn a_task_that_is_created_or_changes_its_status_is_an_event() {
        let (running, later, overdue) = (
            task("running", "2027-03-01"),
            task("running", "2027-03-02"),
            task("overdue", "2027-03-02"),
        );
        for (before, after, expected) in [
            (None, &running, true),
            (Some(&running), &overdue, true),
            (Some(&overdue), &running, true),
            (Some(&running), &later, false),
        ] {
            assert_eq!(is_event(before, after), expected, "{before:?} to {after}");
        }
    }
}
