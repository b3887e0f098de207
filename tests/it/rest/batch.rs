//! batch (<https://hl7.org/fhir/R4/http.html#transaction>): entry by entry, each with its own
//! answer.

use serde_json::{Value, json};

use super::{changes, clinic, expect, identified, organization, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

fn send(facade: &Facade, entries: Value) -> Reply {
    let reply =
        facade.post(&json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }));
    expect(&reply, 200);
    assert_eq!(reply.json()["type"], "batch-response");
    reply
}

fn statuses(reply: &Reply) -> Vec<String> {
    let bundle = reply.json();
    bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_entry_succeeds_or_fails_by_itself_and_says_why() {
    let facade = clinic();
    let bad = json!({ "resourceType": "Condition", "id": "bad" });
    let reply = send(
        &facade,
        json!([
            { "resource": copd("good", "p", "2027-02-20"), "request": { "method": "PUT", "url": "Condition/good" } },
            { "resource": bad, "request": { "method": "PUT", "url": "Condition/bad" } },
            { "request": { "method": "GET", "url": "Patient/nope" } },
            { "request": { "method": "GET", "url": "Patient?identifier=0405440001" } },
            { "request": { "method": "GET", "url": "Patient/p" } },
            { "request": { "method": "GET", "url": "Patient/p", "ifNoneMatch": "W/\"1\"" } },
            { "request": { "method": "OPTIONS", "url": "Patient/p" } },
            { "resource": { "resourceType": "Task" }, "request": { "method": "POST", "url": "Task" } },
            { "request": { "method": "GET", "url": "Observation/1" } },
            { "request": { "method": "DELETE", "url": "Patient/never" } },
            { "resource": organization("region", "new"), "request": { "method": "PUT", "url": "Organization/region", "ifMatch": "W/\"7\"" } },
            { "request": { "method": "GET", "url": "Patient?colour=red" } },
            {},
            { "resource": without_id(organization("", "new")), "request": { "method": "POST", "url": "Organization" } },
        ]),
    );
    assert_eq!(
        statuses(&reply),
        [
            "201 Created",
            "422 Unprocessable Entity",
            "404 Not Found",
            "200 OK",
            "200 OK",
            "304 Not Modified",
            "405 Method Not Allowed",
            "405 Method Not Allowed",
            "404 Not Found",
            "204 No Content",
            "412 Precondition Failed",
            "400 Bad Request",
            "400 Bad Request",
            "201 Created",
        ]
    );
    for entry in reply.json()["entry"].as_array().unwrap() {
        let is_error = entry["response"]["status"].as_str().unwrap() >= "400";
        assert_eq!(
            entry["response"]["outcome"]["issue"][0]["severity"] == "error",
            is_error,
            "{entry}"
        );
    }
    expect(&facade.get("Condition/good"), 200);
    expect(&facade.get("Condition/bad"), 404);
    assert_eq!(reply.json()["entry"][3]["resource"]["total"], 1);
    assert_eq!(reply.json()["entry"][4]["resource"]["id"], "p");
}

#[test]
fn entries_of_a_batch_cannot_name_each_other() {
    let of_the_entry = |mut condition: Value| {
        condition["subject"]["reference"] = "urn:uuid:p".into();
        condition
    };
    let condition = copd("c", "p", "2027-02-20");
    let search = "subject=urn:uuid:p";
    for (resource, request, place) in [
        (
            of_the_entry(condition.clone()),
            json!({ "method": "PUT", "url": "Condition/c" }),
            Some("Condition.subject.reference"),
        ),
        (
            of_the_entry(without_id(condition.clone())),
            json!({ "method": "POST", "url": "Condition" }),
            Some("Condition.subject.reference"),
        ),
        (
            without_id(condition.clone()),
            json!({ "method": "POST", "url": "Condition", "ifNoneExist": search }),
            None,
        ),
        (
            without_id(condition),
            json!({ "method": "PUT", "url": format!("Condition?{search}") }),
            None,
        ),
        (
            Value::Null,
            json!({ "method": "DELETE", "url": format!("Condition?{search}") }),
            None,
        ),
    ] {
        let facade = clinic();
        let mut entry = json!({ "request": request });
        if !resource.is_null() {
            entry["resource"] = resource;
        }
        let person = json!({ "fullUrl": "urn:uuid:p", "resource": without_id(super::person("", "0606660003")),
            "request": { "method": "POST", "url": "Patient" } });
        let reply = send(&facade, json!([person, entry]));
        assert_eq!(
            statuses(&reply),
            ["201 Created", "422 Unprocessable Entity"],
            "{request}"
        );
        let issue = &reply.json()["entry"][1]["response"]["outcome"]["issue"][0];
        assert_eq!(issue["expression"][0].as_str(), place, "{issue}");
        let text = issue["details"]["text"].as_str().unwrap();
        assert!(text.contains("use a transaction"), "{text}");
    }
}

#[test]
fn conditional_creates_of_one_query_in_one_batch_make_one_resource() {
    let facade = clinic();
    let entry = json!({
        "resource": identified(without_id(copd("", "p", "2027-02-20")), "1"),
        "request": { "method": "POST", "url": "Condition", "ifNoneExist": "identifier=https://ehr.test/id|1" }
    });
    let reply = send(&facade, vec![entry; 40].into());
    let statuses = statuses(&reply);
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
        39,
        "{statuses:?}"
    );
    assert_eq!(facade.search_all("Condition").len(), 1);
}

#[test]
fn a_hundred_writes_about_one_person_in_one_batch_lose_nothing() {
    let facade = clinic();
    let entry = |number: usize| {
        let id = format!("c{number:02}");
        json!({ "resource": copd(&id, "p", "2027-02-20"), "request": { "method": "PUT", "url": format!("Condition/{id}") } })
    };
    let before = changes(&facade);
    let reply = send(&facade, (0..100).map(entry).collect::<Vec<_>>().into());
    assert_eq!(statuses(&reply), vec!["201 Created"; 100]);
    assert_eq!(facade.search_all("Condition").len(), 100);
    assert_eq!(facade.search_all("Task").len(), 1);
    assert!(changes(&facade) - before >= 100);
}

#[test]
fn the_reads_of_one_batch_find_no_more_than_they_may() {
    let facade = clinic();
    let mut large = organization("large", "x");
    large["alias"] = json!(vec!["x".repeat(1_000_000); 4]);
    facade.put_ok(&large);
    let read = json!({ "request": { "method": "GET", "url": "Organization/large" } });
    let search = json!({ "request": { "method": "GET", "url": "Organization?_id=large" } });
    let patient = json!({ "request": { "method": "GET", "url": "Patient/p" } });
    let reply = send(
        &facade,
        json!([vec![&read; 10], vec![&search; 10], vec![&patient]].concat()),
    );
    let statuses = statuses(&reply);
    assert_eq!(
        statuses[..20]
            .iter()
            .filter(|status| *status == "200 OK")
            .count(),
        16
    );
    assert_eq!(
        statuses[..20]
            .iter()
            .filter(|status| *status == "400 Bad Request")
            .count(),
        4
    );
    assert_eq!(
        statuses[20], "200 OK",
        "what is small is found all the same"
    );

    let before = changes(&facade);
    let put = json!({ "resource": organization("new", "new"), "request": { "method": "PUT", "url": "Organization/new" } });
    let entries = [vec![&put], vec![&read; 20]].concat();
    let reply =
        facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }));
    expect(&reply, 400);
    assert_eq!(reply.issues().len(), 4, "one for each that finds too much");
    assert_eq!(changes(&facade), before);
}
