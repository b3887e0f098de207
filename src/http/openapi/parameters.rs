//! The parameters of each request: those that the CapabilityStatement has for searches, and those
//! about the answer.

use serde_json::{Value, json};

use super::parts::{ID_PATTERN, array, reference};
use crate::fhir::ResourceType;
use crate::interactions::catalogue::{
    AnswerTime, Declaration, Execution, ParameterDeclaration, ValueKind,
};
use crate::interactions::examples;
use crate::interactions::query::GENERAL_PARAMETERS;
use crate::search::parameters::parameters_of;

/// Makes a variable of a path; the id has an example where one is known to be there, or that of the
/// example of the type.
pub(super) fn of_path(name: &str, path: &str) -> Value {
    let kind = path
        .split('/')
        .nth(1)
        .and_then(|kind| kind.parse::<ResourceType>().ok());
    let example = kind.filter(|_| name == "id").and_then(|kind| {
        let of_definition = examples::known_id(kind).map(Value::from);
        of_definition.or_else(|| Some(examples::example(kind)?["id"].take()))
    });
    match example {
        Some(example) => {
            let schema = json!({ "type": "string", "pattern": ID_PATTERN });
            json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example })
        }
        None => reference("parameters", name),
    }
}

/// Returns the parameters of what is declared there, but those in its path.
pub(super) fn of_declared(
    declared: &Declaration,
    path: &str,
    resource: Option<&Value>,
) -> Vec<Value> {
    let mut parameters = named(GENERAL_PARAMETERS);
    parameters.extend(match declared.name {
        "read" | "vread" => of_read(),
        "search-type" | "search-compartment" | "search-system" if !path.ends_with("_search") => {
            of_search(path, resource)
        }
        "create" => of_write(declared, Vec::new(), "IfNoneExist"),
        "update" | "patch" | "delete" if path.ends_with("{id}") => {
            of_write(declared, Vec::new(), "IfMatch")
        }
        "update" | "patch" | "delete" => {
            let all = resource.into_iter().flat_map(criteria);
            of_write(declared, all.collect(), "IfMatch")
        }
        _ => declared
            .parameters
            .iter()
            .filter_map(of_operation)
            .collect(),
    });
    if matches!(declared.execution, Execution::Changes { .. }) {
        parameters.push(reference("parameters", "IfMatch"));
    }
    match declared.answered {
        AnswerTime::AtOnce => {}
        AnswerTime::LaterIfPreferred => parameters.push(reference("parameters", "Later")),
        AnswerTime::Later => parameters.push(reference("parameters", "RespondAsync")),
    }
    parameters
}

fn named(names: &[&str]) -> Vec<Value> {
    let references = names.iter().map(|name| reference("parameters", name));
    references.collect()
}

/// Returns the parameters of a write: its criteria, its own, and those in headers.
fn of_write(declared: &Declaration, criteria: Vec<Value>, condition: &str) -> Vec<Value> {
    let mut all = criteria;
    all.extend(declared.parameters.iter().filter_map(of_operation));
    all.extend(named(&[condition, "Return"]));
    all
}

fn of_read() -> Vec<Value> {
    let mut part = query("_summary", "code", "Which part of the resource is given.");
    part["schema"] = json!({ "enum": ["false", "true", "text", "data"] });
    let elements = "The elements that are given, parted by commas.";
    let mut all = named(&["IfNoneMatch", "IfModifiedSince"]);
    all.extend([part, query("_elements", "list", elements)]);
    all
}

/// Makes the parameter of an operation, if it may stand in an address.
fn of_operation(declared: &ParameterDeclaration) -> Option<Value> {
    let with = |kind: &str| query(declared.name, kind, declared.words);
    let schema = |schema: Value| {
        let mut parameter = with("code");
        parameter["schema"] = schema;
        parameter
    };
    let example = |kind: &str, example: &str| {
        let mut parameter = with(kind);
        parameter["example"] = example.into();
        parameter
    };
    Some(match declared.kind {
        ValueKind::Day | ValueKind::Date => with("date"),
        ValueKind::When => example("date", "2027-03-01"),
        ValueKind::Instant => example("instant", "2027-03-01T09:00:00Z"),
        ValueKind::EventNumber => example("string", "1"),
        ValueKind::Count => {
            let mut parameter = with("number");
            parameter["schema"] = json!({ "type": "integer", "minimum": 0, "maximum": 1000 });
            parameter
        }
        ValueKind::SubscriptionId => with("id"),
        ValueKind::Code(codes) => schema(json!({ "enum": codes })),
        ValueKind::TypeList => with("list"),
        ValueKind::Profile => with("canonical"),
        ValueKind::Resource | ValueKind::Meta => return None,
    })
}

/// Returns the parameters of a search in a type, or in several.
pub(super) fn of_search(path: &str, resource: Option<&Value>) -> Vec<Value> {
    let mut parameters = match resource {
        Some(resource) => criteria(resource).collect(),
        None => {
            let common = parameters_of(ResourceType::Patient)
                .filter(|parameter| parameter.code.starts_with('_'));
            let mut all = vec![query("_id", "token", ""), query("_lastUpdated", "date", "")];
            all.extend(common.map(|parameter| {
                query(
                    parameter.code,
                    parameter.kind.as_str(),
                    parameter.definition,
                )
            }));
            all.push(reference("parameters", "_type"));
            all
        }
    };
    if path.ends_with("_search") {
        // A form has no references to parameters.
        parameters.retain(|parameter| parameter.get("$ref").is_none());
        if resource.is_none() {
            parameters.push(query(
                "_type",
                "list",
                "The types that are wanted, parted by commas.",
            ));
        }
    }
    parameters.extend(of_results(resource));
    parameters
}

/// Makes a parameter with a schema of its own.
fn with(name: &str, kind: &str, text: &str, schema: Value) -> Value {
    let mut parameter = query(name, kind, text);
    parameter["schema"] = schema;
    parameter
}

/// Returns the parameters about a page of a search, and about the parts of its resources.
fn of_page() -> Vec<Value> {
    vec![
        with(
            "_count",
            "number",
            "How many matches a page has at most.",
            json!({ "type": "integer", "minimum": 0, "maximum": 1000 }),
        ),
        query(
            "_sort",
            "list",
            "The parameters to sort by, parted by commas; - before one turns its order.",
        ),
        with(
            "_total",
            "code",
            "Whether all matches are counted.",
            json!({ "enum": ["none", "estimate", "accurate"] }),
        ),
        with(
            "_summary",
            "code",
            "Which part of each resource is given.",
            json!({ "enum": ["false", "true", "text", "data", "count"] }),
        ),
        query(
            "_elements",
            "list",
            "The elements that are given, parted by commas; not beside _summary.",
        ),
        with(
            "_explain",
            "code",
            "Whether the answer begins with how it was found.",
            json!({ "enum": ["true", "false"] }),
        ),
        with(
            "_contained",
            "code",
            "Contained resources are not searched.",
            json!({ "enum": ["false"] }),
        ),
    ]
}

/// Returns what may be asked about the answer of a search (<https://hl7.org/fhir/R4/search.html#return>).
fn of_results(resource: Option<&Value>) -> Vec<Value> {
    let listed = |member: &str| {
        let known: Vec<_> = resource.map_or_else(
            || vec![Value::from("*")],
            |resource| array(&resource[member]).cloned().collect(),
        );
        json!({ "type": "array", "items": { "enum": known } })
    };
    let mut parameters = of_page();
    for (name, member, text) in [
        (
            "_include",
            "searchInclude",
            "What the matches name, by parameter.",
        ),
        (
            "_revinclude",
            "searchRevInclude",
            "What names the matches, by parameter.",
        ),
    ] {
        if resource.is_none_or(|resource| resource.get(member).is_some()) {
            parameters.push(with(name, "list", text, listed(member)));
            let text = format!("{text} Also of what was included.");
            parameters.push(with(
                &format!("{name}:iterate"),
                "list",
                &text,
                listed(member),
            ));
        }
    }
    parameters
}

/// Returns the parameters that say which resources of a type are meant.
fn criteria(resource: &Value) -> impl Iterator<Item = Value> {
    array(&resource["searchParam"]).map(|parameter| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default();
        query(text("name"), text("type"), text("definition"))
    })
}

/// Makes a parameter of a query, of a kind of FHIR: any text may be sent, and one that is
/// understood is shown.
fn query(name: &str, kind: &str, description: &str) -> Value {
    let description = format!("{kind}. {description}");
    let mut parameter = json!({ "name": name, "in": "query", "description": description.trim(), "schema": { "type": "string" } });
    let example = match kind {
        "date" => "2027-03-01",
        "number" | "quantity" => "5",
        "composite" => "example$5",
        "list" if name == "_sort" => "-_lastUpdated",
        "list" if name == "_elements" => "meta",
        "list" if name == "_type" => "Condition,Patient",
        "token" | "reference" | "string" => "example",
        "uri" | "canonical" => "https://kronikerpakker.dk/fhir/StructureDefinition/kp-patient",
        _ => return parameter,
    };
    parameter["example"] = example.into();
    parameter
}
