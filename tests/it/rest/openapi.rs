//! The OpenAPI document says what is there, all of it and nothing else.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::Value;

use super::{clinic, expect};
use crate::support::facade::{BASE, Facade};

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

fn document(facade: &Facade) -> Value {
    let reply = facade.get("/openapi.json");
    expect(&reply, 200);
    assert_eq!(
        reply.header("content-type"),
        "application/json; charset=utf-8"
    );
    reply.json()
}

/// Returns the paths with the methods that each has.
fn paths(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(path, item)| {
            (
                path.clone(),
                item.as_object()
                    .unwrap()
                    .keys()
                    .filter(|key| *key != "parameters")
                    .cloned()
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn each_method_that_stands_in_the_document_is_there_and_no_other_one() {
    let facade = clinic();
    let document = document(&facade);
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&"3.1.0".into(), &BASE.into())
    );
    let mut operations = 0;
    for (path, methods) in paths(&document) {
        let sample = format!("/fhir{path}")
            .replace("{id}", "p")
            .replace("{vid}", "1")
            .replace("{file}", "Patient.ndjson");
        for method in METHODS {
            let reply = facade.send(
                &method.to_uppercase(),
                &sample,
                &[("if-match", "W/\"4711\"")],
                Body::empty(),
            );
            assert_eq!(
                reply.status.as_u16() != 405,
                methods.contains(*method),
                "{method} {path}: {}",
                reply.status
            );
            assert!(
                !reply.status.is_server_error() && !reply.text.contains("nothing at this address"),
                "{method} {path}: {}",
                reply.text
            );
        }
        operations += methods.len();
    }
    assert!(operations > 200, "{operations}");
}

#[test]
fn what_stands_in_no_bundle_is_said_to_be_refused_there() {
    let document = document(&clinic());
    let description = |method: &str, path: &str| {
        document["paths"][path][method]["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for (method, path) in [
        ("get", "/$export"),
        ("post", "/$reindex"),
        ("post", "/"),
        ("get", "/_jobs/{id}"),
        ("post", "/Subscription/{id}/$resend"),
        ("get", "/Subscription/{id}/$webhook-secret"),
    ] {
        let said = description(method, path);
        assert!(said.contains("In a Bundle: "), "{method} {path}: {said}");
    }
    for (method, path) in [
        ("get", "/metadata"),
        ("post", "/Condition/{id}/$meta-add"),
        ("get", "/Patient/{id}/$everything"),
        ("post", "/Condition/_search"),
    ] {
        let said = description(method, path);
        assert!(!said.contains("In a Bundle: "), "{method} {path}: {said}");
    }
}

#[test]
fn what_has_no_head_is_named_and_what_is_asked_for_with_a_condition_may_be_unmodified() {
    let facade = clinic();
    let document = document(&facade);
    let said = document["info"]["description"].as_str().unwrap();
    for (path, methods) in paths(&document) {
        let sample = format!("/fhir{path}")
            .replace("{id}", "p")
            .replace("{vid}", "1")
            .replace("{file}", "Patient.ndjson");
        let reply = facade.send("OPTIONS", &sample, &[], Body::empty());
        let is_headless = methods.contains("get")
            && !reply
                .header("allow")
                .split(", ")
                .any(|method| method == "HEAD");
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(
            is_headless,
            name.starts_with('$') && said.contains(name),
            "{path}"
        );
        for method in methods {
            let is_read = method == "get" && (path.ends_with("/{id}") || path.ends_with("/{vid}"));
            let is_job = path.starts_with("/_jobs/");
            assert_eq!(
                document["paths"][&path][&method]["responses"]
                    .get("304")
                    .is_some(),
                is_read && !is_job,
                "{method} {path}"
            );
        }
    }
}

#[test]
fn all_that_the_capability_statement_says_stands_in_the_document() {
    let facade = clinic();
    let (document, statement) = (document(&facade), facade.get("metadata").json());
    let has = |method: &str, path: String| document["paths"][&path].get(method).is_some();
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        for interaction in resource["interaction"].as_array().unwrap() {
            let (method, path) = match interaction["code"].as_str().unwrap() {
                "read" => ("get", format!("/{kind}/{{id}}")),
                "vread" => ("get", format!("/{kind}/{{id}}/_history/{{vid}}")),
                "update" => ("put", format!("/{kind}/{{id}}")),
                "patch" => ("patch", format!("/{kind}/{{id}}")),
                "delete" => ("delete", format!("/{kind}/{{id}}")),
                "history-instance" => ("get", format!("/{kind}/{{id}}/_history")),
                "history-type" => ("get", format!("/{kind}/_history")),
                "create" => ("post", format!("/{kind}")),
                "search-type" => ("get", format!("/{kind}")),
                other => panic!("an interaction that this test does not know: {other}"),
            };
            assert!(has(method, path.clone()), "{method} {path}");
        }
        for operation in resource["operation"].as_array().unwrap() {
            let name = operation["name"].as_str().unwrap();
            assert!(
                has("post", format!("/{kind}/${name}"))
                    || has("post", format!("/{kind}/{{id}}/${name}")),
                "{kind} {name}"
            );
        }
        let parameters = document["paths"][&format!("/{kind}")]["get"]["parameters"]
            .as_array()
            .unwrap();
        for parameter in resource["searchParam"].as_array().unwrap() {
            assert!(
                parameters
                    .iter()
                    .any(|known| known["name"] == parameter["name"]),
                "{kind}?{}",
                parameter["name"]
            );
        }
    }
    assert!(
        has("post", "/".into()) && has("get", "/_history".into()) && has("get", "/$export".into())
    );
}

#[test]
fn each_operation_has_a_name_of_its_own_and_each_reference_a_target() {
    let facade = clinic();
    let document = document(&facade);
    let mut names = BTreeSet::new();
    for (path, methods) in paths(&document) {
        for method in methods {
            let name = document["paths"][&path][&method]["operationId"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(names.insert(name.clone()), "{name}");
        }
    }
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(
                    members
                        .get("$ref")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                members
                    .values()
                    .for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for target in found {
        assert!(
            document.pointer(target.trim_start_matches('#')).is_some(),
            "{target}"
        );
    }
}

/// Returns the example of each body by its method and path.
fn examples(document: &Value, method: &str) -> Vec<(String, Value)> {
    let of_path = |(path, item): (&String, &Value)| {
        let content = &item[method]["requestBody"]["content"]["application/fhir+json"];
        content
            .get("example")
            .map(|example| (path.clone(), example.clone()))
    };
    document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(of_path)
        .collect()
}

#[test]
fn what_is_shown_as_an_example_is_accepted() {
    let facade = Facade::at("2027-12-31T09:00:00+01:00");
    let document = document(&facade);
    let is_instance = |path: &str| path.ends_with("/{id}");
    let stored: Vec<_> = examples(&document, "put")
        .into_iter()
        .filter(|(path, _)| is_instance(path))
        .map(|(_, example)| example)
        .collect();
    expect(&facade.transaction(&stored.iter().collect::<Vec<_>>()), 200);
    assert!(stored.len() > 10, "{}", stored.len());
    for (path, example) in examples(&document, "put")
        .into_iter()
        .chain(examples(&document, "post"))
    {
        let kind = path.split('/').nth(1).unwrap();
        let is_create = path.split('/').count() == 2 && !kind.is_empty();
        if !is_create || example["resourceType"] != kind || example.get("id").is_some() {
            continue;
        }
        let created = facade.send("POST", kind, &[], example.to_string());
        expect(&created, 201);
        // The links say what can be done with what was made.
        let links = document["paths"][&path]["post"]["responses"]["201"]["links"]
            .as_object()
            .unwrap();
        assert!(
            links.contains_key(&format!("get_{kind}_id"))
                && links.contains_key(&format!("delete_{kind}_id")),
            "{links:?}"
        );
        for link in links.values() {
            assert_eq!(link["parameters"]["id"], "$response.body#/id");
        }
        expect(
            &facade.get(&format!(
                "{kind}/{}",
                created.json()["id"].as_str().unwrap()
            )),
            200,
        );
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        let shown = item["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|parameter| parameter.get("example"));
        if let Some(id) = shown.filter(|_| {
            path.ends_with("/$meta") && !path.contains("{vid}") && item["get"].is_object()
        }) {
            let path = format!("/fhir{path}").replace("{id}", id.as_str().unwrap());
            let known = stored.iter().any(|example| example["id"] == *id);
            assert_eq!(
                facade.get(&path).status.as_u16(),
                if known { 200 } else { 404 },
                "{path}"
            );
        }
    }
}

#[test]
fn each_parameter_of_a_search_is_understood_with_the_value_that_is_shown() {
    let facade = clinic();
    let document = document(&facade);
    let mut asked = 0;
    for path in [
        "/",
        "/Patient",
        "/Task",
        "/Condition",
        "/Patient/{id}/*",
        "/Patient/{id}/Goal",
    ] {
        for parameter in document["paths"][path]["get"]["parameters"]
            .as_array()
            .unwrap()
        {
            let parameter = match parameter["$ref"].as_str() {
                Some(target) => document.pointer(target.trim_start_matches('#')).unwrap(),
                None => parameter,
            };
            if parameter["in"] != "query" {
                continue;
            }
            let schema = &parameter["schema"];
            let values = match (
                &parameter["example"],
                &schema["enum"],
                &schema["items"]["enum"],
                &schema["minimum"],
            ) {
                (Value::String(text), ..) => vec![text.clone()],
                (_, Value::Array(values), ..) | (_, _, Value::Array(values), _) => values
                    .iter()
                    .map(|value| value.as_str().unwrap().to_owned())
                    .collect(),
                (.., minimum) => vec![minimum.to_string()],
            };
            for value in values {
                let query: String = form_urlencoded::Serializer::new(String::new())
                    .append_pair(parameter["name"].as_str().unwrap(), &value)
                    .finish();
                let path = path.replace("{id}", "p");
                expect(
                    &facade.get(&format!("/fhir{}?{query}", path.trim_end_matches('/'))),
                    200,
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 150, "{asked}");
}

#[test]
fn whatever_is_taken_as_json_is_said_to_be_taken_as_xml() {
    let document = document(&clinic());
    let mut bodies = 0;
    for (path, methods) in paths(&document) {
        for method in methods {
            let content = &document["paths"][&path][&method]["requestBody"]["content"];
            let Some(content) = content.as_object() else {
                continue;
            };
            assert_eq!(
                content.contains_key("application/fhir+json"),
                content.contains_key("application/fhir+xml"),
                "{method} {path}"
            );
            bodies += 1;
        }
    }
    assert!(bodies > 50, "{bodies}");
}
