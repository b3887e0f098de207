//! The entries of a transaction as the Bundle that its resources will stand in, so that each is judged
//! among the others: what a profile asks of the target of a reference
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.aggregation>).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::entry::{Entry, EntryWrite};
use crate::fhir::ResourceKey;
use crate::storage::StoreError;

/// Makes a Bundle with an entry for each of these, in their order: its resource as it will be, or as it
/// stays if nothing is written, under its address on this server; no resource if it is deleted, or if
/// it stands under that address already, since several entries may find what one of them writes.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub(super) fn bundle(base_url: &str, entries: &mut [Entry]) -> Result<Value, StoreError> {
    let mut items = Vec::with_capacity(entries.len());
    let written = entries
        .iter()
        .filter(|entry| matches!(entry.step, EntryWrite::Put(..)));
    let mut there: HashSet<ResourceKey> = written.map(|entry| entry.key.clone()).collect();
    for entry in entries {
        let resource = match &entry.step {
            EntryWrite::Put(resource, _) => {
                let mut resource = resource.value().clone();
                say_version(&mut resource, &entry.next_version().to_string());
                Some(resource)
            }
            EntryWrite::Delete => None,
            EntryWrite::Nothing(_) if !there.insert(entry.key.clone()) => None,
            EntryWrite::Nothing(_) => entry.before()?.map(|stored| (*stored).clone()),
        };
        items.push(resource.map_or_else(
            || json!({}),
            |resource| json!({ "fullUrl": format!("{base_url}/{}", entry.key), "resource": resource }),
        ));
    }
    Ok(json!({ "resourceType": "Bundle", "type": "collection", "entry": items }))
}

/// Says the version that a resource will have, by which a reference may name it.
fn say_version(resource: &mut Value, version: &str) {
    let Some(members) = resource.as_object_mut() else {
        return;
    };
    match members.get_mut("meta") {
        None => drop(members.insert("meta".to_owned(), json!({ "versionId": version }))),
        // One that is empty or no object has a finding of its own.
        Some(Value::Object(meta)) if !meta.is_empty() => {
            drop(meta.insert("versionId".to_owned(), Value::from(version)));
        }
        Some(_) => {}
    }
}
