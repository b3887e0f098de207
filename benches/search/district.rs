//! A part of the country with institutions of its own.

use frist::demo::Population;
use frist::fhir::names::YDERNUMMER;
use serde_json::Value;

/// The number of persons who live in a district.
const PERSONS: usize = 10_000;
/// The beginnings of the ids of institutions.
const INSTITUTIONS: &[&str] = &["practice-", "hospital-", "centre-"];

/// A district, by its number.
#[derive(Clone, Copy)]
pub(crate) struct District(usize);

impl District {
    /// Returns the districts of so many persons.
    pub(crate) fn all(persons: usize) -> impl Iterator<Item = District> {
        (0..persons.div_ceil(PERSONS)).map(District)
    }

    /// Returns the district in which that person lives.
    pub(crate) fn of_person(index: usize) -> Self {
        District(index / PERSONS)
    }

    /// Returns the ids of its practices and centres: who owns Tasks.
    pub(crate) fn owners(self) -> Vec<String> {
        let mut bundle = self.own(Population::organizations());
        let entries = bundle["entry"].as_array_mut().unwrap().iter_mut();
        let ids = entries
            .filter(|entry| entry["resource"]["resourceType"] == "Organization")
            .map(|entry| entry["resource"]["id"].take());
        ids.map(|id| id.as_str().unwrap().to_owned())
            .filter(|id| !id.contains("hospital"))
            .collect()
    }

    /// Returns the same Bundle with the institutions of this district.
    pub(crate) fn own(self, mut bundle: Value) -> Value {
        self.rename(&mut bundle);
        bundle
    }

    fn rename(self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let id_at = text.find('/').map_or(0, |slash| slash + 1);
                if INSTITUTIONS
                    .iter()
                    .any(|begin| text[id_at..].starts_with(begin))
                {
                    text.insert_str(id_at, &format!("d{}-", self.0));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::Object(members) => {
                if members
                    .get("system")
                    .is_some_and(|system| *system == YDERNUMMER)
                {
                    let number: usize = members["value"].as_str().unwrap().parse().unwrap();
                    members["value"] = Value::from((number + 100 * self.0).to_string());
                }
                members.values_mut().for_each(|member| self.rename(member));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
