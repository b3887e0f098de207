//! The tokens of paging links: nobody else can make one, nobody can read one, and none is broken by
//! a restart.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{NOW, changes, expect, organization, person, population, without_id};
use crate::support::facade::{Facade, Reply, link};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// Makes a server with seven Organizations.
fn server() -> Facade {
    let facade = Facade::at(NOW);
    for number in 0..7 {
        facade.put_ok(&organization(&format!("o{number}"), "before"));
    }
    facade
}

fn next_of(reply: &Reply) -> String {
    link(&reply.json(), "next").unwrap()
}

fn token_of(link: &str) -> &str {
    link.split_once("_page=").unwrap().1
}

#[test]
fn a_link_survives_a_restart() {
    for first in [
        "Organization?_count=3",
        "Organization/_history?_count=3",
        "_history?_count=3",
    ] {
        let facade = server();
        let next = next_of(&facade.get(first));
        let before = facade.get(&next).text;
        let facade = facade.restart(NOW);
        facade.put_ok(&organization("o0", "after"));
        let after = facade.get(&next);
        expect(&after, 200);
        assert_eq!(after.text, before, "{first}");
    }
}

#[test]
fn a_link_of_another_server_or_of_another_address_is_refused() {
    let (facade, other) = (server(), server());
    facade.put_ok(&organization("o0", "again"));
    other.put_ok(&organization("o0", "again"));
    for path in [
        "Organization",
        "Organization/_history",
        "_history",
        "Organization/o0/_history",
    ] {
        let token = next_of(&facade.get(&format!("{path}?_count=1")));
        let token = token_of(&token);
        expect(&facade.get(&format!("{path}?_page={token}")), 200);
        expect(&other.get(&format!("{path}?_page={token}")), 400);
        for elsewhere in [
            "Patient",
            "Organization",
            "Organization/_history",
            "Patient/_history",
            "_history",
            "Organization/o0/_history",
        ] {
            let expected = if elsewhere == path { 200 } else { 400 };
            expect(&facade.get(&format!("{elsewhere}?_page={token}")), expected);
        }
    }
}

#[test]
fn a_token_that_is_changed_in_any_of_its_bytes_is_refused() {
    let facade = server();
    let next = next_of(&facade.get("Organization?_count=3"));
    let token = URL_SAFE_NO_PAD.decode(token_of(&next)).unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] ^= 1;
        expect(
            &facade.get(&format!(
                "Organization?_page={}",
                URL_SAFE_NO_PAD.encode(changed)
            )),
            400,
        );
    }
    for length in 0..token.len() {
        expect(
            &facade.get(&format!(
                "Organization?_page={}",
                URL_SAFE_NO_PAD.encode(&token[..length])
            )),
            400,
        );
    }
    expect(
        &facade.get(&format!(
            "Organization?_page={}",
            URL_SAFE_NO_PAD.encode(&token)
        )),
        200,
    );
}

#[test]
fn what_stands_beside_a_token_never_changes_what_is_found() {
    let facade = server();
    let first = facade.get("Organization?_count=3&identifier=61741000016007,x&_sort=-_id");
    assert_eq!(link(&first.json(), "next"), None);
    let next = next_of(&facade.get("Organization?_count=3&_sort=-_id"));
    let (strict, lenient) = ("handling=strict", "handling=lenient");
    for (beside, in_strictness, in_lenience) in [
        ("_sort=_id", 400, 400),
        ("_sort=-_id,name", 400, 400),
        ("identifier=1", 400, 400),
        ("name=before", 400, 400),
        ("name:foo=before", 400, 400),
        ("_lastUpdated=gt2027", 400, 400),
        ("_has:Patient:organization:_id=x", 400, 400),
        ("_page=x", 400, 400),
        ("_page:not=x", 400, 400),
        ("_count=x", 400, 400),
        ("_count=1&_count=2", 400, 400),
        ("_summary=most", 400, 400),
        ("colour=red", 400, 200),
        ("_count=3", 200, 200),
        ("_sort=-_id&_count=3", 200, 200),
        ("_format=json&_pretty=true", 200, 200),
        ("_total=none", 200, 200),
        ("_summary=true", 200, 200),
        ("_elements=name", 200, 200),
        ("_include=*", 200, 200),
        ("_revinclude=Patient:organization", 200, 200),
        ("_contained=false", 200, 200),
        ("_explain=true", 200, 200),
    ] {
        for (prefer, status) in [(strict, in_strictness), (lenient, in_lenience)] {
            let reply = facade.send(
                "GET",
                &format!("{next}&{beside}"),
                &[("prefer", prefer)],
                "",
            );
            assert_eq!(reply.status.as_u16(), status, "{beside}: {}", reply.text);
            if status == 200 {
                let bundle = reply.json();
                let found = bundle["entry"].as_array().unwrap().iter();
                let matches = found.filter(|entry| entry["search"]["mode"] == "match");
                let ids: Vec<_> = matches
                    .map(|entry| entry["resource"]["id"].clone())
                    .collect();
                assert_eq!(ids, ["o3", "o2", "o1"], "{beside}");
            }
        }
    }
}

#[test]
fn what_means_nothing_anywhere_may_stand_beside_a_token_unless_the_client_is_strict() {
    let facade = population();
    for first in [
        "Organization?_count=1",
        "/fhir?_count=1",
        "Patient/p/*?_count=1",
        "Patient/p/$everything?_count=1",
        "_history?_count=1",
    ] {
        let next = next_of(&facade.get(first));
        let expected = facade.get(&next).json()["entry"].clone();
        for (prefer, beside, status) in [
            ("", "_=1", 200),
            ("handling=lenient", "_=1", 200),
            ("handling=strict", "_=1", 400),
            ("", "colour:exact=red", 400),
            ("handling=lenient", "colour.name=red", 400),
        ] {
            let path = format!("{next}&{beside}");
            let reply = facade.send("GET", &path, &[("prefer", prefer)], "");
            assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.text);
            if status == 200 {
                assert_eq!(reply.json()["entry"][0], expected[0], "{path}");
            }
        }
    }
}

#[test]
fn what_is_about_the_answer_may_stand_beside_the_token_of_everything() {
    let facade = population();
    let ids = |reply: &Reply| -> Vec<Value> {
        let bundle = reply.json();
        let found = bundle["entry"].as_array().unwrap().iter();
        let matches = found.filter(|entry| entry["search"]["mode"] == "match");
        matches
            .map(|entry| entry["resource"]["id"].clone())
            .collect()
    };
    let next = next_of(&facade.get("Patient/p/$everything?_count=3"));
    let expected = ids(&facade.get(&next));
    assert_eq!(expected.len(), 3);
    let (strict, lenient) = ("handling=strict", "handling=lenient");
    for (beside, prefer, status) in [
        ("_count=3", strict, 200),
        ("_total=none", strict, 200),
        ("_elements=id", strict, 200),
        ("_summary=true", strict, 200),
        ("_summary=text", strict, 200),
        ("_explain=true", strict, 200),
        ("_contained=false", strict, 200),
        ("_include=*", strict, 200),
        ("_revinclude=Task:focus", strict, 200),
        ("_total=x", lenient, 400),
        ("_total:x=none", lenient, 400),
        ("_summary=most", lenient, 400),
        ("_elements=colour", lenient, 400),
        ("_include=x", lenient, 400),
        ("_since=2027", lenient, 400),
        ("start=2027", lenient, 400),
        ("_type=Task", lenient, 400),
        ("_sort=_id", strict, 400),
    ] {
        let path = format!("{next}&{beside}");
        let reply = facade.send("GET", &path, &[("prefer", prefer)], "");
        assert_eq!(reply.status.as_u16(), status, "{beside}: {}", reply.text);
        if status == 200 {
            assert_eq!(ids(&reply), expected, "{beside}");
        }
    }
    let uncounted = facade.get(&format!("{next}&_total=none"));
    assert_eq!(uncounted.json().get("total"), None);
    let part = facade.get(&format!("{next}&_elements=id")).resources();
    assert_eq!(part[0]["meta"]["tag"][0]["code"], "SUBSETTED");
    // From the first page on.
    let first = facade.get("Patient/p/$everything?_count=3&_elements=id&_total=none");
    expect(&first, 200);
    let second = facade.get(&next_of(&first));
    assert_eq!(ids(&second), expected);
    assert_eq!(second.resources()[0]["meta"]["tag"][0]["code"], "SUBSETTED");
    assert_eq!(second.json().get("total"), None);
    let counted = facade.get("Patient/p/$everything?_summary=count");
    assert_eq!(counted.json()["total"], 11);
    assert_eq!(counted.json().get("entry"), None);
}

#[test]
fn a_count_and_a_part_beside_a_token_hold_from_there_on() {
    let facade = server();
    let next = next_of(&facade.get("Organization?_count=2&_sort=-_id&_elements=name"));
    let ids = |reply: &Reply| -> Vec<String> {
        let found = reply.resources();
        let id = |found: &Value| found["id"].as_str().unwrap().to_owned();
        found.iter().map(id).collect()
    };
    // A client that adds its own count to each link.
    let mut page = facade.get(&format!("{next}&_count=1"));
    let mut found = ids(&page);
    while let Some(next) = link(&page.json(), "next") {
        page = facade.get(&format!("{next}&_count=3"));
        found.extend(ids(&page));
    }
    assert_eq!(found, ["o4", "o3", "o2", "o1", "o0"]);
    let back = facade.get(&link(&page.json(), "previous").unwrap());
    assert_eq!(ids(&back), ["o3", "o2", "o1"]);
    let whole = facade.get(&format!("{next}&_summary=false"));
    assert!(whole.resources()[0].get("identifier").is_some());
    let part = facade.get(&next);
    assert!(part.resources()[0].get("identifier").is_none());
    let text = facade.get(&format!("{next}&_summary=true"));
    assert!(text.resources()[0].get("identifier").is_some());
    let followed = facade.get(&next_of(&whole));
    assert!(followed.resources()[0].get("identifier").is_some());
}

#[test]
fn what_stands_beside_the_token_of_a_history_never_changes_its_span() {
    let facade = server();
    let strict = "handling=strict";
    for (path, expected) in [("_history", 3), ("Organization/_history", 3)] {
        let next = next_of(&facade.get(&format!("{path}?_count=3&_since=2027")));
        for (beside, prefer, status, entries) in [
            ("_count=3", strict, 200, expected),
            ("_count=1", strict, 200, 1),
            ("_since=2027", strict, 200, expected),
            ("_sort=-_lastUpdated", strict, 200, expected),
            ("_=1", "", 200, expected),
            ("_=1", strict, 400, 0),
            ("_total=none", strict, 200, expected),
            ("_elements=id", strict, 200, expected),
            ("_summary=true", strict, 200, expected),
            ("_include=*", strict, 200, expected),
            ("_total=x", "", 400, 0),
            ("_total:x=none", "handling=lenient", 400, 0),
            ("colour:exact=red", "handling=lenient", 400, 0),
            ("_since=2026", "handling=lenient", 400, 0),
            ("_since:not=2026", "handling=lenient", 400, 0),
            ("_at=2027", "handling=lenient", 400, 0),
            ("_count=x", "", 400, 0),
            ("_page=x", "", 400, 0),
            ("_id=o1", "", 400, 0),
        ] {
            let reply = facade.send(
                "GET",
                &format!("{next}&{beside}"),
                &[("prefer", prefer)],
                "",
            );
            assert_eq!(reply.status.as_u16(), status, "{beside}: {}", reply.text);
            if status == 200 {
                assert_eq!(reply.resources().len(), entries, "{beside}");
            }
        }
    }
}

#[test]
fn a_token_may_be_sent_in_the_form_of_a_search_and_in_the_entry_of_a_bundle() {
    let facade = server();
    let next = next_of(&facade.get("Organization?_count=3&_sort=-_id"));
    let token = token_of(&next);
    let expected = facade.get(&format!("{next}&_count=1")).json()["entry"].clone();
    let form = format!("_page={token}&_count=1");
    let reply = facade.send("POST", "Organization/_search", &FORM, form.clone());
    assert_eq!(reply.json()["entry"], expected);
    let path = format!("Organization/_search?_page={token}");
    let reply = facade.send("POST", &path, &FORM, "_count=1");
    assert_eq!(reply.json()["entry"], expected);
    for kind in ["batch", "transaction"] {
        let entry = |url: &str| json!({ "request": { "method": "GET", "url": url } });
        let entries = [entry(&format!("Organization?{form}")), entry(&next)];
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
        let reply = facade.post(&bundle);
        expect(&reply, 200);
        assert_eq!(reply.resources()[0]["entry"], expected);
        assert_eq!(reply.resources()[1]["entry"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_search_by_form_is_paged_by_links_that_name_nobody() {
    let facade = server();
    for number in 0..5 {
        facade.put_ok(&person(
            &format!("p{number}"),
            &format!("040544000{number}"),
        ));
    }
    let numbers: Vec<_> = (0..5).map(|number| format!("040544000{number}")).collect();
    let form = format!("identifier={}&_count=2&_sort=-_id", numbers.join(","));
    let mut reply = facade.send("POST", "Patient/_search", &FORM, form);
    let mut found = BTreeSet::new();
    let mut pages = 0;
    loop {
        expect(&reply, 200);
        let bundle = reply.json();
        assert_eq!(bundle["total"], 5);
        let links = bundle["link"].to_string();
        assert!(
            !numbers.iter().any(|number| links.contains(number)),
            "{links}"
        );
        let own = link(&bundle, "self").unwrap();
        assert!(
            own.starts_with("Patient?_count=2&_sort=-_id&_page="),
            "{own}"
        );
        assert_eq!(facade.get(&own).json()["entry"], bundle["entry"]);
        found.extend(
            reply
                .resources()
                .iter()
                .map(|patient| patient["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        match link(&bundle, "next") {
            Some(next) => reply = facade.get(&next),
            None => break,
        }
    }
    assert_eq!((pages, found.len()), (3, 5));
}

#[test]
fn a_page_ends_early_when_its_content_is_large() {
    let facade = Facade::at(NOW);
    let large = |id: &str| {
        let mut large = organization(id, "large");
        large["alias"] = vec!["x".repeat(1_000_000); 4].into();
        large
    };
    for number in 0..9 {
        facade.put_ok(&large(&format!("o{number}")));
    }
    for (first, relation) in [
        ("Organization?_sort=-_id", "search"),
        ("Organization/_history", "history"),
    ] {
        let mut next = Some(first.to_owned());
        let mut sizes = Vec::new();
        let mut ids: Vec<Value> = Vec::new();
        let mut last = Value::Null;
        while let Some(path) = next {
            let reply = facade.get(&path);
            expect(&reply, 200);
            assert!(reply.text.len() < 17 * 1024 * 1024, "{}", reply.text.len());
            let found = reply.resources();
            sizes.push(found.len());
            ids.extend(found.iter().map(|resource| resource["id"].clone()));
            next = link(&reply.json(), "next");
            last = reply.json();
        }
        assert_eq!(sizes, [4, 4, 1], "{relation}");
        assert_eq!(
            ids,
            ["o8", "o7", "o6", "o5", "o4", "o3", "o2", "o1", "o0"],
            "{relation}"
        );
        if relation == "search" {
            let back = facade.get(&link(&last, "previous").unwrap());
            expect(&back, 200);
            assert_eq!(
                back.resources()[0]["id"],
                "o8",
                "a page back holds at most what is before, and may begin earlier"
            );
            assert!(link(&back.json(), "next").is_some());
        }
    }
}

#[test]
fn a_cpr_number_in_an_address_is_refused_without_repeating_it() {
    let facade = server();
    facade.put_ok(&person("p", "0405440001"));
    for path in [
        "Patient?identifier=0405440001",
        "Patient?identifier=urn:oid:1.2.208.176.1.2%7C040544-0001",
        "Patient?identifier=a,0405440001",
        "Patient/p/*?_id=0405440001",
        "/fhir?_id=0405440001",
    ] {
        let reply = facade.get(path);
        expect(&reply, 400);
        assert!(
            reply.text.contains("POST") && !reply.text.contains("0001"),
            "{}",
            reply.text
        );
    }
    expect(
        &facade.send("POST", "Patient/_search?identifier=0405440001", &FORM, ""),
        400,
    );
    expect(
        &facade.send("POST", "Patient/_search", &FORM, "identifier=0405440001"),
        200,
    );
}

#[test]
fn a_write_by_a_cpr_number_goes_in_a_bundle_or_a_header_and_not_in_an_address() {
    let facade = server();
    let before = changes(&facade);
    let mut karen = person("p", "0405440001");
    let (by_cpr, patch) = (
        "Patient?identifier=urn:oid:1.2.208.176.1.2%7C0405440001",
        [("content-type", "application/json-patch+json")],
    );
    let send = |facade: &Facade, method: &str, sent: &Value| match method {
        "PATCH" => facade.send(
            method,
            by_cpr,
            &patch,
            "[{\"op\":\"add\",\"path\":\"/language\",\"value\":\"da\"}]",
        ),
        "DELETE" => facade.send(method, by_cpr, &[], ""),
        _ => facade.send(method, by_cpr, &[], sent.to_string()),
    };
    for method in ["PUT", "PATCH", "DELETE", "POST"] {
        let reply = send(&facade, method, &karen);
        expect(&reply, 400);
        assert!(
            reply.text.contains("Bundle") && !reply.text.contains("0001"),
            "{}",
            reply.text
        );
    }
    assert_eq!(changes(&facade), before);
    let created = facade.send(
        "POST",
        "Patient",
        &[("if-none-exist", "identifier=0405440001")],
        without_id(karen.clone()).to_string(),
    );
    expect(&created, 201);
    karen = created.json();
    karen["gender"] = "female".into();
    let entry = json!({ "resource": karen, "request": { "method": "PUT", "url": "Patient?identifier=0405440001" } });
    expect(
        &facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] })),
        200,
    );
    let facade = facade.taking_cpr_numbers();
    expect(&facade.get(by_cpr), 200);
    for method in ["PUT", "PATCH"] {
        expect(&send(&facade, method, &karen), 200);
    }
    expect(&send(&facade, "DELETE", &karen), 204);
}

#[test]
fn how_a_page_is_written_is_how_the_next_one_is() {
    let facade = server();
    for id in ["o1", "o2", "o3"] {
        facade.put_ok(&organization(id, id));
    }
    let general = "_format=application%2Fjson&_pretty=true";
    for path in [
        "Organization?_count=1",
        "_history?_count=1",
        "Organization/_history?_count=1",
    ] {
        let mut page = facade.get(&format!("{path}&{general}"));
        for _ in 0..2 {
            expect(&page, 200);
            assert_eq!(
                (page.header("content-type"), page.text.contains("{\n")),
                ("application/json; charset=utf-8", true),
                "{path}"
            );
            let bundle = page.json();
            assert!(
                link(&bundle, "self").unwrap().ends_with(general),
                "{bundle}"
            );
            let next = link(&bundle, "next").unwrap();
            assert!(next.ends_with(general), "{next}");
            page = facade.get(&next);
        }
    }
    let posted = facade.send(
        "POST",
        "Organization/_search",
        &FORM,
        "_count=1&_pretty=true",
    );
    assert!(
        link(&posted.json(), "next")
            .unwrap()
            .ends_with("&_pretty=true")
    );
    assert!(!facade.get("Organization?_count=1").text.contains("_format"));
}
