//! The resources that come with the matches: `_include` and `_revinclude`
//! (<https://hl7.org/fhir/R4/search.html#revinclude>).

use serde_json::{Value, json};

use super::{NOW, expect, organization, population};
use crate::support::facade::{Facade, link};

/// Returns each entry as "mode Type/id", Tasks by their focus, in order.
fn entries(bundle: &Value) -> Vec<String> {
    let line = |entry: &Value| {
        let resource = &entry["resource"];
        let mode = entry["search"]["mode"].as_str().unwrap();
        let name = match (&resource["resourceType"], &resource["focus"]["reference"]) {
            (Value::String(kind), Value::String(focus)) => format!("{kind} of {focus}"),
            (Value::String(kind), _) => format!("{kind}/{}", resource["id"].as_str().unwrap_or("")),
            _ => panic!("{entry}"),
        };
        format!("{mode} {name}")
    };
    bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect()
}

#[track_caller]
fn check(facade: &Facade, search: &str, expected: &[&str]) {
    let reply = facade.get(search);
    expect(&reply, 200);
    assert_eq!(entries(&reply.json()), expected, "{search}");
    let matches = expected
        .iter()
        .filter(|line| line.starts_with("match"))
        .count();
    assert_eq!(
        reply.json()["total"],
        matches,
        "{search}: what is included is not counted"
    );
}

#[test]
fn what_the_matches_name_comes_with_them() {
    let facade = population();
    let (c, d) = ("match Condition/c", "match Condition/d");
    let (p, q) = ("include Patient/p", "include Patient/q");
    for (search, expected) in [
        ("Condition?_include=Condition:subject", &[c, d, p, q][..]),
        ("Condition?_include=Condition:patient&patient=p", &[c, p]),
        (
            "Condition?_include=Condition:subject:Patient",
            &[c, d, p, q],
        ),
        (
            "Condition?_include=Condition:subject&_include=Condition:patient",
            &[c, d, p, q],
        ),
        ("Condition?_include=Encounter:subject", &[c, d]),
        ("Condition?_id=c&_include=*", &[c, p]),
        ("Condition?_id=c&_include=Condition:*", &[c, p]),
        ("Condition?_id=c&_include=Encounter:*", &[c]),
        (
            "Condition?_count=1&_include=Condition:subject&_id=c",
            &[c, p],
        ),
        (
            "Task?focus=Condition/c&_include=Task:owner",
            &["match Task of Condition/c", "include Organization/gp"],
        ),
        (
            "Task?focus=Condition/c&_include=Task:owner:Practitioner",
            &["match Task of Condition/c"],
        ),
        (
            "Task?focus=Condition/c&_include=Task:*",
            &[
                "match Task of Condition/c",
                p,
                "include Organization/gp",
                "include Condition/c",
            ],
        ),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn what_names_the_matches_comes_with_them() {
    let facade = population();
    for (search, expected) in [
        (
            "Condition?_id=c&_revinclude=Task:focus",
            &["match Condition/c", "include Task of Condition/c"][..],
        ),
        (
            "Condition?_id=c&_revinclude=Task:focus:Condition",
            &["match Condition/c", "include Task of Condition/c"],
        ),
        (
            "Condition?_id=c&_revinclude=Task:focus:ServiceRequest",
            &["match Condition/c"],
        ),
        (
            "Patient?_id=q&_revinclude=Condition:subject",
            &["match Patient/q", "include Condition/d"],
        ),
        (
            "Patient?_id=q&_revinclude=Condition:subject&_revinclude=CarePlan:subject",
            &[
                "match Patient/q",
                "include Condition/d",
                "include CarePlan/cp",
            ],
        ),
        (
            "Patient?_id=q&_revinclude=CarePlan:*",
            &["match Patient/q", "include CarePlan/cp"],
        ),
    ] {
        check(&facade, search, expected);
    }
    let all = entries(&facade.get("Patient?_id=q&_revinclude=*").json());
    assert_eq!(
        all[..4],
        [
            "match Patient/q",
            "include Condition/d",
            "include CarePlan/cp",
            "include Task of Condition/d"
        ]
    );
    assert!(
        all[4..]
            .iter()
            .all(|line| line.starts_with("include Provenance/")),
        "{all:?}"
    );
}

#[test]
fn only_what_iterates_follows_from_what_was_included() {
    let facade = population();
    let task = "match Task of Condition/c";
    for (search, expected) in [
        (
            "Task?focus=Condition/c&_include=Task:focus&_include=Condition:subject",
            &[task, "include Condition/c"][..],
        ),
        (
            "Task?focus=Condition/c&_include=Task:focus&_include:iterate=Condition:subject",
            &[task, "include Condition/c", "include Patient/p"],
        ),
        (
            "Task?focus=Condition/c&_include=Task:focus&_include:recurse=Condition:subject",
            &[task, "include Condition/c", "include Patient/p"],
        ),
        (
            "Encounter?_include=Encounter:subject&_revinclude:iterate=Goal:subject",
            &["match Encounter/e", "include Patient/p", "include Goal/g"],
        ),
        (
            "Encounter?_include=Encounter:subject&_revinclude=Goal:subject",
            &["match Encounter/e", "include Patient/p"],
        ),
    ] {
        check(&facade, search, expected);
    }
}

#[test]
fn a_circle_ends_and_each_is_given_once() {
    let facade = Facade::at(NOW);
    let mut circle: Vec<Value> = (0..5)
        .map(|at| organization(&format!("o{at}"), "round"))
        .collect();
    for (at, one) in circle.iter_mut().enumerate() {
        one["partOf"] = json!({ "reference": format!("Organization/o{}", (at + 1) % 5) });
    }
    expect(&facade.transaction(&circle.iter().collect::<Vec<_>>()), 200);
    for search in [
        "Organization?_id=o0&_include:iterate=*",
        "Organization?_id=o0&_revinclude:iterate=*",
    ] {
        let bundle = facade.get(search).json();
        let mut found = entries(&bundle);
        assert_eq!(found.remove(0), "match Organization/o0");
        found.sort();
        assert_eq!(
            found,
            ["o1", "o2", "o3", "o4"].map(|id| format!("include Organization/{id}")),
            "{search}"
        );
    }
    let all = facade.get("Organization?_include:iterate=*").json();
    assert!(
        entries(&all).iter().all(|line| line.starts_with("match")),
        "a match is not included too"
    );
}

#[test]
fn each_page_brings_what_its_own_matches_name_in_the_state_of_the_first() {
    let facade = population();
    let first = facade
        .get("Condition?_count=1&_include=Condition:subject&_revinclude=Task:focus")
        .json();
    assert_eq!(
        entries(&first),
        [
            "match Condition/c",
            "include Patient/p",
            "include Task of Condition/c"
        ]
    );
    let mut patient = facade.get("Patient/q").json();
    patient["gender"] = "other".into();
    facade.put_ok(&patient);
    let second = facade.get(&link(&first, "next").unwrap()).json();
    assert_eq!(
        entries(&second),
        [
            "match Condition/d",
            "include Patient/q",
            "include Task of Condition/d"
        ]
    );
    assert_eq!(second["entry"][1]["resource"]["meta"]["versionId"], "1");
    let own = link(&first, "self").unwrap();
    assert_eq!(
        own,
        "Condition?_count=1&_include=Condition%3Asubject&_revinclude=Task%3Afocus"
    );
}

#[test]
fn more_than_a_page_may_include_is_cut_and_said() {
    let facade = Facade::at(NOW);
    let whole = organization("whole", "whole");
    let part = |at: usize| {
        let mut part = organization(&format!("part-{at}"), "part");
        part["partOf"] = json!({ "reference": "Organization/whole" });
        part
    };
    facade.put_ok(&whole);
    for group in 0..3 {
        let parts: Vec<_> = (0..400).map(|at| part(group * 400 + at)).collect();
        expect(&facade.transaction(&parts.iter().collect::<Vec<_>>()), 200);
    }
    let reply = facade.get("Organization?_id=whole&_revinclude=*");
    expect(&reply, 200);
    let bundle = reply.json();
    let modes: Vec<_> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["search"]["mode"].as_str().unwrap())
        .collect();
    assert_eq!(
        modes.iter().filter(|mode| **mode == "include").count(),
        1000
    );
    assert_eq!(
        (modes[0], modes[modes.len() - 1], modes.len()),
        ("match", "outcome", 1002)
    );
    assert_eq!(bundle["total"], 1);
}
