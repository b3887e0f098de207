//! Referential integrity: what others refer to stays (<https://hl7.org/fhir/R4/http.html#delete>).

use axum::body::Body;
use serde_json::{Value, json};

use super::{NOW, changes, clinic, expect, organization};
use crate::support::facade::{Facade, Reply};
use crate::support::people::{copd, patient, plan, practice, region};

fn delete(facade: &Facade, path: &str) -> Reply {
    facade.send("DELETE", path, &[], Body::empty())
}

fn deletion(url: &str) -> Value {
    json!({ "request": { "method": "DELETE", "url": url } })
}

fn writing(resource: &Value) -> Value {
    let url = format!(
        "{}/{}",
        resource["resourceType"].as_str().unwrap(),
        resource["id"].as_str().unwrap()
    );
    json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
}

fn transaction(facade: &Facade, entries: &[Value]) -> Reply {
    facade.post(&json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
}

/// Makes a clinic with a diagnosis `c` and its plan `cp`.
fn server() -> Facade {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    facade.put_ok(&plan("cp", "p", "c", "2027-02-25"));
    facade
}

/// Makes an organization that is part of another, in some way.
fn part_of(id: &str, reference: &Value) -> Value {
    let mut part = organization(id, "part");
    part["partOf"] = reference.clone();
    part
}

#[test]
fn what_others_refer_to_stays_and_the_answer_names_them() {
    let facade = server();
    let before = changes(&facade);
    for (path, named) in [
        ("Condition/c", &["CarePlan/cp"][..]),
        ("Patient/p", &["Condition/c", "CarePlan/cp"]),
        ("Organization/gp", &["Patient/p", "CarePlan/cp"]),
    ] {
        let reply = delete(&facade, path);
        expect(&reply, 409);
        assert_eq!(reply.issues(), ["error conflict"]);
        assert!(
            named.iter().all(|name| reply.text.contains(name)),
            "{}",
            reply.text
        );
    }
    expect(&delete(&facade, "Condition?_id=c"), 409);
    assert_eq!(changes(&facade), before);
    for path in ["CarePlan/cp", "Condition/c", "Patient/p", "Organization/gp"] {
        expect(&delete(&facade, path), 204);
    }
}

#[test]
fn of_many_referrers_five_are_named() {
    let facade = clinic();
    for number in 0..7 {
        facade.put_ok(&part_of(
            &format!("part-{number}"),
            &json!({ "reference": "Organization/region" }),
        ));
    }
    let reply = delete(&facade, "Organization/region");
    expect(&reply, 409);
    let outcome = reply.json();
    let text = outcome["issue"][0]["details"]["text"].as_str().unwrap();
    assert!(
        text.contains("7 resources") && text.contains("and others"),
        "{text}"
    );
    assert_eq!(text.matches("Organization/part-").count(), 5, "{text}");
}

#[test]
fn what_the_server_derived_keeps_nothing() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    assert_eq!(facade.search_all("Task?focus=Condition/c").len(), 1);
    expect(&delete(&facade, "Condition/c"), 204);
    let task = &facade.search_all("Task?focus=Condition/c")[0];
    assert_eq!(
        (&task["status"], &task["focus"]["reference"]),
        (&json!("entered-in-error"), &json!("Condition/c"))
    );
    expect(&facade.get("Condition/c/_history/1"), 200);
}

#[test]
fn only_a_literal_reference_to_the_resource_keeps_it() {
    for (reference, status) in [
        (json!({ "reference": "Organization/region" }), 409),
        (
            json!({ "reference": "http://frist.test/fhir/Organization/region" }),
            409,
        ),
        (
            json!({ "reference": "Organization/region/_history/1" }),
            409,
        ),
        (
            json!({ "reference": "http://frist.test/fhir/Organization/region/_history/1" }),
            409,
        ),
        (
            json!({ "reference": "https://elsewhere.test/fhir/Organization/region" }),
            204,
        ),
        (
            json!({ "identifier": { "system": "urn:oid:1.2.208.176.1.1", "value": "550891000016003" } }),
            204,
        ),
        (json!({ "display": "Organization/region" }), 204),
    ] {
        let facade = clinic();
        facade.put_ok(&part_of("part", &reference));
        let reply = delete(&facade, "Organization/region");
        assert_eq!(reply.status.as_u16(), status, "{reference} {}", reply.text);
    }
    let facade = clinic();
    facade.put_ok(&part_of(
        "self",
        &json!({ "reference": "Organization/self" }),
    ));
    expect(&delete(&facade, "Organization/self"), 204);
    let mut outer = part_of("outer", &json!({ "reference": "#inner" }));
    let mut inner = part_of("inner", &json!({ "reference": "Organization/region" }));
    inner["id"] = "inner".into();
    outer["contained"] = json!([inner]);
    facade.put_ok(&outer);
    expect(&delete(&facade, "Organization/region"), 409);
}

#[test]
fn a_transaction_deletes_what_it_leaves_without_referrers() {
    let facade = server();
    let before = changes(&facade);
    let refused = transaction(
        &facade,
        &[deletion("Condition/c"), deletion("Organization/gp")],
    );
    expect(&refused, 409);
    assert_eq!(
        refused.issues(),
        [
            "error conflict Bundle.entry[0].request",
            "error conflict Bundle.entry[1].request"
        ]
    );
    // What the same transaction comes to write refers too.
    let another = writing(&part_of(
        "part",
        &json!({ "reference": "Organization/region" }),
    ));
    expect(
        &transaction(&facade, &[deletion("Organization/region"), another]),
        409,
    );
    assert_eq!(changes(&facade), before);
    facade.put_ok(&copd("d", "p", "2027-02-20"));
    let moved = writing(&plan("cp", "p", "d", "2027-02-25"));
    expect(
        &transaction(&facade, &[deletion("Condition/c"), moved]),
        200,
    );
    let all = ["Patient/p", "Condition/d", "CarePlan/cp", "Organization/gp"].map(deletion);
    expect(&transaction(&facade, &all), 200);
}

#[test]
fn a_batch_deletes_what_nobody_refers_to() {
    let facade = server();
    let reply = facade
        .post(&json!({ "resourceType": "Bundle", "type": "batch", "entry": [deletion("Condition/c"), deletion("Organization/region")] }));
    let answer = reply.json();
    assert_eq!(answer["entry"][0]["response"]["status"], "409 Conflict");
    assert_eq!(answer["entry"][1]["response"]["status"], "204 No Content");
    let outcome = facade.send(
        "POST",
        "Condition/c/$validate?mode=delete",
        &[],
        Body::empty(),
    );
    expect(&outcome, 200);
    assert_eq!(outcome.issues(), ["error conflict"]);
}

/// Makes a strict server with what [`clinic`] has.
fn strict() -> Facade {
    let facade = Facade::strict(NOW);
    for resource in [practice("gp"), region("region"), patient("p")] {
        facade.put_ok(&resource);
    }
    facade
}

#[test]
fn a_strict_server_refuses_references_to_what_is_not_stored() {
    let facade = strict();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let before = changes(&facade);
    let mut refused = vec![(
        plan("cp", "p", "nothing", "2027-02-25"),
        "CarePlan.addresses[0].reference",
    )];
    let mut author = plan("cp", "p", "c", "2027-02-25");
    author["author"]["reference"] = "Organization/nothing".into();
    refused.push((author, "CarePlan.author.reference"));
    refused.push((
        part_of(
            "part",
            &json!({ "reference": "Organization/nothing/_history/1" }),
        ),
        "Organization.partOf.reference",
    ));
    for (resource, at) in &refused {
        let reply = facade.put(resource);
        expect(&reply, 422);
        let errors: Vec<_> = reply
            .issues()
            .into_iter()
            .filter(|issue| issue.starts_with("error"))
            .collect();
        assert_eq!(errors, [format!("error not-found {at}")]);
        expect(
            &clinic_with(&copd("c", "p", "2027-02-20")).put(resource),
            201,
        );
    }
    let nobody = facade.put(&copd("x", "nobody", "2027-02-20"));
    expect(&nobody, 422);
    assert_eq!(
        nobody
            .issues()
            .iter()
            .filter(|issue| issue.starts_with("error"))
            .count(),
        1,
        "{}",
        nobody.text
    );
    assert_eq!(changes(&facade), before);
    for reference in [
        json!({ "reference": "https://elsewhere.test/fhir/Organization/x" }),
        json!({ "identifier": { "system": "http://cvr.dk", "value": "x" } }),
        json!({ "reference": "Organization/region" }),
        json!({ "reference": "Organization/part" }),
    ] {
        facade.put_ok(&part_of("part", &reference));
    }
    let together = [
        writing(&copd("d", "p", "2027-02-20")),
        writing(&plan("cp", "p", "d", "2027-02-25")),
    ];
    expect(&transaction(&facade, &together), 200);
}

fn clinic_with(resource: &Value) -> Facade {
    let facade = clinic();
    facade.put_ok(resource);
    facade
}

#[test]
fn a_strict_server_says_that_it_enforces_references() {
    let policy = |facade: &Facade| {
        facade.get("metadata").json()["rest"][0]["resource"][0]["referencePolicy"].clone()
    };
    assert_eq!(
        policy(&strict()),
        json!(["literal", "logical", "resolves", "enforced"])
    );
    assert_eq!(policy(&clinic()), json!(["literal", "logical", "resolves"]));
}

#[test]
fn on_a_strict_server_no_reference_survives_what_it_names_whoever_comes_first() {
    let facade = strict();
    for round in 0..8 {
        let (whole, part) = (format!("whole-{round}"), format!("part-{round}"));
        facade.put_ok(&organization(&whole, "whole"));
        let refers = part_of(
            &part,
            &json!({ "reference": format!("Organization/{whole}") }),
        );
        let (deleted, written) = std::thread::scope(|scope| {
            let deleted = scope.spawn(|| {
                delete(&facade, &format!("Organization/{whole}"))
                    .status
                    .as_u16()
            });
            let written = scope.spawn(|| facade.put(&refers).status.as_u16());
            (deleted.join().unwrap(), written.join().unwrap())
        });
        assert!(
            matches!((deleted, written), (204, 422) | (409, 201)),
            "{deleted} {written}"
        );
    }
}
