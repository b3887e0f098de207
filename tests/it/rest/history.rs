//! history of a resource, a type and everything (<https://hl7.org/fhir/R4/http.html#history>).

use axum::body::Body;
use serde_json::Value;

use super::{NOW, expect, organization, person};
use crate::support::facade::{BASE, Facade, link};

/// Makes a server with changes at 9, 10, 11, 12 and 13 o'clock in Copenhagen.
fn server() -> Facade {
    let facade = Facade::at(NOW);
    facade.put_ok(&organization("a", "one"));
    facade.set_clock("2027-03-01T10:00:00+01:00");
    facade.put_ok(&organization("b", "one"));
    facade.set_clock("2027-03-01T11:00:00+01:00");
    facade.put_ok(&organization("a", "two"));
    facade.set_clock("2027-03-01T12:00:00+01:00");
    facade.put_ok(&person("p", "0405440001"));
    facade.set_clock("2027-03-01T13:00:00+01:00");
    facade.send("DELETE", "Organization/a", &[], Body::empty());
    facade
}

/// Returns each entry as "method url status etag".
fn lines(bundle: &Value) -> Vec<String> {
    let line = |entry: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (request, response) = (&entry["request"], &entry["response"]);
        format!(
            "{} {} {} {}",
            text(&request["method"]),
            text(&request["url"]),
            text(&response["status"]),
            text(&response["etag"])
        )
    };
    bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect()
}

#[test]
fn history_lists_the_versions_newest_first() {
    let facade = server();
    let a = [
        "DELETE Organization/a 204 W/\"3\"",
        "PUT Organization/a 200 W/\"2\"",
        "PUT Organization/a 201 W/\"1\"",
    ];
    let b = "PUT Organization/b 201 W/\"1\"";
    let p = "PUT Patient/p 201 W/\"1\"";
    for (path, expected) in [
        ("Organization/a/_history", vec![a[0], a[1], a[2]]),
        ("Organization/_history", vec![a[0], a[1], b, a[2]]),
        ("_history", vec![a[0], p, a[1], b, a[2]]),
        ("Task/_history", vec![]),
    ] {
        let reply = facade.get(path);
        expect(&reply, 200);
        let bundle = reply.json();
        assert_eq!(bundle["type"], "history");
        assert_eq!(lines(&bundle), expected, "{path}");
        assert_eq!(link(&bundle, "self").unwrap(), path);
        assert_eq!(link(&bundle, "next"), None);
    }
    let created = facade.post(&organization("x", "made by POST")).json();
    let entry = facade.get("_history?_count=1").json()["entry"][0].clone();
    assert_eq!(entry["request"]["method"], "POST");
    assert_eq!(entry["request"]["url"], "Organization");
    assert_eq!(entry["resource"], created);
    assert_eq!(
        entry["fullUrl"],
        format!("{BASE}/Organization/{}", created["id"].as_str().unwrap())
    );
}

#[test]
fn history_can_be_asked_for_a_span_of_time() {
    let facade = server();
    for (query, expected) in [
        ("_since=2027-03-01T12:00:00%2B01:00", 2),
        ("_since=2027-03-01T12:00:00+01:00", 2),
        ("_since=2027-03-01T12:00:00.000001%2B01:00", 1),
        ("_since=2027-03-02", 0),
        ("_since=2026", 5),
        // Current at half past ten: a in version 1, b.
        ("_at=2027-03-01T10:30:00%2B01:00", 2),
        ("_at=2027-02", 0),
        ("_at=2027-03-01", 5),
        ("_count=2", 2),
        ("_count=0", 0),
    ] {
        let reply = facade.get(&format!("_history?{query}"));
        expect(&reply, 200);
        assert_eq!(lines(&reply.json()).len(), expected, "{query}");
    }
}

#[test]
fn history_refuses_what_it_does_not_understand() {
    let facade = server();
    for query in [
        "_since=soon",
        "_at=",
        "_count=-1",
        "_count=many",
        "_page=x",
        "_page=-1",
        "_page=3",
        "_count=1&_count=2",
        "_sort=_lastUpdated",
        "name=x",
        "_since=2027-13",
    ] {
        for path in [
            "_history",
            "Organization/_history",
            "Organization/a/_history",
        ] {
            expect(&facade.get(&format!("{path}?{query}")), 400);
        }
    }
}

#[test]
fn history_pages_neither_skip_nor_repeat_while_others_write() {
    let facade = Facade::at(NOW);
    for version in 1..=23 {
        facade.put_ok(&organization("a", &format!("name {version}")));
        facade.put_ok(&organization("b", &format!("name {version}")));
    }
    for path in [
        "Organization/a/_history?_count=5",
        "Organization/_history?_count=5",
        "_history?_count=5",
    ] {
        let mut seen = Vec::new();
        let expected = lines(&facade.get(&path.replace("=5", "=1000")).json());
        let mut next = Some(path.to_owned());
        while let Some(page) = next {
            let bundle = facade.get(&page).json();
            let lines = lines(&bundle);
            assert!(lines.len() <= 5);
            seen.extend(lines);
            next = link(&bundle, "next");
            facade.put_ok(&organization(
                "a",
                &format!("after page {}, {}", seen.len(), path),
            ));
        }
        assert_eq!(seen, expected, "{path}");
    }
}

#[test]
fn the_history_of_one_resource_tells_how_many_versions_it_has() {
    let facade = Facade::at("2027-03-01T00:00:00Z");
    let at = |day: u32| format!("2027-03-{day:02}T00:00:00Z");
    // Versions 1 to 7, one each day; the fifth is the deletion.
    for day in 1..=7 {
        facade.set_clock(&at(day));
        if day == 5 {
            facade.send("DELETE", "Organization/a", &[], "");
        } else {
            facade.put_ok(&organization("a", &format!("on day {day}")));
        }
        facade.put_ok(&organization("b", &format!("on day {day}")));
    }
    for (query, total) in [
        ("", 7),
        ("_count=1", 7),
        ("_count=0", 7),
        ("_since=2027", 7),
        ("_since=2027-03-04T00:00:00Z", 4),
        ("_since=2027-03-04T00:00:01Z", 3),
        ("_since=2028", 0),
        ("_at=2027-03-04T00:00:00Z", 1),
        ("_at=2027-03-04T12:00:00Z", 1),
        ("_at=2027-02-01", 0),
        ("_at=2029", 1),
        ("_at=2027", 7),
        ("_at=2027-03-04T12:00:00Z&_since=2027-03-05", 0),
    ] {
        let bundle = facade
            .get(&format!("Organization/a/_history?{query}"))
            .json();
        let told = bundle["total"].as_u64();
        assert_eq!(told, Some(total), "{query}");
        if !query.contains("_count") {
            let entries = bundle["entry"].as_array().map_or(0, Vec::len);
            assert_eq!(told, Some(entries as u64), "{query}");
        }
    }
    // Each page tells what the first one told.
    let mut page = facade.get("Organization/a/_history?_count=3&_since=2027-03-02T00:00:00Z");
    facade.put_ok(&organization("a", "after the first page"));
    let mut found = 0;
    loop {
        let bundle = page.json();
        assert_eq!(bundle["total"], 6);
        found += bundle["entry"].as_array().unwrap().len();
        match link(&bundle, "next") {
            Some(next) => page = facade.get(&next),
            None => break,
        }
    }
    assert_eq!(found, 6);
    for path in ["Organization/_history", "_history"] {
        assert_eq!(facade.get(path).json().get("total"), None, "{path}");
    }
}

#[test]
fn histories_are_answered_in_a_batch() {
    let facade = super::population();
    let sent = include_str!("../../../conformance/requests/09-history-in-a-batch-is-refused.json");
    let reply = facade.send("POST", "/fhir", &[], sent);
    expect(&reply, 200);
    for (entry, count) in reply.json()["entry"].as_array().unwrap().iter().zip([0, 1]) {
        assert_eq!(entry["response"]["status"], "200 OK");
        assert_eq!(entry["resource"]["type"], "history");
        let found = entry["resource"]["entry"].as_array().map_or(0, Vec::len);
        assert_eq!(found, count);
    }
}
