//! Parts of content: taken over element by element, and kept from what is stored.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::deadlines::NAMESPACE;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{Id, ResourceKey, names};

/// Makes the id that follows from a text.
pub(super) fn derived_id(text: &str) -> Id {
    Uuid::new_v5(&NAMESPACE, text.as_bytes()).into()
}

/// Returns the reference to a resource.
pub(super) fn reference_to(key: &ResourceKey) -> Value {
    json!({ "reference": key.to_string() })
}

/// Begins the content of a resource: its type, its id, and the identifiers that are stored and sent.
pub(super) fn begun(
    key: &ResourceKey,
    stored: Option<&Value>,
    sent: &[Value],
) -> Map<String, Value> {
    let mut content = Map::new();
    content.insert("resourceType".into(), json!(key.resource_type.as_str()));
    content.insert("id".into(), json!(key.id.as_str()));
    let all = all_identifiers(stored, sent);
    if !all.is_empty() {
        content.insert("identifier".into(), Value::Array(all));
    }
    content
}

/// Takes over the members that are there, of these names.
pub(super) fn take_over(from: &Value, names: &[&str], to: &mut Map<String, Value>) {
    for name in names {
        if let Some(value) = from.get(*name).filter(|value| !value.is_null()) {
            to.insert((*name).to_owned(), value.clone());
        }
    }
}

/// Takes over the members whose names begin so: those of an element with a choice of types.
pub(super) fn take_over_choice(from: &Value, name: &str, to: &mut Map<String, Value>) {
    let members = from.as_object().into_iter().flatten();
    let chosen = members.filter(|(member, _)| {
        let rest = member.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    });
    to.extend(chosen.map(|(name, value)| (name.clone(), value.clone())));
}

/// Adds the extensions of our own guide that are stored and that the sender has no words for.
pub(super) fn keep_own_extensions(
    stored: Option<&Value>,
    keeps: impl Fn(&Value) -> bool,
    to: &mut Map<String, Value>,
) {
    let sent: Vec<Value> = items(to.get("extension").unwrap_or(&Value::Null))
        .cloned()
        .collect();
    let is_own = |extension: &&Value| {
        let url = extension["url"].as_str().unwrap_or_default();
        url.starts_with(names::CANONICAL_BASE)
            && !sent.iter().any(|sent| sent["url"] == extension["url"])
            && keeps(extension)
    };
    let stored = stored.map_or(&Value::Null, |stored| &stored["extension"]);
    let kept: Vec<Value> = items(stored).filter(is_own).cloned().collect();
    let all: Vec<Value> = sent.into_iter().chain(kept).collect();
    if !all.is_empty() {
        to.insert("extension".to_owned(), Value::Array(all));
    }
}

/// Keeps the labels that are stored, unless the content says others: they are no matter of the
/// sender's.
pub(super) fn keep_labels(stored: Option<&Value>, content: &mut Value) {
    let stored = stored.map_or(&Value::Null, |stored| &stored["meta"]);
    for (name, value) in stored.as_object().into_iter().flatten() {
        let is_of_server = matches!(name.as_str(), "versionId" | "lastUpdated");
        if !is_of_server && content["meta"][name].is_null() {
            content["meta"][name] = value.clone();
        }
    }
}

/// Puts the identifiers together: those that are stored, and those that are new.
pub(super) fn all_identifiers(stored: Option<&Value>, sent: &[Value]) -> Vec<Value> {
    let stored = stored.map_or(&Value::Null, |stored| &stored["identifier"]);
    let mut all: Vec<Value> = items(stored).cloned().collect();
    for identifier in sent {
        let own = (
            identifier["system"].as_str().unwrap_or_default(),
            identifier["value"].as_str().unwrap_or_default(),
        );
        let of_all = json!({ "identifier": all });
        let is_known = identifiers(&of_all).any(|known| known == own);
        if !own.1.is_empty() && !is_known {
            all.push(identifier.clone());
        }
    }
    all
}
