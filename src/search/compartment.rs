//! The resources of a person: the compartment of a Patient as R4 defines it
//! (<https://hl7.org/fhir/R4/compartmentdefinition-patient.html>), and the additions of the server
//! for `$everything`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::care_dates;
use super::entry::{IndexEntry, IndexValue};
use super::extract::{self, index_entries};
use super::ordered_lists::ORDERED_LISTS;
use crate::fhir::{ResourceKey, ResourceType};

/// The parameter of the entries by which a server finds all resources of a person.
pub const OF_PERSON: &str = "_person";

/// For each type of R4, the parameters by which a resource is in the compartment of the Patient
/// that it names; without any, no resource of the type is.
static DEFINITION: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let data = include_str!("../../profiles/packages/r4-patient-compartment.json");
    serde_json::from_str(data).unwrap_or_default()
});

/// Returns the held types with resources in the compartment of a Patient, in order.
pub fn types() -> Vec<ResourceType> {
    ResourceType::ALL
        .iter()
        .copied()
        .filter(|resource_type| !parameters(*resource_type).is_empty())
        .collect()
}

fn parameters(resource_type: ResourceType) -> &'static [String] {
    DEFINITION
        .get(resource_type.as_str())
        .map_or(&[], Vec::as_slice)
}

/// Returns for each parameter of each held type, as `Task?owner`, a mark of everything by which
/// [`found_by`] makes its entries. Entries with another mark must be made anew.
pub fn index_marks() -> BTreeMap<String, String> {
    let mut marks = BTreeMap::new();
    for resource_type in ResourceType::ALL.iter().copied() {
        let own: Vec<_> = extract::index_marks(resource_type).collect();
        let by_them = own
            .iter()
            .filter(|(code, _)| tells_person(resource_type, code))
            .map(|(code, mark)| format!("{code} {mark}"));
        marks.insert(
            format!("{resource_type}?{OF_PERSON}"),
            extract::mark(by_them),
        );
        let care = extract::mark([
            care_dates::CARE.to_owned(),
            marks[&format!("{resource_type}?{OF_PERSON}")].clone(),
        ]);
        marks.insert(format!("{resource_type}?{}", care_dates::CARE), care);
        marks.extend(
            own.into_iter()
                .map(|(code, mark)| (format!("{resource_type}?{code}"), mark)),
        );
    }
    // A list is made of the entries of its parameters, and is to be made anew when they are.
    for kind in ORDERED_LISTS {
        let of_code = |code| {
            marks
                .get(&format!("{}?{code}", kind.resource_type))
                .cloned()
        };
        let mark = extract::mark(kind.codes().filter_map(of_code));
        marks.insert(kind.mark_name(), mark);
    }
    marks
}

/// Returns true if a parameter of a type tells which person a resource belongs to.
fn tells_person(resource_type: ResourceType, code: &str) -> bool {
    parameters(resource_type).iter().any(|known| known == code) || (resource_type, code) == TASK
}

/// Returns all index entries of a stored resource: those of its parameters, of its persons, and, if
/// it belongs to a person, of the dates of the care.
pub fn found_by(key: &ResourceKey, resource: &Value) -> Vec<IndexEntry> {
    let mut entries = index_entries(key.resource_type, resource);
    let persons = entries_of_persons(key, &entries);
    if !persons.is_empty() {
        entries.extend(care_dates::entries(key.resource_type, resource));
    }
    entries.extend(persons);
    entries
}

/// Returns the entries of the persons in whose compartment a resource is. A Task also belongs to
/// the person that it is for, since Tasks tell of the rights of a person.
fn entries_of_persons(key: &ResourceKey, entries: &[IndexEntry]) -> Vec<IndexEntry> {
    let named = entries.iter().filter_map(|entry| match &entry.value {
        IndexValue::Reference(target)
            if target.starts_with("Patient/")
                && tells_person(key.resource_type, &entry.parameter)
                && ResourceKey::parse(target).is_some() =>
        {
            Some(target.clone())
        }
        _ => None,
    });
    let own = (key.resource_type == ResourceType::Patient).then(|| key.to_string());
    let persons: std::collections::BTreeSet<_> = named.chain(own).collect();
    persons
        .into_iter()
        .map(|person| IndexEntry::new(OF_PERSON, IndexValue::Reference(person)))
        .collect()
}

/// The type that belongs to a person although the definition does not list it, and the parameter
/// that names the person.
pub const TASK: (ResourceType, &str) = (ResourceType::Task, "patient");
