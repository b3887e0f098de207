//! The transaction that brings resources, and the references between them.

use serde_json::{Value, json};

/// Builds a transaction that puts each resource under its own id.
pub(super) fn transaction(resources: Vec<Value>) -> Value {
    let url = |resource: &Value| {
        format!(
            "{}/{}",
            text(resource, "resourceType"),
            text(resource, "id")
        )
    };
    let put = |resource: Value| {
        let request = json!({ "method": "PUT", "url": url(&resource) });
        json!({ "request": request, "resource": resource })
    };
    let entries: Vec<Value> = resources.into_iter().map(put).collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn text<'a>(resource: &'a Value, name: &str) -> &'a str {
    resource[name].as_str().unwrap_or("")
}

/// Builds a literal reference.
pub(super) fn reference(resource_type: &str, id: &str) -> Value {
    json!({ "reference": format!("{resource_type}/{id}") })
}
