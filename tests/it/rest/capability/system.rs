//! The whole system in the statement: interactions, formats, compartments, and answers that come
//! later.

use axum::body::Body;

use super::{array, resources, server, statement, text};
use crate::rest::expect;
use crate::support::facade::BASE;

#[test]
fn what_is_said_of_the_whole_system_holds_and_the_rest_is_refused() {
    let facade = server();
    let statement = statement(&facade);
    let said: Vec<_> = array(&statement["rest"][0]["interaction"])
        .iter()
        .map(|interaction| text(&interaction["code"]))
        .collect();
    for code in ["transaction", "batch", "history-system", "search-system"] {
        let reply = match code {
            "history-system" => facade.get("_history"),
            "search-system" => facade.get("/fhir?_lastUpdated=2027"),
            bundle => facade.send(
                "POST",
                "/fhir",
                &[],
                format!("{{\"resourceType\":\"Bundle\",\"type\":\"{bundle}\"}}"),
            ),
        };
        expect(&reply, if said.contains(&code) { 200 } else { 405 });
    }
    assert!(
        said.iter().all(|code| matches!(
            *code,
            "transaction" | "batch" | "history-system" | "search-system"
        )),
        "{said:?}"
    );
    for format in array(&statement["format"]) {
        expect(
            &facade.get(&format!(
                "metadata?_format={}",
                text(format).replace('+', "%2B")
            )),
            200,
        );
    }
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], BASE);
}

#[test]
fn each_format_that_is_said_is_taken_and_each_other_is_refused() {
    let facade = server();
    let statement = statement(&facade);
    let said = |member: &str| {
        array(&statement[member])
            .iter()
            .map(|format| text(format).to_owned())
            .collect::<Vec<_>>()
    };
    let (formats, patches) = (said("format"), said("patchFormat"));
    for format in [
        "application/fhir+json",
        "json",
        "application/fhir+xml",
        "xml",
        "application/fhir+turtle",
        "ttl",
        "html",
    ] {
        let status = if formats.iter().any(|known| known == format) {
            200
        } else {
            406
        };
        expect(
            &facade.get(&format!("Patient/p?_format={}", format.replace('+', "%2B"))),
            status,
        );
    }
    for format in [
        "application/json-patch+json",
        "application/fhir+json",
        "application/xml-patch+xml",
        "application/merge-patch+json",
        "application/fhir+xml",
    ] {
        let body = match format {
            "application/fhir+json" => "{\"resourceType\":\"Parameters\"}",
            "application/merge-patch+json" => "{}",
            "application/fhir+xml" => "<Parameters xmlns=\"http://hl7.org/fhir\"/>",
            _ => "[]",
        };
        let reply = facade.send("PATCH", "Goal/g", &[("content-type", format)], body);
        expect(
            &reply,
            if patches.iter().any(|known| known == format) {
                200
            } else {
                415
            },
        );
    }
}

#[test]
fn what_is_not_said_of_the_whole_system_or_of_a_compartment_is_refused() {
    let facade = server();
    for method in ["PUT", "PATCH", "DELETE"] {
        expect(&facade.send(method, "/fhir?_id=p", &[], "{}"), 405);
    }
    for path in [
        "Practitioner/dr/Condition",
        "Encounter/e/Condition",
        "Organization/gp/*",
        "Patient/p/Organization",
        "Patient/p/Device",
    ] {
        expect(&facade.get(path), 404);
    }
    for (kind, resource) in resources(&statement(&facade)) {
        for parameter in array(&resource["searchParam"])
            .iter()
            .filter(|parameter| parameter["type"] != "reference")
        {
            expect(
                &facade.get(&format!(
                    "{kind}?_include={kind}:{}",
                    text(&parameter["name"])
                )),
                400,
            );
        }
        expect(&facade.get(&format!("{kind}?_include={kind}:nothing")), 400);
        expect(
            &facade.get(&format!("{kind}?_revinclude=Task:nothing")),
            400,
        );
    }
}

#[test]
fn what_is_said_of_later_answers_holds() {
    let facade = server();
    let statement = statement(&facade);
    let said = text(&statement["rest"][0]["documentation"]);
    assert!(
        [
            "respond-async",
            "searches",
            "histories",
            "$everything",
            "batch and transaction Bundles"
        ]
        .iter()
        .all(|word| said.contains(word)),
        "{said}"
    );
    let later = [("prefer", "respond-async")];
    for path in [
        "Goal",
        "/fhir?_type=Goal",
        "Patient/p/*",
        "Patient/p/$everything",
        "_history",
        "Goal/_history",
        "Goal/g/_history",
        "$export",
    ] {
        assert_eq!(
            facade
                .send("GET", path, &later, Body::empty())
                .status
                .as_u16(),
            202,
            "{path}"
        );
    }
    for kind in ["batch", "transaction"] {
        let bundle = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"}}");
        assert_eq!(
            facade.send("POST", "/fhir", &later, bundle).status.as_u16(),
            202,
            "{kind}"
        );
    }
}
