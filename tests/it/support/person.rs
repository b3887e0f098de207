//! Small resources of one person, as an EHR would send them; each fits its profile. A test changes
//! what it is about.

use frist::fhir::names;
use serde_json::{Value, json};

/// The system of this test's own identifiers.
const IDS: &str = "https://ehr.test/id";

/// Makes a general practice, `Organization/gp`, with SOR and ydernummer 077410.
pub(crate) fn gp() -> Value {
    organization(
        "gp",
        &[
            ("urn:oid:1.2.208.176.1.1", "61741000016007"),
            (names::YDERNUMMER, "077410"),
        ],
    )
}

/// Makes a hospital, `Organization/hospital`.
pub(crate) fn hospital() -> Value {
    organization(
        "hospital",
        &[("urn:oid:1.2.208.176.1.1", "441211000016002")],
    )
}

/// Makes an Organization with those identifiers.
pub(crate) fn organization(id: &str, identifiers: &[(&str, &str)]) -> Value {
    let identifiers: Vec<Value> = identifiers
        .iter()
        .map(|(system, value)| json!({ "system": system, "value": value }))
        .collect();
    json!({ "resourceType": "Organization", "id": id, "identifier": identifiers, "active": true, "name": "Prøve" })
}

/// Returns the PractitionerRole `r` of an organization.
pub(crate) fn role(organization: Value) -> Value {
    json!({ "resourceType": "PractitionerRole", "id": "r", "organization": organization })
}

/// Returns `Patient/p`, whose general practitioner is `Organization/gp`.
pub(crate) fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "p",
        "identifier": [{ "use": "official", "system": names::CPR, "value": "0405440001" }],
        "name": [{ "use": "official", "family": "Test", "given": ["Person"] }],
        "generalPractitioner": [reference("Organization/gp")],
    })
}

/// Makes a confirmed diagnosis with an ICD-10 code, recorded on that date.
pub(crate) fn condition(id: &str, icd10: &str, recorded: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id,
        "identifier": [{ "system": IDS, "value": format!("condition-{id}") }],
        "verificationStatus": concept(names::CONDITION_VER_STATUS, "confirmed"),
        "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        "code": concept("http://hl7.org/fhir/sid/icd-10", icd10),
        "subject": reference("Patient/p"),
        "recordedDate": recorded,
    })
}

/// Makes an active treatment plan by `Organization/gp` for those Conditions.
pub(crate) fn plan(id: &str, conditions: &[&str], created: &str) -> Value {
    json!({
        "resourceType": "CarePlan", "id": id,
        "identifier": [{ "system": IDS, "value": format!("plan-{id}") }],
        "status": "active", "intent": "plan",
        "category": [concept(names::CS_CAREPLAN_CATEGORY, "treatment-plan")],
        "subject": reference("Patient/p"),
        "created": created,
        "author": reference("Organization/gp"),
        "addresses": conditions.iter().map(|id| reference(&format!("Condition/{id}"))).collect::<Vec<_>>(),
    })
}

/// Returns the plan, revoked for that reason.
pub(crate) fn revoked_plan(mut plan: Value, reason: &str) -> Value {
    plan["status"] = json!("revoked");
    with_extension(
        plan,
        names::EXT_STATUS_REASON,
        "valueCodeableConcept",
        concept(names::CS_STATUS_REASON, reason),
    )
}

/// Makes an active referral by `Organization/gp` because of that Condition.
pub(crate) fn referral(id: &str, condition: &str, authored: &str) -> Value {
    json!({
        "resourceType": "ServiceRequest", "id": id,
        "identifier": [{ "system": IDS, "value": format!("referral-{id}") }],
        "status": "active", "intent": "order",
        "code": concept(names::CS_PREVENTION_OFFER, "disease-management"),
        "subject": reference("Patient/p"),
        "authoredOn": authored,
        "requester": reference("Organization/gp"),
        "performer": [reference("Organization/region")],
        "reasonReference": [reference(&format!("Condition/{condition}"))],
    })
}

/// Returns the referral, revoked for that reason.
pub(crate) fn revoked_referral(mut referral: Value, reason: &str) -> Value {
    referral["status"] = json!("revoked");
    with_extension(
        referral,
        names::REQUEST_STATUS_REASON,
        "valueCodeableConcept",
        concept(names::CS_STATUS_REASON, reason),
    )
}

/// Returns the referral, replacing that one.
pub(crate) fn replacing(mut referral: Value, replaced: &str) -> Value {
    referral["replaces"] = json!([reference(&format!("ServiceRequest/{replaced}"))]);
    referral
}

/// Returns the start of an offer, based on that referral.
pub(crate) fn encounter(id: &str, referral: &str, start: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id,
        "identifier": [{ "system": IDS, "value": format!("encounter-{id}") }],
        "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "type": [concept(names::CS_PREVENTION_OFFER, "disease-management")],
        "subject": reference("Patient/p"),
        "basedOn": [reference(&format!("ServiceRequest/{referral}"))],
        "period": { "start": start },
    })
}

/// Returns the booking of a first session for that referral, made on a day and for another.
pub(crate) fn booking(id: &str, referral: &str, created: &str, day: &str) -> Value {
    json!({
        "resourceType": "Appointment", "id": id,
        "status": "booked",
        "serviceType": [concept(names::CS_PREVENTION_OFFER, "disease-management")],
        "start": format!("{day}T09:00:00+02:00"), "end": format!("{day}T10:00:00+02:00"),
        "created": created,
        "basedOn": [reference(&format!("ServiceRequest/{referral}"))],
        "participant": [{ "actor": reference("Patient/p"), "status": "accepted" }],
    })
}

/// Returns the referral as a record of its receipt on that day.
pub(crate) fn record(mut referral: Value, received: &str) -> Value {
    referral["category"] = json!([concept(names::CS_REFERRAL_KIND, "received-record")]);
    received_on(referral, received)
}

/// Returns the referral with the day on which it was received.
pub(crate) fn received_on(referral: Value, received: &str) -> Value {
    with_extension(referral, names::EXT_RECEIVED, "valueDate", json!(received))
}

/// Makes an active plan of `Organization/region` for offers.
pub(crate) fn offer_plan(id: &str) -> Value {
    json!({
        "resourceType": "CarePlan", "id": id,
        "status": "active", "intent": "plan",
        "category": [concept(names::CS_CAREPLAN_CATEGORY, "prevention-offer")],
        "subject": reference("Patient/p"),
        "author": reference("Organization/region"),
    })
}

/// Returns the start of an offer that names a plan instead of a referral.
pub(crate) fn contact(id: &str, plan: &str, start: &str) -> Value {
    let mut contact = encounter(id, "", start);
    contact
        .as_object_mut()
        .expect("a resource is an object")
        .shift_remove("basedOn");
    let plan = reference(&format!("CarePlan/{plan}"));
    with_extension(contact, names::KL_BASED_ON_CAREPLAN, "valueReference", plan)
}

/// Returns the resource, postponed from the start until (not including) the end, if it has one.
pub(crate) fn postponed(resource: Value, start: &str, end: Option<&str>, reason: &str) -> Value {
    let mut period = json!({ "start": start });
    if let Some(end) = end {
        period["end"] = json!(end);
    }
    let parts = json!([{ "url": "period", "valuePeriod": period }, { "url": "reason", "valueCode": reason }]);
    with_extension(resource, names::EXT_POSTPONEMENT, "extension", parts)
}

/// Returns the Condition, asserted on that date.
pub(crate) fn asserted(condition: Value, date: &str) -> Value {
    with_extension(
        condition,
        names::CONDITION_ASSERTED_DATE,
        "valueDateTime",
        json!(date),
    )
}

/// Returns the resource with one extension more.
pub(crate) fn with_extension(mut resource: Value, url: &str, member: &str, value: Value) -> Value {
    let mut extensions = resource["extension"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    extensions.push(json!({ "url": url, member: value }));
    resource["extension"] = Value::Array(extensions);
    resource
}

/// Makes a literal Reference.
pub(crate) fn reference(address: &str) -> Value {
    json!({ "reference": address })
}

/// Makes a CodeableConcept with one coding.
pub(crate) fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}
