//! Hospital notifications: of a death, and of nothing else (intake, section 8).

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CPR, NOW, entries, lines, take, take_as, versions};
use crate::support::facade::Facade;
use crate::support::people::patient;
use crate::validation::examples::all_examples;

/// A message about the person: of that activity, with that status and end of the stay.
fn message(activity: &str, status: &str, end: &Value, is_dead: &Value) -> Value {
    let resources = [
        json!({ "resourceType": "MessageHeader", "id": "head",
            "eventCoding": { "system": "http://medcomfhir.dk/ig/terminology/CodeSystem/medcom-messaging-eventCodes",
                "code": "hospital-notification-message" },
            "sender": { "reference": "Organization/ward" }, "focus": [{ "reference": "Encounter/stay" }] }),
        json!({ "resourceType": "Patient", "id": "person", "deceasedBoolean": is_dead,
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": CPR }],
            "name": [{ "use": "official", "family": "Andersen" }] }),
        json!({ "resourceType": "Encounter", "id": "stay", "status": status,
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
            "subject": { "reference": "Patient/person" },
            "period": { "start": "2027-02-20T12:00:00+01:00", "end": end } }),
        json!({ "resourceType": "Organization", "id": "ward",
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.1", "value": "265161000016000" }] }),
        json!({ "resourceType": "Provenance", "id": "before", "target": [{ "reference": "MessageHeader/earlier" }],
            "activity": { "coding": [{ "code": "start-leave-inpatient" }] } }),
        json!({ "resourceType": "Provenance", "id": "now", "target": [{ "reference": "MessageHeader/head" }],
            "activity": { "coding": [{ "code": activity }] } }),
    ];
    let entries = entries(&resources, |kind, id| {
        format!("https://hospital.test/{kind}/{id}")
    });
    json!({ "resourceType": "Bundle", "id": "m", "type": "message", "timestamp": "2027-02-28T12:00:01+01:00",
        "entry": entries })
}

const END: &str = "2027-02-28T12:00:00+01:00";

fn told(patient: &str) -> Vec<String> {
    let organization = match patient {
        "updated" | "unchanged" => "created",
        _ => "left-out nothing-of-the-packages",
    };
    vec![
        "MessageHeader left-out not-needed".to_owned(),
        format!("Patient {patient}"),
        "Encounter left-out stay-is-no-postponement".to_owned(),
        format!("Organization {organization}"),
        "Provenance left-out not-needed".to_owned(),
        "Provenance left-out not-needed".to_owned(),
    ]
}

/// The messages of a death, each with the day that is known of it.
fn of_deaths() -> Vec<(Value, Value)> {
    let dead = json!(true);
    let of = |activity: &str, end: Value| message(activity, "finished", &end, &dead);
    vec![
        (of("discharge-inpatient-home", json!(END)), json!(END)),
        (of("admit-inpatient", Value::Null), Value::Null),
        // A day that lies ahead is none.
        (
            of("admit-inpatient", json!("2028-01-01T00:00:00Z")),
            Value::Null,
        ),
    ]
}

/// The messages that say nothing here.
fn of_stays() -> Vec<Value> {
    let (end, none, dead) = (json!(END), Value::Null, json!(true));
    vec![
        message("admit-inpatient", "in-progress", &none, &none),
        message("discharge-inpatient-home", "finished", &end, &json!(false)),
        message("cancel-discharge-inpatient-home", "finished", &end, &dead),
        message("revise-discharge-inpatient-home", "finished", &end, &dead),
        message("start-leave-inpatient", "onleave", &none, &dead),
        message("admit-inpatient", "entered-in-error", &none, &dead),
    ]
}

#[test]
fn a_death_is_taken_for_a_person_who_is_stored_and_a_stay_never_is() {
    let deaths = of_deaths();
    let deaths = deaths.into_iter().map(|(bundle, day)| (bundle, Some(day)));
    let stays = of_stays().into_iter().map(|bundle| (bundle, None));
    for (bundle, died) in deaths.chain(stays) {
        let expected = match died {
            Some(_) => told("updated"),
            None => told("left-out nothing-of-the-packages"),
        };
        let facade = Facade::at(NOW);
        // Nobody is made of a stay.
        let unknown = lines(&take(&facade, &bundle));
        assert_eq!(unknown, told("left-out person-not-known"), "{bundle}");
        assert_eq!(versions(&facade, "Patient"), 0);
        facade.put_ok(&patient("p"));
        assert_eq!(lines(&take_as(&facade, &bundle, "report")), expected);
        assert_eq!(lines(&take(&facade, &bundle)), expected, "{bundle}");
        let person = facade.get("Patient/p").json();
        let (day, is_dead) = (&person["deceasedDateTime"], &person["deceasedBoolean"]);
        match died {
            Some(Value::Null) => assert_eq!((day, is_dead), (&Value::Null, &json!(true))),
            Some(known) => assert_eq!((day, is_dead), (&known, &Value::Null)),
            None => assert_eq!((day, is_dead), (&Value::Null, &Value::Null)),
        }
        assert_eq!(facade.search_all("Encounter").len(), 0);
        let before = versions(&facade, "Patient");
        take(&facade, &bundle);
        assert_eq!(versions(&facade, "Patient"), before, "a second time");
        assert_eq!(person["name"], facade.get("Patient/p").json()["name"]);
    }
}

#[test]
fn a_death_that_is_not_understood_is_not_taken() {
    // The person, and the sender.
    for at in [1, 3] {
        let facade = Facade::at(NOW);
        facade.put_ok(&patient("p"));
        let mut bundle = message("admit-inpatient", "finished", &json!(END), &json!(true));
        bundle["entry"][at]["resource"]["implicitRules"] = json!("https://ward.test/rules");
        let told = lines(&take(&facade, &bundle));
        let all = told
            .iter()
            .all(|line| line.ends_with("left-out not-understood"));
        assert!(all, "{at}: {told:?}");
        assert_eq!(versions(&facade, "Patient"), 1);
    }
}

#[test]
fn a_published_death_is_taken() {
    let Some(package) = std::env::var_os("FRIST_MEDCOM_HOSPITALNOTIFICATION").map(PathBuf::from)
    else {
        let text = "SKIPPED: FRIST_MEDCOM_HOSPITALNOTIFICATION does not name the package medcom.fhir.dk.hospitalnotification";
        writeln!(std::io::stderr(), "{text}").unwrap();
        return;
    };
    let published: Vec<Value> = all_examples(&package)
        .into_values()
        .filter(|example| example["resourceType"] == "Bundle")
        .collect();
    assert_eq!(published.len(), 12);
    let mut deaths = 0;
    for bundle in &published {
        let facade = Facade::at(NOW);
        let mut person = patient("p");
        person["identifier"][0]["value"] = "2509479989".into();
        facade.put_ok(&person);
        let told = lines(&take(&facade, bundle));
        let of = |kind: &str| -> Vec<&str> {
            let of_kind = told.iter().filter_map(|line| line.strip_prefix(kind));
            of_kind.map(str::trim).collect()
        };
        assert_eq!(of("Encounter "), ["left-out stay-is-no-postponement"]);
        let is_death = bundle["entry"][1]["resource"]["deceasedBoolean"] == true;
        let died = facade.get("Patient/p").json()["deceasedDateTime"].is_string();
        assert_eq!(died, is_death, "{told:?}");
        deaths += usize::from(died);
    }
    assert_eq!(deaths, 2);
}
