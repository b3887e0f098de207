//! The base of the addresses that answers give, behind a proxy: as a trusted one tells it, and as
//! nobody else does.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};

use super::{NOW, expect, organization};
use crate::support::facade::{BASE, Facade, Reply};
use crate::support::people::{copd, patient, plan, practice};

const OUTER: &str = "https://frist.example.dk/fhir";
const TOLD: [(&str, &str); 2] = [
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "frist.example.dk"),
];

/// Sends a request from that peer, with what a proxy tells.
fn send_from(
    facade: &Facade,
    peer: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let uri = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/fhir/{path}")
    };
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/fhir+json");
    }
    let peer: std::net::SocketAddr = peer.parse().unwrap();
    let request = request.extension(ConnectInfo(peer));
    facade.send_request(request.body(Body::from(body.to_owned())).unwrap())
}

/// Makes a server behind a proxy on its own machine.
fn server() -> Facade {
    let facade = Facade::behind(NOW, &["127.0.0.1"]);
    for resource in [practice("gp"), patient("p"), copd("c", "p", "2027-02-20")] {
        facade.put_ok(&resource);
    }
    facade
}

/// Requests whose answers have addresses of this server.
fn requests() -> Vec<(&'static str, &'static str, String)> {
    let request = |method: &str, url: &str| json!({ "method": method, "url": url });
    let mut written = json!({ "request": request("PUT", "Organization/b") });
    written["resource"] = organization("b", "b");
    let entries = json!([written, { "request": request("GET", "Patient?_id=p") }, { "request": request("GET", "metadata") }]);
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    vec![
        ("PUT", "Organization/a", organization("a", "a").to_string()),
        ("GET", "Patient?_count=1", String::new()),
        ("GET", "Patient?name=Test", String::new()),
        ("GET", "_history?_count=1", String::new()),
        ("GET", "Patient/p/_history", String::new()),
        ("GET", "Patient/p/$rights", String::new()),
        ("GET", "Patient/p/$everything", String::new()),
        ("GET", "Subscription/$status", String::new()),
        ("GET", "metadata", String::new()),
        ("GET", "/openapi.json", String::new()),
        ("GET", "/", String::new()),
        ("POST", "/fhir", bundle.to_string()),
    ]
}

#[test]
fn all_addresses_of_an_answer_are_those_by_which_it_was_asked() {
    let facade = server();
    for (method, path, body) in requests() {
        let told = send_from(&facade, "127.0.0.1:4711", (method, path), &TOLD, &body);
        let plain = send_from(&facade, "127.0.0.1:4711", (method, path), &[], &body);
        let other = send_from(&facade, "127.0.0.2:4711", (method, path), &TOLD, &body);
        for (reply, expected, foreign) in [
            (&told, OUTER, BASE),
            (&plain, BASE, OUTER),
            (&other, BASE, OUTER),
        ] {
            assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
            let all = format!("{} {}", reply.header("location"), reply.text);
            assert!(all.contains(expected), "{method} {path}: {all}");
            assert!(!all.contains(foreign), "{method} {path}: {all}");
        }
    }
}

#[test]
fn without_the_option_nobody_is_believed() {
    let facade = Facade::at(NOW);
    let reply = send_from(&facade, "127.0.0.1:4711", ("GET", "metadata"), &TOLD, "");
    assert_eq!(reply.json()["implementation"]["url"], BASE);
}

#[test]
fn what_is_no_address_makes_no_link() {
    let facade = server();
    for host in [
        "a b",
        "x\"><script>",
        "evil.example/x",
        "u@evil.example",
        "evil.example:0",
    ] {
        let headers = [("x-forwarded-proto", "https"), ("x-forwarded-host", host)];
        let reply = send_from(
            &facade,
            "127.0.0.1:4711",
            ("GET", "Patient?_id=p"),
            &headers,
            "",
        );
        expect(&reply, 200);
        let own = reply.json()["link"][0]["url"].clone();
        assert_eq!(own, format!("{BASE}/Patient?_id=p"), "{host}");
    }
}

#[test]
fn a_search_by_an_address_below_either_base_finds_what_it_names() {
    let facade = server();
    let ask = |search: &str| {
        let reply = send_from(&facade, "127.0.0.1:4711", ("GET", search), &TOLD, "");
        expect(&reply, 200);
        reply.json()["total"].clone()
    };
    for base in [BASE, OUTER] {
        assert_eq!(
            ask(&format!("Condition?subject={base}/Patient/p")),
            1,
            "{base}"
        );
        assert_eq!(
            ask(&format!("Condition?subject:Patient={base}/Patient/p")),
            1,
            "{base}"
        );
    }
    assert_eq!(
        ask("Condition?subject=https://elsewhere.test/fhir/Patient/p"),
        0
    );
}

#[test]
fn a_reference_below_either_base_is_stored_as_one_to_this_server() {
    let facade = server();
    for (base, id) in [(BASE, "d"), (OUTER, "e")] {
        let mut sent = copd(id, "p", "2027-02-21");
        sent["subject"]["reference"] = format!("{base}/Patient/p").into();
        let path = format!("Condition/{id}");
        let reply = send_from(
            &facade,
            "127.0.0.1:4711",
            ("PUT", &path),
            &TOLD,
            &sent.to_string(),
        );
        expect(&reply, 201);
        assert_eq!(reply.json()["subject"]["reference"], "Patient/p", "{base}");
    }
}

#[test]
fn criteria_below_either_base_ask_about_what_is_stored_here() {
    for base in [BASE, OUTER] {
        let facade = server();
        let send = |request: (&str, &str), header: (&str, &str), body: &Value| {
            let headers = [TOLD[0], TOLD[1], header];
            send_from(
                &facade,
                "127.0.0.1:4711",
                request,
                &headers,
                &body.to_string(),
            )
        };
        let none = ("accept", "application/fhir+json");
        let mut sent = copd("", "p", "2027-02-20");
        sent.as_object_mut().unwrap().remove("id");
        let criteria = format!("subject={base}/Patient/p");
        let search = format!("Condition?{criteria}");
        let once = ("if-none-exist", criteria.as_str());
        expect(&send(("POST", "Condition"), once, &sent), 200);
        expect(&send(("PUT", &search), none, &sent), 200);
        let steps = json!([{ "op": "replace", "path": "/recordedDate", "value": "2027-02-21" }]);
        let as_patch = ("content-type", "application/json-patch+json");
        expect(&send(("PATCH", &search), as_patch, &steps), 200);
        let mut plan = plan("cp", "p", "c", "2027-02-25");
        plan["subject"]["reference"] = format!("{base}/Patient?name=Test").into();
        plan["addresses"][0]["reference"] = format!("Condition?{criteria}").into();
        plan["author"]["reference"] = format!("{base}/Organization/gp").into();
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "resource": sent, "request": { "method": "POST", "url": "Condition", "ifNoneExist": criteria } },
            { "resource": plan, "request": { "method": "PUT", "url": "CarePlan/cp" } } ] });
        let reply = send(("POST", "/fhir"), none, &bundle);
        expect(&reply, 200);
        let found = reply.json()["entry"][0]["response"]["status"].clone();
        assert_eq!(found, "200 OK", "{base}");
        let stored = facade.get("CarePlan/cp").json();
        for (pointer, expected) in [
            ("/subject/reference", "Patient/p"),
            ("/addresses/0/reference", "Condition/c"),
            ("/author/reference", "Organization/gp"),
        ] {
            assert_eq!(stored.pointer(pointer).unwrap(), expected, "{base}");
        }
        assert_eq!(facade.search_all("Condition").len(), 1, "{base}");
        expect(&facade.send("DELETE", "CarePlan/cp", &[], ""), 204);
        expect(&send(("DELETE", &search), none, &Value::Null), 204);
        expect(&facade.get("Condition/c"), 410);
    }
}

#[test]
fn a_later_answer_and_its_files_are_at_the_same_base() {
    let facade = server();
    let headers = [TOLD[0], TOLD[1], ("prefer", "respond-async")];
    for path in ["Patient?_count=1", "$export"] {
        let begun = send_from(&facade, "127.0.0.1:4711", ("GET", path), &headers, "");
        expect(&begun, 202);
        let status = begun.header("content-location").to_owned();
        let job = status.strip_prefix(&format!("{OUTER}/")).unwrap();
        let done = loop {
            let reply = send_from(&facade, "127.0.0.1:4711", ("GET", job), &TOLD, "");
            match reply.status.as_u16() {
                202 => std::thread::yield_now(),
                _ => break reply,
            }
        };
        expect(&done, 200);
        assert!(
            done.text.contains(OUTER) && !done.text.contains(BASE),
            "{}",
            done.text
        );
    }
}

#[test]
fn each_base_has_a_statement_and_a_document_of_its_own_however_often_it_is_asked_for() {
    let facade = server();
    let ask = |headers: &[(&str, &str)], path: &str| {
        let reply = send_from(&facade, "127.0.0.1:4711", ("GET", path), headers, "");
        expect(&reply, 200);
        reply.json()
    };
    let url_of = |answer: &Value| match answer["servers"][0]["url"].as_str() {
        Some(url) => url.to_owned(),
        None => answer["implementation"]["url"].as_str().unwrap().to_owned(),
    };
    for path in ["metadata", "/openapi.json"] {
        for _ in 0..3 {
            assert_eq!(url_of(&ask(&[], path)), BASE);
            assert_eq!(url_of(&ask(&TOLD, path)), OUTER);
        }
        let (mut inner, mut outer) = (ask(&[], path), ask(&TOLD, path));
        for answer in [&mut inner, &mut outer] {
            answer["servers"] = Value::Null;
            answer["implementation"] = Value::Null;
        }
        assert_eq!(inner, outer, "{path}");
    }
}
