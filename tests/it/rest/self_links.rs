//! The `self` link of a search: it says what the address said, names of persons too, and nothing of a
//! person that stood in no address (<https://hl7.org/fhir/R4/search.html#conformance>).

use serde_json::{Value, json};

use super::{expect, population};
use crate::support::facade::{Facade, Reply, link};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

fn own(reply: &Reply) -> String {
    expect(reply, 200);
    link(&reply.json(), "self").unwrap()
}

#[test]
fn the_self_link_of_a_get_says_what_was_asked() {
    let facade = population();
    for search in [
        "Patient?family=Test",
        "Patient?name%3Aexact=Test&_count=1",
        "Patient?birthdate=1944",
        "Patient?address-city=Aarhus",
        "Condition?patient.name=Test",
        "Patient?_has%3ACondition%3Asubject%3Apatient.family=Test",
        "Patient/p/Condition?patient.family=Test",
    ] {
        assert_eq!(own(&facade.get(search)), search);
    }
    // It can be asked for again, and is the same page.
    let first = facade.get("Patient?family=Test&_count=1");
    let again = facade.get(&own(&first));
    assert_eq!(again.json()["entry"], first.json()["entry"]);
}

#[test]
fn no_other_link_says_what_names_a_person() {
    let facade = population();
    let first = facade.get("Patient?family=Test&_count=1");
    let next = link(&first.json(), "next").unwrap();
    assert!(!next.contains("Test"), "{next}");
    let second = facade.get(&next);
    let bundle = second.json();
    for relation in ["self", "previous"] {
        let address = link(&bundle, relation).unwrap();
        assert!(
            !address.contains("Test") && address.contains("_page="),
            "{address}"
        );
        expect(&facade.get(&address), 200);
    }
}

#[test]
fn what_stood_in_a_form_or_in_a_bundle_stays_sealed() {
    let facade = population();
    let hidden = |address: &str| {
        assert!(!address.contains("Test"), "{address}");
        assert!(address.contains("_page="), "{address}");
        let again = facade.get(address);
        expect(&again, 200);
        assert_eq!(again.json()["total"], 2);
    };
    let by_form = facade.send("POST", "Patient/_search", &FORM, "family=Test&_count=1");
    hidden(&own(&by_form));
    let in_both = facade.send("POST", "Patient/_search?_count=1", &FORM, "family=Test");
    hidden(&own(&in_both));
    let in_address = facade.send("POST", "Patient/_search?family=Test", &FORM, "");
    hidden(&own(&in_address));
    for kind in ["batch", "transaction"] {
        let request = json!({ "method": "GET", "url": "Patient?family=Test" });
        let sent =
            json!({ "resourceType": "Bundle", "type": kind, "entry": [{ "request": request }] });
        let reply = facade.post(&sent);
        expect(&reply, 200);
        hidden(&link(&reply.resources()[0], "self").unwrap());
    }
}

#[test]
fn a_cpr_number_is_said_again_only_where_addresses_may_have_one() {
    let search = "Patient?identifier=0405440001";
    let facade = population();
    expect(&facade.get(search), 400);
    let form = facade.send("POST", "Patient/_search", &FORM, "identifier=0405440001");
    assert!(!own(&form).contains("0405440001"));
    let facade = facade.taking_cpr_numbers();
    assert_eq!(own(&facade.get(search)), search);
    let form = facade.send("POST", "Patient/_search", &FORM, "identifier=0405440001");
    assert!(!own(&form).contains("0405440001"));
}

/// Returns the warnings that a page ends with.
fn warnings(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let outcomes = entries.filter(|entry| entry["search"]["mode"] == "outcome");
    let issues = outcomes.flat_map(|entry| entry["resource"]["issue"].as_array().unwrap());
    let words = |issue: &Value| {
        assert_eq!(issue["severity"], "warning");
        issue["details"]["text"].as_str().unwrap().to_owned()
    };
    issues.map(words).collect()
}

#[test]
fn an_include_of_a_type_that_is_not_held_brings_nothing_and_says_so() {
    let facade = population();
    let send = |facade: &Facade, search: &str, prefer: &str| {
        facade.send("GET", search, &[("prefer", prefer)], "")
    };
    for (parameter, count) in [
        ("_include=Observation:subject", 1),
        ("_revinclude=Observation:subject", 1),
        ("_include:iterate=MedicationRequest:subject", 1),
        ("_revinclude:iterate=MedicationRequest:*", 1),
        ("_include=Condition:subject:Group", 1),
        (
            "_include=Observation:subject&_revinclude=Procedure:patient",
            2,
        ),
    ] {
        let search = format!("Condition?patient=p&{parameter}");
        for prefer in ["", "handling=strict", "handling=lenient"] {
            let reply = send(&facade, &search, prefer);
            expect(&reply, 200);
            let bundle = reply.json();
            let told = warnings(&bundle);
            assert_eq!(told.len(), count, "{search}: {told:?}");
            assert!(
                told.iter().all(|text| text.contains("holds no")),
                "{told:?}"
            );
            assert_eq!(bundle["total"], 1);
            assert_eq!(bundle["entry"].as_array().unwrap().len(), 2);
            assert_eq!(link(&bundle, "self").unwrap(), "Condition?patient=p");
            let request = json!({ "method": "GET", "url": search });
            let sent = json!({ "resourceType": "Bundle", "type": "batch", "entry": [{ "request": request }] });
            let batch = facade.send("POST", "/fhir", &[("prefer", prefer)], sent.to_string());
            assert_eq!(warnings(&batch.resources()[0]), told);
        }
    }
    // What is no type of R4, or no parameter of a type that is held, is a slip.
    for parameter in [
        "_include=Colour:subject",
        "_include=observation:subject",
        "_include=Quantity:subject",
        "_include=Condition:colour",
        "_include=Condition:subject:Organization",
        "_revinclude=Task:colour",
    ] {
        let search = format!("Condition?patient=p&{parameter}");
        for prefer in ["", "handling=lenient"] {
            expect(&send(&facade, &search, prefer), 400);
        }
    }
    // Criteria have no place for it.
    let delete = facade.send(
        "DELETE",
        "Condition?identifier=x&_include=Observation:subject",
        &[],
        "",
    );
    expect(&delete, 400);
}
