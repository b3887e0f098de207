//! The methods that an address allows (OPTIONS), and pages of other origins that may use the server
//! from a browser.

use axum::body::Body;

use super::{NOW, changes, clinic, expect};
use crate::support::facade::{Facade, Reply};

/// The origin that the operator lists.
const LISTED: &str = "https://ehr.example.dk";

fn sharing() -> Facade {
    Facade::shared_with(NOW, &[LISTED, "http://localhost:3000"])
}

fn preflight(facade: &Facade, path: &str, origin: &str) -> Reply {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "if-match, authorization"),
    ];
    facade.send("OPTIONS", path, &headers, Body::empty())
}

fn says_nothing_to_pages(reply: &Reply) -> bool {
    !reply
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"))
}

#[test]
fn options_tells_the_methods_that_an_address_has() {
    let facade = clinic();
    let before = changes(&facade);
    for (path, allow) in [
        ("/fhir", "GET, HEAD, POST, OPTIONS"),
        ("/fhir/", "GET, HEAD, POST, OPTIONS"),
        ("metadata", "GET, HEAD, OPTIONS"),
        ("Patient", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("Task", "GET, HEAD, OPTIONS"),
        ("Patient/p", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        (
            "Patient/never-there",
            "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
        ),
        ("Task/t", "GET, HEAD, OPTIONS"),
        ("Patient/_search", "POST, OPTIONS"),
        ("Patient/p/$rights", "GET, HEAD, POST, OPTIONS"),
        ("/livez", "GET, HEAD, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let reply = facade.send("OPTIONS", path, &[("accept", "text/html")], "ignored");
        assert_eq!(
            (reply.status.as_u16(), reply.header("allow"), &*reply.text),
            (204, allow, ""),
            "{path}"
        );
        assert!(!reply.header("x-request-id").is_empty());
        // What is told is so: what is in the list is not refused as a method, and what is not is.
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let reply = facade.send(method, path, &[("if-match", "W/\"4711\"")], Body::empty());
            assert_eq!(
                reply.status.as_u16() != 405,
                allow.split(", ").any(|allowed| allowed == method),
                "{method} {path}"
            );
        }
    }
    for path in ["Observation", "Patient/a_b", "Patient//p", "/nothing"] {
        expect(&facade.send("OPTIONS", path, &[], Body::empty()), 404);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn no_page_is_let_in_unless_its_origin_is_listed() {
    let closed = clinic();
    for origin in [LISTED, "null", "*", "http://frist.test", ""] {
        assert!(
            says_nothing_to_pages(&preflight(&closed, "Patient/p", origin)),
            "{origin}"
        );
        let reply = closed.send("GET", "Patient/p", &[("origin", origin)], Body::empty());
        assert!(says_nothing_to_pages(&reply));
        assert_eq!(reply.header("vary"), "Accept, Accept-Encoding");
    }
    let facade = sharing();
    for origin in [
        "https://ehr.example.dk.evil.test",
        "http://ehr.example.dk",
        "https://EHR.example.dk",
        "https://ehr.example.dk:444",
        "null",
        "*",
        "",
    ] {
        let reply = preflight(&facade, "Patient/p", origin);
        assert_eq!(reply.status.as_u16(), 204);
        assert!(says_nothing_to_pages(&reply), "{origin}");
        let reply = facade.send("GET", "metadata", &[("origin", origin)], Body::empty());
        assert!(says_nothing_to_pages(&reply), "{origin}");
        assert_eq!(reply.header("vary"), "Accept, Accept-Encoding, Origin");
    }
}

#[test]
fn a_page_of_a_listed_origin_learns_what_it_may_send() {
    let facade = sharing();
    for origin in [LISTED, "http://localhost:3000"] {
        let reply = preflight(&facade, "Patient/p", origin);
        assert_eq!(reply.status.as_u16(), 204);
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(
            reply.header("access-control-allow-methods"),
            "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
        );
        for name in [
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Exist",
            "If-None-Match",
            "Prefer",
            "X-Request-Id",
        ] {
            assert!(
                reply
                    .header("access-control-allow-headers")
                    .split(", ")
                    .any(|allowed| allowed == name),
                "{name}"
            );
        }
        assert_eq!(reply.header("access-control-max-age"), "600");
    }
    expect(&preflight(&facade, "Observation/1", LISTED), 404);
    let plain = facade.send("OPTIONS", "Patient", &[("origin", LISTED)], Body::empty());
    assert_eq!(plain.header("access-control-allow-methods"), "");
    assert_eq!(
        plain.header("allow"),
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    );
}

#[test]
fn a_page_of_a_listed_origin_reads_the_answer() {
    let facade = sharing();
    for origin in [LISTED, "http://localhost:3000"] {
        for path in [
            "metadata",
            "Patient",
            "Patient/nope",
            "Observation",
            "/livez",
            "Patient?_format=ttl",
        ] {
            let reply = facade.send("GET", path, &[("origin", origin)], Body::empty());
            assert_eq!(
                reply.header("access-control-allow-origin"),
                origin,
                "{path}"
            );
            assert_eq!(reply.header("vary"), "Accept, Accept-Encoding, Origin");
            for name in [
                "ETag",
                "Location",
                "Content-Location",
                "Last-Modified",
                "X-Request-Id",
            ] {
                assert!(
                    reply
                        .header("access-control-expose-headers")
                        .split(", ")
                        .any(|exposed| exposed == name),
                    "{name}"
                );
            }
            assert!(
                !reply
                    .headers
                    .contains_key("access-control-allow-credentials")
            );
        }
    }
}

#[test]
fn one_slash_at_the_end_changes_nothing_and_two_name_nothing() {
    let facade = clinic();
    for path in [
        "Patient/",
        "Patient/p/",
        "metadata/",
        "Patient/p/_history/",
        "Patient/p/_history/1/",
        "Patient/%70",
        "%50atient/p",
        "Patient/p?_format=json",
    ] {
        expect(&facade.get(path), 200);
    }
    for path in [
        "/fhir//",
        "/fhir//Patient",
        "/fhir/Patient//",
        "/fhir/Patient//p",
        "/fhir/Patient/p//",
        "/fhir/Patient%2Fp",
        "/fhir/Patient/p%2F_history",
        "/fhir/Patient/%2Fp",
    ] {
        expect(&facade.get(path), 404);
    }
    let bundle = "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}";
    for path in ["/fhir", "/fhir/"] {
        expect(&facade.send("POST", path, &[], bundle), 200);
    }
}

#[test]
fn every_answer_says_which_wish_was_honoured_and_which_request_it_is_of() {
    let facade = clinic();
    let sent = super::organization("a", "x").to_string();
    let bundle = "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}";
    for (prefer, applied) in [
        ("return=minimal", "return=minimal"),
        ("Return = \"representation\"", "return=representation"),
        (
            "handling=strict; return=OperationOutcome",
            "return=OperationOutcome",
        ),
        ("return=minimal, return=representation", "return=minimal"),
        ("return=everything", ""),
        ("handling=strict", ""),
    ] {
        for (method, path, body) in [("PUT", "Organization/a", &*sent), ("POST", "/fhir", bundle)] {
            let reply = facade.send(method, path, &[("prefer", prefer)], body.to_owned());
            expect(
                &reply,
                if path == "/fhir" || reply.status.as_u16() == 200 {
                    200
                } else {
                    201
                },
            );
            assert_eq!(
                reply.header("preference-applied"),
                applied,
                "{method} {prefer}"
            );
        }
    }
    for (prefer, applied, status) in [
        ("return=representation", "", 204),
        ("return=OperationOutcome", "return=OperationOutcome", 200),
    ] {
        let reply = facade.send(
            "DELETE",
            "Organization/a",
            &[("prefer", prefer)],
            Body::empty(),
        );
        assert_eq!(
            (reply.status.as_u16(), reply.header("preference-applied")),
            (status, applied)
        );
    }
    for (method, path) in [
        ("GET", "/livez"),
        ("GET", "/nothing"),
        ("DELETE", "/livez"),
        ("OPTIONS", "Patient"),
        ("GET", "Patient?_format=ttl"),
        ("BREW", "/fhir"),
    ] {
        assert_eq!(
            facade
                .send(
                    method,
                    path,
                    &[("x-request-id", "trace:7_a")],
                    Body::empty()
                )
                .header("x-request-id"),
            "trace:7_a",
            "{method} {path}"
        );
    }
}

#[test]
fn whatever_can_be_got_has_a_head() {
    let facade = clinic();
    for path in [
        "metadata",
        "Patient/p",
        "Patient/p/_history/1",
        "Patient/p/_history",
        "Patient/_history",
        "_history",
        "Patient",
        "Patient?_id=p",
        "Patient/p/$rights",
        "Patient/p/$validate",
        "Patient/nope",
        "Observation",
        "Patient?_format=ttl",
        "/",
        "/metrics",
        "/livez",
        "/readyz",
        "/package.tgz",
    ] {
        let (got, head) = (
            facade.send_for_bytes(request("GET", path)),
            facade.send_for_bytes(request("HEAD", path)),
        );
        assert_eq!(
            (got.0, got.1.get("content-type"), got.1.get("etag")),
            (head.0, head.1.get("content-type"), head.1.get("etag")),
            "{path}"
        );
        assert!(head.2.is_empty(), "{path}");
        if path != "/metrics" {
            assert_eq!(
                head.1["content-length"].to_str().unwrap(),
                got.2.len().to_string(),
                "{path}"
            );
        }
    }
}

fn request(method: &str, path: &str) -> axum::http::Request<Body> {
    let uri = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/fhir/{path}")
    };
    axum::http::Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap()
}
