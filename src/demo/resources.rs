//! The shapes of the resources that the stories are told with (fhir-profiles, section 1).

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::bundle::reference;
use super::codes::Code;
use super::people::InventedPerson;
use super::places::practice_id;
use crate::fhir::copenhagen;
use crate::fhir::names::{
    CONDITION_ASSERTED_DATE, CONDITION_VER_STATUS, CPR, CS_CAREPLAN_CATEGORY, CS_STATUS_REASON,
    CS_TARGET_GROUP, EXT_POSTPONEMENT, EXT_RECEIVED, EXT_STATUS_REASON, EXT_TARGET_GROUP,
    REQUEST_STATUS_REASON,
};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// The identifiers of the imagined sender.
const SENDER: &str = "https://ehr.example.org/id";

/// Builds a dateTime on that day: the day alone, or with a time of day in Copenhagen (hour,
/// minute).
pub(super) fn date_time(day: Date, time: Option<(i8, i8)>) -> Value {
    let Some((hour, minute)) = time else {
        return Value::from(day.to_string());
    };
    let instant = day
        .at(hour, minute, 0, 0)
        .to_zoned(copenhagen())
        .expect("working hours exist on every day");
    Value::from(instant.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn coded((system, code, display): Code) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

/// Adds an extension to a resource.
pub(super) fn extend(resource: &mut Value, url: &str, name: &str, value: Value) {
    let extension = json!({ "url": url, name: value });
    match resource.get_mut("extension").and_then(Value::as_array_mut) {
        Some(list) => list.push(extension),
        None => resource["extension"] = json!([extension]),
    }
}

/// Removes an element.
pub(super) fn remove(resource: &mut Value, name: &str) {
    let object: &mut Map<String, Value> =
        resource.as_object_mut().expect("a resource is an object");
    object.shift_remove(name);
}

/// Marks that nothing is to happen in a period, for the person's (`patient`) or a clinical reason.
pub(super) fn postpone(resource: &mut Value, from: Date, until: Option<Date>, reason: &str) {
    let mut period = json!({ "start": from.to_string() });
    if let Some(until) = until {
        period["end"] = Value::from(until.to_string());
    }
    let parts = json!([
        { "url": "period", "valuePeriod": period },
        { "url": "reason", "valueCode": reason },
    ]);
    extend(resource, EXT_POSTPONEMENT, "extension", parts);
}

/// Builds the reason of a status.
pub(super) fn status_reason(code: &str) -> Value {
    json!({ "coding": [{ "system": CS_STATUS_REASON, "code": code }] })
}

/// Ends a plan, and says why.
pub(super) fn revoke_plan(plan: &mut Value, reason: &str) {
    plan["status"] = Value::from("revoked");
    extend(
        plan,
        EXT_STATUS_REASON,
        "valueCodeableConcept",
        status_reason(reason),
    );
}

/// Gives a referral a status that needs a reason.
pub(super) fn change_referral(referral: &mut Value, status: &str, reason: &str) {
    referral["status"] = Value::from(status);
    extend(
        referral,
        REQUEST_STATUS_REASON,
        "valueCodeableConcept",
        status_reason(reason),
    );
}

/// Builds a Patient who belongs to the practice of that place in the list.
pub(super) fn patient(id: &str, person: &InventedPerson, practice: usize) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "identifier": [{ "use": "official", "system": CPR, "value": person.cpr }],
        "active": true,
        "name": [{ "use": "official", "family": person.family, "given": person.given }],
        "gender": if person.is_woman { "female" } else { "male" },
        "birthDate": person.birth.to_string(),
        "address": [
            { "use": "home", "line": [person.street], "city": person.town, "country": "DK" },
        ],
        "generalPractitioner": [reference("Organization", &practice_id(practice))],
    })
}

/// Builds a confirmed diagnosis. `asserted` is the day it was made, if that is not the day it was
/// recorded.
pub(super) fn condition(
    id: &str,
    patient_id: &str,
    codes: &[Code],
    recorded: Value,
    asserted: Option<Value>,
) -> Value {
    let codings: Vec<_> = codes
        .iter()
        .map(|code| coded(*code)["coding"][0].take())
        .collect();
    let status =
        |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    let mut condition = json!({
        "resourceType": "Condition",
        "id": id,
        "identifier": [{ "system": SENDER, "value": id }],
        "clinicalStatus": status(CONDITION_CLINICAL, "active"),
        "verificationStatus": status(CONDITION_VER_STATUS, "confirmed"),
        "category": [status(CONDITION_CATEGORY, "problem-list-item")],
        "code": { "coding": codings },
        "subject": reference("Patient", patient_id),
        "recordedDate": recorded,
    });
    if let Some(asserted) = asserted {
        extend(
            &mut condition,
            CONDITION_ASSERTED_DATE,
            "valueDateTime",
            asserted,
        );
    }
    condition
}

/// States the target group of a Condition, where no code can.
pub(super) fn assert_group(condition: &mut Value, group: &str) {
    extend(
        condition,
        EXT_TARGET_GROUP,
        "valueCodeableConcept",
        json!({ "coding": [{ "system": CS_TARGET_GROUP, "code": group }] }),
    );
}

/// Builds a treatment plan in force, drawn up by the author.
pub(super) fn care_plan(
    id: &str,
    patient_id: &str,
    condition_id: &str,
    created: Value,
    author: Value,
) -> Value {
    json!({
        "resourceType": "CarePlan",
        "id": id,
        "identifier": [{ "system": SENDER, "value": id }],
        "status": "active",
        "intent": "plan",
        "category": [coded((CS_CAREPLAN_CATEGORY, "treatment-plan", "Behandlingsplan"))],
        "title": "Personlig behandlingsplan",
        "subject": reference("Patient", patient_id),
        "created": created,
        "author": author,
        "addresses": [reference("Condition", condition_id)],
    })
}

/// Builds a referral to a prevention offer. Its reason is to be added.
pub(super) fn referral(
    id: &str,
    patient_id: &str,
    offer: &Code,
    authored: Value,
    requester: Value,
    centre_id: &str,
) -> Value {
    json!({
        "resourceType": "ServiceRequest",
        "id": id,
        "identifier": [{ "system": SENDER, "value": id }],
        "status": "active",
        "intent": "order",
        "priority": "routine",
        "code": coded(*offer),
        "subject": reference("Patient", patient_id),
        "authoredOn": authored,
        "requester": requester,
        "performer": [reference("Organization", centre_id)],
    })
}

/// Notes the day on which the centre received a referral.
pub(super) fn receive(referral: &mut Value, day: Date) {
    extend(
        referral,
        EXT_RECEIVED,
        "valueDate",
        Value::from(day.to_string()),
    );
}

/// Builds an appointment for a first contact because of a referral, from and to those times.
pub(super) fn appointment(
    id: &str,
    patient_id: &str,
    referral_id: &str,
    offer: &Code,
    created: Value,
    (start, end): (Value, Value),
) -> Value {
    json!({
        "resourceType": "Appointment",
        "id": id,
        "identifier": [{ "system": SENDER, "value": id }],
        "status": "booked",
        "serviceType": [coded(*offer)],
        "start": start,
        "end": end,
        "created": created,
        "basedOn": [reference("ServiceRequest", referral_id)],
        "participant": [{ "actor": reference("Patient", patient_id), "status": "accepted" }],
    })
}

/// Builds a contact at the centre because of a referral; it is over if it has an end.
pub(super) fn encounter(
    id: &str,
    patient_id: &str,
    referral_id: &str,
    offer: &Code,
    period: Value,
    centre_id: &str,
) -> Value {
    json!({
        "resourceType": "Encounter",
        "id": id,
        "identifier": [{ "system": SENDER, "value": id }],
        "status": if period["end"].is_string() { "finished" } else { "in-progress" },
        "class": { "system": ACT_CODE, "code": "AMB", "display": "ambulatory" },
        "type": [coded(*offer)],
        "subject": reference("Patient", patient_id),
        "basedOn": [reference("ServiceRequest", referral_id)],
        "period": period,
        "serviceProvider": reference("Organization", centre_id),
    })
}
