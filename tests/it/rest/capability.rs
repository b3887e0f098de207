//! The CapabilityStatement tells the truth (<https://hl7.org/fhir/R4/http.html#capabilities>): what
//! it says is done here, for each word of it, and what it does not say is refused. All of it is
//! read from the statement that the server gives and from the core package, so that a change of
//! either is tested without a change here.

mod operations;
mod subscriptions;
mod system;

use std::collections::BTreeMap;
use std::io::Read;

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, expect, population, without_id};
use crate::support::facade::{Facade, Reply};

/// Every interaction that FHIR has on a type or an instance.
const ALL_INTERACTIONS: &[&str] = &[
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// Makes a server that holds something of every type, as far as anything makes it, with the
/// published definitions.
fn server() -> Facade {
    let facade = population();
    let (_, definitions) = frist::app::packages::rules_and_definitions(None).unwrap();
    let definitions: Vec<_> = definitions
        .iter()
        .map(|definition| definition.value().clone())
        .collect();
    facade.install(&definitions);
    facade
}

fn statement(facade: &Facade) -> Value {
    let reply = facade.get("metadata");
    expect(&reply, 200);
    reply.json()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected text, found {value}"))
}

/// Returns the resources that the statement lists, by type.
fn resources(statement: &Value) -> BTreeMap<String, Value> {
    array(&statement["rest"][0]["resource"])
        .iter()
        .map(|resource| (text(&resource["type"]).to_owned(), resource.clone()))
        .collect()
}

fn says(resource: &Value, code: &str) -> bool {
    array(&resource["interaction"])
        .iter()
        .any(|interaction| interaction["code"] == code)
}

/// Returns the definitions in the core package whose file begins so.
fn core(beginnings: &[&str]) -> Vec<Value> {
    let file = std::fs::File::open("profiles/packages/hl7.fhir.r4.core-4.0.1.tgz").unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry
            .path()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.push(serde_json::from_slice(&bytes).unwrap());
        }
    }
    assert!(found.len() > 10, "{beginnings:?}");
    found
}

fn no_parameters() -> Value {
    json!({ "resourceType": "Parameters" })
}

/// Carries out an interaction on a stored resource, or on one that is not there; answers what came
/// back.
fn carry_out(facade: &Facade, interaction: &str, kind: &str, stored: Option<&Value>) -> Reply {
    let id = stored.map_or("nothing", |resource| text(&resource["id"]));
    let body = stored
        .cloned()
        .unwrap_or_else(|| json!({ "resourceType": kind, "id": id }));
    let at = format!("{kind}/{id}");
    match interaction {
        "read" => facade.get(&at),
        "vread" => facade.get(&format!("{at}/_history/1")),
        "history-instance" => facade.get(&format!("{at}/_history")),
        "history-type" => facade.get(&format!("{kind}/_history")),
        "search-type" => {
            let form = [("content-type", "application/x-www-form-urlencoded")];
            expect(
                &facade.send("POST", &format!("{kind}/_search"), &form, "_count=1"),
                200,
            );
            facade.get(kind)
        }
        "create" => facade.send("POST", kind, &[], without_id(body).to_string()),
        "update" => facade.send("PUT", &at, &[], body.to_string()),
        "patch" => {
            let patch = "[{\"op\":\"add\",\"path\":\"/language\",\"value\":\"da\"}]";
            facade.send(
                "PATCH",
                &at,
                &[("content-type", "application/json-patch+json")],
                patch,
            )
        }
        "delete" => {
            // Of a copy, so that the one that others refer to stays.
            let mut copy = body;
            copy["id"] = "to-delete".into();
            facade.send("PUT", &format!("{kind}/to-delete"), &[], copy.to_string());
            facade.send("DELETE", &format!("{kind}/to-delete"), &[], Body::empty())
        }
        other => panic!("the statement has an interaction that this test does not know: {other}"),
    }
}

#[test]
fn each_interaction_that_is_said_of_a_type_succeeds_and_each_other_is_refused() {
    let facade = server();
    let resources = resources(&statement(&facade));
    let (mut done, mut refused) = (0, 0);
    for (kind, resource) in &resources {
        for interaction in array(&resource["interaction"]) {
            assert!(
                ALL_INTERACTIONS.contains(&text(&interaction["code"])),
                "{kind}: {interaction}"
            );
        }
        let stored = first(&facade, kind);
        for interaction in ALL_INTERACTIONS {
            let reply = carry_out(&facade, interaction, kind, stored.as_ref());
            let on_instance = !matches!(*interaction, "create" | "search-type" | "history-type");
            match (says(resource, interaction), on_instance && stored.is_none()) {
                (true, false) => assert!(
                    reply.status.is_success(),
                    "{interaction} of {kind}: {} {}",
                    reply.status,
                    reply.text
                ),
                (true, true) => expect(&reply, 404),
                (false, _) => expect(&reply, 405),
            }
            if says(resource, interaction) {
                done += 1
            } else {
                refused += 1
            }
        }
    }
    assert!(done > 100 && refused > 30, "{done} {refused}");
}

#[test]
fn each_search_parameter_that_is_said_is_honoured_and_each_other_one_of_r4_is_refused() {
    let facade = server();
    let definitions = core(&["SearchParameter-"]);
    let (mut honoured, mut refused) = (0, 0);
    for (kind, resource) in resources(&statement(&facade)) {
        let said = array(&resource["searchParam"]);
        for parameter in said {
            let (name, definition) = (text(&parameter["name"]), text(&parameter["definition"]));
            let value = match text(&parameter["type"]) {
                "date" => "2027-03",
                "uri" => "https://kronikerpakker.dk/fhir/x",
                "token" | "reference" | "string" => "some-value",
                "number" | "quantity" => "5",
                "composite" => "some-value$5",
                other => panic!("{kind}?{name}: a type that this test does not know: {other}"),
            };
            expect(&facade.get(&format!("{kind}?{name}={value}")), 200);
            let found = match definitions.iter().find(|known| known["url"] == definition) {
                Some(found) => found.clone(),
                None => {
                    let own = facade.search_all(&format!("SearchParameter?url={definition}"));
                    assert_eq!(own.len(), 1, "{kind}?{name}: no definition {definition}");
                    own[0].clone()
                }
            };
            assert_eq!(
                (&found["code"], &found["type"]),
                (&parameter["name"], &parameter["type"]),
                "{definition}"
            );
            let bases: Vec<_> = array(&found["base"]).iter().map(text).collect();
            assert!(
                bases.contains(&kind.as_str()) || bases.contains(&"Resource"),
                "{definition} is not of {kind}"
            );
            honoured += 1;
        }
        for definition in &definitions {
            let bases: Vec<_> = array(&definition["base"]).iter().map(text).collect();
            let code = text(&definition["code"]);
            let applies = bases
                .iter()
                .any(|base| *base == kind || matches!(*base, "Resource" | "DomainResource"));
            if applies && !said.iter().any(|parameter| parameter["name"] == code) {
                expect(&facade.get(&format!("{kind}?{code}=2027")), 400);
                refused += 1;
            }
        }
    }
    assert!(honoured > 400 && refused > 40, "{honoured} {refused}");
}

/// Returns a stored resource of the type, if there is one.
fn first(facade: &Facade, kind: &str) -> Option<Value> {
    let found = facade.search_all(&format!("{kind}?_count=1"));
    found.into_iter().next()
}

#[test]
fn what_is_said_of_versions_holds() {
    let facade = server();
    for (kind, resource) in resources(&statement(&facade)) {
        let Some(stored) = first(&facade, &kind) else {
            continue;
        };
        let at = format!("{kind}/{}", text(&stored["id"]));
        let body = stored.to_string();
        let version = text(&stored["meta"]["versionId"]).to_owned();
        assert_eq!(resource["conditionalRead"], "full-support");
        expect_status(
            &facade.send(
                "GET",
                &at,
                &[("if-none-match", &format!("W/\"{version}\""))],
                Body::empty(),
            ),
            304,
        );
        let since = [("if-modified-since", "Mon, 01 Mar 2027 08:00:01 GMT")];
        expect_status(&facade.send("GET", &at, &since, Body::empty()), 304);
        assert_eq!(resource["readHistory"], true);
        expect(&facade.get(&format!("{at}/_history/1")), 200);
        let stale = [("if-match", "W/\"4711\"")];
        match text(&resource["versioning"]) {
            "versioned-update" => expect(&facade.send("PUT", &at, &stale, body.clone()), 412),
            "versioned" => expect(&facade.send("PUT", &at, &stale, body.clone()), 405),
            other => panic!("{kind}: {other}"),
        }
    }
}

#[test]
fn what_is_said_of_conditions_holds() {
    let facade = server();
    for (kind, resource) in resources(&statement(&facade)) {
        let Some(stored) = first(&facade, &kind) else {
            continue;
        };
        let body = stored.to_string();
        let before = changes(&facade);
        let condition = format!("_id={}", text(&stored["id"]));
        let create = facade.send(
            "POST",
            &kind,
            &[("if-none-exist", &condition)],
            without_id(stored.clone()).to_string(),
        );
        expect(
            &create,
            if resource["conditionalCreate"] == true {
                200
            } else {
                405
            },
        );
        let conditional = facade.send("PUT", &format!("{kind}?{condition}"), &[], body.clone());
        expect(
            &conditional,
            if resource["conditionalUpdate"] == true {
                200
            } else {
                405
            },
        );
        let deletes = match resource["conditionalDelete"].as_str() {
            Some("single") => [204, 412],
            None => [405, 405],
            Some(other) => panic!("{kind}: {other}"),
        };
        for (condition, status) in ["_id=nothing", "_lastUpdated=gt2000"].iter().zip(deletes) {
            let several = facade.search_all(&format!("{kind}?{condition}")).len() != 1;
            if several {
                expect(
                    &facade.send("DELETE", &format!("{kind}?{condition}"), &[], Body::empty()),
                    status,
                );
            }
        }
        assert_eq!(changes(&facade), before, "{kind}");
        let mut copy = stored.clone();
        copy["id"] = "a-new-id".into();
        let update = facade.send("PUT", &format!("{kind}/a-new-id"), &[], copy.to_string());
        expect(
            &update,
            if resource["updateCreate"] == true {
                201
            } else {
                405
            },
        );
    }
}

#[track_caller]
fn expect_status(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
}

#[test]
fn a_type_of_r4_that_is_not_said_is_not_there() {
    let facade = server();
    let resources = resources(&statement(&facade));
    let mut refused = 0;
    for definition in core(&["StructureDefinition-"]) {
        let kind = text(&definition["type"]);
        if definition["kind"] == "resource"
            && definition["derivation"] == "specialization"
            && !resources.contains_key(kind)
            // Held, but said only once anything fills it.
            && kind != "AuditEvent"
        {
            expect(&facade.get(kind), 404);
            expect(&facade.get(&format!("{kind}/1")), 404);
            expect(
                &facade.send(
                    "POST",
                    kind,
                    &[],
                    json!({ "resourceType": kind }).to_string(),
                ),
                404,
            );
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn the_profile_of_a_type_is_a_canonical_of_the_guide() {
    let facade = server();
    let mut told = 0;
    for (kind, resource) in resources(&statement(&facade)) {
        let supported = array(&resource["supportedProfile"]);
        let ours = supported
            .iter()
            .map(text)
            .filter(|profile| profile.starts_with("https://kronikerpakker.dk/fhir/"));
        for profile in ours {
            assert!(
                profile.starts_with("https://kronikerpakker.dk/fhir/StructureDefinition/kp-"),
                "{profile}"
            );
            match supported {
                [one] => assert_eq!(&resource["profile"], one),
                // Which of them a resource must fit depends on what it says.
                _ => assert_eq!(
                    (kind.as_str(), &resource["profile"]),
                    ("CarePlan", &Value::Null)
                ),
            }
            let reply = facade.send(
                "POST",
                &format!("{kind}/$validate?profile={profile}"),
                &[],
                json!({ "resourceType": kind }).to_string(),
            );
            expect(&reply, 200);
            told += 1;
        }
    }
    assert_eq!(told, 10);
}

#[test]
fn what_can_be_included_is_included_and_what_belongs_to_a_patient_is_found_there() {
    let facade = server();
    let statement = statement(&facade);
    let resources = resources(&statement);
    let mut asked = 0;
    for (kind, resource) in &resources {
        for (name, list) in [
            ("_include", &resource["searchInclude"]),
            ("_revinclude", &resource["searchRevInclude"]),
        ] {
            for include in array(list) {
                expect(
                    &facade.get(&format!("{kind}?_count=1&{name}={}", text(include))),
                    200,
                );
                asked += 1;
            }
        }
        let references = array(&resource["searchParam"])
            .iter()
            .filter(|parameter| parameter["type"] == "reference");
        for parameter in references {
            let include = format!("{kind}:{}", text(&parameter["name"]));
            assert!(
                array(&resource["searchInclude"]).contains(&json!(include)),
                "{include}"
            );
        }
    }
    assert!(asked > 60, "{asked}");
    assert_eq!(
        statement["rest"][0]["compartment"],
        json!(["http://hl7.org/fhir/CompartmentDefinition/patient"])
    );
    expect(&facade.get("Patient/p/*"), 200);
}

/// Checks the members of an object, all of which a test here must know.
#[track_caller]
fn expect_members(element: &Value, known: &[&str]) {
    for name in element.as_object().unwrap().keys() {
        assert!(
            known.contains(&name.as_str()),
            "the statement says something that no test here holds it to: {name}"
        );
    }
}

/// The members of the statement.
const OF_STATEMENT: &[&str] = &[
    "resourceType",
    "id",
    "meta",
    "url",
    "version",
    "name",
    "title",
    "status",
    "date",
    "kind",
    "software",
    "implementation",
    "instantiates",
    "fhirVersion",
    "format",
    "patchFormat",
    "rest",
];
/// The members of each of its types.
const OF_TYPE: &[&str] = &[
    "type",
    "profile",
    "supportedProfile",
    "documentation",
    "interaction",
    "referencePolicy",
    "operation",
    "extension",
    "searchInclude",
    "searchRevInclude",
    "searchParam",
    "versioning",
    "readHistory",
    "updateCreate",
    "conditionalCreate",
    "conditionalRead",
    "conditionalUpdate",
    "conditionalDelete",
];

#[test]
fn nothing_is_said_that_is_not_tested() {
    let facade = server();
    let statement = statement(&facade);
    expect_members(&statement, OF_STATEMENT);
    assert_eq!(array(&statement["rest"]).len(), 1);
    expect_members(
        &statement["rest"][0],
        &[
            "mode",
            "documentation",
            "resource",
            "interaction",
            "compartment",
            "operation",
        ],
    );
    for (kind, resource) in resources(&statement) {
        expect_members(&resource, OF_TYPE);
        // The topic of subscriptions: held to it below.
        assert_eq!(resource.get("extension").is_some(), kind == "Subscription");
        for parameter in array(&resource["searchParam"]) {
            expect_members(parameter, &["name", "definition", "type", "documentation"]);
        }
        for operation in array(&resource["operation"]) {
            expect_members(operation, &["name", "definition", "documentation"]);
        }
    }
}

#[test]
fn an_update_creates_where_that_is_said_and_references_are_what_is_said() {
    let facade = server();
    for (kind, resource) in resources(&statement(&facade)) {
        let Some(mut stored) = facade
            .search_all(&format!("{kind}?_count=1"))
            .into_iter()
            .next()
        else {
            continue;
        };
        stored["id"] = "not-there-before".into();
        let reply = facade.put(&stored);
        expect(
            &reply,
            if resource["updateCreate"] == true {
                201
            } else {
                405
            },
        );
        // Not enforced here: `--references strict` says so besides, and does it.
        let expected = match kind.as_str() {
            _ if resource["updateCreate"] == true => json!(["literal", "logical", "resolves"]),
            "Task" | "Provenance" | "AuditEvent" => json!(["literal", "logical"]),
            _ => json!(["literal"]),
        };
        assert_eq!(resource["referencePolicy"], expected, "{kind}");
    }
    let about = |reference: Value| json!({ "resourceType": "CareTeam", "status": "active", "managingOrganization": [reference] });
    for reference in [
        json!({ "reference": "Organization/not-there" }),
        json!({ "reference": "https://elsewhere.test/fhir/Organization/1" }),
        json!({ "identifier": { "system": "https://ehr.test/id", "value": "1" } }),
    ] {
        expect(&facade.post(&about(reference)), 201);
    }
}

#[test]
fn a_read_is_answered_at_once_and_the_labels_of_a_version_are_read() {
    let facade = server();
    let statement = statement(&facade);
    let later = [("prefer", "respond-async")];
    for (kind, resource) in resources(&statement) {
        let Some(stored) = first(&facade, &kind) else {
            continue;
        };
        assert_eq!(
            facade
                .send(
                    "GET",
                    &format!("{kind}/{}", text(&stored["id"])),
                    &later,
                    Body::empty()
                )
                .status
                .as_u16(),
            200
        );
        let meta = array(&resource["operation"])
            .iter()
            .find(|operation| operation["name"] == "meta")
            .unwrap();
        assert!(text(&meta["documentation"]).contains("[type]/[id]/_history/[vid]/$meta"));
        expect(
            &facade.get(&format!("{kind}/{}/_history/1/$meta", text(&stored["id"]))),
            200,
        );
    }
}
