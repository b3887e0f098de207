//! Resources that would take too much memory: refused as too costly, whichever way they come, and
//! before anything is made of them.

use axum::body::Body;
use axum::http::Request;
use frist::interactions::extents::REPEATS_MAX;
use serde_json::{Value, json};

use super::{changes, clinic, expect};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{patient, region};

/// Returns an Organization that has so many names.
fn repeating(id: &str, times: usize) -> Value {
    let mut organization = region(id);
    organization["alias"] = json!(vec!["a"; times]);
    organization
}

/// Returns an Organization of more than fifty thousand values, none of which repeats too often.
fn of_many_values(id: &str) -> Value {
    let mut organization = region(id);
    let contact = json!({ "name": { "given": vec!["a"; 9_000] } });
    organization["contact"] = json!(vec![contact; 6]);
    organization
}

#[track_caller]
fn too_costly(reply: &Reply) {
    expect(reply, 422);
    assert_eq!(
        reply.json()["issue"][0]["code"],
        "too-costly",
        "{}",
        reply.text
    );
    assert!(reply.text.len() < 2_000);
}

fn bundle(kind: &str, resource: &Value) -> Value {
    let url = format!("Organization/{}", resource["id"].as_str().unwrap());
    json!({ "resourceType": "Bundle", "type": kind, "entry": [
        { "resource": region("beside"), "request": { "method": "PUT", "url": "Organization/beside" } },
        { "resource": resource, "request": { "method": "PUT", "url": url } }] })
}

#[test]
fn an_element_that_repeats_too_often_is_refused_whichever_way_it_comes() {
    let facade = clinic();
    facade.put_ok(&repeating("most", REPEATS_MAX));
    let beyond = repeating("beyond", REPEATS_MAX + 1);
    let before = changes(&facade);
    too_costly(&facade.put(&beyond));
    too_costly(&facade.post(&beyond));
    for kind in ["batch", "transaction", "collection"] {
        too_costly(&facade.post(&bundle(kind, &beyond)));
    }
    for operation in ["Organization/$validate", "$intake"] {
        too_costly(&facade.send("POST", operation, &[], beyond.to_string()));
    }
    let merge = [("content-type", "application/merge-patch+json")];
    let alias = json!({ "alias": beyond["alias"] });
    too_costly(&facade.send("PATCH", "Organization/most", &merge, alias.to_string()));
    let one_more = json!([{ "op": "add", "path": "/alias/-", "value": "b" }]);
    let steps = [("content-type", "application/json-patch+json")];
    too_costly(&facade.send("PATCH", "Organization/most", &steps, one_more.to_string()));
    let aliases = "<alias value=\"a\"/>".repeat(REPEATS_MAX + 1);
    let xml = format!("<Organization xmlns=\"http://hl7.org/fhir\">{aliases}</Organization>");
    let form = [
        ("content-type", "application/fhir+xml"),
        ("accept", "application/fhir+json"),
    ];
    too_costly(&facade.send("POST", "Organization", &form, xml));
    assert_eq!(changes(&facade), before);
}

#[test]
fn a_resource_of_too_many_values_is_refused_alone_and_told_in_its_entry() {
    let facade = clinic();
    let beyond = of_many_values("beyond");
    let before = changes(&facade);
    too_costly(&facade.put(&beyond));
    let reply = facade.send("POST", "Organization/$validate", &[], beyond.to_string());
    expect(&reply, 200);
    assert_eq!(reply.issues(), ["error too-costly"]);
    let reply = facade.post(&bundle("transaction", &beyond));
    too_costly(&reply);
    assert_eq!(
        reply.json()["issue"][0]["expression"][0],
        "Bundle.entry[1].request"
    );
    assert_eq!(changes(&facade), before);
    let reply = facade.post(&bundle("batch", &beyond));
    let status = |at: usize| reply.json()["entry"][at]["response"]["status"].clone();
    assert_eq!(
        (status(0), status(1)),
        (json!("201 Created"), json!("422 Unprocessable Entity"))
    );
}

#[test]
fn a_body_of_too_many_values_is_refused_as_a_whole() {
    let facade = clinic();
    let entry =
        json!({ "resource": { "resourceType": "Organization", "alias": vec!["a"; 9_000] } });
    let collection = json!({ "resourceType": "Bundle", "type": "batch", "entry": vec![entry; 50] });
    too_costly(&facade.post(&collection));
}

#[test]
fn two_hosts_are_refused_and_one_is_not() {
    let facade = clinic();
    for (hosts, status) in [
        (&["a.dk"][..], 200),
        (&["a.dk", "a.dk"], 400),
        (&["a.dk", "b.dk"], 400),
    ] {
        for path in ["/fhir/Patient/p", "/metrics", "/fhir/metadata"] {
            let mut request = Request::get(path);
            for host in hosts {
                request = request.header("host", *host);
            }
            let reply = facade.send_request(request.body(Body::empty()).unwrap());
            assert_eq!(reply.status.as_u16(), status, "{hosts:?} {path}");
        }
    }
}

/// Sends entries as a Bundle, and returns the resources that its reads, searches and histories
/// found, each as its version.
fn versions_seen(facade: &Facade, kind: &str, entries: Vec<Value>) -> Vec<String> {
    let reply = facade.post(&json!({ "resourceType": "Bundle", "type": kind, "entry": entries }));
    expect(&reply, 200);
    let answers = reply.json()["entry"].as_array().unwrap().clone();
    let looks = |(_, entry): &(&Value, &Value)| entry["request"]["method"] == "GET";
    let found = answers.iter().zip(&entries).filter(looks);
    found
        .map(|(answer, _)| {
            let resource = &answer["resource"];
            let first = match resource["resourceType"].as_str() {
                Some("Bundle") => &resource["entry"][0]["resource"],
                _ => resource,
            };
            first["meta"]["versionId"]
                .as_str()
                .unwrap_or("none")
                .to_owned()
        })
        .collect()
}

#[test]
fn all_reads_of_a_bundle_see_one_state() {
    let facade = clinic();
    let looks = [
        "Patient/p",
        "Patient?_id=p",
        "Patient/p/_history",
        "Patient?_id=p&_elements=name",
    ];
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let update = |number: usize| {
        let mut changed = patient("p");
        changed["name"][0]["given"] = json!([format!("Nr{number}")]);
        json!({ "resource": changed, "request": { "method": "PUT", "url": "Patient/p" } })
    };
    let version = || facade.get("Patient/p").json()["meta"]["versionId"].clone();
    // In a batch no entry depends on another: all see what was before it.
    for number in 2..6 {
        let before = version();
        let mut entries: Vec<_> = looks.iter().map(|url| get(url)).collect();
        entries.insert(number % 4, update(number));
        let seen = versions_seen(&facade, "batch", entries);
        assert_eq!(seen, [before.as_str().unwrap(); 4]);
    }
    // In a transaction the reads come last.
    let mut entries: Vec<_> = looks.iter().map(|url| get(url)).collect();
    entries.insert(2, update(7));
    let seen = versions_seen(&facade, "transaction", entries);
    assert_eq!(seen, [version().as_str().unwrap(); 4]);
}

#[test]
fn a_page_of_large_resources_is_as_full_as_one_of_small_ones() {
    let facade = clinic();
    for id in ["l1", "l2", "l3"] {
        let mut large = region(id);
        large["name"] = "x".repeat(600_000).into();
        facade.put_ok(&large);
    }
    let reply = facade.get("Organization?_id=l1,l2,l3");
    expect(&reply, 200);
    assert_eq!(reply.resources().len(), 3);
}
