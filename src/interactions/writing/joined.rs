//! Creates that are one resource because their criteria are the same ones: what is made must meet
//! them, or what the others bring would be lost.

use std::collections::HashMap;

use super::entry::{Entry, EntryWrite};
use super::gathering::Gathering;
use super::references::conditional::{AfterEntries, enough_matches};
use super::references::finder::EntryFinder;
use super::references::surrounding::Surrounding;
use crate::fhir::view::says_the_same;
use crate::fhir::{IssueCode, Resource};
use crate::interactions::Failure;
use crate::interactions::change::{Action, Change, placed};

/// Refuses a create whose criteria another entry has too, if what that one makes does not meet them.
/// Where both bring the same content, nothing is lost.
///
/// # Errors
/// `BadRequest` that tells of each such create; of the store.
pub(super) fn refuse_unmet(
    gathering: &mut Gathering<'_>,
    entries: &[Entry],
    request: Surrounding<'_>,
) -> Result<(), Failure> {
    if entries.iter().all(|entry| entry.joined.is_none()) {
        return Ok(());
    }
    let finder = EntryFinder::of(entries);
    let after = AfterEntries {
        entries,
        finder: &finder,
        now: request.now,
        enough: enough_matches(request.changes),
    };
    let is_made = |entry: &Entry| matches!(entry.step, EntryWrite::Put(..));
    let makers = entries.iter().enumerate();
    let makers = makers.filter(|(_, entry)| is_made(entry));
    let makers: HashMap<_, usize> = makers.map(|(at, entry)| (&entry.key, at)).collect();
    let mut is_met: HashMap<usize, bool> = HashMap::new();
    let mut failures = Vec::new();
    for (entry, change) in entries.iter().zip(request.changes) {
        let (Some(query), Some(maker)) = (&entry.joined, makers.get(&entry.key).copied()) else {
            continue;
        };
        if is_same_content(change, &request.changes[maker]) {
            continue;
        }
        // Whoever is joined to one maker has its criteria.
        let is_met = match is_met.get(&maker) {
            Some(is_met) => *is_met,
            None => *is_met
                .entry(maker)
                .or_insert(after.is_met(gathering, query, maker)?),
        };
        if !is_met {
            let text = "another entry has the same criteria, and what it makes does not match them: expected criteria that each content meets itself, such as its own identifier";
            let failure = Failure::bad_request(IssueCode::BusinessRule, text);
            failures.push(placed(change, failure));
        }
    }
    Failure::together(failures).map_or(Ok(()), Err)
}

fn is_same_content(one: &Change, other: &Change) -> bool {
    match (content(one), content(other)) {
        (Some(one), Some(other)) => says_the_same(one.value(), other.value(), &["id"]),
        (None, _) | (_, None) => false,
    }
}

fn content(change: &Change) -> Option<&Resource> {
    match &change.action {
        Action::Create { resource, .. } | Action::Update { resource, .. } => Some(resource),
        Action::Patch { .. } | Action::Delete { .. } => None,
    }
}
