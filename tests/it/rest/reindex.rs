//! `$reindex`, and what is answered while the search index is made anew.

use axum::body::Body;
use frist::interactions::upkeep::reindex;
use frist::interactions::upkeep::reindex::{ReindexFrom, Wish};
use frist::storage::{Indexing, Marks, ReindexError};
use serde_json::json;

use super::{expect, organization, population};
use crate::support::facade::{BASE, Facade, Reply};

const ASYNC: (&str, &str) = ("prefer", "respond-async");

fn ask(facade: &Facade) -> Reply {
    facade.send("POST", "$reindex", &[ASYNC], Body::empty())
}

/// Returns the answer at the end of a job.
fn finished(facade: &Facade, begun: &Reply) -> Reply {
    expect(begun, 202);
    let status = begun
        .header("content-location")
        .strip_prefix(BASE)
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    loop {
        let reply = facade.get(&status);
        if reply.status.as_u16() != 202 {
            return reply;
        }
        let progress = reply.header("x-progress");
        let is_one = progress.ends_with(" and 1 key looked at");
        assert!(
            is_one || progress.ends_with(" keys looked at"),
            "{progress}"
        );
    }
}

#[test]
fn what_was_found_is_found_and_the_answer_tells_what_was_done() {
    let facade = population();
    let asked = [
        "Patient",
        "Task?_sort=due",
        "CarePlan?subject:missing=false",
        "Patient?_has:Task:patient:status=requested",
    ];
    let before = asked.map(|asked| facade.search_all(asked));
    let reply = finished(&facade, &ask(&facade));
    expect(&reply, 200);
    let bundle = reply.json();
    assert_eq!(
        (&bundle["type"], &bundle["entry"][0]["response"]["status"]),
        (&json!("batch-response"), &json!("200 OK"))
    );
    let told = &bundle["entry"][0]["resource"];
    let count = |at: usize, name: &str| {
        assert_eq!(told["parameter"][at]["name"], name, "{told}");
        told["parameter"][at]["valueInteger"].as_u64().unwrap()
    };
    let all = facade.search_all("/fhir?_lastUpdated=gt2000");
    assert!(count(0, "versions") >= all.len() as u64, "{told}");
    assert!(count(2, "keys") > count(0, "versions"), "{told}");
    assert_eq!((count(1, "mended"), count(3, "foreign")), (0, 0), "{told}");
    assert_eq!(asked.map(|asked| facade.search_all(asked)), before);
}

/// Proves that everything has a mark: a store without a mark would be searched by entries of
/// unknown making.
#[test]
fn all_that_resources_are_found_by_has_a_mark() {
    let facade = population();
    let marks = reindex::marks();
    let mut found = std::collections::BTreeSet::new();
    for resource in facade.search_all("/fhir?_lastUpdated=gt2000") {
        let key = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        let key = frist::fhir::ResourceKey::parse(&key).unwrap();
        for entry in frist::search::compartment::found_by(&key, &resource) {
            let code = entry.parameter.split(':').next().unwrap().to_owned();
            assert!(
                marks.contains_key(&format!("{}?{code}", key.resource_type)),
                "{key}: {code}"
            );
            found.insert(code);
        }
    }
    assert!(
        found.len() > 20 && found.contains("_ref") && found.contains("_person"),
        "{found:?}"
    );
    // Whose a resource is follows from other parameters of each type.
    assert_ne!(marks["CarePlan?_person"], marks["Organization?_person"]);
}

#[test]
fn it_is_begun_by_who_waits_for_it_and_has_no_parameters() {
    let facade = population();
    let refused = |headers: &[(&str, &str)], asked: &str, body: String, status: u16| {
        expect(&facade.send("POST", asked, headers, body), status)
    };
    refused(&[], "$reindex", String::new(), 400);
    refused(&[ASYNC], "$reindex?type=Task", String::new(), 400);
    refused(
        &[ASYNC],
        "$reindex",
        json!({ "resourceType": "Task" }).to_string(),
        400,
    );
    let parameter = json!({ "resourceType": "Parameters", "parameter": [{ "name": "type", "valueCode": "Task" }] });
    refused(&[ASYNC], "$reindex", parameter.to_string(), 400);
    expect(
        &finished(
            &facade,
            &facade.send(
                "POST",
                "$reindex",
                &[ASYNC],
                json!({ "resourceType": "Parameters" }).to_string(),
            ),
        ),
        200,
    );
    for method in ["GET", "PUT", "DELETE"] {
        let reply = facade.send(method, "$reindex", &[ASYNC], Body::empty());
        assert_eq!(
            (reply.status.as_u16(), reply.header("allow")),
            (405, "POST, OPTIONS"),
            "{method}"
        );
    }
}

#[test]
fn another_one_meanwhile_is_refused_and_a_deleted_one_ends() {
    let facade = population();
    let store = &facade.server().store;
    let mut steps = 0;
    let done = reindex::reindex_store(&**store, ReindexFrom::Beginning, &mut |_| {
        expect(&ask(&facade), 409);
        steps += 1;
        Wish::GoOn
    });
    assert!(done.unwrap().is_some() && steps > 1, "{steps}");
    let begun = ask(&facade);
    let status = begun
        .header("content-location")
        .strip_prefix(BASE)
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    expect(&facade.send("DELETE", &status, &[], Body::empty()), 202);
    expect(&facade.get(&status), 404);
    // It ends after the step that it is at; then there is room for the next one.
    let next = std::iter::repeat_with(|| ask(&facade))
        .find(|reply| reply.status.as_u16() != 409)
        .unwrap();
    expect(&finished(&facade, &next), 200);
}

#[test]
fn while_a_definition_is_another_one_only_what_depends_on_it_waits() {
    let facade = population();
    let store = &facade.server().store;
    let mut marks: Marks = reindex::marks().clone();
    marks.insert("Task?owner".to_owned(), "another".to_owned());
    // The entries are the same, which nobody knows before the end.
    let entries_of = |resource_type, body: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(body).ok()?;
        let key =
            frist::fhir::ResourceKey::parse(&format!("{resource_type}/{}", value["id"].as_str()?))?;
        Some(frist::search::compartment::found_by(&key, &value))
    };
    let depending = [
        "Task?owner=Organization/x",
        "Task?owner:missing=true",
        "Task?owner.name=x",
        "Organization?_has:Task:owner:status=x",
        "Task?_sort=owner",
    ];
    let others = [
        "Task?status=requested",
        "Task?patient=Patient/x",
        "Patient?_has:Task:patient:status=requested",
        "Organization",
    ];
    let mut steps = 0;
    let watch = &mut |_: &reindex::Reindexed| {
        steps += 1;
        if steps > 1 {
            return Wish::GoOn;
        }
        for asked in depending {
            let reply = facade.get(asked);
            assert_eq!(
                (reply.status.as_u16(), reply.header("retry-after")),
                (503, "30"),
                "{asked}: {}",
                reply.text
            );
            assert_eq!(reply.issues(), ["error transient"], "{asked}");
        }
        others
            .iter()
            .for_each(|asked| expect(&facade.get(asked), 200));
        // What is written meanwhile is found afterwards.
        facade.put_ok(&organization("written-meanwhile", "one"));
        Wish::GoOn
    };
    let done: Result<_, ReindexError> = store.reindex(
        Indexing {
            marks: &marks,
            entries_of: &entries_of,
        },
        ReindexFrom::Beginning,
        watch,
    );
    assert!(done.unwrap().is_some());
    depending
        .iter()
        .chain(&others)
        .for_each(|asked| expect(&facade.get(asked), 200));
    assert_eq!(
        facade
            .search_all("Organization?name=one&_id=written-meanwhile")
            .len(),
        1
    );
}
