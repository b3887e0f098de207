//! The requests of `conformance/requests/`, sent as they stand: others' suites and clients made
//! them, and each was answered wrongly once.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{expect, person};
use crate::support::facade::{BASE, Facade, Reply};

/// The day on which the invented persons of the requests are cared for.
const NOW: &str = "2032-12-28T09:00:00+01:00";

/// Reads a request by the beginning of its name.
pub(super) fn request(number: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/requests");
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let is_wanted = |path: &std::path::PathBuf| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(number)
    };
    let path = names.into_iter().find(is_wanted).unwrap();
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the statuses and the keys, with versions, of the entries of a transaction.
#[track_caller]
fn answers(reply: &Reply) -> Vec<(String, String)> {
    expect(reply, 200);
    let bundle = reply.json();
    let entries = bundle["entry"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    entries
        .map(|entry| {
            let response = &entry["response"];
            let location = text(&response["location"]);
            let local = location.replace(&format!("{BASE}/"), "");
            (text(&response["status"]), local)
        })
        .collect()
}

/// Sends a request twice; answers the keys of the first time, which are those of the second too.
#[track_caller]
fn sent_twice(facade: &Facade, number: &str) -> Vec<String> {
    let bundle = request(number);
    let first = answers(&facade.post(&bundle));
    assert!(
        first.iter().all(|(status, _)| status == "201 Created"),
        "{first:?}"
    );
    let again = answers(&facade.post(&bundle));
    assert!(
        again.iter().all(|(status, _)| status == "200 OK"),
        "{again:?}"
    );
    let keys = |answers: Vec<(String, String)>| -> Vec<String> {
        answers.into_iter().map(|(_, key)| key).collect()
    };
    let first = keys(first);
    assert_eq!(first, keys(again));
    first
        .iter()
        .map(|key| key.split_once("/_history").unwrap().0.to_owned())
        .collect()
}

#[test]
fn a_plan_by_a_practice_that_is_named_by_a_search_with_an_https_system_stops_the_clock() {
    let facade = Facade::at(NOW);
    let answers = answers(&facade.post(&request("01")));
    let [practice, patient, _, plan] = &answers[..] else {
        panic!("{answers:?}");
    };
    let key = |answer: &(String, String)| answer.1.replace("/_history/1", "");
    let stored = facade.get(&key(plan)).json();
    assert_eq!(stored["author"]["reference"], key(practice));
    let rights = facade.get(&format!("{}/$rights", key(patient))).json();
    let task = &rights["entry"][0]["resource"];
    assert_eq!(
        task["businessStatus"]["coding"][0]["code"], "met",
        "{rights}"
    );
    // The practice is there already, and is found again.
    let again = facade.post(&request("01"));
    assert_eq!(again.json()["entry"][0]["response"]["status"], "200 OK");
    assert_eq!(facade.search_all("Organization").len(), 1);
}

#[test]
fn a_subject_that_is_a_search_with_an_https_system_is_the_patient_of_the_same_transaction() {
    let facade = Facade::at(NOW);
    let answers = answers(&facade.post(&request("02")));
    let stored = facade.get(&answers[1].1).json();
    let subject = stored["subject"]["reference"].as_str().unwrap();
    assert_eq!(format!("{subject}/_history/1"), answers[0].1);
    // Now there are two: the one that is stored, and the one that the transaction makes.
    let again = facade.post(&request("02"));
    expect(&again, 412);
    assert_eq!(
        again.issues(),
        ["error multiple-matches Bundle.entry[1].resource.subject.reference"]
    );
}

#[test]
fn criteria_that_name_an_entry_make_nothing_new_the_second_time() {
    for number in ["03", "04"] {
        let facade = Facade::at(NOW);
        let keys = sent_twice(&facade, number);
        let condition = facade.get(&keys[1]).json();
        assert_eq!(condition["subject"]["reference"], keys[0]);
        for kind in ["Patient", "Condition"] {
            assert_eq!(facade.search_all(kind).len(), 1, "{number} {kind}");
        }
    }
}

#[test]
fn links_in_narratives_and_in_addresses_lead_to_the_entry() {
    let facade = Facade::at(NOW);
    let key = |answer: &(String, String)| answer.1.replace("/_history/1", "");
    let narrated = answers(&facade.post(&request("05")));
    let practice = key(&narrated[0]);
    let stored = facade.get(&narrated[1].1).json();
    let expected = format!(r#"<a href="{practice}">klinikken</a>"#);
    let div = stored["text"]["div"].as_str().unwrap();
    assert!(div.contains(&expected), "{div}");
    let addressed = answers(&facade.post(&request("06")));
    let practice = key(&addressed[0]);
    let stored = facade.get(&addressed[1].1).json();
    assert_eq!(stored["extension"][0]["valueUri"], practice);
    assert_eq!(stored["extension"][1]["valueUrl"], practice);
    assert_eq!(stored["photo"][0]["url"], practice);
    assert_eq!(stored["extension"][0]["url"], "https://ehr.example/ext/uri");
    assert_eq!(stored["identifier"][0]["system"], "https://ehr.example/pid");
}

#[test]
fn a_reference_to_a_version_of_an_entry_names_the_version_that_was_made() {
    let facade = Facade::at(NOW);
    let answers = answers(&facade.post(&request("07")));
    let stored = facade.get(&answers[1].1).json();
    assert_eq!(stored["managingOrganization"]["reference"], answers[0].1);
    assert_eq!(stored["generalPractitioner"][0]["reference"], answers[0].1);
}

#[test]
fn two_entries_whose_criteria_make_one_resource_are_that_resource() {
    let facade = Facade::at(NOW);
    let bundle = request("08");
    let first = answers(&facade.post(&bundle));
    let statuses: Vec<_> = first.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(
        statuses,
        ["201 Created", "201 Created", "200 OK", "201 Created"]
    );
    assert_eq!(first[0].1, first[2].1);
    let etags = facade.post(&bundle).json();
    assert_eq!(
        etags["entry"][0]["response"]["etag"],
        etags["entry"][2]["response"]["etag"]
    );
    assert_eq!(facade.search_all("Organization").len(), 1);
    for at in [1, 3] {
        let patient = facade.get(&first[at].1).json();
        let practice = patient["generalPractitioner"][0]["reference"]
            .as_str()
            .unwrap();
        assert_eq!(format!("{practice}/_history/1"), first[0].1);
    }
}

#[test]
fn a_patient_who_takes_the_place_of_a_deleted_one_is_no_duplicate() {
    let facade = Facade::at(NOW);
    let mut deleted = person("f12", "x");
    deleted["identifier"] = request("12")["entry"][1]["resource"]["identifier"].clone();
    facade.put_ok(&deleted);
    let prefer = [("prefer", "return=OperationOutcome")];
    let reply = facade.send("POST", "/fhir", &prefer, request("12").to_string());
    expect(&reply, 200);
    assert!(!reply.text.contains("duplicate"), "{}", reply.text);
}
