//! Small valid resources to build cases from.

use serde_json::{Value, json};

/// Makes a general practice, with SOR number and ydernummer.
pub(crate) fn practice(id: &str) -> Value {
    json!({
        "resourceType": "Organization", "id": id,
        "identifier": [
            { "system": "urn:oid:1.2.208.176.1.1", "value": "61741000016007" },
            { "system": "urn:oid:1.2.208.176.1.4", "value": "077410" }
        ],
        "name": "Lægerne Testby"
    })
}

/// Makes an organization that is no general practice.
pub(crate) fn region(id: &str) -> Value {
    json!({
        "resourceType": "Organization", "id": id,
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.1", "value": "550891000016003" }],
        "name": "Region Test"
    })
}

/// Makes a person.
pub(crate) fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id,
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": "0405440001" }],
        "name": [{ "use": "official", "family": "Test", "given": ["Nr1"] }],
        "generalPractitioner": [{ "reference": "Organization/gp" }]
    })
}

/// Makes a confirmed COPD diagnosis of that day.
pub(crate) fn copd(id: &str, patient: &str, recorded: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id,
        "verificationStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item" }] }],
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "recordedDate": recorded
    })
}

/// Makes an active treatment plan of that day, by `Organization/gp`.
pub(crate) fn plan(id: &str, patient: &str, condition: &str, created: &str) -> Value {
    json!({
        "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
        "category": [{ "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-careplan-category", "code": "treatment-plan" }] }],
        "subject": { "reference": format!("Patient/{patient}") },
        "addresses": [{ "reference": format!("Condition/{condition}") }],
        "created": created,
        "author": { "reference": "Organization/gp" }
    })
}

/// Makes an active referral of that day, by `Organization/gp` to `Organization/region`.
pub(crate) fn referral(id: &str, patient: &str, condition: &str, authored: &str) -> Value {
    json!({
        "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
        "code": { "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer", "code": "disease-management" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "authoredOn": authored,
        "requester": { "reference": "Organization/gp" },
        "performer": [{ "reference": "Organization/region" }],
        "reasonReference": [{ "reference": format!("Condition/{condition}") }]
    })
}

/// Returns the first meeting of a prevention offer, on that day.
pub(crate) fn encounter(id: &str, patient: &str, referral: &str, start: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "in-progress",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "type": [{ "coding": [{ "system": "https://kronikerpakker.dk/fhir/CodeSystem/kp-prevention-offer", "code": "disease-management" }] }],
        "subject": { "reference": format!("Patient/{patient}") },
        "basedOn": [{ "reference": format!("ServiceRequest/{referral}") }],
        "period": { "start": start }
    })
}

/// Returns a first meeting that is booked for that day.
pub(crate) fn booking(id: &str, patient: &str, referral: &str, day: &str) -> Value {
    json!({
        "resourceType": "Appointment", "id": id, "status": "booked",
        "start": format!("{day}T09:00:00+01:00"), "end": format!("{day}T10:00:00+01:00"),
        "basedOn": [{ "reference": format!("ServiceRequest/{referral}") }],
        "participant": [{ "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" }]
    })
}
