//! `$meta`, `$meta-add` and `$meta-delete` (<https://hl7.org/fhir/R4/resource-operations.html>): the labels of resources, that is their
//! profiles, tags and security labels.
//!
//! A version is the bytes that were accepted, and is never changed. So labels are changed by a new
//! version like everything else: by the one write path, which holds the resource against what it
//! now claims to be. R4 allows to change the labels of versions of the past; this server does not.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::change::{Action, ChangeTarget};
use super::condition::Condition;
use super::scopes::{LabelChange, Subject};
use super::stored::parse_stored;
use super::{Context, Failure, Server, Written, read};
use crate::fhir::{IssueCode, ResourceKey, ResourceType};
use crate::patch::Patch;
use crate::search::IndexValue;
use crate::storage::StoredVersion;

/// The most labels of a kind in a list of those in use.
const LABELS_MAX: usize = 10_000;
/// The elements of a Meta that are lists of labels, and the search parameter of each.
const LABELS: [(&str, &str); 3] = [
    ("profile", "_profile"),
    ("security", "_security"),
    ("tag", "_tag"),
];

/// A Meta, and the version that it is of, if it is of one.
pub struct Labelled {
    /// The Meta: that of the version, or the labels in use.
    pub meta: Value,
    /// The version.
    pub version: Option<StoredVersion>,
}

/// Returns the Meta of a resource or version; of more than one the labels that are in use. A label
/// in use has neither display nor version, and a profile that is claimed with its version stands
/// without it too: a search finds the resource by either.
///
/// # Errors
/// `NotFound` or `Gone` for what is not there; `BadRequest` if more labels are in use than are
/// listed.
pub fn meta(server: &Server, context: &Context, subject: &Subject) -> Result<Labelled, Failure> {
    match subject {
        Subject::System => in_use(server, ResourceType::ALL),
        Subject::Type(resource_type) => in_use(server, &[*resource_type]),
        Subject::Instance(key) => of_version(read::read(server, context, key)?),
        Subject::Version(key, version) => {
            of_version(read::read_version(server, context, key, *version)?)
        }
    }
}

fn in_use(server: &Server, types: &[ResourceType]) -> Result<Labelled, Failure> {
    let mut meta = Map::new();
    for (name, parameter) in LABELS {
        let mut values = BTreeSet::new();
        for resource_type in types {
            let of_type = server.store.values(*resource_type, parameter, LABELS_MAX)?;
            values.extend(of_type.ok_or_else(too_many)?);
            if values.len() > LABELS_MAX {
                return Err(too_many());
            }
        }
        if !values.is_empty() {
            meta.insert(
                name.to_owned(),
                values.into_iter().filter_map(label).collect(),
            );
        }
    }
    Ok(Labelled {
        meta: Value::Object(meta),
        version: None,
    })
}

fn too_many() -> Failure {
    let text = format!(
        "more than {LABELS_MAX} labels of one kind are in use: ask for the Meta of a resource, or search by a label"
    );
    Failure::bad_request(IssueCode::TooCostly, text)
}

/// Returns the label that an index entry stands for.
fn label(value: IndexValue) -> Option<Value> {
    match value {
        IndexValue::Uri(address) => Some(Value::from(address)),
        IndexValue::Token { system, code } if system.is_empty() => Some(json!({ "code": code })),
        IndexValue::Token { system, code } => Some(json!({ "system": system, "code": code })),
        IndexValue::Reference(_)
        | IndexValue::Date { .. }
        | IndexValue::Text(_)
        | IndexValue::Quantity { .. }
        | IndexValue::Composite(_) => None,
    }
}

fn of_version(version: StoredVersion) -> Result<Labelled, Failure> {
    let mut stored = parse_stored(&version.key, version.body.as_deref().unwrap_or_default())?;
    Ok(Labelled {
        meta: stored["meta"].take(),
        version: Some(version),
    })
}

/// Returns the change that adds labels to a resource, or removes them. Where it is so already, it
/// writes nothing.
///
/// # Errors
/// `BadRequest` for a Meta that is no such change.
pub fn change(
    key: ResourceKey,
    change: LabelChange,
    meta: &Value,
    condition: Condition,
) -> Result<Action, Failure> {
    let patch = Patch::of_labels(change, meta).map_err(Failure::BadRequest)?;
    Ok(Action::Patch {
        target: ChangeTarget::Key(key),
        patch,
        condition,
    })
}

/// Returns the Meta after such a change.
///
/// # Errors
/// Of the store, if what is stored is no JSON.
pub fn after(written: Written) -> Result<Labelled, Failure> {
    of_version(
        written
            .version
            .expect("a resource that was patched has a version"),
    )
}
