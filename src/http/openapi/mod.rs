//! The interface as an OpenAPI 3.1 document (<https://spec.openapis.org/oas/v3.1.0>), for tools that do not read a CapabilityStatement.
//!
//! It is made of that statement and of the table by which requests are let in, and adds nothing of
//! its own that could be untrue: an address stands in it if it names something, with the methods
//! that it has.

mod components;
mod parameters;
mod parts;

use serde_json::{Map, Value, json};

use self::parts::{array, reference};
use super::allow::allowed;
use super::capability;
use crate::fhir::ResourceType;
use crate::interactions::{ReferencePolicy, examples};

/// The samples that stand for the variables of a path, to look up whether it names something.
const SAMPLES: &[(&str, &str)] = &[("{id}", "x"), ("{vid}", "1"), ("{file}", "Patient.ndjson")];
/// The paths of a type, besides those of its operations.
const OF_TYPE: &[&str] = &[
    "",
    "/_search",
    "/_history",
    "/{id}",
    "/{id}/_history",
    "/{id}/_history/{vid}",
];
/// The places at which the operations of a type may be.
const OF_OPERATION: &[&str] = &["", "/{id}", "/{id}/_history/{vid}"];
/// The paths of the whole system, besides those of its operations.
const OF_SYSTEM: &[&str] = &[
    "/",
    "/_search",
    "/metadata",
    "/_history",
    "/_jobs/{id}",
    "/_jobs/{id}/{file}",
];

/// Returns the document of a server with that base.
pub(super) fn document(base_url: &str) -> Value {
    let statement = capability::statement(base_url, ReferencePolicy::default());
    let rest = &statement["rest"][0];
    let types = || array(&rest["resource"]);
    let mut paths = Map::new();
    for path in OF_SYSTEM {
        add(&mut paths, path, None);
    }
    for operation in names(&rest["operation"]) {
        add(&mut paths, &format!("/${operation}"), None);
    }
    for resource in types() {
        let kind = resource["type"].as_str().unwrap_or_default();
        for path in OF_TYPE {
            add(&mut paths, &format!("/{kind}{path}"), Some(resource));
        }
        for operation in names(&resource["operation"]) {
            for place in OF_OPERATION {
                add(
                    &mut paths,
                    &format!("/{kind}{place}/${operation}"),
                    Some(resource),
                );
            }
        }
        for path in ["", "/_search"] {
            add(
                &mut paths,
                &format!("/Patient/{{id}}/{kind}{path}"),
                Some(resource),
            );
        }
    }
    for path in ["", "/_search"] {
        add(&mut paths, &format!("/Patient/{{id}}/*{path}"), None);
    }
    for kind in types().filter_map(|resource| resource["type"].as_str()) {
        link(&mut paths, kind);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": statement["title"],
            "version": statement["version"],
            "summary": "FHIR R4 (4.0.1) REST interface",
            "description": "Each GET has a HEAD, and each address an OPTIONS. The CapabilityStatement at /metadata says more. Parameters of a \
                            search may have modifiers and prefixes, and lead along references (name:exact, ge2027-03, focus:Condition.code): \
                            see https://hl7.org/fhir/R4/search.html.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": base_url }],
        "paths": paths,
        "components": components::components(),
    })
}

fn names(elements: &Value) -> impl Iterator<Item = &str> {
    array(elements).filter_map(|element| element["name"].as_str())
}

/// Adds a path with its methods, if it names something.
fn add(paths: &mut Map<String, Value>, path: &str, resource: Option<&Value>) {
    let sample = SAMPLES
        .iter()
        .fold(format!("/fhir{path}"), |sample, (name, value)| {
            sample.replace(name, value)
        });
    let Ok(allow) = allowed(&sample) else { return };
    let mut item = Map::new();
    let parameters: Vec<_> = SAMPLES
        .iter()
        .filter(|(name, _)| path.contains(name))
        .map(|(name, _)| parameters::of_path(name.trim_matches(['{', '}']), path))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters".into(), Value::from(parameters));
    }
    for method in allow
        .split(", ")
        .filter(|method| !matches!(*method, "HEAD" | "OPTIONS"))
    {
        item.insert(
            method.to_ascii_lowercase(),
            operation(method, path, resource),
        );
    }
    paths.insert(path.to_owned(), Value::Object(item));
}

fn operation_id(method: &str, path: &str) -> String {
    let path = path.replace('*', "any");
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<_> = std::iter::once(method.to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect();
    words.join("_")
}

fn operation(method: &str, path: &str, resource: Option<&Value>) -> Value {
    let kind = path
        .split('/')
        .nth(1)
        .filter(|kind| kind.parse::<ResourceType>().is_ok());
    let mut operation = json!({
        "operationId": operation_id(method, path),
        "tags": [kind.unwrap_or("System")],
        "parameters": parameters::of_operation(method, path, resource),
        "responses": responses(method, path),
    });
    if let Some(body) = body(method, path, resource) {
        operation["requestBody"] = body;
    }
    operation
}

/// Returns the responses, by status.
fn responses(method: &str, path: &str) -> Value {
    let success = match (method, path.rsplit('/').next().unwrap_or_default()) {
        (_, "$export" | "$reindex") => json!({ "202": reference("responses", "Begun") }),
        ("DELETE", _) if path.starts_with("/_jobs") => {
            json!({ "202": reference("responses", "Empty") })
        }
        (_, "{file}") => json!({ "200": reference("responses", "Lines") }),
        _ if path == "/_jobs/{id}" => {
            json!({ "200": reference("responses", "Job"), "202": reference("responses", "Running") })
        }
        // As `Prefer` says, with a body or without.
        ("PUT" | "PATCH" | "DELETE", _) => json!({ "2XX": reference("responses", "Written") }),
        ("POST", last) if !last.starts_with(['$', '_']) && !last.is_empty() => {
            json!({ "201": reference("responses", "Written"), "2XX": reference("responses", "Written") })
        }
        _ if parameters::may_be_answered_later(method, path) => {
            json!({ "200": reference("responses", "Answer"), "202": reference("responses", "Begun") })
        }
        _ => {
            json!({ "200": reference("responses", "Answer"), "304": reference("responses", "Empty") })
        }
    };
    let mut responses = success;
    responses["default"] = reference("responses", "Refusal");
    responses
}

/// Says of the create of a type what can be done with what it made.
fn link(paths: &mut Map<String, Value>, kind: &str) {
    let of_instance = format!("/{kind}/{{id}}");
    let mut links = Map::new();
    for (path, item) in paths.iter().filter(|(path, _)| {
        path.strip_prefix(&of_instance)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }) {
        let mut parameters = json!({ "id": "$response.body#/id" });
        if path.contains("{vid}") {
            parameters["vid"] = "$response.body#/meta/versionId".into();
        }
        // An update needs the body that has this id.
        for method in ["get", "post", "patch", "delete"]
            .iter()
            .filter(|method| item.get(**method).is_some())
        {
            let id = operation_id(method, path);
            links.insert(
                id.clone(),
                json!({ "operationId": id, "parameters": parameters }),
            );
        }
    }
    if let Some(create) = paths
        .get_mut(&format!("/{kind}"))
        .and_then(|item| item.get_mut("post"))
    {
        create["responses"]["201"] = json!({ "description": "Created: with a body or without, as Prefer says.", "links": links });
    }
}

/// Returns the body of a request, if it has one.
fn body(method: &str, path: &str, resource: Option<&Value>) -> Option<Value> {
    let kind = resource.and_then(|resource| resource["type"].as_str());
    let example = || {
        kind.and_then(|kind| kind.parse().ok())
            .and_then(examples::example)
    };
    let fhir = |schema: Value, example: Option<Value>| {
        let mut content = json!({ "schema": schema });
        if let Some(example) = example {
            content["example"] = example;
        }
        json!({ "content": { "application/fhir+json": content } })
    };
    let of_type = |kind: &str| {
        let members = json!({ "resourceType": { "const": kind }, "id": { "type": "string" } });
        json!({ "type": "object", "required": ["resourceType"], "properties": members })
    };
    let mut body = match (method, path.rsplit('/').next().unwrap_or_default(), kind) {
        ("POST", "_search", _) => {
            let asked = parameters::of_search(path, resource).into_iter();
            let properties: Map<_, _> = asked
                .filter_map(|mut parameter| {
                    Some((
                        parameter["name"].as_str()?.to_owned(),
                        parameter["schema"].take(),
                    ))
                })
                .collect();
            let schema = json!({ "type": "object", "properties": properties });
            json!({ "content": { "application/x-www-form-urlencoded": { "schema": schema } } })
        }
        ("POST", "$meta-add" | "$meta-delete", _) => {
            fhir(reference("schemas", "MetaParameters"), None)
        }
        ("POST", "$validate", _) => {
            let parameters = |example| json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource", "resource": example }] });
            return Some(fhir(
                reference("schemas", "Parameters"),
                example().map(parameters),
            ));
        }
        ("POST", operation, _) if operation.starts_with('$') => {
            return Some(fhir(
                reference("schemas", "Parameters"),
                Some(json!({ "resourceType": "Parameters" })),
            ));
        }
        ("POST", "", None) => {
            let entry = json!({ "request": { "method": "GET", "url": "Patient?_count=1" } });
            fhir(
                reference("schemas", "Bundle"),
                Some(json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] })),
            )
        }
        ("POST", _, Some(kind)) => {
            let without_id = |mut example: Value| {
                example
                    .as_object_mut()
                    .map(|members| members.shift_remove("id"));
                example
            };
            fhir(of_type(kind), example().map(without_id))
        }
        ("PUT", _, Some(kind)) => fhir(of_type(kind), example()),
        ("PATCH", ..) => {
            let steps = json!([{ "op": "test", "path": "/resourceType", "value": kind }]);
            json!({ "content": {
                "application/json-patch+json": { "schema": reference("schemas", "JsonPatch"), "example": steps },
                "application/merge-patch+json": { "schema": { "type": "object" } },
                "application/fhir+json": { "schema": reference("schemas", "Parameters") },
            } })
        }
        _ => return None,
    };
    body["required"] = Value::Bool(true);
    Some(body)
}
