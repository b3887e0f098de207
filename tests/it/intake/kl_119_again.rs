//! KL's delivery reports (§ 119) where entries say something of each other, or of what is stored (intake,
//! section 5).

use serde_json::{Value, json};

use super::kl_119::{
    KL, ON_PLAN, ON_REFERRAL, STATUS_REASON, TRAINING, contact, focus, intervention, report,
    request, server,
};
use super::{changed, lines, stored, take};
use crate::support::facade::Facade;

const GROUP: &str = "https://kronikerpakker.dk/fhir/CodeSystem/kp-target-group";

fn base(reference: &str) -> String {
    reference.split("/_history").next().unwrap().to_owned()
}

fn modifier() -> Value {
    json!([{ "url": "http://x.test", "valueBoolean": true }])
}

/// The code of our reason of a stored referral.
fn reason(referral: &Value) -> String {
    let all = referral["extension"].as_array().unwrap().iter();
    let mut told = all.filter(|extension| extension["url"] == STATUS_REASON);
    let told = &told.next().unwrap()["valueCodeableConcept"]["coding"][0]["code"];
    told.as_str().unwrap().to_owned()
}

#[test]
fn a_referral_is_superseded_only_by_one_that_is_there() {
    let old = || {
        changed(request(), |r| {
            r["id"] = "old".into();
            r["status"] = "revoked".into();
        })
    };
    let new = |change: &dyn Fn(&mut Value)| {
        changed(request(), |r| {
            r["authoredOn"] = "2027-02-12".into();
            r["replaces"] = json!([{ "reference": "ServiceRequest/old" }]);
            change(r);
        })
    };
    let rows: Vec<(&str, Value, &str)> = vec![
        ("taken", new(&|_| ()), "superseded"),
        (
            "by phone",
            new(&|r| r["requester"] = Value::Null),
            "not-stated",
        ),
        (
            "not prevention",
            new(&|r| r["code"] = json!({ "coding": [{ "system": KL, "code": "x" }] })),
            "not-stated",
        ),
        (
            "of no group",
            new(&|r| {
                r["reasonReference"] = json!([]);
                r["reasonCode"] = json!([{ "coding": [{ "system": "urn:oid:1.2.208.176.2.4.12", "code": "DC43" }] }]);
            }),
            "not-stated",
        ),
        (
            "not understood",
            new(&|r| r["modifierExtension"] = modifier()),
            "not-stated",
        ),
        (
            "refused",
            new(&|r| r["authoredOn"] = Value::Null),
            "not-stated",
        ),
        (
            "in error",
            new(&|r| r["status"] = "entered-in-error".into()),
            "not-stated",
        ),
        (
            "a draft",
            new(&|r| r["status"] = "draft".into()),
            "not-stated",
        ),
    ];
    for (what, mut new, expected) in rows {
        new.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let facade = server();
        let reply = take(&facade, &report(1, &[focus(), old(), new]));
        assert_eq!(
            reason(&facade.get(&stored(&reply)[4]).json()),
            expected,
            "{what}"
        );
    }
}

#[test]
fn a_referral_that_replaces_itself_is_not_superseded() {
    let itself = changed(request(), |r| {
        r["id"] = "old".into();
        r["status"] = "revoked".into();
        r["replaces"] = json!([{ "reference": "ServiceRequest/old" }]);
    });
    let facade = server();
    let reply = take(&facade, &report(1, &[focus(), itself]));
    assert_eq!(reason(&facade.get(&stored(&reply)[4]).json()), "not-stated");
}

#[test]
fn one_that_replaces_a_stored_referral_names_it_whatever_is_said_of_that_one_now() {
    let facade = server();
    let old = changed(request(), |r| r["id"] = "old".into());
    let first = stored(&take(&facade, &report(1, &[focus(), old.clone()])));
    let odd = changed(old, |r| r["modifierExtension"] = modifier());
    let new = changed(request(), |r| {
        r["replaces"] = json!([{ "reference": "ServiceRequest/old" }])
    });
    let reply = take(&facade, &report(2, &[focus(), odd, new]));
    let new = facade.get(&stored(&reply)[5]).json();
    assert_eq!(new["replaces"][0]["reference"], base(&first[4]));
}

#[test]
fn the_reason_of_a_referral_may_name_the_group_and_must_be_understood() {
    let named = json!({ "coding": [{ "system": GROUP, "code": "low-back-pain" }] });
    let extension = json!([{ "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-target-group", "valueCodeableConcept": named }]);
    let created = "created received-as-authored";
    let rows = [
        (
            "code",
            changed(focus(), |f| f["code"] = named.clone()),
            created,
        ),
        (
            "extension",
            changed(focus(), |f| {
                f["code"] = json!({ "text": "ryg" });
                f["extension"] = extension.clone();
            }),
            created,
        ),
        (
            "extension beside another code",
            changed(focus(), |f| f["extension"] = extension.clone()),
            created,
        ),
        (
            "not understood",
            changed(focus(), |f| f["modifierExtension"] = modifier()),
            "needs reason-code",
        ),
    ];
    for (what, focus, expected) in rows {
        let facade = server();
        let reply = take(&facade, &report(1, &[focus, request()]));
        assert_eq!(
            lines(&reply)[4],
            format!("ServiceRequest {expected}"),
            "{what}"
        );
        if expected == created {
            let task = &facade.get("Task").resources()[0];
            let group = task["extension"].as_array().unwrap().iter();
            let mut group =
                group.filter(|e| e["url"].as_str().unwrap().ends_with("kp-target-group"));
            let group = &group.next().unwrap()["valueCodeableConcept"]["coding"][0]["code"];
            assert_eq!(group, "low-back-pain", "{what}");
        }
    }
}

#[test]
fn an_organization_that_is_not_understood_is_nobody() {
    // The requester; and the municipality itself.
    let facade = server();
    let mut bundle = report(1, &[focus(), request()]);
    bundle["entry"][1]["resource"]["modifierExtension"] = modifier();
    let told = lines(&take(&facade, &bundle));
    assert_eq!(told[4], "ServiceRequest needs requester");
    let facade = server();
    let municipality = json!({ "resourceType": "Organization", "id": "municipality", "modifierExtension": modifier(),
        "identifier": [{ "system": "urn:oid:1.2.208.176.1.1", "value": "451000016003" }] });
    let mut bundle = report(1, &[focus(), request(), municipality]);
    bundle["entry"][0]["resource"]["managingOrganization"] =
        json!({ "reference": "Organization/municipality" });
    let told = lines(&take(&facade, &bundle));
    assert!(
        told.iter()
            .all(|line| line.ends_with("left-out not-understood")),
        "{told:?}"
    );
    assert_eq!(facade.get("Organization").resources().len(), 1);
}

/// Returns the status of the one booking.
fn booking(facade: &Facade) -> String {
    let all = facade.get("Appointment").resources();
    all[0]["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_booking_is_fulfilled_only_by_a_contact_that_is_taken() {
    let plan = || intervention("plan", TRAINING);
    let odd = changed(contact("finished", "plan"), |c| {
        c["period"]["start"] = "20 February".into()
    });
    let rows = [
        (
            "taken",
            3,
            contact("finished", "plan"),
            "Encounter created",
            "fulfilled",
        ),
        ("refused", 3, odd, "Encounter needs profile", "booked"),
        (
            "older",
            1,
            contact("finished", "plan"),
            "Encounter created",
            "booked",
        ),
    ];
    for (what, number, held, told, expected) in rows {
        let facade = server();
        let planned = changed(contact("planned", "plan"), |c| {
            c["period"] = json!({ "start": "2027-03-08T10:00:00+01:00" });
        });
        take(&facade, &report(2, &[focus(), request(), plan(), planned]));
        let reply = take(&facade, &report(number, &[held]));
        assert_eq!(lines(&reply)[3], told, "{what}");
        assert_eq!(booking(&facade), expected, "{what}");
    }
}

/// Returns the postponements of the one referral: start, end and reason.
fn postponements(facade: &Facade) -> Vec<String> {
    let referral = &facade.get("ServiceRequest").resources()[0];
    let all = referral["extension"].as_array().unwrap().iter();
    let all = all.filter(|e| e["url"].as_str().unwrap().ends_with("kp-postponement"));
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    all.map(|one| {
        let period = &one["extension"][0]["valuePeriod"];
        let reason = text(&one["extension"][1]["valueCode"]);
        format!(
            "{} {} {reason}",
            text(&period["start"]),
            text(&period["end"])
        )
    })
    .collect()
}

#[test]
fn a_postponement_that_is_over_has_an_end_and_one_of_another_stays() {
    let on_hold = |code: &str| {
        changed(request(), |r| {
            r["status"] = "on-hold".into();
            r["extension"] = json!([{ "url": STATUS_REASON, "valueCodeableConcept": { "coding": [{ "system": KL, "code": code }] } }]);
        })
    };
    let clinical = || on_hold("a8632e22-bf0c-4f5a-92a7-70977ba104d5");
    let patient = || on_hold("46a6bc1f-bfe8-4390-a71f-44ad4a384b9d");
    let rows: Vec<(&str, Vec<Value>, Vec<&str>)> = vec![
        (
            "said again",
            vec![clinical(), clinical()],
            vec!["2027-02-22  clinical"],
        ),
        (
            "over",
            vec![clinical(), request()],
            vec!["2027-02-22 2027-02-23 clinical"],
        ),
        (
            "over long ago",
            vec![clinical(), request(), request()],
            vec!["2027-02-22 2027-02-23 clinical"],
        ),
        (
            "another reason",
            vec![clinical(), patient()],
            vec!["2027-02-22 2027-02-23 clinical", "2027-02-23  patient"],
        ),
    ];
    for (what, reports, expected) in rows {
        let facade = server();
        for (number, sent) in (1..).zip(reports) {
            take(&facade, &report(number, &[focus(), sent]));
        }
        assert_eq!(postponements(&facade), expected, "{what}");
    }
    // One that another wrote by our profile.
    let facade = server();
    let reply = take(&facade, &report(1, &[focus(), request()]));
    let referral = changed(facade.get(&base(&stored(&reply)[4])).json(), |r| {
        r["extension"].as_array_mut().unwrap().push(json!({
            "url": "https://kronikerpakker.dk/fhir/StructureDefinition/kp-postponement", "extension": [
                { "url": "period", "valuePeriod": { "start": "2027-02-20" } }, { "url": "reason", "valueCode": "patient" } ] }));
    });
    facade.put_ok(&referral);
    take(&facade, &report(2, &[focus(), request()]));
    assert_eq!(postponements(&facade), ["2027-02-20  patient"]);
}

#[test]
fn a_contact_of_several_plans_is_of_a_referral_only_if_all_name_one() {
    let of = |referral: &str| changed(request(), |r| r["id"] = referral.into());
    let plan = |id: &str, code: &str, referral: &str| {
        changed(intervention(id, code), |plan| {
            let named = json!({ "reference": format!("ServiceRequest/{referral}") });
            plan["extension"] = json!([{ "url": ON_REFERRAL, "valueReference": named }]);
        })
    };
    let both = || {
        changed(contact("finished", "a"), |c| {
            let plan = json!({ "reference": "CarePlan/b" });
            c["extension"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "url": ON_PLAN, "valueReference": plan }));
        })
    };
    for (second, based_on) in [("one", 1), ("two", 0)] {
        let facade = server();
        let sent = [
            focus(),
            of("one"),
            of("two"),
            plan("a", TRAINING, "one"),
            plan("b", TRAINING, second),
            both(),
        ];
        let reply = take(&facade, &report(1, &sent));
        assert_eq!(lines(&reply)[8], "Encounter created", "{}", reply.text);
        let encounter = facade.get(&stored(&reply)[8]).json();
        assert_eq!(
            encounter["basedOn"].as_array().map_or(0, Vec::len),
            based_on,
            "{second}"
        );
        assert_eq!(encounter["extension"].as_array().unwrap().len(), 2);
    }
    // What either plan says is what it was.
    let facade = server();
    let sent = [
        focus(),
        of("one"),
        plan("a", "03a3ebdb-9e2d-4be1-b32b-42f0bd2a3362", "one"),
        plan("b", TRAINING, "one"),
        both(),
    ];
    let reply = take(&facade, &report(1, &sent));
    assert_eq!(lines(&reply)[7], "Encounter created", "{}", reply.text);
}

#[test]
fn two_persons_of_one_municipality_may_have_resources_of_one_id() {
    let facade = server();
    take(&facade, &report(1, &[focus(), request()]));
    let mut bundle = report(2, &[focus(), request()]);
    bundle["entry"][0]["resource"]["identifier"][0]["value"] = "0405440002".into();
    assert_eq!(
        lines(&take(&facade, &bundle))[4],
        "ServiceRequest created received-as-authored"
    );
    assert_eq!(facade.get("ServiceRequest").resources().len(), 2);
}
