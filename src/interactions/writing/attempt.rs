//! The one write path: create, update, delete and each transaction end here, in one commit that
//! also carries the rights Tasks of every person concerned (deadline-rules, section 7).
//!
//! Gather what the decision needs, decide, commit with what must not have moved meanwhile; if it
//! has, gather again.

use std::collections::HashMap;

use jiff::civil::Date;

use super::decision::{ChangeRequest, Decided};
use super::dependents::concerned;
use super::derived::{AsOf, Derived, derived};
use super::entry::{Entry, drop_unchanged};
use super::gathering::Gathering;
use super::pending::Pending;
use super::write_turns::Attempted;
use super::{followers, guards, telling};
use crate::deadlines;
use crate::fhir::{Body, Issue, ResourceKey, start_of_day};
use crate::interactions::change::{AskedAs, Change, Writer};
use crate::interactions::upkeep::calendar;
use crate::interactions::{Context, Effect, Failure, Server, Written};
use crate::storage::{ChangeSet, CommitError, Guard, Precondition, StoredVersion, Write};

/// Makes all of the changes or none of them.
///
/// # Errors
/// What forbids them, with the findings about all of them at once.
pub fn write(
    server: &Server,
    context: &Context,
    writer: Writer,
    changes: &[Change],
    asked_as: AskedAs,
) -> Result<Vec<Written>, Failure> {
    let request = ChangeRequest {
        server,
        context,
        writer,
        changes,
        asked_as,
        profiles: &[],
    };
    server.turns.take(|| run(&request))
}

/// Makes one change that a client asks for.
///
/// # Errors
/// As [`write()`].
pub(in crate::interactions) fn write_one(
    server: &Server,
    context: &Context,
    change: Change,
) -> Result<Written, Failure> {
    let mut written = write(
        server,
        context,
        Writer::Client,
        &[change],
        AskedAs::Requests,
    )?;
    Ok(written.pop().expect("one change has one answer"))
}

/// Returns the findings that [`write()`] would have about this one change, and those of a check
/// against these profiles; nothing is written.
///
/// # Errors
/// Of the store: then nothing is known.
pub fn findings(
    server: &Server,
    context: &Context,
    writer: Writer,
    change: Change,
    profiles: &[&str],
) -> Result<Vec<Issue>, Failure> {
    let request = ChangeRequest {
        server,
        context,
        writer,
        changes: &[change],
        asked_as: AskedAs::Requests,
        profiles,
    };
    match request.decide() {
        Ok(decided) => Ok(decided
            .entries
            .into_iter()
            .flat_map(|entry| entry.warnings)
            .collect()),
        Err(failure @ (Failure::Store(_) | Failure::Unsure(_) | Failure::Busy)) => Err(failure),
        Err(failure) if failure.is_of_index() => Err(failure),
        Err(failure) => Ok(failure.issues()),
    }
}

/// Makes one attempt to write what follows from a pass of reading, or only to find out whether it
/// could be written; the turn is the caller's.
///
/// # Errors
/// As [`write()`].
pub(in crate::interactions) fn write_after(
    (server, context): (&Server, &Context),
    gathering: Gathering<'_>,
    writer: Writer,
    changes: &[Change],
    ending: Ending,
) -> Result<Attempted<Vec<Written>>, Failure> {
    let request = ChangeRequest {
        server,
        context,
        writer,
        changes,
        asked_as: AskedAs::Requests,
        profiles: &[],
    };
    finish(&request, gathering, ending)
}

/// The end of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::interactions) enum Ending {
    /// It is committed.
    Commit,
    /// It is checked, and nothing is written.
    Check,
}

/// Makes one attempt; it is overtaken if something moved meanwhile.
fn run(request: &ChangeRequest<'_>) -> Result<Attempted<Vec<Written>>, Failure> {
    finish(request, Gathering::new(request.server), Ending::Commit)
}

fn finish<'a>(
    request: &ChangeRequest<'a>,
    gathering: Gathering<'a>,
    ending: Ending,
) -> Result<Attempted<Vec<Written>>, Failure> {
    ensure_awaited(request.context)?;
    let Decided {
        mut entries,
        mut pending,
        today,
        mut gathering,
    } = request.decide_after(gathering)?;
    drop_unchanged(&mut entries, &mut pending);
    if pending.is_empty() || ending == Ending::Check {
        return Ok(Attempted::Done(
            entries.into_iter().map(Entry::unchanged).collect(),
        ));
    }
    // What another entry writes has its own condition.
    let others = entries
        .iter()
        .filter(|entry| !pending.contains_key(&entry.key));
    for unchanged in others.filter_map(Entry::unchanged_precondition) {
        gathering.insist(unchanged);
    }
    let persons = concerned(&mut gathering, &pending)?;
    let gathered = gathering.rights(&persons, &pending)?;
    let with_timers = gathered
        .holders
        .iter()
        .filter(|holder| holder.may_have_timer);
    let with_timers = with_timers.map(|holder| &holder.key.id);
    if calendar::catch_up(request.server, request.context, with_timers, today)? {
        return Ok(Attempted::Overtaken);
    }
    let as_of = AsOf {
        day: today,
        // A request that waited across midnight is of the day that has begun, and so is what it
        // changes.
        last_modified: request.context.now.max(start_of_day(today)),
        recorded: request.context.now,
    };
    let derived = derived(&gathered, &request.server.rules, as_of);
    let mut told = telling::told(&pending, &gathered, &derived, &request.server.rules, today);
    for entry in &mut entries {
        entry.rights = told.remove(&entry.key).unwrap_or_default();
    }
    commit(
        request,
        entries,
        &pending,
        gathering.into_preconditions(),
        derived,
    )
}

/// Commits what was decided together with what follows from it.
fn commit(
    request: &ChangeRequest<'_>,
    mut entries: Vec<Entry>,
    pending: &Pending,
    preconditions: Vec<Precondition>,
    derived: Derived,
) -> Result<Attempted<Vec<Written>>, Failure> {
    let mut told = derived.told();
    told.extend(followers::subscriptions(pending).map(|(key, _)| key.id.clone()));
    let days: Vec<Date> = derived
        .timers
        .iter()
        .filter_map(|timer| timer.day)
        .collect();
    let writes: Vec<Option<Write>> = entries.iter_mut().map(Entry::write).collect();
    let body = |write: &Option<Write>| Some(write.as_ref()?.content.as_ref()?.body.clone());
    let bodies: Vec<Option<Body>> = writes.iter().map(body).collect();
    let mut touches = derived.touches;
    touches.extend(touched_by(pending));
    let changes = ChangeSet {
        writes: writes.into_iter().flatten().chain(derived.writes).collect(),
        preconditions,
        touches: touches.into_iter().collect(),
        timers: derived.timers,
        events: derived.events,
        streams: followers::new_streams(pending),
        asker: Some(request.context.asker.clone()),
        ..ChangeSet::at(request.context.now)
    };
    let events = changes.events.len();
    ensure_awaited(request.context)?;
    // What fails from here on may be on the disk nevertheless.
    if let Some(error) = request.server.store.failure() {
        return Err(error.into());
    }
    let committed = match request.server.store.commit(changes) {
        Ok(committed) => committed,
        Err(CommitError::FactsMoved | CommitError::VersionMoved(_)) => {
            return Ok(Attempted::Overtaken);
        }
        Err(CommitError::GivenUp) => return Err(Failure::Busy),
        Err(CommitError::Store(error)) => return Err(Failure::Unsure(error)),
    };
    for day in days {
        request.server.timer_was_set(day);
    }
    request.server.committed(events, &told);
    let written = entries.into_iter().zip(bodies);
    let written = written.map(|(entry, body)| entry.written(body, committed));
    Ok(Attempted::Done(with_new_versions(written.collect())))
}

/// Tells of what an entry found, and another wrote, the version that was written.
fn with_new_versions(mut written: Vec<Written>) -> Vec<Written> {
    let is_found = |written: &Written| written.effect == Effect::Unchanged;
    if !written.iter().any(is_found) {
        return written;
    }
    let new: HashMap<ResourceKey, Option<StoredVersion>> = written
        .iter()
        .filter(|written| !is_found(written))
        .map(|written| (written.key.clone(), written.version.clone()))
        .collect();
    for found in written.iter_mut().filter(|written| is_found(written)) {
        if let Some(version) = new.get(&found.key) {
            found.version.clone_from(version);
        }
    }
    written
}

/// Stops what nobody waits for any more: no one will learn how it failed.
fn ensure_awaited(context: &Context) -> Result<(), Failure> {
    if context.is_abandoned() {
        Err(Failure::Busy)
    } else {
        Ok(())
    }
}

/// Returns the guards that a commit of these writes moves, besides the persons' guards.
fn touched_by(pending: &Pending) -> Vec<Guard> {
    let mut touches = Vec::new();
    for (key, write) in pending {
        if deadlines::is_practice(key.resource_type) {
            touches.push(guards::resource(key));
            touches.extend(write.practices.iter().map(guards::dependents));
        }
    }
    touches.extend(followers::touched_guard(pending));
    touches
}
