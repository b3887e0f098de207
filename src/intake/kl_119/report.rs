//! The resources of a report as they are here: their keys, and what their references name.

use serde_json::{Map, Value};

use super::super::content::begun;
use super::super::conversion::Converting;
use super::super::identity::derived_key;
use super::super::organization::SentOrganization;
use super::super::recognition::IntakeFormat;
use crate::fhir::view::{extensions, items};
use crate::fhir::{ResourceKey, ResourceType};

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
    key_of(work, kind, work.statement.bundle.entries[at].own_id())
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
    let sent = items(&entry.resource["identifier"]).cloned();
    let sent: Vec<Value> = sent.chain(entry.address_as_identifier()).collect();
    begun(key, work.known.content(key), &sent)
}

/// Returns the references that extensions of that address hold.
pub(super) fn references_of<'v>(resource: &'v Value, url: &str) -> Vec<&'v Value> {
    let found = extensions(resource, url);
    found
        .map(|extension| &extension["valueReference"])
        .collect()
}

/// Names the municipality that sends the report.
pub(super) fn municipality(work: &mut Converting<'_>) -> Option<Value> {
    let sender = work.statement.sender.clone()?;
    work.organization(&sender)
}
