//! `frist validate`: the program itself, on files.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::people::{copd, patient, plan, practice, referral, region};
use crate::support::profile::{PUBLISHED, Profile};

/// The end of the program, and its output.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in a folder, on a fixed day.
fn frist(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    frist_on_no_day(
        folder,
        &[&["--day", "2027-03-01"], arguments].concat(),
        input,
    )
}

/// Runs the program in a folder.
fn frist_on_no_day(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frist"));
    command.arg("validate").args(arguments).current_dir(folder);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ended {
    /// Returns the lines that tell of errors, and the last one.
    fn errors(&self) -> Vec<&str> {
        let errors = self.out.lines().filter(|line| line.contains(": error "));
        errors.chain(self.out.lines().last()).collect()
    }
}

/// Checks that nothing would be refused.
#[track_caller]
fn expect_valid(ended: &Ended, summary: &str) {
    assert!(
        ended.errors().len() == 1 && ended.errors()[0].starts_with(summary),
        "{}",
        ended.out
    );
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (0, ""),
        "no bar is drawn where no terminal is"
    );
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// Makes a diagnosis of the day after the check.
fn future() -> Value {
    copd("future", "p", "2027-03-02")
}

const FUTURE: &str = "Condition.recordedDate: error business-rule [kp-date-3] expected";

#[test]
fn files_folders_and_lines_are_read_in_order() {
    let lines = format!("{}\n\n{}\r\n{}", patient("p"), future(), practice("gp"));
    let folder = folder(&[
        ("b/deep/wrong.json", future().to_string()),
        ("b/.hidden.json", "x".into()),
        ("b/package.json", "{\"name\":\"x\"}".into()),
        ("b/notes.txt", "x".into()),
        (
            "b/good.json",
            serde_json::to_string_pretty(&patient("p")).unwrap(),
        ),
        ("b/people.ndjson", lines),
        ("a.json", region("r").to_string()),
    ]);
    let ended = frist(folder.path(), &["b", "a.json"], "");
    let told: Vec<_> = ended
        .errors()
        .into_iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "b/deep/wrong.json:Condition.recordedDate:",
            "b/people.ndjson:3:Condition.recordedDate:",
            "6"
        ]
    );
    assert!(
        ended.out.contains(FUTURE)
            && ended
                .out
                .contains("6 resources: 4 valid, 2 invalid; 2 errors, "),
        "{}",
        ended.out
    );
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    expect_valid(
        &frist(folder.path(), &["a.json"], ""),
        "1 resource: 1 valid, 0 invalid; 0 errors",
    );
}

#[test]
fn standard_input_is_one_resource_or_lines_of_them() {
    let folder = folder(&[]);
    let pretty = serde_json::to_string_pretty(&patient("p")).unwrap();
    expect_valid(
        &frist(folder.path(), &["-"], &pretty),
        "1 resource: 1 valid, 0 invalid; 0 errors",
    );
    let lines = format!("{}\n{}\n", patient("p"), future());
    let ended = frist(folder.path(), &["-"], &lines);
    assert!(
        ended.errors()[0].starts_with(&format!("-:2:{FUTURE}")),
        "{}",
        ended.out
    );
    assert!(
        ended.errors()[1].starts_with("2 resources: 1 valid, 1 invalid; 1 error, ")
            && ended.code == 1,
        "{}",
        ended.out
    );
    let ended = frist(folder.path(), &["-"], "");
    assert!(
        ended.out.starts_with("-: error ") && ended.code == 1,
        "{}",
        ended.out
    );
}

#[test]
fn what_cannot_be_read_is_told_and_is_not_valid() {
    let folder = folder(&[
        ("empty/x.txt", String::new()),
        ("good.json", patient("p").to_string()),
        ("bytes.json", "{".into()),
    ]);
    let ended = frist(
        folder.path(),
        &["missing.json", "empty", "bytes.json", "good.json"],
        "",
    );
    let lines = ended.errors();
    assert!(
        lines[0].starts_with("missing.json: error exception cannot be read: "),
        "{}",
        ended.out
    );
    assert!(
        lines[1].starts_with("empty: error exception cannot be read: expected files"),
        "{}",
        ended.out
    );
    assert!(
        lines[2].starts_with("bytes.json: error structure")
            || lines[2].starts_with("bytes.json: error invalid"),
        "{}",
        ended.out
    );
    assert!(
        lines[3].starts_with("2 resources: 1 valid, 1 invalid; 3 errors, "),
        "{}",
        ended.out
    );
    assert!(
        lines[3].ends_with("; 2 files could not be read"),
        "{}",
        ended.out
    );
    assert_eq!((lines.len(), ended.code), (4, 1));
}

#[test]
fn each_finding_or_each_outcome_is_a_line_of_json() {
    let folder = folder(&[("x.ndjson", format!("{}\n{}\n", future(), patient("p")))]);
    let ended = frist(folder.path(), &["--format", "json", "x.ndjson"], "");
    let mut findings: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    findings.retain(|finding| finding["severity"] == "error");
    assert_eq!((findings.len(), ended.code), (1, 1), "{}", ended.out);
    for (member, value) in [
        ("place", "x.ndjson:1"),
        ("resource", "Condition/future"),
        ("severity", "error"),
        ("code", "business-rule"),
        ("expression", "Condition.recordedDate"),
    ] {
        assert_eq!(findings[0][member], value);
    }
    assert!(
        findings[0]["rule"].is_string()
            && findings[0]["text"]
                .as_str()
                .unwrap()
                .starts_with("expected"),
        "{}",
        ended.out
    );
    let ended = frist(folder.path(), &["--format", "outcome", "x.ndjson"], "");
    let outcomes: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(outcomes.len(), 2, "{}", ended.out);
    for (outcome, (place, is_wrong)) in outcomes
        .iter()
        .zip([("x.ndjson:1", true), ("x.ndjson:2", false)])
    {
        let issues = outcome["issue"].as_array().unwrap();
        assert_eq!(
            issues.iter().any(|issue| issue["severity"] == "error"),
            is_wrong,
            "{outcome}"
        );
        assert!(
            outcome["resourceType"] == "OperationOutcome"
                && issues.iter().all(|issue| issue["diagnostics"] == place),
            "{outcome}"
        );
    }
    assert_eq!(ended.code, 1);
}

#[test]
fn the_resources_in_a_bundle_are_checked_in_their_places() {
    let entry = |resource: Value| json!({ "resource": resource });
    let inner = json!({ "resourceType": "Bundle", "type": "collection", "entry": [entry(patient("p")), entry(future())] });
    let entries = [
        entry(patient("p")),
        json!({ "request": { "method": "DELETE", "url": "Goal/1" } }),
        entry(future()),
        entry(inner),
    ];
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let folder = folder(&[("bundle.json", bundle.to_string())]);
    let ended = frist(folder.path(), &["bundle.json"], "");
    for at in [
        "Bundle.entry[2].resource.recordedDate",
        "Bundle.entry[3].resource.entry[1].resource.recordedDate",
    ] {
        assert!(
            ended.out.contains(&format!(
                "bundle.json:{at}: error business-rule [kp-date-3] expected"
            )),
            "{}",
            ended.out
        );
    }
    let lines: BTreeSet<&str> = ended.out.lines().collect();
    assert_eq!(
        lines.len(),
        ended.out.lines().count(),
        "told twice: {}",
        ended.out
    );
    assert_eq!(ended.code, 1);
}

#[test]
fn a_reference_that_is_a_search_is_warned_of_where_a_server_would_refuse_it() {
    let by = |author: &str| {
        let mut plan = plan("cp", "p", "c", "2027-02-01");
        plan["author"] = json!({ "reference": author });
        plan
    };
    let bundle = |kind: &str, author: &str| {
        let request = json!({ "method": "PUT", "url": "CarePlan/cp" });
        let full_url = "https://ehr.test/fhir/CarePlan/cp";
        let entry = json!({ "fullUrl": full_url, "resource": by(author), "request": request });
        json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] })
    };
    let search = "Organization?identifier=https://q|1";
    let elsewhere = "https://ehr.test/fhir/Organization?identifier=https://q|1";
    let alone = "CarePlan.author.reference: warning value ";
    let in_entry = "Bundle.entry[0].resource.author.reference: warning value ";
    for (sent, expected) in [
        (by(search), Some((alone, "in a transaction only"))),
        (by(elsewhere), Some((alone, "on another server"))),
        (by("Organization/gp"), None),
        (by("https://arkiv.example/Hent?id=7"), None),
        (
            bundle("batch", search),
            Some((in_entry, "in a transaction only")),
        ),
        (bundle("transaction", search), None),
    ] {
        let folder = folder(&[("x.json", sent.to_string())]);
        let ended = frist(folder.path(), &["x.json"], "");
        let told: Vec<_> = ended
            .out
            .lines()
            .filter(|line| line.contains(", found a search"))
            .collect();
        match expected {
            Some((at, words)) => {
                assert_eq!(told.len(), 1, "{}", ended.out);
                assert!(told[0].starts_with(&format!("x.json:{at}")), "{}", told[0]);
                assert!(told[0].contains(words), "{}", told[0]);
            }
            None => assert!(told.is_empty(), "{}", ended.out),
        }
        assert_eq!(ended.code, 0, "{}", ended.out);
    }
}

#[test]
fn a_profile_and_a_day_can_be_said() {
    let folder = folder(&[
        ("future.json", future().to_string()),
        ("patient.json", patient("p").to_string()),
    ]);
    let ended = frist(
        folder.path(),
        &[
            "--profile",
            "https://kronikerpakker.dk/fhir/StructureDefinition/kp-condition",
            "patient.json",
        ],
        "",
    );
    assert!(
        ended.errors()[0].starts_with("patient.json:Patient: error structure "),
        "{}",
        ended.out
    );
    assert_eq!(ended.code, 1);
    let ended = frist_on_no_day(folder.path(), &["--day", "2027-03-02", "future.json"], "");
    assert!(
        !ended.out.contains("kp-date-3") && ended.code == 0,
        "{}",
        ended.out
    );
}

#[test]
fn without_a_day_what_lies_ahead_is_only_warned_of() {
    let ahead = copd("ahead", "p", "9999-12-31");
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "fullUrl": "https://x.test/Condition/ahead", "resource": ahead }] });
    let folder = folder(&[("ahead.ndjson", format!("{ahead}\n{bundle}"))]);
    let ended = frist_on_no_day(folder.path(), &["ahead.ndjson"], "");
    expect_valid(&ended, "2 resources: 2 valid, 0 invalid; 0 errors");
    for at in ["1:Condition", "2:Bundle.entry[0].resource"] {
        assert!(
            ended.out.contains(&format!(
                "ahead.ndjson:{at}.recordedDate: warning business-rule [kp-date-3] expected"
            )),
            "{}",
            ended.out
        );
    }
}

#[test]
fn the_published_examples_are_valid_whenever_they_are_checked() {
    let ended = frist_on_no_day(Path::new("profiles/package"), &["example"], "");
    expect_valid(&ended, "30 resources: 30 valid, 0 invalid; 0 errors");
}

#[test]
fn wrong_options_are_told_in_a_line_and_exit_2() {
    let folder = folder(&[("patient.json", patient("p").to_string())]);
    for arguments in [
        &["--profile", "https://example.org/unknown", "patient.json"][..],
        &["--format", "xml", "patient.json"],
        &["--day", "2027-03", "patient.json"],
        &[],
    ] {
        let ended = frist_on_no_day(folder.path(), arguments, "");
        assert_eq!(
            (ended.code, ended.out.as_str(), ended.err.lines().count()),
            (2, "", 1),
            "{arguments:?} {}",
            ended.err
        );
    }
}

/// Makes a package with these files.
fn package(files: &[(&str, Value)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, content) in files {
        let content = content.to_string();
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, format!("package/{name}"), content.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// Makes a definition without a snapshot.
fn bare(id: &str, derivation: &str) -> Value {
    json!({ "resourceType": "StructureDefinition", "url": format!("https://x.test/{id}"), "name": "X", "status": "active",
        "kind": "resource", "abstract": false, "type": if derivation == "constraint" { "Patient" } else { "Model" },
        "derivation": derivation, "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": { "element": [{ "id": "Patient.gender", "path": "Patient.gender", "min": 1 }] } })
}

/// Makes a folder of packages, some of which can be used, and of a resource.
fn folder_of_packages() -> TempDir {
    let description =
        |version: &str| json!({ "name": "x.test", "version": "1.0.0", "fhirVersions": [version] });
    let codes = json!({ "resourceType": "CodeSystem", "url": "https://x.test/codes", "content": "complete", "status": "active" });
    let folder = folder(&[
        ("text.tgz", "no package".into()),
        ("patient.json", patient("p").to_string()),
    ]);
    let packages = [
        (
            "good.tgz",
            package(&[
                ("package.json", description("4.0.1")),
                ("CodeSystem-x.json", codes.clone()),
            ]),
        ),
        (
            "undescribed.tgz",
            package(&[("CodeSystem-x.json", codes.clone())]),
        ),
        (
            "empty.tgz",
            package(&[("package.json", description("4.0.1"))]),
        ),
        (
            "r5.tgz",
            package(&[
                ("package.json", description("5.0.0")),
                ("CodeSystem-x.json", codes.clone()),
            ]),
        ),
        (
            "bare.tgz",
            package(&[
                ("package.json", description("4.0.1")),
                ("CodeSystem-x.json", codes.clone()),
                ("StructureDefinition-bare.json", bare("bare", "constraint")),
            ]),
        ),
        (
            "bare-alone.tgz",
            package(&[
                ("package.json", description("4.0.1")),
                ("StructureDefinition-bare.json", bare("bare", "constraint")),
            ]),
        ),
        (
            "model.tgz",
            package(&[
                (
                    "package.json",
                    json!({ "name": "y.test", "version": "2.0.0", "fhirVersions": ["4.0.1"],
                    "dependencies": { "hl7.fhir.r4.core": "4.0.1", "x.test.r4": "0.9.0", "z.test": "3.0.0" } }),
                ),
                ("CodeSystem-x.json", codes),
                (
                    "StructureDefinition-model.json",
                    bare("model", "specialization"),
                ),
            ]),
        ),
    ];
    for (name, bytes) in &packages {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Checks that neither `validate` nor `serve` begins with a package that cannot be used.
#[track_caller]
fn check_package_refused(folder: &Path, name: &str, begins: &str, said: &str) {
    let ended = frist(
        folder,
        &["--package", "good.tgz", "--package", name, "patient.json"],
        "",
    );
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.lines().count()),
        (1, "", 1),
        "{name} {}",
        ended.err
    );
    assert!(
        ended.err.starts_with(begins) && ended.err.contains(said),
        "{}",
        ended.err
    );
    let mut serve = Command::new(env!("CARGO_BIN_EXE_frist"));
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--package", name])
        .env("FRIST_LOG", "error")
        .current_dir(folder);
    let output = serve.output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap()
        ),
        (Some(1), ended.err),
        "{name}"
    );
    assert!(
        !folder.join("frist-data").exists(),
        "nothing is made before the packages are read"
    );
}

#[test]
fn a_package_that_cannot_be_used_stops_the_program_before_it_begins() {
    let folder = folder_of_packages();
    for (name, said) in [
        ("missing.tgz", "No such file"),
        ("text.tgz", "cannot be read"),
        ("undescribed.tgz", "package.json"),
        ("empty.tgz", "definitions"),
        ("r5.tgz", "FHIR 5.0.0"),
    ] {
        check_package_refused(
            folder.path(),
            name,
            &format!("error: --package {name}: "),
            said,
        );
    }
    for name in ["bare.tgz", "bare-alone.tgz"] {
        check_package_refused(
            folder.path(),
            name,
            "error: the package x.test 1.0.0 cannot be enforced: 1 of its profiles",
            "(https://x.test/bare). Take the package with snapshots",
        );
    }
    let ended = frist(
        folder.path(),
        &["--package", "good.tgz", "patient.json"],
        "",
    );
    expect_valid(&ended, "1 resource: 1 valid, 0 invalid; 0 errors");
}

#[test]
fn what_of_a_package_is_not_checked_is_told_before_the_findings() {
    let folder = folder_of_packages();
    for (packages, missing) in [
        (
            &["--package", "good.tgz", "--package", "model.tgz"][..],
            "z.test 3.0.0.",
        ),
        (
            &["--package", "model.tgz"][..],
            "x.test.r4 0.9.0, z.test 3.0.0.",
        ),
    ] {
        let ended = frist(folder.path(), &[packages, &["patient.json"]].concat(), "");
        let told: Vec<_> = ended.err.lines().collect();
        let [dependencies, model] = told[..] else {
            panic!("{}", ended.err)
        };
        assert!(
            dependencies.starts_with(&format!(
                "the package y.test 2.0.0 builds upon packages that are not loaded: {missing}"
            )),
            "{dependencies}"
        );
        assert!(
            model.contains("specialization") && model.ends_with(": https://x.test/model"),
            "{model}"
        );
        assert_eq!(ended.code, 0);
    }
}

#[test]
fn a_rule_knows_the_day_that_is_said_and_one_that_cannot_be_answered_is_named_first() {
    let rule = |key: &str, expression: &str| json!({ "key": key, "severity": "error", "human": "a rule", "expression": expression });
    let rules = json!([
        rule("x-1", "effective <= now() and now().toDate() = today()"),
        rule("x-2", "status.noSuchFunction()"),
        rule("x-3", "code.memberOf('http://x.test/none')"),
    ]);
    let profile = Profile::on("Observation", "timed")
        .with("Observation", json!({ "constraint": rules }))
        .build();
    let description = json!({ "name": "x.test", "version": "1.0.0", "fhirVersions": ["4.0.1"] });
    let observation = |effective: &str| {
        json!({
            "resourceType": "Observation", "status": "final", "effectiveDateTime": effective,
            "code": { "coding": [{ "system": "http://x.test", "code": "x" }] },
        })
        .to_string()
    };
    let folder = folder(&[
        ("on-the-day.json", observation("2027-03-01T23:59:00+01:00")),
        ("after.json", observation("2027-03-02T00:00:00+01:00")),
    ]);
    let files = [("package.json", description), ("timed.json", profile)];
    std::fs::write(folder.path().join("x.tgz"), package(&files)).unwrap();
    let url = format!("{PUBLISHED}/timed");
    let check = |file: &str| {
        frist(
            folder.path(),
            &["--package", "x.tgz", "--profile", &url, file],
            "",
        )
    };
    let good = check("on-the-day.json");
    assert_eq!(good.code, 0, "{} {}", good.out, good.err);
    for key in ["x-2", "x-3"] {
        let named = format!("rule {key} of {url} is not checked");
        assert!(good.err.contains(&named), "{named} in {}", good.err);
        let warned = format!("warning not-supported [{key}]");
        assert!(good.out.contains(&warned), "{warned} in {}", good.out);
    }
    assert!(!good.err.contains("x-1"), "{}", good.err);
    let bad = check("after.json");
    assert_eq!(bad.code, 1, "{}", bad.out);
    assert!(bad.out.contains("error invariant [x-1]"), "{}", bad.out);
}

#[test]
fn entries_are_judged_among_the_others_except_in_a_batch() {
    let kind = json!({ "code": "Reference", "aggregation": ["bundled"],
        "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"] });
    let profile = Profile::on("Condition", "bundled")
        .with("Condition.subject", json!({ "type": [kind] }))
        .build();
    let folder = folder(&[]);
    let description = json!({ "name": "x.test", "version": "1.0.0", "fhirVersions": ["4.0.1"] });
    let bytes = package(&[
        ("package.json", description),
        ("StructureDefinition-x.json", profile),
    ]);
    std::fs::write(folder.path().join("x.tgz"), bytes).unwrap();
    let mut condition = copd("c", "p", "2027-02-20");
    condition["meta"] = json!({ "profile": [format!("{PUBLISHED}/bundled")] });
    let send = |bundle_kind: &str, resources: &[&Value]| {
        let entries: Vec<_> = resources
            .iter()
            .map(|resource| {
                let url = format!(
                    "{}/{}",
                    resource["resourceType"].as_str().unwrap(),
                    resource["id"].as_str().unwrap()
                );
                json!({ "fullUrl": format!("https://x.test/fhir/{url}"), "resource": resource,
                    "request": { "method": "PUT", "url": url } })
            })
            .collect();
        let bundle = json!({ "resourceType": "Bundle", "type": bundle_kind, "entry": entries });
        let ended = frist(
            folder.path(),
            &["--package", "x.tgz", "-"],
            &bundle.to_string(),
        );
        let mut errors: Vec<String> = ended.errors().into_iter().map(str::to_owned).collect();
        errors.pop();
        errors
    };
    let wrong = "-:1:Bundle.entry[0].resource.subject: error structure expected a target that is an entry \
        of the same Bundle, found one that is elsewhere; send both in one transaction";
    assert_eq!(send("transaction", &[&condition, &patient("p")]), [""; 0]);
    assert_eq!(send("transaction", &[&condition]), [wrong]);
    assert_eq!(send("batch", &[&condition, &patient("p")]), [wrong]);
}

#[test]
fn the_help_says_what_only_a_server_finds() {
    let ended = frist(Path::new("."), &["--help"], "");
    for said in [
        "other resources",
        "$validate",
        "Exit code",
        "standard input",
    ] {
        assert!(ended.out.contains(said), "{}", ended.out);
    }
    assert_eq!(ended.code, 0);
}

#[test]
fn what_depends_on_other_resources_is_left_to_a_server() {
    let folder = folder(&[
        (
            "plan.json",
            plan("x", "nobody", "nothing", "2027-02-20").to_string(),
        ),
        (
            "referral.json",
            referral("x", "nobody", "nothing", "2027-02-20").to_string(),
        ),
        (
            "observation.json",
            json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x" } })
                .to_string(),
        ),
    ]);
    let ended = frist(folder.path(), &["plan.json", "referral.json"], "");
    expect_valid(&ended, "2 resources: 2 valid, 0 invalid; 0 errors");
    let ended = frist(folder.path(), &["observation.json"], "");
    assert!(
        ended
            .out
            .contains("observation.json:Observation: warning not-supported"),
        "{}",
        ended.out
    );
}

#[test]
fn a_file_and_each_line_may_begin_with_a_byte_order_mark() {
    let resource = patient("x").to_string();
    let folder = folder(&[
        ("marked.json", format!("\u{feff}{resource}")),
        ("lines.ndjson", format!("\u{feff}{resource}\n{resource}\n")),
    ]);
    let ended = frist(folder.path(), &["marked.json", "lines.ndjson"], "");
    expect_valid(&ended, "3 resources: 3 valid, 0 invalid; 0 errors");
    let ended = frist(folder.path(), &["-"], &format!("\u{feff}{resource}"));
    expect_valid(&ended, "1 resource: 1 valid, 0 invalid; 0 errors");
}

#[test]
fn a_part_is_refused_where_it_is_to_be_written() {
    let tag = json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED" });
    let mut part = patient("x");
    part["meta"] = json!({ "tag": [tag] });
    let bundle = |kind: &str, rest: Value| {
        let mut entry = json!({ "fullUrl": "https://ehr.test/fhir/Patient/x", "resource": part });
        entry
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }).to_string()
    };
    let request = json!({ "request": { "method": "PUT", "url": "Patient/x" } });
    let folder = folder(&[
        ("part.json", part.to_string()),
        ("transaction.json", bundle("transaction", request)),
        (
            "searchset.json",
            bundle("searchset", json!({ "search": { "mode": "match" } })),
        ),
    ]);
    for (file, at) in [
        ("part.json", "Patient.meta.tag[0]"),
        ("transaction.json", "Bundle.entry[0].resource.meta.tag[0]"),
    ] {
        let ended = frist(folder.path(), &[file], "");
        assert_eq!(ended.code, 1, "{}", ended.out);
        assert!(
            ended.out.contains(&format!("{at}: error business-rule")),
            "{}",
            ended.out
        );
    }
    let ended = frist(folder.path(), &["searchset.json"], "");
    assert!(!ended.out.contains("SUBSETTED"), "{}", ended.out);
}

#[test]
fn files_in_xml_are_checked_as_those_in_json() {
    let xml = |resource: &Value| {
        let xml = frist::xml::write(
            &frist::schema::Definitions::core(),
            resource.to_string().as_bytes(),
            frist::xml::Layout::Lines,
        );
        String::from_utf8(xml.unwrap()).unwrap()
    };
    let folder = folder(&[
        ("a/good.xml", format!("\u{feff}{}", xml(&patient("x")))),
        ("a/named.json", xml(&practice("gp"))),
        ("wrong.xml", xml(&future())),
        (
            "broken.xml",
            "<Patient xmlns=\"http://hl7.org/fhir\">\n<active/></Patient>".into(),
        ),
    ]);
    let ended = frist(folder.path(), &["a"], "");
    expect_valid(&ended, "2 resources: 2 valid, 0 invalid; 0 errors");
    let ended = frist(folder.path(), &["-"], &xml(&patient("x")));
    expect_valid(&ended, "1 resource: 1 valid, 0 invalid; 0 errors");
    let ended = frist(folder.path(), &["wrong.xml", "broken.xml"], "");
    assert_eq!(ended.code, 1);
    let errors = ended.errors();
    assert!(
        errors[0].starts_with(&format!("wrong.xml:{FUTURE}")),
        "{}",
        ended.out
    );
    assert!(
        errors[1].starts_with("broken.xml:Patient.active: error structure XML, line 2, column 1: expected a value or content"),
        "{}",
        ended.out
    );
}
