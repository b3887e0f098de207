//! The whole check of a resource: by the definitions, then by the rules of this server.

use serde_json::Value;

use super::context::CheckContext;
use super::findings::Sink;
use super::validator::Validator;
use super::walk::{BundleWalk, CheckTask};
use super::{business, walk};
use crate::fhir::{Issue, Resource};

/// Returns all findings about a resource: those of FHIR in the order of the definitions, then those
/// of this server.
pub fn check(resource: &Resource, context: &CheckContext<'_>) -> Vec<Issue> {
    let value = resource.value();
    let kind = resource.type_name();
    let mut sink = Sink::default();
    walk::check(
        &task(kind, context, &profiles(kind, value, context)),
        value,
        &mut sink,
    );
    business::check(value, kind, context, &mut sink);
    sink.into_issues()
}

/// Does the same as [`check`] for the resource in an entry of a Bundle, which knows the other entries;
/// nothing if there is none.
pub fn check_entry(entries: &BundleWalk<'_>, at: usize, context: &CheckContext<'_>) -> Vec<Issue> {
    let Some((value, kind)) = entries.resource(at) else {
        return Vec::new();
    };
    let mut sink = Sink::default();
    entries.check(
        at,
        &task(kind, context, &profiles(kind, value, context)),
        &mut sink,
    );
    business::check(value, kind, context, &mut sink);
    sink.into_issues()
}

/// Returns what a walk is asked about a resource of a type.
fn task<'t>(kind: &str, context: &CheckContext<'t>, profiles: &'t [&'t str]) -> CheckTask<'t> {
    CheckTask {
        definitions: context.validator.definitions(),
        profiles,
        now: Some(context.now),
        is_to_the_letter: business::is_taken_at_its_word(kind),
    }
}

/// Returns the profiles that a resource of a type must fit besides those that it claims.
fn profiles<'a>(kind: &str, resource: &Value, context: &CheckContext<'a>) -> Vec<&'a str> {
    let own = Validator::package_profile(kind, resource);
    own.into_iter()
        .chain(context.profiles.iter().copied())
        .collect()
}
