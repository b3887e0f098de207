//! FHIRPath, through its public interface: expressions that compile, the results of each function
//! and operator, and invariants.

#![allow(clippy::unwrap_used)]

mod environments;
mod functions;
mod invariants;
mod invariants_of_bundles;
mod invariants_of_data_types;
mod language;
mod model;
mod operators;
mod published;
mod robust;

use frist::fhirpath::{Environment, Expression, Item, Model, Node};
use serde_json::{Value, json};

use model::{TYPES, Types};

/// Returns a resource, typed by what it says it is.
fn node<'a>(model: &'a dyn Model, resource: &'a Value) -> Node<'a> {
    let name = resource["resourceType"].as_str();
    Node {
        value: Some(resource),
        extras: None,
        type_id: name.and_then(|name| model.type_named(name)),
    }
}

/// Surroundings in which the resource stands alone.
fn environment<'a>(model: &'a Types, resource: &'a Value) -> Environment<'a> {
    Environment {
        model,
        resource: node(model, resource),
        root_resource: node(model, resource),
        extension: None,
        now: Some("2027-03-01T10:20:30.4567Z".parse().unwrap()),
        resolve: &|_, _| None,
        member_of: &|_, _| None,
        conforms_to: &|_, _| None,
    }
}

/// Returns the result of an expression on a resource as JSON, or the error.
fn result(text: &str, resource: &Value) -> Result<Value, String> {
    let expression = Expression::compile(text).map_err(|error| format!("{text}: {error}"))?;
    let environment = environment(&TYPES, resource);
    let items = expression
        .evaluate(environment.resource, &environment)
        .map_err(|error| error.to_string())?;
    let values = items.into_iter().map(|item| match item {
        Item::Node(node) => node.value.cloned().unwrap_or(json!("without a value")),
        Item::Value(value) => value,
    });
    Ok(values.collect())
}

/// Asserts what expressions give on a resource, one a line: `expression → result`. A result is
/// JSON, or `error`.
#[track_caller]
fn check(resource: &Value, table: &str) {
    let mut wrong = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (text, expected) = line
            .rsplit_once(" → ")
            .unwrap_or_else(|| panic!("no arrow: {line}"));
        let found = result(text.trim(), resource);
        let found_text = match &found {
            Ok(Value::Array(items)) => items
                .iter()
                .map(Value::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Ok(other) => other.to_string(),
            Err(_) => "error".to_owned(),
        };
        let expected = if expected.trim() == "nothing" {
            ""
        } else {
            expected.trim()
        };
        if found_text != expected {
            wrong.push(format!(
                "{text} → {found_text} {}, expected {expected}",
                found.err().unwrap_or_default()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
