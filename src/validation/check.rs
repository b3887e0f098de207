//! The whole check of a resource: by the definitions, then by the rules of this server.

use super::context::CheckContext;
use super::findings::Sink;
use super::validator::Validator;
use super::{business, walk};
use crate::fhir::{Issue, Resource};

/// Returns all findings about a resource: those of FHIR in the order of the definitions, then those
/// of this server.
pub fn check(resource: &Resource, context: &CheckContext<'_>) -> Vec<Issue> {
    let value = resource.value();
    let kind = resource.type_name();
    let mut profiles: Vec<&str> = Validator::package_profile(kind).into_iter().collect();
    profiles.extend(context.profiles);
    let mut sink = Sink::default();
    let walk = if business::is_taken_at_its_word(kind) {
        walk::check_to_the_letter
    } else {
        walk::check
    };
    walk(context.validator.definitions(), value, &profiles, &mut sink);
    business::check(value, kind, context, &mut sink);
    sink.into_issues()
}
