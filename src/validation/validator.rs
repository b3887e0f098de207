//! The definitions that a server has, ready to hold resources against.

use serde_json::Value;

use super::findings::Sink;
use super::walk;
use crate::fhir::{Issue, names};
use crate::schema::Definitions;

/// The package profile of each type that has one: such a resource is held against it whether it
/// names it or not (fhir-profiles, section 4).
const PACKAGE_PROFILES: &[(&str, &str)] = &[
    ("Patient", names::PROFILE_PATIENT),
    ("Organization", names::PROFILE_ORGANIZATION),
    ("Condition", names::PROFILE_CONDITION),
    ("CarePlan", names::PROFILE_CAREPLAN),
    ("ServiceRequest", names::PROFILE_REFERRAL),
    ("Encounter", names::PROFILE_OFFER_ENCOUNTER),
];

/// What resources are held against. Made once, shared by all requests.
pub struct Validator {
    definitions: Definitions,
}

impl Validator {
    /// A validator that has these definitions.
    pub fn new(definitions: Definitions) -> Self {
        Validator { definitions }
    }

    /// The definitions.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// True if resources can be held against the profile of that canonical address, with `|version`
    /// or without.
    pub fn knows(&self, profile: &str) -> bool {
        self.definitions
            .structure(profile)
            .is_some_and(crate::schema::Structure::is_resource)
    }

    /// The profile that every resource of a type is held against, besides those that it claims.
    pub fn package_profile(type_name: &str) -> Option<&'static str> {
        PACKAGE_PROFILES
            .iter()
            .find(|(of, _)| *of == type_name)
            .map(|(_, profile)| *profile)
    }

    /// All findings about a value that should be a resource: by its type, by the profiles that it
    /// claims in `meta.profile`, and by these profiles (canonical addresses); in the order of
    /// the definitions, each once. Never fails: what is no resource gives a finding.
    pub fn check(&self, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
        let mut sink = Sink::default();
        walk::check(&self.definitions, resource, profiles, &mut sink);
        sink.into_issues()
    }
}
