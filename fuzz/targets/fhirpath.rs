//! Any text as an expression of a package, on a resource: a first line with the expression, the
//! rest is the resource.

#![no_main]

use std::sync::LazyLock;

use frist::fhir::json;
use frist::fhirpath::{Environment, Expression, Model, Node};
use frist::schema::Definitions;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use within::within_time;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::core);

/// What an expression meets if the input has no resource.
static PATIENT: LazyLock<Value> = LazyLock::new(|| {
    json!({ "resourceType": "Patient", "id": "a", "birthDate": "1970-03-01", "_birthDate": { "id": "b" }, "active": true,
        "name": [{ "family": "F", "given": ["G", "H"], "period": { "start": "2001-02-03T04:05:06+01:00" } }],
        "contained": [{ "resourceType": "Observation", "id": "c", "valueQuantity": { "value": 1.50, "code": "mg" } }],
        "extension": [{ "url": "urn:x", "valueDecimal": 3.0 }], "link": [{ "other": { "reference": "#c" } }] })
});

fuzz_target!(|text: &str| {
    let (expression, resource) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(expression) = within_time(|| Expression::compile(expression)) else {
        return;
    };
    let resource = json::parse(resource.as_bytes()).unwrap_or_else(|_| PATIENT.clone());
    let kind = resource
        .get("resourceType")
        .and_then(Value::as_str)
        .and_then(|name| DEFINITIONS.type_named(name));
    let node = Node {
        value: Some(&resource),
        extras: None,
        type_id: kind,
    };
    let environment = Environment {
        model: &*DEFINITIONS,
        resource: node,
        root_resource: node,
        extension: None,
        now: None,
        resolve: &|_, _| None,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    };
    let _ = within_time(|| {
        expression
            .evaluate(node, &environment)
            .map(|items| items.len())
    });
});
