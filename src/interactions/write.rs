//! The one write path: create, update, delete and each transaction end here, in one commit that
//! also carries the rights Tasks of every person concerned (deadline-rules, section 7).
//!
//! Gather what the decision needs, decide, commit with what must not have moved meanwhile; if it
//! has, gather again.

use std::collections::BTreeSet;

use super::entry::{Entry, Step, pending, settle};
use super::failure::locate;
use super::identify::identify_all;
use super::patch::Patch;
use super::persons::{self, Pending};
use super::references::{self, Entries};
use super::referrers::Referrers;
use super::{
    Context, Failure, Server, Written, calendar, content, followers, subscription_check,
    subscription_listeners,
};
use crate::fhir::{
    Body, Id, Issue, IssueCode, Resource, ResourceKey, ResourceType, Version, start_of_day,
};
use crate::search::{self, Row, index_entries};
use crate::storage::{ChangeSet, CommitError, Guard, Precondition, Write};

/// One change that a client asks for.
#[derive(Clone, Debug)]
pub struct Change {
    /// What to do.
    pub action: Action,
    /// The address under which other entries of the same transaction may name the resource.
    pub full_url: Option<String>,
    /// Where it stands among the entries of its transaction; none if it comes alone.
    pub place: Option<usize>,
}

/// What to do to a resource.
#[derive(Clone, Debug)]
pub enum Action {
    /// Store a new resource under `id`, unless the query of `if_none_exist` matches one.
    Create {
        /// The content.
        resource: Resource,
        /// The id that the server chose for it.
        id: Id,
        /// The query of a conditional create.
        if_none_exist: Option<Vec<(String, String)>>,
    },
    /// Make this the content of the resource, which need not exist yet.
    Update {
        /// Which resource.
        target: Target,
        /// The content.
        resource: Resource,
        /// What must be so.
        condition: Condition,
    },
    /// Change the content of the resource, which is there.
    Patch {
        /// Which resource.
        target: Target,
        /// The changes.
        patch: Patch,
        /// What must be so.
        condition: Condition,
    },
    /// Delete the resource.
    Delete {
        /// Which resource.
        target: Target,
        /// What must be so.
        condition: Condition,
    },
}

/// Which resource a change is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// This one.
    Key(ResourceKey),
    /// The only one that matches a query, if there is any (<https://hl7.org/fhir/R4/http.html#cond-update>).
    Matching(Criteria),
}

/// The query of a conditional change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Criteria {
    /// Where to look.
    pub resource_type: ResourceType,
    /// Names and values, percent-decoded.
    pub parameters: Vec<(String, String)>,
    /// An id that nothing has: for what is created if nothing matches.
    pub unused_id: Id,
}

impl Criteria {
    /// The key that nothing has.
    pub(super) fn unused(&self) -> ResourceKey {
        ResourceKey::new(self.resource_type, self.unused_id.clone())
    }
}

/// What a client requires of the version that it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing.
    Any,
    /// It is this one (`If-Match`).
    Is(Version),
    /// There is none (`If-None-Match: *`).
    Absent,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// A client: it may write the types that clients write, and every check is made.
    Client,
    /// The server itself, for the definitions it was started with.
    Definitions,
    /// The server itself, for the status of a Subscription; its content was checked when the client
    /// sent it.
    Delivery,
    /// Nobody: what is asked is only what a check says of the content, of any type. Never commits.
    Nobody,
}

/// Makes all of the changes or none of them.
///
/// # Errors
/// What forbids them, with the findings about all of them at once.
pub fn write(
    server: &Server,
    context: &Context,
    writer: Writer,
    changes: &[Change],
    is_transaction: bool,
) -> Result<Vec<Written>, Failure> {
    let attempt = Attempt {
        server,
        context,
        writer,
        changes,
        is_transaction,
        profiles: &[],
    };
    server.turns.take(|| attempt.run())
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
        is_transaction: false,
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
    is_transaction: bool,
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

    /// None if something moved meanwhile and all must be gathered again.
    fn run(&self) -> Result<Option<Vec<Written>>, Failure> {
        self.awaited()?;
        let Decided {
            mut entries,
            mut pending,
            mut preconditions,
        } = self.decide()?;
        settle(&mut entries, &mut pending);
        if pending.is_empty() {
            return Ok(Some(entries.into_iter().map(Entry::unchanged).collect()));
        }
        preconditions.extend(entries.iter().filter_map(Entry::still_so));
        let today = self.server.today(self.context);
        let concerned = persons::concerned(self.server, &pending)?;
        if calendar::catch_up(self.server, self.context, &concerned.persons, today)? {
            return Ok(None);
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
            Err(CommitError::FactsMoved | CommitError::VersionMoved(_)) => return Ok(None),
            Err(CommitError::Store(error)) => return Err(error.into()),
        };
        for timer in derived.timers.iter().filter_map(|timer| timer.day) {
            self.server.timer_was_set(timer);
        }
        subscription_listeners::wake(self.server, events, &told);
        Ok(Some(
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
            Step::Put(resource, _) => {
                Some(index_entries(entry.key.resource_type, resource.value()))
            }
            Step::Delete | Step::Nothing(_) => None,
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
            let Step::Put(resource, _) = &mut entry.step else {
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
    fn known_to_each_other(&self, entries: &[Entry]) -> Entries {
        let mut known = Entries {
            is_transaction: self.is_transaction,
            now: self.context.now,
            ..Entries::default()
        };
        for (entry, change) in entries.iter().zip(self.changes) {
            if let Some(full_url) = &change.full_url {
                known
                    .by_full_url
                    .insert(full_url.clone(), entry.key.clone());
            }
            match &entry.step {
                _ if self.changes.len() < 2 => {}
                Step::Put(resource, _) => {
                    known.written.push((
                        entry.key.clone(),
                        Some(index_entries(entry.key.resource_type, resource.value())),
                    ));
                }
                Step::Delete => known.written.push((entry.key.clone(), None)),
                Step::Nothing(_) => {}
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
                Step::Put(resource, _)
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
                Step::Delete if self.writer == Writer::Client => {
                    if let Err(failure) = referrers.may_delete(&entry.key, preconditions) {
                        failures.push(placed(change, failure));
                    }
                }
                Step::Put(..) | Step::Delete | Step::Nothing(_) => {}
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

/// A failure of one change; in a transaction it says in which entry.
pub(super) fn placed(change: &Change, failure: Failure) -> Failure {
    match change.place {
        Some(at) => failure.in_entry(at),
        None => failure,
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
