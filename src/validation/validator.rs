//! The definitions of a server, against which resources are checked.

use serde_json::Value;

use super::findings::Sink;
use super::walk;
use crate::fhir::{Issue, names};
use crate::schema::Definitions;

/// The package profile of each type that has one: such a resource is checked against it whether it
/// names it or not (fhir-profiles, section 4).
const PACKAGE_PROFILES: &[(&str, &str)] = &[
    ("Patient", names::PROFILE_PATIENT),
    ("Organization", names::PROFILE_ORGANIZATION),
    ("Condition", names::PROFILE_CONDITION),
    ("CarePlan", names::PROFILE_CAREPLAN),
    ("ServiceRequest", names::PROFILE_REFERRAL),
    ("Encounter", names::PROFILE_OFFER_ENCOUNTER),
];

/// The definitions against which resources are checked. Made once, shared by all requests.
pub struct Validator {
    definitions: Definitions,
}

impl Validator {
    /// Makes a validator with these definitions.
    pub fn new(definitions: Definitions) -> Self {
        Validator { definitions }
    }

    /// Returns the definitions.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Tells whether resources can be checked against the profile of that canonical address, with
    /// `|version` or without.
    pub fn knows(&self, profile: &str) -> bool {
        self.definitions
            .structure(profile)
            .is_some_and(crate::schema::Structure::is_resource)
    }

    /// Returns the profile that every resource of a type is checked against, besides those that it
    /// claims.
    pub fn package_profile(type_name: &str) -> Option<&'static str> {
        PACKAGE_PROFILES
            .iter()
            .find(|(of, _)| *of == type_name)
            .map(|(_, profile)| *profile)
    }

    /// Returns all findings about a value that should be a resource: by its type, by the profiles
    /// that it claims in `meta.profile`, and by these profiles (canonical addresses); in the order
    /// of the definitions, each once. Never fails: a value that is not a resource gives a finding.
    /// Rules that ask for the time are not checked, which a warning says: [`super::check`] knows it.
    pub fn check(&self, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
        let mut sink = Sink::default();
        let task = walk::CheckTask {
            definitions: &self.definitions,
            profiles,
            now: None,
            is_to_the_letter: false,
        };
        walk::check(&task, resource, &mut sink);
        sink.into_issues()
    }
}
