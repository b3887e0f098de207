//! read and vread, conditional and by HEAD (<https://hl7.org/fhir/R4/http.html#read>).

use axum::body::Body;

use super::{NOW, expect, organization};
use crate::support::facade::Facade;

fn server() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    facade.set_clock("2027-03-01T10:00:00.5+01:00");
    facade.put_ok(&organization("a", "two"));
    facade
}

#[test]
fn read_gives_the_last_version_with_its_etag_and_instant() {
    let reply = server().get("Organization/a");
    expect(&reply, 200);
    assert_eq!(reply.header("etag"), "W/\"2\"");
    assert_eq!(
        reply.header("last-modified"),
        "Mon, 01 Mar 2027 09:00:00 GMT"
    );
    assert_eq!(
        reply.header("content-type"),
        "application/fhir+json; charset=utf-8"
    );
    assert_eq!(reply.json()["name"], "two");
}

#[test]
fn vread_gives_each_version_as_it_was() {
    let facade = server();
    for (version, name) in [("1", "one"), ("2", "two")] {
        let reply = facade.get(&format!("Organization/a/_history/{version}"));
        expect(&reply, 200);
        assert_eq!(reply.header("etag"), format!("W/\"{version}\""));
        assert_eq!(reply.json()["name"], name);
    }
}

#[test]
fn what_never_was_is_not_found() {
    let facade = server();
    for path in [
        "Organization/b",
        "Organization/b/_history/1",
        "Organization/b/_history",
        "Organization/a/_history/3",
        "Organization/a/_history/0",
        "Organization/a/_history/01",
        "Organization/a/_history/x",
        "Organization/a/_history/99999999999999999999",
        "Patient/a",
        "Organization/A",
    ] {
        expect(&facade.get(path), 404);
    }
}

#[test]
fn a_client_that_has_the_version_is_not_sent_it_again() {
    let facade = server();
    for (name, value, status) in [
        ("if-none-match", "W/\"2\"", 304),
        ("if-none-match", "\"2\"", 304),
        ("if-none-match", "W/\"1\", W/\"2\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "W/\"1\"", 200),
        ("if-none-match", "garbage", 200),
        ("if-modified-since", "Mon, 01 Mar 2027 09:00:00 GMT", 304),
        ("if-modified-since", "Mon, 01 Mar 2027 09:00:01 GMT", 304),
        ("if-modified-since", "Mon, 01 Mar 2027 08:59:59 GMT", 200),
        ("if-modified-since", "garbage", 200),
    ] {
        let reply = facade.send("GET", "Organization/a", &[(name, value)], Body::empty());
        assert_eq!(reply.status.as_u16(), status, "{name}: {value}");
        assert_eq!(reply.header("etag"), "W/\"2\"");
        assert_eq!(reply.text.is_empty(), status == 304, "{name}: {value}");
    }
    let both = [
        ("if-none-match", "W/\"1\""),
        ("if-modified-since", "Mon, 01 Mar 2027 09:00:01 GMT"),
    ];
    expect(
        &facade.send("GET", "Organization/a", &both, Body::empty()),
        200,
    );
}

#[test]
fn head_says_what_get_says_without_the_body() {
    let facade = server();
    for path in [
        "Organization/a",
        "Organization/a/_history/1",
        "Organization/b",
        "Organization?name=x",
        "Organization",
        "metadata",
        "_history",
    ] {
        let (get, head) = (
            facade.get(path),
            facade.send("HEAD", path, &[], Body::empty()),
        );
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert_eq!(
            head.header("content-length"),
            get.text.len().to_string(),
            "{path}"
        );
        for name in ["etag", "last-modified", "content-type"] {
            assert_eq!(head.header(name), get.header(name), "{path}");
        }
    }
}

#[test]
fn an_address_may_end_with_a_slash_or_be_percent_encoded() {
    let facade = server();
    for path in [
        "Organization/a/",
        "Organization/%61",
        "%4Frganization/a",
        "Organization/",
        "/fhir/",
        "metadata/",
    ] {
        let method = if path == "/fhir/" { "POST" } else { "GET" };
        let bundle = "{\"resourceType\":\"Bundle\",\"type\":\"batch\"}";
        expect(&facade.send(method, path, &[], bundle), 200);
    }
}
