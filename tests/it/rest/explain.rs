//! The explanation of how a search was answered, for whoever operates the server: `_explain=true`.

use serde_json::Value;

use super::{expect, population};
use crate::support::facade::{Facade, link};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// Returns what is told of a search, a line each.
fn steps(bundle: &Value) -> Vec<String> {
    let first = &bundle["entry"][0];
    assert_eq!(
        (&first["search"]["mode"], &first["resource"]["resourceType"]),
        (&"outcome".into(), &"OperationOutcome".into())
    );
    let issues = first["resource"]["issue"].as_array().unwrap();
    assert!(
        issues
            .iter()
            .all(|issue| issue["severity"] == "information" && issue["code"] == "informational")
    );
    issues
        .iter()
        .map(|issue| issue["diagnostics"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn check(facade: &Facade, search: &str, expected: &[&str]) {
    let reply = facade.get(&format!("{search}&_explain=true"));
    expect(&reply, 200);
    let bundle = reply.json();
    assert_eq!(steps(&bundle), expected, "{search}");
    assert!(link(&bundle, "self").unwrap().contains("_explain=true"));
    let matches = bundle["entry"].as_array().unwrap()[1..].to_vec();
    let plain = facade.get(search).json();
    assert_eq!(bundle["total"], plain["total"], "{search}");
    assert_eq!(
        matches,
        plain["entry"].as_array().cloned().unwrap_or_default(),
        "{search}"
    );
}

#[test]
fn each_condition_tells_by_what_it_was_answered() {
    let facade = population();
    check(
        &facade,
        "Condition?patient=p&code:not=DJ449&_sort=-recorded-date",
        &[
            "Condition: patient (1 reference): by the index, 1 key to the end, the fewest",
            "Condition: code:not (1 code): by the index, asked for each of 1 candidates; 0 are left",
            "Condition: 0 looked at one by one; 0 match",
            "counted 0",
        ],
    );
}

#[test]
fn nothing_that_is_told_names_a_person_and_the_next_page_tells_too() {
    let facade = population();
    let form = "name=Karen&identifier=0405440001&_explain=true";
    let reply = facade.send("POST", "Patient/_search", &FORM, form);
    expect(&reply, 200);
    let told = steps(&reply.json()).join("\n");
    assert!(
        told.contains("name (1 text to start with)")
            && !told.contains("aren")
            && !told.contains("0405440001"),
        "{told}"
    );

    let first = facade
        .get("/fhir?_type=Goal,CareTeam&_count=1&_explain=true")
        .json();
    assert!(
        steps(&first)
            .iter()
            .any(|step| step.contains("no index helps")),
        "{first}"
    );
    let next = facade.get(&link(&first, "next").unwrap()).json();
    assert_eq!(steps(&next).last().unwrap(), "page: 1 of 2 resources read");
    expect(&facade.get("Patient/p/*?_explain=true"), 200);
    for wrong in [
        "Condition?_explain=yes",
        "Condition?_explain=true&_explain=true",
        "Condition?_explain:not=true",
    ] {
        expect(&facade.get(wrong), 400);
    }
}
