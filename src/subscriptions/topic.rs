//! The topic, which decides whether a version of a Task is an event.

use serde_json::Value;

use crate::fhir::names;
use crate::fhir::view::extensions;

/// Tells whether the version of a rights Task that follows `before` (none if it is the first, or the
/// one before was deleted) is an event: the Task was created, or its `businessStatus` or its
/// forecast changed.
pub fn is_event(before: Option<&Value>, after: &Value) -> bool {
    before.is_none_or(|before| {
        status_code(before) != status_code(after) || forecast(before) != forecast(after)
    })
}

/// Returns the code of the deadline status.
fn status_code(task: &Value) -> Option<&str> {
    task["businessStatus"]["coding"][0]["code"].as_str()
}

/// Returns the code of the forecast, if there is one.
fn forecast(task: &Value) -> Option<&str> {
    let forecast = extensions(task, names::EXT_FORECAST).next()?;
    forecast["valueCode"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(status: &str, forecast: Option<&str>, modified: &str) -> Value {
        let forecast =
            forecast.map(|code| json!({ "url": names::EXT_FORECAST, "valueCode": code }));
        let mut task = json!({ "resourceType": "Task", "businessStatus": { "coding": [{ "code": status }] }, "lastModified": modified });
        if let Some(forecast) = forecast {
            task["extension"] = json!([{ "url": names::EXT_TARGET_GROUP }, forecast]);
        }
        task
    }

    #[test]
    fn a_task_that_is_created_or_changes_its_status_or_its_forecast_is_an_event() {
        let (running, later, overdue) = (
            task("running", None, "2027-03-01"),
            task("running", None, "2027-03-02"),
            task("overdue", None, "2027-03-02"),
        );
        let (unbooked, again, late) = (
            task("running", Some("unbooked"), "2027-03-01"),
            task("running", Some("unbooked"), "2027-03-02"),
            task("running", Some("booked-late"), "2027-03-02"),
        );
        for (before, after, expected) in [
            (None, &running, true),
            (Some(&running), &overdue, true),
            (Some(&overdue), &running, true),
            (Some(&running), &later, false),
            (Some(&unbooked), &again, false),
            (Some(&unbooked), &late, true),
            (Some(&late), &unbooked, true),
            (Some(&late), &running, true),
            (Some(&running), &unbooked, true),
        ] {
            assert_eq!(is_event(before, after), expected, "{before:?} to {after}");
        }
    }
}
