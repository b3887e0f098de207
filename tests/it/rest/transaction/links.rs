//! The links of entries: references that are searches, in any spelling and at any place, and all
//! elements that link to other entries.

use serde_json::{Value, json};

use super::{entry, post, put, refused, send, statuses, with};
use crate::rest::{NOW, changes, clinic, expect, organization, without_id};
use crate::support::facade::{BASE, Facade};
use crate::support::people::{copd, patient, plan, practice};

/// Makes a practice that its sender knows by an address.
fn known_practice(id: &str, value: &str) -> Value {
    let mut practice = practice(id);
    let own = json!({ "system": "https://ehr.example/practice", "value": value });
    practice["identifier"].as_array_mut().unwrap().push(own);
    practice
}

/// Every spelling of a search for the practice `P-7`.
fn spellings() -> Vec<String> {
    let searches = [
        "Organization?identifier=https://ehr.example/practice|P-7",
        "/Organization?identifier=https://ehr.example/practice|P-7",
        "Organization/?identifier=https://ehr.example/practice|P-7",
        "Organization/_search?identifier=https://ehr.example/practice|P-7",
        "Organization?identifier=https%3A%2F%2Fehr.example%2Fpractice%7CP-7",
        "Organization%3Fidentifier=https%3A%2F%2Fehr.example%2Fpractice%7CP-7",
        "Organization%3Fidentifier%3Dhttps%3A%2F%2Fehr.example%2Fpractice%7CP-7",
        "Organization?identifier=P-7",
        "Organization?identifier=urn:oid:1.2.208.176.1.4|077410",
        "Organization?name=L%C3%A6gerne&identifier=https://ehr.example/practice|P-7",
        "/fhir/Organization?identifier=https://ehr.example/practice|P-7",
    ];
    let absolute = format!("{BASE}/{}", searches[0]);
    searches
        .map(str::to_owned)
        .into_iter()
        .chain([absolute])
        .collect()
}

/// Makes a plan by an author with that address.
pub(super) fn plan_by(author: &str) -> Value {
    let mut plan = plan("plan", "p", "c", "2027-02-25");
    plan["author"]["reference"] = author.into();
    plan
}

#[test]
fn every_spelling_of_a_search_is_resolved_in_a_transaction_and_refused_outside() {
    for facade in [Facade::at(NOW), Facade::strict(NOW)] {
        for resource in [
            known_practice("gp", "P-7"),
            patient("p"),
            copd("c", "p", "2027-02-20"),
        ] {
            facade.put_ok(&resource);
        }
        for search in spellings() {
            let sent = plan_by(&search);
            let reply = send(&facade, vec![put(sent.clone())]);
            assert!(reply.status.is_success(), "{search}: {}", reply.text);
            let stored = facade.get("CarePlan/plan").json();
            assert_eq!(stored["author"]["reference"], "Organization/gp", "{search}");
            // Nothing by the name, and two.
            let nobody = send(
                &facade,
                vec![put(plan_by(
                    &search.replace("P-7", "P-8").replace("0774", "9999"),
                ))],
            );
            expect(&nobody, 412);
            let second = post("urn:uuid:second", known_practice("", "P-7"));
            let two = send(&facade, vec![put(sent.clone()), second]);
            expect(&two, 412);
            refused_outside(&facade, &sent, &search);
        }
    }
}

/// Checks that what names something by a search is refused outside of a transaction.
pub(super) fn refused_outside(facade: &Facade, sent: &Value, search: &str) {
    let before = changes(facade);
    let at = "error value CarePlan.author.reference".to_owned();
    let body = sent.to_string();
    let json_patch = json!([{ "op": "replace", "path": "/author/reference", "value": search }]);
    let as_patch = [("content-type", "application/json-patch+json")];
    for reply in [
        facade.put(sent),
        facade.post(&without_id(sent.clone())),
        facade.send("PATCH", "CarePlan/plan", &as_patch, json_patch.to_string()),
    ] {
        expect(&reply, 422);
        assert!(reply.issues().contains(&at), "{search}: {}", reply.text);
    }
    let checked = facade.send("POST", "CarePlan/$validate", &[], body);
    expect(&checked, 200);
    assert!(checked.issues().contains(&at), "{search}: {}", checked.text);
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [put(sent.clone())] });
    let status = facade.post(&batch).json()["entry"][0]["response"]["status"].clone();
    assert_eq!(status, "422 Unprocessable Entity", "{search}");
    assert_eq!(changes(facade), before, "{search}");
}

#[test]
fn what_looks_like_a_search_and_is_none_of_this_server_is_never_stored() {
    let facade = clinic();
    for (address, status, code) in [
        (
            "https://ehr.example/fhir/Organization?identifier=7",
            422,
            "value",
        ),
        ("https://ehr.example/fhir/Observation?code=7", 422, "value"),
        ("other/Organization?identifier=7", 422, "value"),
        (
            "https://ehr.example/fhir/Organization%3Fidentifier=7",
            422,
            "value",
        ),
        ("Observation?code=7", 412, "not-supported"),
        ("organization?identifier=7", 412, "invalid"),
        ("Hent?identifier=7", 412, "invalid"),
        ("?identifier=7", 412, "invalid"),
        ("Organization?", 412, "invalid"),
        ("Organization?colour=red", 400, "not-supported"),
    ] {
        let reply = send(&facade, vec![put(plan_by(address))]);
        expect(&reply, status);
        let expected = format!("error {code} Bundle.entry[0].resource.author.reference");
        assert!(
            reply.issues().contains(&expected),
            "{address}: {}",
            reply.text
        );
        expect(&facade.put(&plan_by(address)), 422);
    }
    expect(&facade.get("CarePlan/plan"), 404);
}

#[test]
fn an_address_elsewhere_that_asks_in_no_type_of_fhir_stays() {
    let facade = clinic();
    for address in [
        "https://arkiv.example/Hent?id=7",
        "https://arkiv.example/Hent/?id=7",
        "https://arkiv.example/patient?id=7",
    ] {
        let mut sent = copd("c", "p", "2027-02-20");
        sent["recorder"] = json!({ "reference": address });
        facade.put_ok(&sent);
        assert_eq!(
            facade.get("Condition/c").json()["recorder"]["reference"],
            address
        );
        assert_eq!(send(&facade, vec![put(sent)]).status, 200, "{address}");
    }
}

#[test]
fn searches_are_resolved_wherever_a_reference_stands() {
    let facade = Facade::at(NOW);
    facade.put_ok(&known_practice("gp", "P-7"));
    let search = "Organization?identifier=https://ehr.example/practice|P-7";
    let named = json!({ "reference": search });
    let mut person = patient("");
    person["generalPractitioner"] = json!([named, { "reference": "#role" }]);
    person["extension"] = json!([{ "url": "https://ehr.example/of", "valueReference": named }]);
    person["contained"] =
        json!([{ "resourceType": "PractitionerRole", "id": "role", "organization": named }]);
    assert_eq!(
        statuses(&send(&facade, vec![post("urn:uuid:p", person)])),
        ["201 Created"]
    );
    let stored = facade.search_all("Patient").remove(0);
    for pointer in [
        "/generalPractitioner/0/reference",
        "/extension/0/valueReference/reference",
        "/contained/0/organization/reference",
    ] {
        assert_eq!(
            stored.pointer(pointer).unwrap(),
            "Organization/gp",
            "{pointer}"
        );
    }
}

#[test]
fn searches_may_follow_chains_and_name_entries() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let plan = |condition: &str, subject: &str| {
        let mut plan = plan("", "p", "c", "2027-02-25");
        plan["addresses"][0]["reference"] = condition.into();
        plan["subject"]["reference"] = subject.into();
        plan
    };
    let by_chain = "Condition?subject:Patient.identifier=urn:oid:1.2.208.176.1.2|0405440001";
    let entries = vec![
        post("urn:uuid:a", plan(by_chain, "Patient/p")),
        put(organization("o", "x")),
    ];
    assert_eq!(statuses(&send(&facade, entries)), ["201 Created"; 2]);
    let stored = facade.search_all("CarePlan").remove(0);
    assert_eq!(stored["addresses"][0]["reference"], "Condition/c");
    // Of a person who is new.
    let mut new = patient("");
    new["identifier"][0]["value"] = "0606660003".into();
    let mut condition = copd("", "", "2027-02-21");
    condition["subject"]["reference"] = "urn:uuid:p".into();
    let by_entry = "Condition?subject=urn:uuid:p";
    let by_new_chain = "Condition?subject:Patient.identifier=0606660003";
    for search in [by_entry, by_new_chain] {
        let facade = clinic();
        let entries = vec![
            post("urn:uuid:b", plan(search, "urn:uuid:p")),
            post("urn:uuid:c", condition.clone()),
            post("urn:uuid:p", new.clone()),
        ];
        assert_eq!(
            statuses(&send(&facade, entries)),
            ["201 Created"; 3],
            "{search}"
        );
        let condition = facade.search_all("Condition").remove(0);
        let expected = format!("Condition/{}", condition["id"].as_str().unwrap());
        let stored = facade.search_all("CarePlan").remove(0);
        assert_eq!(stored["addresses"][0]["reference"], expected, "{search}");
    }
}

#[test]
fn links_of_every_type_follow_and_other_texts_stay() {
    const URN: &str = "urn:uuid:00000000-0000-4000-8000-0000000000aa";
    const ID: &str = "11111111-0000-4000-8000-000000000001";
    let facade = Facade::at(NOW);
    let extension =
        |member: &str, value: &str| json!({ "url": "https://ehr.example/ext", member: value });
    let with_part = format!("{URN}#p1");
    let mut person = patient("p");
    person["identifier"] = json!([{ "system": "https://ehr.example/pid", "value": URN }]);
    person["generalPractitioner"][0]["reference"] = URN.into();
    person["photo"] = json!([{ "url": URN }, { "url": with_part }, { "url": "urn:uuid:00000000-0000-4000-8000-0000000000ab" }]);
    person["extension"] = json!([
        extension("valueUri", URN),
        extension("valueUrl", URN),
        extension("valueUuid", URN),
        extension("valueCanonical", URN),
        extension("valueString", URN),
        { "url": "https://ehr.example/outer", "extension": [extension("valueUri", URN)] }
    ]);
    person["_birthDate"] = json!({ "extension": [extension("valueUri", URN)] });
    person["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "role", "organization": { "reference": URN },
        "extension": [extension("valueUri", URN)] }]);
    person["generalPractitioner"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "reference": "#role" }));
    person["text"] = json!({ "status": "additional", "div": format!(
        r#"<div xmlns="http://www.w3.org/1999/xhtml"><p title="{URN}">{URN} <a href="{URN}">a</a> <img src="{URN}" alt=""/> <a href="{with_part}">b</a></p></div>"#) });
    let mut owner = put(practice(ID));
    owner["fullUrl"] = URN.into();
    let reply = send(&facade, vec![put(person), owner]);
    assert_eq!(statuses(&reply), ["201 Created"; 2]);
    let stored = facade.get("Patient/p").json();
    let new = format!("Organization/{ID}");
    let part = format!("{new}#p1");
    let urn_of_new = format!("urn:uuid:{ID}");
    for (pointer, expected) in [
        ("/identifier/0/value", URN),
        ("/generalPractitioner/0/reference", &new),
        ("/photo/0/url", &new),
        ("/photo/1/url", &part),
        (
            "/photo/2/url",
            "urn:uuid:00000000-0000-4000-8000-0000000000ab",
        ),
        ("/extension/0/valueUri", &new),
        ("/extension/1/valueUrl", &new),
        ("/extension/2/valueUuid", &urn_of_new),
        ("/extension/3/valueCanonical", URN),
        ("/extension/4/valueString", URN),
        ("/extension/5/extension/0/valueUri", &new),
        ("/_birthDate/extension/0/valueUri", &new),
        ("/contained/0/organization/reference", &new),
        ("/contained/0/extension/0/valueUri", &new),
    ] {
        assert_eq!(stored.pointer(pointer).unwrap(), expected, "{pointer}");
    }
    let div = stored["text"]["div"].as_str().unwrap();
    let expected = format!(
        r#"<p title="{URN}">{URN} <a href="{new}">a</a> <img src="{new}" alt=""/> <a href="{part}">b</a></p>"#
    );
    assert!(div.contains(&expected), "{div}");
}

#[test]
fn a_reference_to_something_inside_of_an_entry_is_refused() {
    let facade = clinic();
    let mut condition = copd("", "p", "2027-02-20");
    condition["recorder"] = json!({ "reference": "urn:uuid:o#p1" });
    refused(
        &facade,
        vec![
            post("urn:uuid:o", organization("", "x")),
            post("urn:uuid:c", condition),
        ],
        422,
        &["error value Bundle.entry[1].resource.recorder.reference"],
    );
}

#[test]
fn references_to_versions_name_the_version_that_is_made_or_the_one_that_stays() {
    let facade = Facade::at(NOW);
    let named = |name: &str, reference: &str| {
        let mut organization = organization(name, name);
        organization["partOf"] = json!({ "reference": reference });
        organization
    };
    let at = |name: &str| format!("https://ehr.example/fhir/Organization/{name}");
    let put_at = |resource: Value| {
        let mut entry = put(resource.clone());
        entry["fullUrl"] = at(resource["id"].as_str().unwrap()).into();
        entry
    };
    let part_of = |name: &str| {
        let stored = facade.get(&format!("Organization/{name}")).json();
        let version = stored["meta"]["versionId"].as_str().unwrap().to_owned();
        (
            version,
            stored["partOf"]["reference"]
                .as_str()
                .unwrap_or("")
                .to_owned(),
        )
    };
    let chain = |name: &str| {
        let mut first = organization("a", name);
        first["partOf"] = Value::Null;
        first.as_object_mut().unwrap().shift_remove("partOf");
        vec![
            put_at(named("c", &format!("{}/_history/7", at("b")))),
            put_at(named("b", "Organization/a/_history/7")),
            put_at(first),
        ]
    };
    assert_eq!(statuses(&send(&facade, chain("one"))), ["201 Created"; 3]);
    let version = |version: &str, of: &str| (version.to_owned(), of.to_owned());
    assert_eq!(part_of("b"), version("1", "Organization/a/_history/1"));
    assert_eq!(part_of("c"), version("1", "Organization/b/_history/1"));
    // The same again makes no versions, and leads to those that are there.
    let before = changes(&facade);
    assert_eq!(statuses(&send(&facade, chain("one"))), ["200 OK"; 3]);
    assert_eq!(changes(&facade), before);
    // A new version of the first makes one of each that names it.
    assert_eq!(statuses(&send(&facade, chain("two"))), ["200 OK"; 3]);
    assert_eq!(part_of("b"), version("2", "Organization/a/_history/2"));
    assert_eq!(part_of("c"), version("2", "Organization/b/_history/2"));
    // Another version than the one that comes is of another place, and so is this server's own.
    let mut older = organization("a", "three");
    older["meta"] = json!({ "versionId": "9" });
    let other = format!("{}/_history/8", at("a"));
    let mut own = put(organization("d", "d"));
    own["fullUrl"] = format!("{BASE}/Organization/d").into();
    facade.put_ok(&organization("d", "before"));
    let entries = vec![
        put_at(named("b", &other)),
        put_at(older),
        own,
        put(named("e", "Organization/d/_history/1")),
    ];
    assert!(send(&facade, entries).status.is_success());
    assert_eq!(part_of("b").1, other);
    assert_eq!(part_of("e").1, "Organization/d/_history/1");
    assert_eq!(part_of("d").0, "2");
}

#[test]
fn what_a_patch_puts_in_may_link_to_entries_too() {
    let facade = clinic();
    facade.put_ok(&copd("c", "p", "2027-02-20"));
    let part = |name: &str, member: &str, value: Value| json!({ "name": name, member: value });
    let add = |name: &str, member: &str, value: Value| {
        json!({ "name": "operation", "part": [
            part("type", "valueCode", "add".into()), part("path", "valueString", "Condition".into()),
            part("name", "valueString", name.into()), part("value", member, value)] })
    };
    let steps = json!({ "resourceType": "Parameters", "parameter": [
        add("recorder", "valueReference", json!({ "reference": "urn:uuid:dr" })),
        add("asserter", "valueReference", json!({ "reference": "Practitioner?identifier=https://ehr.example/dr|7" }))] });
    let doctor = json!({ "resourceType": "Practitioner", "id": "x",
        "identifier": [{ "system": "https://ehr.example/dr", "value": "7" }] });
    let mut patch = entry("PATCH", "Condition/c", steps);
    patch["fullUrl"] = "https://ehr.example/fhir/Condition/c".into();
    let doctor_there = with(
        post("urn:uuid:dr", doctor),
        "ifNoneExist",
        "identifier=https://ehr.example/dr|7",
    );
    // What is stored already is relative to this server, wherever the sender has its own.
    let mut other = post("https://ehr.example/fhir/Patient/p", patient(""));
    other["resource"]["identifier"][0]["value"] = "0606660003".into();
    let reply = send(&facade, vec![patch, doctor_there, other]);
    assert_eq!(statuses(&reply), ["200 OK", "201 Created", "201 Created"]);
    let stored = facade.get("Condition/c").json();
    let doctor = facade.search_all("Practitioner").remove(0);
    let key = format!("Practitioner/{}", doctor["id"].as_str().unwrap());
    assert_eq!(stored["recorder"]["reference"], key);
    assert_eq!(stored["asserter"]["reference"], key);
    assert_eq!(stored["subject"]["reference"], "Patient/p");
}
