//! What an operator sees of delivery, and sends again; and the secret of a subscriber.

use axum::body::Body;
use axum::http::Request;
use frist::fhir::Id;
use frist::subscriptions::signing::webhook_secret;

use super::endpoint::{Answer, Endpoint};
use super::station::{Station, subscription};
use crate::support::facade::BASE;

fn get(station: &Station, path: &str) -> String {
    let (status, text) = station.ask(Request::get(path).body(Body::empty()).unwrap());
    assert_eq!(status, 200, "{text}");
    text
}

/// The value of a metric.
fn metric(station: &Station, name: &str) -> f64 {
    let text = get(station, "/metrics");
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

/// The form of the page, sent from a page of that origin.
fn send_form(station: &Station, origin: Option<&str>, form: &str) -> (u16, String) {
    let mut request = Request::post("/fhir/Subscription/s/$resend")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    station.ask(request.body(Body::from(form.to_owned())).unwrap())
}

#[test]
fn an_operator_sees_what_waits_and_why_and_no_secret() {
    let (station, endpoint) = (Station::new(), Endpoint::up());
    let address = format!("{}?token=of-the-test", endpoint.url());
    let mut asked = subscription("s", &address);
    asked["channel"]["header"] = serde_json::json!(["Authorization: Bearer of-the-test"]);
    station.put(&asked);
    station.until("s", "active");
    endpoint.expect("handshake");
    let first = station.change("s");
    endpoint.numbers_until(first);
    endpoint.answer(|_| Answer::Status(500));
    let last = station.change("s");
    endpoint.expect("event-notification");
    // Counted after its endpoint has answered.
    while metric(&station, "frist_subscription_messages_failed_total") < 1.0 {}
    assert_eq!(
        metric(&station, "frist_subscriptions{status=\"active\"}"),
        1.0
    );
    assert_eq!(
        metric(&station, "frist_subscriptions{status=\"error\"}"),
        0.0
    );
    assert_eq!(metric(&station, "frist_subscriptions_failing"), 1.0);
    assert_eq!(
        metric(&station, "frist_subscription_queue_events"),
        (last - first) as f64
    );
    assert_eq!(
        metric(&station, "frist_subscription_events_total"),
        last as f64
    );
    assert_eq!(
        metric(&station, "frist_subscription_events_delivered_total"),
        first as f64
    );
    assert_eq!(
        metric(&station, "frist_subscription_delivery_seconds_count"),
        first as f64
    );
    assert_eq!(
        metric(
            &station,
            "frist_subscription_delivery_seconds_bucket{le=\"+Inf\"}"
        ),
        first as f64
    );
    assert!(metric(&station, "frist_subscription_oldest_undelivered_seconds") >= 0.0);
    let page = get(&station, "/");
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
    let (station, endpoint) = (Station::new(), Endpoint::up());
    station.put(&subscription("s", &endpoint.url()));
    station.until("s", "active");
    endpoint.expect("handshake");
    let last = station.change("s");
    let message = endpoint.expect("event-notification");
    while metric(&station, "frist_subscription_events_delivered_total") < last as f64 {}
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
        let (answered, text) = send_form(&station, origin, form);
        assert_eq!(answered, status, "{origin:?} {form}: {text}");
    }
    let (status, text) = station.ask(
        Request::get(format!("/fhir/Subscription/s/$resend?{range}"))
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(status, 405, "{text}");
    assert!(endpoint.unread().is_empty());
    for origin in [Some(own), None] {
        assert_eq!(send_form(&station, origin, range).0, 200);
        let again = endpoint.expect("event-notification");
        assert_eq!((again.id(), again.numbers()), (message.id(), vec![1]));
    }
}

#[test]
fn a_subscriber_learns_its_secret() {
    let station = Station::new();
    let mut asked = subscription("s", "https://ehr.example.org/hook");
    asked["status"] = "off".into();
    station.put(&asked);
    let text = get(&station, "/fhir/Subscription/s/$webhook-secret");
    let secret = webhook_secret(
        station.server().store.secret(),
        &Id::parse("s").unwrap(),
        station.stream("s").life,
    );
    let parameters: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        parameters["parameter"],
        serde_json::json!([{ "name": "secret", "valueString": secret }])
    );
    let (status, _) = station.ask(
        Request::get("/fhir/Subscription/none/$webhook-secret")
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(status, 404);
}
