//! The keys under which messages of the draft for referrals are stored: a referral has the number
//! that its sender gave it, by which its receiver names it too (intake, section 3).

use serde_json::{Map, Value};

use super::content::{begun, derived_id};
use super::conversion::Converting;
use super::identity::{derived_key, own_numbers};
use super::known::KnownResource;
use super::organization::SentOrganization;
use super::recognition::IntakeFormat;
use crate::fhir::view::{identifiers, items};
use crate::fhir::{ResourceKey, ResourceType, names};

const KIND: ResourceType = ResourceType::ServiceRequest;
const FORMAT: IntakeFormat = IntakeFormat::Referral;

/// Returns the key under which a resource is stored: a referral by the number that its requester gave
/// it, which its receiver names too, else by the sender and its own id.
pub(super) fn key_at(
    work: &Converting<'_>,
    at: usize,
    sent: &Value,
    kind: ResourceType,
) -> ResourceKey {
    if kind == KIND
        && let Some(key) = by_number(work, sent)
    {
        return key;
    }
    let id = work.statement.bundle.entries[at].own_id();
    let sender = work.statement.sender.as_ref();
    let sender = sender.map_or("", SentOrganization::number);
    let text = format!("{}|{sender}|{kind}/{id}", FORMAT.code());
    ResourceKey::new(kind, derived_id(&text))
}

/// Returns the key of a referral that is sent, by its numbers: the stored one that has one of them and was
/// requested by the same one, or by the sender of this, else a new one. Of another requester the same
/// number is that of another referral.
fn by_number(work: &Converting<'_>, sent: &Value) -> Option<ResourceKey> {
    let numbers = own_numbers(sent);
    let number = numbers.first()?;
    let stored = with_number(work, &numbers);
    let requester = work.sent_party(&party(work, &sent["requester"]));
    let Some(requester) = requester else {
        // Who made it is not said: it only names one.
        return only(&stored).or_else(|| Some(first_key(work, number)));
    };
    let mut parties = vec![&requester];
    parties.extend(&work.statement.sender);
    let own = parties.into_iter().find_map(|party| {
        let mut stored = stored.iter();
        stored.find(|known| is_requested_by(work, &known.content, party))
    });
    let made = || {
        let first = first_key(work, number);
        if work.known.content(&first).is_none() {
            return first;
        }
        let before = format!("{}|{}", FORMAT.code(), requester.number());
        let (system, value) = number;
        derived_key(work, KIND, &before, &format!("{system}|{value}"))
    };
    Some(own.map_or_else(made, |known| known.key.clone()))
}

/// Makes the key of the first referral of the person with that number, under which it is named before
/// it comes.
fn first_key(work: &Converting<'_>, (system, value): &(&str, &str)) -> ResourceKey {
    derived_key(work, KIND, FORMAT.code(), &format!("{system}|{value}"))
}

/// Finds the stored referrals of the person with one of these numbers, whoever sent them.
fn with_number<'w>(work: &'w Converting<'_>, numbers: &[(&str, &str)]) -> Vec<&'w KnownResource> {
    let has_it = |content: &Value| identifiers(content).any(|known| numbers.contains(&known));
    let mut found: Vec<&KnownResource> = work
        .known
        .of_type(KIND)
        .filter(|known| has_it(&known.content))
        .collect();
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}

fn only(stored: &[&KnownResource]) -> Option<ResourceKey> {
    match stored {
        [only] => Some(only.key.clone()),
        _ => None,
    }
}

/// Tells whether a stored referral was made by that organization.
fn is_requested_by(work: &Converting<'_>, content: &Value, requester: &SentOrganization) -> bool {
    let stored = &content["requester"];
    let matched = work.matched(requester);
    matched.is_some_and(|matched| stored["reference"] == matched.reference()["reference"])
        || SentOrganization::read(stored).is_same_as(requester)
}

/// Returns the key of the referral that a Reference element names: an entry, one by its number, or a
/// stored one whose entry had that address. Of several with one number none is meant.
pub(super) fn named(work: &Converting<'_>, reference: &Value) -> Option<ResourceKey> {
    let bundle = &work.statement.bundle;
    if let Some(at) = bundle.resolve(reference) {
        let entry = bundle.entries[at];
        let is_it = entry.type_name() == KIND.as_str();
        return is_it.then(|| key_at(work, at, entry.resource, KIND));
    }
    let numbers = own_numbers(reference);
    if let Some(number) = numbers.first() {
        let mut sent = bundle.of_type(KIND.as_str()).filter(|(_, entry)| {
            let own = own_numbers(entry.resource);
            !entry.has_modifiers() && own.iter().any(|own| numbers.contains(own))
        });
        let stored = with_number(work, &numbers);
        return match sent.next() {
            Some((at, entry)) => Some(key_at(work, at, entry.resource, KIND)),
            None if stored.is_empty() => Some(first_key(work, number)),
            None => only(&stored),
        };
    }
    let address = reference["reference"].as_str()?;
    let by_address = with_number(work, &[(names::URI_SYSTEM, address)]);
    by_address.first().map(|known| known.key.clone())
}

/// Returns the reference to the organization of a party: that of a role, else the party itself.
pub(super) fn party(work: &Converting<'_>, reference: &Value) -> Value {
    let bundle = &work.statement.bundle;
    let entry = bundle.resolve(reference).map(|at| bundle.entries[at]);
    match entry.filter(|entry| entry.type_name() == "PractitionerRole") {
        // What is not understood names nobody.
        Some(role) if role.has_modifiers() => Value::Null,
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
    if own_numbers(entry.resource).is_empty() {
        sent.extend(entry.address_as_identifier());
    }
    begun(key, stored, &sent)
}
