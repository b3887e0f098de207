//! Modifiers that the server does not have: refused whatever the client prefers, since without one a
//! search asks for more than the client wants (<https://hl7.org/fhir/R4/search.html#modifiers>).

use serde_json::{Value, json};

use super::{changes, expect, identified, population, without_id};
use crate::support::facade::{Facade, Reply};
use crate::support::people::copd;

const LENIENT: (&str, &str) = ("prefer", "handling=lenient");

/// Searches that are never answered, with a word that the refusal has.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("Condition?code:exact=x", ":exact"),
    ("Condition?code:colour=x", ":colour"),
    ("Condition?code:=x", "modifier"),
    ("Condition?code:0405440001=x", "this modifier"),
    ("Condition?recorded-date:exact=2027", ":missing"),
    ("Condition?onset-age:not=5", ":missing"),
    ("Condition?subject:Organization=gp", ":Patient"),
    ("Condition?subject:Group=gp", ":Patient"),
    ("Condition?subject:colour=gp", ":colour"),
    ("Patient?name:below=x", ":contains"),
    ("Patient?name:text=x", ":contains"),
    ("PlanDefinition?url:contains=x", ":below"),
    ("Condition?identifier:identifier=x", ":of-type"),
    ("Condition?_tag:exact=x", ":exact"),
    ("Condition?_profile:exact=x", ":exact"),
    ("Condition?_id:not=c", ":not"),
    ("Condition?_id:missing=false", ":missing"),
    ("Condition?_lastUpdated:missing=false", ":missing"),
    ("Condition?_sort:desc=code", ":desc"),
    ("Condition?_count:max=1", ":max"),
    ("Condition?_page:not=x", ":not"),
    ("Condition?_format:x=json", ":x"),
    ("Condition?_total:x=none", ":x"),
    ("Condition?_summary:x=true", ":x"),
    ("Condition?_elements:exclude=code", ":exclude"),
    ("Condition?_include:once=Condition:subject", ":iterate"),
    ("Condition?_revinclude:once=Task:focus", ":iterate"),
    ("Condition?_explain:x=true", ":x"),
    ("Condition?_contained:x=false", ":x"),
    // A parameter that is not known, with a modifier that R4 does not have.
    ("Condition?colour:shade=red", ":shade"),
    // A parameter that is not known, with a modifier that R4 has, beyond a reference, or no name at all.
    ("Patient?:exact=a", "no such search parameter"),
    ("Patient?foo.bar:baz=a", "'foo'"),
    ("Patient?=a", "no such search parameter"),
    ("Patient?%20=a", "no such search parameter"),
    ("Patient?.=a", "no such search parameter"),
    ("Patient?colour:exact=red", "'colour'"),
    ("Patient?colour.name=red", "'colour'"),
    ("Patient?_count.x=1", "'_count'"),
    ("/fhir?colour:exact=red", "common"),
    ("/fhir?colour.name=red", "common"),
    ("/fhir?=a", "common"),
    ("Patient/p/Condition?colour.name=red", "'colour'"),
    ("Patient/p/$everything?colour:exact=red", "$everything"),
    ("Patient/p/$everything?=a", "$everything"),
    ("Patient/_history?name:exact=a", "a history"),
    ("_history?colour.name=red", "a history"),
    // Along references, wherever the modifier stands.
    ("Condition?subject:Group.name=x", ":Group"),
    ("Condition?subject:colour.name=x", ":colour"),
    ("Condition?patient.name:text=x", ":text"),
    ("Condition?patient.organization:colour.name=x", ":colour"),
    ("Condition?patient.organization.name:not=x", ":not"),
    ("Patient?_has:Condition:subject:code:exact=x", ":exact"),
    ("Patient?_has:Condition:subject:patient.name:not=x", ":not"),
    // What a known reference does not lead to.
    ("Condition?patient.colour=red", "colour"),
    ("Condition?code.name=x", "reference"),
    ("Patient?_has:Condition:subject:colour=x", "colour"),
    ("Patient?_has:Condition:subject=x", "_has"),
    ("Patient?_has:Medication:subject:code=x", "_has"),
    ("Condition?_has:Task:owner:status=x", "_has"),
    ("Patient?_has=x", "_has"),
    // In several types, and in what belongs to a person.
    ("/fhir?_type:not=Patient", ":not"),
    ("/fhir?_id:not=p", ":not"),
    ("/fhir?name:foo=x", "common"),
    ("/fhir?_has:Condition:subject:code=x", "common"),
    ("Patient/p/*?_lastUpdated:colour=2027", ":colour"),
    ("Patient/p/Condition?code:colour=x", ":colour"),
    ("Patient/p/$everything?_since:not=2027", "modifier"),
    ("Patient/p/$everything?_count:max=2", "modifier"),
    ("Patient/p/_history?_since:not=2027", "_since"),
];

/// Returns the words of a refusal.
fn words(outcome: &Value) -> String {
    outcome["issue"][0]["details"]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn bundle(facade: &Facade, kind: &str, url: &str, headers: &[(&str, &str)]) -> Reply {
    let entry = json!({ "request": { "method": "GET", "url": url.trim_start_matches("/fhir") } });
    let sent = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
    facade.send("POST", "/fhir", headers, sent.to_string())
}

#[test]
fn a_modifier_that_is_not_supported_is_refused_however_the_client_wants_it_handled() {
    let facade = population();
    for (search, word) in UNSUPPORTED {
        for prefer in ["", "handling=lenient", "handling=strict"] {
            let headers = [("prefer", prefer)];
            let alone = facade.send("GET", search, &headers, "");
            expect(&alone, 400);
            let told = words(&alone.json());
            assert!(told.contains(word), "{search}: {told}");
            assert!(!told.contains("0405440001"), "{told}");
            let batch = bundle(&facade, "batch", search, &headers);
            expect(&batch, 200);
            let answer = &batch.json()["entry"][0]["response"];
            assert_eq!(answer["status"], "400 Bad Request", "{search}");
            assert_eq!(words(&answer["outcome"]), told, "{search}");
            expect(&bundle(&facade, "transaction", search, &headers), 400);
        }
    }
}

#[test]
fn by_post_a_modifier_that_is_not_supported_is_refused_too() {
    let facade = population();
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        LENIENT,
    ];
    for (search, _) in UNSUPPORTED {
        if search.contains("$everything") || search.contains("_history") {
            continue;
        }
        let (path, query) = search.split_once('?').unwrap();
        let path = format!("{path}/_search");
        expect(&facade.send("POST", &path, &form, query), 400);
    }
}

#[test]
fn criteria_and_filters_never_pass_over_a_modifier() {
    let facade = population();
    let before = changes(&facade);
    let sent = identified(without_id(copd("", "p", "2027-02-20")), "new");
    let of_name = "code:colour=x";
    let header = [LENIENT, ("if-none-exist", of_name)];
    expect(
        &facade.send("POST", "Condition", &header, sent.to_string()),
        400,
    );
    let by_address = format!("Condition?{of_name}&identifier=Condition-c");
    let patch = [LENIENT, ("content-type", "application/json-patch+json")];
    for (method, headers, body) in [
        ("PUT", [LENIENT].as_slice(), sent.to_string()),
        ("DELETE", &[LENIENT], String::new()),
        ("PATCH", &patch, "[]".to_owned()),
    ] {
        expect(&facade.send(method, &by_address, headers, body), 400);
    }
    for kind in ["batch", "transaction"] {
        for request in [
            json!({ "method": "POST", "url": "Condition", "ifNoneExist": of_name }),
            json!({ "method": "PUT", "url": by_address }),
            json!({ "method": "DELETE", "url": by_address }),
        ] {
            let entry = json!({ "resource": sent, "request": request });
            let sent = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] });
            let reply = facade.send("POST", "/fhir", &[LENIENT], sent.to_string());
            let status = match kind {
                "batch" => reply.json()["entry"][0]["response"]["status"].clone(),
                _ => Value::from(reply.status.to_string()),
            };
            assert_eq!(status, "400 Bad Request", "{request}");
        }
    }
    let filter = json!({ "url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria",
                         "valueString": "Task?owner:colour=Organization/gp" });
    let mut subscription = facade.get("Subscription/sub").json();
    subscription["_criteria"] = json!({ "extension": [filter] });
    let put = facade.send(
        "PUT",
        "Subscription/sub",
        &[LENIENT],
        subscription.to_string(),
    );
    expect(&put, 422);
    assert_eq!(changes(&facade), before);
}

#[test]
fn what_is_not_known_at_all_is_still_passed_over_in_lenience_and_said() {
    let facade = population();
    for (search, total) in [
        ("Condition?colour=red&patient=p", 1),
        ("/fhir?name=x&_type=Patient,Condition&_id=p", 1),
    ] {
        let reply = facade.send("GET", search, &[LENIENT], "");
        expect(&reply, 200);
        let bundle = reply.json();
        assert_eq!(bundle["total"], total, "{search}");
        let outcome = bundle["entry"].as_array().unwrap().last().unwrap();
        assert_eq!(outcome["search"]["mode"], "outcome", "{search}");
        assert_eq!(outcome["resource"]["issue"][0]["severity"], "warning");
        expect(&facade.get(search), 400);
    }
}
