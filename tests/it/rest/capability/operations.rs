//! Operations that the statement says are carried out, and all others of R4 are refused.

use axum::body::Body;
use serde_json::{Value, json};

use super::{array, core, first, no_parameters, resources, server, statement, text};
use crate::rest::expect;
use crate::support::facade::Facade;

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

/// Carries out the operations on the whole system that the guide defines: by POST alone, and without
/// parameters, of which `$intake` needs a Bundle.
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
        // Upkeep is begun, and done later; what is sent is answered at once.
        let later = if name == "intake" { 400 } else { 202 };
        expect(
            &facade.send(
                "POST",
                &format!("${name}"),
                &[("prefer", "respond-async")],
                no_parameters().to_string(),
            ),
            later,
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
