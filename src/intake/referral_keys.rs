//! The keys under which messages of the draft for referrals are stored: a referral has the number
//! that its sender gave it, by which its receiver names it too (intake, section 3).

use serde_json::{Map, Value};

use super::content::{begun, derived_id};
use super::conversion::Converting;
use super::organization::SentOrganization;
use super::recognition::IntakeFormat;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{ResourceKey, ResourceType, names};

const KIND: ResourceType = ResourceType::ServiceRequest;
const FORMAT: IntakeFormat = IntakeFormat::Referral;

/// Returns the key under which a resource is stored: a referral by the sender's identifier, which
/// its receiver names too, else by the sender and its own id.
pub(super) fn key_at(
    work: &Converting<'_>,
    at: usize,
    sent: &Value,
    kind: ResourceType,
) -> ResourceKey {
    if let Some(key) = by_identifier(work, sent, kind) {
        return key;
    }
    let id = work.statement.bundle.entries[at].own_id();
    let sender = work.statement.sender.as_ref();
    let sender = sender.map_or("", SentOrganization::number);
    let text = format!("{}|{sender}|{kind}/{id}", FORMAT.code());
    ResourceKey::new(kind, derived_id(&text))
}

/// Returns the key of a referral by its identifiers: the stored one that has one of them, else one
/// that follows from the first.
fn by_identifier(
    work: &Converting<'_>,
    element: &Value,
    kind: ResourceType,
) -> Option<ResourceKey> {
    if kind != KIND {
        return None;
    }
    let own: Vec<(&str, &str)> = identifiers(element)
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let (system, value) = own.first()?;
    let mut stored = work.known.of_type(kind);
    let found = stored.find(|known| identifiers(&known.content).any(|known| own.contains(&known)));
    let made = || {
        let text = format!("{}|{kind}|{system}|{value}", FORMAT.code());
        ResourceKey::new(kind, derived_id(&text))
    };
    Some(found.map_or_else(made, |known| known.key.clone()))
}

/// Returns the key of the referral that a Reference element names: an entry, one by identifier, or
/// a stored one whose entry had that address.
pub(super) fn named(work: &Converting<'_>, reference: &Value) -> Option<ResourceKey> {
    if let Some(at) = work.statement.bundle.resolve(reference) {
        let entry = work.statement.bundle.entries[at];
        let is_it = entry.type_name() == KIND.as_str();
        return is_it.then(|| key_at(work, at, entry.resource, KIND));
    }
    if let Some(key) = by_identifier(work, reference, KIND) {
        return Some(key);
    }
    let address = reference["reference"].as_str()?;
    let mut stored = work.known.of_type(KIND);
    let has_it =
        |content: &Value| identifiers(content).any(|known| known == (names::URI_SYSTEM, address));
    stored
        .find(|known| has_it(&known.content))
        .map(|known| known.key.clone())
}

/// Returns the reference to the organization of a party: that of a role, else the party itself.
pub(super) fn party(work: &Converting<'_>, reference: &Value) -> Value {
    let bundle = &work.statement.bundle;
    let entry = bundle.resolve(reference).map(|at| bundle.entries[at]);
    match entry.filter(|entry| entry.type_name() == "PractitionerRole") {
        Some(role) => role.resource["organization"].clone(),
        None => reference.clone(),
    }
}

/// Begins the content of a resource: its type, id and identifiers.
pub(super) fn begin(
    work: &Converting<'_>,
    at: usize,
    key: &ResourceKey,
    stored: Option<&Value>,
) -> Map<String, Value> {
    let entry = work.statement.bundle.entries[at];
    let mut sent: Vec<Value> = items(&entry.resource["identifier"]).cloned().collect();
    // Another message has another address of the same thing: it stands for what has no number.
    if sent.is_empty() {
        sent.extend(entry.address_as_identifier());
    }
    begun(key, stored, &sent)
}
