//! `$export` and the asynchronous pattern (<https://hl7.org/fhir/uv/bulkdata/STU2/export.html>,
//! <https://hl7.org/fhir/R4/async.html>).

use std::collections::BTreeSet;
use std::io::Read;

use axum::body::Body;
use axum::http::Request;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{NOW, changes, clinic, expect, organization, population};
use crate::support::facade::{BASE, Facade, Reply};
use crate::support::people::{copd, plan};

const ASYNC: (&str, &str) = ("prefer", "respond-async");

/// Returns the path of an address of the server, to be asked again.
fn path(address: &str) -> String {
    address
        .strip_prefix(BASE)
        .unwrap_or_else(|| panic!("not of this server: {address}"))
        .trim_start_matches('/')
        .to_owned()
}

/// Asks for an export that must begin; answers where its status is.
fn begin(facade: &Facade, asked: &str) -> String {
    let reply = facade.send("GET", asked, &[ASYNC], Body::empty());
    assert_eq!(
        (reply.status.as_u16(), &*reply.text),
        (202, ""),
        "{}",
        reply.text
    );
    path(reply.header("content-location"))
}

/// Asks for the status until the job is done.
fn finished(facade: &Facade, status: &str) -> Reply {
    loop {
        let reply = facade.get(status);
        if reply.status.as_u16() != 202 {
            return reply;
        }
        let progress = reply.header("x-progress");
        let is_one = progress == "1 resource counted";
        assert!(is_one || progress.ends_with(" resources counted"));
        assert!(!reply.header("retry-after").is_empty());
    }
}

fn manifest(facade: &Facade, asked: &str) -> Value {
    let reply = finished(facade, &begin(facade, asked));
    expect(&reply, 200);
    assert_eq!(
        reply.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert!(reply.header("expires").ends_with(" GMT"));
    reply.json()
}

/// Returns the lines of all files that the manifest tells of under that name, each of the type and
/// as many as it says.
fn lines(facade: &Facade, manifest: &Value, told: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for file in manifest[told].as_array().unwrap() {
        let reply = facade.send(
            "GET",
            &path(file["url"].as_str().unwrap()),
            &[("accept", "application/fhir+ndjson")],
            Body::empty(),
        );
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, "application/fhir+ndjson")
        );
        let lines: Vec<Value> = reply
            .text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(reply.text.ends_with('\n'));
        assert_eq!(file["count"], json!(lines.len()), "{file}");
        assert!(
            lines
                .iter()
                .all(|line| line["resourceType"] == file["type"]),
            "{file}"
        );
        all.extend(lines);
    }
    all
}

fn keys(resources: &[Value]) -> BTreeSet<String> {
    let key = |resource: &Value| {
        format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        )
    };
    let keys: BTreeSet<_> = resources.iter().map(key).collect();
    assert_eq!(keys.len(), resources.len(), "each stands once");
    keys
}

/// Returns all that is stored now, by search.
fn stored(facade: &Facade) -> Vec<Value> {
    let statement = facade.get("metadata").json();
    let types = statement["rest"][0]["resource"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["type"].as_str().unwrap().to_owned());
    types.flat_map(|kind| facade.search_all(&kind)).collect()
}

#[test]
fn an_export_of_the_system_is_all_that_is_stored() {
    let facade = population();
    let mut gone = copd("gone", "p", "2027-02-01");
    facade.put_ok(&gone);
    gone["recordedDate"] = "2027-02-02".into();
    facade.put_ok(&gone);
    expect(
        &facade.send(
            "DELETE",
            "Condition/gone",
            &[("prefer", "return=OperationOutcome")],
            Body::empty(),
        ),
        200,
    );
    let told = manifest(&facade, "$export");
    assert_eq!(told["request"], format!("{BASE}/$export"));
    assert_eq!(
        (
            &told["requiresAccessToken"],
            &told["deleted"],
            &told["error"]
        ),
        (&json!(false), &json!([]), &json!([]))
    );
    let exported = lines(&facade, &told, "output");
    let by_key = |resources: &[Value]| {
        let mut texts: Vec<_> = resources
            .iter()
            .map(|resource| (keys(std::slice::from_ref(resource)), resource.clone()))
            .collect();
        texts.sort_by(|one, other| one.0.cmp(&other.0));
        texts
    };
    assert_eq!(by_key(&exported), by_key(&stored(&facade)));
    assert!(exported.len() > 20 && !keys(&exported).contains("Condition/gone"));
    let latest = exported
        .iter()
        .map(|resource| resource["meta"]["lastUpdated"].as_str().unwrap())
        .max()
        .unwrap();
    assert!(latest <= told["transactionTime"].as_str().unwrap());
}

#[test]
fn an_export_of_patients_is_what_is_about_them() {
    let facade = population();
    let mut of_nobody = json!({ "resourceType": "Goal", "id": "of-gp", "lifecycleStatus": "active", "description": { "text": "x" } });
    of_nobody["subject"] = json!({ "reference": "Organization/gp" });
    facade.put_ok(&of_nobody);
    let told = manifest(&facade, "Patient/$export");
    let exported = lines(&facade, &told, "output");
    let mut expected = Vec::new();
    for kind in [
        "Patient",
        "Condition",
        "CarePlan",
        "ServiceRequest",
        "Encounter",
        "Appointment",
        "Goal",
        "CareTeam",
        "Task",
    ] {
        expected.extend(facade.search_all(kind));
    }
    expected.retain(|resource| resource["id"] != "of-gp");
    assert_eq!(keys(&exported), keys(&expected));
    assert!(
        exported
            .iter()
            .any(|resource| resource["resourceType"] == "Task")
    );
}

#[test]
fn an_export_shows_the_moment_at_which_it_was_asked_for_whatever_is_written_then() {
    let facade = population();
    for number in 0..100 {
        facade.put_ok(&organization(&format!("o-{number}"), "before"));
    }
    let before = stored(&facade);
    let status = begin(&facade, "$export");
    for number in 0..50 {
        facade.put_ok(&organization(&format!("o-{number}"), "after"));
    }
    facade.put_ok(&plan("late", "p", "c", "2027-02-25"));
    for number in 50..100 {
        assert_eq!(
            facade
                .send(
                    "DELETE",
                    &format!("Organization/o-{number}"),
                    &[],
                    Body::empty()
                )
                .status
                .as_u16(),
            204
        );
    }
    let told = finished(&facade, &status).json();
    for _ in 0..2 {
        let exported = lines(&facade, &told, "output");
        assert_eq!(keys(&exported), keys(&before));
        assert!(
            exported
                .iter()
                .all(|resource| resource["name"] != "after" && before.contains(resource))
        );
    }
}

#[test]
fn since_asks_for_what_changed_and_what_was_deleted() {
    let facade = population();
    facade.put_ok(&organization("old", "x"));
    facade.put_ok(&organization("changed", "x"));
    facade.put_ok(&organization("removed", "x"));
    let first = manifest(&facade, "$export?_type=Organization");
    let since = first["transactionTime"].as_str().unwrap().to_owned();
    let nothing = manifest(&facade, &format!("$export?_since={since}"));
    assert_eq!(
        (&nothing["output"], &nothing["deleted"]),
        (&json!([]), &json!([])),
        "nothing changed after that instant"
    );
    facade.put_ok(&organization("changed", "y"));
    facade.put_ok(&organization("brief", "y"));
    for id in ["removed", "brief"] {
        assert_eq!(
            facade
                .send("DELETE", &format!("Organization/{id}"), &[], Body::empty())
                .status
                .as_u16(),
            204
        );
    }
    let told = manifest(
        &facade,
        &format!("$export?_type=Organization,Patient&_since={since}"),
    );
    assert_eq!(
        told["request"],
        format!(
            "{BASE}/$export?_type=Organization%2CPatient&_since={}",
            since.replace(':', "%3A")
        )
    );
    assert_eq!(
        keys(&lines(&facade, &told, "output")),
        BTreeSet::from(["Organization/changed".to_owned()])
    );
    let deleted: BTreeSet<_> = lines(&facade, &told, "deleted")
        .iter()
        .map(|bundle| {
            assert_eq!(
                (&bundle["type"], &bundle["entry"][0]["request"]["method"]),
                (&json!("transaction"), &json!("DELETE"))
            );
            bundle["entry"][0]["request"]["url"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        deleted,
        BTreeSet::from([
            "Organization/brief".to_owned(),
            "Organization/removed".to_owned()
        ])
    );
}

#[test]
fn what_is_asked_for_may_stand_in_the_address_or_in_a_body() {
    let facade = clinic();
    let body = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "_type", "valueString": "Organization" }, { "name": "_type", "valueString": "Patient" },
        { "name": "_outputFormat", "valueString": "application/fhir+ndjson" }, { "name": "_since", "valueInstant": "2020-01-01T00:00:00Z" } ] });
    for (at, found) in [
        (
            "$export",
            vec!["Organization/gp", "Organization/region", "Patient/p"],
        ),
        ("Patient/$export?_type=Patient", vec!["Patient/p"]),
    ] {
        let body = if at == "$export" {
            body.to_string()
        } else {
            String::new()
        };
        let reply = facade.send("POST", at, &[ASYNC], body);
        assert_eq!(reply.status.as_u16(), 202, "{}", reply.text);
        let told = finished(&facade, &path(reply.header("content-location"))).json();
        assert_eq!(
            keys(&lines(&facade, &told, "output")),
            found.into_iter().map(str::to_owned).collect()
        );
    }
    for query in [
        "_outputFormat=ndjson",
        "_outputFormat=application/fhir%2Bndjson",
        "_outputFormat=application/fhir+ndjson",
        "_outputFormat=application/ndjson",
    ] {
        begin(&facade, &format!("$export?{query}"));
    }
}

#[test]
fn an_export_that_cannot_be_as_asked_is_refused_and_none_begins() {
    let facade = clinic();
    for query in [
        "_outputFormat=text/csv",
        "_outputFormat=",
        "_since=yesterday",
        "_since=2027-03-01",
        "_since=2027-03-01T00:00:00Z&_since=2027-03-01T00:00:00Z",
        "_type=Observation",
        "_type=patient",
        "_type=",
        "_typeFilter=Task?status=x",
        "_elements=id",
        "patient=Patient/p",
        "x=1",
    ] {
        for at in ["$export", "Patient/$export"] {
            expect(
                &facade.send("GET", &format!("{at}?{query}"), &[ASYNC], Body::empty()),
                400,
            );
        }
    }
    expect(
        &facade.send(
            "GET",
            "Patient/$export?_type=Organization",
            &[ASYNC],
            Body::empty(),
        ),
        400,
    );
    expect(
        &facade.send(
            "POST",
            "$export",
            &[ASYNC],
            "{\"resourceType\":\"Patient\"}",
        ),
        400,
    );
    for prefer in ["", "return=minimal", "respond-sync"] {
        expect(
            &facade.send("GET", "$export", &[("prefer", prefer)], Body::empty()),
            400,
        );
    }
    expect(
        &facade.send(
            "GET",
            "$export",
            &[ASYNC, ("accept", "text/html")],
            Body::empty(),
        ),
        406,
    );
}

#[test]
fn an_address_that_has_no_export_or_no_such_method_says_so() {
    let facade = clinic();
    for (method, at) in [
        ("PUT", "$export"),
        ("DELETE", "Patient/$export"),
        ("HEAD", "$export"),
    ] {
        assert_eq!(
            facade
                .send(method, at, &[ASYNC], Body::empty())
                .header("allow"),
            "GET, POST, OPTIONS",
            "{method}"
        );
    }
    for at in [
        "Group/$export",
        "Group/1/$export",
        "Organization/$export",
        "Patient/p/$export",
    ] {
        expect(&facade.send("GET", at, &[ASYNC], Body::empty()), 404);
    }
}

#[test]
fn a_client_that_asks_for_leniency_gets_what_can_be_exported() {
    let facade = clinic();
    let lenient = [("prefer", "respond-async, handling=lenient")];
    let reply = facade.send(
        "GET",
        "$export?_elements=id&_type=Observation,Patient&x=1",
        &lenient,
        Body::empty(),
    );
    let told = finished(&facade, &path(reply.header("content-location"))).json();
    assert_eq!(
        keys(&lines(&facade, &told, "output")),
        BTreeSet::from(["Patient/p".to_owned()])
    );
}

#[test]
fn a_job_that_is_deleted_or_expired_is_not_there_and_its_files_are_not_either() {
    let facade = clinic();
    let before = changes(&facade);
    let (deleted, expired) = (begin(&facade, "$export"), begin(&facade, "$export"));
    for status in [&deleted, &expired] {
        expect(&finished(&facade, status), 200);
        assert_eq!(
            facade
                .get(&format!("{status}/Patient.ndjson"))
                .status
                .as_u16(),
            200
        );
        for other in ["Goal.ndjson", "Patient.deleted.ndjson"] {
            expect(&facade.get(&format!("{status}/{other}")), 404);
        }
    }
    assert_eq!(
        facade
            .send("DELETE", &deleted, &[], Body::empty())
            .status
            .as_u16(),
        202
    );
    facade.set_clock("2027-03-01T14:59:59+01:00");
    expect(&facade.get(&expired), 200);
    facade.set_clock("2027-03-01T15:00:00+01:00");
    for status in [&deleted, &expired] {
        expect(&facade.get(status), 404);
        expect(&facade.get(&format!("{status}/Patient.ndjson")), 404);
        expect(&facade.send("DELETE", status, &[], Body::empty()), 404);
    }
    for nothing in [
        "_jobs",
        "_jobs/x",
        "_jobs/x/y",
        "_jobs/x/Patient.json",
        "_jobs/x/../Patient.ndjson",
        "_jobs/x/Observation.ndjson",
    ] {
        expect(&facade.get(nothing), 404);
    }
    assert_eq!(changes(&facade), before);
}

#[test]
fn there_are_only_so_many_jobs() {
    let facade = clinic();
    let jobs: Vec<_> = (0..16)
        .map(|_| begin(&facade, "$export?_type=Patient"))
        .collect();
    let reply = facade.send("GET", "$export", &[ASYNC], Body::empty());
    expect(&reply, 429);
    assert!(!reply.header("retry-after").is_empty());
    assert_eq!(
        facade
            .send("DELETE", &jobs[3], &[], Body::empty())
            .status
            .as_u16(),
        202
    );
    begin(&facade, "$export");
    assert_eq!(
        facade
            .send("GET", "$export", &[ASYNC], Body::empty())
            .status
            .as_u16(),
        429
    );
    facade.set_clock("2027-03-02T09:00:00+01:00");
    begin(&facade, "$export");
}

#[test]
fn a_file_in_gzip_unpacks_to_the_same_lines_and_each_resource_is_one_line() {
    let facade = Facade::at(NOW);
    for number in 0..200 {
        let resource = organization(&format!("o-{number}"), "x");
        let pretty = serde_json::to_string_pretty(&resource)
            .unwrap()
            .replace('\n', "\r\n");
        expect(
            &facade.send("PUT", &format!("Organization/o-{number}"), &[], pretty),
            201,
        );
    }
    let status = begin(&facade, "$export?_type=Organization");
    expect(&finished(&facade, &status), 200);
    let get = |accept: &str| {
        let request = Request::get(format!("/fhir/{status}/Organization.ndjson"))
            .header("accept-encoding", accept);
        facade.send_for_bytes(request.body(Body::empty()).unwrap())
    };
    let ((_, plain_headers, plain), (_, headers, packed)) = (get("identity"), get("gzip"));
    // The lines are made while they are sent: nobody knows before how long they are.
    let head = facade.send(
        "HEAD",
        &format!("{status}/Organization.ndjson"),
        &[],
        Body::empty(),
    );
    assert_eq!(
        (
            head.status.as_u16(),
            head.header("content-type"),
            head.header("content-length")
        ),
        (200, "application/fhir+ndjson", "")
    );
    assert!(!plain_headers.contains_key("content-encoding"));
    assert_eq!(headers["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(&packed[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain && packed.len() * 3 < plain.len());
    let text = String::from_utf8(plain).unwrap();
    assert_eq!(text.lines().count(), 200);
    assert!(text.lines().all(|line| {
        serde_json::from_str::<Value>(line).is_ok_and(|resource| resource["name"] == "x")
    }));
    let head = facade.send_for_bytes(
        Request::head(format!("/fhir/{status}/Organization.ndjson"))
            .body(Body::empty())
            .unwrap(),
    );
    assert_eq!(
        (
            head.0.as_u16(),
            head.1["content-type"].to_str().unwrap(),
            head.2.len()
        ),
        (200, "application/fhir+ndjson", 0)
    );
}

#[test]
fn the_statement_says_where_an_export_can_be_asked_for() {
    let facade = clinic();
    let statement = facade.get("metadata").json();
    let rest = &statement["rest"][0];
    let named = |operations: &Value| {
        operations
            .as_array()
            .unwrap()
            .iter()
            .any(|operation| operation["name"] == "export")
    };
    assert!(named(&rest["operation"]));
    for resource in rest["resource"].as_array().unwrap() {
        assert_eq!(
            named(&resource["operation"]),
            resource["type"] == "Patient",
            "{}",
            resource["type"]
        );
    }
}
