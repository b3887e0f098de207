//! The content of the server in counts, for the page that an operator sees first. No person is in
//! it.

use std::sync::atomic::Ordering;

use jiff::civil::Date;

use super::query::Handling;
use super::search::{SearchRequest, SearchScope, search};
use super::{Context, Failure, Server};
use crate::deadlines::{BusinessStatus, Group, Right, Rule, Rules};
use crate::fhir::ResourceType;

/// For each status the number of Tasks of each right, in the order of [`Right::ALL`].
pub type RightCounts = Vec<(&'static str, Vec<usize>)>;

/// The counts.
pub struct Overview {
    /// The rights, as columns.
    pub rights: Vec<&'static str>,
    /// For each status the number of Tasks of each right, in the order of `rights`.
    pub statuses: RightCounts,
    /// For each target group the first day on which it has each right, in the order of `rights`.
    pub begins: Vec<(&'static str, Vec<Option<Date>>)>,
    /// The number of resources of each type that has any.
    pub stored: Vec<(ResourceType, usize)>,
}

/// Counts what is stored now.
///
/// # Errors
/// Of the store.
pub fn overview(server: &Server, context: &Context) -> Result<Overview, Failure> {
    let mut stored = Vec::new();
    for resource_type in ResourceType::ALL {
        stored.push((*resource_type, count(server, context, *resource_type, &[])?));
    }
    stored.retain(|(_, count)| *count > 0);
    Ok(Overview {
        rights: Right::ALL.iter().map(|right| right.code()).collect(),
        statuses: right_counts(server, context)?,
        begins: begins(&server.rules),
        stored,
    })
}

/// Counts the rights by status and right.
///
/// # Errors
/// Of the store.
pub fn right_counts(server: &Server, context: &Context) -> Result<RightCounts, Failure> {
    let mut statuses = Vec::new();
    for status in BusinessStatus::ALL {
        let of_right = |right: &Right| {
            count(
                server,
                context,
                ResourceType::Task,
                &[("right", right.code()), ("business-status", status.code())],
            )
        };
        statuses.push((
            status.code(),
            Right::ALL.iter().map(of_right).collect::<Result<_, _>>()?,
        ));
    }
    Ok(statuses)
}

/// Returns the rights, in the order of [`RightCounts`].
pub fn rights() -> Vec<&'static str> {
    Right::ALL.iter().map(|right| right.code()).collect()
}

/// Returns the day of the last step of the calendar that was begun; none before the first.
pub fn calendar_day(server: &Server, _context: &Context) -> Option<Date> {
    server.calendar_day()
}

/// Returns the rules in force, each as `url|version` with the number of its units and its first day.
pub fn rules_in_force(server: &Server, _context: &Context) -> Vec<RuleInForce> {
    let of_rule = |rule: &Rule| RuleInForce {
        canonical: rule.canonical(),
        group: rule.group.code(),
        right: rule.right.code(),
        version: rule.version.clone(),
        days: rule.days,
        unit: rule.unit.code(),
        from: rule.effective_from,
    };
    server.rules.iter().map(of_rule).collect()
}

/// A rule in force, as a reader needs it.
pub struct RuleInForce {
    /// Its address and version.
    pub canonical: String,
    /// The target group.
    pub group: &'static str,
    /// The right.
    pub right: &'static str,
    /// The version.
    pub version: String,
    /// The count of the unit from the start to the due date.
    pub days: u32,
    /// The unit.
    pub unit: &'static str,
    /// The first day a clock can start under it.
    pub from: Date,
}

fn begins(rules: &Rules) -> Vec<(&'static str, Vec<Option<Date>>)> {
    let of_group = |group: &Group| {
        let of_rights = Right::ALL.iter().map(|right| rules.begin(*group, *right));
        (group.code(), of_rights.collect())
    };
    Group::ALL.iter().map(of_group).collect()
}

/// Returns the position of the last commit: how many versions were ever written, and commits that
/// wrote none.
///
/// # Errors
/// Of the store.
pub fn changes(server: &Server, _context: &Context) -> Result<u64, Failure> {
    Ok(server.store.last_commit()?.0.0)
}

/// Returns how many events were written since the start, one for each subscription that must be
/// told.
pub fn events_written(server: &Server, _context: &Context) -> u64 {
    server.events_written.load(Ordering::Relaxed)
}

fn count(
    server: &Server,
    context: &Context,
    resource_type: ResourceType,
    criteria: &[(&str, &str)],
) -> Result<usize, Failure> {
    let criteria = criteria.iter().chain(&[("_count", "0")]);
    let parameters = criteria
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let request = SearchRequest {
        scope: SearchScope::Type(resource_type),
        parameters,
        handling: Handling::Strict,
        is_shown: false,
    };
    Ok(search(server, context, &request)?.total.unwrap_or(0))
}
