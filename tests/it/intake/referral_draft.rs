//! Messages of the draft for referrals (intake, section 7): what becomes of each, where an operator
//! has switched the draft on.

use serde_json::{Value, json};

use super::{CPR, NOW, SOR, YDER, entries, lines, take, versions};
use crate::support::facade::Facade;

const KL: &str = "http://fhir.kl.dk/term/CodeSystem/CareSocialCodes";
const REASON: &str = "http://hl7.org/fhir/StructureDefinition/request-statusReason";
const COURSE: &str =
    "http://medcomehmi.dk/ig/dk-medcom-ref-lm/StructureDefinition/ehmi-package-course";
/// The number that the practice gave its referral.
const NUMBER: &str = "henvisning-1";
const MUNICIPALITY: &str = "550891000016003";

fn organization(id: &str, sor: &str) -> Value {
    json!({ "resourceType": "Organization", "id": id,
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.1", "value": sor }] })
}

/// The referral of the practice, changed.
fn request(changes: &Value) -> Value {
    let mut request = json!({ "resourceType": "ServiceRequest", "id": "request", "status": "proposed", "intent": "proposal",
        "identifier": [{ "system": "https://gp.test/referral", "value": NUMBER }],
        "priority": "urgent",
        "code": { "coding": [{ "system": KL, "code": "a71921ea-fe83-441d-933b-cc21d0b3c8c3" }] },
        "subject": { "reference": "Patient/person" }, "authoredOn": "2027-02-20",
        "occurrenceDateTime": "2027-02-22", "requester": { "reference": "PractitionerRole/doctor" },
        "performer": [{ "reference": "Organization/municipality" }],
        "reasonReference": [{ "reference": "Condition/reason" }] });
    for (name, value) in changes.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

fn reason(code: &str) -> Value {
    json!({ "resourceType": "Condition", "id": "reason", "subject": { "reference": "Patient/person" },
        "code": { "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": code }] } })
}

fn reason_of_group() -> Value {
    reason("DJ449")
}

/// A message of that event about the person, sent by the organization of that id.
fn message(number: u32, event: &str, sender: &str, resources: &[Value]) -> Value {
    let mut practice = organization("practice", SOR);
    practice["identifier"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "system": "urn:oid:1.2.208.176.1.4", "value": YDER }));
    let head = json!({ "resourceType": "MessageHeader", "id": "head", "sender": { "reference": format!("Organization/{sender}") },
        "eventCoding": { "system": "http://medcomehmi.dk/ig/dk-medcom-ref-lm/CodeSystem/ehmi-message-event-cs", "code": event } });
    let own = [
        head,
        json!({ "resourceType": "Patient", "id": "person",
            "identifier": [{ "system": "urn:oid:1.2.208.176.1.2", "value": CPR }] }),
        practice,
        organization("municipality", MUNICIPALITY),
        json!({ "resourceType": "PractitionerRole", "id": "doctor", "organization": { "reference": "Organization/practice" } }),
    ];
    let entries = entries(own.iter().chain(resources), |kind, id| {
        format!("urn:uuid:{number}-{kind}-{id}")
    });
    json!({ "resourceType": "Bundle", "id": format!("m{number}"), "type": "message",
        "timestamp": format!("2027-02-28T10:{number:02}:00+01:00"), "entry": entries })
}

fn task(code: &str, reason: &Value) -> Value {
    json!({ "resourceType": "Task", "id": "task", "status": "rejected", "intent": "order",
        "code": { "coding": [{ "code": code }] }, "statusReason": reason,
        "focus": { "identifier": { "system": "https://gp.test/referral", "value": NUMBER } },
        "for": { "reference": "Patient/person" } })
}

/// Returns the lines about these resources, which stand after those of the frame.
fn told(facade: &Facade, bundle: &Value) -> Vec<String> {
    lines(&take(facade, bundle)).split_off(5)
}

/// Returns the only stored referral.
fn stored(facade: &Facade) -> Value {
    let mut stored = facade.search_all("ServiceRequest");
    assert_eq!(stored.len(), 1);
    stored.remove(0)
}

fn reason_of(referral: &Value) -> &str {
    let extensions = referral["extension"].as_array().into_iter().flatten();
    let mut reasons = extensions.filter(|extension| extension["url"] == REASON);
    reasons.next().map_or("", |reason| {
        reason["valueCodeableConcept"]["coding"][0]["code"]
            .as_str()
            .unwrap()
    })
}

#[test]
fn a_referral_is_taken_in_the_words_of_r4_and_without_the_time_that_is_wished_for() {
    let facade = Facade::taking_drafts(NOW);
    let bundle = message(
        1,
        "new-referral",
        "practice",
        &[request(&json!({})), reason("DJ449")],
    );
    let expected = [
        "ServiceRequest created",
        "Condition left-out reason-of-referral",
    ];
    assert_eq!(told(&facade, &bundle), expected);
    let referral = stored(&facade);
    assert_eq!(
        (
            &referral["status"],
            &referral["intent"],
            &referral["priority"]
        ),
        (&json!("active"), &json!("order"), &json!("asap"))
    );
    assert_eq!(referral["occurrenceDateTime"], Value::Null);
    assert_eq!(referral["reasonCode"][0]["coding"][0]["code"], "DJ449");
    // A right follows from it, of the practice's own referral.
    let tasks = facade.search_all("Task?right=prevention-start");
    assert_eq!(tasks[0]["executionPeriod"]["start"], "2027-02-20");
    let before = versions(&facade, "ServiceRequest");
    assert_eq!(told(&facade, &bundle)[0], "ServiceRequest unchanged");
    let again = message(
        2,
        "update-referral",
        "practice",
        &[request(&json!({})), reason("DJ449")],
    );
    assert_eq!(told(&facade, &again)[0], "ServiceRequest unchanged");
    assert_eq!(versions(&facade, "ServiceRequest"), before);
}

#[test]
fn each_referral_that_is_not_taken_says_why() {
    let course =
        |group: &str| json!([{ "url": COURSE, "valueCodeableConcept": { "text": group } }]);
    for (changes, code, expected) in [
        (
            json!({ "code": { "text": "fod" } }),
            "DJ449",
            "left-out not-prevention",
        ),
        (json!({ "requester": null }), "DJ449", "needs requester"),
        (
            json!({ "reasonReference": null }),
            "DJ449",
            "needs reason-code",
        ),
        (json!({}), "DJ45", "left-out other-diagnosis"),
        (json!({ "authoredOn": "2027" }), "DJ449", "needs profile"),
        (
            json!({ "reasonReference": null, "extension": course("KOL") }),
            "DJ449",
            "created",
        ),
        (json!({ "status": "on-hold" }), "DJ449", "created"),
        (
            json!({ "status": "revoked" }),
            "DJ449",
            "created reason-not-stated",
        ),
        (
            json!({ "requester": { "reference": "Organization/municipality" } }),
            "DJ449",
            "created practice-unknown",
        ),
    ] {
        let facade = Facade::taking_drafts(NOW);
        let bundle = message(
            1,
            "new-referral",
            "practice",
            &[request(&changes), reason(code)],
        );
        assert_eq!(
            told(&facade, &bundle)[0],
            format!("ServiceRequest {expected}"),
            "{changes}"
        );
        if expected.starts_with("created") {
            let reason = reason_of(&stored(&facade)).to_owned();
            let status = changes["status"].as_str().unwrap_or_default();
            let expected = match status {
                "on-hold" => "awaiting-supplement",
                "revoked" => "not-stated",
                _ => "",
            };
            assert_eq!(reason, expected, "{changes}");
        }
    }
}

/// The Tasks of the receiver, each with its outcome and the reason that the referral then has.
fn of_receiver() -> Vec<(Value, &'static str, &'static str)> {
    let refused = |reason: &Value| task("afvisning", reason);
    let text = |text: &str| refused(&json!({ "text": text }));
    let (updated, nothing) = ("Task updated", "Task left-out not-needed");
    vec![
        (text("Kapacitet"), updated, "refused-capacity"),
        (text("forkert spor"), updated, "refused-wrong-receiver"),
        (text("indikation"), updated, "refused-not-indicated"),
        (
            refused(&Value::Null),
            "Task updated reason-not-stated",
            "not-stated",
        ),
        (task("accept", &Value::Null), nothing, ""),
        (task("prioritetsaendring", &Value::Null), nothing, ""),
    ]
}

#[test]
fn what_the_receiver_says_of_a_referral_is_told_by_it() {
    for (task, outcome, reason) in of_receiver() {
        let facade = Facade::taking_drafts(NOW);
        let send = |number| {
            let said = message(number, "task", "municipality", std::slice::from_ref(&task));
            told(&facade, &said)
        };
        let unknown = match reason {
            "" => "Task left-out not-needed",
            _ => "Task left-out no-referral",
        };
        assert_eq!(send(1), [unknown], "{reason}");
        let referral = [request(&json!({})), reason_of_group()];
        told(&facade, &message(2, "new-referral", "practice", &referral));
        assert_eq!(send(3), [outcome], "{reason}");
        let referral = stored(&facade);
        let status = if reason.is_empty() {
            "active"
        } else {
            "revoked"
        };
        assert_eq!(referral["status"], status, "{outcome}");
        assert_eq!(reason_of(&referral), reason);
    }
}

#[test]
fn a_referral_that_is_cancelled_is_recalled_unless_another_reason_is_said() {
    let because = |concept: Value| json!({ "extension": [{ "url": REASON, "valueCodeableConcept": concept }] });
    for (said, told_as, status) in [
        (json!({}), "recalled", "void"),
        // A reason that is not known ends nothing.
        (
            because(json!({ "text": "flyttet" })),
            "not-stated",
            "running",
        ),
        (
            because(json!({ "coding": [{ "system": KL, "code": "x" }] })),
            "not-stated",
            "running",
        ),
    ] {
        let facade = Facade::taking_drafts(NOW);
        let referral = [request(&json!({})), reason_of_group()];
        told(&facade, &message(1, "new-referral", "practice", &referral));
        let cancelled = message(2, "cancel-referral", "practice", &[request(&said)]);
        assert_eq!(
            told(&facade, &cancelled)[0].split(' ').next(),
            Some("ServiceRequest")
        );
        let referral = stored(&facade);
        assert_eq!(
            (&referral["status"], reason_of(&referral)),
            (&json!("revoked"), told_as)
        );
        let task = &facade.search_all("Task?right=prevention-start")[0];
        assert_eq!(task["businessStatus"]["coding"][0]["code"], status);
    }
}

#[test]
fn a_booking_of_another_person_refuses_the_message() {
    let facade = Facade::taking_drafts(NOW);
    let referral = [request(&json!({})), reason_of_group()];
    told(&facade, &message(1, "new-referral", "practice", &referral));
    let booking = |actor: Value| {
        json!({ "resourceType": "Appointment", "id": "booking", "status": "booked",
            "start": "2027-03-05T09:00:00+01:00", "end": "2027-03-05T10:00:00+01:00",
            "basedOn": [{ "identifier": { "system": "https://gp.test/referral", "value": NUMBER } }],
            "participant": [{ "actor": actor, "status": "accepted" }] })
    };
    let other =
        json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.2", "value": "0101010101" } });
    let sent = message(2, "booking", "municipality", &[booking(other)]);
    let reply = facade.send("POST", "$intake", &[], sent.to_string());
    assert_eq!(reply.status.as_u16(), 422, "{}", reply.text);
    assert!(reply.text.contains("person-other"), "{}", reply.text);
    // Others may take part.
    let own = json!({ "reference": "PractitionerRole/doctor" });
    let sent = message(3, "booking", "municipality", &[booking(own)]);
    assert_eq!(told(&facade, &sent), ["Appointment created"]);
}

#[test]
fn a_refusal_for_capacity_ends_no_right_and_a_forwarded_referral_joins_its_deadline() {
    let facade = Facade::taking_drafts(NOW);
    told(
        &facade,
        &message(
            1,
            "new-referral",
            "practice",
            &[request(&json!({})), reason("DJ449")],
        ),
    );
    let refused = task("afvisning", &json!({ "text": "kapacitet" }));
    told(&facade, &message(2, "task", "municipality", &[refused]));
    let task_of = || facade.search_all("Task?right=prevention-start");
    assert_eq!(
        task_of()[0]["businessStatus"]["coding"][0]["code"],
        "running"
    );
    let forwarded = request(
        &json!({ "identifier": [{ "system": "https://gp.test/referral", "value": "henvisning-2" }],
        "authoredOn": "2027-02-25",
        "replaces": [{ "identifier": { "system": "https://gp.test/referral", "value": NUMBER } }] }),
    );
    let forwarding = task("videresendelse", &Value::Null);
    let bundle = message(
        3,
        "new-referral",
        "practice",
        &[forwarded, reason("DJ449"), forwarding],
    );
    let expected = [
        "ServiceRequest created",
        "Condition left-out reason-of-referral",
        "Task left-out not-needed",
    ];
    assert_eq!(told(&facade, &bundle), expected);
    let tasks = task_of();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["executionPeriod"]["start"], "2027-02-20");
}

#[test]
fn a_booking_needs_its_referral_and_an_acknowledgement_says_nothing() {
    let booking = |status: &str| {
        json!({ "resourceType": "Appointment", "id": "booking", "status": status,
            "start": "2027-03-05T09:00:00+01:00", "end": "2027-03-05T10:00:00+01:00",
            "basedOn": [{ "identifier": { "system": "https://gp.test/referral", "value": NUMBER } }],
            "participant": [{ "actor": { "reference": "Patient/person" }, "status": "accepted" }] })
    };
    let facade = Facade::taking_drafts(NOW);
    let send = |number, status| {
        told(
            &facade,
            &message(number, "booking", "municipality", &[booking(status)]),
        )
    };
    assert_eq!(send(1, "booked"), ["Appointment left-out no-referral"]);
    told(
        &facade,
        &message(
            2,
            "new-referral",
            "practice",
            &[request(&json!({})), reason("DJ449")],
        ),
    );
    assert_eq!(send(3, "proposed"), ["Appointment left-out not-needed"]);
    assert_eq!(send(4, "booked"), ["Appointment created"]);
    let task = &facade.search_all("Task?forecast=booked-in-time");
    assert_eq!(task.len(), 1);
    assert_eq!(send(5, "cancelled"), ["Appointment updated"]);
    assert_eq!(facade.search_all("Task?forecast=unbooked").len(), 1);
    let mut acknowledged = message(6, "acknowledge", "municipality", &[]);
    acknowledged["entry"].as_array_mut().unwrap().truncate(1);
    assert_eq!(
        lines(&take(&facade, &acknowledged)),
        ["MessageHeader left-out not-needed"]
    );
}

/// A referral of that requester, with an identifier.
fn numbered(requester: &str, identifier: &Value, id: &str) -> Value {
    request(&json!({ "id": id, "identifier": [identifier],
        "requester": { "reference": format!("Organization/{requester}") } }))
}

#[test]
fn a_number_of_a_referral_is_that_of_its_requester_and_its_person_and_has_a_system() {
    let system = json!({ "system": "https://vendor.test/referral", "value": "1" });
    let without = json!({ "value": "1" });
    let sent = |number, who: &str, identifier: &Value, id: &str| {
        let referral = [numbered(who, identifier, id), reason_of_group()];
        message(number, "new-referral", who, &referral)
    };
    // Two messages, and how many referrals are stored then.
    for (what, first, second, expected) in [
        (
            "again",
            sent(1, "practice", &system, "a"),
            sent(2, "practice", &system, "b"),
            1,
        ),
        (
            "of another requester",
            sent(1, "practice", &system, "a"),
            sent(2, "municipality", &system, "b"),
            2,
        ),
        (
            "without a system",
            sent(1, "practice", &without, "a"),
            sent(2, "practice", &without, "b"),
            2,
        ),
        (
            "without a system, by its own id",
            sent(1, "practice", &without, "a"),
            sent(2, "practice", &without, "a"),
            1,
        ),
    ] {
        let facade = Facade::taking_drafts(NOW);
        for bundle in [&first, &second, &first, &second] {
            told(&facade, bundle);
        }
        let stored = facade.search_all("ServiceRequest");
        assert_eq!(stored.len(), expected, "{what}");
    }
    // Another person's with the same number is another.
    let facade = Facade::taking_drafts(NOW);
    told(&facade, &sent(1, "practice", &system, "a"));
    let mut other = sent(2, "practice", &system, "a");
    other["entry"][1]["resource"]["identifier"][0]["value"] = json!("0101010101");
    assert_eq!(told(&facade, &other)[0], "ServiceRequest created");
    assert_eq!(facade.search_all("ServiceRequest").len(), 2);
}

#[test]
fn a_refusal_meets_the_one_referral_that_has_its_number_and_none_of_several() {
    let system = json!({ "system": "https://gp.test/referral", "value": NUMBER });
    let without = json!({ "value": NUMBER });
    let refuse = |number, identifier: &Value| {
        let mut refused = task("afvisning", &json!({ "text": "kapacitet" }));
        refused["focus"] = json!({ "identifier": identifier });
        message(number, "task", "municipality", &[refused])
    };
    let facade = Facade::taking_drafts(NOW);
    let referral = [numbered("practice", &system, "a"), reason_of_group()];
    told(&facade, &message(1, "new-referral", "practice", &referral));
    let unknown = ["Task left-out no-referral"];
    assert_eq!(told(&facade, &refuse(2, &without)), unknown);
    assert_eq!(told(&facade, &refuse(3, &system)), ["Task updated"]);
    let another = [numbered("municipality", &system, "b"), reason_of_group()];
    told(
        &facade,
        &message(4, "new-referral", "municipality", &another),
    );
    assert_eq!(facade.search_all("ServiceRequest").len(), 2);
    assert_eq!(told(&facade, &refuse(5, &system)), unknown);
}

#[test]
fn parties_that_are_not_understood_name_nobody() {
    let strange = json!([{ "url": "https://vendor.test/other", "valueBoolean": true }]);
    // Which entries of the frame are not understood, and what becomes of the referral.
    for (at, expected) in [
        (1, "ServiceRequest left-out not-understood"),
        (2, "ServiceRequest left-out not-understood"),
        (3, "ServiceRequest created"),
        (4, "ServiceRequest needs requester"),
    ] {
        let facade = Facade::taking_drafts(NOW);
        let referral = [request(&json!({})), reason_of_group()];
        let mut bundle = message(1, "new-referral", "practice", &referral);
        bundle["entry"][at]["resource"]["modifierExtension"] = strange.clone();
        let report = lines(&take(&facade, &bundle));
        assert_eq!(report[5], expected, "{at}");
        assert!(
            report[at].ends_with("left-out not-understood"),
            "{report:?}"
        );
        if at == 3 {
            assert_eq!(stored(&facade)["performer"], Value::Null);
        }
    }
}
