//! One trigger under the rules of one right: what each right's file makes, and `derive` turns into
//! a clock.

use jiff::civil::Date;
use serde_json::Value;

use super::calendar::Postponement;
use super::clock::Stop;
use super::owner::TaskOwner;
use super::practice::Party;
use super::rule::Rule;
use super::stored::SourceVersion;
use super::words::Right;
use crate::fhir::{Id, ResourceKey};

/// The answer of one right's own rules for one trigger. What is common to all rights starts from
/// it.
pub(super) struct Case<'a> {
    pub task_id: Id,
    pub right: Right,
    pub focus: &'a ResourceKey,
    pub owner: Option<&'a TaskOwner>,
    pub start: Date,
    /// The rule that applies; none if the right does not.
    pub rule: Option<&'a Rule>,
    pub stop: Option<Stop>,
    /// True if the stop is a contact that names no referral.
    pub start_attributed: bool,
    /// The day of the next booking.
    pub booked: Option<Date>,
    /// The reason why the referral is revoked or on hold, as it was sent.
    pub status_reason: Option<&'a Value>,
    pub declined: bool,
    pub withdrawn: bool,
    pub postponements: Vec<Postponement>,
    /// The practice that made the plan or the referral, once there is one.
    pub made_by: Option<&'a Party>,
    pub inputs: Vec<SourceVersion>,
}
