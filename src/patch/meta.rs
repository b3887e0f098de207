//! Adding and removing labels: the profiles, tags and security labels of a resource, each a set
//! (<https://hl7.org/fhir/R4/resource-operation-meta-add.html>,
//! <https://hl7.org/fhir/R4/resource-operation-meta-delete.html>).
//!
//! A profile is identified by its address, with the version; a tag or security label by its system
//! and code, whatever its version and display.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::fhir::{Issue, IssueCode};

/// The change that is made to labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelChange {
    /// Adds the labels that are not there yet.
    Add,
    /// Removes the labels that are there.
    Remove,
}

/// The elements that are sets of labels.
const SETS: [&str; 3] = ["profile", "tag", "security"];
/// The elements that the server alone sets: clients send them back as they got them, and they say
/// nothing here.
const SET_BY_SERVER: [&str; 2] = ["versionId", "lastUpdated"];

/// A change of labels that was understood.
#[derive(Debug)]
pub(super) struct Labels {
    change: LabelChange,
    /// For each set the items that the change is about.
    items: Vec<(&'static str, Vec<Value>)>,
}

/// The identity of a label: an address; or a system, if there is one, and a code.
type LabelIdentity = (Option<String>, String);

/// Reads a Meta whose labels are to be added or removed.
///
/// # Errors
/// A finding about everything that is no label.
pub(super) fn read(change: LabelChange, meta: &Value) -> Result<Labels, Vec<Issue>> {
    let Some(members) = meta.as_object() else {
        return Err(vec![Issue::error(
            IssueCode::Structure,
            "Meta",
            "expected an object",
        )]);
    };
    let mut wrong = Vec::new();
    let unknown = members
        .keys()
        .filter(|name| !SETS.contains(&name.as_str()) && !SET_BY_SERVER.contains(&name.as_str()));
    if unknown.count() > 0 {
        wrong.push(Issue::error(
            IssueCode::NotSupported,
            "Meta",
            "expected profile, tag and security alone: only these are added and removed",
        ));
    }
    let mut items = Vec::new();
    for set in SETS {
        let labels = match members.get(set) {
            None => continue,
            Some(Value::Array(labels)) if labels.iter().all(|label| identity(label).is_some()) => {
                labels.clone()
            }
            Some(_) => {
                let expected = if set == "profile" {
                    "an array of addresses"
                } else {
                    "an array of Codings, each with a code"
                };
                wrong.push(Issue::error(
                    IssueCode::Structure,
                    format!("Meta.{set}"),
                    format!("expected {expected}"),
                ));
                continue;
            }
        };
        items.push((set, labels));
    }
    if wrong.is_empty() {
        Ok(Labels { change, items })
    } else {
        Err(wrong)
    }
}

fn identity(label: &Value) -> Option<LabelIdentity> {
    match label {
        Value::String(address) => Some((None, address.clone())),
        Value::Object(coding) => Some((
            coding
                .get("system")
                .and_then(Value::as_str)
                .map(str::to_owned),
            coding.get("code")?.as_str()?.to_owned(),
        )),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// Makes the change in a resource.
pub(super) fn apply(labels: &Labels, resource: &mut Value) {
    let Some(members) = resource.as_object_mut() else {
        return;
    };
    let Some(meta) = members
        .entry("meta")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
    else {
        return;
    };
    for (set, items) in &labels.items {
        match labels.change {
            LabelChange::Add => add(meta, set, items),
            LabelChange::Remove => remove(meta, set, items),
        }
    }
}

fn add(meta: &mut Map<String, Value>, set: &str, items: &[Value]) {
    let mut present: BTreeSet<LabelIdentity> =
        array(meta, set).iter().filter_map(identity).collect();
    let new: Vec<_> = items
        .iter()
        .filter(|item| identity(item).is_some_and(|identity| present.insert(identity)))
        .cloned()
        .collect();
    if new.is_empty() {
        return;
    }
    // What stands beside each profile (its extensions) stands in an array of the same length.
    if let Some(Value::Array(beside)) = meta.get_mut(&format!("_{set}")) {
        beside.extend(new.iter().map(|_| Value::Null));
    }
    if let Value::Array(all) = meta.entry(set).or_insert_with(|| Value::Array(Vec::new())) {
        all.extend(new);
    }
}

fn remove(meta: &mut Map<String, Value>, set: &str, items: &[Value]) {
    let unwanted: BTreeSet<LabelIdentity> = items.iter().filter_map(identity).collect();
    let is_kept: Vec<bool> = array(meta, set)
        .iter()
        .map(|item| identity(item).is_none_or(|identity| !unwanted.contains(&identity)))
        .collect();
    for name in [set.to_owned(), format!("_{set}")] {
        let Some(Value::Array(all)) = meta.get_mut(&name) else {
            continue;
        };
        let mut kept = is_kept.iter();
        all.retain(|_| kept.next().copied().unwrap_or(true));
        if all.iter().all(Value::is_null) {
            meta.shift_remove(&name);
        }
    }
}

fn array<'a>(meta: &'a Map<String, Value>, set: &str) -> &'a [Value] {
    meta.get(set)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: Value, change: LabelChange, meta: Value, after: Value) {
        let mut resource = json!({ "resourceType": "Goal", "meta": before });
        apply(&read(change, &meta).unwrap(), &mut resource);
        assert_eq!(resource["meta"], after);
    }

    #[test]
    fn labels_are_sets_by_system_and_code() {
        let (red, blue) = (
            json!({ "system": "s", "code": "red" }),
            json!({ "system": "s", "code": "blue" }),
        );
        let red_with_name =
            json!({ "system": "s", "code": "red", "version": "2", "display": "Red" });
        let red_of_none = json!({ "code": "red" });
        check(
            json!({}),
            LabelChange::Add,
            json!({ "tag": [red, red_with_name, blue] }),
            json!({ "tag": [red, blue] }),
        );
        check(
            json!({ "tag": [red_with_name] }),
            LabelChange::Add,
            json!({ "tag": [red], "versionId": "7" }),
            json!({ "tag": [red_with_name] }),
        );
        check(
            json!({ "tag": [red] }),
            LabelChange::Add,
            json!({ "tag": [red_of_none] }),
            json!({ "tag": [red, red_of_none] }),
        );
        check(
            json!({ "tag": [red], "security": [red] }),
            LabelChange::Remove,
            json!({ "tag": [red_with_name] }),
            json!({ "security": [red] }),
        );
        check(
            json!({ "tag": [red] }),
            LabelChange::Remove,
            json!({ "tag": [red_of_none, blue] }),
            json!({ "tag": [red] }),
        );
        check(
            json!({ "profile": ["p", "p|1"] }),
            LabelChange::Remove,
            json!({ "profile": ["p"] }),
            json!({ "profile": ["p|1"] }),
        );
    }

    #[test]
    fn what_stands_beside_a_profile_stays_with_it() {
        let beside = json!({ "id": "x" });
        let both = json!({ "profile": ["p", "q"], "_profile": [null, beside] });
        check(
            both.clone(),
            LabelChange::Remove,
            json!({ "profile": ["p"] }),
            json!({ "profile": ["q"], "_profile": [beside] }),
        );
        check(
            both.clone(),
            LabelChange::Remove,
            json!({ "profile": ["q"] }),
            json!({ "profile": ["p"] }),
        );
        check(
            both,
            LabelChange::Add,
            json!({ "profile": ["r"] }),
            json!({ "profile": ["p", "q", "r"], "_profile": [null, beside, null] }),
        );
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for meta in [
            json!("x"),
            json!({ "source": "x" }),
            json!({ "tag": {} }),
            json!({ "tag": [{}] }),
            json!({ "tag": [{ "code": 7 }] }),
            json!({ "profile": [null] }),
            json!({ "security": "x" }),
        ] {
            assert!(read(LabelChange::Add, &meta).is_err(), "{meta}");
        }
        let both = read(
            LabelChange::Remove,
            &json!({ "tag": [1], "security": [2], "source": "x" }),
        )
        .unwrap_err();
        assert_eq!(both.len(), 3, "all at once");
    }
}
