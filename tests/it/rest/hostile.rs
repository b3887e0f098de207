//! Requests that mean harm, or come from a broken program: answered with 4xx, never with 5xx, and
//! nothing is written.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use frist::interactions::extents::REPEATS_MAX;
use serde_json::{Value, json};

use super::{changes, clinic, expect, person};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient, region};

/// More bodies than requests are worked on at once.
const BODIES: usize = 600;

/// A body that never comes, and tells when the server waits for it.
struct Awaited(Sender<()>);

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        let _ = self.0.send(());
        Poll::Pending
    }
}

#[track_caller]
fn refused(reply: &Reply) {
    assert!(
        reply.status.is_client_error(),
        "{} {}",
        reply.status,
        reply.text
    );
    expect(reply, reply.status.as_u16());
}

#[test]
fn ids_that_are_no_ids_name_nothing() {
    let facade = clinic();
    let before = changes(&facade);
    let long = "a".repeat(65);
    for id in [
        long.as_str(),
        "a_b",
        "a b",
        "%20",
        "..",
        ".",
        "%2e%2e",
        "%2E%2e%2F",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%00",
        "%ff",
        "%",
        "%zz",
        "a%2Fb",
        "a%3Fb",
        "æ",
        "%C3%A6",
        "'",
        "%22",
        "<script>",
        "a;b",
        "*",
        "a%0d%0aX:1",
    ] {
        let path = format!("Patient/{id}");
        let Ok(uri) = format!("/fhir/{path}").parse::<axum::http::Uri>() else {
            continue;
        };
        for method in ["GET", "PUT", "DELETE"] {
            let request = Request::builder()
                .method(method)
                .uri(uri.clone())
                .header("content-type", "application/fhir+json");
            refused(
                &facade.send_request(request.body(Body::from(patient(id).to_string())).unwrap()),
            );
        }
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "resource": patient(id), "request": { "method": "PUT", "url": path } }] });
        refused(&facade.post(&bundle));
    }
    assert_eq!(changes(&facade), before);
    let longest = "a".repeat(64);
    expect(&facade.put(&patient(&longest)), 201);
    expect(&facade.put(&patient("A-z.0")), 201);
    expect(&facade.put(&patient("...")), 201);
}

#[test]
fn paths_that_climb_reach_nothing() {
    let facade = clinic();
    for path in [
        "/fhir/../Patient/p",
        "/fhir/%2e%2e/metrics",
        "/fhir/Patient/../../metrics",
        "/fhir/Patient/%2e%2e/%2e%2e/etc/passwd",
        "/fhir/Patient/p/../q",
        "/fhir/..%2fmetrics",
        "/fhir/./Patient",
        "/fhir/Patient/./p",
        "/fhir//Patient//p",
        "/FHIR/Patient",
    ] {
        refused(&facade.get(path));
    }
}

#[test]
fn values_of_any_length_and_content_match_or_are_refused() {
    let facade = clinic();
    let long = "x".repeat(10_000);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let huge = format!("identifier={}", "x".repeat(4_000_000));
    for query in [
        format!("identifier={long}"),
        format!("identifier={long}|{long}"),
        format!("identifier={}", "a,".repeat(5_000) + "a"),
        "identifier=%00".into(),
        "identifier=a%00b|%00".into(),
        "identifier='%20OR%201=1--".into(),
        "identifier=%5C".into(),
        "identifier=%5C%5C%5C%2C".into(),
        "identifier=%F0%9F%98%80".into(),
        "identifier=%EF%BF%BF".into(),
    ] {
        for reply in [
            facade.get(&format!("Patient?{query}")),
            facade.send("POST", "Patient/_search", &form, query),
        ] {
            expect(&reply, 200);
            assert_eq!(reply.json()["total"], 0);
        }
    }
    expect(&facade.send("POST", "Patient/_search", &form, huge), 200);
    for query in [
        format!("patient={long}"),
        format!("_id={long}"),
        format!("_sort={long}"),
        format!("{long}=1"),
        format!("_page={long}"),
        format!("_lastUpdated={long}"),
        "=".into(),
        "=&=".into(),
        "_lastUpdated=%00".into(),
        "_lastUpdated=gt%C3%A6".into(),
        "_lastUpdated=%C3%A6".into(),
        "_lastUpdated=9999999".into(),
        "patient=http://".to_owned() + "%ff",
    ] {
        refused(&facade.get(&format!("Condition?{query}")));
    }
    for query in [
        "_lastUpdated=0001",
        "_lastUpdated=9999-12-31",
        "_lastUpdated=lt9999-12-31T23:59:59.999999999Z",
        "_lastUpdated=gt0001-01-01T00:00:00%2B14:00",
        "&&&",
        "patient=http://x/%00",
    ] {
        let reply = facade.get(&format!("Condition?{query}"));
        assert!(!reply.status.is_server_error(), "{query} {}", reply.text);
    }
    for query in [
        "_at=9999-12-31",
        "_since=9999-12-31T23:59:59-14:00",
        "_since=0001",
        "_page=18446744073709551615",
        "_count=99999999999999999999999",
    ] {
        let reply = facade.get(&format!("_history?{query}"));
        assert!(!reply.status.is_server_error(), "{query} {}", reply.text);
    }
    for day in ["0001-01-01", "9999-12-31", "2027-02-30", "-1", "%00"] {
        let reply = facade.get(&format!("Patient/p/$rights?as-of={day}"));
        assert!(!reply.status.is_server_error(), "{day} {}", reply.text);
    }
}

fn with(mut resource: Value, member: &str, value: Value) -> Value {
    resource[member] = value;
    resource
}

/// Checks that the server keeps or refuses such content, and goes on.
fn expect_kept_or_refused(facade: &Facade, resource: &Value) {
    let path = format!("{}/x", resource["resourceType"].as_str().unwrap());
    let reply = facade.send("PUT", &path, &[], resource.to_string());
    assert!(
        reply.status.is_success() || reply.status.is_client_error(),
        "{} {}",
        reply.status,
        &reply.text[..reply.text.len().min(500)]
    );
    expect(&facade.get("Patient/p"), 200);
}

#[test]
fn a_patient_of_any_size_or_sign_is_kept_or_refused() {
    let facade = clinic();
    let long = "x".repeat(1_000_000);
    for resource in [
        with(
            patient("x"),
            "identifier",
            json!([{ "system": long, "value": long }]),
        ),
        with(
            patient("x"),
            "identifier",
            json!([{ "system": "s\u{0}", "value": "\u{0}" }]),
        ),
        with(patient("x"), "identifier", json!([[[["0405440001"]]]])),
        with(
            patient("x"),
            "identifier",
            json!([{ "system": "urn:oid:1.2.208.176.1.2", "value": { "a": 1 } }]),
        ),
        with(patient("x"), "meta", json!("x")),
        with(patient("x"), "meta", json!([])),
        with(
            patient("x"),
            "meta",
            json!({ "versionId": {}, "lastUpdated": [] }),
        ),
        with(
            patient("x"),
            "generalPractitioner",
            json!([{ "reference": long }]),
        ),
        with(
            patient("x"),
            "generalPractitioner",
            json!([{ "reference": "Organization/../gp" }]),
        ),
        with(
            patient("x"),
            "generalPractitioner",
            json!({ "reference": { "reference": "Organization/gp" } }),
        ),
        with(
            patient("x"),
            "generalPractitioner",
            json!(vec![json!({ "reference": "Organization/gp" }); 5_000]),
        ),
    ] {
        expect_kept_or_refused(&facade, &resource);
    }
}

#[test]
fn a_condition_of_any_size_or_sign_is_kept_or_refused() {
    let facade = clinic();
    for resource in [
        with(
            copd("x", "p", "2027-02-20"),
            "subject",
            json!({ "reference": "Condition/x" }),
        ),
        with(
            copd("x", "p", "2027-02-20"),
            "subject",
            json!({ "reference": "?" }),
        ),
        with(
            copd("x", "p", "2027-02-20"),
            "recordedDate",
            json!("9999-12-31"),
        ),
        with(
            copd("x", "p", "2027-02-20"),
            "recordedDate",
            json!("0001-01-01"),
        ),
        with(
            copd("x", "p", "2027-02-20"),
            "code",
            json!({ "coding": vec![json!({ "system": "s", "code": "c" }); 10_000] }),
        ),
        with(copd("x", "p", "2027-02-20"), "id", json!(null)),
    ] {
        expect_kept_or_refused(&facade, &resource);
    }
}

#[test]
fn a_number_of_any_size_is_kept_or_refused() {
    let facade = clinic();
    for digits in ["1e999999999", "-1e-999999999", &"9".repeat(100_000)] {
        let text = format!(
            "{{\"resourceType\":\"Goal\",\"id\":\"g\",\"lifecycleStatus\":\"active\",\"description\":{{\"text\":\"x\"}},\
             \"subject\":{{\"reference\":\"Patient/p\"}},\"target\":[{{\"detailQuantity\":{{\"value\":{digits}}}}}]}}"
        );
        let reply = facade.send("PUT", "Goal/g", &[], text);
        assert!(
            !reply.status.is_server_error(),
            "{}",
            &reply.text[..reply.text.len().min(500)]
        );
        if reply.status.is_success() {
            assert!(facade.get("Goal/g").text.contains(&format!(":{digits}}}")));
        }
    }
}

#[test]
fn headers_full_of_garbage_change_nothing() {
    let facade = clinic();
    let garbage = [
        b"\xff\xfe".as_slice(),
        b"",
        b";;;,,,===",
        b"\"",
        b"W/",
        b"W/\"",
        &[b'x'; 8_000],
    ];
    for name in [
        "accept",
        "prefer",
        "if-none-match",
        "if-modified-since",
        "x-request-id",
        "content-type",
        "accept-encoding",
        "range",
        "host",
    ] {
        for value in garbage {
            let request = Request::get("/fhir/Patient/p")
                .header(name, value)
                .body(Body::empty())
                .unwrap();
            let reply = facade.send_request(request);
            assert!(
                matches!(reply.status.as_u16(), 200 | 400 | 406),
                "{name} {value:?}: {}",
                reply.status
            );
        }
    }
    let mut request = Request::get("/fhir/Patient/p");
    for number in 0..5_000 {
        request = request.header("x-many", number);
    }
    expect(
        &facade.send_request(request.body(Body::empty()).unwrap()),
        200,
    );
}

#[test]
fn a_name_that_is_script_comes_back_as_the_text_it_is() {
    let facade = clinic();
    let script = "</script><script>alert(1)</script>";
    let mut sent = person("x", "0606660003");
    sent["name"][0]["family"] = script.into();
    let reply = facade.put(&sent);
    expect(&reply, 201);
    assert!(
        reply
            .header("content-type")
            .starts_with("application/fhir+json")
    );
    let page = facade.get("/");
    assert!(!page.text.contains(script) && !page.text.contains("alert"));
}

#[test]
fn a_bundle_that_refers_to_itself_ends() {
    let facade = clinic();
    let circle = |from: &str, to: &str| {
        json!({ "fullUrl": format!("urn:uuid:{from}"), "request": { "method": "POST", "url": "Organization" }, "resource": {
            "resourceType": "Organization", "name": from, "identifier": [{ "system": "http://cvr.dk", "value": "25313763" }],
            "partOf": { "reference": format!("urn:uuid:{to}") } } })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [circle("a", "b"), circle("b", "a"), circle("c", "c")] });
    expect(&facade.post(&bundle), 200);
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "POST", "url": "/" }, "resource": { "resourceType": "Bundle", "type": "batch" } }] });
    let reply = facade.post(&bundle);
    expect(&reply, 200);
    assert_eq!(
        reply.json()["entry"][0]["response"]["status"],
        "405 Method Not Allowed"
    );
}

#[test]
fn a_hundred_thousand_entries_are_refused_at_once() {
    let facade: Facade = clinic();
    let entries = vec!["{}"; 100_000].join(",");
    refused(&facade.send(
        "POST",
        "/fhir",
        &[],
        format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{entries}]}}"),
    ));
}

#[test]
fn parameters_and_values_beyond_their_bounds_are_refused_in_few_words() {
    let facade = clinic();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let many = |count: usize| vec!["a"; count].join("&");
    let values = |count: usize| format!("identifier={}", vec!["a"; count].join(","));
    for (query, status) in [
        (many(1_000), 400),
        (many(1_001), 400),
        (many(2_000_000), 400),
        (values(10_000), 200),
        (values(10_001), 400),
    ] {
        let reply = facade.send("POST", "Patient/_search", &form, query);
        expect(&reply, status);
        assert!(reply.text.len() < 1_000_000);
    }
    assert_eq!(
        facade
            .send("POST", "Patient/_search", &form, many(1_000))
            .json()["issue"]
            .as_array()
            .unwrap()
            .len(),
        1_000
    );
    assert_eq!(
        facade
            .send("POST", "Patient/_search", &form, many(1_001))
            .issues(),
        ["error too-costly"]
    );
    refused(&facade.send(
        "POST",
        "Patient",
        &[("if-none-exist", &many(1_001))],
        patient("p").to_string(),
    ));
    let parameters = json!({ "resourceType": "Parameters", "parameter": vec![json!({}); 1_001] });
    refused(&facade.send("POST", "Patient/p/$rights", &[], parameters.to_string()));
}

#[test]
fn of_very_many_findings_some_are_told_and_the_content_is_refused() {
    let facade = clinic();
    let mut wrong = patient("x");
    wrong["identifier"] = json!(vec![1; REPEATS_MAX]);
    let reply = facade.put(&wrong);
    expect(&reply, 422);
    let issues = reply.issues();
    assert_eq!(issues.len(), 1_001);
    assert!(
        issues[..1_000]
            .iter()
            .all(|issue| issue.starts_with("error "))
    );
    assert_eq!(issues[1_000], "information informational");
    expect(&facade.get("Patient/x"), 404);
}

#[test]
fn a_method_that_nobody_knows_is_counted_with_the_other_ones() {
    let facade = clinic();
    for method in ["0405440001", "BREW", "get"] {
        refused(&facade.send(method, "Patient/p", &[], Body::empty()));
    }
    let metrics = facade.get("/metrics").text;
    assert!(
        metrics.contains("frist_http_requests_total{method=\"(unknown)\",status=\"405\"} 3"),
        "{metrics}"
    );
    assert!(!metrics.contains("0405440001"));
}

#[test]
fn bodies_that_never_come_keep_nobody_out() {
    let facade = clinic();
    let (sender, awaited) = channel();
    for at in 0..BODIES {
        let request = Request::put(format!("/fhir/Patient/slow-{at}"))
            .header("content-type", "application/fhir+json");
        facade.begin(request.body(Body::new(Awaited(sender.clone()))).unwrap());
    }
    assert_eq!(awaited.iter().take(BODIES).count(), BODIES);
    expect(&facade.put(&region("late")), 201);
    for path in ["Patient/p", "Patient", "/metrics"] {
        expect(&facade.get(path), 200);
    }
}

#[test]
fn ten_thousand_references_to_one_large_resource_are_checked_as_one() {
    let facade = clinic();
    let mut large = region("large");
    large["name"] = "x".repeat(1_000_000).into();
    facade.put_ok(&large);
    let mut referring = patient("x");
    referring["generalPractitioner"] = json!(vec![
        json!({ "reference": "Organization/large" });
        REPEATS_MAX
    ]);
    expect(&facade.put(&referring), 201);
    let mut about_many = copd("c", "p", "2027-02-20");
    about_many["evidence"] =
        json!([{ "detail": vec![json!({ "reference": "Condition/c" }); REPEATS_MAX] }]);
    expect(&facade.put(&about_many), 201);
}
