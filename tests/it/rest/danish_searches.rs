//! Searches as Danes mean them, through the real store: the order of names, chains into contained
//! resources, times on the nights when the clock is changed, and codes of diagnoses.

use frist::fhir::ResourceType;
use serde_json::{Value, json};

use super::{clinic, expect};
use crate::support::facade::{Facade, link};
use crate::support::people::copd;

/// Names in their order, those with the same place together.
const NAMES: &[&str] = &[
    "", "Anders", "anders", "Andre", "André", "Bo", "Lukasz", "Łukasz", "Muller", "Müller",
    "Strasse", "Straße", "Zoe", "Ægir", "ægir", "Øst", "Östberg", "Ågård", "Aagaard", "Åse",
    "Aase",
];

fn practitioner(at: usize) -> Value {
    let id = format!("n{}", at * 8 % NAMES.len());
    match NAMES[at] {
        "" => json!({ "resourceType": "Practitioner", "id": id }),
        name => {
            json!({ "resourceType": "Practitioner", "id": id, "name": [{ "family": name }] })
        }
    }
}

/// Returns the family names of all pages.
fn families(facade: &Facade, first: &str) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(page) = next {
        let reply = facade.get(&page);
        expect(&reply, 200);
        let name = |resource: &Value| {
            resource["name"][0]["family"]
                .as_str()
                .unwrap_or("")
                .to_owned()
        };
        names.extend(reply.resources().iter().map(name));
        next = link(&reply.json(), "next");
    }
    names
}

#[test]
fn texts_sort_as_danes_expect_in_memory_and_along_the_index() {
    let facade = clinic();
    let all: Vec<Value> = (0..NAMES.len()).map(practitioner).collect();
    expect(&facade.transaction(&all.iter().collect::<Vec<_>>()), 200);
    // Who has no name comes last in both directions.
    let mut expected = NAMES.to_vec();
    expected.rotate_left(1);
    let mut backward = NAMES.to_vec();
    backward.reverse();
    for count in [2, 5, 100] {
        let search = format!("Practitioner?_count={count}&_sort=");
        assert_eq!(families(&facade, &format!("{search}family")), expected);
        assert_eq!(families(&facade, &format!("{search}-family")), backward);
        assert_eq!(families(&facade, &format!("{search}name,_id")), expected);
    }
    for (count, how) in [(2, "in order"), (100, "in memory")] {
        let told = facade.get(&format!(
            "Practitioner?_sort=family&_count={count}&_explain=true"
        ));
        let steps = told.resources()[0].to_string();
        assert!(
            steps.contains(&format!("order by family: {how}")),
            "{steps}"
        );
    }
}

#[test]
fn a_chain_finds_a_referral_by_the_contained_practitioner_who_performs_it() {
    let sent = include_str!(
        "../../../conformance/requests/11-chain-into-a-contained-resource-finds-nothing.json"
    );
    let facade = Facade::at("2032-12-28T09:00:00+01:00");
    expect(&facade.send("POST", "", &[], sent.to_owned()), 200);
    for (search, expected) in [
        ("ServiceRequest?performer:Practitioner.name=Indeni", 1),
        ("ServiceRequest?performer.name=indeni", 1),
        ("ServiceRequest?performer.name:contains=den", 1),
        ("ServiceRequest?performer:Practitioner.gender:not=male", 1),
        (
            "ServiceRequest?performer:Practitioner.gender:missing=true",
            1,
        ),
        ("ServiceRequest?performer.name=Udenfor", 0),
        ("ServiceRequest?performer:Organization.name=Indeni", 0),
        (
            "ServiceRequest?performer.name=indeni&status=active&_sort=authored",
            1,
        ),
        (
            "Patient?_has:ServiceRequest:patient:performer.name=indeni",
            1,
        ),
        ("Task?focus:ServiceRequest.performer.name=indeni", 1),
        // It is not found by itself, and brings nothing that is not there already.
        ("Practitioner?name=Indeni", 0),
    ] {
        let reply = facade.get(search);
        expect(&reply, 200);
        assert_eq!(reply.json()["total"], expected, "{search}");
    }
    let page = facade.get("ServiceRequest?performer.name=indeni&_include=ServiceRequest:performer");
    assert_eq!(page.resources().len(), 1, "{}", page.text);
    // A later version says otherwise.
    let mut request = page.resources().remove(0);
    request["contained"][0]["name"][0]["family"] = "Ny".into();
    facade.put_ok(&request);
    for (name, expected) in [("Indeni", 0), ("Ny", 1)] {
        let reply = facade.get(&format!("ServiceRequest?performer.name={name}"));
        assert_eq!(reply.json()["total"], expected, "{name}");
    }
    let store = facade.store().search(
        &frist::search::SearchQuery::all(ResourceType::Practitioner, Vec::new()),
        None,
    );
    assert_eq!(store.unwrap().total, 0);
}

#[test]
fn a_time_that_denmark_left_out_is_refused_in_words_and_a_doubled_one_is_both() {
    let facade = clinic();
    for search in [
        "Condition?recorded-date=2027-03-28T02:30:00",
        "Condition?recorded-date=ge2027-03-28T02:30",
        "Condition?_lastUpdated=lt2027-03-28T02:00:00.5",
        "Task?focus:Condition.recorded-date=2027-03-28T02:30",
        "Patient?_has:Condition:patient:recorded-date=2027-03-28T02:30",
    ] {
        let reply = facade.get(search);
        expect(&reply, 400);
        assert!(reply.text.contains("summer time begins"), "{}", reply.text);
    }
    for at in ["2027-03-28T03:30:00", "2027-03-28T02:30:00%2B01:00"] {
        expect(&facade.get(&format!("Condition?recorded-date={at}")), 200);
    }
}

#[test]
fn diagnoses_are_found_under_each_address_of_their_terminology() {
    let facade = clinic();
    for (id, system, code) in [
        ("icpc", "http://hl7.org/fhir/sid/icpc-2", "r95"),
        ("sct", "urn:oid:2.16.840.1.113883.6.96", "13645005"),
        ("sct-version", "http://snomed.info/sct|20240101", "13645005"),
        (
            "sct-oid-version",
            "urn:oid:2.16.840.1.113883.6.96|2020",
            "13645005",
        ),
        ("sks-version", "urn:oid:1.2.208.176.2.4.12|2033", "DJ449"),
    ] {
        let mut condition = copd(id, "p", "2027-02-20");
        condition["code"] = json!({ "coding": [{ "system": system, "code": code }] });
        facade.put_ok(&condition);
    }
    for (search, expected) in [
        ("code=urn:oid:1.2.208.176.2.31|R95", 1),
        ("code=urn:oid:1.2.208.176.2.31|r95", 1),
        ("code=R95", 1),
        ("code=http://snomed.info/sct|13645005", 3),
        ("code=urn:oid:2.16.840.1.113883.6.96|13645005", 3),
        ("code=urn:oid:1.2.208.176.2.4.12|DJ449", 1),
        ("code=13645005&_sort=recorded-date", 3),
        ("code:not=r95", 4),
    ] {
        let reply = facade.get(&format!("Condition?patient=p&{search}"));
        expect(&reply, 200);
        assert_eq!(reply.json()["total"], expected, "{search}");
    }
    // All are the same disease: one clock.
    let tasks = facade.get("Task?patient=p&right=treatment-plan");
    assert_eq!(tasks.json()["total"], 1, "{}", tasks.text);
}

#[test]
fn a_system_with_a_version_starts_a_clock_whatever_its_address() {
    for (system, code) in [
        ("urn:oid:1.2.208.176.2.4.12|2033", "DJ449"),
        ("urn:oid:2.16.840.1.113883.6.96|2020", "13645005"),
        ("http://snomed.info/sct|2020", "13645005"),
    ] {
        let facade = clinic();
        let mut condition = copd("c", "p", "2027-02-20");
        condition["code"] = json!({ "coding": [{ "system": system, "code": code }] });
        facade.put_ok(&condition);
        let stored = facade.get("Condition/c").json();
        assert_eq!(stored["code"]["coding"][0]["system"], system);
        let tasks = facade.get("Task?focus=Condition/c&right=treatment-plan");
        assert_eq!(tasks.json()["total"], 1, "{system}");
    }
}
