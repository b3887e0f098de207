//! The parameters of each request: those that the CapabilityStatement has for searches, and those
//! about the answer.

use serde_json::{Value, json};

use super::parts::{ID_PATTERN, array, reference};
use crate::fhir::ResourceType;
use crate::http::negotiation::GENERAL_PARAMETERS;
use crate::interactions::examples;
use crate::search::parameters::parameters_of;

/// A variable of a path; the id has an example where one is known to be there, or is what the
/// example of the type has.
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

/// True if `Prefer: respond-async` is honoured there.
pub(super) fn may_be_answered_later(method: &str, path: &str) -> bool {
    match (method, path.rsplit('/').next().unwrap_or_default()) {
        (_, "$everything") | ("GET", "_history") | ("POST", "_search") | (_, "") => true,
        ("GET", last) => searches(last, path),
        _ => false,
    }
}

/// True if a GET of the path is a search.
fn searches(last: &str, path: &str) -> bool {
    last.is_empty()
        || last == "*"
        || last.parse::<ResourceType>().is_ok() && !path.ends_with("{id}")
}

/// The parameters of an operation, but those in its path.
pub(super) fn of_operation(method: &str, path: &str, resource: Option<&Value>) -> Vec<Value> {
    let named = |names: &[&str]| {
        names
            .iter()
            .map(|name| reference("parameters", name))
            .collect::<Vec<_>>()
    };
    let mut parameters = named(GENERAL_PARAMETERS);
    let last = path.rsplit('/').next().unwrap_or_default();
    parameters.extend(match (method, last) {
        (_, "$export") => named(&["RespondAsync", "_type", "_since", "_outputFormat"]),
        (_, "$reindex") => named(&["RespondAsync"]),
        ("GET", "_history") => named(&["_count", "_since", "_at"]),
        (_, "$everything") => named(&["start", "end", "_since", "_type", "_count"]),
        (_, "$rights") => vec![query(
            "as-of",
            "date",
            "The day to show; today if it is not said.",
        )],
        (_, "$status") => vec![
            query(
                "id",
                "id",
                "A Subscription to show; repeatable. All if none is named.",
            ),
            query(
                "status",
                "code",
                "A status to show; repeatable. Any if none is named.",
            ),
        ],
        (_, "$resend") => vec![
            query(
                "eventsSinceNumber",
                "string",
                "The number of the first event to send again.",
            ),
            query(
                "eventsUntilNumber",
                "string",
                "The number of the last event to send again.",
            ),
        ],
        (_, "$events") => vec![
            query(
                "eventsSinceNumber",
                "string",
                "The number of the first event to tell.",
            ),
            query(
                "eventsUntilNumber",
                "string",
                "The number of the last event to tell.",
            ),
            query(
                "content",
                "code",
                "How much to tell of each: empty, id-only or full-resource.",
            ),
        ],
        (_, "$get-ws-binding-token") => vec![query(
            "id",
            "id",
            "A Subscription to listen to; repeatable.",
        )],
        (_, "$meta-add" | "$meta-delete") => named(&["IfMatch"]),
        (_, "$validate") => {
            let mut mode = query("mode", "code", "For what the resource is checked.");
            mode["schema"] = json!({ "enum": ["create", "update", "delete", "profile"] });
            vec![
                mode,
                query(
                    "profile",
                    "canonical",
                    "A profile to check against besides.",
                ),
            ]
        }
        ("GET", "{id}" | "{vid}") if resource.is_some() => {
            let mut part = query("_summary", "code", "Which part of the resource is given.");
            part["schema"] = json!({ "enum": ["false", "true", "text", "data"] });
            let mut all = named(&["IfNoneMatch", "IfModifiedSince"]);
            all.extend([
                part,
                query(
                    "_elements",
                    "list",
                    "The elements that are given, parted by commas.",
                ),
            ]);
            all
        }
        ("GET", last) if searches(last, path) => of_search(path, resource),
        ("POST", last) if searches(last, path) && resource.is_some() => {
            named(&["IfNoneExist", "Return"])
        }
        ("PUT" | "PATCH" | "DELETE", "{id}") if resource.is_some() => named(&["IfMatch", "Return"]),
        ("PUT" | "PATCH" | "DELETE", _) if resource.is_some() => {
            let mut all: Vec<_> = resource.into_iter().flat_map(criteria).collect();
            all.extend(named(&["IfMatch", "Return"]));
            all
        }
        _ => Vec::new(),
    });
    if may_be_answered_later(method, path) {
        parameters.push(reference("parameters", "Later"));
    }
    parameters
}

/// The parameters of a search in a type, or in several.
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

/// Returns what may be asked about the answer of a search (<https://hl7.org/fhir/R4/search.html#return>).
fn of_results(resource: Option<&Value>) -> Vec<Value> {
    let with = |name: &str, kind: &str, text: &str, schema: Value| {
        let mut parameter = query(name, kind, text);
        parameter["schema"] = schema;
        parameter
    };
    let listed = |member: &str| {
        let known: Vec<_> = resource.map_or_else(
            || vec![Value::from("*")],
            |resource| array(&resource[member]).cloned().collect(),
        );
        json!({ "type": "array", "items": { "enum": known } })
    };
    let mut parameters = vec![
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
    ];
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

/// The parameters that say which resources of a type are meant.
fn criteria(resource: &Value) -> impl Iterator<Item = Value> {
    array(&resource["searchParam"]).map(|parameter| {
        let text = |member: &str| parameter[member].as_str().unwrap_or_default();
        query(text("name"), text("type"), text("definition"))
    })
}

/// A parameter of a query, of a kind of FHIR: any text may be sent, and one that is understood is
/// shown.
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
