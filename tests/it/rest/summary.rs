//! Parts of resources and counts: `_summary`, `_elements` and `_total`
//! (<https://hl7.org/fhir/R4/search.html#summary>).

use serde_json::{Value, json};

use super::{expect, population};
use crate::support::facade::{Facade, link};

const SUBSETTED: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Makes a server with a CarePlan that has much.
fn server() -> Facade {
    let facade = population();
    let mut plan = facade.get("CarePlan/cp").json();
    plan["text"] = json!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Plan</div>" });
    plan["note"] = json!([{ "text": "a note" }]);
    plan["activity"] = json!([{ "detail": { "status": "scheduled", "description": "walk" } }]);
    facade.put_ok(&plan);
    let mut patient = facade.get("Patient/p").json();
    patient["contact"] = json!([{ "name": { "text": "A neighbour" } }]);
    patient["link"] = json!([{ "other": { "reference": "Patient/q" }, "type": "seealso" }]);
    patient["birthDate"] = "1944-05-04".into();
    patient["_birthDate"] = json!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
        "valueDateTime": "1944-05-04T08:30:00+01:00" }] });
    facade.put_ok(&patient);
    facade
}

/// Returns the names of the members of a resource.
fn names(resource: &Value) -> Vec<&str> {
    resource
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn is_tagged(resource: &Value) -> bool {
    let tags = resource["meta"]["tag"].as_array().into_iter().flatten();
    tags.filter(|tag| tag["system"] == SUBSETTED && tag["code"] == "SUBSETTED")
        .count()
        == 1
}

/// Checks that a search, a read and a read of the version answer this part of the plan.
fn check_part(facade: &Facade, whole: &Value, query: &str, expected: &[&str]) {
    let found = facade.get(&format!("CarePlan?_id=cp&{query}"));
    expect(&found, 200);
    let searched = found.resources().remove(0);
    let read = facade.get(&format!("CarePlan/cp?{query}"));
    expect(&read, 200);
    assert_eq!(read.json(), searched, "{query}");
    assert_eq!(read.header("etag"), "W/\"2\"");
    assert_eq!(names(&searched), expected, "{query}");
    assert!(is_tagged(&searched), "{query}: {searched}");
    assert_eq!(
        facade
            .get(&format!("CarePlan/cp/_history/2?{query}"))
            .json(),
        searched
    );
    for name in expected.iter().filter(|name| **name != "meta") {
        assert_eq!(searched[*name], whole[*name], "{query}: {name}");
    }
    assert_eq!(
        link(&found.json(), "self").unwrap(),
        format!("CarePlan?_id=cp&{}", query.replace(',', "%2C"))
    );
}

#[test]
fn a_part_has_what_was_asked_for_and_says_that_it_is_one() {
    let facade = server();
    let whole = facade.get("CarePlan/cp").json();
    let all = names(&whole);
    for member in [
        "text",
        "note",
        "activity",
        "status",
        "intent",
        "subject",
        "addresses",
        "identifier",
    ] {
        assert!(all.contains(&member), "{member} in {all:?}");
    }
    let without = |left_out: &[&str]| -> Vec<&str> {
        all.iter()
            .copied()
            .filter(|name| !left_out.contains(name))
            .collect()
    };
    let only = |kept: &[&str]| -> Vec<&str> {
        all.iter()
            .copied()
            .filter(|name| kept.contains(name))
            .collect()
    };
    let always = ["resourceType", "id", "meta"];
    let required = ["status", "intent", "subject"];
    for (query, expected) in [
        // Narrative, notes and activities are no part of R4's summary of a CarePlan.
        (
            "_summary=true",
            without(&[
                "text",
                "note",
                "activity",
                "goal",
                "extension",
                "supportingInfo",
            ]),
        ),
        ("_summary=data", without(&["text"])),
        (
            "_summary=text",
            only(&[&always[..], &required, &["text"]].concat()),
        ),
        (
            "_elements=note",
            only(&[&always[..], &required, &["note"]].concat()),
        ),
        (
            "_elements=note,text,id",
            only(&[&always[..], &required, &["note", "text"]].concat()),
        ),
        (
            "_elements=note,resourceType",
            only(&[&always[..], &required, &["note"]].concat()),
        ),
    ] {
        check_part(&facade, &whole, query, &expected);
    }
}

#[test]
fn a_whole_does_not_say_that_it_is_a_part() {
    let facade = server();
    let whole = facade.get("CarePlan/cp").json();
    for query in ["CarePlan/cp?_summary=false", "CarePlan/cp"] {
        assert_eq!(facade.get(query).json(), whole);
        assert!(!is_tagged(&facade.get(query).json()));
    }
}

#[test]
fn a_part_that_is_none_is_refused() {
    let facade = server();
    expect(&facade.get("CarePlan/cp?_summary=count"), 400);
    expect(&facade.get("CarePlan/cp?_summary=most"), 400);
    expect(&facade.get("CarePlan/cp?_elements=colour"), 400);
    expect(&facade.get("CarePlan/cp?_include=*"), 400);
    for (prefer, status) in [
        ("handling=strict", 400),
        ("handling=lenient", 200),
        ("", 200),
    ] {
        let path = "CarePlan/cp?colour=red&_elements=note";
        expect(&facade.send("GET", path, &[("prefer", prefer)], ""), status);
    }
}

#[test]
fn a_summary_goes_into_elements_that_have_their_own() {
    let facade = server();
    let patient = facade.get("Patient/p?_summary=true").json();
    let names = names(&patient);
    assert!(!names.contains(&"contact"), "{names:?}");
    assert_eq!(
        patient["link"],
        json!([{ "other": { "reference": "Patient/q" }, "type": "seealso" }])
    );
    assert_eq!(patient["birthDate"], "1944-05-04");
    assert!(
        names.contains(&"_birthDate"),
        "what belongs to an element stays with it: {names:?}"
    );
    let patient = facade.get("Patient/p?_elements=birthDate").json();
    assert!(patient.get("_birthDate").is_some() && patient.get("name").is_none());
}

#[test]
fn an_element_that_is_a_choice_may_be_named_either_way() {
    let facade = population();
    let mut condition = facade.get("Condition/c").json();
    condition["onsetDateTime"] = "2027-01-01".into();
    facade.put_ok(&condition);
    for name in ["onset", "onsetDateTime"] {
        let found = facade.get(&format!("Condition/c?_elements={name}"));
        expect(&found, 200);
        assert_eq!(found.json()["onsetDateTime"], "2027-01-01", "{name}");
        assert_eq!(found.json().get("recordedDate"), None, "{name}");
    }
    assert_eq!(
        facade
            .get("Condition/c?_elements=onsetAge")
            .json()
            .get("onsetDateTime"),
        None
    );
}

#[test]
fn digits_are_kept_and_modifiers_are_never_left_out() {
    let facade = server();
    let mut patient = facade.get("Patient/q").json();
    patient["active"] = false.into();
    facade.put_ok(&patient);
    let found = facade.get("Patient/q?_elements=name").json();
    assert_eq!(found["active"], false, "who must not ignore it gets it");
}

#[test]
fn what_is_included_is_given_in_part_too() {
    let facade = server();
    let bundle = facade
        .get("Condition?_id=c&_include=Condition:subject&_elements=subject")
        .json();
    let patient = &bundle["entry"][1];
    assert_eq!(patient["search"]["mode"], "include");
    assert!(is_tagged(&patient["resource"]));
    assert_eq!(patient["resource"].get("name"), None);
}

#[test]
fn counting_gives_no_resources_and_not_counting_no_total() {
    let facade = population();
    for query in [
        "_summary=count",
        "_count=0",
        "_summary=count&_count=5",
        "_count=0&_total=none",
        "_count=0&_totalMethod=count",
    ] {
        let bundle = facade.get(&format!("Condition?{query}")).json();
        assert_eq!(
            (&bundle["total"], bundle.get("entry")),
            (&json!(2), None),
            "{query}"
        );
        assert_eq!(link(&bundle, "next"), None, "{query}");
    }
    for (query, total) in [
        ("_total=none", None),
        ("_total=estimate", Some(2)),
        ("_total=accurate", Some(2)),
        ("_contained=false", Some(2)),
    ] {
        let bundle = facade.get(&format!("Condition?{query}")).json();
        assert_eq!(
            bundle.get("total").and_then(Value::as_u64),
            total,
            "{query}"
        );
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 2);
        assert_eq!(link(&bundle, "self").unwrap(), format!("Condition?{query}"));
    }
    expect(&facade.get("Condition?_totalMethod=guess"), 400);
    let first = facade.get("Condition?_total=none&_count=1").json();
    let second = facade.get(&link(&first, "next").unwrap()).json();
    assert_eq!(
        (
            second.get("total"),
            second["entry"].as_array().unwrap().len()
        ),
        (None, 1)
    );
    assert_eq!(link(&second, "next"), None);
}
