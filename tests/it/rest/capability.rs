//! The CapabilityStatement tells the truth (<https://hl7.org/fhir/R4/http.html#capabilities>): what
//! it says is done here, for each word of it, and what it does not say is refused. All of it is
//! read from the statement that the server gives and from the core package, so that a change of
//! either is tested without a change here.

use std::collections::BTreeMap;
use std::io::Read;

use axum::body::Body;
use serde_json::{Value, json};

use super::{changes, expect, population, without_id};
use crate::support::facade::{BASE, Facade, Reply};

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

/// Returns the one definition of an operation that is said of a type, as far as it is said.
fn definition_of(facade: &Facade, of_r4: &[Value], kind: &str, operation: &Value) -> Value {
    let (name, definition) = (text(&operation["name"]), text(&operation["definition"]));
    let mut found = facade.search_all(&format!("OperationDefinition?url={definition}"));
    found.extend(
        of_r4
            .iter()
            .filter(|known| known["url"] == definition)
            .cloned(),
    );
    assert_eq!(found.len(), 1, "no definition {definition}");
    assert_eq!(
        (&found[0]["code"], &found[0]["instance"]),
        (&json!(name), &json!(true))
    );
    assert!(
        array(&found[0]["resource"])
            .iter()
            .any(|of| of == kind || of == "Resource"),
        "{definition} is not of {kind}"
    );
    let is_on_type = operation["documentation"]
        .as_str()
        .is_none_or(|text| !text.contains("not of the type"));
    found[0]["type"] = (found[0]["type"] == true && is_on_type).into();
    found.remove(0)
}

#[test]
fn each_operation_that_is_said_is_carried_out_and_each_other_one_of_r4_is_refused() {
    let facade = server();
    let statement = statement(&facade);
    let resources = resources(&statement);
    let of_r4 = core(&["OperationDefinition-"]);
    let mut said = Vec::new();
    for (kind, resource) in &resources {
        let stored = first(&facade, kind);
        for operation in array(&resource["operation"]) {
            let (name, definition) = (text(&operation["name"]), text(&operation["definition"]));
            // Defined by a guide that is no part of R4: see `export`, and the subscriptions.
            if definition.starts_with("http://hl7.org/fhir/uv/") {
                continue;
            }
            let defined = definition_of(&facade, &of_r4, kind, operation);
            carry_out_operation(&facade, &defined, kind, stored.as_ref());
            said.push((kind.clone(), name.to_owned()));
        }
    }
    assert!(!said.is_empty());
    of_the_guide_and_of_the_system(&facade, &statement);
    let of_system: Vec<_> = array(&statement["rest"][0]["operation"])
        .iter()
        .map(|operation| text(&operation["name"]))
        .collect();
    for definition in of_r4 {
        let code = text(&definition["code"]);
        let mut paths = Vec::new();
        for kind in resources
            .keys()
            .filter(|kind| !said.contains(&((*kind).clone(), code.to_owned())))
        {
            paths.extend([format!("{kind}/${code}"), format!("{kind}/p/${code}")]);
        }
        if of_system.contains(&code) {
            assert_eq!(definition["system"], true, "{code}");
            carry_out_at(&facade, &format!("${code}"), code, 200, &no_parameters());
        } else {
            paths.push(format!("${code}"));
        }
        for path in paths {
            expect(&facade.get(&path), 404);
            expect(
                &facade.send("POST", &path, &[], no_parameters().to_string()),
                404,
            );
        }
    }
}

/// The operations on the whole system that the guide defines: begun by POST alone, and done later.
fn of_the_guide_and_of_the_system(facade: &Facade, statement: &Value) {
    let is_ours = |operation: &&Value| {
        text(&operation["definition"]).starts_with("https://kronikerpakker.dk/")
    };
    let operations: Vec<_> = array(&statement["rest"][0]["operation"])
        .iter()
        .filter(is_ours)
        .collect();
    assert!(!operations.is_empty());
    for operation in operations {
        let (name, definition) = (text(&operation["name"]), text(&operation["definition"]));
        let found = facade.search_all(&format!("OperationDefinition?url={definition}"));
        assert_eq!(found.len(), 1, "no definition {definition}");
        assert_eq!(
            (
                &found[0]["code"],
                &found[0]["system"],
                &found[0]["affectsState"]
            ),
            (&json!(name), &json!(true), &json!(true))
        );
        expect(
            &facade.send(
                "POST",
                &format!("${name}"),
                &[("prefer", "respond-async")],
                no_parameters().to_string(),
            ),
            202,
        );
        expect(
            &facade.send(
                "POST",
                &format!("${name}"),
                &[],
                no_parameters().to_string(),
            ),
            400,
        );
        expect(&facade.get(&format!("${name}")), 405);
        expect(
            &facade.send(
                "POST",
                &format!("Patient/${name}"),
                &[],
                no_parameters().to_string(),
            ),
            404,
        );
    }
}

fn no_parameters() -> Value {
    json!({ "resourceType": "Parameters" })
}

/// Asks for an operation at each level of a type that its definition has.
fn carry_out_operation(facade: &Facade, definition: &Value, kind: &str, stored: Option<&Value>) {
    let name = text(&definition["code"]);
    let at = format!(
        "{kind}/{}/${name}",
        stored.map_or("nothing", |resource| text(&resource["id"]))
    );
    let status = if stored.is_some() { 200 } else { 404 };
    let labels = json!({ "resourceType": "Parameters", "parameter": [{ "name": "meta", "valueMeta": { "tag": [{ "code": "x" }] } }] });
    let sent = if name.starts_with("meta-") {
        labels
    } else {
        no_parameters()
    };
    carry_out_at(facade, &at, name, status, &sent);
    carry_out_at(facade, &at.replace('$', "%24"), name, status, &sent);
    if definition["type"] == true {
        let resource = stored
            .cloned()
            .unwrap_or_else(|| json!({ "resourceType": kind }));
        let resource = json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource", "resource": resource }] });
        let is_of_content = name == "validate";
        let sent = if is_of_content {
            resource
        } else {
            no_parameters()
        };
        expect(
            &facade.send("POST", &format!("{kind}/${name}"), &[], sent.to_string()),
            200,
        );
        expect(
            &facade.get(&format!("{kind}/${name}")),
            if is_of_content { 405 } else { 200 },
        );
    } else {
        expect(&facade.get(&format!("{kind}/${name}")), 404);
    }
}

/// Asks for an operation there: by POST, and by GET if it changes nothing. Nothing is deleted.
fn carry_out_at(facade: &Facade, at: &str, name: &str, status: u16, sent: &Value) {
    let changes = name.starts_with("meta-");
    expect(&facade.get(at), if changes { 405 } else { status });
    expect(&facade.send("POST", at, &[], sent.to_string()), status);
    expect(&facade.send("DELETE", at, &[], Body::empty()), 405);
}

#[test]
fn what_is_said_of_the_whole_system_holds_and_the_rest_is_refused() {
    let facade = server();
    let statement = statement(&facade);
    let said: Vec<_> = array(&statement["rest"][0]["interaction"])
        .iter()
        .map(|interaction| text(&interaction["code"]))
        .collect();
    for code in ["transaction", "batch", "history-system", "search-system"] {
        let reply = match code {
            "history-system" => facade.get("_history"),
            "search-system" => facade.get("/fhir?_lastUpdated=2027"),
            bundle => facade.send(
                "POST",
                "/fhir",
                &[],
                format!("{{\"resourceType\":\"Bundle\",\"type\":\"{bundle}\"}}"),
            ),
        };
        expect(&reply, if said.contains(&code) { 200 } else { 405 });
    }
    assert!(
        said.iter().all(|code| matches!(
            *code,
            "transaction" | "batch" | "history-system" | "search-system"
        )),
        "{said:?}"
    );
    for format in array(&statement["format"]) {
        expect(
            &facade.get(&format!(
                "metadata?_format={}",
                text(format).replace('+', "%2B")
            )),
            200,
        );
    }
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], BASE);
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
        let Some(profile) = resource["profile"].as_str() else {
            continue;
        };
        assert!(
            profile.starts_with("https://kronikerpakker.dk/fhir/StructureDefinition/kp-"),
            "{profile}"
        );
        assert_eq!(resource["supportedProfile"], json!([profile]));
        let reply = facade.send(
            "POST",
            &format!("{kind}/$validate?profile={profile}"),
            &[],
            json!({ "resourceType": kind }).to_string(),
        );
        expect(&reply, 200);
        told += 1;
    }
    assert_eq!(told, 8);
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

/// The members of an object, all of which a test here must know.
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

const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport";
const TOPIC: &str = "https://kronikerpakker.dk/fhir/SubscriptionTopic/right-status";

/// Checks what the backport guide asks of a server for R4 (its CapabilityStatement
/// backport-subscription-server-r4); the next test checks that each of it is done.
#[test]
fn the_statement_says_of_subscriptions_all_that_the_backport_guide_asks_for() {
    let facade = server();
    let statement = statement(&facade);
    assert!(array(&statement["instantiates"]).contains(&json!(format!(
        "{GUIDE}/CapabilityStatement/backport-subscription-server-r4"
    ))));
    let all = resources(&statement);
    let resource = &all["Subscription"];
    let topic = json!({
        "url": format!("{GUIDE}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"),
        "valueCanonical": TOPIC,
    });
    assert_eq!(resource["extension"], json!([topic]));
    assert_eq!(
        resource["supportedProfile"],
        json!([format!("{GUIDE}/StructureDefinition/backport-subscription")])
    );
    assert!(
        ["read", "create", "update", "delete"]
            .iter()
            .all(|code| says(resource, code)),
        "{resource:#}"
    );
    for (name, kind) in [("url", "uri"), ("status", "token")] {
        let definition = format!("http://hl7.org/fhir/SearchParameter/Subscription-{name}");
        let parameter = json!({ "name": name, "definition": definition, "type": kind });
        assert!(
            array(&resource["searchParam"]).contains(&parameter),
            "{resource:#}"
        );
    }
    for name in ["status", "events", "get-ws-binding-token"] {
        let definition = json!(format!(
            "{GUIDE}/OperationDefinition/backport-subscription-{name}"
        ));
        let said: Vec<_> = array(&resource["operation"])
            .iter()
            .filter(|operation| operation["name"] == name)
            .collect();
        assert!(
            matches!(said[..], [operation] if operation["definition"] == definition),
            "{name}: {said:?}"
        );
    }
    let operations = all
        .values()
        .flat_map(|resource| array(&resource["operation"]))
        .chain(array(&statement["rest"][0]["operation"]));
    assert_eq!(
        operations
            .filter(|operation| text(&operation["name"]).starts_with('$'))
            .count(),
        0,
        "R4: a name without its $"
    );
}

#[test]
fn each_operation_of_subscriptions_that_the_backport_guide_asks_for_is_done() {
    let facade = server();
    // The guide: $status of the type and of one, $events of one, $get-ws-binding-token of both;
    // each by GET and by POST.
    let mut websocket = json!({ "resourceType": "Subscription", "id": "asked", "status": "requested", "reason": "x", "criteria": TOPIC });
    websocket["channel"] = json!({ "type": "websocket", "payload": "application/fhir+json" });
    facade.put_ok(&websocket);
    let no_parameters = json!({ "resourceType": "Parameters" }).to_string();
    for (path, status) in [
        ("Subscription/$status", 200),
        ("Subscription/asked/$status", 200),
        ("Subscription/asked/$events", 200),
        ("Subscription/$events", 404),
        ("Subscription/asked/$get-ws-binding-token", 200),
    ] {
        expect(&facade.get(path), status);
        expect(
            &facade.send("POST", path, &[], no_parameters.clone()),
            status,
        );
    }
    expect(
        &facade.get("Subscription/$get-ws-binding-token?id=asked"),
        200,
    );
}

#[test]
fn each_format_that_is_said_is_taken_and_each_other_is_refused() {
    let facade = server();
    let statement = statement(&facade);
    let said = |member: &str| {
        array(&statement[member])
            .iter()
            .map(|format| text(format).to_owned())
            .collect::<Vec<_>>()
    };
    let (formats, patches) = (said("format"), said("patchFormat"));
    for format in [
        "application/fhir+json",
        "json",
        "application/fhir+xml",
        "xml",
        "application/fhir+turtle",
        "ttl",
        "html",
    ] {
        let status = if formats.iter().any(|known| known == format) {
            200
        } else {
            406
        };
        expect(
            &facade.get(&format!("Patient/p?_format={}", format.replace('+', "%2B"))),
            status,
        );
    }
    for format in [
        "application/json-patch+json",
        "application/fhir+json",
        "application/xml-patch+xml",
        "application/merge-patch+json",
        "application/fhir+xml",
    ] {
        let body = match format {
            "application/fhir+json" => "{\"resourceType\":\"Parameters\"}",
            "application/merge-patch+json" => "{}",
            _ => "[]",
        };
        let reply = facade.send("PATCH", "Goal/g", &[("content-type", format)], body);
        expect(
            &reply,
            if patches.iter().any(|known| known == format) {
                200
            } else {
                415
            },
        );
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
        assert_eq!(
            resource.get("referencePolicy").is_some(),
            resource["updateCreate"] == true
        );
        if resource["updateCreate"] == true {
            // Not enforced here: `--references strict` says so besides, and does it.
            assert_eq!(
                resource["referencePolicy"],
                json!(["literal", "logical", "resolves"])
            );
        }
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
fn what_is_not_said_of_the_whole_system_or_of_a_compartment_is_refused() {
    let facade = server();
    for method in ["PUT", "PATCH", "DELETE"] {
        expect(&facade.send(method, "/fhir?_id=p", &[], "{}"), 405);
    }
    for path in [
        "Practitioner/dr/Condition",
        "Encounter/e/Condition",
        "Organization/gp/*",
        "Patient/p/Organization",
        "Patient/p/Device",
    ] {
        expect(&facade.get(path), 404);
    }
    for (kind, resource) in resources(&statement(&facade)) {
        for parameter in array(&resource["searchParam"])
            .iter()
            .filter(|parameter| parameter["type"] != "reference")
        {
            expect(
                &facade.get(&format!(
                    "{kind}?_include={kind}:{}",
                    text(&parameter["name"])
                )),
                400,
            );
        }
        expect(&facade.get(&format!("{kind}?_include={kind}:nothing")), 400);
        expect(
            &facade.get(&format!("{kind}?_revinclude=Observation:subject")),
            400,
        );
    }
}

#[test]
fn what_is_said_of_later_answers_holds() {
    let facade = server();
    let statement = statement(&facade);
    let said = text(&statement["rest"][0]["documentation"]);
    assert!(
        [
            "respond-async",
            "searches",
            "histories",
            "$everything",
            "batch and transaction Bundles"
        ]
        .iter()
        .all(|word| said.contains(word)),
        "{said}"
    );
    let later = [("prefer", "respond-async")];
    for path in [
        "Goal",
        "/fhir?_type=Goal",
        "Patient/p/*",
        "Patient/p/$everything",
        "_history",
        "Goal/_history",
        "Goal/g/_history",
        "$export",
    ] {
        assert_eq!(
            facade
                .send("GET", path, &later, Body::empty())
                .status
                .as_u16(),
            202,
            "{path}"
        );
    }
    for kind in ["batch", "transaction"] {
        let bundle = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"}}");
        assert_eq!(
            facade.send("POST", "/fhir", &later, bundle).status.as_u16(),
            202,
            "{kind}"
        );
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
