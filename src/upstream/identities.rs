//! The names of another server's resources here, and the references that name them.
//!
//! A mapped id is made with the store's secret, so that it is the same for ever and says nothing:
//! ids of other systems are sometimes made of CPR numbers. A person or organization that is stored
//! already, from wherever, is the one that it is: found by identifier, it is not doubled.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use uuid::Builder;

use super::settings::{Ids, Upstream};
use crate::fhir::{Id, Reference, ResourceKey};
use crate::storage::SECRET_BYTES;

/// The most names that are kept in memory.
const KNOWN_MAX: usize = 200_000;

/// The purpose of the derivation: another use of the store's secret gives other bytes.
const PURPOSE: &[u8] = b"frist upstream id 2\0";

/// The names of one upstream's resources.
pub(super) struct Identities {
    base: String,
    ids: Ids,
    secret: [u8; SECRET_BYTES],
    /// The number of names from which on they are forgotten.
    known_max: usize,
    /// The names that were looked up: theirs to ours.
    known: Mutex<HashMap<ResourceKey, ResourceKey>>,
}

impl Identities {
    /// Makes those of an upstream.
    pub(super) fn new(upstream: &Upstream, secret: &[u8; SECRET_BYTES]) -> Self {
        Identities {
            base: upstream.base_text().to_owned(),
            ids: upstream.ids,
            secret: *secret,
            known_max: KNOWN_MAX,
            known: Mutex::default(),
        }
    }

    /// Returns the address of a resource on its server; of an id that may be a CPR number, with the
    /// derived id instead.
    pub(super) fn address(&self, theirs: &ResourceKey) -> String {
        if could_name_person(theirs.id.as_str()) {
            format!("{}/{}", self.base, self.derived(theirs))
        } else {
            format!("{}/{theirs}", self.base)
        }
    }

    /// Returns an address below the base.
    pub(super) fn below(&self, rest: &str) -> String {
        format!("{}/{rest}", self.base)
    }

    /// Tells whether an address is one of that server.
    pub(super) fn is_theirs(&self, address: &str) -> bool {
        address
            .strip_prefix(&self.base)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns the name that a resource of that server has here unless it is found by identifier.
    pub(super) fn mapped(&self, theirs: &ResourceKey) -> ResourceKey {
        if self.ids == Ids::Kept {
            return theirs.clone();
        }
        self.derived(theirs)
    }

    /// Derives a name from the address of a resource: another server has other ones, whatever the
    /// operator calls it.
    pub(super) fn derived(&self, theirs: &ResourceKey) -> ResourceKey {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            unreachable!("HMAC takes a key of any length");
        };
        mac.update(PURPOSE);
        mac.update(format!("{}\0{theirs}", self.base).as_bytes());
        let bytes = mac.finalize().into_bytes();
        let mut first = [0; 16];
        first.copy_from_slice(&bytes[..16]);
        let id = Builder::from_custom_bytes(first).into_uuid();
        ResourceKey::new(theirs.resource_type, Id::from(id))
    }

    /// Returns the name that was found for a resource of that server.
    pub(super) fn found(&self, theirs: &ResourceKey) -> Option<ResourceKey> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(theirs).cloned()
    }

    /// Notes the name that was found.
    pub(super) fn note(&self, theirs: ResourceKey, ours: ResourceKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(theirs, ours);
    }

    /// Forgets names if there are too many: before a page is taken, never while it is.
    pub(super) fn make_room(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.known_max {
            known.clear();
        }
    }

    /// Returns the name of a resource of that server here.
    pub(super) fn ours(&self, theirs: &ResourceKey) -> ResourceKey {
        self.found(theirs).unwrap_or_else(|| self.mapped(theirs))
    }

    /// Collects the resources of that server that a resource refers to.
    pub(super) fn referred_to(&self, value: &Value) -> Vec<ResourceKey> {
        let mut found = Vec::new();
        each_reference(&mut value.clone(), &mut |text| {
            found.extend(self.own_key(text));
        });
        found
    }

    /// Rewrites the references of a resource to those of that server: to the names here, or, of
    /// types that are not held, to whole addresses, so that they are never taken for something here.
    pub(super) fn rewrite(&self, value: &mut Value) {
        each_reference(value, &mut |text| {
            if let Some(theirs) = self.own_key(text) {
                *text = self.ours(&theirs).to_string();
            } else if is_foreign_relative(text) {
                *text = format!("{}/{text}", self.base);
            }
        });
    }

    /// Returns the resource of that server that a reference names, whatever its version.
    pub(super) fn own_key(&self, reference: &str) -> Option<ResourceKey> {
        let own = match reference.strip_prefix(&self.base) {
            Some(rest) => rest.strip_prefix('/')?,
            None => reference,
        };
        Reference::parse(own).local_key().cloned()
    }
}

/// Tells whether an id may hold a CPR number: ten digits in a row, with hyphens or without.
pub(super) fn could_name_person(id: &str) -> bool {
    id.split(|sign: char| !sign.is_ascii_digit() && sign != '-')
        .any(|run| run.bytes().filter(u8::is_ascii_digit).count() == 10)
}

/// Tells whether a reference names a resource relative to its server that is of a type not held here.
fn is_foreign_relative(reference: &str) -> bool {
    let mut steps = reference.split('/');
    let begins = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    match (steps.next(), steps.next()) {
        (Some(name), Some(id)) => {
            begins(name)
                && name.bytes().all(|byte| byte.is_ascii_alphabetic())
                && Id::parse(id).is_some()
        }
        _ => false,
    }
}

/// Calls `visit` with the text of each literal reference.
fn each_reference(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "reference" => visit(text),
                    other => each_reference(other, visit),
                }
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| each_reference(value, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings_file::read;
    use super::*;

    fn identities(name: &str, ids: &str) -> Identities {
        of_base(name, "https://ehr.example.dk/fhir", ids)
    }

    fn of_base(name: &str, base: &str, ids: &str) -> Identities {
        let file = json!({ "upstreams": [{ "name": name, "base": base, "read": [{ "history": "system" }], "ids": ids }] });
        let upstream = read(file.to_string().as_bytes()).expect("a file").remove(0);
        Identities::new(&upstream, &[7; SECRET_BYTES])
    }

    #[test]
    fn ids_are_the_same_for_ever_and_differ_between_upstreams() {
        let key = ResourceKey::parse("Patient/0405440001").expect("a key");
        let a = identities("a", "mapped").mapped(&key);
        for (name, base, is_same) in [
            ("a", "https://ehr.example.dk/fhir", true),
            ("renamed", "https://ehr.example.dk/fhir", true),
            ("a", "https://EHR.example.dk:443/fhir/", true),
            ("a", "https://new.example.dk/fhir", false),
            ("a", "https://ehr.example.dk/fhir/2", false),
        ] {
            let other = of_base(name, base, "mapped").mapped(&key);
            assert_eq!(other == a, is_same, "{name} {base}");
        }
        assert_eq!(identities("a", "kept").mapped(&key), key);
    }

    #[test]
    fn an_id_that_may_be_a_cpr_number_stands_in_no_address() {
        for (id, is_hidden) in [
            ("0405440001", true),
            ("p0405440001", true),
            ("0405440001.1", true),
            ("040544-0001", true),
            ("12345", false),
            ("12345678901", false),
        ] {
            let key = ResourceKey::parse(&format!("Patient/{id}")).expect("a key");
            let names = identities("a", "mapped");
            let address = names.address(&key);
            assert_eq!(!address.ends_with(id), is_hidden, "{address}");
            assert!(names.is_theirs(&address), "{address}");
        }
    }

    #[test]
    fn names_are_forgotten_between_pages_and_never_within_one() {
        let mut names = identities("a", "mapped");
        names.known_max = 3;
        let key = |at: usize| ResourceKey::parse(&format!("Patient/{at}")).expect("a key");
        let known = |names: &Identities| {
            (0..10)
                .filter(|at| names.found(&key(*at)).is_some())
                .count()
        };
        // Two before a page, and seven within it: all of them are known to its end.
        (0..2).for_each(|at| names.note(key(at), key(at + 100)));
        names.make_room();
        assert_eq!(known(&names), 2, "there is room");
        (2..9).for_each(|at| names.note(key(at), key(at + 100)));
        assert_eq!(known(&names), 9);
        names.make_room();
        assert_eq!(known(&names), 0);
        assert_eq!(names.ours(&key(1)), names.mapped(&key(1)));
        assert_eq!(identities("a", "mapped").known_max, 200_000);
    }

    #[test]
    fn references_are_rewritten_wherever_they_stand() {
        let names = identities("a", "mapped");
        let theirs = ResourceKey::parse("Patient/1").expect("a key");
        let found = ResourceKey::parse("Patient/known").expect("a key");
        names.note(theirs, found);
        let organization = names.mapped(&ResourceKey::parse("Organization/9").expect("a key"));
        let mut value = json!({
            "subject": { "reference": "https://ehr.example.dk/fhir/Patient/1/_history/3" },
            "contained": [{ "of": [{ "reference": "Organization/9" }] }],
            "others": [{ "reference": "#x" }, { "reference": "Observation/7" }, { "reference": "urn:uuid:x" },
                { "reference": "https://else.example.dk/fhir/Patient/1" }, { "reference": "https://ehr.example.dk/fhirx/Patient/1" }]
        });
        let referred: Vec<_> = names
            .referred_to(&value)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(referred, ["Patient/1", "Organization/9"]);
        names.rewrite(&mut value);
        assert_eq!(
            value,
            json!({
                "subject": { "reference": "Patient/known" },
                "contained": [{ "of": [{ "reference": organization.to_string() }] }],
                "others": [{ "reference": "#x" }, { "reference": "https://ehr.example.dk/fhir/Observation/7" }, { "reference": "urn:uuid:x" },
                    { "reference": "https://else.example.dk/fhir/Patient/1" }, { "reference": "https://ehr.example.dk/fhirx/Patient/1" }]
            })
        );
    }
}
