//! The resources of a report as they are here: their keys, and what their references name.

use serde_json::{Map, Value, json};

use super::super::content::all_identifiers;
use super::super::conversion::Converting;
use super::super::identity::derived_key;
use super::super::organization::SentOrganization;
use super::super::recognition::IntakeFormat;
use crate::fhir::view::{extensions, items};
use crate::fhir::{ResourceKey, ResourceType, names};

/// KL's extension from an Encounter to a plan.
pub(super) const BASED_ON_PLAN: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnCarePlanExtension";
/// KL's extension from a plan to a referral.
pub(super) const BASED_ON_REFERRAL: &str =
    "http://fhir.kl.dk/prevention/StructureDefinition/BasedOnServiceRequestExtension";

/// Returns the key under which a resource of the report is stored: it follows from the sender, the
/// person and the sender's own id.
pub(super) fn key_of(work: &Converting<'_>, kind: ResourceType, id: &str) -> ResourceKey {
    let sender = work.statement.sender.as_ref();
    let sender = sender.map_or("", SentOrganization::number);
    let format = IntakeFormat::Kl119.code();
    derived_key(
        work,
        kind,
        &format!("{format}|{sender}"),
        &format!("{kind}/{id}"),
    )
}

/// Returns the key of an entry.
pub(super) fn key_at(work: &Converting<'_>, at: usize, kind: ResourceType) -> ResourceKey {
    let entry = work.statement.bundle.entries[at];
    let last = || {
        let full_url = entry.full_url.unwrap_or_default();
        full_url.rsplit(['/', ':']).next().unwrap_or_default()
    };
    let id = if entry.id().is_empty() {
        last()
    } else {
        entry.id()
    };
    key_of(work, kind, id)
}

/// Returns the key of the resource of that type that a Reference element names: an entry, or one of
/// another report of the same sender.
pub(super) fn named(
    work: &Converting<'_>,
    reference: &Value,
    kind: ResourceType,
) -> Option<ResourceKey> {
    if let Some(at) = work.statement.bundle.resolve(reference) {
        let is_it = work.statement.bundle.entries[at].type_name() == kind.as_str();
        return is_it.then(|| key_at(work, at, kind));
    }
    let address = reference["reference"].as_str()?;
    let (before, id) = address.rsplit_once('/')?;
    let is_it = before.rsplit('/').next() == Some(kind.as_str());
    is_it.then(|| key_of(work, kind, id))
}

/// Tells whether a resource is stored, or will be.
pub(super) fn is_here(work: &Converting<'_>, key: &ResourceKey) -> bool {
    work.is_proposed(key) || work.known.content(key).is_some()
}

/// Tells whether a referral of the person is stored, or will be.
pub(super) fn has_referral(work: &Converting<'_>) -> bool {
    let is_referral = |content: &Value| content["status"] != "entered-in-error";
    let mut stored = work.known.of_type(ResourceType::ServiceRequest);
    stored.any(|known| is_referral(&known.content))
        || work.proposed(ResourceType::ServiceRequest).next().is_some()
}

/// Begins the content of a resource: its type, id and identifiers.
pub(super) fn begin(work: &Converting<'_>, at: usize, key: &ResourceKey) -> Map<String, Value> {
    let entry = work.statement.bundle.entries[at];
    let mut content = Map::new();
    content.insert("resourceType".into(), json!(key.resource_type.as_str()));
    content.insert("id".into(), json!(key.id.as_str()));
    let mut sent: Vec<Value> = items(&entry.resource["identifier"]).cloned().collect();
    // An identifier of this system is an absolute address; some reports have relative ones.
    let full_url = entry
        .full_url
        .filter(|url| url.contains("://") || url.starts_with("urn:"));
    sent.extend(full_url.map(|url| json!({ "system": names::URI_SYSTEM, "value": url })));
    let all = all_identifiers(work.known.content(key), &sent);
    if !all.is_empty() {
        content.insert("identifier".into(), Value::Array(all));
    }
    content
}

/// Returns the references that extensions of that address hold.
pub(super) fn references_of<'v>(resource: &'v Value, url: &str) -> Vec<&'v Value> {
    let found = extensions(resource, url);
    found
        .map(|extension| &extension["valueReference"])
        .collect()
}

/// Returns the reference to a resource.
pub(super) fn reference_to(key: &ResourceKey) -> Value {
    json!({ "reference": key.to_string() })
}

/// Names the municipality that sends the report.
pub(super) fn municipality(work: &mut Converting<'_>) -> Option<Value> {
    let sender = work.statement.sender.clone()?;
    work.organization(&sender)
}
