//! The interface as an OpenAPI 3.1 document (<https://spec.openapis.org/oas/v3.1.0>), for tools that do not read a CapabilityStatement.
//!
//! It is made of that statement and of the catalogue by which requests are let in, and adds nothing
//! of its own that could be untrue: an address stands in it if it names something, with the methods
//! that it has.

mod bodies;
mod components;
mod parameters;
mod parts;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use self::parts::{array, reference};
use super::wire_bounds::BODY_BYTES_MAX;
use crate::fhir::ResourceType;
use crate::interactions::address::Address;
use crate::interactions::catalogue::{AnswerTime, BundleUse, Declaration, Verb};
use crate::interactions::transaction::ENTRIES_MAX;
use crate::interactions::{ReferencePolicy, capabilities};

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

/// Returns the document of a server with that base, whose example of a transaction is of that day.
pub(super) fn document(base_url: &str, today: Date) -> Value {
    let statement = capabilities::statement(base_url, ReferencePolicy::default());
    let rest = &statement["rest"][0];
    let types = || array(&rest["resource"]);
    let mut paths = Map::new();
    for path in OF_SYSTEM {
        add(&mut paths, path, None, today);
    }
    for operation in names(&rest["operation"]) {
        add(&mut paths, &format!("/${operation}"), None, today);
    }
    for resource in types() {
        let kind = resource["type"].as_str().unwrap_or_default();
        for path in OF_TYPE {
            add(&mut paths, &format!("/{kind}{path}"), Some(resource), today);
        }
        for operation in names(&resource["operation"]) {
            for place in OF_OPERATION {
                add(
                    &mut paths,
                    &format!("/{kind}{place}/${operation}"),
                    Some(resource),
                    today,
                );
            }
        }
        for path in ["", "/_search"] {
            add(
                &mut paths,
                &format!("/Patient/{{id}}/{kind}{path}"),
                Some(resource),
                today,
            );
        }
    }
    for path in ["", "/_search"] {
        add(&mut paths, &format!("/Patient/{{id}}/*{path}"), None, today);
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
            "description": format!("Each GET has a HEAD, except $export and $get-ws-binding-token, and each address an OPTIONS. The CapabilityStatement at /metadata \
                            says more. Parameters of a \
                            search may have modifiers and prefixes, and lead along references (name:exact, ge2027-03, focus:Condition.code): \
                            see https://hl7.org/fhir/R4/search.html. A body has at most {} MiB, a Bundle at most {ENTRIES_MAX} entries. \
                            Each resource may be sent as FHIR XML too (application/fhir+xml).", BODY_BYTES_MAX / (1024 * 1024)),
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
fn add(paths: &mut Map<String, Value>, path: &str, resource: Option<&Value>, today: Date) {
    let sample = SAMPLES
        .iter()
        .fold(path.to_owned(), |sample, (name, value)| {
            sample.replace(name, value)
        });
    let Ok(address) = Address::read(&sample) else {
        return;
    };
    let mut item = Map::new();
    let parameters: Vec<_> = SAMPLES
        .iter()
        .filter(|(name, _)| path.contains(name))
        .map(|(name, _)| parameters::of_path(name.trim_matches(['{', '}']), path))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters".into(), Value::from(parameters));
    }
    for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Head) {
        if let Some(declared) = address.declared(verb) {
            let method = verb.as_str();
            item.insert(
                method.to_ascii_lowercase(),
                operation(method, path, declared, resource, today),
            );
        }
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

fn operation(
    method: &str,
    path: &str,
    declared: &Declaration,
    resource: Option<&Value>,
    today: Date,
) -> Value {
    let kind = path
        .split('/')
        .nth(1)
        .filter(|kind| kind.parse::<ResourceType>().is_ok());
    let mut operation = json!({
        "operationId": operation_id(method, path),
        "tags": [kind.unwrap_or("System")],
        "parameters": parameters::of_declared(declared, path, resource),
        "responses": responses(method, declared),
    });
    let in_bundle = match declared.in_bundle {
        BundleUse::Entry => None,
        BundleUse::Refused(words) => Some(format!("In a Bundle: {words}.")),
    };
    let documentation = declared.documentation.map(str::to_owned);
    let needed = resource.filter(|_| matches!(declared.name, "create" | "update"));
    let told = needed.map(needs).into_iter().chain(documentation);
    let told: Vec<_> = told.chain(in_bundle).collect();
    if !told.is_empty() {
        operation["description"] = told.join(" ").into();
    }
    if let Some(body) = bodies::of_declared(method, path, declared, resource, today) {
        operation["requestBody"] = body;
    }
    operation
}

/// Says what a resource needs that is written, and by which profile.
fn needs(resource: &Value) -> String {
    let words = resource["documentation"].as_str().unwrap_or_default();
    match resource["profile"].as_str() {
        Some(profile) => format!("{words} Its profile is {profile}."),
        None => words.to_owned(),
    }
}

/// Returns the responses, by status.
fn responses(method: &str, declared: &Declaration) -> Value {
    let of = |status: &str, name: &str| json!({ status: reference("responses", name) });
    let two = |one: (&str, &str), other: (&str, &str)| {
        let mut both = of(one.0, one.1);
        both[other.0] = reference("responses", other.1);
        both
    };
    let mut responses = match (declared.name, declared.answered) {
        (_, AnswerTime::Later) => of("202", "Begun"),
        ("job", _) if method == "DELETE" => of("202", "Empty"),
        ("job", _) => two(("200", "Job"), ("202", "Running")),
        ("job-file", _) => of("200", "Lines"),
        // As `Prefer` says, with a body or without.
        ("update" | "patch" | "delete", _) => of("2XX", "Written"),
        ("create", _) => two(("201", "Written"), ("2XX", "Written")),
        (_, AnswerTime::LaterIfPreferred) => two(("200", "Answer"), ("202", "Begun")),
        ("read" | "vread", _) => two(("200", "Answer"), ("304", "Empty")),
        (_, AnswerTime::AtOnce) => of("200", "Answer"),
    };
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
