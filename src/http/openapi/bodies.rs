//! The bodies of requests.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::parameters;
use super::parts::reference;
use crate::interactions::catalogue::{Declaration, Listing, ValueKind};
use crate::interactions::examples;

/// Returns the body of a request for what is declared there, if it has one.
pub(super) fn of_declared(
    method: &str,
    path: &str,
    declared: &Declaration,
    resource: Option<&Value>,
    today: Date,
) -> Option<Value> {
    let kind = resource.and_then(|resource| resource["type"].as_str());
    let mut body = match (method, declared.name) {
        ("POST", _) if path.ends_with("_search") => of_search(path, resource),
        ("POST", "transaction") => of_bundle(today),
        ("POST", "create") => {
            let example = example_of(kind).map(without_id);
            fhir(of_type(kind?), example)
        }
        ("PUT", "update") => fhir(of_type(kind?), example_of(kind)),
        ("PATCH", "patch") => of_patch(kind?),
        ("POST", _) if declared.listing != Listing::OfType => return of_operation(declared, kind),
        _ => return None,
    };
    body["required"] = Value::Bool(true);
    Some(body)
}

fn fhir(schema: Value, example: Option<Value>) -> Value {
    let mut content = json!({ "schema": schema });
    if let Some(example) = example {
        content["example"] = example;
    }
    json!({ "content": { "application/fhir+json": content, "application/fhir+xml": in_xml() } })
}

/// Returns what is said of a body in XML, for which there is no schema of JSON.
fn in_xml() -> Value {
    json!({ "schema": { "type": "string", "description": "The same resource as FHIR XML: https://hl7.org/fhir/R4/xml.html" } })
}

fn example_of(kind: Option<&str>) -> Option<Value> {
    kind?.parse().ok().and_then(examples::example)
}

fn without_id(mut example: Value) -> Value {
    let members = example.as_object_mut();
    members.map(|members| members.shift_remove("id"));
    example
}

fn of_type(kind: &str) -> Value {
    let members = json!({ "resourceType": { "const": kind }, "id": { "type": "string" } });
    json!({ "type": "object", "required": ["resourceType"], "properties": members })
}

fn of_search(path: &str, resource: Option<&Value>) -> Value {
    let asked = parameters::of_search(path, resource).into_iter();
    let properties: Map<_, _> = asked
        .filter_map(|mut parameter| {
            let name = parameter["name"].as_str()?.to_owned();
            Some((name, parameter["schema"].take()))
        })
        .collect();
    let schema = json!({ "type": "object", "properties": properties });
    json!({ "content": { "application/x-www-form-urlencoded": { "schema": schema } } })
}

fn of_bundle(today: Date) -> Value {
    fhir(
        reference("schemas", "Bundle"),
        Some(examples::transaction(today)),
    )
}

fn of_patch(kind: &str) -> Value {
    let steps = json!([{ "op": "test", "path": "/resourceType", "value": kind }]);
    json!({ "content": {
        "application/json-patch+json": { "schema": reference("schemas", "JsonPatch"), "example": steps },
        "application/merge-patch+json": { "schema": { "type": "object" } },
        "application/fhir+json": { "schema": reference("schemas", "Parameters") },
        "application/fhir+xml": in_xml(),
    } })
}

fn of_operation(declared: &Declaration, kind: Option<&str>) -> Option<Value> {
    let has = |kind: ValueKind| {
        let mut parameters = declared.parameters.iter();
        parameters.any(|parameter| parameter.kind == kind)
    };
    if has(ValueKind::Meta) {
        let mut body = fhir(reference("schemas", "MetaParameters"), None);
        body["required"] = Value::Bool(true);
        return Some(body);
    }
    let example = if has(ValueKind::Resource) {
        let part = |example| json!({ "name": "resource", "resource": example });
        let sent = |example| json!({ "resourceType": "Parameters", "parameter": [part(example)] });
        example_of(kind).map(sent)
    } else {
        Some(json!({ "resourceType": "Parameters" }))
    };
    Some(fhir(reference("schemas", "Parameters"), example))
}
