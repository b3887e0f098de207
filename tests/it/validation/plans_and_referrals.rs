//! Plans, referrals, offers and subscriptions.

use serde_json::{Value, json};

use super::{check, extension, own_concept};

#[test]
fn a_plan_that_was_revoked_says_why() {
    let reason = |code: &str| {
        let mut extension = extension("kp-status-reason", json!({}));
        extension["valueCodeableConcept"] = own_concept("kp-status-reason", code);
        extension
    };
    for (edit, expected) in [
        (
            json!({ "status": "revoked" }),
            vec!["error invariant CarePlan kp-cp-1"],
        ),
        (
            json!({ "status": "revoked", "extension": [reason("superseded")] }),
            vec![],
        ),
        (
            json!({ "status": "revoked", "extension": [reason("bored")] }),
            vec![
                "error code-invalid CarePlan.extension[0].value.coding[0].code",
                "error code-invalid CarePlan.extension[0].value",
            ],
        ),
        (
            json!({ "extension": [extension("kp-status-reason", json!({ "valueCodeableConcept": { "text": "x" } }))] }),
            vec!["error code-invalid CarePlan.extension[0].value"],
        ),
        (
            json!({ "extension": [reason("ended"), reason("ended")] }),
            vec!["error structure CarePlan.extension[1]"],
        ),
    ] {
        check("CarePlan", edit, &expected);
    }
}

#[test]
fn a_plan_is_a_treatment_plan_that_is_or_was_in_force() {
    for (edit, expected) in [
        (
            json!({ "status": "planned" }),
            vec!["error code-invalid CarePlan.status"],
        ),
        (
            json!({ "intent": "order" }),
            vec!["error value CarePlan.intent"],
        ),
        (
            json!({ "category": [{ "text": "x" }] }),
            vec!["error required CarePlan.category"],
        ),
        (
            json!({ "category": [{ "text": "x" }, own_concept("kp-careplan-category", "treatment-plan")] }),
            vec![],
        ),
        (
            json!({ "category": [own_concept("kp-careplan-category", "other")] }),
            vec![
                "error required CarePlan.category",
                "error code-invalid CarePlan.category[0].coding[0].code",
            ],
        ),
    ] {
        check("CarePlan", edit, &expected);
    }
}

#[test]
fn a_plan_says_who_agreed_on_it_when_and_for_what() {
    for (edit, expected) in [
        (
            json!({ "created": "2030-12" }),
            vec!["error invariant CarePlan.created kp-date-2"],
        ),
        (
            json!({ "created": "2031-01-02" }),
            vec!["error business-rule CarePlan.created kp-date-3"],
        ),
        (
            json!({ "author": { "reference": "Practitioner/1" } }),
            vec!["error structure CarePlan.author"],
        ),
        (
            json!({ "author": { "reference": "PractitionerRole/1" } }),
            vec![],
        ),
        (
            json!({ "author": { "identifier": null, "display": "x" } }),
            vec!["error invariant CarePlan.author kp-ref-1"],
        ),
        (
            json!({ "addresses": [] }),
            vec!["error required CarePlan.addresses"],
        ),
        (
            json!({ "addresses": [{ "reference": "Condition/1" }, { "reference": "Goal/1" }, { "display": "x" }] }),
            vec![
                "error structure CarePlan.addresses[1]",
                "error invariant CarePlan.addresses[2] kp-ref-1",
            ],
        ),
    ] {
        check("CarePlan", edit, &expected);
    }
}

#[test]
fn a_referral_that_is_not_carried_on_says_why() {
    let reason = json!({
        "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
        "valueCodeableConcept": own_concept("kp-status-reason", "patient-declined"),
    });
    for (edit, expected) in [
        (
            json!({ "status": "revoked" }),
            vec!["error invariant ServiceRequest kp-sr-2"],
        ),
        (
            json!({ "status": "on-hold" }),
            vec!["error invariant ServiceRequest kp-sr-2"],
        ),
        (
            json!({ "status": "on-hold", "extension": [reason] }),
            vec![],
        ),
        (
            json!({ "status": "revoked", "extension": [{ "url": reason["url"], "valueCodeableConcept": { "text": "x" } }] }),
            vec![],
        ),
        (
            json!({ "status": "ordered" }),
            vec!["error code-invalid ServiceRequest.status"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn a_referral_orders_something() {
    for (edit, expected) in [
        (
            json!({ "intent": "plan" }),
            vec!["error value ServiceRequest.intent"],
        ),
        (json!({ "doNotPerform": false }), vec![]),
        (
            json!({ "doNotPerform": true }),
            vec!["error value ServiceRequest.doNotPerform"],
        ),
        (json!({ "priority": "asap" }), vec![]),
        (
            json!({ "priority": "stat" }),
            vec!["error code-invalid ServiceRequest.priority"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn a_referral_says_who_made_it_when_and_for_what() {
    let sks = json!({ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ44" });
    for (edit, expected) in [
        (
            json!({ "authoredOn": "2030" }),
            vec!["error invariant ServiceRequest.authoredOn kp-date-2"],
        ),
        (
            json!({ "authoredOn": "2031-01-01T23:00:00Z" }),
            vec!["error business-rule ServiceRequest.authoredOn kp-date-3"],
        ),
        (
            json!({ "requester": { "reference": "Practitioner/1" } }),
            vec!["error structure ServiceRequest.requester"],
        ),
        (
            json!({ "reasonReference": null }),
            vec!["error invariant ServiceRequest kp-sr-1"],
        ),
        (
            json!({ "reasonReference": null, "reasonCode": [{ "coding": [sks] }] }),
            vec![],
        ),
        (
            json!({ "reasonCode": [{ "coding": [sks] }, { "coding": [sks, sks] }] }),
            vec!["error structure ServiceRequest.reasonCode[1].coding[1]"],
        ),
        (
            json!({ "replaces": [{ "reference": "ServiceRequest/2" }, { "reference": "CarePlan/2" }] }),
            vec!["error structure ServiceRequest.replaces[1]"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn a_referral_says_on_which_day_it_is_due() {
    for (edit, expected) in [
        (json!({ "occurrenceDateTime": "2035-01-01" }), vec![]),
        (
            json!({ "occurrenceDateTime": "2035-01" }),
            vec!["error invariant ServiceRequest.occurrence kp-date-2"],
        ),
        (
            json!({ "occurrencePeriod": { "start": "2035-01-01" } }),
            vec![],
        ),
        (
            json!({ "occurrencePeriod": { "start": "2035", "end": "2034-01-01" } }),
            vec![
                "error invariant ServiceRequest.occurrence.start kp-date-2",
                "error invariant ServiceRequest.occurrence per-1",
            ],
        ),
        (
            json!({ "occurrenceTiming": { "event": ["2035-01-01"] } }),
            vec!["error structure ServiceRequest.occurrence"],
        ),
        (
            json!({ "occurrenceDateTime": "2035-01-01", "occurrencePeriod": { "start": "2035-01-01" } }),
            vec!["error structure ServiceRequest.occurrence"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn a_referral_says_on_which_day_it_was_received() {
    for (edit, expected) in [
        (
            json!({ "extension": [extension("kp-received", json!({ "valueDate": "2030-12-01" }))] }),
            vec![],
        ),
        (
            json!({ "extension": [extension("kp-received", json!({ "valueDate": "2030-12-01T09:00:00Z" }))] }),
            vec!["error value ServiceRequest.extension[0].value kp-date-1"],
        ),
        (
            json!({ "extension": [extension("kp-received", json!({ "valueDate": "soon" }))] }),
            vec!["error value ServiceRequest.extension[0].value kp-date-1"],
        ),
    ] {
        check("ServiceRequest", edit, &expected);
    }
}

#[test]
fn an_offer_that_has_begun_has_a_past_start_and_one_that_is_planned_need_not() {
    let starts =
        |status: &str, start: &str| json!({ "status": status, "period": { "start": start } });
    for (edit, expected) in [
        (
            starts("finished", "2031-01-02"),
            vec!["error business-rule Encounter.period.start kp-date-3"],
        ),
        (
            starts("in-progress", "2031-01-01T23:00:00Z"),
            vec!["error business-rule Encounter.period.start kp-date-3"],
        ),
        (starts("planned", "2031-01-02"), vec![]),
        (starts("cancelled", "2031-01-02"), vec![]),
        (
            starts("planned", "2031-02"),
            vec!["error invariant Encounter.period.start kp-date-2"],
        ),
        (
            starts("done", "2030-01-02"),
            vec!["error code-invalid Encounter.status"],
        ),
        (
            json!({ "period": { "start": null, "end": "2030-01-01" } }),
            vec!["error required Encounter.period.start"],
        ),
        (
            json!({ "period": { "end": "2030-04-30" } }),
            vec!["error invariant Encounter.period per-1"],
        ),
        (
            json!({ "type": [{ "text": "x" }] }),
            vec!["error invariant Encounter kp-enc-1"],
        ),
        (
            json!({ "type": [{ "text": "x" }, own_concept("kp-prevention-offer", "clarifying-conversation")] }),
            vec![],
        ),
        (
            json!({ "type": [own_concept("kp-prevention-offer", "yoga")] }),
            vec![
                "error code-invalid Encounter.type[0].coding[0].code",
                "warning code-invalid Encounter.type[0]",
            ],
        ),
        (
            json!({ "basedOn": [{ "reference": "CarePlan/1" }] }),
            vec!["error structure Encounter.basedOn[0]"],
        ),
    ] {
        check("Encounter", edit, &expected);
    }
}

#[test]
fn a_booked_session_is_of_a_person() {
    let cpr = json!({ "system": "urn:oid:1.2.208.176.1.2", "value": "0405440001" });
    let sor = json!({ "system": "urn:oid:1.2.208.176.1.1", "value": "1" });
    let entry = "urn:uuid:0c5e4905-5c2e-4254-8837-770c3724cd13";
    for (actor, is_one) in [
        (json!({ "reference": "Patient/1" }), true),
        (
            json!({ "reference": "https://example.org/fhir/Patient/1" }),
            true,
        ),
        (json!({ "reference": "Patient?identifier=x|1" }), true),
        (json!({ "reference": entry }), true),
        (json!({ "identifier": cpr }), true),
        (
            json!({ "type": "Patient", "identifier": { "value": "1" } }),
            true,
        ),
        (json!({ "reference": "Practitioner/1" }), false),
        (json!({ "identifier": sor }), false),
        (json!({ "display": "Karen" }), false),
    ] {
        let edit = json!({ "participant": [{ "actor": actor, "status": "accepted" }] });
        let expected: &[&str] = match is_one {
            true => &[],
            false => &["error invariant Appointment kp-app-1"],
        };
        check("Appointment", edit, expected);
    }
}

#[test]
fn a_booked_session_has_times_a_referral_and_an_offer() {
    let based_on = |reference: Value| json!({ "basedOn": [reference] });
    let offer = |concept: Value| json!({ "serviceType": [concept] });
    let value = "error code-invalid Appointment.serviceType[0].coding[0].code";
    let other = "warning code-invalid Appointment.serviceType[0]";
    let (both, either) = (
        "error invariant Appointment app-2",
        "error invariant Appointment app-3",
    );
    let modifier = json!([{ "url": "http://example.org/x", "valueBoolean": true }]);
    for (edit, expected) in [
        (
            json!({ "start": "2032-01-01T09:00:00Z", "end": "2032-01-01T10:00:00Z" }),
            vec![],
        ),
        (json!({ "end": null }), vec![both, either]),
        (
            json!({ "start": null }),
            vec!["error required Appointment.start", both, either],
        ),
        (
            json!({ "start": "2031-02-01" }),
            vec!["error value Appointment.start kp-date-1"],
        ),
        (
            json!({ "created": "2031-01-02" }),
            vec!["error business-rule Appointment.created kp-date-3"],
        ),
        (
            json!({ "created": "2030-12" }),
            vec!["error invariant Appointment.created kp-date-2"],
        ),
        (
            json!({ "created": "1899-12-31" }),
            vec!["error invariant Appointment.created kp-date-5"],
        ),
        (
            based_on(json!({ "display": "x" })),
            vec!["error invariant Appointment.basedOn[0] kp-ref-1"],
        ),
        (
            based_on(json!({ "reference": "CarePlan/1" })),
            vec!["error structure Appointment.basedOn[0]"],
        ),
        (
            offer(own_concept("kp-prevention-offer", "yoga")),
            vec![value, other],
        ),
        (offer(json!({ "text": "yoga" })), vec![]),
        (json!({ "status": "noshow" }), vec![]),
        (
            json!({ "status": "held" }),
            vec!["error code-invalid Appointment.status"],
        ),
        (
            json!({ "modifierExtension": modifier }),
            vec!["error extension Appointment.modifierExtension[0] kp-mod-1"],
        ),
    ] {
        check("Appointment", edit, &expected);
    }
}

#[test]
fn a_plan_of_an_offer_is_checked_by_its_category_and_is_never_a_treatment_plan() {
    let offer = own_concept("kp-careplan-category", "prevention-offer");
    let both = json!([offer, own_concept("kp-careplan-category", "treatment-plan")]);
    let bare = json!({ "category": [offer], "created": null, "addresses": null });
    let with = |edit: Value| {
        let mut all = bare.clone();
        for (name, value) in edit.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    for (edit, expected) in [
        (bare.clone(), vec![]),
        (with(json!({ "status": "revoked" })), vec![]),
        (
            with(json!({ "category": both })),
            vec!["error invariant CarePlan kp-cp-2"],
        ),
        (
            with(json!({ "author": null })),
            vec!["error required CarePlan.author"],
        ),
        (
            with(json!({ "subject": null })),
            vec!["error required CarePlan.subject"],
        ),
        (
            with(json!({ "intent": "order" })),
            vec!["error value CarePlan.intent"],
        ),
    ] {
        check("CarePlan", edit, &expected);
    }
}

#[test]
fn a_contact_names_a_referral_or_by_the_extension_of_kl_a_plan() {
    let url = "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension";
    let of = |value: Value| {
        let mut extension = json!({ "url": url });
        extension["valueReference"] = value;
        json!({ "basedOn": null, "extension": [extension] })
    };
    let neither = vec!["error invariant Encounter kp-enc-2"];
    for (edit, expected) in [
        (of(json!({ "reference": "CarePlan/1" })), vec![]),
        (of(json!({ "identifier": { "value": "1" } })), vec![]),
        (of(json!({ "display": "Plan" })), neither.clone()),
        (
            json!({ "basedOn": null, "extension": [{ "url": url, "valueString": "CarePlan/1" }] }),
            neither.clone(),
        ),
        (json!({ "basedOn": null }), neither),
    ] {
        check("Encounter", edit, &expected);
    }
}

#[test]
fn a_subscription_has_a_status_and_a_channel_of_those_there_are() {
    for status in ["requested", "active", "error", "off"] {
        check("Subscription", json!({ "status": status }), &[]);
    }
    check(
        "Subscription",
        json!({ "status": "on" }),
        &["error code-invalid Subscription.status"],
    );
    check(
        "Subscription",
        json!({ "channel": { "type": null } }),
        &["error required Subscription.channel.type"],
    );
    check(
        "Subscription",
        json!({ "channel": { "type": "pigeon" } }),
        &["error code-invalid Subscription.channel.type"],
    );
}
