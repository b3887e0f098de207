//! The content of the server in counts, for the page that an operator sees first. No person is in
//! it.

use std::sync::atomic::Ordering;

use jiff::civil::Date;

use super::query::Handling;
use super::search::{SearchRequest, SearchScope, search};
use super::{Context, Failure, Server};
use crate::deadlines::{BusinessStatus, Group, Right, Rules};
use crate::fhir::ResourceType;

/// The counts.
pub struct Overview {
    /// The rights, as columns.
    pub rights: Vec<&'static str>,
    /// For each status the number of Tasks of each right, in the order of `rights`.
    pub statuses: Vec<(&'static str, Vec<usize>)>,
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
    let mut stored = Vec::new();
    for resource_type in ResourceType::ALL {
        stored.push((*resource_type, count(server, context, *resource_type, &[])?));
    }
    stored.retain(|(_, count)| *count > 0);
    Ok(Overview {
        rights: Right::ALL.iter().map(|right| right.code()).collect(),
        statuses,
        begins: begins(&server.rules),
        stored,
    })
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
