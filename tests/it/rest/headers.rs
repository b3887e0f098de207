//! The headers of requests and answers (<https://hl7.org/fhir/R4/http.html#mime-type>,
//! <https://hl7.org/fhir/R4/http.html#ops>).

use axum::body::Body;

use super::{NOW, changes, clinic, expect, organization, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient};

#[test]
fn an_answer_in_json_is_given_under_the_name_that_was_asked_for() {
    let facade = clinic();
    for (accept, content_type) in [
        (
            "application/fhir+json",
            "application/fhir+json; charset=utf-8",
        ),
        ("application/json", "application/json; charset=utf-8"),
        (
            "application/xml;q=0.1, application/json;q=0.9",
            "application/json; charset=utf-8",
        ),
        ("*/*", "application/fhir+json; charset=utf-8"),
        ("text/html, */*;q=0.1", "application/json; charset=utf-8"),
        (
            "application/fhir+json; fhirVersion=4.0",
            "application/fhir+json; charset=utf-8",
        ),
        (
            "application/fhir+json; fhirVersion=4.3",
            "application/fhir+json; charset=utf-8",
        ),
    ] {
        for path in [
            "Patient/p",
            "Patient",
            "metadata",
            "_history",
            "Patient/nope",
        ] {
            let reply = facade.send("GET", path, &[("accept", accept)], Body::empty());
            assert_eq!(
                reply.header("content-type"),
                content_type,
                "{path} {accept}"
            );
        }
    }
    for (query, content_type) in [
        ("_format=json", "application/fhir+json; charset=utf-8"),
        (
            "_format=application/fhir%2Bjson",
            "application/fhir+json; charset=utf-8",
        ),
        (
            "_format=application/fhir+json",
            "application/fhir+json; charset=utf-8",
        ),
        (
            "_format=application/json",
            "application/json; charset=utf-8",
        ),
    ] {
        let reply = facade.send(
            "GET",
            &format!("Patient/p?{query}"),
            &[("accept", "application/fhir+xml")],
            Body::empty(),
        );
        expect(&reply, 200);
        assert_eq!(reply.header("content-type"), content_type, "{query}");
    }
}

#[test]
fn another_format_is_406_with_an_outcome_and_writes_nothing() {
    let facade = clinic();
    let before = changes(&facade);
    for accept in [
        "application/fhir+xml; fhirVersion=5.0",
        "text/html",
        "application/fhir+json; fhirVersion=5.0",
        "text/turtle",
        "application/fhir+json;q=0",
        "x",
    ] {
        expect(
            &facade.send("GET", "Patient/p", &[("accept", accept)], Body::empty()),
            406,
        );
        let sent = without_id(organization("", "x")).to_string();
        expect(
            &facade.send("POST", "Organization", &[("accept", accept)], sent),
            406,
        );
    }
    for format in [
        "ttl",
        "html",
        "application/fhir%2Bturtle",
        "text/html",
        "XML",
        "",
    ] {
        expect(&facade.get(&format!("Patient/p?_format={format}")), 406);
        expect(&facade.get(&format!("metadata?_format={format}")), 406);
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    expect(
        &facade.send("POST", "Patient/_search", &form, "_format=ttl"),
        406,
    );
    expect(
        &facade.send("POST", "Patient/_search", &form, "_format=json&_id=p"),
        200,
    );
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_body_of_another_type_is_415_and_writes_nothing() {
    let facade = clinic();
    let before = changes(&facade);
    let sent = organization("a", "x").to_string();
    for content_type in [
        "application/fhir+xml; charset=iso-8859-1",
        "text/plain",
        "application/json; charset=iso-8859-1",
        "application/fhir+json; fhirVersion=5.0",
        "",
        "x",
    ] {
        let header = [("content-type", content_type)];
        expect(
            &facade.send("PUT", "Organization/a", &header, sent.clone()),
            415,
        );
        expect(
            &facade.send("POST", "Organization", &header, sent.clone()),
            415,
        );
        expect(
            &facade.send(
                "POST",
                "/fhir",
                &header,
                "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}",
            ),
            415,
        );
    }
    expect(
        &facade.send(
            "POST",
            "Patient/_search",
            &[("content-type", "application/json")],
            "{}",
        ),
        415,
    );
    let zipped = facade.send(
        "PUT",
        "Organization/a",
        &[("content-encoding", "br")],
        sent.clone(),
    );
    expect(&zipped, 415);
    assert_eq!(zipped.header("accept-encoding"), "gzip, identity");
    assert_eq!(changes(&facade), before);
    for content_type in [
        "application/json",
        "application/fhir+json",
        "Application/FHIR+JSON; charset=UTF-8",
        "application/fhir+json; fhirVersion=4.3",
    ] {
        let reply = facade.send(
            "PUT",
            "Organization/a",
            &[
                ("content-type", content_type),
                ("content-encoding", "identity"),
            ],
            sent.clone(),
        );
        assert!(reply.status.is_success(), "{content_type}");
    }
}

#[test]
fn what_is_answered_of_a_write_follows_prefer() {
    let facade = clinic();
    let put = |id: &str, prefer: &str| {
        facade.send(
            "PUT",
            &format!("Organization/{id}"),
            &[("prefer", prefer)],
            organization(id, "x").to_string(),
        )
    };
    for (id, prefer, kind) in [
        ("a", "return=minimal", ""),
        ("b", "return=representation", "Organization"),
        ("c", "return=OperationOutcome", "OperationOutcome"),
        ("d", "respond-async; wait=10, return=minimal", ""),
        ("e", "colour=red", "Organization"),
    ] {
        for status in [201, 200] {
            let reply = put(id, prefer);
            expect(&reply, status);
            assert_eq!(
                reply.json()["resourceType"].as_str().unwrap_or(""),
                kind,
                "{prefer}"
            );
            assert_eq!(
                reply.header("content-type").is_empty(),
                kind.is_empty(),
                "{prefer}"
            );
            for name in ["etag", "last-modified", "location"] {
                assert!(!reply.header(name).is_empty(), "{prefer}: {name}");
            }
        }
    }
}

#[test]
fn warnings_come_in_the_outcome_that_is_asked_for() {
    let facade = clinic();
    let mut sent = copd("c", "p", "2027-02-20");
    sent["asserter"] = serde_json::json!({ "reference": "Practitioner/later" });
    let reply = facade.send(
        "PUT",
        "Condition/c",
        &[("prefer", "return=OperationOutcome")],
        sent.to_string(),
    );
    expect(&reply, 201);
    assert_eq!(
        reply.issues(),
        [
            "warning not-found Condition.asserter.reference",
            // The right that it starts.
            "warning informational"
        ]
    );
}

#[test]
fn every_answer_carries_the_request_id_of_the_client_or_a_new_one() {
    let facade = clinic();
    for (path, headers) in [
        ("Patient/p", [("x-request-id", "ehr-7")]),
        ("Patient/nope", [("x-request-id", "ehr-7")]),
    ] {
        assert_eq!(
            facade
                .send("GET", path, &headers, Body::empty())
                .header("x-request-id"),
            "ehr-7"
        );
    }
    let (first, second) = (facade.get("Patient/p"), facade.get("Patient/p"));
    assert!(!first.header("x-request-id").is_empty());
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    for garbage in ["a b", "<script>", &"x".repeat(65), "", "0703579000"] {
        let reply = facade.send(
            "GET",
            "Patient/p",
            &[("x-request-id", garbage)],
            Body::empty(),
        );
        assert_ne!(reply.header("x-request-id"), garbage);
    }
}

#[test]
fn no_cache_on_the_way_keeps_an_answer_and_no_browser_guesses_its_type() {
    let facade = clinic();
    for path in ["Patient/p", "Patient", "Patient/nope", "metadata", "/"] {
        let reply = facade.get(path);
        assert_eq!(reply.header("cache-control"), "private, no-cache", "{path}");
        assert_eq!(reply.header("vary"), "Accept, Accept-Encoding", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[test]
fn a_pretty_answer_says_the_same_in_more_lines() {
    let facade = clinic();
    for path in ["Patient/p", "metadata", "Patient", "Patient/nope"] {
        let (plain, pretty) = (
            facade.get(path),
            facade.get(&format!("{path}?_pretty=true")),
        );
        assert_eq!(pretty.status, plain.status);
        // The links of a page say how its further pages are written.
        let told = |reply: &Reply| {
            let mut told = reply.json();
            told.as_object_mut().unwrap().shift_remove("link");
            told
        };
        assert_eq!(told(&pretty), told(&plain));
        assert!(pretty.text.lines().count() > 3, "{}", pretty.text);
        let not_pretty = facade.get(&format!("{path}?_pretty=false"));
        assert_eq!(
            (told(&not_pretty), not_pretty.text.lines().count()),
            (told(&plain), 1)
        );
    }
    expect(&facade.get("Patient/p?_pretty=perhaps"), 400);
}

#[test]
fn a_parameter_that_means_nothing_where_it_stands_is_refused() {
    let facade = clinic();
    let before = changes(&facade);
    let sent = organization("a", "x").to_string();
    for (method, path) in [
        ("GET", "Patient/p?_include=*"),
        ("GET", "Patient/p/_history/1?_count=1"),
        ("PUT", "Organization/a?x=1"),
        ("DELETE", "Patient/p?x=1"),
        ("POST", "/fhir?x=1"),
        ("GET", "Patient/p/$rights?x=1"),
    ] {
        expect(&facade.send(method, path, &[], sent.clone()), 400);
    }
    assert_eq!(changes(&facade), before);
    expect(
        &facade.send(
            "GET",
            "Patient/p?_include=*",
            &[("prefer", "handling=lenient")],
            Body::empty(),
        ),
        200,
    );
    expect(&facade.get("metadata?mode=full"), 200);
}

#[test]
fn a_body_beyond_the_bound_is_413() {
    let facade = clinic();
    let before = changes(&facade);
    let bound = 5 * 1024 * 1024;
    for (method, path) in [
        ("PUT", "Organization/a"),
        ("POST", "Organization"),
        ("POST", "/fhir"),
        ("POST", "Patient/_search"),
    ] {
        expect(&facade.send(method, path, &[], "x".repeat(bound + 1)), 413);
    }
    assert_eq!(changes(&facade), before);
    let mut large = patient("large");
    let div = |text: &str| format!("<div xmlns='http://www.w3.org/1999/xhtml'>{text}</div>");
    large["text"] = serde_json::json!({ "status": "generated", "div": div("x") });
    let space = bound - large.to_string().len();
    large["text"]["div"] = div(&"x".repeat(space + 1)).into();
    assert_eq!(large.to_string().len(), bound);
    expect(&facade.put(&large), 201);
    assert_eq!(facade.get("Patient/large").json()["text"], large["text"]);
}

#[test]
fn the_server_outside_fhir_answers_too() {
    let facade = Facade::at(NOW);
    for path in ["/", "/metrics", "/livez", "/readyz"] {
        assert_eq!(facade.get(path).status.as_u16(), 200, "{path}");
    }
    for path in ["/nothing", "/fhirx", "/fhirx/Patient", "//fhir"] {
        expect(&facade.get(path), 404);
    }
}
