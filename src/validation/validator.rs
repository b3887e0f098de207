//! The definitions of a server, against which resources are checked.

use serde_json::Value;

use super::findings::Sink;
use super::walk;
use crate::fhir::{Issue, names, view};
use crate::schema::Definitions;

/// The package profile of each type that has one: such a resource is checked against it whether it
/// names it or not (fhir-profiles, section 4). A CarePlan is checked by its category.
const PACKAGE_PROFILES: &[(&str, &str)] = &[
    ("Patient", names::PROFILE_PATIENT),
    ("Organization", names::PROFILE_ORGANIZATION),
    ("Condition", names::PROFILE_CONDITION),
    ("ServiceRequest", names::PROFILE_REFERRAL),
    ("Encounter", names::PROFILE_OFFER_ENCOUNTER),
    ("Appointment", names::PROFILE_APPOINTMENT),
];

/// The category of a CarePlan that is the plan of a prevention offer.
const PREVENTION_OFFER: &str = "prevention-offer";

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

    /// Returns the profile that a resource of a type is checked against, besides those that it
    /// claims. A CarePlan with the category of a prevention offer is the plan of one, and any other
    /// a treatment plan.
    pub fn package_profile(type_name: &str, resource: &Value) -> Option<&'static str> {
        if type_name == "CarePlan" {
            let is_offer = view::has_coding(
                &resource["category"],
                names::CS_CAREPLAN_CATEGORY,
                PREVENTION_OFFER,
            );
            return Some(match is_offer {
                true => names::PROFILE_OFFER_PLAN,
                false => names::PROFILE_CAREPLAN,
            });
        }
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
