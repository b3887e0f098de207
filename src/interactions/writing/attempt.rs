//! The one write path: create, update, delete and each transaction end here, in one commit that
//! also carries the rights Tasks of every person concerned (deadline-rules, section 7).
//!
//! Gather what the decision needs, decide, commit with what must not have moved meanwhile; if it
//! has, gather again.

use std::collections::BTreeSet;

use super::entry::{Entry, EntryWrite, pending, settle};
use super::identify::identify_all;
use super::pending::Pending;
use super::references::KnownEntries;
use super::referrers::Referrers;
use super::write_turns::Attempted;
use super::{content, followers, persons, references, subscription_check};
use crate::fhir::{Body, Issue, IssueCode, ResourceType, start_of_day};
use crate::interactions::change::{AskedAs, Change, Writer, placed};
use crate::interactions::failure::locate;
use crate::interactions::upkeep::calendar;
use crate::interactions::{Context, Failure, Server, Written};
use crate::search::{self, Row, index_entries};
use crate::storage::{ChangeSet, CommitError, Guard, Precondition, Write};

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
    let attempt = Attempt {
        server,
        context,
        writer,
        changes,
        asked_as,
        profiles: &[],
    };
    server.turns.take(|| attempt.run())
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

/// What [`write()`] would find about this one change, and what a check against these profiles finds
/// besides; nothing is written.
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
    let attempt = Attempt {
        server,
        context,
        writer,
        changes: &[change],
        asked_as: AskedAs::Requests,
        profiles,
    };
    match attempt.decide() {
        Ok(decided) => Ok(decided
            .entries
            .into_iter()
            .flat_map(|entry| entry.warnings)
            .collect()),
        Err(failure @ (Failure::Store(_) | Failure::Busy)) => Err(failure),
        Err(failure) if failure.is_of_index() => Err(failure),
        Err(failure) => Ok(failure.issues()),
    }
}

struct Attempt<'a> {
    server: &'a Server,
    context: &'a Context,
    writer: Writer,
    changes: &'a [Change],
    asked_as: AskedAs,
    /// What the content is checked against besides what it always is.
    profiles: &'a [&'a str],
}

/// What a request comes to, before anything is written.
struct Decided {
    entries: Vec<Entry>,
    pending: Pending,
    /// What must still be so when it is committed.
    preconditions: Vec<Precondition>,
}

impl Attempt<'_> {
    /// Gathers what the decision needs, and makes every check.
    fn decide(&self) -> Result<Decided, Failure> {
        let mut preconditions = Vec::new();
        let mut entries = identify_all(
            self.server,
            self.context,
            self.writer,
            self.changes,
            &mut preconditions,
        )?;
        self.refuse_duplicates(&entries)?;
        let issues = self.resolve(&mut entries, &mut preconditions)?;
        self.refuse_shared_matches(&entries)?;
        let pending = pending(&entries)?;
        preconditions.extend(persons::unmoved(self.server, &pending)?);
        self.check(&mut entries, issues, &pending, &mut preconditions)?;
        Ok(Decided {
            entries,
            pending,
            preconditions,
        })
    }

    /// Decides and commits.
    fn run(&self) -> Result<Attempted<Vec<Written>>, Failure> {
        self.awaited()?;
        let Decided {
            mut entries,
            mut pending,
            mut preconditions,
        } = self.decide()?;
        settle(&mut entries, &mut pending);
        if pending.is_empty() {
            return Ok(Attempted::Done(
                entries.into_iter().map(Entry::unchanged).collect(),
            ));
        }
        preconditions.extend(entries.iter().filter_map(Entry::still_so));
        let today = self.server.today(self.context);
        let concerned = persons::concerned(self.server, &pending)?;
        if calendar::catch_up(self.server, self.context, &concerned.persons, today)? {
            return Ok(Attempted::Overtaken);
        }
        // A request that waited across midnight is of the day that has begun, and so is what it
        // changes.
        let last_modified = self.context.now.max(start_of_day(today));
        let derived = persons::derive(
            self.server,
            self.context,
            &concerned.persons,
            &pending,
            today,
            last_modified,
        )?;
        let mut told = derived.told();
        told.extend(followers::subscriptions(&pending).map(|(key, _)| key.id.clone()));
        let mut changes = ChangeSet {
            preconditions,
            touches: touched_by(&pending),
            timers: derived.timers.clone(),
            events: derived.events,
            streams: followers::begun(&pending),
            ..ChangeSet::at(self.context.now)
        };
        changes.preconditions.extend(concerned.preconditions);
        changes.preconditions.extend(derived.preconditions);
        changes.touches.extend(derived.touches);
        let writes: Vec<Option<Write>> = entries.iter().map(Entry::write).collect();
        let bodies: Vec<Option<Body>> = writes
            .iter()
            .map(|write| {
                write
                    .as_ref()?
                    .content
                    .as_ref()
                    .map(|content| content.body.clone())
            })
            .collect();
        changes
            .writes
            .extend(writes.into_iter().flatten().chain(derived.writes));
        let events = changes.events.len();
        self.awaited()?;
        let committed = match self.server.store.commit(changes) {
            Ok(committed) => committed,
            Err(CommitError::FactsMoved | CommitError::VersionMoved(_)) => {
                return Ok(Attempted::Overtaken);
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
        };
        for timer in derived.timers.iter().filter_map(|timer| timer.day) {
            self.server.timer_was_set(timer);
        }
        self.server.committed(events, &told);
        Ok(Attempted::Done(
            entries
                .into_iter()
                .zip(bodies)
                .map(|(entry, body)| entry.written(body, committed))
                .collect(),
        ))
    }

    /// Stops what nobody waits for any more: no one will learn how it failed.
    fn awaited(&self) -> Result<(), Failure> {
        if self.context.is_abandoned() {
            Err(Failure::Busy)
        } else {
            Ok(())
        }
    }

    fn refuse_duplicates(&self, entries: &[Entry]) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        match entries
            .iter()
            .zip(self.changes)
            .find(|(entry, _)| !seen.insert(&entry.key))
        {
            Some((twice, change)) => {
                let text = format!(
                    "{} stands twice in the transaction: expected each once",
                    twice.key
                );
                Err(placed(
                    change,
                    Failure::bad_request(IssueCode::Duplicate, text),
                ))
            }
            None => Ok(()),
        }
    }

    /// What a conditional update or patch looks for, no other entry may write: then it would have
    /// another match, or two.
    fn refuse_shared_matches(&self, entries: &[Entry]) -> Result<(), Failure> {
        let indexed = |entry: &Entry| match &entry.step {
            EntryWrite::Put(resource, _) => {
                Some(index_entries(entry.key.resource_type, resource.value()))
            }
            EntryWrite::Delete | EntryWrite::Nothing(_) => None,
        };
        if entries.len() < 2 || entries.iter().all(|entry| entry.claims.is_none()) {
            return Ok(());
        }
        let written: Vec<_> = entries
            .iter()
            .filter_map(|entry| Some((&entry.key, indexed(entry)?)))
            .collect();
        for (entry, change) in entries.iter().zip(self.changes) {
            let Some(query) = &entry.claims else { continue };
            let others = written.iter().filter(|(key, _)| **key != entry.key);
            let row = |key, entries| Row {
                key,
                last_updated: self.context.now,
                entries,
            };
            if let Some((other, _)) = others
                .clone()
                .find(|(key, index)| search::matches(query, row(key, index)))
            {
                let text = format!(
                    "the criteria match what another entry writes, {other}: expected each resource in one entry"
                );
                return Err(placed(
                    change,
                    Failure::bad_request(IssueCode::Duplicate, text),
                ));
            }
        }
        Ok(())
    }

    /// Rewrites the references; answers what is wrong with them, by entry.
    fn resolve(
        &self,
        entries: &mut [Entry],
        preconditions: &mut Vec<Precondition>,
    ) -> Result<Vec<Vec<Issue>>, Failure> {
        let known = self.known_to_each_other(entries);
        let (mut issues, mut failures) = (Vec::new(), Vec::new());
        for (entry, change) in entries.iter_mut().zip(self.changes) {
            let EntryWrite::Put(resource, _) = &mut entry.step else {
                issues.push(Vec::new());
                continue;
            };
            match references::resolve(self.server, &known, change.full_url.as_deref(), resource) {
                Ok(resolved) => {
                    preconditions.extend(resolved.preconditions);
                    issues.push(resolved.issues);
                }
                Err(failure) => failures.push(placed(change, failure)),
            }
        }
        Failure::together(failures).map_or(Ok(issues), Err)
    }

    /// What the references of the changes may name among the changes themselves.
    fn known_to_each_other(&self, entries: &[Entry]) -> KnownEntries {
        let mut known = KnownEntries {
            is_transaction: self.asked_as == AskedAs::Transaction,
            now: self.context.now,
            ..KnownEntries::default()
        };
        for (entry, change) in entries.iter().zip(self.changes) {
            if let Some(full_url) = &change.full_url {
                known
                    .by_full_url
                    .insert(full_url.clone(), entry.key.clone());
            }
            match &entry.step {
                _ if self.changes.len() < 2 => {}
                EntryWrite::Put(resource, _) => {
                    known.written.push((
                        entry.key.clone(),
                        Some(index_entries(entry.key.resource_type, resource.value())),
                    ));
                }
                EntryWrite::Delete => known.written.push((entry.key.clone(), None)),
                EntryWrite::Nothing(_) => {}
            }
        }
        known
    }

    /// Makes every check of the content; all findings come back at once.
    fn check(
        &self,
        entries: &mut [Entry],
        mut issues: Vec<Vec<Issue>>,
        pending: &Pending,
        preconditions: &mut Vec<Precondition>,
    ) -> Result<(), Failure> {
        let referrers = Referrers::of(self.server, pending);
        let today = self.server.today(self.context);
        let mut too_many = followers::too_many(self.server, pending)?;
        let mut failures = Vec::new();
        for ((entry, change), issues) in entries.iter().zip(self.changes).zip(&mut issues) {
            match &entry.step {
                EntryWrite::Put(resource, _)
                    if !matches!(self.writer, Writer::Definitions | Writer::Delivery) =>
                {
                    issues.extend(content::findings(
                        resource,
                        &self.server.validator,
                        &self.server.groups,
                        today,
                        self.profiles,
                    ));
                    if entry.key.resource_type == ResourceType::Subscription {
                        let before = pending
                            .get(&entry.key)
                            .and_then(|write| write.before.as_ref());
                        subscription_check::check(
                            self.server,
                            self.context.now,
                            before,
                            resource.value(),
                            issues,
                        );
                        issues.extend(too_many.take());
                    }
                    issues.extend(references::check(
                        self.server,
                        resource.value(),
                        pending,
                        preconditions,
                    )?);
                }
                EntryWrite::Delete if self.writer == Writer::Client => {
                    if let Err(failure) = referrers.may_delete(&entry.key, preconditions) {
                        failures.push(placed(change, failure));
                    }
                }
                EntryWrite::Put(..) | EntryWrite::Delete | EntryWrite::Nothing(_) => {}
            }
        }
        if let Some(failure) = Failure::together(failures) {
            return Err(failure);
        }
        if issues.iter().flatten().any(Issue::refuses) {
            return Err(Failure::Unprocessable(self.located(issues)));
        }
        for (entry, issues) in entries.iter_mut().zip(issues) {
            entry.warnings = issues;
        }
        Ok(())
    }

    /// In a transaction, each finding says in which entry it is.
    fn located(&self, issues: Vec<Vec<Issue>>) -> Vec<Issue> {
        let mut entries: Vec<_> = self.changes.iter().zip(issues).collect();
        entries.sort_by_key(|(change, _)| change.place);
        for (change, issues) in &mut entries {
            if let Some(at) = change.place {
                issues.iter_mut().for_each(|issue| locate(issue, at));
            }
        }
        entries.into_iter().flat_map(|(_, issues)| issues).collect()
    }
}

/// What a commit of these writes moves, besides the persons' guards.
fn touched_by(pending: &Pending) -> Vec<Guard> {
    let mut touches = Vec::new();
    for (key, write) in pending {
        if crate::deadlines::is_practice(key.resource_type) {
            touches.push(persons::resource_guard(key));
            let organizations = write
                .content
                .iter()
                .flat_map(crate::deadlines::practice_references);
            touches
                .extend(organizations.map(|organization| persons::dependents_guard(&organization)));
        }
    }
    touches.extend(followers::touched(pending));
    touches
}
