//! The meaning of a changed Task for the right: one word, and a sentence.

use serde_json::Value;

use crate::fhir::view::extensions;
use crate::fhir::{Id, names};

/// The change of one right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskEffect {
    /// The id of its Task.
    pub id: Id,
    /// The word: `starts`, `stops`, `moves`, `ends`, `reopens` or `changes`.
    pub word: &'static str,
    /// `Task.status` from now on.
    pub status: String,
    /// The deadline status from now on.
    pub business_status: String,
    /// The sentence for people.
    pub text: String,
}

/// Says what a new content of a Task changes; `before` is its content so far, if there is one.
pub fn task_effect(id: &Id, before: Option<&Value>, after: &Value) -> TaskEffect {
    let (was, is) = (before.map(state), state(after));
    let is_same_due = before.is_some_and(|before| due(before) == due(after));
    let word = match (was, is) {
        (None | Some(State::Ended), State::Owed) => "starts",
        (Some(State::Kept), State::Owed) => "reopens",
        (None | Some(State::Owed | State::Ended), State::Kept) => "stops",
        (None | Some(State::Owed | State::Kept), State::Ended) => "ends",
        (Some(State::Owed), State::Owed)
        | (Some(State::Kept), State::Kept)
        | (Some(State::Ended), State::Ended) => {
            if is_same_due {
                "changes"
            } else {
                "moves"
            }
        }
    };
    let what = match word {
        "stops" => "stops the clock of",
        "moves" => "moves the due date of",
        "starts" => "starts the right",
        "ends" => "ends the right",
        "reopens" => "opens again the right",
        _ => "changes the right",
    };
    let right = coded(&after["code"]["coding"], names::CS_RIGHT);
    let group = extensions(after, names::EXT_TARGET_GROUP).next();
    let group = group.map_or("", |group| {
        coded(
            &group["valueCodeableConcept"]["coding"],
            names::CS_TARGET_GROUP,
        )
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let business_status = text(&after["businessStatus"]["coding"][0]["code"]);
    let rule = after["instantiatesCanonical"].as_str().unwrap_or_default();
    TaskEffect {
        id: id.clone(),
        word,
        status: text(&after["status"]),
        text: format!(
            "{what} {right} for {group}: Task/{id} is {business_status}, due {}, by the rule {rule}",
            due(after)
        ),
        business_status,
    }
}

/// The state of a right, as far as it decides the word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Owed,
    Kept,
    Ended,
}

fn state(task: &Value) -> State {
    match task["status"].as_str() {
        Some("completed") => State::Kept,
        Some("requested" | "on-hold") => State::Owed,
        _ => State::Ended,
    }
}

fn due(task: &Value) -> &str {
    let end = &task["restriction"]["period"]["end"];
    end.as_str().unwrap_or_default()
}

fn coded<'a>(codings: &'a Value, system: &str) -> &'a str {
    let mut codings = codings.as_array().into_iter().flatten();
    let own = codings.find(|coding| coding["system"] == system);
    own.and_then(|coding| coding["code"].as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(status: &str, business: &str, due: &str) -> Value {
        json!({ "status": status, "businessStatus": { "coding": [{ "code": business }] },
            "restriction": { "period": { "end": due } },
            "code": { "coding": [{ "system": "x", "code": "fulfill" }, { "system": names::CS_RIGHT, "code": "treatment-plan" }] } })
    }

    #[test]
    fn each_change_has_its_word() {
        let owed = task("requested", "running", "2027-03-03");
        let moved = task("requested", "running", "2027-03-04");
        let held = task("on-hold", "postponed-patient", "2027-03-03");
        let met = task("completed", "met", "2027-03-03");
        let late = task("completed", "met-late", "2027-03-01");
        let void = task("cancelled", "void", "2027-03-03");
        let wrong = task("entered-in-error", "void", "2027-03-03");
        for (before, after, word) in [
            (None, &owed, "starts"),
            (None, &met, "stops"),
            (None, &void, "ends"),
            (Some(&owed), &held, "changes"),
            (Some(&owed), &moved, "moves"),
            (Some(&owed), &met, "stops"),
            (Some(&owed), &void, "ends"),
            (Some(&met), &owed, "reopens"),
            (Some(&met), &late, "moves"),
            (Some(&met), &wrong, "ends"),
            (Some(&void), &owed, "starts"),
            (Some(&void), &met, "stops"),
            (Some(&void), &wrong, "changes"),
        ] {
            let id = Id::parse("t").expect("an id");
            let effect = task_effect(&id, before, after);
            assert_eq!(effect.word, word, "{before:?} {after}");
            let ends =
                effect.text.contains("treatment-plan for ") && effect.text.contains("Task/t is ");
            assert!(ends, "{}", effect.text);
        }
    }
}
