//! Every error comes with an OperationOutcome that says what to do, and repeats nothing of a person
//! (<https://hl7.org/fhir/R4/http.html#Status-Codes>).

use axum::body::Body;
use serde_json::json;

use super::{changes, clinic, expect, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient};

/// Bodies that are not one resource in strict JSON, each with the name of its fault.
fn faulty_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let good = patient("x").to_string();
    let deep = |levels: usize| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"x\",\"a\":{}1{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    vec![
        ("nothing", Vec::new()),
        ("cut short", good[..good.len() - 1].into()),
        ("two values", format!("{good}{good}").into()),
        (
            "a trailing comma",
            good.replace("\"id\":\"x\",", "\"id\":\"x\",,").into(),
        ),
        (
            "a duplicate key",
            good.replacen('{', "{\"id\":\"x\",", 1).into(),
        ),
        (
            "a duplicate key below",
            good.replace(
                "\"family\":\"Test\"",
                "\"family\":\"Test\",\"family\":\"Test\"",
            )
            .into(),
        ),
        (
            "two byte order marks",
            [b"\xef\xbb\xbf\xef\xbb\xbf", good.as_bytes()].concat(),
        ),
        (
            "no UTF-8",
            [
                b"{\"resourceType\":\"Patient\",\"id\":\"x\",\"language\":\"".as_slice(),
                b"\xff\"}",
            ]
            .concat(),
        ),
        ("half a surrogate", good.replace("Test", "\\ud800").into()),
        ("a comment", format!("/* */{good}").into()),
        ("single quotes", good.replace('"', "'").into()),
        ("nested too deep", deep(64).into()),
        ("nested much too deep", deep(100_000).into()),
        ("NaN", good.replace("\"x\"", "NaN").into()),
        ("a leading zero", good.replace("\"x\"", "01").into()),
        ("an array", format!("[{good}]").into()),
        ("null", b"null".into()),
        ("text", b"\"Patient\"".into()),
        (
            "no type",
            good.replace("resourceType", "resourcetype").into(),
        ),
        (
            "a number for a type",
            good.replace("\"Patient\"", "7").into(),
        ),
        (
            "a control character",
            good.replace("Test", "Te\u{1}st").into(),
        ),
    ]
}

#[test]
fn a_body_that_is_not_strict_json_is_400_and_writes_nothing() {
    let facade = clinic();
    let before = changes(&facade);
    for (what, body) in faulty_bodies() {
        for (method, path) in [("PUT", "Patient/x"), ("POST", "Patient"), ("POST", "/fhir")] {
            let reply = facade.send(method, path, &[], Body::from(body.clone()));
            assert_eq!(
                reply.status.as_u16(),
                400,
                "{what}: {method} {path}: {}",
                reply.text
            );
            expect(&reply, 400);
        }
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn the_type_of_the_body_is_that_of_the_address() {
    let facade = clinic();
    expect(
        &facade.send("POST", "Organization", &[], patient("").to_string()),
        400,
    );
    expect(
        &facade.send("PUT", "Organization/p", &[], patient("p").to_string()),
        400,
    );
    expect(
        &facade.send("POST", "Patient", &[], "{\"resourceType\":\"Unknown\"}"),
        400,
    );
}

#[test]
fn a_type_that_is_not_held_is_404_whatever_is_done() {
    let facade = clinic();
    for kind in [
        "Observation",
        "patient",
        "PATIENT",
        "Patients",
        "Foo",
        "ImplementationGuide",
        "$rights",
        "Patient%20",
    ] {
        for (method, path) in [
            ("GET", kind.to_owned()),
            ("POST", kind.to_owned()),
            ("GET", format!("{kind}/1")),
            ("PUT", format!("{kind}/1")),
            ("DELETE", format!("{kind}/1")),
            ("GET", format!("{kind}/1/_history/1")),
            ("POST", format!("{kind}/_search")),
        ] {
            expect(
                &facade.send(
                    method,
                    &path,
                    &[],
                    format!("{{\"resourceType\":\"{kind}\",\"id\":\"1\"}}"),
                ),
                404,
            );
        }
    }
}

#[test]
fn what_refuses_comes_first_and_says_all_in_one_sentence() {
    let facade = clinic();
    let mut sent = copd("c", "p", "2027-03-02");
    sent["asserter"] = json!({ "reference": "Practitioner/later" });
    for (method, path, status) in [
        ("PUT", "Condition/c", 422),
        ("POST", "Condition/$validate", 200),
    ] {
        let reply = facade.send(method, path, &[], sent.to_string());
        expect(&reply, status);
        let outcome = reply.json();
        let issues = outcome["issue"].as_array().unwrap();
        let severities: Vec<_> = issues
            .iter()
            .map(|issue| issue["severity"].as_str().unwrap())
            .collect();
        let others = severities
            .iter()
            .position(|severity| *severity != "error")
            .unwrap();
        assert!(
            others > 0 && !severities[others..].contains(&"error"),
            "{method} {path}: {severities:?}"
        );
        let sentence = issues[0]["diagnostics"].as_str().unwrap();
        assert!(
            sentence
                .starts_with("Condition.recordedDate: expected a date that is not in the future"),
            "{sentence}"
        );
    }
    let issue = facade.get("Patient/nope").json()["issue"][0].clone();
    assert_eq!(issue["diagnostics"], issue["details"]["text"]);
}

#[track_caller]
fn not_allowed(reply: &Reply, allow: &str) {
    expect(reply, 405);
    assert_eq!(reply.header("allow"), allow);
}

/// Checks that the address has none of these methods, and says which it has.
fn check_methods(facade: &Facade, methods: &[&str], path: &str, allow: &str) {
    let task = json!({ "resourceType": "Task", "id": "t" }).to_string();
    for method in methods {
        let reply = facade.send(
            method,
            path,
            &[],
            if *method == "GET" {
                String::new()
            } else {
                task.clone()
            },
        );
        let allow = format!("{allow}, OPTIONS");
        if *method == "HEAD" {
            assert_eq!(
                (reply.status.as_u16(), reply.header("allow")),
                (405, &*allow)
            );
        } else {
            not_allowed(&reply, &allow);
        }
    }
}

#[test]
fn a_method_that_a_resource_or_a_type_does_not_have_is_405_and_says_which_it_has() {
    let facade = clinic();
    let before = changes(&facade);
    for (methods, path, allow) in [
        (
            &["POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"][..],
            "Task/t",
            "GET, HEAD",
        ),
        (&["POST", "PUT", "PATCH", "DELETE"], "Task", "GET, HEAD"),
        (&["POST", "PUT", "DELETE"], "Provenance/t", "GET, HEAD"),
        (&["POST", "PUT", "DELETE"], "AuditEvent/t", "GET, HEAD"),
        (&["POST", "PUT", "DELETE"], "PlanDefinition/t", "GET, HEAD"),
        (&["POST"], "StructureDefinition", "GET, HEAD"),
        (
            &["POST", "TRACE"],
            "Patient/p",
            "GET, HEAD, PUT, PATCH, DELETE",
        ),
        (&["TRACE"], "Patient", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        (
            &["PUT", "PATCH", "DELETE"],
            "Task?identifier=0405440001",
            "GET, HEAD",
        ),
    ] {
        check_methods(&facade, methods, path, allow);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_method_that_the_system_or_an_operation_does_not_have_is_405_and_says_which_it_has() {
    let facade = clinic();
    let before = changes(&facade);
    for (methods, path, allow) in [
        (&["PUT", "DELETE", "PATCH"][..], "/fhir", "GET, HEAD, POST"),
        (&["PUT", "DELETE"], "/fhir/", "GET, HEAD, POST"),
        (
            &["GET", "HEAD", "PUT", "DELETE", "PATCH"],
            "_search",
            "POST",
        ),
        (&["GET", "PUT", "DELETE"], "Patient/_search", "POST"),
        (
            &["POST", "PUT", "DELETE"],
            "Patient/p/_history",
            "GET, HEAD",
        ),
        (
            &["POST", "PUT", "DELETE"],
            "Patient/p/_history/1",
            "GET, HEAD",
        ),
        (&["POST", "PUT", "DELETE"], "Patient/_history", "GET, HEAD"),
        (&["POST", "PUT", "DELETE"], "_history", "GET, HEAD"),
        (&["POST", "PUT", "DELETE"], "metadata", "GET, HEAD"),
        (
            &["PUT", "DELETE", "PATCH"],
            "Patient/p/$rights",
            "GET, HEAD, POST",
        ),
        (&["POST", "DELETE"], "/", "GET, HEAD"),
    ] {
        check_methods(&facade, methods, path, allow);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn an_address_with_nothing_there_is_404() {
    let facade = clinic();
    for path in [
        "Patient/p/extra",
        "Patient/p/_history/1/extra",
        "Patient/p/$unknown",
        "Patient/$unknown",
        "Observation/$validate",
        "$validate",
        "$unknown",
        "Condition/c/$rights",
        "Patient/$rights",
        "Patient//p",
        "Patient/p/_History",
        "Patient/a_b",
        "Patient/a%20b",
    ] {
        expect(&facade.get(path), 404);
    }
}

const CPR: &str = "0405440001";
const NAME: &str = "Hemmelighed";

/// Checks that the request is refused without a word of the person in the answer.
fn expect_no_word_of_the_person(reply: &Reply) {
    assert!(reply.status.is_client_error(), "{}", reply.text);
    let said = reply.text.to_lowercase();
    assert!(
        !said.contains(CPR) && !said.contains(&NAME.to_lowercase()) && !said.contains("0606660003"),
        "{}",
        reply.text
    );
}

#[test]
fn no_error_of_a_write_repeats_a_cpr_number_or_a_name() {
    let facade = clinic();
    let mut wrong = patient("p");
    wrong["identifier"][0]["value"] = format!("{CPR}9").into();
    wrong["name"][0]["use"] = NAME.into();
    wrong["birthDate"] = NAME.into();
    wrong["gender"] = CPR.into();
    let mut stranger = copd("c", "p", CPR);
    stranger["subject"] = json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.2", "value": "0606660003" }, "display": NAME });
    stranger["verificationStatus"]["coding"][0]["code"] = NAME.into();
    stranger["code"] = json!({ "text": NAME });
    let twice = format!("{{\"resourceType\":\"Patient\",\"{NAME}\":1,\"{NAME}\":2}}");
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": stranger, "request": { "method": "PUT", "url": format!("Condition/c?{CPR}") } },
        { "fullUrl": CPR, "resource": stranger, "request": { "method": "POST", "url": "Condition", "ifNoneExist": format!("{NAME}={CPR}") } },
        { "resource": stranger, "request": { "method": CPR, "url": format!("Patient?identifier={CPR}") } },
        { "resource": stranger, "request": { "method": "GET", "url": format!("{NAME}/{CPR}") } },
    ] });
    let replies = vec![
        facade.put(&wrong),
        facade.put(&stranger),
        facade.post(&without_id(stranger.clone())),
        facade.post(&bundle),
        facade.send("PUT", "Patient/p", &[], twice),
        facade.send(
            "POST",
            "Patient",
            &[("if-none-exist", &format!("{CPR}={NAME}"))],
            patient("").to_string(),
        ),
        facade.send(
            "PUT",
            "Patient/p",
            &[("if-match", CPR)],
            patient("p").to_string(),
        ),
        facade.send(NAME, "Patient/p", &[], Body::empty()),
    ];
    for reply in replies {
        expect_no_word_of_the_person(&reply);
    }
}

#[test]
fn no_error_of_a_read_repeats_a_cpr_number_or_a_name() {
    let facade = clinic();
    for path in [
        format!("Patient?_count={CPR}x"),
        format!("Patient?_lastUpdated={CPR}"),
        format!("Patient?_id={CPR}/{NAME}"),
        format!("Patient?{CPR}={NAME}"),
        format!("Patient?identifier:{NAME}={CPR}"),
        format!("Patient?_sort={CPR}"),
        format!("Condition?patient={CPR}/{NAME}"),
        format!("Task?due={CPR}"),
        format!("Patient?_page={CPR}.{CPR}"),
        format!("Patient?_format={NAME}"),
        format!("Patient?_pretty={NAME}"),
        format!("Patient/_history?_since={CPR}"),
        format!("Patient/p/$rights?as-of={CPR}"),
        format!("Patient/p/$rights?{CPR}={NAME}"),
        format!("{NAME}/{CPR}"),
        format!("Patient/p/${NAME}"),
        format!("Patient/p/{CPR}"),
        format!("Patient/{CPR}"),
        format!("Patient/{CPR}/_history"),
        format!("Patient/{CPR}/_history/1"),
        format!("Patient/{CPR}/$rights"),
    ] {
        expect_no_word_of_the_person(&facade.get(&path));
    }
}
