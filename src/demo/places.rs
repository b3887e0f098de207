//! The practices, hospitals and prevention centres that the persons meet. All are invented, and so
//! are their numbers.

use serde_json::{Value, json};

use super::bundle::{reference, transaction};
use super::codes::{SNOMED, SOR};
use crate::fhir::names::YDERNUMMER;

/// The towns where people live and practices are.
pub(super) const TOWNS: &[&str] = &[
    "Nordåby",
    "Birkelund",
    "Sønderkilde",
    "Møllehøj",
    "Østerhede",
    "Strandby Havn",
];

/// A general practice.
pub(super) struct InventedPractice {
    name: &'static str,
    town: usize,
}

/// The practices; their numbers follow from their places in the list.
pub(super) const PRACTICES: &[InventedPractice] = &[
    InventedPractice {
        name: "Lægehuset Møllebakken",
        town: 3,
    },
    InventedPractice {
        name: "Lægerne ved Åen",
        town: 0,
    },
    InventedPractice {
        name: "Birkelund Lægecenter",
        town: 1,
    },
    InventedPractice {
        name: "Lægefællesskabet Torvet",
        town: 1,
    },
    InventedPractice {
        name: "Sønderkilde Lægehus",
        town: 2,
    },
    InventedPractice {
        name: "Lægerne Kildegade",
        town: 2,
    },
    InventedPractice {
        name: "Praksis Østerhede",
        town: 4,
    },
    InventedPractice {
        name: "Lægehuset Heden",
        town: 4,
    },
    InventedPractice {
        name: "Havnens Læger",
        town: 5,
    },
    InventedPractice {
        name: "Lægerne Fyrvej",
        town: 5,
    },
    InventedPractice {
        name: "Nordåby Lægehus",
        town: 0,
    },
    InventedPractice {
        name: "Lægeklinikken Højen",
        town: 3,
    },
];

const HOSPITALS: &[&str] = &[
    "Regionshospitalet Vesterlund",
    "Kystens Universitetshospital",
    "Hospitalsenheden Midtåen",
];

const CENTRES: &[&str] = &[
    "Sundhedscenter Nordåby",
    "Birkelund Sundhedshus",
    "Forebyggelsescenter Sønderkilde",
    "Sundhedscenter Heden",
    "Havnens Sundhedshus",
];

/// Returns the practice's id, from its place in [`PRACTICES`].
pub(super) fn practice_id(practice: usize) -> String {
    format!("practice-{:02}", practice + 1)
}

/// Returns the practice's ydernummer.
pub(super) fn ydernummer(practice: usize) -> String {
    format!("{:06}", 990_101 + practice)
}

/// Returns the id of the prevention centre of those who live near the practice.
pub(super) fn centre_id(practice: usize) -> String {
    format!("centre-{}", PRACTICES[practice].town % CENTRES.len() + 1)
}

/// Returns the id of the hospital of those who live near the practice.
pub(super) fn hospital_id(practice: usize) -> String {
    format!(
        "hospital-{}",
        PRACTICES[practice].town % HOSPITALS.len() + 1
    )
}

/// Builds the Bundle with all of them, and a doctor's role at each practice and hospital.
pub(super) fn organizations() -> Value {
    let mut entries = Vec::new();
    for (at, practice) in PRACTICES.iter().enumerate() {
        let id = practice_id(at);
        let mut organization = organization(
            &id,
            practice.name,
            at + 100,
            ("394761003", "GP (general practitioner) site"),
        );
        let numbers = organization["identifier"]
            .as_array_mut()
            .expect("it has identifiers");
        numbers.push(json!({ "system": YDERNUMMER, "value": ydernummer(at) }));
        organization["address"] =
            json!([{ "use": "work", "city": TOWNS[practice.town], "country": "DK" }]);
        entries.push(organization);
        entries.push(doctor(&id, "Praktiserende læge"));
    }
    for (at, name) in HOSPITALS.iter().enumerate() {
        let id = format!("hospital-{}", at + 1);
        entries.push(organization(&id, name, at + 200, ("22232009", "Hospital")));
        entries.push(doctor(&id, "Hospitalslæge"));
    }
    for (at, name) in CENTRES.iter().enumerate() {
        entries.push(organization(
            &format!("centre-{}", at + 1),
            name,
            at + 300,
            ("264361005", "Health center"),
        ));
    }
    transaction(entries)
}

fn organization(id: &str, name: &str, number: usize, (code, display): (&str, &str)) -> Value {
    let sor = format!("9900{number:06}16005");
    json!({
        "resourceType": "Organization",
        "id": id,
        "identifier": [{ "use": "official", "system": SOR, "value": sor }],
        "active": true,
        "type": [{ "coding": [{ "system": SNOMED, "code": code, "display": display }] }],
        "name": name,
    })
}

fn doctor(organization_id: &str, title: &str) -> Value {
    json!({
        "resourceType": "PractitionerRole",
        "id": doctor_id(organization_id),
        "active": true,
        "organization": reference("Organization", organization_id),
        "code": [{ "text": title }],
    })
}

/// Returns the id of the doctor's role at an organization.
pub(super) fn doctor_id(organization_id: &str) -> String {
    format!("{organization_id}-doctor")
}
