//! Conditional create (<https://hl7.org/fhir/R4/http.html#ccreate>), and writers who meet.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use super::{NOW, changes, clinic, expect, identified, organization, person, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, plan, referral};

const QUERY: &str = "identifier=https://ehr.test/id|1";

fn create(facade: &Facade, query: &str) -> Reply {
    let sent = identified(without_id(copd("", "p", "2027-02-20")), "1");
    facade.send(
        "POST",
        "Condition",
        &[("if-none-exist", query)],
        sent.to_string(),
    )
}

#[test]
fn create_with_no_match_creates() {
    let facade = clinic();
    expect(&create(&facade, QUERY), 201);
    assert_eq!(facade.search_all("Condition").len(), 1);
}

#[test]
fn create_with_one_match_answers_200_with_it_and_writes_nothing() {
    let facade = clinic();
    let first = create(&facade, QUERY);
    let before = changes(&facade);
    for query in [
        QUERY,
        "?identifier=1",
        "Condition?identifier=1",
        "identifier=https%3A%2F%2Fehr.test%2Fid%7C1",
        "patient=p&code=DJ449",
        "http://localhost/fhir/Condition?identifier=1",
        "https://proxy.test:8443/r4/Condition?identifier=https%3A%2F%2Fehr.test%2Fid%7C1",
    ] {
        let reply = create(&facade, query);
        expect(&reply, 200);
        assert_eq!(reply.text, first.text);
        for name in ["location", "etag", "last-modified"] {
            assert_eq!(reply.header(name), first.header(name), "{name}");
        }
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn create_with_many_matches_is_412_and_writes_nothing() {
    let facade = clinic();
    for id in ["a", "b"] {
        facade.put_ok(&identified(copd(id, "p", "2027-02-20"), "1"));
    }
    let before = changes(&facade);
    let reply = create(&facade, QUERY);
    expect(&reply, 412);
    assert_eq!(reply.issues(), ["error multiple-matches"]);
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_deleted_resource_is_no_match() {
    let facade = clinic();
    let first = create(&facade, QUERY).json();
    facade.send(
        "DELETE",
        &format!("Condition/{}", first["id"].as_str().unwrap()),
        &[],
        Body::empty(),
    );
    let reply = create(&facade, QUERY);
    expect(&reply, 201);
    assert_ne!(reply.json()["id"], first["id"]);
}

#[test]
fn a_condition_that_cannot_be_honoured_never_creates() {
    let facade = clinic();
    let before = changes(&facade);
    for (query, status) in [
        ("", 412),
        ("?", 412),
        ("_count=1", 412),
        ("http://localhost/fhir/Condition?", 412),
        ("http://localhost/fhir/Patient?identifier=1", 400),
        ("http://localhost/fhir?identifier=1", 400),
        ("Patient?identifier=1", 400),
        ("colour=red", 400),
        ("identifier=%ff", 400),
        ("identifier=", 400),
    ] {
        expect(&create(&facade, query), status);
    }
    let sent = identified(without_id(copd("", "p", "2027-02-20")), "1").to_string();
    let request =
        || Request::post("/fhir/Condition").header("content-type", "application/fhir+json");
    let twice = request()
        .header("if-none-exist", QUERY)
        .header("if-none-exist", "identifier=2");
    expect(
        &facade.send_request(twice.body(Body::from(sent)).unwrap()),
        400,
    );
    assert_eq!(changes(&facade), before);
}

#[test]
fn criteria_in_the_address_mean_what_the_header_says() {
    let facade = clinic();
    let create = |query: &str, headers: &[(&str, &str)]| {
        let sent = identified(without_id(copd("", "p", "2027-02-20")), "1");
        facade.send(
            "POST",
            &format!("Condition?{query}"),
            headers,
            sent.to_string(),
        )
    };
    let first = create(&format!("{QUERY}&_format=json"), &[]);
    expect(&first, 201);
    let before = changes(&facade);
    let second = create(QUERY, &[]);
    expect(&second, 200);
    assert_eq!(
        (&second.text, second.header("location")),
        (&first.text, first.header("location"))
    );
    for (query, headers, status) in [
        (QUERY, [("if-none-exist", QUERY)].as_slice(), 400),
        ("colour=red", &[], 400),
        ("colour=red", &[("prefer", "handling=lenient")], 400),
        ("_count=1", &[], 412),
        ("patient.identifier=0405440001", &[], 400),
    ] {
        expect(&create(query, headers), status);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_match_may_hold_letters_that_are_not_ascii() {
    let facade = clinic();
    facade.put_ok(&identified(copd("a", "p", "2027-02-20"), "æ?ø"));
    let before = changes(&facade);
    let sent = identified(without_id(copd("", "p", "2027-02-20")), "æ?ø").to_string();
    // As text in UTF-8, in ISO-8859-1, and percent-encoded.
    for criteria in [
        "identifier=https://ehr.test/id|æ?ø".as_bytes(),
        b"identifier=https://ehr.test/id|\xe6?\xf8",
        b"identifier=https://ehr.test/id%7C%C3%A6%3F%C3%B8",
    ] {
        let request = Request::post("/fhir/Condition")
            .header("content-type", "application/fhir+json")
            // What is no UTF-8 may stand in any header.
            .header("prefer", b"return=minimal, note=\xf8".as_slice())
            .header("if-none-exist", criteria);
        let reply = facade.send_request(request.body(Body::from(sent.clone())).unwrap());
        expect(&reply, 200);
        assert_eq!(reply.header("preference-applied"), "return=minimal");
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn of_64_at_once_with_one_identifier_exactly_one_creates_and_all_name_it() {
    let facade = clinic();
    let replies: Vec<(u16, String)> = std::thread::scope(|scope| {
        let one = || {
            let reply = create(&facade, QUERY);
            (reply.status.as_u16(), reply.header("location").to_owned())
        };
        let senders: Vec<_> = (0..64).map(|_| scope.spawn(one)).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect()
    });
    let count = |status: u16| replies.iter().filter(|(found, _)| *found == status).count();
    assert_eq!((count(201), count(200)), (1, 63), "{replies:?}");
    assert_eq!(
        replies
            .iter()
            .map(|(_, location)| location)
            .collect::<BTreeSet<_>>()
            .len(),
        1
    );
    assert_eq!(facade.search_all("Condition").len(), 1);
    assert_eq!(facade.search_all("Task").len(), 1);
}

#[test]
fn of_64_transactions_at_once_with_one_identifier_exactly_one_creates() {
    let facade = Facade::at(NOW);
    let bundle = serde_json::json!({ "resourceType": "Bundle", "type": "transaction", "entry": [{
        "resource": without_id(person("", "0405440001")),
        "request": { "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:oid:1.2.208.176.1.2|0405440001" }
    }] });
    let statuses: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            facade.post(&bundle).json()["entry"][0]["response"]["status"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let senders: Vec<_> = (0..64).map(|_| scope.spawn(one)).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses
            .iter()
            .filter(|status| *status == "201 Created")
            .count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| *status == "200 OK").count(),
        63,
        "{statuses:?}"
    );
    assert_eq!(facade.search_all("Patient").len(), 1);
}

/// Returns the Tasks as `$rights` has them, without what a stored version has besides.
fn comparable(tasks: Vec<Value>) -> BTreeSet<String> {
    let plain = |mut task: Value| {
        for name in ["versionId", "lastUpdated"] {
            task["meta"].as_object_mut().unwrap().shift_remove(name);
        }
        task.as_object_mut().unwrap().shift_remove("lastModified");
        task.to_string()
    };
    tasks.into_iter().map(plain).collect()
}

#[test]
fn writers_on_one_person_at_once_never_lose_a_right() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    std::thread::scope(|scope| {
        for number in 0..16 {
            let facade = &facade;
            scope.spawn(move || match number % 4 {
                0 => facade.put_ok(&plan(&format!("plan-{number}"), "p", "c", "2027-02-25")),
                1 => facade.put_ok(&copd(&format!("c-{number}"), "p", "2027-02-21")),
                _ => facade.put_ok(&referral(&format!("s-{number}"), "p", "c", "2027-02-22")),
            });
        }
    });
    let tasks = facade.search_all("Task?patient=p");
    assert_eq!(tasks.len(), 9, "a treatment plan and eight referrals");
    let rights = facade.get("Patient/p/$rights");
    expect(&rights, 200);
    assert_eq!(comparable(tasks), comparable(rights.resources()));
}

#[test]
fn a_practice_that_gets_its_number_while_others_write_loses_no_right() {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("gp", "no practice yet"));
    facade.put_ok(&organization("region", "region"));
    facade.put_ok(&person("p", "0405440001"));
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    std::thread::scope(|scope| {
        let facade = &facade;
        for number in 0..8 {
            scope.spawn(move || {
                facade.put_ok(&referral(&format!("s-{number}"), "p", "c", "2027-02-22"))
            });
        }
        scope.spawn(move || facade.put_ok(&crate::support::people::practice("gp")));
    });
    let tasks = facade.search_all("Task?right=prevention-start");
    assert_eq!(tasks.len(), 8);
    assert_eq!(
        comparable(facade.search_all("Task")),
        comparable(facade.get("Patient/p/$rights").resources())
    );
}
