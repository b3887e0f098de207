//! One clock: everything that a rights Task says, as values. Comparing two clocks is comparing two
//! Tasks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

use super::owner::TaskOwner;
use super::stored::SourceVersion;
use super::words::{BusinessStatus, Forecast, Group, Right, StartOn, TaskStatus, Unit};
use crate::fhir::{Id, ResourceKey};

/// One deadline of one person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The id of its Task, derived from what the clock is for.
    pub task_id: Id,
    /// The right.
    pub right: Right,
    /// The target group.
    pub group: Group,
    /// The Condition or ServiceRequest it is about.
    pub focus: ResourceKey,
    /// The Patient.
    pub patient: ResourceKey,
    /// The party that is responsible, if one is named.
    pub owner: Option<TaskOwner>,
    /// The rule: `url|version`.
    pub rule: String,
    /// Day 0.
    pub start: Date,
    /// The day that the rule starts the clock on; a treatment plan's starts with the diagnosis.
    pub start_on: StartOn,
    /// The count of the unit from the start to the due date.
    pub days: u32,
    /// The unit.
    pub unit: Unit,
    /// The day on which the count is reached.
    pub gross_due: Date,
    /// The day on which it is reached without the days that a postponement covers.
    pub net_due: Date,
    /// The one of the two that the rule goes by.
    pub due: Date,
    /// The event that ended it, if one did.
    pub stop: Option<Stop>,
    /// True if the contact that ended it names no referral, and was attributed to this one.
    pub start_attributed: bool,
    /// The forecast for a start that is still owed.
    pub forecast: Option<Forecast>,
    /// The reason why the referral is revoked or on hold, as it was sent.
    pub status_reason: Option<Value>,
    /// `Task.status`.
    pub status: TaskStatus,
    /// `Task.businessStatus`.
    pub business_status: BusinessStatus,
    /// True if the Patient names the practice that made the plan or the referral as their general
    /// practitioner; none until there is one.
    pub own_gp_verified: Option<bool>,
}

/// The event that ended a clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stop {
    /// The day.
    pub date: Date,
    /// The plan or encounter that did (under the stop mode `offered` the referral that says when a
    /// first contact is offered).
    pub by: ResourceKey,
}

/// The answer of the rules for one person on one day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// The clocks, by right, group and focus as text.
    pub clocks: Vec<Clock>,
    /// The ids of the Tasks whose trigger is there but gives no right: row 2 of the status table.
    pub not_applicable: BTreeSet<Id>,
    /// The versions that each clock, and each trigger that gives no right, was computed from; by
    /// Task id, without repeats.
    pub inputs: BTreeMap<Id, Vec<SourceVersion>>,
    /// The first later day on which the clocks differ, if no fact changes before it.
    pub next_change: Option<Date>,
}
