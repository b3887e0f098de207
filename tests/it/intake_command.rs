//! `frist intake`: the program as it is, before a server that answers as the test says.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::facade::Facade;
use crate::upstream::relay::{Relay, Told};

/// Runs the command; returns the exit code and what it printed.
fn run(folder: &Path, to: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_frist"))
        .arg("intake")
        .arg(folder)
        .args(["--to", to])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

/// Answers as `$intake` does: a Bundle with an id that begins with `bad` is refused.
fn server() -> Relay {
    let relay = Relay::before(Facade::at("2027-03-01T08:00:00Z"));
    relay.answer(|asked| {
        if asked.body.contains("bad") {
            let outcome = json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "error",
                "details": { "coding": [{ "code": "person-count" }], "text": "expected one Patient" } }] });
            return Some(Told::of(422, &outcome.to_string()));
        }
        let part = |name: &str, code: &str| json!({ "name": name, "valueCode": code });
        let entry = |outcome: &str, reason: &str| json!({ "name": "entry", "part": [part("type", "Condition"), part("outcome", outcome), part("reason", reason)] });
        let answer = json!({ "resourceType": "Parameters", "parameter": [
            part("format", "conditionlist"), entry("created", "verification-assumed"), entry("needs", "diagnosis-date") ] });
        Some(Told::of(200, &answer.to_string()))
    });
    relay
}

#[test]
fn each_file_is_sent_and_what_became_of_them_is_summed_up() {
    let relay = server();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.json", r#"{"resourceType":"Bundle","id":"a"}"#);
    write(
        "b.xml",
        r#"<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>"#,
    );
    write(
        "c.ndjson",
        "{\"resourceType\":\"Bundle\",\"id\":\"c1\"}\n\n{\"resourceType\":\"Bundle\",\"id\":\"c2\"}\n",
    );
    write("notes.txt", "not sent");
    let (code, out, _) = run(folder.path(), &relay.base, &[]);
    assert_eq!(code, Some(0), "{out}");
    let a = folder.path().join("a.json").display().to_string();
    for line in [
        "4 files taken in: conditionlist 4",
        "  created          4  verification-assumed 4",
        "  needs            4  diagnosis-date 4",
        &format!("  {a}: entry[1] Condition diagnosis-date"),
        "0 files refused",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}\n{out}");
    }
    let asked = relay.asked();
    let sent: Vec<_> = asked
        .iter()
        .map(|asked| {
            (
                asked.target.as_str(),
                asked.headers["content-type"].as_str(),
            )
        })
        .collect();
    let (json, xml) = ("application/fhir+json", "application/fhir+xml");
    assert_eq!(
        sent,
        [json, xml, json, json].map(|kind| ("/fhir/$intake", kind))
    );
    // A report alone is asked for with the same Bundle within Parameters.
    write("d.json", r#"{"resourceType":"Bundle","id":"bad"}"#);
    write("e.json", "{");
    let (code, out, _) = run(folder.path(), &relay.base, &["--report-only"]);
    assert_eq!(code, Some(1), "{out}");
    for part in [
        "4 files would be taken in: conditionlist 4",
        "2 files refused:",
        "d.json: 422 person-count: expected one Patient",
        "e.json: expected JSON: ",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let asked = relay.asked();
    let parameters: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(
        parameters["parameter"][1],
        json!({ "name": "mode", "valueCode": "report" })
    );
    assert_eq!(parameters["parameter"][0]["resource"]["id"], "a");
    assert!(asked[1].body.contains(r#"<valueCode value="report"/>"#));
}

#[test]
fn wrong_options_and_a_server_that_is_not_there_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), "{}").unwrap();
    let (code, _, told) = run(folder.path(), "http://ehr.example.dk/fhir", &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("expected an https address"), "{told}");
    let (code, out, told) = run(folder.path(), "http://127.0.0.1:9/fhir", &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(out.contains("there is no connection"), "{out}");
    let (code, out, _) = run(&folder.path().join("none"), "http://127.0.0.1:9/fhir", &[]);
    assert_eq!(
        (code, out.contains("1 file refused:")),
        (Some(1), true),
        "{out}"
    );
}

#[test]
fn after_three_files_in_a_row_without_an_answer_no_more_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let text = json!({ "resourceType": "Bundle", "id": name });
        std::fs::write(folder.path().join(format!("{name}.json")), text.to_string()).unwrap();
    }
    // The files whose answers are cut, the number of those that are sent, and whether that is all.
    for (cut, sent, is_stopped) in [
        (&["a", "b", "d", "e"][..], 6, false),
        (&["b", "c", "d"], 4, true),
        (&["a", "b", "c", "d", "e", "f"], 3, true),
    ] {
        let relay = server();
        relay.change(move |asked, told| {
            let id: Value = serde_json::from_str(&asked.body).unwrap();
            told.is_cut = cut.contains(&id["id"].as_str().unwrap());
        });
        let (code, out, told) = run(folder.path(), &relay.base, &[]);
        assert_eq!(code, Some(1), "{out}");
        let asked = relay.asked();
        assert_eq!(asked.len(), sent, "{cut:?}");
        assert_eq!(
            told.contains("does not answer: no further file was sent"),
            is_stopped,
            "{told}"
        );
        let refused = cut.len().min(if is_stopped { 3 } else { 4 });
        assert!(out.contains(&format!("{refused} files refused:")), "{out}");
    }
}
