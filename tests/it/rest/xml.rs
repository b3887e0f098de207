//! The interface in XML (<https://hl7.org/fhir/R4/http.html#mime-type>): all that can be sent and
//! asked for in JSON.

use axum::body::Body;
use frist::schema::Definitions;
use frist::xml::{Layout, read, write};
use serde_json::{Value, json};

use super::{changes, clinic, expect, identified, organization, population, without_id};
use crate::support::facade::{BASE, Facade, Reply, link, transaction_of};
use crate::support::people::{copd, patient, plan};

const XML: (&str, &str) = ("content-type", "application/fhir+xml");
const ACCEPT: (&str, &str) = ("accept", "application/fhir+xml");

fn to_xml(resource: &Value) -> String {
    let xml = write(
        &Definitions::core(),
        resource.to_string().as_bytes(),
        Layout::Compact,
    );
    String::from_utf8(xml.unwrap()).unwrap()
}

/// Returns what an answer in XML says, as JSON.
#[track_caller]
fn said(reply: &Reply) -> Value {
    let content_type = reply.header("content-type");
    assert!(
        content_type.starts_with("application/fhir+xml; charset=utf-8"),
        "{content_type}: {}",
        reply.text
    );
    assert!(
        reply
            .text
            .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
    );
    read(&Definitions::core(), reply.text.as_bytes())
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn whatever_is_answered_in_json_is_answered_in_xml() {
    let facade = population();
    facade.put_ok(&patient("p"));
    for (path, status) in [
        ("metadata", 200),
        ("Patient/p", 200),
        ("Patient/p?_summary=true", 200),
        ("Condition/c/_history/1", 200),
        ("Patient/p/_history", 200),
        ("Condition/_history", 200),
        ("_history?_count=5", 200),
        ("Task?owner:missing=true", 200),
        ("Task?_count=1", 200),
        ("Condition?_include=Condition:subject&_total=accurate", 200),
        ("Condition?_explain=true", 200),
        ("Patient?_summary=count", 200),
        ("Patient/p/Condition", 200),
        ("Patient/p/$everything", 200),
        ("Patient/p/$rights?as-of=2027-03-01", 200),
        ("Patient/p/$meta", 200),
        ("Patient/p/$validate", 200),
        ("Subscription/$status", 200),
        ("Patient/nobody", 404),
        ("Observation", 404),
        ("Observation/x", 404),
        ("Patient?colour=red", 400),
        ("Patient?_pretty=perhaps", 400),
        ("Patient/p/_history?_since=soon", 400),
    ] {
        let as_json = facade.get(path);
        assert_eq!(as_json.status.as_u16(), status, "{path}: {}", as_json.text);
        let as_xml = facade.send("GET", path, &[ACCEPT], Body::empty());
        assert_eq!(as_xml.status, as_json.status, "{path}");
        assert!(as_json.json().is_object(), "{path}");
        assert_eq!(said(&as_xml), as_json.json(), "{path}");
        for header in ["etag", "last-modified", "vary", "location"] {
            assert_eq!(
                as_xml.header(header),
                as_json.header(header),
                "{path} {header}"
            );
        }
        assert!(as_xml.header("vary").contains("Accept,"), "{path}");
        let head = facade.send("HEAD", path, &[ACCEPT], Body::empty());
        assert_eq!(
            head.header("content-length"),
            as_xml.text.len().to_string(),
            "{path}"
        );
    }
    let not_allowed = facade.send("DELETE", "metadata", &[ACCEPT], Body::empty());
    assert_eq!(not_allowed.status.as_u16(), 405);
    assert_eq!(said(&not_allowed)["resourceType"], "OperationOutcome");
}

const FHIR_XML: &str = "application/fhir+xml; charset=utf-8";

/// Values of `Accept`, queries, and the media type that is given.
const FORMS: &[(&str, &str, &str)] = &[
    ("application/fhir+xml", "", FHIR_XML),
    ("application/xml", "", "application/xml; charset=utf-8"),
    ("text/xml", "", "text/xml; charset=utf-8"),
    (
        "application/fhir+xml;q=0.9, application/fhir+json;q=0.8",
        "",
        FHIR_XML,
    ),
    (
        "application/fhir+xml, application/fhir+json",
        "",
        "application/fhir+json; charset=utf-8",
    ),
    ("application/fhir+xml; fhirVersion=4.0", "", FHIR_XML),
    ("application/fhir+json", "?_format=xml", FHIR_XML),
    ("text/html", "?_format=application/fhir%2Bxml", FHIR_XML),
    ("text/html", "?_format=application/fhir+xml", FHIR_XML),
    (
        "*/*",
        "?_format=application/xml",
        "application/xml; charset=utf-8",
    ),
    ("*/*", "?_format=text/xml", "text/xml; charset=utf-8"),
    (
        "application/fhir+xml",
        "?_format=json",
        "application/fhir+json; charset=utf-8",
    ),
];

#[test]
fn the_form_is_chosen_by_format_or_else_by_accept() {
    let facade = clinic();
    for (accept, query, content_type) in FORMS.iter().copied() {
        let reply = facade.send(
            "GET",
            &format!("Patient/p{query}"),
            &[("accept", accept)],
            "",
        );
        assert_eq!(reply.status.as_u16(), 200, "{accept} {query}");
        assert_eq!(
            reply.header("content-type"),
            content_type,
            "{accept} {query}"
        );
        assert_eq!(
            reply.text.starts_with('<'),
            content_type.contains("xml"),
            "{accept} {query}"
        );
    }
    // Where the address cannot be understood, by Accept.
    let wrong = facade.send("GET", "Patient?_format=ttl", &[ACCEPT], "");
    assert_eq!(wrong.status.as_u16(), 406);
    assert_eq!(said(&wrong)["resourceType"], "OperationOutcome");
    // Files for people and programs are none of FHIR.
    let manifest = facade.send("GET", "/metrics", &[ACCEPT], "");
    assert_eq!(manifest.status.as_u16(), 200);
    let lines = facade.send("GET", "Patient/p?_format=xml&_pretty=true", &[], "");
    assert!(
        lines.text.contains("\n  <id value=\"p\"/>\n"),
        "{}",
        lines.text
    );
    assert_eq!(said(&lines), facade.get("Patient/p").json());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let found = facade.send("POST", "Patient/_search", &form, "_id=p&_format=xml");
    assert_eq!(said(&found)["entry"][0]["resource"]["id"], "p");
    let both = [form[0], ACCEPT];
    let found = facade.send("POST", "Patient/_search", &both, "_id=p&_format=json");
    assert_eq!(found.json()["entry"][0]["resource"]["id"], "p");
}

#[test]
fn a_form_is_refused_in_the_form_that_it_asks_for() {
    let facade = population();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let in_json = ("accept", "application/fhir+json");
    for (path, body, status) in [
        ("Patient/_search", "_id=p&_format=xml", 200),
        ("Patient/_search", "colour=red&_format=xml", 400),
        ("Patient/_search", "_format=xml&birthdate=soon", 400),
        ("_search", "_format=xml&colour=red", 400),
        ("Patient/p/Condition/_search", "_format=xml&colour=red", 400),
        ("Unheard/_search", "_format=xml", 404),
        ("Subscription/sub/$resend", "_format=xml", 400),
        (
            "Subscription/nobody/$resend",
            "_format=xml&eventsSinceNumber=1&eventsUntilNumber=1",
            404,
        ),
    ] {
        for headers in [vec![form], vec![form, in_json]] {
            let reply = facade.send("POST", path, &headers, body);
            assert_eq!(
                reply.status.as_u16(),
                status,
                "{path} {body}: {}",
                reply.text
            );
            // Of a type that is none, nothing is searched, and no form is read.
            if status != 404 || path.contains('$') {
                assert!(said(&reply).is_object(), "{path} {body}");
            }
            let plain = facade.send(
                "POST",
                path,
                &headers,
                body.replace("_format=xml", "_format=json"),
            );
            assert_eq!(plain.status, reply.status, "{path} {body}");
            assert!(plain.json().is_object(), "{path} {body}");
        }
    }
    let lines = facade.send(
        "POST",
        "Patient/_search",
        &[form],
        "colour=red&_pretty=true",
    );
    assert!(lines.text.contains("\n  \"issue\": ["), "{}", lines.text);
    // What is asked for cannot be given: as the header says.
    let unknown = facade.send("POST", "Patient/_search", &[form, ACCEPT], "_format=ttl");
    assert_eq!(unknown.status.as_u16(), 406);
    assert!(said(&unknown).is_object());
}

#[test]
fn a_browser_is_shown_lines_of_json() {
    let facade = clinic();
    let browser = (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    );
    for (path, status) in [
        ("Patient/p", 200),
        ("Patient/nobody", 404),
        ("Patient", 200),
    ] {
        let shown = facade.send("GET", path, &[browser], Body::empty());
        assert_eq!(shown.status.as_u16(), status);
        assert_eq!(
            shown.header("content-type"),
            "application/json; charset=utf-8",
            "{path}"
        );
        assert!(shown.text.starts_with("{\n  \"resourceType\": "), "{path}");
        assert_eq!(shown.json(), facade.get(path).json(), "{path}");
    }
}

#[test]
fn pages_lead_to_pages_in_the_same_form_and_tags_mean_the_same() {
    let facade = population();
    let mut next = Some("Condition?_format=xml&_count=1".to_owned());
    let mut ids = Vec::new();
    while let Some(path) = next {
        let page = said(&facade.get(&path));
        ids.push(page["entry"][0]["resource"]["id"].clone());
        next = link(&page, "next");
        assert!(
            next.as_ref()
                .is_none_or(|next| next.contains("_format=xml")),
            "{next:?}"
        );
    }
    assert_eq!(ids.len(), 2);
    let etag = facade.get("Patient/p").header("etag").to_owned();
    let known = [ACCEPT, ("if-none-match", etag.as_str())];
    let unchanged = facade.send("GET", "Patient/p", &known, "");
    assert_eq!((unchanged.status.as_u16(), &*unchanged.text), (304, ""));
}

#[test]
fn whatever_is_sent_in_json_can_be_sent_in_xml() {
    let facade = clinic();
    let other = clinic();
    let condition = copd("c", "p", "2027-02-20");
    let mut twice = condition.clone();
    twice["code"]["text"] = " KOL\n\t& \"mere\" ".into();
    twice["_recordedDate"] = json!({ "id": "r" });
    let created = without_id(identified(copd("", "p", "2027-02-21"), "x"));
    let batch = |kind: &str| {
        let mut bundle =
            transaction_of(&[&plan("cp", "p", "c", "2027-02-25"), &organization("o", "Æ")]);
        bundle["type"] = kind.into();
        bundle
    };
    let parameters =
        |parameter: Value| json!({ "resourceType": "Parameters", "parameter": [parameter] });
    let patch = parameters(json!({ "name": "operation", "part": [
        { "name": "type", "valueCode": "replace" }, { "name": "path", "valueString": "Condition.code.text" },
        { "name": "value", "valueString": "KOL" } ] }));
    let labels = parameters(
        json!({ "name": "meta", "valueMeta": { "tag": [{ "system": "urn:t", "code": "a" }] } }),
    );
    let checked = parameters(json!({ "name": "resource", "resource": condition }));
    let again = "Condition?identifier=https://ehr.test/id|x";
    let empty = json!({ "resourceType": "Condition" });
    for (method, path, body, status) in [
        ("PUT", "Condition/c", &condition, 201),
        ("PUT", "Condition/c", &condition, 200),
        ("PUT", "Condition/c", &twice, 200),
        ("POST", "Condition", &created, 201),
        ("PUT", again, &created, 200),
        ("POST", "/fhir", &batch("transaction"), 200),
        ("POST", "/fhir", &batch("batch"), 200),
        ("PATCH", "Condition/c", &patch, 200),
        ("POST", "Condition/c/$meta-add", &labels, 200),
        ("POST", "Condition/$validate", &condition, 200),
        ("POST", "Condition/$validate", &checked, 200),
        ("POST", "Condition", &empty, 422),
        ("PUT", "Condition/other", &condition, 400),
        ("POST", "Patient", &condition, 400),
    ] {
        let prefer = ("prefer", "return=representation");
        let in_json = other.send(method, path, &[prefer], body.to_string());
        let content_type = ("content-type", "application/fhir+xml; charset=UTF-8");
        let in_xml = facade.send(method, path, &[content_type, prefer], to_xml(body));
        assert_eq!(
            in_json.status.as_u16(),
            status,
            "{method} {path}: {}",
            in_json.text
        );
        assert_eq!(
            in_xml.status, in_json.status,
            "{method} {path}: {}",
            in_xml.text
        );
        // Who sends XML and likes every answer gets XML.
        assert_eq!(said(&in_xml), in_json.json(), "{method} {path}");
    }
    for path in [
        "Condition/c",
        "CarePlan/cp",
        "Organization/o",
        "Task?_sort=_id",
    ] {
        assert_eq!(facade.get(path).json(), other.get(path).json(), "{path}");
    }
    assert_eq!(changes(&facade), changes(&other));
    assert_eq!(facade.get("Condition/c").json()["_recordedDate"]["id"], "r");
}

/// Bodies that are no document of FHIR XML, and the finding.
const BROKEN: &[(&str, &str)] = &[
    ("", "error structure"),
    ("{\"resourceType\":\"Organization\"}", "error structure"),
    ("<Organization/>", "error structure"),
    (
        "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><Organization xmlns=\"http://hl7.org/fhir\"><name value=\"&b;\"/></Organization>",
        "error structure",
    ),
    (
        "<Organization xmlns=\"http://hl7.org/fhir\">\n<name value=\"a\"/><active value=\"true\"/></Organization>",
        "error structure Organization",
    ),
];

#[test]
fn every_media_type_of_xml_is_read() {
    let facade = clinic();
    let sent = to_xml(&organization("o", "Ø"));
    for (content_type, status) in [
        ("application/fhir+xml", 201),
        ("application/xml", 200),
        ("text/xml", 200),
        ("text/xml; charset=utf-8", 200),
        (
            "application/fhir+xml; fhirVersion=4.0; charset=\"UTF-8\"",
            200,
        ),
        ("application/fhir+xml; fhirVersion=5.0", 415),
        ("text/xml; charset=iso-8859-1", 415),
        ("application/fhir+json", 400),
    ] {
        let header = [
            ("content-type", content_type),
            ("accept", "application/fhir+json"),
        ];
        expect(
            &facade.send("PUT", "Organization/o", &header, sent.clone()),
            status,
        );
    }
}

#[test]
fn what_is_no_document_of_fhir_is_refused_and_what_is_wrong_in_one_is_found() {
    let facade = clinic();
    let before = changes(&facade);
    for (xml, issue) in BROKEN.iter().copied() {
        for path in ["Organization", "Organization/$validate", "/fhir"] {
            let refused = facade.send("POST", path, &[XML], xml);
            assert_eq!(refused.status.as_u16(), 400, "{path} {xml}");
            let outcome = said(&refused);
            let told = &outcome["issue"][0];
            let place = told["expression"][0].as_str().unwrap_or("");
            if !xml.is_empty() {
                assert_eq!(
                    format!("error structure {place}").trim_end(),
                    issue,
                    "{outcome}"
                );
                let text = told["details"]["text"].as_str().unwrap();
                assert!(text.starts_with("XML, line "), "{text}");
            }
        }
    }
    assert_eq!(changes(&facade), before);
    // What is read, and is not right, is told as in JSON, with all other findings.
    let wrong = "<Patient xmlns=\"http://hl7.org/fhir\"><active value=\"yes\"/><birthDate value=\"\"/><multipleBirthInteger value=\"01\"/></Patient>";
    let header = [XML, ("accept", "application/fhir+json")];
    let found = facade
        .send("POST", "Patient/$validate", &header, wrong)
        .issues();
    for place in [
        "Patient.active",
        "Patient.birthDate",
        "Patient.multipleBirth",
    ] {
        assert!(
            found
                .iter()
                .any(|issue| issue.starts_with("error") && issue.contains(place)),
            "{found:?}"
        );
    }
}

#[test]
fn bundles_and_later_answers_are_of_the_form_that_is_asked_for() {
    let facade = population();
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        get("Condition?_count=1&_format=xml"), get("Patient/p?_format=json"), get("Patient/p?_format=ttl") ] });
    let answer = said(&facade.send("POST", "/fhir", &[XML], to_xml(&bundle)));
    // An entry stands in its Bundle; its links lead to pages of the form that it asked for.
    let page = &answer["entry"][0]["resource"];
    assert_eq!(page["type"], "searchset");
    assert!(link(page, "next").unwrap().contains("_format=xml"));
    assert_eq!(answer["entry"][1]["resource"]["id"], "p");
    assert!(
        answer["entry"][2]["response"]["status"]
            .as_str()
            .unwrap()
            .starts_with("406")
    );

    let form = ("content-type", "application/x-www-form-urlencoded");
    let later = ("prefer", "respond-async");
    for (headers, status_headers, is_xml) in [
        (vec![form, later, ACCEPT], vec![ACCEPT], true),
        (vec![form, later, ACCEPT], vec![], false),
        (vec![form, later], vec![ACCEPT], true),
    ] {
        let begun = facade.send("POST", "Patient/_search", &headers, "_id=p&_format=xml");
        assert_eq!(begun.status.as_u16(), 202, "{}", begun.text);
        let status = begun.header("content-location").strip_prefix(BASE).unwrap();
        let done = loop {
            let reply = facade.send("GET", status.trim_start_matches('/'), &status_headers, "");
            if reply.status.as_u16() != 202 {
                break reply;
            }
        };
        let bundle = if is_xml { said(&done) } else { done.json() };
        let found = &bundle["entry"][0]["resource"];
        assert_eq!(found["entry"][0]["resource"]["id"], "p", "{bundle}");
    }
}

#[test]
fn a_body_in_xml_is_bounded_and_may_be_compressed() {
    use std::io::Write;
    let facade: Facade = clinic();
    let sent = to_xml(&organization("o", "Ø"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(sent.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let gzip = [
        XML,
        ("content-encoding", "gzip"),
        ("accept", "application/fhir+json"),
    ];
    expect(&facade.send("PUT", "Organization/o", &gzip, packed), 201);
    let long = to_xml(&organization("o", &"x".repeat(5 * 1024 * 1024)));
    let header = [XML, ("accept", "application/fhir+json")];
    expect(&facade.send("PUT", "Organization/o", &header, long), 413);
}
