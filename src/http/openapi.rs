//! The interface as an OpenAPI 3.1 document (<https://spec.openapis.org/oas/v3.1.0>), for tools that do not read a CapabilityStatement.
//!
//! It is made of that statement and of the table by which requests are let in, and adds nothing of its own that could be untrue: an address
//! stands in it if it names something, with the methods that it has.

use serde_json::{Map, Value, json};

use super::capability;
use super::negotiation::GENERAL_PARAMETERS;
use super::routes::allow;
use crate::interactions::ReferencePolicy;

/// Where the document is.
pub(super) const PATH: &str = "/openapi.json";

/// What stands for each variable of a path when it is looked up whether the path names something.
const SAMPLES: &[(&str, &str)] = &[("{id}", "x"), ("{vid}", "1"), ("{file}", "Patient.ndjson")];
/// The paths of a type, besides those of its operations.
const OF_TYPE: &[&str] = &["", "/_search", "/_history", "/{id}", "/{id}/_history", "/{id}/_history/{vid}"];
/// The paths of the whole system, besides those of its operations.
const OF_SYSTEM: &[&str] = &["/", "/metadata", "/_history", "/_jobs/{id}", "/_jobs/{id}/{file}"];
/// The parameters of a search that say what is shown of what was found.
const OF_RESULTS: &[&str] = &["_count", "_sort"];

/// The document of a server with that base.
pub(super) fn document(base_url: &str) -> Value {
    let statement = capability::statement(base_url, ReferencePolicy::default());
    let rest = &statement["rest"][0];
    let mut paths = Map::new();
    for path in OF_SYSTEM {
        add(&mut paths, path, None);
    }
    for operation in names(&rest["operation"]) {
        add(&mut paths, &format!("/${operation}"), None);
    }
    for resource in array(&rest["resource"]) {
        let kind = resource["type"].as_str().unwrap_or_default();
        for path in OF_TYPE {
            add(&mut paths, &format!("/{kind}{path}"), Some(resource));
        }
        for operation in names(&resource["operation"]) {
            add(&mut paths, &format!("/{kind}/${operation}"), Some(resource));
            add(&mut paths, &format!("/{kind}/{{id}}/${operation}"), Some(resource));
            add(&mut paths, &format!("/{kind}/{{id}}/_history/{{vid}}/${operation}"), Some(resource));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": statement["title"],
            "version": statement["version"],
            "summary": "FHIR R4 (4.0.1) REST interface",
            "description": "Each GET has a HEAD, and each address an OPTIONS. The CapabilityStatement at /metadata says more.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": base_url }],
        "paths": paths,
        "components": components(),
    })
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn names(elements: &Value) -> impl Iterator<Item = &str> {
    array(elements).filter_map(|element| element["name"].as_str())
}

/// Adds a path with its methods, if it names something.
fn add(paths: &mut Map<String, Value>, path: &str, resource: Option<&Value>) {
    let sample = SAMPLES.iter().fold(format!("/fhir{path}"), |sample, (name, value)| sample.replace(name, value));
    let Ok(allow) = allow(&sample) else { return };
    let mut item = Map::new();
    let parameters: Vec<_> = SAMPLES
        .iter()
        .filter(|(name, _)| path.contains(name))
        .map(|(name, _)| reference("parameters", name.trim_matches(['{', '}'])))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters".into(), Value::from(parameters));
    }
    for method in allow.split(", ").filter(|method| !matches!(*method, "HEAD" | "OPTIONS")) {
        item.insert(method.to_ascii_lowercase(), operation(method, path, resource));
    }
    paths.insert(path.to_owned(), Value::Object(item));
}

fn reference(section: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{section}/{name}") })
}

fn operation(method: &str, path: &str, resource: Option<&Value>) -> Value {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id: Vec<_> = std::iter::once(method.to_ascii_lowercase()).chain(words.map(str::to_owned)).collect();
    let kind = resource.and_then(|resource| resource["type"].as_str());
    let mut operation = json!({
        "operationId": id.join("_"),
        "tags": [kind.unwrap_or("System")],
        "parameters": parameters(method, path, resource),
        "responses": responses(method, path),
    });
    if let Some(body) = body(method, path, kind, resource) {
        operation["requestBody"] = body;
    }
    operation
}

/// What comes back, by status.
fn responses(method: &str, path: &str) -> Value {
    let success = match (method, path.rsplit('/').next().unwrap_or_default()) {
        (_, "$export") => json!({ "202": reference("responses", "Begun") }),
        ("DELETE", _) if path.starts_with("/_jobs") => json!({ "202": reference("responses", "Empty") }),
        (_, "{file}") => json!({ "200": reference("responses", "Lines") }),
        _ if path == "/_jobs/{id}" => json!({ "200": reference("responses", "Job"), "202": reference("responses", "Running") }),
        // As `Prefer` says, with a body or without.
        ("PUT" | "PATCH" | "DELETE", _) => json!({ "2XX": reference("responses", "Written") }),
        ("POST", last) if !last.starts_with(['$', '_']) && !last.is_empty() => json!({ "2XX": reference("responses", "Written") }),
        _ => json!({ "200": reference("responses", "Answer"), "304": reference("responses", "Empty") }),
    };
    let mut responses = success;
    responses["default"] = reference("responses", "Refusal");
    responses
}

/// The parameters of an operation, but those in its path.
fn parameters(method: &str, path: &str, resource: Option<&Value>) -> Vec<Value> {
    let mut parameters: Vec<_> = GENERAL_PARAMETERS.iter().map(|name| reference("parameters", name)).collect();
    let last = path.rsplit('/').next().unwrap_or_default();
    match (method, last) {
        (_, "$export") => {
            parameters.extend(["RespondAsync", "_type", "_since", "_outputFormat"].map(|name| reference("parameters", name)));
        }
        ("GET", "_history") => parameters.extend(["_count", "_since", "_at"].map(|name| reference("parameters", name))),
        (_, "$rights") => parameters.push(query("as-of", "date", "The day to show; today if it is not said.")),
        (_, "$status") => {
            parameters.push(query("id", "id", "A Subscription to show; repeatable. All if none is named."));
            parameters.push(query("status", "code", "A status to show; repeatable. Any if none is named."));
        }
        (_, "$events") => {
            parameters.push(query("eventsSinceNumber", "string", "The number of the first event to tell."));
            parameters.push(query("eventsUntilNumber", "string", "The number of the last event to tell."));
            parameters.push(query("content", "code", "How much to tell of each: empty, id-only or full-resource."));
        }
        (_, "$meta-add" | "$meta-delete") => parameters.push(reference("parameters", "IfMatch")),
        (_, "$resend") => {
            parameters.push(query("eventsSinceNumber", "string", "The number of the first event to send again."));
            parameters.push(query("eventsUntilNumber", "string", "The number of the last event to send again."));
        }
        (_, "$get-ws-binding-token") => parameters.push(query("id", "id", "A Subscription to listen to; repeatable.")),
        (_, "$validate") => {
            parameters.push(query("mode", "code", "For what the resource is checked."));
            parameters.push(query("profile", "canonical", "A profile to check against besides."));
        }
        ("GET", "{id}" | "{vid}") => parameters.extend(["IfNoneMatch", "IfModifiedSince"].map(|name| reference("parameters", name))),
        ("GET", _) if resource.is_some_and(|resource| resource["type"] == last) => {
            parameters.extend(resource.into_iter().flat_map(searches))
        }
        ("POST", _) if resource.is_some_and(|resource| resource["type"] == last) => {
            parameters.extend(["IfNoneExist", "Prefer"].map(|name| reference("parameters", name)));
        }
        ("PUT" | "PATCH" | "DELETE", _) if resource.is_some_and(|resource| resource["type"] == last) => {
            parameters.extend(resource.into_iter().flat_map(criteria));
            parameters.extend(["IfMatch", "Prefer"].map(|name| reference("parameters", name)));
        }
        ("PUT" | "PATCH" | "DELETE", "{id}") if resource.is_some() => {
            parameters.extend(["IfMatch", "Prefer"].map(|name| reference("parameters", name)));
        }
        _ => {}
    }
    parameters
}

/// The parameters of a search of a type.
fn searches(resource: &Value) -> Vec<Value> {
    criteria(resource).chain(OF_RESULTS.iter().map(|name| reference("parameters", name))).collect()
}

/// The parameters that say which resources of a type are meant.
fn criteria(resource: &Value) -> impl Iterator<Item = Value> {
    array(&resource["searchParam"]).map(|parameter| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default();
        query(text("name"), text("type"), text("definition"))
    })
}

fn query(name: &str, kind: &str, description: &str) -> Value {
    let description = format!("{kind}. {description}");
    json!({ "name": name, "in": "query", "description": description, "schema": { "type": "string" } })
}

/// The body of a request, if it has one.
fn body(method: &str, path: &str, kind: Option<&str>, resource: Option<&Value>) -> Option<Value> {
    let fhir = |schema: Value| json!({ "content": { "application/fhir+json": { "schema": schema } } });
    let of_type = |kind: &str| {
        let members = json!({ "resourceType": { "const": kind }, "id": { "type": "string" } });
        json!({ "type": "object", "required": ["resourceType"], "properties": members })
    };
    let mut body = match (method, path.rsplit('/').next().unwrap_or_default(), kind) {
        ("POST", "_search", _) => {
            let named = resource.into_iter().flat_map(searches).filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
            let properties: Map<_, _> = named.map(|name| (name, json!({ "type": "string" }))).collect();
            let schema = json!({ "type": "object", "properties": properties });
            json!({ "content": { "application/x-www-form-urlencoded": { "schema": schema } } })
        }
        ("POST", "$meta-add" | "$meta-delete", _) => fhir(reference("schemas", "MetaParameters")),
        ("POST", operation, _) if operation.starts_with('$') => return Some(fhir(reference("schemas", "Parameters"))),
        ("POST", "", None) => fhir(reference("schemas", "Bundle")),
        ("POST" | "PUT", _, Some(kind)) => fhir(of_type(kind)),
        ("PATCH", _, _) => json!({ "content": {
            "application/json-patch+json": { "schema": reference("schemas", "JsonPatch") },
            "application/fhir+json": { "schema": reference("schemas", "Parameters") },
        } }),
        _ => return None,
    };
    body["required"] = Value::Bool(true);
    Some(body)
}

fn components() -> Value {
    let header = |name: &str, schema: Value| json!({ "name": name, "in": "header", "schema": schema });
    let text = || json!({ "type": "string" });
    let path = |name: &str, pattern: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern } });
    let fhir = |schema: Value| json!({ "application/fhir+json": { "schema": schema }, "application/json": { "schema": schema } });
    let resource = json!({ "type": "object", "required": ["resourceType"], "properties": { "resourceType": text() } });
    let of = |kind: &str, members: Value| {
        let mut schema = json!({ "type": "object", "required": ["resourceType"], "properties": members });
        schema["properties"]["resourceType"] = json!({ "const": kind });
        schema
    };
    let items = |members: Value| json!({ "type": "array", "items": { "type": "object", "properties": members } });
    let request =
        json!({ "type": "object", "properties": { "method": { "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"] }, "url": text() } });
    let coding =
        || items(json!({ "system": { "const": "https://ehr.example.dk/tags" }, "code": { "type": "string", "pattern": "^[a-z]{1,20}$" } }));
    let meta = json!({ "type": "object", "properties": { "tag": coding(), "security": coding() } });
    let mut labels = items(json!({ "name": { "const": "meta" }, "valueMeta": meta }));
    labels["minItems"] = 1.into();
    labels["maxItems"] = 1.into();
    labels["items"]["required"] = json!(["name", "valueMeta"]);
    let mut asynchronous = header("Prefer", json!({ "const": "respond-async" }));
    asynchronous["required"] = Value::Bool(true);
    json!({
        "parameters": {
            "id": path("id", "^[A-Za-z0-9.-]{1,64}$"),
            "vid": path("vid", "^[1-9][0-9]{0,8}$"),
            "file": path("file", "^[A-Za-z]{1,40}\\.ndjson$"),
            "_format": { "name": "_format", "in": "query", "schema": { "enum": ["json", "application/json", "application/fhir+json"] } },
            "_pretty": { "name": "_pretty", "in": "query", "schema": { "enum": ["true", "false"] } },
            "_count": { "name": "_count", "in": "query", "schema": { "type": "integer", "minimum": 0, "maximum": 1000 } },
            "_sort": query("_sort", "list", "The parameters to sort by, parted by commas; - before one turns its order."),
            "_since": query("_since", "instant", "Only what changed since."),
            "_at": query("_at", "dateTime", "Only what was current then."),
            "_type": query("_type", "list", "The types that are wanted, parted by commas."),
            "_outputFormat": { "name": "_outputFormat", "in": "query", "schema": { "enum": ["application/fhir+ndjson", "application/ndjson", "ndjson"] } },
            "Prefer": header("Prefer", json!({ "enum": ["return=minimal", "return=representation", "return=OperationOutcome"] })),
            "RespondAsync": asynchronous,
            "IfMatch": header("If-Match", text()),
            "IfNoneMatch": header("If-None-Match", text()),
            "IfModifiedSince": header("If-Modified-Since", text()),
            "IfNoneExist": header("If-None-Exist", text()),
        },
        "schemas": {
            "Resource": resource,
            "OperationOutcome": of("OperationOutcome", json!({ "issue": items(json!({ "severity": text(), "code": text() })) })),
            "Parameters": of("Parameters", json!({ "parameter": items(json!({ "name": text() })) })),
            "MetaParameters": of("Parameters", json!({ "parameter": labels })),
            "Bundle": of("Bundle", json!({ "type": { "enum": ["batch", "transaction"] }, "entry": items(json!({ "resource": {}, "request": request })) })),
            "JsonPatch": items(json!({ "op": { "enum": ["add", "remove", "replace", "move", "copy", "test"] }, "path": text() })),
        },
        "responses": {
            "Answer": { "description": "As asked.", "content": fhir(reference("schemas", "Resource")) },
            "Refusal": { "description": "Why not.", "content": fhir(reference("schemas", "OperationOutcome")) },
            "Written": { "description": "Done: with a body or without, as Prefer says." },
            "Empty": { "description": "As asked, without a body." },
            "Begun": { "description": "Begun: Content-Location says where its status is." },
            "Running": { "description": "Not yet done: X-Progress says how far it is." },
            "Job": { "description": "What the job has made.", "content": { "application/json": { "schema": { "type": "object" } } } },
            "Lines": { "description": "A resource a line.", "content": { "application/fhir+ndjson": { "schema": text() } } },
        },
    })
}
