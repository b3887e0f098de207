//! Examples for readers who do not know FHIR: for each type a resource that a write accepts, taken
//! from the guide where it has one.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::fhir::key::Origin;
use crate::fhir::{ResourceType, names};
use crate::schema::guide::FOLDER;

/// Returns an example of a resource that clients write, with the id under which it would be known;
/// none for a type that has none.
///
/// They belong together: all of them are accepted in one transaction, and by themselves once the
/// guide's examples are stored.
pub fn example(resource_type: ResourceType) -> Option<Value> {
    use ResourceType as T;
    if resource_type.origin() != Origin::Clients {
        return None;
    }
    let subject = json!({ "reference": "Patient/person-small" });
    match resource_type {
        T::Practitioner => Some(
            json!({ "resourceType": "Practitioner", "id": "example", "name": [{ "text": "Læge Holm" }] }),
        ),
        T::PractitionerRole => {
            let organization = json!({ "reference": "Organization/practice-small" });
            Some(
                json!({ "resourceType": "PractitionerRole", "id": "example", "organization": organization }),
            )
        }
        T::HealthcareService => Some(
            json!({ "resourceType": "HealthcareService", "id": "example", "name": "Rygestop" }),
        ),
        T::Goal => {
            let text = json!({ "text": "Gå en tur hver dag" });
            Some(
                json!({ "resourceType": "Goal", "id": "example", "lifecycleStatus": "active", "description": text, "subject": subject }),
            )
        }
        T::CareTeam => Some(
            json!({ "resourceType": "CareTeam", "id": "example", "status": "active", "subject": subject }),
        ),
        _ => of_guide(resource_type),
    }
}

/// Returns an example of a transaction: a practice, a person who belongs to it, and a diagnosis of
/// that day. An empty server accepts it on that day and every later one; sent again, it writes
/// nothing. From the first day of the rules on, the person has a right by it.
pub fn transaction(today: Date) -> Value {
    let sender = |value: &str| json!({ "system": "https://ehr.example.dk/id", "value": value });
    let known =
        |system: &str, value: &str| json!({ "use": "official", "system": system, "value": value });
    let coded =
        |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    let hl7 = |name: &str| format!("http://terminology.hl7.org/CodeSystem/{name}");
    let (practice, person) = (
        "urn:uuid:0f3c5b0e-6f0a-4c39-9b0e-6a1f4f5d7a01",
        "urn:uuid:0f3c5b0e-6f0a-4c39-9b0e-6a1f4f5d7a02",
    );
    let entry = |full_url: &str, of_sender: &str, resource: Value| {
        let kind = resource["resourceType"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let criteria = format!("identifier=https://ehr.example.dk/id|{of_sender}");
        let request = json!({ "method": "POST", "url": kind, "ifNoneExist": criteria });
        json!({ "fullUrl": full_url, "resource": resource, "request": request })
    };
    let organization = json!({
        "resourceType": "Organization",
        "identifier": [
            known("urn:oid:1.2.208.176.1.1", "99000010016005"),
            { "system": names::YDERNUMMER, "value": "990101" },
            sender("practice"),
        ],
        "name": "Lægehuset Møllebakken",
    });
    let patient = json!({
        "resourceType": "Patient",
        "identifier": [known(names::CPR, "0703579000"), sender("karen")],
        "name": [{ "use": "official", "family": "Holm", "given": ["Karen"] }],
        "generalPractitioner": [{ "reference": practice }],
    });
    let condition = json!({
        "resourceType": "Condition",
        "identifier": [sender("copd")],
        "clinicalStatus": coded(&hl7("condition-clinical"), "active"),
        "verificationStatus": coded(&hl7("condition-ver-status"), "confirmed"),
        "category": [coded(&hl7("condition-category"), "problem-list-item")],
        "code": coded("urn:oid:1.2.208.176.2.31", "R95"),
        "subject": { "reference": person },
        "recordedDate": today.to_string(),
    });
    let diagnosis = "urn:uuid:0f3c5b0e-6f0a-4c39-9b0e-6a1f4f5d7a03";
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry(practice, "practice", organization),
            entry(person, "karen", patient),
            entry(diagnosis, "copd", condition),
        ],
    })
}

/// Returns the id of a definition of the guide that every server has; none for another type.
pub fn known_id(resource_type: ResourceType) -> Option<&'static str> {
    if resource_type.origin() != Origin::Definitions {
        return None;
    }
    let files = FOLDER
        .files()
        .filter_map(|file| file.path().file_stem()?.to_str());
    files
        .filter_map(|name| name.split_once('-'))
        .find(|(kind, _)| *kind == resource_type.as_str())
        .map(|(_, id)| id)
}

/// Returns the smallest example of the guide, of the first of its profiles for the type.
fn of_guide(resource_type: ResourceType) -> Option<Value> {
    let is_it = |name: &str| {
        name.starts_with(&format!("{resource_type}-")) && name.ends_with("-small.json")
    };
    let files = FOLDER
        .get_dir("example")
        .into_iter()
        .flat_map(include_dir::Dir::files);
    let profile = names::profiles_of(resource_type).first()?;
    files
        .filter(|file| {
            file.path()
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_it)
        })
        .filter_map(|file| serde_json::from_str(file.contents_utf8()?).ok())
        .find(|example: &Value| example["meta"]["profile"][0] == *profile)
}
