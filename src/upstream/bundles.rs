//! Bundles of formats that intake knows, made of what a server has: so that its resources go through
//! the same door as what other systems send. Pure.
//!
//! The same content always makes the same Bundle, stamped with the latest instant in it: taken in
//! again, it writes nothing.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::Tidings;
use super::identities::Identities;
use crate::fhir::{ResourceKey, names};

/// The claim by which a ConditionList is recognised.
const CONDITION_LIST: &str =
    "http://medcomfhir.dk/ig/conditionlist/StructureDefinition/medcom-conditionlist-composition";

/// All that a server has of one person.
pub(super) struct OfPerson<'a> {
    /// The name of the upstream.
    pub(super) upstream: &'a str,
    /// The names of its resources.
    pub(super) names: &'a Identities,
    /// The Patient there.
    pub(super) person: &'a ResourceKey,
    /// The Patient's content.
    pub(super) patient: &'a Value,
    /// The resources about the person.
    pub(super) resources: &'a [Tidings],
}

impl OfPerson<'_> {
    /// Makes a ConditionList of the diagnoses, as the practice with these identifiers would publish
    /// it.
    pub(super) fn condition_list(&self, practice: &[(String, String)]) -> Value {
        let practice: Vec<_> = practice
            .iter()
            .map(|(system, value)| json!({ "system": system, "value": value }))
            .collect();
        let instant = self.instant();
        let own = |name: &str| self.names.below(&format!("{name}-of-{}", self.upstream));
        let author = own("Organization/practice");
        let composition = json!({
            "resourceType": "Composition", "meta": { "profile": [CONDITION_LIST] }, "status": "final",
            "type": { "coding": [{ "system": "http://loinc.org", "code": "11450-4" }] },
            "subject": { "reference": self.address(self.person) }, "date": instant,
            "author": [{ "reference": author }], "title": "Conditions"
        });
        let mut entries = vec![
            json!({ "fullUrl": own("Composition/list"), "resource": composition }),
            json!({ "fullUrl": self.address(self.person), "resource": self.patient }),
            json!({ "fullUrl": author, "resource": { "resourceType": "Organization", "identifier": practice } }),
        ];
        entries.extend(self.entries());
        self.bundle("document", &instant, &entries)
    }

    /// Makes a collection of what the national telemedicine platform has.
    pub(super) fn collection(&self) -> Value {
        let mut entries =
            vec![json!({ "fullUrl": self.address(self.person), "resource": self.patient })];
        entries.extend(self.entries());
        self.bundle("collection", &self.instant(), &entries)
    }

    fn bundle(&self, kind: &str, instant: &str, entries: &[Value]) -> Value {
        // The source is told in Provenance: an id of theirs may be a CPR number.
        let person = self.names.derived(self.person);
        let source = format!("urn:frist:{}|{person}|{instant}", self.upstream);
        json!({
            "resourceType": "Bundle", "identifier": { "system": names::URI_SYSTEM, "value": source },
            "type": kind, "timestamp": instant, "entry": entries
        })
    }

    /// Returns the entries of the resources, each with an identifier: its address there, which
    /// names the same thing next time too.
    fn entries(&self) -> impl Iterator<Item = Value> {
        self.resources.iter().filter_map(|one| {
            let (key, content) = (one.key.as_ref()?, one.content.as_ref()?);
            let mut content = content.clone();
            let address = self.address(key);
            if content.get("identifier").is_none() {
                content["identifier"] =
                    json!([{ "system": names::URI_SYSTEM, "value": self.names.address(key) }]);
            }
            Some(json!({ "fullUrl": address, "resource": content }))
        })
    }

    fn address(&self, key: &ResourceKey) -> String {
        self.names.below(&key.to_string())
    }

    /// Returns the latest instant in it.
    fn instant(&self) -> String {
        let of_patient = self.patient["meta"]["lastUpdated"].as_str();
        let of_patient = of_patient.and_then(|text| text.parse::<Timestamp>().ok());
        let latest = self.resources.iter().map(|one| one.at).max().flatten();
        latest
            .max(of_patient)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_string()
    }
}
