//! `$everything` of a Patient (<https://hl7.org/fhir/R4/patient-operation-everything.html>).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{expect, population};
use crate::support::facade::{Facade, link};

/// Returns each entry as "mode Type/id", Tasks by their focus, sorted, each page's after the page
/// before.
fn everything(facade: &Facade, first: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let reply = facade.get(&path);
        expect(&reply, 200);
        pages.push(lines(&reply.json()));
        next = link(&reply.json(), "next");
    }
    pages
}

fn lines(bundle: &Value) -> Vec<String> {
    let line = |entry: &Value| {
        let resource = &entry["resource"];
        let name = resource["focus"]["reference"]
            .as_str()
            .unwrap_or_else(|| resource["id"].as_str().unwrap());
        format!(
            "{} {}/{name}",
            entry["search"]["mode"].as_str().unwrap(),
            resource["resourceType"].as_str().unwrap()
        )
    };
    bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect()
}

const OF_P: [&str; 10] = [
    "match Patient/p",
    "match Condition/c",
    "match ServiceRequest/s",
    "match ServiceRequest/s2",
    "match Encounter/e",
    "match Appointment/a",
    "match Goal/g",
    "match CareTeam/t",
    "match Task/Condition/c",
    "match Task/ServiceRequest/s",
];

#[test]
fn everything_is_the_person_its_compartment_its_tasks_and_whom_they_name() {
    let facade = population();
    let pages = everything(&facade, "Patient/p/$everything");
    let [page] = pages.as_slice() else {
        panic!("{pages:?}")
    };
    assert_eq!(page[0], "match Patient/p");
    let found: BTreeSet<_> = page.iter().map(String::as_str).collect();
    let expected: BTreeSet<_> = OF_P
        .into_iter()
        .chain([
            "match Task/ServiceRequest/s2",
            "include Organization/gp",
            "include Organization/region",
        ])
        .collect();
    assert_eq!(found, expected);
    assert_eq!(page.len(), expected.len(), "each once");
    let bundle = facade.get("Patient/p/$everything").json();
    assert_eq!(
        (&bundle["type"], &bundle["total"]),
        (&json!("searchset"), &json!(11))
    );
    assert_eq!(link(&bundle, "self").unwrap(), "Patient/p/$everything");
}

#[test]
fn everything_is_paged_in_the_state_of_the_first_page() {
    let facade = population();
    let whole: BTreeSet<_> = everything(&facade, "Patient/p/$everything")
        .concat()
        .into_iter()
        .collect();
    let first = facade.get("Patient/p/$everything?_count=3");
    assert_eq!(first.json()["total"], 11);
    let mut seen = lines(&first.json());
    expect(&facade.send("DELETE", "Goal/g", &[], ""), 204);
    let pages = everything(&facade, &link(&first.json(), "next").unwrap());
    assert_eq!(pages.len(), 3);
    assert!(
        pages
            .iter()
            .all(|page| page.iter().filter(|line| line.starts_with("match")).count() <= 3)
    );
    seen.extend(pages.concat());
    assert_eq!(
        seen.iter().filter(|line| line.starts_with("match")).count(),
        11
    );
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), whole);
}

#[test]
fn everything_can_be_asked_of_some_types_and_since_an_instant() {
    let facade = population();
    assert_eq!(
        everything(&facade, "Patient/q/$everything?_type=CarePlan,Condition").concat()[..2],
        ["match Condition/d", "match CarePlan/cp"]
    );
    facade.set_clock("2027-03-02T09:00:00+01:00");
    let mut plan = facade.get("CarePlan/cp").json();
    plan["note"] = json!([{ "text": "later" }]);
    facade.put_ok(&plan);
    for since in [
        "2027-03-02",
        "2027-03-02T09:00:00%2B01:00",
        "2027-03-02T09:00:00+01:00",
    ] {
        let found = everything(&facade, &format!("Patient/q/$everything?_since={since}")).concat();
        assert_eq!(
            found
                .iter()
                .filter(|line| line.starts_with("match"))
                .collect::<Vec<_>>(),
            ["match CarePlan/cp"],
            "{since}"
        );
    }
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "_since", "valueInstant": "2027-03-02T00:00:00Z" },
        { "name": "_type", "valueCode": "CarePlan" },
        { "name": "_type", "valueCode": "CarePlan" },
        { "name": "_count", "valueInteger": 5 },
    ] });
    let posted = facade.send("POST", "Patient/q/$everything", &[], parameters.to_string());
    expect(&posted, 200);
    assert_eq!(posted.json()["total"], 1);
}

#[test]
fn everything_can_be_asked_by_when_the_care_was() {
    let facade = population();
    let of = |query: &str| {
        let mut found: Vec<String> =
            everything(&facade, &format!("Patient/p/$everything?{query}")).concat();
        found.retain(|line| line.starts_with("match"));
        found.sort();
        found
    };
    let undated = ["match CareTeam/t", "match Goal/g", "match Patient/p"];
    let expected = |dated: &[&'static str]| {
        let mut all = [&undated, dated].concat();
        all.sort_unstable();
        all
    };
    let (condition, tasks) = (
        "match Condition/c",
        [
            "match Task/Condition/c",
            "match Task/ServiceRequest/s",
            "match Task/ServiceRequest/s2",
        ],
    );
    assert_eq!(of("end=2026"), expected(&[]));
    assert_eq!(of("end=2027-02-20"), expected(&[condition, tasks[0]]));
    assert_eq!(
        of("start=2027-02-22&end=2027-02-22"),
        expected(&[condition, "match ServiceRequest/s", tasks[0], tasks[1]])
    );
    let all = [
        "match Appointment/a",
        condition,
        "match Encounter/e",
        "match ServiceRequest/s",
        "match ServiceRequest/s2",
        tasks[0],
        tasks[1],
        tasks[2],
    ];
    assert_eq!(of("start=2027-02&end=2027-03"), expected(&all));
    // Paged, with what was asked; and by POST.
    let first = facade.get("Patient/p/$everything?start=2027-02-22&end=2027-02-22&_count=2");
    assert_eq!(
        link(&first.json(), "self").unwrap(),
        "Patient/p/$everything?_count=2&start=2027-02-22&end=2027-02-22"
    );
    let pages = everything(&facade, &link(&first.json(), "next").unwrap());
    assert_eq!(
        pages
            .concat()
            .iter()
            .filter(|line| line.starts_with("match"))
            .count()
            + 2,
        7
    );
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "start", "valueDate": "2027-02-22" }, { "name": "end", "valueDate": "2027-02-22" } ] });
    assert_eq!(
        facade
            .send("POST", "Patient/p/$everything", &[], parameters.to_string())
            .json()["total"],
        7
    );
}

#[test]
fn everything_refuses_what_it_does_not_have() {
    let facade = population();
    for query in [
        "_since=soon",
        "_since=2027&_since=2028",
        "_type=Organization",
        "_type=Observation",
        "_count=x",
        "start=soon",
        "start=2027-03-01T09:00:00Z",
        "end=2027&end=2028",
        "start=2027-03-01&end=2027-02-28",
        "status=active",
        "_sort=_id",
        "_page=x",
    ] {
        expect(&facade.get(&format!("Patient/p/$everything?{query}")), 400);
    }
    for path in [
        "Patient/nobody/$everything",
        "Condition/c/$everything",
        "Patient/$everything",
        "$everything",
    ] {
        expect(&facade.get(path), 404);
    }
    expect(
        &facade.send(
            "POST",
            "Patient/p/$everything",
            &[],
            "{\"resourceType\":\"Patient\"}",
        ),
        400,
    );
    expect(
        &facade.send("DELETE", "Patient/p/$everything", &[], ""),
        405,
    );
    expect(&facade.send("DELETE", "Encounter/e", &[], ""), 204);
    let found = everything(&facade, "Patient/p/$everything").concat();
    assert!(
        !found.contains(&"match Encounter/e".to_owned()),
        "{found:?}"
    );
}
