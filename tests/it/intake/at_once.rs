//! Intake beside other writers: one Bundle that comes eight times at once, and a person who comes to be
//! meanwhile.

use std::sync::Barrier;

use serde_json::json;

use super::{NOW, diagnosis, document, take, versions};
use crate::support::facade::Facade;

const SENDERS: usize = 8;

/// Does something so many times at once.
fn at_once(does: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(SENDERS);
    std::thread::scope(|scope| {
        for at in 0..SENDERS {
            let (barrier, does) = (&barrier, &does);
            scope.spawn(move || {
                barrier.wait();
                does(at);
            });
        }
    });
}

#[test]
fn one_bundle_that_comes_eight_times_at_once_makes_one_of_each() {
    let facade = Facade::at(NOW);
    let diagnoses = [
        diagnosis("c", "DJ449", "2027-02-21"),
        diagnosis("d", "DE11", "2027-02-20"),
    ];
    let bundle = document(1, "2027-02-22T10:00:00+01:00", &diagnoses);
    at_once(|_| assert_eq!(take(&facade, &bundle).status, 200));
    let kinds = ["Patient", "Organization", "Condition", "Provenance", "Task"];
    let counted = kinds.map(|kind| facade.get(kind).resources().len());
    // Four that were taken, and one Task of 2027.
    assert_eq!(counted, [1, 1, 2, 5, 1]);
    let written = kinds.map(|kind| versions(&facade, kind));
    assert_eq!(written, counted);
}

#[test]
fn lists_and_other_writers_of_one_person_lose_nothing_of_each_other() {
    let facade = Facade::at(NOW);
    at_once(|at| {
        if at % 2 == 0 {
            let number = u32::try_from(at).unwrap() + 1;
            let diagnoses = [diagnosis("c", "DJ449", "2027-02-21")];
            let date = format!("2027-02-22T1{at}:00:00+01:00");
            assert_eq!(
                take(&facade, &document(number, &date, &diagnoses)).status,
                200
            );
        } else {
            let patient = json!({ "resourceType": "Patient",
                "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": super::CPR }] });
            let none = format!("identifier=urn:oid:1.2.208.176.1.2|{}", super::CPR);
            let headers = [("if-none-exist", none.as_str())];
            let reply = facade.send("POST", "Patient", &headers, patient.to_string());
            assert!(reply.status.is_success(), "{}", reply.text);
        }
    });
    assert_eq!(facade.get("Patient").resources().len(), 1);
    assert_eq!(facade.get("Condition").resources().len(), 1);
    assert_eq!(facade.get("Task").resources().len(), 1);
}
