//! A client that reads a Subscription and writes it back: what it leaves as it was begins nothing
//! anew, and no state changes without anyone having said so.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use frist::fhir::Id;
use frist::interactions::upkeep::subscription_status::set_status;
use frist::subscriptions::Status;
use serde_json::{Value, json};

use super::{GUIDE, event_numbers, filtered, items, subscription};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient, practice};

const NOW: &str = "2027-03-01T09:00:00+01:00";
const REASON: &str = "the endpoint answered 503";

/// Lets the server itself say how the Subscription `s` stands.
fn server_sets(facade: &Facade, status: Status) {
    let id = Id::parse("s").unwrap();
    loop {
        let seen = facade
            .store()
            .read(&frist::fhir::ResourceKey::parse("Subscription/s").unwrap())
            .unwrap()
            .unwrap()
            .version;
        let error = (status == Status::Error).then_some(REASON);
        if set_status(facade.server(), &facade.context(), &id, seen, status, error)
            .unwrap()
            .is_some()
        {
            return;
        }
    }
}

/// Makes a server with the Subscription `s` to which that happened.
fn standing(status: Status) -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&subscription("s"));
    server_sets(&facade, status);
    facade
}

fn read(facade: &Facade) -> Value {
    facade.get("Subscription/s").json()
}

fn with_contact(mut subscription: Value, number: usize) -> Value {
    subscription["contact"] = json!([{ "system": "phone", "value": number.to_string() }]);
    subscription
}

#[track_caller]
fn expect_refused(reply: &Reply, expression: &str, text: &str) {
    assert_eq!(reply.status, 422, "{}", reply.text);
    let errors: Vec<_> = reply
        .issues()
        .into_iter()
        .filter(|issue| issue.starts_with("error"))
        .collect();
    assert_eq!(
        errors,
        [format!("error business-rule {expression}")],
        "{}",
        reply.text
    );
    assert!(
        reply.text.contains(text),
        "expected «{text}» in {}",
        reply.text
    );
}

fn patch(facade: &Facade, steps: &Value) -> Reply {
    facade.send(
        "PATCH",
        "Subscription/s",
        &[("content-type", "application/json-patch+json")],
        steps.to_string(),
    )
}

#[test]
fn what_was_read_can_be_written_back_whatever_its_status() {
    for status in [
        Status::Requested,
        Status::Active,
        Status::Error,
        Status::Off,
    ] {
        let facade = standing(status);
        let stored = read(&facade);
        assert_eq!(facade.put_ok(&stored).json(), stored, "nothing is written");
        let stands = |value: &Value| {
            assert_eq!(value["status"], status.as_str(), "{value:#}");
            assert_eq!(
                value["error"],
                if status == Status::Error {
                    json!(REASON)
                } else {
                    Value::Null
                },
                "{value:#}"
            );
        };
        facade.put_ok(&with_contact(stored, 1));
        stands(&read(&facade));
        let patched = patch(
            &facade,
            &json!([{ "op": "replace", "path": "/reason", "value": "To call people" }]),
        );
        assert_eq!(patched.status, 200, "{}", patched.text);
        let labels = json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": { "tag": [{ "code": "x" }] } }] });
        for (operation, tags) in [("$meta-add", 1), ("$meta-delete", 0)] {
            let reply = facade.send(
                "POST",
                &format!("Subscription/s/{operation}"),
                &[],
                labels.to_string(),
            );
            assert_eq!(
                (
                    reply.status.as_u16(),
                    items(&read(&facade)["meta"]["tag"]).len()
                ),
                (200, tags),
                "{}",
                reply.text
            );
            stands(&read(&facade));
        }
        let written = read(&facade);
        assert_eq!(
            (&written["reason"], &written["contact"][0]["value"]),
            (&json!("To call people"), &json!("1"))
        );
        assert_eq!(
            written["meta"]["versionId"],
            if status == Status::Requested {
                "5"
            } else {
                "6"
            }
        );
    }
}

#[test]
fn what_asks_for_something_else_has_to_be_requested() {
    for status in [Status::Active, Status::Error] {
        let facade = standing(status);
        let extension = |name: &str, member: &str, value: Value| json!([{ "url": format!("{GUIDE}/{name}"), member: value }]);
        let filter = extension(
            "backport-filter-criteria",
            "valueString",
            json!("Task?business-status=overdue"),
        );
        for (pointer, value) in [
            ("/_criteria", json!({ "extension": filter })),
            ("/end", json!("2028-01-01T00:00:00Z")),
            (
                "/channel/endpoint",
                json!("https://ehr.example.org/elsewhere"),
            ),
            ("/channel/header", json!(["X-Ward: 7"])),
            ("/channel/payload", json!("application/json")),
            (
                "/channel/_payload/extension",
                extension("backport-payload-content", "valueCode", json!("empty")),
            ),
            (
                "/channel/extension",
                extension("backport-heartbeat-period", "valueUnsignedInt", json!(60)),
            ),
        ] {
            let stored = read(&facade);
            let mut asked = stored.clone();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let parent = if parent.is_empty() {
                &mut asked
            } else {
                asked.pointer_mut(parent).unwrap()
            };
            parent[member] = value;
            expect_refused(
                &facade.put(&asked),
                "Subscription.status",
                "a subscription that asks for anything else begins with a handshake",
            );
            assert_eq!(read(&facade), stored);
            asked["status"] = json!("requested");
            facade.put_ok(&asked);
            assert_eq!(read(&facade)["status"], "requested", "{pointer}");
            server_sets(&facade, status);
        }
    }
}

#[test]
fn a_status_that_the_subscription_has_not_is_refused_and_says_how_it_stands() {
    let expected = [
        (
            Status::Requested,
            "active",
            "the Subscription is 'requested'",
        ),
        (Status::Error, "active", "the Subscription is 'error'"),
        (Status::Active, "error", "the Subscription is 'active'"),
        (Status::Off, "active", "the Subscription is 'off'"),
    ];
    for (stands, said, text) in expected {
        let facade = standing(stands);
        let mut sent = read(&facade);
        sent["status"] = json!(said);
        expect_refused(&facade.put(&sent), "Subscription.status", text);
        expect_refused(
            &patch(
                &facade,
                &json!([{ "op": "replace", "path": "/status", "value": said }]),
            ),
            "Subscription.status",
            text,
        );
    }
    let facade = standing(Status::Active);
    super::delete(&facade, "Subscription/s");
    let mut again = subscription("s");
    again["status"] = json!("active");
    expect_refused(
        &facade.put(&again),
        "Subscription.status",
        "expected 'requested' or 'off'",
    );
    expect_refused(
        &facade.send("POST", "Subscription", &[], again.to_string()),
        "Subscription.status",
        "expected 'requested' or 'off'",
    );
}

#[test]
fn an_error_stays_with_its_reason_until_the_client_asks_again() {
    let facade = standing(Status::Error);
    let stored = read(&facade);
    let mut without = stored.clone();
    without.as_object_mut().unwrap().shift_remove("error");
    for wrong in [without, {
        let mut other = stored.clone();
        other["error"] = json!("none");
        other
    }] {
        expect_refused(
            &facade.put(&wrong),
            "Subscription.error",
            "expected the stored text",
        );
    }
    assert_eq!(read(&facade), stored);
    let asked = patch(
        &facade,
        &json!([{ "op": "replace", "path": "/status", "value": "requested" }]),
    );
    assert_eq!(
        (asked.status.as_u16(), &asked.json()["status"]),
        (200, &json!("requested")),
        "{}",
        asked.text
    );
}

#[test]
fn if_match_decides_between_a_client_and_the_server() {
    let facade = standing(Status::Active);
    let (stored, etag) = (
        read(&facade),
        facade.get("Subscription/s").header("etag").to_owned(),
    );
    server_sets(&facade, Status::Error);
    for sent in [&stored, &subscription("s")] {
        assert_eq!(
            facade
                .send(
                    "PUT",
                    "Subscription/s",
                    &[("if-match", &etag)],
                    sent.to_string()
                )
                .status,
            412
        );
    }
    expect_refused(&facade.put(&stored), "Subscription.status", "read it again");
    assert_eq!(read(&facade)["status"], "error");
}

#[test]
fn bundles_and_conditional_updates_write_back_by_the_same_rule() {
    let facade = standing(Status::Active);
    let url = "Subscription?url=https://ehr.example.org/hooks/frist";
    let bundle = |kind: &str, url: &str, resource: &Value| {
        let entry = json!({ "resource": resource, "request": { "method": "PUT", "url": url } });
        facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }))
    };
    let status = |reply: &Reply| {
        reply.json()["entry"][0]["response"]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for (number, url) in ["Subscription/s", url].into_iter().enumerate() {
        let right = with_contact(read(&facade), number);
        let mut wrong = with_contact(read(&facade), 99);
        wrong["channel"]["endpoint"] = json!("https://ehr.example.org/elsewhere");
        assert_eq!(
            bundle("transaction", url, &wrong).issues(),
            ["error business-rule Bundle.entry[0].resource.status"]
        );
        assert!(status(&bundle("batch", url, &wrong)).starts_with("422"));
        expect_refused(
            &facade.send("PUT", url, &[], wrong.to_string()),
            "Subscription.status",
            "begins with a handshake",
        );
        assert!(status(&bundle("transaction", url, &right)).starts_with("200"));
        assert!(
            status(&bundle(
                "batch",
                url,
                &with_contact(right.clone(), number + 10)
            ))
            .starts_with("200")
        );
        assert_eq!(
            facade
                .send(
                    "PUT",
                    url,
                    &[],
                    with_contact(right, number + 20).to_string()
                )
                .status,
            200
        );
        let written = read(&facade);
        assert_eq!(
            (&written["status"], &written["contact"][0]["value"]),
            (&json!("active"), &json!((number + 20).to_string()))
        );
    }
}

#[test]
fn a_subscription_that_is_active_can_be_validated_and_deleted() {
    let facade = standing(Status::Active);
    let validated = facade.send(
        "POST",
        "Subscription/s/$validate?mode=update",
        &[],
        with_contact(read(&facade), 30).to_string(),
    );
    assert!(
        !validated
            .issues()
            .iter()
            .any(|issue| issue.starts_with("error")),
        "{}",
        validated.text
    );
    assert_eq!(
        facade
            .send("DELETE", "Subscription/s", &[], Body::empty())
            .status,
        204
    );
}

#[test]
fn no_client_changes_a_state_that_the_server_sets_at_the_same_time() {
    let facade = standing(Status::Active);
    let attempts = AtomicUsize::new(0);
    let written = std::thread::scope(|threads| {
        let client = threads.spawn(|| {
            let write_back = |number| {
                attempts.store(number, Ordering::SeqCst);
                facade.put(&with_contact(read(&facade), number)).status == 200
            };
            (0..100).filter(|number| write_back(*number)).count()
        });
        // One change of the state somewhere in each attempt but the first.
        for (attempt, status) in (1..100).zip([Status::Error, Status::Active].into_iter().cycle()) {
            while attempts.load(Ordering::SeqCst) < attempt {
                std::thread::yield_now();
            }
            server_sets(&facade, status);
        }
        client.join().unwrap()
    });
    assert!(written > 0, "no write of the client was accepted");
    let mut versions: Vec<_> = facade.search_all("Subscription/s/_history?_count=1000");
    versions.reverse();
    let kept = versions
        .windows(2)
        .filter(|pair| pair[0]["contact"] != pair[1]["contact"]);
    let changed = kept
        .clone()
        .filter(|pair| {
            pair[0]["status"] != pair[1]["status"] || pair[0]["error"] != pair[1]["error"]
        })
        .count();
    assert_eq!((kept.count(), changed), (written, 0));
}

#[test]
fn events_go_on_being_numbered_for_what_is_written_back() {
    let facade = Facade::at(NOW);
    facade.put_ok(&filtered("s", &["Task?owner=Organization/gp"]));
    facade.put_ok(&practice("gp"));
    for (number, status) in [Status::Active, Status::Error, Status::Active]
        .into_iter()
        .enumerate()
    {
        server_sets(&facade, status);
        facade.put_ok(&with_contact(read(&facade), number));
        let person = format!("p{number}");
        facade.put_ok(&patient(&person));
        facade.put_ok(&copd(&format!("c{number}"), &person, "2027-02-20"));
        assert_eq!(
            event_numbers(&facade, "Subscription/s/$events").0,
            (1..=number as u64 + 1).collect::<Vec<_>>()
        );
    }
}
