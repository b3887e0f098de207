//! The components that the operations of the document have in common.

use serde_json::{Value, json};

use super::parts::{ID_PATTERN, reference};
use crate::interactions::transaction::ENTRIES_MAX;

/// The form of the address of a system of codes.
const ABSOLUTE: &str = "^(https?://|urn:)[^\\s]+$";

/// Returns the components that the operations refer to.
pub(super) fn components() -> Value {
    let header =
        |name: &str, schema: Value| json!({ "name": name, "in": "header", "schema": schema });
    let text = || json!({ "type": "string" });
    let shown = |name: &str, example: &str| json!({ "name": name, "in": "header", "schema": text(), "example": example });
    let path = |name: &str, pattern: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern } });
    let resource = json!({ "type": "object", "required": ["resourceType"], "properties": { "resourceType": text() } });
    let of = |kind: &str, members: Value| {
        let mut schema =
            json!({ "type": "object", "required": ["resourceType"], "properties": members });
        schema["properties"]["resourceType"] = json!({ "const": kind });
        schema
    };
    let items = |members: Value| json!({ "type": "array", "items": { "type": "object", "properties": members } });
    let request = json!({ "type": "object", "properties": { "method": { "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"] }, "url": text() } });
    let coding = || {
        items(
            json!({ "system": { "type": "string", "pattern": ABSOLUTE }, "code": { "type": "string", "pattern": "^[^\\s]+(\\s[^\\s]+)*$" } }),
        )
    };
    let mut entries = items(json!({ "resource": {}, "request": request }));
    entries["maxItems"] = ENTRIES_MAX.into();
    let meta = json!({ "type": "object", "properties": { "tag": coding(), "security": coding() } });
    let mut labels = items(json!({ "name": { "const": "meta" }, "valueMeta": meta }));
    labels["minItems"] = 1.into();
    labels["maxItems"] = 1.into();
    labels["items"]["required"] = json!(["name", "valueMeta"]);
    let list = json!({
        "name": "_type",
        "in": "query",
        "description": "The types that are wanted, parted by commas.",
        "schema": { "type": "string" },
        "example": "Condition,Patient",
    });
    let mut asynchronous = header("Prefer", json!({ "const": "respond-async" }));
    asynchronous["required"] = Value::Bool(true);
    json!({
        "parameters": {
            "id": path("id", ID_PATTERN),
            "vid": path("vid", "^[1-9][0-9]{0,18}$"),
            "file": path("file", "^[A-Za-z]{1,40}\\.ndjson$"),
            "_format": { "name": "_format", "in": "query", "schema": { "enum": ["json", "application/json", "application/fhir+json", "xml", "application/xml", "application/fhir+xml"] } },
            "_pretty": { "name": "_pretty", "in": "query", "schema": { "enum": ["true", "false"] } },
            "_type": list,
            "Return": header("Prefer", json!({ "enum": ["return=minimal", "return=representation", "return=OperationOutcome"] })),
            "Later": header("Prefer", json!({ "enum": ["handling=lenient", "handling=strict", "respond-async"] })),
            "RespondAsync": asynchronous,
            "IfMatch": shown("If-Match", "W/\"1\""),
            "IfNoneMatch": shown("If-None-Match", "W/\"1\""),
            "IfModifiedSince": shown("If-Modified-Since", "Mon, 01 Mar 2027 08:00:00 GMT"),
            "IfNoneExist": shown("If-None-Exist", "identifier=https://ehr.example.dk/id|example"),
        },
        "schemas": {
            "Resource": resource,
            "OperationOutcome": of("OperationOutcome", json!({ "issue": items(json!({ "severity": text(), "code": text() })) })),
            "Parameters": of("Parameters", json!({ "parameter": items(json!({ "name": text() })) })),
            "MetaParameters": of("Parameters", json!({ "parameter": labels })),
            "Bundle": of("Bundle", json!({ "type": { "enum": ["batch", "transaction"] }, "entry": entries })),
            "JsonPatch": items(json!({ "op": { "enum": ["add", "remove", "replace", "move", "copy", "test"] }, "path": text() })),
        },
        "responses": responses(),
    })
}

fn responses() -> Value {
    let text = json!({ "type": "string" });
    let fhir = |schema: Value| {
        let mut content = json!({ "application/fhir+json": { "schema": schema }, "application/json": { "schema": schema } });
        for xml in ["application/fhir+xml", "application/xml", "text/xml"] {
            content[xml] = json!({ "schema": text });
        }
        content
    };
    let mut of_job = fhir(reference("schemas", "Resource"));
    of_job["application/json"]["schema"] = json!({ "type": "object" });
    json!({
            "Answer": { "description": "As asked.", "content": fhir(reference("schemas", "Resource")) },
            "Refusal": { "description": "Why not.", "content": fhir(reference("schemas", "OperationOutcome")) },
            "Written": { "description": "Done: with a body or without, as Prefer says." },
            "Empty": { "description": "As asked, without a body." },
            "Begun": { "description": "Begun: Content-Location says where its status is." },
            "Running": { "description": "Not yet done: X-Progress says how far it is." },
            "Job": { "description": "What the job has made: the manifest of an export, or a Bundle with the answer to a request.", "content": of_job },
            "Lines": { "description": "A resource a line.", "content": { "application/fhir+ndjson": { "schema": text } } },
    })
}
