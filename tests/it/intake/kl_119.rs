//! KL's delivery reports (§ 119), row by row (intake, section 5).

use serde_json::{Value, json};

use super::{NOW, changed, entries, lines, stored, take, versions};
use crate::support::facade::Facade;
use crate::support::people::practice;

pub(super) const KL: &str = "http://fhir.kl.dk/term/CodeSystem/CareSocialCodes";
pub(super) const FSIII: &str = "urn:oid:1.2.208.176.2.21";
pub(super) const TRAINING: &str = "ab87c0b5-40be-4e0a-b749-d9f833bfed2d";
pub(super) const CLARIFYING: &str = "6eddbaf7-2a73-49d4-91e7-6138d419f58c";
pub(super) const STATUS_REASON: &str =
    "http://hl7.org/fhir/StructureDefinition/request-statusReason";
pub(super) const ON_REFERRAL: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnServiceRequestExtension";
pub(super) const ON_PLAN: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension";

fn citizen() -> Value {
    json!({ "resourceType": "Patient", "id": "citizen",
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": super::CPR }],
        "managingOrganization": { "identifier": { "use": "official", "system": "urn:oid:1.2.208.176.1.1", "value": "451000016003" } },
        "deceasedBoolean": false })
}

pub(super) fn organization(id: &str, sor: &str) -> Value {
    json!({ "resourceType": "Organization", "id": id,
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.208.176.1.1", "value": sor }] })
}

pub(super) fn focus() -> Value {
    json!({ "resourceType": "Condition", "id": "focus",
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DJ449" }] },
        "subject": { "reference": "Patient/citizen" } })
}

pub(super) fn request() -> Value {
    json!({ "resourceType": "ServiceRequest", "id": "request", "status": "active", "intent": "plan",
        "code": { "coding": [{ "system": KL, "code": "a71921ea-fe83-441d-933b-cc21d0b3c8c3" }] },
        "subject": { "reference": "Patient/citizen" }, "authoredOn": "2027-02-10",
        "requester": { "reference": "Organization/gp" },
        "reasonReference": [{ "reference": "Condition/focus" }] })
}

/// A planned intervention that names the referral.
pub(super) fn intervention(id: &str, code: &str) -> Value {
    json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan",
        "extension": [{ "url": ON_REFERRAL, "valueReference": { "reference": "ServiceRequest/request" } }],
        "subject": { "reference": "Patient/citizen" }, "period": { "start": "2027-02-12" },
        "activity": [{ "detail": { "status": "in-progress",
            "code": { "coding": [{ "system": FSIII, "code": code }] },
            "performer": [{ "reference": "Organization/team" }] } }] })
}

pub(super) fn contact(status: &str, plan: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": "contact", "status": status,
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "extension": [{ "url": ON_PLAN, "valueReference": { "reference": format!("CarePlan/{plan}") } }],
        "subject": { "reference": "Patient/citizen" },
        "period": { "start": "2027-02-20T10:00:00+01:00", "end": "2027-02-20T11:00:00+01:00" } })
}

/// A report about the citizen, as the published ones are: its addresses are relative.
pub(super) fn report(number: u32, resources: &[Value]) -> Value {
    let all = [
        citizen(),
        organization("gp", super::SOR),
        organization("team", "1037791000016002"),
    ];
    let entries = entries(all.iter().chain(resources), |kind, id| {
        format!("{kind}/{id}")
    });
    json!({ "resourceType": "Bundle", "id": format!("report-{number}"), "type": "collection",
        "timestamp": format!("2027-02-{:02}T23:25:12Z", 20 + number),
        "meta": { "profile": ["http://fhir.kl.dk/prevention/StructureDefinition/klgateway-119-delivery-report"] },
        "entry": entries })
}

/// A report of a referral, its plan and the first contact.
pub(super) fn whole_report() -> Value {
    let plan = intervention("plan", TRAINING);
    report(1, &[focus(), request(), plan, contact("finished", "plan")])
}

/// A server that knows the practice.
pub(super) fn server() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&practice("gp"));
    facade
}

/// The rows: the resources of a report, each with what is changed, and their outcomes.
const ROWS: &str = r#"[
    [[["focus", {}], ["request", {}]], ["Condition REASON", "ServiceRequest CREATED"]],
    [[["focus", {}], ["request", { "requester": null }]], ["Condition REASON", "ServiceRequest needs requester"]],
    [[["request", { "reasonReference": null }]], ["ServiceRequest needs reason-code"]],
    [[["focus", { "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DC43" }] } }], ["request", {}]],
        ["Condition REASON", "ServiceRequest left-out other-diagnosis"]],
    [[["focus", { "code": { "coding": [{ "system": "FSIII", "code": "x" }] } }]], ["Condition left-out other-diagnosis"]],
    [[["focus", {}], ["request", { "code": { "coding": [{ "system": "KL", "code": "7fc66c15-0cb3-4c89-9e18-f3a01e6a6592" }] } }]],
        ["Condition REASON", "ServiceRequest left-out not-prevention"]],
    [[["focus", {}], ["request", { "modifierExtension": [{ "url": "http://x.test" }] }]], ["Condition REASON", "ServiceRequest left-out not-understood"]],
    [[["focus", {}], ["request", { "authoredOn": null }]], ["Condition REASON", "ServiceRequest needs profile"]],
    [[["focus", {}], ["request", { "status": "revoked" }]], ["Condition REASON", "ServiceRequest CREATED reason-not-stated"]],
    [[["focus", {}], ["request", { "requester": { "reference": "Organization/team" } }]], ["Condition REASON", "ServiceRequest CREATED practice-unknown"]],
    [[["training", {}]], ["CarePlan left-out no-referral"]],
    [[["contact", {}]], ["Encounter left-out no-referral"]],
    [[["focus", {}], ["request", {}], ["training", {}], ["contact", {}]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter created"]],
    [[["focus", {}], ["request", {}], ["training", { "activity": [{ "detail": { "status": "in-progress",
        "code": { "coding": [{ "system": "FSIII", "code": "03a3ebdb-9e2d-4be1-b32b-42f0bd2a3362" }] } } }] }], ["contact", {}]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter left-out not-an-offer"]],
    [[["focus", {}], ["request", {}], ["training", { "activity": [{ "detail": { "status": "in-progress",
        "code": { "coding": [{ "system": "http://gateway.kl.dk/1.0/CodeSystem/LocallyDefinedInterventions", "code": "x" }] } } }] }], ["contact", {}]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter needs offer-type"]],
    [[["focus", {}], ["request", {}], ["contact", {}]], ["Condition REASON", "ServiceRequest CREATED", "Encounter needs offer-type"]],
    [[["focus", {}], ["request", {}], ["training", {}], ["contact", { "status": "planned" }]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter created"]],
    [[["focus", {}], ["request", {}], ["training", { "extension": null }], ["contact", { "status": "planned" }]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter left-out no-referral"]],
    [[["focus", {}], ["request", {}], ["training", {}], ["contact", { "status": "arrived" }]],
        ["Condition REASON", "ServiceRequest CREATED", "CarePlan created", "Encounter left-out not-needed"]]
]"#;

/// Makes the resource of a row.
fn resource(row: &Value) -> Value {
    let base = match row[0].as_str().unwrap() {
        "focus" => focus(),
        "request" => request(),
        "training" => intervention("plan", TRAINING),
        _ => contact("finished", "plan"),
    };
    changed(base, |resource| {
        for (name, value) in row[1].as_object().unwrap() {
            resource[name] = value.clone();
        }
        resource
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    })
}

#[test]
fn each_resource_has_its_outcome() {
    let rows = ROWS
        .replace("FSIII", FSIII)
        .replace("\"KL\"", &format!("\"{KL}\""));
    let rows = rows.replace("REASON", "left-out reason-of-referral");
    let rows: Value =
        serde_json::from_str(&rows.replace("CREATED", "created received-as-authored")).unwrap();
    for row in rows.as_array().unwrap() {
        let resources: Vec<Value> = row[0].as_array().unwrap().iter().map(resource).collect();
        let expected: Vec<&str> = row[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        let facade = server();
        let bundle = report(1, &resources);
        let told = lines(&take(&facade, &bundle));
        assert_eq!(told[3..], expected);
        // Nothing else of it is stored.
        let is_taken = expected.iter().any(|line| line.contains("created"));
        let person = if is_taken {
            "created"
        } else {
            "left-out nothing-of-the-packages"
        };
        assert_eq!(told[0], format!("Patient {person}"));
        assert_eq!(
            facade.get("Patient").resources().len(),
            usize::from(is_taken)
        );
        assert!(facade.get("Condition").resources().is_empty());
        let before = versions(&facade, "Provenance");
        let again = lines(&take(&facade, &bundle));
        let unchanged: Vec<String> = told
            .iter()
            .map(|line| line.replace("created", "unchanged"))
            .collect();
        assert_eq!(again, unchanged);
        assert_eq!(versions(&facade, "Provenance"), before);
    }
}

#[test]
fn a_citizen_who_should_not_be_there_is_not_understood() {
    let facade = server();
    let mut bundle = report(1, &[focus(), request()]);
    bundle["entry"][0]["resource"]["active"] = false.into();
    let told = lines(&take(&facade, &bundle));
    assert!(
        told.iter()
            .all(|line| line.ends_with("left-out not-understood")),
        "{told:?}"
    );
    assert!(facade.get("Patient").resources().is_empty());
}

#[test]
fn a_referral_becomes_a_record_of_receipt() {
    let facade = server();
    let reply = take(&facade, &report(1, &[focus(), request()]));
    let referral = facade.get(&stored(&reply)[4]).json();
    assert_eq!(referral["intent"], "order");
    assert_eq!(referral["authoredOn"], "2027-02-10");
    assert_eq!(
        referral["extension"],
        json!([
        { "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-received", "valueDate": "2027-02-10" }])
    );
    assert_eq!(
        referral["category"][0]["coding"][0]["code"],
        "received-record"
    );
    assert_eq!(referral["requester"]["reference"], "Organization/gp");
    assert_eq!(referral["reasonCode"][0]["coding"][0]["code"], "DJ449");
    assert!(referral["identifier"].is_null() && referral["reasonReference"].is_null());
    let performer = facade
        .get(referral["performer"][0]["reference"].as_str().unwrap())
        .json();
    assert_eq!(performer["identifier"][0]["value"], "451000016003");
    // The clock of the start of an offer runs, and none of a treatment plan.
    let tasks = facade.get("Task").resources();
    let [task] = tasks.as_slice() else {
        panic!("{tasks:?}")
    };
    assert_eq!(
        task["restriction"]["period"],
        json!({ "start": "2027-02-10", "end": "2027-03-03" })
    );
}

/// The reasons of KL: the code, ours, what becomes of the right, and the postponement that it says.
const REASONS: &str = "
    3a5a72b7-addf-4857-b80c-04e4246e3072 patient-declined declined
    0cd5734d-b663-47c6-a3da-6b14a937d144 patient-declined declined
    f8436c2e-af1c-44fe-939d-473b518dd01d patient-declined declined
    8371b769_4bfb_4ac8_b130_d91c54784a56 patient-declined declined
    a3f2bd01-078b-486e-81be-797d192ad7bd patient-declined declined
    4bbf6d6a-a1c6-41c2-b8c1-7352b7378adf patient-declined declined
    a63b6aa6-7d56-4e67-a5b3-d73f6d262af5 no-longer-needed void
    8ac7be88-5d16-4dbd-a61a-ab02673f4b34 sent-in-error void
    ef491570-7884-4acd-bcf7-43d6b2c64762 no-show due-soon
    82e99421-31da-4915-96ed-168ccfa1d20c not-stated due-soon
    f64b8f5e-8ced-4a8b-ab73-8994fb524915 transferred due-soon
    3796fa11-305f-47d6-b164-45b05489afb2 transferred due-soon
    a8632e22-bf0c-4f5a-92a7-70977ba104d5 clinical postponed-clinical clinical
    46a6bc1f-bfe8-4390-a71f-44ad4a384b9d patient-postponed postponed-patient patient
";

#[test]
fn each_reason_of_kl_has_ours_beside_it_and_its_effect() {
    let facade = server();
    let rows = REASONS.lines().filter(|row| !row.trim().is_empty());
    for (at, row) in rows.enumerate() {
        let row: Vec<&str> = row.split_whitespace().collect();
        let (code, reason, effect, postponement) = (row[0], row[1], row[2], row.get(3));
        let status = if postponement.is_some() {
            "on-hold"
        } else {
            "revoked"
        };
        let told = json!({ "coding": [{ "system": KL, "code": code }] });
        let sent = changed(request(), |sent| {
            sent["id"] = format!("request-{at}").into();
            sent["status"] = status.into();
            sent["extension"] = json!([{ "url": STATUS_REASON, "valueCodeableConcept": told }]);
        });
        let reply = take(&facade, &report(1, &[focus(), sent.clone()]));
        let taken = "ServiceRequest created received-as-authored";
        assert_eq!(lines(&reply)[4], taken);
        let key = stored(&reply)[4]
            .split("/_history")
            .next()
            .unwrap()
            .to_owned();
        let referral = facade.get(&key).json();
        let named = |url: &str| -> Vec<Value> {
            let all = referral["extension"].as_array().unwrap().iter();
            let is_it = |extension: &&Value| extension["url"].as_str().unwrap().ends_with(url);
            all.filter(is_it).cloned().collect()
        };
        let told = &named("request-statusReason")[0]["valueCodeableConcept"]["coding"];
        assert_eq!(
            (&told[0]["code"], &told[1]["code"]),
            (&json!(reason), &json!(code))
        );
        let task = &facade.get(&format!("Task?focus={key}")).resources()[0];
        assert_eq!(
            task["businessStatus"]["coding"][0]["code"], effect,
            "{code}"
        );
        let tags = named("kp-postponement");
        assert_eq!(tags.len(), usize::from(postponement.is_some()), "{code}");
        if let (Some(tag), Some(postponement)) = (tags.first(), postponement) {
            let period = &tag["extension"][0]["valuePeriod"];
            assert_eq!(*period, json!({ "start": "2027-02-22" }));
            assert_eq!(tag["extension"][1]["valueCode"], *postponement);
            // Said again later, it began when it began.
            let again = take(&facade, &report(3, &[focus(), sent]));
            assert_eq!(lines(&again)[4], taken.replace("created", "unchanged"));
        }
    }
}

#[test]
fn a_replaced_referral_is_superseded() {
    let facade = server();
    let old = changed(request(), |r| {
        r["id"] = "old".into();
        r["status"] = "revoked".into();
    });
    let new = changed(request(), |r| {
        r["replaces"] = json!([{ "reference": "ServiceRequest/old" }])
    });
    let reply = take(&facade, &report(1, &[focus(), old, new]));
    assert_eq!(
        lines(&reply)[4],
        "ServiceRequest created received-as-authored"
    );
    let (old, new) = (&stored(&reply)[4], &stored(&reply)[5]);
    let told =
        facade.get(old).json()["extension"][0]["valueCodeableConcept"]["coding"][0]["code"].clone();
    assert_eq!(told, "superseded");
    let named = facade.get(new).json()["replaces"][0]["reference"].clone();
    assert_eq!(Some(named.as_str().unwrap()), old.split("/_history").next());
}

#[test]
fn a_contact_has_the_offer_and_the_referral_of_its_plan() {
    let whole = changed(intervention("whole", "x"), |plan| {
        plan["extension"] = json!([]);
        plan["activity"][0]["detail"]
            .as_object_mut()
            .unwrap()
            .remove("code");
        plan["category"] = json!([{ "coding": [{ "system": KL, "code": "5c160c02-e858-4c1f-925a-71ed64844749" }] }]);
    });
    let part = changed(intervention("part", TRAINING), |plan| {
        plan["basedOn"] = json!([{ "reference": "CarePlan/whole" }])
    });
    let facade = server();
    take(&facade, &report(1, &[focus(), request(), whole, part]));
    // The contact comes in another report: its plan is stored.
    let reply = take(&facade, &report(2, &[contact("finished", "whole")]));
    assert_eq!(lines(&reply)[3], "Encounter created");
    let encounter = facade.get(&stored(&reply)[3]).json();
    assert_eq!(
        encounter["type"][0]["coding"][0]["code"],
        "physical-activity"
    );
    assert_eq!(encounter["type"][0]["coding"][1]["code"], TRAINING);
    let referral = &facade.get("ServiceRequest").resources()[0];
    assert_eq!(
        encounter["basedOn"][0]["reference"],
        format!("ServiceRequest/{}", referral["id"].as_str().unwrap())
    );
    let plan = encounter["extension"][0]["valueReference"]["reference"]
        .as_str()
        .unwrap();
    assert_eq!(
        facade.get(plan).json()["category"][0]["coding"][0]["code"],
        "prevention-offer"
    );
    let task = &facade.get("Task").resources()[0];
    assert_eq!(task["businessStatus"]["coding"][0]["code"], "met");
    // A clarifying conversation is taken, and starts nothing.
    let facade = server();
    take(
        &facade,
        &report(
            1,
            &[
                focus(),
                request(),
                intervention("plan", CLARIFYING),
                contact("finished", "plan"),
            ],
        ),
    );
    assert_eq!(facade.get("Task").resources()[0]["status"], "requested");
}

#[test]
fn a_planned_contact_is_a_booking_and_ends_with_the_contact() {
    let facade = server();
    let planned = [
        focus(),
        request(),
        intervention("plan", TRAINING),
        contact("planned", "plan"),
    ];
    let reply = take(&facade, &report(1, &planned));
    let booking = stored(&reply)[6]
        .split("/_history")
        .next()
        .unwrap()
        .to_owned();
    assert!(booking.starts_with("Appointment/"));
    let appointment = facade.get(&booking).json();
    assert_eq!(appointment["status"], "booked");
    assert_eq!(appointment["start"], "2027-02-20T10:00:00+01:00");
    let reply = take(&facade, &report(2, &[contact("finished", "plan")]));
    assert_eq!(lines(&reply)[3], "Encounter created");
    assert_eq!(facade.get(&booking).json()["status"], "fulfilled");
    let facade = server();
    take(&facade, &report(1, &planned));
    let reply = take(&facade, &report(2, &[contact("cancelled", "plan")]));
    assert_eq!(lines(&reply)[3], "Encounter updated");
    assert_eq!(facade.get(&booking).json()["status"], "cancelled");
}
