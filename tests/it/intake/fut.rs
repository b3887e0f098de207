//! Resources of the national infrastructure for telemedicine, as evidence only (intake, section 6).

use serde_json::{Value, json};

use super::{CPR, NOW, YDER, entries, lines, take, take_as, versions};
use crate::support::facade::Facade;
use crate::support::people::{copd, patient, practice};

const PROFILE: &str = "http://ehealth.sundhed.dk/fhir/StructureDefinition/ehealth-condition";

/// A collection about the person, with these resources besides the Patient.
fn collection(practice: &Value, resources: &[Value]) -> Value {
    let person = json!({ "resourceType": "Patient", "id": "person",
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": CPR }],
        "name": [{ "use": "official", "family": "Andersen" }],
        "generalPractitioner": practice });
    let all = std::iter::once(&person).chain(resources);
    let entries = entries(all, |kind, id| format!("https://fut.test/fhir/{kind}/{id}"));
    json!({ "resourceType": "Bundle", "id": "b", "type": "collection", "timestamp": "2027-02-28T10:00:00Z",
        "entry": entries })
}

fn about(kind: &str, id: &str) -> Value {
    json!({ "resourceType": kind, "id": id, "meta": { "profile": [PROFILE] },
        "subject": { "reference": "Patient/person" } })
}

fn condition(id: &str, code: &Value) -> Value {
    let mut condition = about("Condition", id);
    condition["code"] = code.clone();
    condition
}

fn sks(code: &str) -> Value {
    json!({ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": code }] })
}

fn of_number(number: &str) -> Value {
    json!([{ "identifier": { "system": "urn:oid:1.2.208.176.1.4", "value": number } }])
}

#[test]
fn nothing_of_telemedicine_is_stored_and_each_entry_says_why() {
    let facade = Facade::at(NOW);
    let mut refuted = condition("refuted", &sks("DJ449"));
    refuted["verificationStatus"] = json!({ "coding": [{ "code": "refuted" }] });
    let bundle = collection(
        &json!([]),
        &[
            condition("copd", &sks("DJ449")),
            condition("asthma", &sks("DJ45")),
            condition("local", &json!({ "coding": [{ "code": "x" }] })),
            condition("text", &json!({ "text": "KOL" })),
            refuted,
            about("CarePlan", "plan"),
            about("ServiceRequest", "request"),
            about("Observation", "value"),
        ],
    );
    let told = [
        "Condition needs diagnosis-date",
        "Condition left-out other-diagnosis",
        "Condition needs code-system",
        "Condition needs code copd",
        "Condition left-out not-confirmed",
        "CarePlan left-out telemedicine-plan",
        "ServiceRequest left-out measurement",
        "Observation left-out not-needed",
    ];
    let unknown = [&["Patient left-out person-not-known"][..], &told].concat();
    assert_eq!(lines(&take(&facade, &bundle)), unknown);
    // Known, and with a diagnosis of the group: known already.
    facade.put_ok(&patient("p"));
    let stored = [&["Patient left-out nothing-of-the-packages"][..], &told].concat();
    assert_eq!(lines(&take(&facade, &bundle)), stored);
    let mut provisional = copd("c", "p", "2027-02-20");
    provisional["verificationStatus"]["coding"][0]["code"] = "provisional".into();
    facade.put_ok(&provisional);
    assert_eq!(lines(&take(&facade, &bundle)), stored);
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let known = lines(&take(&facade, &bundle));
    assert_eq!(known[1], "Condition left-out known-already");
    assert_eq!(known[2..], stored[2..]);
    for kind in ["CarePlan", "ServiceRequest", "Organization"] {
        assert_eq!(facade.search_all(kind).len(), 0, "{kind}");
    }
    assert_eq!(facade.search_all("Condition").len(), 1);
    assert_eq!(versions(&facade, "Patient"), 1);
}

#[test]
fn the_practice_completes_a_person_who_is_stored_and_overwrites_nothing() {
    let facade = Facade::at(NOW);
    let bundle = |number: &str| collection(&of_number(number), &[about("CarePlan", "plan")]);
    let told = |outcome: &str| {
        [
            format!("Patient {outcome}"),
            "CarePlan left-out telemedicine-plan".to_owned(),
        ]
    };
    assert_eq!(
        lines(&take(&facade, &bundle(YDER))),
        told("left-out person-not-known")
    );
    let mut without = patient("p");
    without["generalPractitioner"] = json!(null);
    without
        .as_object_mut()
        .unwrap()
        .remove("generalPractitioner");
    facade.put_ok(&without);
    assert_eq!(
        lines(&take_as(&facade, &bundle(YDER), "report")),
        told("updated")
    );
    assert_eq!(lines(&take(&facade, &bundle(YDER))), told("updated"));
    let person = facade.get("Patient/p").json();
    let own = &person["generalPractitioner"][0];
    assert_eq!(own["identifier"]["value"], YDER, "{person}");
    assert!(person["name"].is_null() || person["name"] == without["name"]);
    // Said again, with and without zeros in front: nothing more is written.
    for number in [YDER, YDER.trim_start_matches('0')] {
        lines(&take(&facade, &bundle(number)));
        assert_eq!(versions(&facade, "Patient"), 2, "{number}");
    }
    assert_eq!(
        lines(&take(&facade, &bundle("990101"))),
        told("left-out nothing-of-the-packages other-practice")
    );
    assert_eq!(versions(&facade, "Patient"), 2);
}

#[test]
fn a_stored_practice_is_named_by_its_key() {
    let facade = Facade::at(NOW);
    facade.put_ok(&practice("gp"));
    let mut without = patient("p");
    without
        .as_object_mut()
        .unwrap()
        .remove("generalPractitioner");
    facade.put_ok(&without);
    let bundle = collection(&of_number(YDER), &[about("CarePlan", "plan")]);
    assert_eq!(lines(&take(&facade, &bundle))[0], "Patient updated");
    let person = facade.get("Patient/p").json();
    assert_eq!(
        person["generalPractitioner"][0]["reference"],
        "Organization/gp"
    );
}
