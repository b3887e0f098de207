//! The fate of what is read.

use axum::body::Body;
use serde_json::{Value, json};

use super::relay::Told;
use super::{ReadingServer, row, source};
use crate::support::people;

/// Returns the only resource that a search finds.
fn only(reading: &ReadingServer, query: &str) -> Value {
    let found = reading.facade.get(query).resources();
    assert_eq!(found.len(), 1, "{query}: {found:?}");
    found[0].clone()
}

#[test]
fn a_search_and_a_history_bring_what_is_new_and_again_nothing() {
    for readings in [
        json!([{ "search": "Condition" }]),
        json!([{ "history": "Condition" }]),
        json!([{ "history": "system" }]),
        json!([{ "search": "Patient" }, { "search": "Condition?code=DJ449&_include=Condition:subject" }]),
    ] {
        let relay = source();
        let reading = ReadingServer::new();
        let poller = reading.poller(&row(&relay, &readings), None);
        let outlook = reading.round(&poller);
        assert_eq!(outlook.trouble, None, "{readings}");
        let condition = only(&reading, "Condition");
        let patient = only(&reading, "Patient");
        let practice = only(&reading, "Organization");
        let reference = |resource: &Value| {
            format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            )
        };
        assert_ne!(condition["id"], "c", "{readings}");
        assert_eq!(condition["subject"]["reference"], reference(&patient));
        assert_eq!(
            patient["generalPractitioner"][0]["reference"],
            reference(&practice)
        );
        assert_eq!(
            condition["meta"]["source"],
            format!("{}/Condition/c", relay.base)
        );
        // The right follows, as from any client's data.
        let task = only(&reading, "Task");
        assert_eq!(task["for"]["reference"], reference(&patient));
        let before = reading.versions();
        let outlook = reading.round(&poller);
        assert_eq!(
            (reading.versions(), outlook.taken[0]),
            (before, 3),
            "{readings}"
        );
        let mut changed = people::copd("c", "p", "2027-02-21");
        relay.behind().put_ok(&changed);
        changed["id"] = json!("later");
        relay.behind().put_ok(&changed);
        let outlook = reading.round(&poller);
        assert_eq!((outlook.taken[0], outlook.taken[1]), (4, 1), "{readings}");
        let again = format!("Condition/{}", condition["id"].as_str().unwrap());
        let condition = reading.facade.get(&again).json();
        assert_eq!(condition["recordedDate"], "2027-02-21");
    }
}

#[test]
fn the_same_person_of_two_servers_is_one() {
    let (first, second) = (source(), source());
    let reading = ReadingServer::new();
    let mut other = row(&second, &json!([{ "search": "Condition" }]));
    other["name"] = json!("other");
    let pollers = [
        reading.poller(&row(&first, &json!([{ "search": "Condition" }])), None),
        reading.poller(&other, None),
    ];
    let outlooks = pollers.each_ref().map(|poller| reading.round(poller));
    assert_eq!(outlooks[1].left_out.get("known-already"), Some(&2));
    assert_eq!(
        ["Patient", "Organization", "Condition"].map(|query| reading.total(query)),
        [1, 1, 2]
    );
    // Also after a start that remembers nothing, when something is new.
    drop(pollers);
    let reading = reading.restart();
    second
        .behind()
        .put_ok(&people::copd("c2", "p", "2027-02-22"));
    let outlook = reading.round(&reading.poller(&other, None));
    assert_eq!(outlook.refused, 0, "{outlook:?}");
    assert_eq!(
        ["Patient", "Organization", "Condition"].map(|query| reading.total(query)),
        [1, 1, 3]
    );
    let person = only(&reading, "Patient")["id"].as_str().unwrap().to_owned();
    assert_eq!(
        reading.total(&format!("Condition?subject=Patient/{person}")),
        3
    );
}

#[test]
fn an_odd_one_refuses_no_other_and_what_is_not_held_is_left_out() {
    let relay = source();
    let base = relay.base.clone();
    relay.answer(move |asked| {
        let asthma = |id: &str| {
            let mut other = people::copd(id, "p", "2027-02-20");
            other["code"]["coding"][0]["code"] = json!("DJ459");
            other
        };
        let entries = [
            asthma("odd"),
            json!({ "resourceType": "Observation", "id": "o", "status": "final" }),
            json!({ "resourceType": "Subscription", "id": "s" }),
            json!({ "resourceType": "Condition" }),
            people::copd("right", "p", "2027-02-20"),
            asthma("0405440001"),
        ];
        let entries: Vec<_> = entries
            .iter()
            .map(|resource| json!({ "resource": resource }))
            .collect();
        let page = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries, "link": [{ "relation": "self", "url": base }] });
        asked
            .target
            .starts_with("/fhir/Condition?")
            .then(|| Told::of(200, &page.to_string()))
    });
    let reading = ReadingServer::new();
    let poller = reading.poller(&row(&relay, &json!([{ "search": "Condition" }])), None);
    let outlook = reading.round(&poller);
    assert_eq!((outlook.taken[0], outlook.refused), (3, 2), "{outlook:?}");
    assert_eq!(outlook.left_out.get("not-needed"), Some(&3));
    let refused: Vec<_> = outlook
        .refusals
        .iter()
        .map(|(what, _)| what.as_str())
        .collect();
    assert_eq!(refused, ["Condition/odd", "Condition/(hidden)"]);
    assert!(outlook.refusals[0].1.contains("code"), "{outlook:?}");
    // The overlap brings it again and again, and it is still one.
    for _ in 0..2 {
        let again = reading.round(&poller);
        assert_eq!((again.refused, &again.left_out), (2, &outlook.left_out));
    }
}

#[test]
fn a_deletion_is_followed_only_if_that_is_wished_and_only_of_what_was_read_there() {
    for (deletions, conditions) in [("keep", 1), ("follow", 0)] {
        let relay = source();
        let reading = ReadingServer::new();
        let mut upstream = row(&relay, &json!([{ "history": "system" }]));
        upstream["deletions"] = json!(deletions);
        let poller = reading.poller(&upstream, None);
        reading.round(&poller);
        let gone = relay
            .behind()
            .send("DELETE", "Condition/c", &[], Body::empty());
        assert!(gone.status.is_success(), "{}", gone.text);
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!(reading.total("Condition"), conditions, "{deletions}");
            assert_eq!(outlook.taken[3], 1 - conditions, "{deletions}");
            assert_eq!(
                outlook.left_out.contains_key("vanished"),
                deletions == "keep"
            );
        }
    }
}

#[test]
fn a_copy_keeps_the_ids() {
    let relay = source();
    let reading = ReadingServer::new();
    let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
    upstream["ids"] = json!("kept");
    reading.round(&reading.poller(&upstream, None));
    let condition = reading.facade.get("Condition/c").json();
    assert_eq!(condition["subject"]["reference"], "Patient/p");
}

#[test]
fn diagnoses_of_a_practice_go_through_intake_as_a_list_of_conditions() {
    let relay = source();
    let base = relay.base.clone();
    relay.answer(move |asked| {
        let mut copd = people::copd("c", "p", "2027-02-20");
        copd.as_object_mut().unwrap().remove("verificationStatus");
        let mut asthma = people::copd("a", "p", "2027-02-20");
        asthma["code"]["coding"][0]["code"] = json!("DJ459");
        let mut text = people::copd("t", "p", "2027-02-20");
        text["code"] = json!({ "text": "KOL" });
        let entries = [copd, asthma, text].map(|mut resource| {
            resource["meta"] = json!({ "lastUpdated": "2027-02-28T10:00:00Z" });
            json!({ "resource": resource })
        });
        let page = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries, "link": [{ "relation": "self", "url": base }] });
        let is_search = asked.target.starts_with("/fhir/Condition?");
        is_search.then(|| Told::of(200, &page.to_string()))
    });
    let reading = ReadingServer::new();
    let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
    upstream["conversion"] = json!("conditionlist");
    upstream["practice"] = people::practice("gp")["identifier"].clone();
    let poller = reading.poller(&upstream, None);
    let outlook = reading.round(&poller);
    assert_eq!(
        (outlook.trouble.clone(), outlook.refused),
        (None, 0),
        "{outlook:?}"
    );
    for reason in ["other-diagnosis", "needs-code"] {
        assert_eq!(outlook.left_out.get(reason), Some(&1), "{outlook:?}");
    }
    let condition = only(&reading, "Condition");
    assert_eq!(
        condition["verificationStatus"]["coding"][0]["code"],
        "confirmed"
    );
    assert_eq!(reading.total("Patient"), 1);
    let written = reading.versions();
    let outlook = reading.round(&poller);
    assert_eq!(reading.versions(), written, "{outlook:?}");
}

#[test]
fn what_was_refused_is_asked_for_again_and_taken_once_it_is_right() {
    for is_stopped in [false, true] {
        let relay = source();
        let odd = || {
            let mut odd = people::copd("c", "p", "2027-02-20");
            odd["code"]["coding"][0]["code"] = json!("DJ459");
            odd
        };
        let base = relay.base.clone();
        let page = move |entries: &[Value]| {
            let page = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries,
                "link": [{ "relation": "self", "url": base }] });
            Told::of(200, &page.to_string())
        };
        let is_search = |target: &str| target.starts_with("/fhir/Condition?");
        let all = page.clone();
        relay.answer(move |asked| {
            let entry = json!({ "resource": odd() });
            let is_read = asked.target == "/fhir/Condition/c";
            let read = is_read.then(|| Told::of(200, &odd().to_string()));
            read.or_else(|| is_search(&asked.target).then(|| all(&[entry])))
        });
        let reading = ReadingServer::new();
        let upstream = row(&relay, &json!([{ "search": "Condition" }]));
        let poller = reading.poller(&upstream, None);
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!(outlook.refused, 1, "{outlook:?}");
        }
        // It is right now, and no search tells of it any more.
        relay.answer(move |asked| is_search(&asked.target).then(|| page(&[])));
        relay.asked();
        drop(poller);
        let reading = if is_stopped {
            reading.restart()
        } else {
            reading
        };
        let poller = reading.poller(&upstream, None);
        for _ in 0..2 {
            reading.round(&poller);
            assert_eq!(reading.total("Condition"), 1, "stopped: {is_stopped}");
        }
        let asked = relay.asked();
        let again = asked.iter().filter(|one| one.target == "/fhir/Condition/c");
        assert_eq!(
            again.count(),
            1,
            "what is right is asked for no more: {asked:?}"
        );
    }
}

#[test]
fn resources_of_the_telemedicine_platform_are_evidence_and_nothing_of_them_is_stored() {
    let relay = source();
    let base = relay.base.clone();
    relay.answer(move |asked| {
        let profile = "http://ehealth.sundhed.dk/fhir/StructureDefinition/ehealth-condition";
        let of = |id: &str, code: &str| {
            let mut condition = people::copd(id, "p", "2027-02-20");
            condition["meta"] =
                json!({ "profile": [profile], "lastUpdated": "2027-02-28T10:00:00Z" });
            condition["code"]["coding"][0]["code"] = json!(code);
            json!({ "resource": condition })
        };
        let page = json!({ "resourceType": "Bundle", "type": "searchset",
            "entry": [of("c", "DJ449"), of("a", "DJ459")], "link": [{ "relation": "self", "url": base }] });
        let is_search = asked.target.starts_with("/fhir/Condition?");
        is_search.then(|| Told::of(200, &page.to_string()))
    });
    // Whether a diagnosis of the person is known, and what the platform's then says.
    for (is_known, reason) in [(false, "needs-diagnosis-date"), (true, "known-already")] {
        let reading = ReadingServer::new();
        if is_known {
            for resource in [
                people::practice("gp"),
                people::patient("known"),
                people::copd("own", "known", "2027-02-20"),
            ] {
                reading.facade.put_ok(&resource);
            }
        }
        let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
        upstream["conversion"] = json!("fut");
        let poller = reading.poller(&upstream, None);
        for _ in 0..2 {
            let outlook = reading.round(&poller);
            assert_eq!((outlook.trouble.clone(), outlook.refused), (None, 0));
            for reason in [reason, "other-diagnosis"] {
                assert_eq!(outlook.left_out.get(reason), Some(&1), "{outlook:?}");
            }
            assert_eq!(reading.total("Condition"), u64::from(is_known));
        }
    }
}
