//! Searching in all types, and in what belongs to a Patient
//! (<https://hl7.org/fhir/R4/http.html#vsearch>).

use std::io::Read;

use serde_json::{Map, Value};

use super::{NOW, expect, population};
use crate::support::facade::{Facade, Reply, link};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// Returns the matches as "Type/id", in order.
fn found(reply: &Reply) -> Vec<String> {
    expect(reply, 200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = reply.resources();
    assert!(
        reply.json()["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|entry| entry["search"]["mode"] == "match")
    );
    resources
        .iter()
        .map(|resource| {
            format!(
                "{}/{}",
                text(&resource["resourceType"]),
                text(&resource["id"])
            )
        })
        .collect()
}

#[track_caller]
fn check(facade: &Facade, path: &str, query: &str, expected: &[&str]) {
    let got = facade.get(&format!("{path}?{query}"));
    assert_eq!(found(&got), expected, "{path}?{query}");
    assert_eq!(got.json()["total"], expected.len(), "{path}?{query}");
    let form = if path.is_empty() || path == "/fhir" {
        "_search".to_owned()
    } else {
        format!("{path}/_search")
    };
    assert_eq!(
        facade.send("POST", &form, &FORM, query.to_owned()).text,
        got.text,
        "POST {form} {query}"
    );
}

#[test]
fn several_types_are_searched_by_what_they_have_in_common() {
    let facade = population();
    for (query, expected) in [
        ("_type=Goal,CareTeam", &["Goal/g", "CareTeam/t"][..]),
        ("_type=Goal,CareTeam&_sort=_id", &["Goal/g", "CareTeam/t"]),
        ("_type=Goal,CareTeam&_sort=-_id", &["CareTeam/t", "Goal/g"]),
        ("_type=Goal,CareTeam&_id=g", &["Goal/g"]),
        ("_type=Goal,CareTeam&_type=Goal", &["Goal/g"]),
        ("_id=g", &["Goal/g"]),
        ("_id=c,d,nope", &["Condition/c", "Condition/d"]),
        ("_type=Condition&_lastUpdated=2026", &[]),
    ] {
        check(&facade, "/fhir", query, expected);
    }
    let all = facade.get("/fhir?_count=1000");
    assert_eq!(
        all.json()["total"].as_u64().unwrap() as usize,
        found(&all).len()
    );
    assert!(found(&all).len() > 20);
    assert_eq!(found(&facade.get("/fhir/?_count=1000")), found(&all));
}

#[test]
fn what_not_all_types_have_is_refused_where_several_are_searched() {
    let facade = population();
    for query in [
        "status=active",
        "_type=Goal,CareTeam&patient=p",
        "_type=",
        "_type=Observation",
        "_type=Goal&_type=CareTeam",
        "_type=Goal,CareTeam&_sort=status",
        "_has:Task:focus:status=x",
        "_type:not=Goal",
        "_elements=colour",
    ] {
        expect(&facade.get(&format!("/fhir?{query}")), 400);
        expect(&facade.get(&format!("Patient/p/*?{query}")), 400);
    }
}

#[test]
fn pages_of_all_types_join() {
    let facade = population();
    let whole = found(&facade.get("/fhir?_count=1000"));
    for (first, expected) in [
        ("/fhir?_count=4", &whole),
        ("Patient/p/*?_count=2", &found(&facade.get("Patient/p/*"))),
    ] {
        let mut seen = Vec::new();
        let mut next = Some(first.to_owned());
        while let Some(path) = next {
            let reply = facade.get(
                if path.starts_with('?') {
                    format!("/fhir{path}")
                } else {
                    path
                }
                .as_str(),
            );
            seen.extend(found(&reply));
            next = link(&reply.json(), "next");
        }
        assert_eq!(&seen, expected, "{first}");
    }
}

#[test]
fn the_compartment_of_a_patient_holds_what_r4_says() {
    let facade = population();
    for (path, query, expected) in [
        ("Patient/p/Condition", "", &["Condition/c"][..]),
        ("Patient/q/Condition", "", &["Condition/d"]),
        ("Patient/q/CarePlan", "status=active", &["CarePlan/cp"]),
        ("Patient/q/CarePlan", "status=revoked", &[]),
        ("Patient/p/CarePlan", "", &[]),
        ("Patient/p/Encounter", "_sort=-_id", &["Encounter/e"]),
        ("Patient/p/Appointment", "status=booked", &["Appointment/a"]),
        ("Patient/q/Appointment", "", &[]),
        ("Patient/p/Patient", "", &["Patient/p"]),
        (
            "Patient/p/ServiceRequest",
            "status=on-hold",
            &["ServiceRequest/s2"],
        ),
        (
            "Patient/q/*",
            "",
            &["Patient/q", "Condition/d", "CarePlan/cp"],
        ),
        ("Patient/q/*", "_type=CarePlan,Goal", &["CarePlan/cp"]),
        ("Patient/p/*", "_id=c,d", &["Condition/c"]),
    ] {
        check(&facade, path, query, expected);
    }
    let included = facade
        .get("Patient/q/CarePlan?_include=CarePlan:subject")
        .json();
    assert_eq!(included["entry"][1]["resource"]["id"], "q");
}

#[test]
fn what_is_no_longer_a_persons_is_not_found_there() {
    let facade = population();
    let mut goal = facade.get("Goal/g").json();
    goal["subject"]["reference"] = "Patient/q".into();
    facade.put_ok(&goal);
    check(&facade, "Patient/p/Goal", "", &[]);
    check(&facade, "Patient/q/Goal", "", &["Goal/g"]);
    let facade = facade.restart(NOW);
    check(&facade, "Patient/q/Goal", "", &["Goal/g"]);
}

#[test]
fn what_has_no_compartment_or_is_not_there_is_not_found() {
    let facade = population();
    for path in [
        "Patient/p/Task",
        "Patient/p/Organization",
        "Patient/p/Observation",
        "Condition/c/Patient",
        "Organization/gp/*",
        "Patient/nobody/*",
        "Patient/nobody/Condition",
        "Patient/p/*/c",
    ] {
        expect(&facade.get(path), 404);
    }
    expect(
        &facade.send(
            "POST",
            "Patient/p/Condition",
            &[],
            "{\"resourceType\":\"Condition\"}",
        ),
        405,
    );
    expect(&facade.send("DELETE", "Patient/p/*", &[], ""), 405);
    expect(&facade.get("Patient/p/Condition/_search"), 405);
    expect(&facade.get("Patient/p/Condition?_type=Condition"), 400);
}

#[test]
fn a_batch_searches_in_all_of_these() {
    let facade = population();
    let get = |url: &str| serde_json::json!({ "request": { "method": "GET", "url": url } });
    let entries = [
        get("?_type=Goal"),
        get("Patient/q/*"),
        get("Patient/q/CarePlan?status=active"),
        get("Patient/q/$everything"),
    ];
    let reply = facade
        .post(&serde_json::json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }));
    expect(&reply, 200);
    let totals: Vec<_> = reply
        .resources()
        .iter()
        .map(|bundle| bundle["total"].as_u64().unwrap())
        .collect();
    assert_eq!(totals, [1, 3, 1, 4]);
}

#[test]
fn the_definition_of_the_compartment_is_what_the_core_package_says() {
    let file = std::fs::File::open("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz").unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut published = Value::Null;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry
            .path()
            .unwrap()
            .ends_with("CompartmentDefinition-patient.json")
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            published = serde_json::from_slice(&bytes).unwrap();
        }
    }
    let of_type = |resource: &Value| {
        let parameters = if resource["param"].is_null() {
            Value::Array(Vec::new())
        } else {
            resource["param"].clone()
        };
        (resource["code"].as_str().unwrap().to_owned(), parameters)
    };
    let expected: Map<String, Value> = published["resource"]
        .as_array()
        .unwrap()
        .iter()
        .map(of_type)
        .collect();
    let committed: Value = serde_json::from_str(include_str!(
        "../../../profiles/packages/r4-patient-compartment.json"
    ))
    .unwrap();
    assert_eq!(committed, Value::Object(expected));
}
