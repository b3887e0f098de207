//! What a resource must hold before a clock may depend on it (fhir-profiles, sections 1 to 4; deadline-rules, section 2).
//!
//! [`check`] is pure and total: the same resource and context give the same findings in the same order, all of them at once,
//! and no input makes it fail. It reads no clock and no file, knows no store, and resolves no reference: what a reference
//! names is told to [`one_person`] by who can look it up.
//!
//! What each type holds is a table (`elements`); what a table cannot say is a rule beside it. No text of a finding repeats an
//! identifier, a name or a display.

pub mod bundle;
mod care_plan;
mod codes;
mod condition;
pub mod contained;
pub mod datatypes;
mod dates;
mod elements;
mod encounter;
mod findings;
mod identifiers;
mod meta;
pub mod narrative;
mod persons;
pub mod primitives;
mod references;
mod referral;
mod shape;
mod slices;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::{Issue, Resource, ResourceType};

pub use codes::CODE_SYSTEMS;
pub use persons::{ResolvedReference, Target, one_person, person_references};

use findings::Findings;

/// What a check depends on besides the resource.
pub struct Context<'a> {
    /// The day on which the resource is written, in Copenhagen: no fact may be dated after it.
    pub today: Date,
    /// Tells of a Condition whether its target group can be determined.
    pub has_target_group: &'a dyn Fn(&Value) -> bool,
}

/// All findings about a resource, in the order in which its type's elements are listed; none if it is as it should be.
///
/// Of a type that clients do not write, only `id` and `meta` are looked at.
pub fn check(resource: &Resource, context: &Context<'_>) -> Vec<Issue> {
    let value = resource.value();
    let kind = resource.type_name().parse::<ResourceType>().map_or("Resource", ResourceType::as_str);
    let elements = elements::of(kind);
    let mut findings = Findings::new(value, context.today);
    shape::members(value, kind, elements, &mut findings);
    meta::check(value, kind, &mut findings);
    match kind {
        "Patient" => identifiers::check_patient(value, &mut findings),
        "Organization" => identifiers::check_organization(value, &mut findings),
        "Condition" => condition::check(value, context, &mut findings),
        "CarePlan" => care_plan::check(value, &mut findings),
        "ServiceRequest" => referral::check(value, &mut findings),
        "Encounter" => encounter::check(value, &mut findings),
        _ => {}
    }
    findings.in_order_of(elements)
}
