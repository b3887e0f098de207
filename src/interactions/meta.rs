//! `$meta`, `$meta-add` and `$meta-delete` (<https://hl7.org/fhir/R4/resource-operations.html>): the labels of resources, that is their
//! profiles, tags and security labels.
//!
//! A version is the bytes that were accepted, and is never changed. So labels are changed by a new
//! version like everything else: by the one write path, which holds the resource against what it
//! now claims to be. R4 allows to change the labels of versions of the past; this server does not.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::address::parameters_in;
use super::change::{Action, Change, ChangeTarget, Condition};
use super::scopes::{LabelChange, MetaScope};
use super::stored::parse_stored;
use super::writing::attempt::write_one;
use super::{Context, Failure, Server, Written, read};
use crate::fhir::{Issue, IssueCode, Resource, ResourceKey, ResourceType, view};
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
pub fn meta(server: &Server, context: &Context, scope: &MetaScope) -> Result<Labelled, Failure> {
    match scope {
        MetaScope::System => in_use(server, ResourceType::ALL),
        MetaScope::Type(resource_type) => in_use(server, &[*resource_type]),
        MetaScope::Instance(key) => of_version(read::read(server, context, key)?),
        MetaScope::Version(key, version) => {
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

/// Adds labels to a resource, or removes them; answers its Meta. What is so already writes nothing.
///
/// # Errors
/// As [`super::writing::attempt::write`]; `BadRequest` for what is no such change.
pub fn change(
    server: &Server,
    context: &Context,
    key: ResourceKey,
    change: LabelChange,
    sent: &Resource,
    condition: Condition,
) -> Result<Labelled, Failure> {
    let patch = Patch::of_labels(change, sent_meta(sent)?).map_err(Failure::BadRequest)?;
    let action = Action::Patch {
        target: ChangeTarget::Key(key),
        patch,
        condition,
    };
    let Written { version, .. } = write_one(
        server,
        context,
        Change {
            action,
            full_url: None,
            place: None,
        },
    )?;
    of_version(version.expect("a resource that was patched has a version"))
}

/// Reads the parameters of `$meta` in a Parameters resource: it has none, and says so if one is
/// sent.
///
/// # Errors
/// `BadRequest` if it is no Parameters resource, or one with more parameters than are read.
pub fn sent_parameters(sent: &Resource) -> Result<Vec<(String, String)>, Failure> {
    parameters_in(sent, |_| String::new())
}

/// Reads the only parameter of a change.
fn sent_meta(sent: &Resource) -> Result<&Value, Failure> {
    let wrong = || {
        let text = "expected a Parameters resource with one parameter 'meta' and its valueMeta, and no other";
        Failure::BadRequest(vec![Issue::error(
            IssueCode::Invalid,
            "Parameters.parameter",
            text,
        )])
    };
    let mut parameters = view::items(&sent.value()["parameter"]);
    match (sent.type_name(), parameters.next(), parameters.next()) {
        ("Parameters", Some(only), None) if only["name"] == "meta" => {
            only.get("valueMeta").ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
