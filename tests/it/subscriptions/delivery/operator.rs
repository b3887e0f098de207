//! The operator's view of delivery, and the events that an operator sends again; and the secret of a
//! subscriber.

use axum::body::Body;
use axum::http::Request;
use frist::fhir::Id;
use frist::subscriptions::signing::webhook_secret;

use super::delivering_server::{DeliveringServer, subscription};
use super::endpoint::{Answer, Endpoint};
use crate::support::facade::BASE;

fn get(server: &DeliveringServer, path: &str) -> String {
    let (status, text) = server.ask(Request::get(path).body(Body::empty()).unwrap());
    assert_eq!(status, 200, "{text}");
    text
}

/// Returns the value of a metric.
fn metric(server: &DeliveringServer, name: &str) -> f64 {
    let text = get(server, "/metrics");
    let line = text
        .lines()
        .find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// Sends the form of the page, sent from a page of that origin.
fn send_form(server: &DeliveringServer, origin: Option<&str>, form: &str) -> (u16, String) {
    let mut request = Request::post("/fhir/Subscription/s/$resend")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    server.ask(request.body(Body::from(form.to_owned())).unwrap())
}

#[test]
fn an_operator_sees_what_waits_and_why_and_no_secret() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    let address = format!("{}?token=of-the-test", endpoint.url());
    let mut asked = subscription("s", &address);
    asked["channel"]["header"] = serde_json::json!(["Authorization: Bearer of-the-test"]);
    server.put(&asked);
    server.until("s", "active");
    endpoint.expect("handshake");
    let first = server.change("s");
    endpoint.numbers_until(first);
    endpoint.answer(|_| Answer::Status(500));
    let last = server.change("s");
    endpoint.expect("event-notification");
    // Counted after its endpoint has answered.
    while metric(&server, "frist_subscription_messages_failed_total") < 1.0 {}
    assert_eq!(
        metric(&server, "frist_subscriptions{status=\"active\"}"),
        1.0
    );
    assert_eq!(
        metric(&server, "frist_subscriptions{status=\"error\"}"),
        0.0
    );
    assert_eq!(metric(&server, "frist_subscriptions_failing"), 1.0);
    assert_eq!(
        metric(&server, "frist_subscription_queue_events"),
        (last - first) as f64
    );
    assert_eq!(
        metric(&server, "frist_subscription_events_total"),
        last as f64
    );
    assert_eq!(
        metric(&server, "frist_subscription_events_delivered_total"),
        first as f64
    );
    assert_eq!(
        metric(&server, "frist_subscription_delivery_seconds_count"),
        first as f64
    );
    assert_eq!(
        metric(
            &server,
            "frist_subscription_delivery_seconds_bucket{le=\"+Inf\"}"
        ),
        first as f64
    );
    assert!(metric(&server, "frist_subscription_oldest_undelivered_seconds") >= 0.0);
    let page = get(&server, "/");
    let host = endpoint.url().trim_end_matches("/notified").to_owned();
    for shown in [
        "<td>s</td><td>active</td>",
        &format!("<td>{host}</td>"),
        "the endpoint answered 500",
        "$resend",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        !page.contains("of-the-test") && !page.contains("notified"),
        "{page}"
    );
}

#[test]
fn an_operator_sends_events_again_and_no_foreign_page_does() {
    let (server, endpoint) = (DeliveringServer::new(), Endpoint::up());
    server.put(&subscription("s", &endpoint.url()));
    server.until("s", "active");
    endpoint.expect("handshake");
    let last = server.change("s");
    let message = endpoint.expect("event-notification");
    while metric(&server, "frist_subscription_events_delivered_total") < last as f64 {}
    let range = "eventsSinceNumber=1&eventsUntilNumber=1";
    let own = BASE.trim_end_matches("/fhir");
    for (origin, form, status) in [
        (Some("https://evil.example"), range, 403),
        (Some("null"), range, 403),
        (Some(own), "eventsSinceNumber=1", 400),
        (
            Some(own),
            "eventsSinceNumber=1&eventsUntilNumber=1&x=1",
            400,
        ),
        (Some(own), "eventsSinceNumber=2&eventsUntilNumber=1", 422),
        (Some(own), "eventsSinceNumber=1&eventsUntilNumber=1000", 422),
    ] {
        let (answered, text) = send_form(&server, origin, form);
        assert_eq!(answered, status, "{origin:?} {form}: {text}");
    }
    let (status, text) = server.ask(
        Request::get(format!("/fhir/Subscription/s/$resend?{range}"))
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(status, 405, "{text}");
    assert!(endpoint.unread().is_empty());
    for origin in [Some(own), None] {
        assert_eq!(send_form(&server, origin, range).0, 200);
        let again = endpoint.expect("event-notification");
        assert_eq!((again.id(), again.numbers()), (message.id(), vec![1]));
    }
}

#[test]
fn a_subscriber_learns_its_secret() {
    let server = DeliveringServer::new();
    let mut asked = subscription("s", "https://ehr.example.org/hook");
    asked["status"] = "off".into();
    server.put(&asked);
    let text = get(&server, "/fhir/Subscription/s/$webhook-secret");
    let secret = webhook_secret(
        server.as_server().store.secret(),
        &Id::parse("s").unwrap(),
        server.stream("s").life,
    );
    let parameters: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        parameters["parameter"],
        serde_json::json!([{ "name": "secret", "valueString": secret }])
    );
    let (status, _) = server.ask(
        Request::get("/fhir/Subscription/none/$webhook-secret")
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(status, 404);
}
