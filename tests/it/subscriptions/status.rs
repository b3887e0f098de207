//! `$status` and `$events`: how a subscription stands and what it was told, by the store.

use axum::body::Body;
use frist::fhir::{Id, Resource, ResourceKey, Version};
use frist::interactions::upkeep::subscription_status::set_status;
use frist::storage::{ChangeSet, NewEvent, StoredContent, Write};
use frist::subscriptions::Status;
use serde_json::{Value, json};

use super::{
    GUIDE, TOPIC, ask, delete, event_numbers, filtered, items, parameter, shape, subscription,
};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, plan, practice};

const NOW: &str = "2027-03-01T09:00:00+01:00";

/// Makes a server with a subscription to everything, told of three events: a diagnosis, a plan, and
/// that there is none after all.
fn told_of_three() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&subscription("s"));
    facade.put_ok(&practice("gp"));
    facade.put_ok(&patient("p"));
    facade.put_ok(&copd("c", "p", "2027-02-01"));
    facade.put_ok(&plan("plan", "p", "c", "2027-02-20"));
    delete(&facade, "CarePlan/plan");
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![1, 2, 3], 1)
    );
    facade
}

/// Writes a Task of that size and tells the subscription of it so often, in one commit.
fn tell(facade: &Facade, subscription: &str, task: &str, bytes: usize, times: usize) {
    let key = ResourceKey::parse(&format!("Task/{task}")).unwrap();
    let value = json!({ "resourceType": "Task", "status": "requested", "intent": "order", "description": "x".repeat(bytes) });
    let body = Resource::made(value).stamped(&key.id, Version(1));
    let event = NewEvent {
        subscription: Id::parse(subscription).unwrap(),
        focus: key.clone(),
    };
    let write = Write {
        key,
        previous: None,
        method: frist::storage::Method::Put,
        content: Some(StoredContent {
            body,
            entries: vec![],
        }),
    };
    let changes = ChangeSet {
        writes: vec![write],
        events: vec![event; times],
        ..ChangeSet::at(facade.context().now)
    };
    facade.store().commit(changes).unwrap();
}

/// Returns the statuses in an answer, each as it should be.
fn statuses(facade: &Facade, path: &str) -> Vec<Value> {
    let reply = facade.get(path);
    assert_eq!(reply.status, 200, "{}", reply.text);
    let bundle = reply.json();
    assert_eq!(shape::refused_by_r4(&bundle), [""; 0], "{bundle:#}");
    assert_eq!(
        (&bundle["type"], &bundle["total"]),
        (&json!("searchset"), &json!(items(&bundle["entry"]).len()))
    );
    for entry in items(&bundle["entry"]) {
        assert_eq!(
            shape::unfit_status(&entry["resource"]),
            [""; 0],
            "{bundle:#}"
        );
        assert_eq!(entry["search"]["mode"], "match");
        assert_eq!(parameter(&entry["resource"], "type"), "query-status");
    }
    reply.resources()
}

fn ids(statuses: &[Value]) -> Vec<&str> {
    let reference = |status: &'_ Value| -> String {
        status["parameter"][0]["valueReference"]["reference"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut ids: Vec<_> = statuses
        .iter()
        .map(|status| reference(status).rsplit('/').next().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.into_iter().map(|id| &*id.leak()).collect()
}

#[test]
fn the_status_of_a_subscription_counts_its_events() {
    let facade = told_of_three();
    for reply in [
        facade.get("Subscription/s/$status"),
        ask(&facade, "Subscription/s/$status", json!([])),
    ] {
        let status = &reply.resources()[0];
        assert_eq!(shape::unfit_status(status), [""; 0], "{}", reply.text);
        let told = ["topic", "status", "type", "events-since-subscription-start"]
            .map(|name| parameter(status, name));
        assert_eq!(told, [TOPIC, "requested", "query-status", "3"]);
    }
    facade.put_ok(&subscription("s"));
    assert_eq!(
        parameter(
            &statuses(&facade, "Subscription/s/$status")[0],
            "events-since-subscription-start"
        ),
        "3",
        "sent again"
    );
    assert_eq!(facade.get("Subscription/none/$status").status, 404);
    delete(&facade, "Subscription/s");
    assert_eq!(facade.get("Subscription/s/$status").status, 410);
    facade.put_ok(&subscription("s"));
    assert_eq!(
        parameter(
            &statuses(&facade, "Subscription/s/$status")[0],
            "events-since-subscription-start"
        ),
        "0",
        "a new life"
    );
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![], 1)
    );
    facade.put_ok(&plan("plan", "p", "c", "2027-02-20"));
    assert_eq!(
        parameter(
            &statuses(&facade, "Subscription/s/$status")[0],
            "events-since-subscription-start"
        ),
        "1"
    );
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        (vec![1], 1)
    );
}

#[test]
fn a_status_in_error_says_what_is_wrong_and_goes_on_counting() {
    let facade = told_of_three();
    let (id, seen) = (Id::parse("s").unwrap(), Version(1));
    set_status(
        facade.server(),
        &facade.context(),
        &id,
        seen,
        Status::Error,
        Some("the endpoint answered 503"),
    )
    .unwrap()
    .unwrap();
    facade.put_ok(&plan("plan", "p", "c", "2027-02-20"));
    for path in [
        "Subscription/s/$status",
        "Subscription/$status?status=error",
    ] {
        let status = &statuses(&facade, path)[0];
        assert_eq!(
            ["status", "events-since-subscription-start"].map(|name| parameter(status, name)),
            ["error", "4"]
        );
        let errors: Vec<_> = items(&status["parameter"])
            .iter()
            .filter(|parameter| parameter["name"] == "error")
            .collect();
        assert_eq!(
            errors,
            [
                &json!({ "name": "error", "valueCodeableConcept": { "text": "the endpoint answered 503" } })
            ]
        );
    }
    let events = facade.get("Subscription/s/$events").json();
    assert_eq!(
        parameter(&events["entry"][0]["resource"], "status"),
        "error"
    );
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events").0,
        [1, 2, 3, 4],
        "kept while it is in error"
    );
}

#[test]
fn a_subscription_is_created_as_requested_by_post_and_by_put() {
    let facade = Facade::at(NOW);
    let mut sent = subscription("s");
    for reply in [
        facade.put(&sent),
        facade.send("POST", "Subscription", &[], sent.to_string()),
    ] {
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["status"]),
            (201, &json!("requested")),
            "{}",
            reply.text
        );
        assert!(
            reply
                .header("location")
                .starts_with(&format!("{BASE}/Subscription/")),
            "{}",
            reply.header("location")
        );
        for member in ["reason", "criteria", "channel"] {
            assert_eq!(reply.json()[member], sent[member], "as it was sent");
        }
    }
    // By id, if nothing is said of how much is told.
    sent["id"] = json!("silent");
    sent["channel"]
        .as_object_mut()
        .unwrap()
        .shift_remove("_payload");
    facade.put_ok(&sent);
    facade.put_ok(&practice("gp"));
    facade.put_ok(&patient("p"));
    facade.put_ok(&copd("c", "p", "2027-02-01"));
    let told = |path: &str| items(&facade.get(path).json()["entry"])[1..].to_vec();
    assert_eq!(told("Subscription/silent/$events").len(), 1);
    assert_eq!(
        told("Subscription/silent/$events"),
        told("Subscription/s/$events?content=id-only")
    );
}

#[test]
fn the_statuses_of_all_subscriptions_can_be_asked_for() {
    let facade = Facade::at(NOW);
    for id in ["a", "b", "c"] {
        facade.put_ok(&subscription(id));
    }
    let mut off = subscription("d");
    off["status"] = json!("off");
    facade.put_ok(&off);
    for (query, expected) in [
        ("", &["a", "b", "c", "d"][..]),
        ("?id=a", &["a"]),
        ("?id=a&id=c", &["a", "c"]),
        ("?id=a,d", &["a", "d"]),
        ("?status=off", &["d"]),
        ("?status=requested,off&id=d,b", &["b", "d"]),
        ("?status=active", &[]),
        ("?id=nothing", &[]),
    ] {
        assert_eq!(
            ids(&statuses(&facade, &format!("Subscription/$status{query}"))),
            expected,
            "{query}"
        );
    }
    let asked = json!([{ "name": "id", "valueId": "b" }, { "name": "id", "valueId": "d" }, { "name": "status", "valueCode": "off" }]);
    assert_eq!(
        ids(&ask(&facade, "Subscription/$status", asked).resources()),
        ["d"]
    );
    for wrong in ["?id=a b", "?status=on", "?name=x"] {
        assert_eq!(
            facade
                .get(&format!(
                    "Subscription/$status{}",
                    wrong.replace(' ', "%20")
                ))
                .status,
            400,
            "{wrong}"
        );
    }
}

#[test]
fn events_are_told_from_one_number_to_another_both_included() {
    let facade = told_of_three();
    for (query, expected) in [
        ("", &[1, 2, 3][..]),
        ("?eventsSinceNumber=2", &[2, 3]),
        ("?eventsUntilNumber=2", &[1, 2]),
        ("?eventsSinceNumber=2&eventsUntilNumber=2", &[2]),
        ("?eventsSinceNumber=0", &[1, 2, 3]),
        ("?eventsSinceNumber=3&eventsUntilNumber=99", &[3]),
        ("?eventsSinceNumber=4", &[]),
        (
            "?eventsSinceNumber=4000000000000&eventsUntilNumber=4000000000001",
            &[],
        ),
        ("?eventsUntilNumber=0", &[]),
    ] {
        assert_eq!(
            event_numbers(&facade, &format!("Subscription/s/$events{query}")).0,
            expected,
            "{query}"
        );
    }
    let asked = json!([{ "name": "eventsSinceNumber", "valueString": "2" }, { "name": "eventsUntilNumber", "valueInteger": 2 }]);
    let bundle = ask(&facade, "Subscription/s/$events", asked).json();
    let status = &bundle["entry"][0]["resource"];
    let told =
        ["status", "type", "events-since-subscription-start"].map(|name| parameter(status, name));
    assert_eq!(told, ["requested", "query-event", "3"]);
    assert_eq!(items(&bundle["entry"]).len(), 2);
    for wrong in [
        "eventsSinceNumber=x",
        "eventsSinceNumber=-1",
        "eventsSinceNumber=1.5",
        "eventsUntilNumber=",
        "content=all",
        "since=1",
    ] {
        assert_eq!(
            facade
                .get(&format!("Subscription/s/$events?{wrong}"))
                .status,
            400,
            "{wrong}"
        );
    }
    for wrong in [
        "eventsSinceNumber=3&eventsUntilNumber=2",
        "eventsSinceNumber=1&eventsSinceNumber=2",
        "content=empty&content=empty",
    ] {
        assert_eq!(
            facade
                .get(&format!("Subscription/s/$events?{wrong}"))
                .status,
            400,
            "{wrong}"
        );
    }
    assert_eq!(facade.get("Subscription/none/$events").status, 404);
    assert_eq!(
        facade
            .send("PUT", "Subscription/s/$events", &[], Body::empty())
            .status,
        405
    );
}

#[test]
fn events_are_told_with_the_content_that_is_asked_for() {
    let facade = told_of_three();
    let entries = |query: &str| {
        items(&facade.get(&format!("Subscription/s/$events{query}")).json()["entry"]).to_vec()
    };
    assert_eq!(entries("?content=empty").len(), 1);
    let by_id = entries("");
    assert_eq!(
        by_id,
        entries("?content=id-only").as_slice(),
        "as the subscription says"
    );
    assert!(
        by_id[1..]
            .iter()
            .all(|entry| entry.get("resource").is_none())
    );
    let full = facade.get("Subscription/s/$events?content=full-resource");
    let told = &items(&full.json()["entry"])[1..].to_vec();
    for (entry, (version, status)) in
        told.iter()
            .zip([("1", "due-soon"), ("2", "met"), ("3", "due-soon")])
    {
        let task = &entry["resource"];
        assert_eq!(
            (
                &task["meta"]["versionId"],
                super::events::business_status(task)
            ),
            (&json!(version), status)
        );
        assert_eq!(
            entry["fullUrl"],
            format!("{BASE}/Task/{}", task["id"].as_str().unwrap())
        );
        let stored = facade
            .get(&format!(
                "Task/{}/_history/{version}",
                task["id"].as_str().unwrap()
            ))
            .text;
        assert!(
            full.text.contains(&stored),
            "the bytes of the version: {stored}"
        );
    }
    for text in [
        facade.get("Subscription/s/$events").text,
        facade.get("Subscription/s/$events?content=empty").text,
    ] {
        assert!(
            !text.contains("0405440001") && !text.contains("Nr1") && !text.contains("Patient/"),
            "{text}"
        );
    }
}

#[test]
fn an_answer_that_is_too_long_says_where_it_goes_on() {
    let facade = Facade::at(NOW);
    facade.put_ok(&subscription("s"));
    tell(&facade, "s", "many", 10, 2_500);
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events"),
        ((1..=2_500).collect(), 3)
    );
    assert_eq!(
        event_numbers(&facade, "Subscription/s/$events?eventsSinceNumber=1501").1,
        1
    );
    assert_eq!(
        event_numbers(
            &facade,
            "Subscription/s/$events?eventsSinceNumber=100&eventsUntilNumber=1100&content=empty"
        ),
        ((100..=1_100).collect(), 2)
    );
    facade.put_ok(&subscription("large"));
    tell(&facade, "large", "large", 1024 * 1024, 20);
    let (numbers, pages) =
        event_numbers(&facade, "Subscription/large/$events?content=full-resource");
    assert_eq!((numbers, pages), ((1..=20).collect(), 2), "16 MiB at once");
}

#[test]
fn a_subscription_is_found_by_its_address_and_its_status() {
    let facade = Facade::at(NOW);
    facade.put_ok(&filtered("s", &["Task?business-status=overdue"]));
    for (query, expected) in [
        ("url=https://ehr.example.org/hooks/frist", 1),
        ("url=https://other", 0),
        ("status=requested", 1),
        ("status=off", 0),
    ] {
        assert_eq!(
            facade.search_all(&format!("Subscription?{query}")).len(),
            expected,
            "{query}"
        );
    }
}

#[test]
fn the_capability_statement_says_how_to_subscribe() {
    let facade = Facade::at(NOW);
    let statement = facade.get("metadata").json();
    let guide = GUIDE.strip_suffix("/StructureDefinition").unwrap();
    let server = json!(format!(
        "{guide}/CapabilityStatement/backport-subscription-server-r4"
    ));
    assert!(items(&statement["instantiates"]).contains(&server));
    let resource = items(&statement["rest"][0]["resource"])
        .iter()
        .find(|resource| resource["type"] == "Subscription")
        .unwrap();
    let topic = json!([{ "url": format!("{GUIDE}/capabilitystatement-subscriptiontopic-canonical"), "valueCanonical": TOPIC }]);
    assert_eq!(resource["extension"], topic);
    assert_eq!(
        resource["supportedProfile"],
        json!([format!("{GUIDE}/backport-subscription")])
    );
    for name in ["status", "events"] {
        let definition = format!("{guide}/OperationDefinition/backport-subscription-{name}");
        assert!(
            items(&resource["operation"])
                .contains(&json!({ "name": name, "definition": definition })),
            "{resource:#}"
        );
    }
    for (path, methods) in [
        ("/Subscription/$status", &["get", "post"][..]),
        ("/Subscription/{id}/$status", &["get", "post"]),
        ("/Subscription/{id}/$events", &["get", "post"]),
    ] {
        let document = facade.get("/openapi.json").json();
        assert!(
            methods
                .iter()
                .all(|method| document["paths"][path][*method].is_object()),
            "{path}"
        );
    }
    assert_eq!(facade.get("Subscription/$events").status, 404);
    assert_eq!(facade.get("Patient/$status").status, 404);
}

#[test]
fn the_secret_of_signatures_is_told_and_kept_nowhere() {
    let facade = Facade::at(NOW);
    facade.put_ok(&subscription("s"));
    facade.put_ok(&subscription("t"));
    let secret = |id: &str| {
        let reply = facade.get(&format!("Subscription/{id}/$webhook-secret"));
        assert_eq!(
            (reply.status.as_u16(), reply.header("cache-control")),
            (200, "no-store"),
            "{}",
            reply.text
        );
        assert_eq!(shape::refused_by_r4(&reply.json()), [""; 0]);
        let secret = parameter(&reply.json(), "secret").to_owned();
        assert!(
            secret.starts_with("whsec_") && secret.len() >= 6 + 32,
            "{secret}"
        );
        secret
    };
    let first = secret("s");
    assert_eq!(
        parameter(
            &ask(&facade, "Subscription/s/$webhook-secret", json!([])).json(),
            "secret"
        ),
        first
    );
    let posted = facade.send("POST", "Subscription/s/$webhook-secret", &[], Body::empty());
    assert_eq!(
        (posted.status.as_u16(), posted.header("cache-control")),
        (200, "no-store")
    );
    assert_ne!(secret("t"), first);
    facade.put_ok(&filtered("s", &["Task?business-status=overdue"]));
    assert_eq!(secret("s"), first, "it stays");
    for path in [
        "Subscription/s",
        "Subscription/s/_history",
        "Subscription/s/$status",
        "Subscription/s/$events",
    ] {
        assert!(!facade.get(path).text.contains("whsec_"), "{path}");
    }
    assert_eq!(facade.get("Subscription/s/$webhook-secret?x=1").status, 400);
    delete(&facade, "Subscription/s");
    assert_eq!(facade.get("Subscription/s/$webhook-secret").status, 410);
    facade.put_ok(&subscription("s"));
    assert_ne!(secret("s"), first, "another life");
    let mut websocket = subscription("w");
    websocket["channel"]["type"] = json!("websocket");
    websocket["channel"]
        .as_object_mut()
        .unwrap()
        .shift_remove("endpoint");
    facade.put_ok(&websocket);
    assert_eq!(
        facade.get("Subscription/w/$webhook-secret").issues(),
        ["error business-rule Subscription.channel.type"]
    );
}
