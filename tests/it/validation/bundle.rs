//! Bundles: what the kind of Bundle asks of links and entries, and what references between entries
//! find.
//!
//! Verdicts are those of the HL7 validator (6.7.9) unless a row says otherwise. `bdl-…` invariants
//! are not looked at here.

#![allow(clippy::unwrap_used)]

use frist::fhir::Severity;
use frist::validation::bundle::IndexedBundle;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::datatypes::{any_json, is_resource};

const UUID: &str = "urn:uuid:0a4e7a02-9d0c-4d1e-8f9c-0a4e7a029d0";

/// Returns the findings as `severity path`, those of every reference in the entries among them.
fn findings(bundle: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let entries = IndexedBundle::of(bundle, is_resource);
    let mut report = |severity: Severity, _, path: &str, _: &str| {
        found.push(format!("{} {path}", severity.as_str()))
    };
    entries.check(&mut report);
    for (at, entry) in bundle["entry"].as_array().into_iter().flatten().enumerate() {
        frist::fhir::reference::for_each("", &entry["resource"], &mut |_, element| {
            if let Some(address) = element["reference"]
                .as_str()
                .filter(|address| !address.starts_with('#'))
            {
                entries.resolve(at, address, &mut report);
            }
        });
    }
    found
}

fn check(kind: &str, entries: &[Value], more: Value, expected: &[&str]) {
    let mut bundle = json!({ "resourceType": "Bundle", "type": kind });
    if !entries.is_empty() {
        bundle["entry"] = json!(entries);
    }
    super::merge(&mut bundle, &more);
    assert_eq!(findings(&bundle), expected, "{bundle}");
}

fn entry(url: &str, resource: Value) -> Value {
    let mut entry = json!({ "resource": resource });
    if !url.is_empty() {
        let url = if url.contains(':') {
            url.to_owned()
        } else {
            format!("http://x.org/fhir/{url}")
        };
        entry["fullUrl"] = Value::from(url);
    }
    entry
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id })
}

fn condition(subject: &str) -> Value {
    json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": subject } })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

#[test]
fn an_entry_has_the_address_of_its_resource() {
    let bad = ["error .entry[0].fullUrl"];
    for (url, resource, expected) in [
        ("Patient/1", patient("1"), &[][..]),
        (UUID, patient("1"), &[]),
        ("http://x.org/whatever", patient("1"), &[]),
        ("ftp://x.org/Patient/2", patient("1"), &[]),
        ("http://x.org/fhir/Foo/1", patient("1"), &[]),
        ("", patient("1"), &bad),
        ("relative:", patient("1"), &bad),
        ("Patient/2", patient("1"), &bad),
        ("Condition/1", patient("1"), &bad),
        ("Patient/1/_history/1", patient("1"), &bad),
        ("http://x.org:80/my_fhir/Patient/2", patient("1"), &bad),
        ("Patient/1", json!({ "resourceType": "Patient" }), &bad),
        (
            "CodeSystem/y",
            json!({ "resourceType": "CodeSystem", "id": "y", "url": "http://x.org/fhir/CodeSystem/y" }),
            &[],
        ),
        (
            "http://x.org/foo",
            json!({ "resourceType": "CodeSystem", "id": "y", "url": "http://x.org/foo" }),
            &bad,
        ),
    ] {
        check("collection", &[entry(url, resource)], json!({}), expected);
    }
    check("transaction", &[entry("", patient("1"))], json!({}), &[]);
    check("batch-response", &[entry("", patient("1"))], json!({}), &[]);
    check("history", &[entry("", patient("1"))], json!({}), &bad);
}

#[test]
fn links_fit_the_kind_of_bundle() {
    let link = |relations: &[&str]| json!({ "link": relations.iter().map(|relation| json!({ "relation": relation, "url": "http://x.org" })).collect::<Vec<_>>() });
    for (kind, relations, expected) in [
        ("searchset", &["self", "next", "last"][..], &[][..]),
        ("searchset", &["next", "next"], &["error .link[1].relation"]),
        ("history", &["self", "self"], &["error .link[1].relation"]),
        ("searchset", &["other", "other"], &[]),
        ("collection", &["self", "other"], &[]),
        ("collection", &["next"], &["error .link[0].relation"]),
        (
            "transaction",
            &["self", "self"],
            &["error .link[1].relation"],
        ),
        ("batch-response", &["last"], &["error .link[0].relation"]),
    ] {
        check(kind, &[], link(relations), expected);
    }
}

#[test]
fn a_search_says_why_each_entry_is_there() {
    let of = |kind: &str| json!({ "link": [{ "relation": "self", "url": format!("http://x.org/fhir/{kind}") }] });
    let mode = |entry: Value, mode: &str| with(entry, "search", json!({ "mode": mode }));
    let one = entry("Patient/1", patient("1"));
    let outcome = entry(UUID, json!({ "resourceType": "OperationOutcome" }));
    for (entries, more, expected) in [
        (vec![mode(one.clone(), "match")], of("Patient?x=y"), &[][..]),
        (
            vec![mode(one.clone(), "match")],
            json!({}),
            &["warning .link"],
        ),
        (vec![one.clone()], of("Patient?x=y"), &[]),
        (vec![one.clone()], of("Condition"), &["warning .entry[0]"]),
        (
            vec![mode(one.clone(), "match")],
            of("Condition"),
            &["error .entry[0]"],
        ),
        (
            vec![mode(one.clone(), "match")],
            of("?_type=Condition,Patient"),
            &[],
        ),
        (
            vec![mode(one.clone(), "match")],
            of("?_type=Condition"),
            &["error .entry[0]"],
        ),
        (
            vec![mode(one.clone(), "match")],
            of("Patient/1/$rights"),
            &[],
        ),
        (vec![mode(one.clone(), "include")], of("Condition"), &[]),
        (
            vec![mode(
                entry(UUID, json!({ "resourceType": "Patient" })),
                "include",
            )],
            of("Patient"),
            &["error .entry[0]"],
        ),
        (
            vec![mode(one.clone(), "outcome")],
            of("Patient"),
            &["error .entry[0]"],
        ),
        (vec![mode(outcome, "outcome")], of("Patient"), &[]),
        (
            vec![mode(one.clone(), "match"), entry("Patient/2", patient("2"))],
            of("Patient"),
            &["warning .entry[1]"],
        ),
        (
            vec![json!({ "fullUrl": UUID, "search": { "mode": "match" } })],
            of("Patient"),
            &["error .entry[0]"],
        ),
    ] {
        check("searchset", &entries, more, expected);
    }
}

/// The address of an entry that refers to another.
const AT_HOME: &str = "Condition/c";

/// Returns an entry at this address that refers to another.
fn referrer(reference: &str, url: &str) -> Value {
    entry(url, condition(reference))
}

#[test]
fn a_relative_reference_finds_its_entry_at_the_address_of_its_server() {
    for (first, second, expected) in [
        (
            entry("Patient/1", patient("1")),
            referrer("Patient/1", AT_HOME),
            &[][..],
        ),
        (
            entry("Patient/1", patient("1")),
            referrer("Patient/2", AT_HOME),
            &[],
        ),
        (
            entry("Patient/1", patient("1")),
            referrer("http://x.org/fhir/Patient/1", AT_HOME),
            &[],
        ),
        (
            entry("http://y.org/Patient/1", patient("1")),
            referrer("Patient/1", AT_HOME),
            &["warning .entry[1]"],
        ),
    ] {
        check("collection", &[first, second], json!({}), expected);
    }
}

#[test]
fn a_reference_that_is_no_address_of_an_entry_is_an_error() {
    for (first, second, expected) in [
        (
            entry("Patient/1", patient("1")),
            referrer("x", AT_HOME),
            &["error .entry[1]"][..],
        ),
        (
            entry("Patient/1", patient("1")),
            referrer("Patient/1/2", AT_HOME),
            &["error .entry[1]"],
        ),
        (
            entry("Patient/1", patient("1")),
            referrer("Patient?identifier=x", AT_HOME),
            &["error .entry[1]"],
        ),
    ] {
        check("collection", &[first, second], json!({}), expected);
    }
    let twice = [
        entry("Patient/1", patient("1")),
        entry("Patient/1", patient("1")),
        referrer("Patient/1", AT_HOME),
    ];
    check("collection", &twice, json!({}), &["error .entry[2]"]);
    // The HL7 validator finds an error here too; versions of one resource are what a history is for
    // (bdl-7).
    check("history", &twice, json!({}), &[]);
}

#[test]
fn a_reference_to_a_version_finds_the_entry_of_that_version() {
    for (first, second, expected) in [
        (
            entry("Patient/1", patient("1")),
            referrer("Patient/1/_history/2", AT_HOME),
            &["warning .entry[1]"][..],
        ),
        (
            entry(
                "Patient/1",
                with(patient("1"), "meta", json!({ "versionId": "2" })),
            ),
            referrer("Patient/1/_history/2", AT_HOME),
            &[],
        ),
    ] {
        check("collection", &[first, second], json!({}), expected);
    }
}

#[test]
fn a_reference_by_uuid_finds_the_entry_of_that_uuid() {
    for (first, second, expected) in [
        (
            entry(&format!("{UUID}0"), patient("1")),
            referrer(&format!("{UUID}0"), &format!("{UUID}1")),
            &[][..],
        ),
        (
            entry(&format!("{UUID}0"), patient("1")),
            referrer(&format!("{UUID}5"), &format!("{UUID}1")),
            &["warning .entry[1]"],
        ),
        (
            entry(&format!("{UUID}0"), patient("1")),
            referrer("Patient/1", &format!("{UUID}1")),
            &["warning .entry[1]"],
        ),
    ] {
        check("collection", &[first, second], json!({}), expected);
    }
}

#[test]
fn what_a_transaction_creates_needs_no_address() {
    let request = |method: &str, url: &str, reference: &str| {
        with(
            entry(url, condition(reference)),
            "request",
            json!({ "method": method }),
        )
    };
    for (entry, expected) in [
        (
            request("POST", UUID, "Patient?identifier=http://x/y|1"),
            &[][..],
        ),
        (request("POST", UUID, "Patient?x"), &["error .entry[0]"]),
        (request("POST", UUID, "x"), &["error .entry[0]"]),
        (request("POST", UUID, "Patient/1"), &[]),
        (request("PUT", "", "Patient/1"), &["error .entry[0]"]),
        // https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl: it can be empty on
        // a POST. The HL7 validator asks for it as soon as there is a reference.
        (request("POST", "", "Patient/1"), &[]),
        (request("POST", "", "http://x.org/fhir/Patient/1"), &[]),
        (request("POST", "", "Patient?identifier=x"), &[]),
    ] {
        for kind in ["transaction", "batch"] {
            check(kind, std::slice::from_ref(&entry), json!({}), expected);
        }
    }
    check(
        "batch-response",
        &[entry("", condition("Patient/1"))],
        json!({}),
        &[],
    );
}

fn composition(edit: &Value) -> Value {
    let mut value = json!({
        "resourceType": "Composition", "id": "comp",
        "subject": { "reference": "Patient/1" }, "author": [{ "reference": "Practitioner/p" }],
    });
    super::merge(&mut value, edit);
    entry("Composition/comp", value)
}

fn subject() -> Value {
    entry("Patient/1", patient("1"))
}

fn author() -> Value {
    entry(
        "Practitioner/p",
        json!({ "resourceType": "Practitioner", "id": "p" }),
    )
}

/// Checks a document of a composition, its subject, its author, and more.
fn check_document(edit: &Value, more: Vec<Value>, expected: &[&str]) {
    let entries: Vec<_> = [composition(edit), subject(), author()]
        .into_iter()
        .chain(more)
        .collect();
    check("document", &entries, json!({}), expected);
}

#[test]
fn a_document_holds_what_its_composition_refers_to() {
    let section = |reference: &str| json!({ "section": [{ "section": [{ "entry": [{ "reference": reference }] }] }] });
    let missing = "error .entry[0].resource.section[0].section[0].entry[0]";
    for (edit, more, expected) in [
        (json!({}), vec![], &[][..]),
        (
            section("Condition/c"),
            vec![entry("Condition/c", condition("Patient/1"))],
            &[],
        ),
        (section("Condition/d"), vec![], &[missing]),
        (section("#d"), vec![], &[]),
        (
            json!({ "author": [{ "display": "x" }] }),
            vec![],
            &["error .entry[2]"],
        ),
        (
            json!({ "attester": [{ "party": { "reference": "Practitioner/q" } }] }),
            vec![],
            &["error .entry[0].resource.attester[0].party"],
        ),
        (
            json!({ "event": [{ "detail": [{ "reference": "Condition/q" }] }] }),
            vec![],
            &["error .entry[0].resource.event[0].detail[0]"],
        ),
        (
            json!({ "encounter": { "reference": "Encounter/q" } }),
            vec![],
            &["error .entry[0].resource.encounter"],
        ),
    ] {
        check_document(&edit, more, expected);
    }
}

#[test]
fn a_document_holds_nothing_that_its_composition_does_not_refer_to() {
    for (edit, more, expected) in [
        (
            json!({}),
            vec![entry("Patient/2", patient("2"))],
            &["error .entry[3]"][..],
        ),
        (
            json!({}),
            vec![entry("Condition/c", condition("Patient/1"))],
            &["warning .entry[3]"],
        ),
        (
            json!({}),
            vec![entry(
                "Provenance/v",
                json!({ "resourceType": "Provenance", "id": "v", "target": [{ "reference": "Composition/comp" }] }),
            )],
            &[],
        ),
    ] {
        check_document(&edit, more, expected);
    }
}

#[test]
fn a_document_begins_with_its_composition() {
    check("document", &[], json!({}), &["error .entry"]);
    check(
        "document",
        &[json!({ "fullUrl": UUID })],
        json!({}),
        &["error .entry[0].resource"],
    );
    check(
        "document",
        &[subject(), composition(&json!({})), author()],
        json!({}),
        &["error .entry[0].resource", "warning .entry[1]"],
    );
}

#[test]
fn a_message_begins_with_its_header() {
    let header = |focus: &str| {
        entry(
            "MessageHeader/m",
            json!({ "resourceType": "MessageHeader", "id": "m", "focus": [{ "reference": focus }] }),
        )
    };
    check("message", &[header("Patient/1"), subject()], json!({}), &[]);
    check(
        "message",
        &[header("Patient/2"), subject()],
        json!({}),
        &["error .entry[0].resource.focus[0]", "warning .entry[1]"],
    );
    check(
        "message",
        &[subject(), header("Patient/1")],
        json!({}),
        &["error .entry[0].resource"],
    );
    check("message", &[], json!({}), &["error .entry"]);
}

#[test]
fn a_long_chain_is_followed_in_time_that_grows_with_it() {
    let link = |at: usize| {
        let next = json!({ "resourceType": "Patient", "id": at.to_string(), "link": [{ "other": { "reference": format!("Patient/{}", at + 1) } }] });
        entry(&format!("Patient/{at}"), next)
    };
    let first = entry(
        "Composition/c",
        json!({ "resourceType": "Composition", "id": "c", "subject": { "reference": "Patient/0" } }),
    );
    let entries: Vec<_> = std::iter::once(first)
        .chain((0..20_000).rev().map(link))
        .collect();
    check("document", &entries, json!({}), &[]);
}

proptest! {
    #[test]
    fn no_json_makes_the_check_fail(value in any_json(), kind in prop_oneof![Just("document"), Just("message"), Just("searchset"), Just("batch")]) {
        findings(&value);
        let mut bundle = json!({ "type": kind, "entry": [value.clone(), { "fullUrl": value, "resource": value }, value], "link": value });
        findings(&bundle);
        bundle["entry"][0] = json!({ "resource": { "resourceType": "Composition", "section": value, "author": value } });
        findings(&bundle);
        IndexedBundle::of(&bundle, is_resource).resolve(7, "x", &mut |_, _, _, _| {});
    }
}
