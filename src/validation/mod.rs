//! Whether a resource fits its profiles, and the rules of this server that no profile can say
//! (fhir-profiles, sections 1 to 4; deadline-rules, section 2).
//!
//! [`check`] is pure and total: the same resource and context give the same findings in the same
//! order, all of them at once, and no input makes it fail. It reads no clock and no file, knows no
//! store, and resolves no reference: what a reference names is told to [`one_person`] by who can
//! look it up.
//!
//! What FHIR can say is in the definitions, and a [`Validator`] walks over the JSON beside them. No
//! text of a finding repeats an identifier, a name or a display.

pub mod bundle;
mod business;
pub mod contained;
pub mod datatypes;
mod dates;
mod findings;
pub mod narrative;
mod persons;
pub mod primitives;
mod references;
mod validator;
mod walk;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::{Issue, Resource};

pub use dates::NOT_IN_FUTURE;
pub use persons::{ResolvedReference, Target, one_person, person_references};
pub use validator::Validator;

/// What a check depends on besides the resource.
pub struct Context<'a> {
    /// The definitions.
    pub validator: &'a Validator,
    /// Profiles that the resource is to fit besides its type's own and those that it claims.
    pub profiles: &'a [&'a str],
    /// The day on which the resource is written, in Copenhagen: no fact may be dated after it.
    pub today: Date,
    /// Tells of a Condition whether its target group can be determined.
    pub has_target_group: &'a dyn Fn(&Value) -> bool,
}

/// All findings about a resource: those of FHIR in the order of the definitions, then those of this
/// server; none if it is as it should be.
pub fn check(resource: &Resource, context: &Context<'_>) -> Vec<Issue> {
    let value = resource.value();
    let kind = resource.type_name();
    let mut profiles: Vec<&str> = Validator::package_profile(kind).into_iter().collect();
    profiles.extend(context.profiles);
    let mut sink = findings::Sink::default();
    let walk = if business::is_taken_at_its_word(kind) {
        walk::check_to_the_letter
    } else {
        walk::check
    };
    walk(context.validator.definitions(), value, &profiles, &mut sink);
    business::check(value, kind, context, &mut sink);
    sink.into_issues()
}
