//! The identity of entries: a stored resource of the person is found by a number of its sender, among what
//! the same sender has stated before; and the ids of what is new (intake, section 3).

use serde_json::Value;

use super::content::derived_id;
use super::conversion::Converting;
use super::known::KnownResource;
use crate::fhir::view::identifiers;
use crate::fhir::{ResourceKey, ResourceType};

/// Returns the identifiers that identify: one without a system may be anybody's.
pub(super) fn own_numbers(element: &Value) -> Vec<(&str, &str)> {
    identifiers(element)
        .filter(|(system, value)| !system.is_empty() && !value.is_empty())
        .collect()
}

/// Finds the resources of the person with one of these numbers, about which the sender has made a
/// statement before.
pub(super) fn stated_with<'w>(
    work: &'w Converting<'_>,
    kind: ResourceType,
    numbers: &[(&str, &str)],
) -> Vec<&'w KnownResource> {
    let known = &work.known;
    let has_it = |content: &Value| identifiers(content).any(|known| numbers.contains(&known));
    let mut found: Vec<&KnownResource> = known
        .of_type(kind)
        .filter(|stored| known.of_sender.contains(&stored.key) && has_it(&stored.content))
        .collect();
    found.sort_by(|left, right| left.key.cmp(&right.key));
    found
}

/// Makes the key of a resource of the person: it follows from what is said before the person and after
/// it. Two persons never have one key.
pub(super) fn derived_key(
    work: &Converting<'_>,
    kind: ResourceType,
    before: &str,
    after: &str,
) -> ResourceKey {
    let person = &work.person.id;
    ResourceKey::new(kind, derived_id(&format!("{before}|{person}|{after}")))
}
