//! An entry is judged among the others of its transaction: where the target of a reference is, what it
//! must be, and what `resolve()` in a rule finds
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.aggregation>).

use std::io::Write as _;
use std::path::PathBuf;

use frist::schema::{Definitions, Package};
use frist::validation::Validator;
use serde_json::{Value, json};

use super::{entry, expect, post, put, with};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient, practice};
use crate::support::profile::{PUBLISHED, Profile, validator};
use crate::validation::examples::examples;

const NOW: &str = "2027-03-01T09:00:00+01:00";

/// Makes a server with profiles on diagnoses, each of which asks something of the person.
fn server() -> Facade {
    let subject = |id: &str, aggregation: &[&str], target: &str| {
        let kind =
            json!({ "code": "Reference", "targetProfile": [target], "aggregation": aggregation });
        Profile::on("Condition", id).with("Condition.subject", json!({ "type": [kind] }))
    };
    let any = "http://hl7.org/fhir/StructureDefinition/Patient";
    let rule = json!([{ "key": "x-1", "severity": "error", "human": "the person is active", "source": "http://x.test",
        "expression": "subject.resolve().empty() or subject.resolve().ofType(Patient).active" }]);
    let facade = Facade::with_validator(
        NOW,
        validator([
            subject("bundled", &["bundled"], any).build(),
            subject("referenced", &["referenced"], any).build(),
            subject("contained", &["contained"], any).build(),
            subject("either", &["bundled", "referenced"], any).build(),
            subject("gendered", &[], &format!("{PUBLISHED}/with-gender")).build(),
            Profile::on("Patient", "with-gender")
                .with("Patient.gender", json!({ "min": 1 }))
                .build(),
            Profile::on("Condition", "of-the-active")
                .with("Condition", json!({ "constraint": rule }))
                .build(),
        ]),
    );
    facade.put_ok(&stored());
    facade
}

/// Returns a person who is stored already.
fn stored() -> Value {
    let mut stored = patient("stored");
    stored["identifier"][0]["value"] = "0405440002".into();
    stored["gender"] = "female".into();
    stored["active"] = true.into();
    stored
}

/// Makes a diagnosis that claims one of the profiles, of whom `subject` names.
fn diagnosis(profile: &str, subject: &str) -> Value {
    let mut diagnosis = copd("c", "p", "2027-02-20");
    diagnosis["meta"] = json!({ "profile": [format!("{PUBLISHED}/{profile}")] });
    diagnosis["subject"] = json!({ "reference": subject });
    diagnosis
}

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

const NEW: &str = "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c";
const NEW_DIAGNOSIS: &str = "urn:uuid:1a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0c";

const FINE: &[&str] = &[];
const WRONG: &[&str] = &["error structure Bundle.entry[1].resource.subject"];

/// Sends a person's entry and a diagnosis that claims one of the profiles in a transaction; exactly these
/// errors must come.
#[track_caller]
fn check(person: &Value, profile: &str, subject: &str, expected: &[&str]) {
    let facade = server();
    let entries = [
        person.clone(),
        post(NEW_DIAGNOSIS, diagnosis(profile, subject)),
    ];
    let reply = facade.post(&bundle("transaction", &entries));
    expect(&reply, if expected.is_empty() { 200 } else { 422 });
    let mut errors = reply.issues();
    errors.retain(|issue| issue.starts_with("error"));
    assert_eq!(errors, expected, "{person} {profile}: {}", reply.text);
}

/// Makes an entry that finds the stored person.
fn existing() -> Value {
    let stored = "identifier=urn:oid:1.2.208.176.1.2|0405440002";
    with(post(NEW, patient("")), "ifNoneExist", stored)
}

/// Makes an entry that has nothing to do with the person.
fn other() -> Value {
    entry("DELETE", "CareTeam/none", Value::Null)
}

#[test]
fn the_target_is_an_entry_or_elsewhere_as_the_profile_says() {
    for (person, profile, subject, expected) in [
        (post(NEW, patient("")), "bundled", NEW, FINE),
        (put(patient("new")), "bundled", "Patient/new", FINE),
        // Nothing is written of it, but it is there.
        (put(stored()), "bundled", "Patient/stored", FINE),
        (existing(), "bundled", NEW, FINE),
        (other(), "bundled", "Patient/stored", WRONG),
        // What is in the same Bundle is also referenced.
        (post(NEW, patient("")), "referenced", NEW, FINE),
        (other(), "referenced", "Patient/stored", FINE),
        (post(NEW, patient("")), "either", NEW, FINE),
        (other(), "either", "Patient/stored", FINE),
        (post(NEW, patient("")), "contained", NEW, WRONG),
        (other(), "contained", "Patient/stored", WRONG),
    ] {
        check(&person, profile, subject, expected);
    }
}

#[test]
fn the_target_fits_what_is_asked_of_it_and_rules_see_it() {
    let mut inactive = patient("new");
    inactive["active"] = false.into();
    let broken: &[&str] = &["error invariant Bundle.entry[1].resource"];
    for (person, profile, subject, expected) in [
        (post(NEW, patient("")), "gendered", NEW, WRONG),
        (put(stored()), "gendered", "Patient/stored", FINE),
        (existing(), "gendered", NEW, FINE),
        // What is not at hand is not judged.
        (other(), "gendered", "Patient/stored", FINE),
        (put(inactive), "of-the-active", "Patient/new", broken),
        (put(stored()), "of-the-active", "Patient/stored", FINE),
        (other(), "of-the-active", "Patient/stored", FINE),
    ] {
        check(&person, profile, subject, expected);
    }
}

#[test]
fn what_comes_alone_has_nothing_beside_it_and_is_told_what_to_do() {
    let facade = server();
    let alone = diagnosis("bundled", "Patient/stored");
    let reply = facade.put(&alone);
    expect(&reply, 422);
    assert_eq!(reply.issues(), ["error structure Condition.subject"]);
    assert!(
        reply.text.contains("send both in one transaction"),
        "{}",
        reply.text
    );
    // Each entry of a batch comes alone.
    let reply = facade.post(&bundle("batch", &[put(stored()), put(alone.clone())]));
    expect(&reply, 200);
    let answered: Vec<_> = reply.json()["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap()[..3].to_owned())
        .collect();
    assert_eq!(answered, ["200", "422"], "{}", reply.text);
    expect(
        &facade.post(&bundle("transaction", &[put(stored()), put(alone)])),
        200,
    );
}

#[test]
fn a_link_of_a_narrative_leads_to_an_id_of_its_own_resource_as_if_it_came_alone() {
    let mut other = practice("other");
    other["contact"] = json!([{ "id": "c1", "name": { "text": "x" } }]);
    let linking = |id: &str| {
        let mut person = patient("linking");
        person["name"][0]["id"] = "n1".into();
        let div =
            format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"#{id}\">x</a></div>");
        person["text"] = json!({ "status": "additional", "div": div });
        person
    };
    for (id, is_fine) in [("n1", true), ("c1", false)] {
        let person = linking(id);
        let wrong = |at: &str| {
            let wrong = format!("error not-found {at}.text.div");
            Some(wrong).filter(|_| !is_fine)
        };
        let errors = |reply: &Reply| {
            let mut issues = reply.issues();
            issues.retain(|issue| issue.starts_with("error"));
            issues
        };
        let facade = server();
        let together = bundle("transaction", &[put(person.clone()), put(other.clone())]);
        let reply = facade.post(&together);
        expect(&reply, if is_fine { 200 } else { 422 });
        let expected = Vec::from_iter(wrong("Bundle.entry[0].resource"));
        assert_eq!(errors(&reply), expected, "{id}: {}", reply.text);
        let facade = server();
        let reply = facade.post(&bundle("batch", &[put(person.clone()), put(other.clone())]));
        let status = reply.json()["entry"][0]["response"]["status"].clone();
        let begin = if is_fine { "201" } else { "422" };
        assert!(
            status.as_str().unwrap().starts_with(begin),
            "{id}: {status}"
        );
        let facade = server();
        let reply = facade.put(&person);
        expect(&reply, if is_fine { 201 } else { 422 });
        if !is_fine {
            assert_eq!(errors(&reply), Vec::from_iter(wrong("Patient")), "{id}");
        }
    }
}

#[test]
fn the_published_teams_of_medcom_come_with_their_organization() {
    let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(dk_core), Some(medcom)) = (file("FRIST_DK_CORE"), file("FRIST_MEDCOM_CORE")) else {
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(
            std::io::stderr(),
            "SKIPPED: FRIST_DK_CORE and FRIST_MEDCOM_CORE do not name the packages hl7.fhir.dk.core and medcom.fhir.dk.core"
        )
        .unwrap();
        return;
    };
    let guide = Definitions::core().with(&Package::guide()).unwrap();
    let definitions = [&dk_core, &medcom].iter().fold(guide, |known, file| {
        let package = Package::read_tgz(&std::fs::read(file).unwrap()).unwrap();
        known.with(&package).unwrap()
    });
    let facade = Facade::with_validator(NOW, Validator::new(definitions));
    let mut published: Vec<Value> = examples(&medcom).into_values().collect();
    published.retain(|example| {
        let kind = example["resourceType"].as_str().unwrap();
        [
            "Organization",
            "Practitioner",
            "PractitionerRole",
            "Patient",
            "CareTeam",
        ]
        .contains(&kind)
    });
    let of = |kind: &'static str| {
        published
            .iter()
            .filter(move |one| one["resourceType"] == kind)
    };
    assert!(of("CareTeam").count() > 0 && of("PractitionerRole").count() > 0);
    for (kind, place) in [
        ("CareTeam", "CareTeam.managingOrganization[0]"),
        ("PractitionerRole", "PractitionerRole.organization"),
    ] {
        for example in of(kind) {
            let reply = facade.put(example);
            let errors = reply.issues();
            assert!(
                errors.contains(&format!("error structure {place}")),
                "{}",
                reply.text
            );
        }
    }
    let entries: Vec<_> = published.iter().cloned().map(put).collect();
    expect(&facade.post(&bundle("transaction", &entries)), 200);
}
