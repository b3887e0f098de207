//! The calendar step (deadline-rules, section 7): at 00:00 in Copenhagen the Tasks whose next
//! change falls on that day change, found by their timers; after downtime every day missed is made
//! up for, in date order.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use jiff::civil::Date;

use crate::fhir::{Id, ResourceKey, start_of_day};
use crate::interactions::writing::derived::{AsOf, Derived, derived};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::pending::{Pending, patient};
use crate::interactions::writing::write_turns::Attempted;
use crate::interactions::{Context, Failure, Server};
use crate::storage::{ChangeSet, CommitError, Precondition};

/// The number of persons that share one commit.
pub(in crate::interactions) const PERSONS_PER_COMMIT: usize = 256;
/// The number of due timers that are asked for at once. Those that were due before them are gone,
/// but the store steps over what is left of their keys: were each commit to ask anew, a midnight
/// would grow with the square of its persons.
const TIMERS_PER_LOOK: usize = 4_096;

/// The progress of a run of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// The number of persons whose rights were looked at.
    pub persons: usize,
    /// The number of versions that were written.
    pub versions: usize,
}

/// Makes every change that the calendar has brought about until today, day by day. `progress` is
/// told after each commit.
///
/// # Errors
/// Of the store, or `Busy` if others never cease to write the same persons.
pub fn run(
    server: &Server,
    context: &Context,
    mut progress: impl FnMut(Date, Progress),
) -> Result<Progress, Failure> {
    let today = server.today(context);
    server.begin_calendar_day(today);
    let mut done = Progress::default();
    // Persons whose records are damaged: their timers stay.
    let mut damaged: BTreeSet<Id> = BTreeSet::new();
    loop {
        let due = server
            .store
            .timers_due(today, TIMERS_PER_LOOK + damaged.len())?;
        let mut due = due
            .into_iter()
            .filter(|timer| !damaged.contains(&timer.owner.id))
            .peekable();
        let Some(day) = due.peek().map(|first| first.day) else {
            return Ok(done);
        };
        let persons: Vec<Id> = due
            .take_while(|timer| timer.day == day)
            .map(|timer| timer.owner.id)
            .collect();
        let groups: Vec<&[Id]> = persons.chunks(PERSONS_PER_COMMIT).collect();
        let met = Mutex::new(BTreeSet::new());
        let each = |persons: &[Id]| {
            one_by_one_if_damaged(persons, |persons| {
                let stepped = server.turns.take(|| step(server, context, persons, day));
                if let ([person], Err(Failure::Store(error))) = (persons, &stepped)
                    && error.is_local
                {
                    let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
                    met.insert(person.clone());
                }
                stepped
            })
        };
        beside_each_other(&groups, each, |persons, versions| {
            done.versions += versions;
            done.persons += persons.len();
            progress(day, done);
        })?;
        damaged.append(&mut met.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Works on groups on all cores, so that some are worked out while others are written. `tell` is
/// told of each that is done, in this thread. After a failure no other group is begun.
///
/// # Errors
/// The first failure.
fn beside_each_other(
    groups: &[&[Id]],
    work: impl Fn(&[Id]) -> Result<usize, Failure> + Sync,
    mut tell: impl FnMut(&[Id], usize),
) -> Result<(), Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let (done, told) = channel();
    thread::scope(|scope| {
        for _ in 0..cores.min(groups.len()) {
            let (done, next, work) = (done.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens after a failure.
                    if done.send((*group, work(group))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for (group, made) in told {
            match made {
                Ok(versions) => tell(group, versions),
                Err(failure) => {
                    next.store(groups.len(), Ordering::Relaxed);
                    return Err(failure);
                }
            }
        }
        Ok(())
    })
}

/// Does something for persons together; if a record of one of them is damaged, for each by itself, so
/// that the others are served. Returns how many versions were written.
pub(super) fn one_by_one_if_damaged(
    persons: &[Id],
    mut work: impl FnMut(&[Id]) -> Result<usize, Failure>,
) -> Result<usize, Failure> {
    let is_damage = |failure: &Failure| match failure {
        Failure::Store(error) => error.is_local,
        _ => false,
    };
    match work(persons) {
        Err(failure) if is_damage(&failure) => {}
        done => return done,
    }
    let mut versions = 0;
    for person in persons {
        match work(std::slice::from_ref(person)) {
            Ok(written) => versions += written,
            Err(failure) if is_damage(&failure) => {
                tracing::error!("the rights of Patient/{person} stay as they are: {failure:?}");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(versions)
}

/// Makes the step of the calendar that is due for these persons, if one is. Answers whether there
/// was one: then what was gathered before is stale.
///
/// # Errors
/// As [`run`].
pub(in crate::interactions) fn catch_up<'a>(
    server: &Server,
    context: &Context,
    persons: impl Iterator<Item = &'a Id>,
    today: Date,
) -> Result<bool, Failure> {
    let persons: Vec<&Id> = persons.collect();
    let keys: Vec<ResourceKey> = persons.iter().map(|person| patient(person)).collect();
    if keys.is_empty() {
        return Ok(false);
    }
    let mut made = false;
    let timers = server.store.timers(&keys)?;
    for ((person, key), mut timer) in persons.into_iter().zip(&keys).zip(timers) {
        while let Some(day) = timer.filter(|day| *day <= today) {
            made = true;
            let made_step = step(server, context, std::slice::from_ref(person), day)?;
            if matches!(made_step, Attempted::Overtaken) {
                return Ok(made);
            }
            timer = server.store.timer(key)?;
        }
    }
    Ok(made)
}

/// Brings the Tasks of these persons to what they are on that day, on which their timers are due;
/// answers how many versions were written. Whoever writes
/// about a person makes the step as well: then the person's timer has moved on, and the step is not
/// made twice.
fn step(
    server: &Server,
    context: &Context,
    persons: &[Id],
    day: Date,
) -> Result<Attempted<usize>, Failure> {
    let waiting = due_on(server, persons, day)?;
    let mut gathering = Gathering::new(server);
    let gathered = gathering.rights(&waiting, &Pending::new())?;
    // Once more after the guards, which move if a timer does after this.
    if due_on(server, &waiting, day)?.len() < waiting.len() {
        return Ok(Attempted::Overtaken);
    }
    if waiting.is_empty() {
        Ok(Attempted::Done(0))
    } else {
        let as_of = AsOf {
            day,
            last_modified: start_of_day(day),
            recorded: context.now,
        };
        let derived = derived(&gathered, &server.rules, as_of);
        commit(server, context, gathering.into_preconditions(), derived)
    }
}

/// Returns those of the persons whose timers are due on that day.
fn due_on(server: &Server, persons: &[Id], day: Date) -> Result<Vec<Id>, Failure> {
    let keys: Vec<ResourceKey> = persons.iter().map(patient).collect();
    let timers = server.store.timers(&keys)?;
    let persons = persons.iter().zip(timers);
    let due = persons.filter(|(_, timer)| *timer == Some(day));
    Ok(due.map(|(person, _)| person.clone()).collect())
}

/// Commits what was derived and nothing else; answers how many versions were written.
pub(in crate::interactions) fn commit(
    server: &Server,
    context: &Context,
    preconditions: Vec<Precondition>,
    derived: Derived,
) -> Result<Attempted<usize>, Failure> {
    let versions = derived.writes.len();
    let (told, events) = (derived.told(), derived.events.len());
    let changes = ChangeSet {
        writes: derived.writes,
        preconditions,
        touches: derived.touches.into_iter().collect(),
        timers: derived.timers,
        events: derived.events,
        ..ChangeSet::at(context.now)
    };
    match server.store.commit(changes) {
        Ok(_) => {
            server.committed(events, &told);
            Ok(Attempted::Done(versions))
        }
        Err(CommitError::FactsMoved | CommitError::VersionMoved(_) | CommitError::GivenUp) => {
            Ok(Attempted::Overtaken)
        }
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
