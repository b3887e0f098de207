//! Subscriptions at another server: a notification makes a round begin, and is believed nothing.

use axum::body::Body;
use serde_json::{Value, json};
use std::sync::Arc;

use super::relay::Told;
use super::{NOW, ReadingServer, row, source};
use crate::support::facade::Facade;

#[test]
fn a_server_is_asked_to_notify_and_only_who_knows_the_secret_wakes() {
    let relay = source();
    relay.answer(|asked| {
        let is_subscription = asked.target.starts_with("/fhir/Subscription/");
        is_subscription.then(|| match asked.method.as_str() {
            "PUT" => Told::of(201, &asked.body),
            _ => Told::of(404, ""),
        })
    });
    let reading = ReadingServer::new();
    let mut upstream = row(&relay, &json!([{ "search": "Condition" }]));
    upstream["subscribe"] =
        json!({ "criteria": ["Condition?"], "endpoint": "https://frist.example.dk" });
    let poller = reading.poller(&upstream, None);
    let outlook = reading.round(&poller);
    assert_eq!(outlook.subscription.as_deref(), Some("requested"));
    let asked = relay.asked();
    let asked: Vec<_> = asked.iter().filter(|asked| asked.method == "PUT").collect();
    assert_eq!(asked.len(), 1);
    let sent: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(
        sent["channel"]["endpoint"],
        "https://frist.example.dk/upstreams/ehr/notified"
    );
    assert!(
        sent["channel"].get("payload").is_none(),
        "nothing of persons comes this way"
    );
    assert!(asked[0].target.ends_with(sent["id"].as_str().unwrap()));
    let header = sent["channel"]["header"][0].as_str().unwrap().to_owned();
    let secret = header.strip_prefix("Authorization: ").unwrap();
    let facade = Facade::at(NOW).reading(vec![Arc::clone(&poller.account)]);
    for (path, said, expected) in [
        ("/upstreams/ehr/notified", secret, 204),
        ("/upstreams/ehr/notified", "Bearer x", 404),
        ("/upstreams/other/notified", secret, 404),
    ] {
        let reply = facade.send("POST", path, &[("authorization", said)], Body::empty());
        assert_eq!(reply.status.as_u16(), expected, "{path} {said}");
    }
    assert_eq!(facade.get("/upstreams/ehr/notified").status.as_u16(), 405);
    // One that is active is left alone, one in error is asked for again.
    for (status, writes) in [("active", 0), ("error", 1), ("off", 1), ("requested", 0)] {
        relay.answer(move |asked| {
            let body = if asked.method == "PUT" {
                asked.body.clone()
            } else {
                json!({ "status": status }).to_string()
            };
            asked
                .target
                .starts_with("/fhir/Subscription/")
                .then(|| Told::of(200, &body))
        });
        reading.round(&poller);
        let asked = relay.asked();
        let put = asked.iter().filter(|asked| asked.method == "PUT").count();
        assert_eq!(put, writes, "{status}");
    }
}
