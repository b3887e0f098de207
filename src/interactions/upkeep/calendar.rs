//! The calendar step (deadline-rules, section 7): at 00:00 in Copenhagen the Tasks whose next
//! change falls on that day change, found by their timers; after downtime every day missed is made
//! up for, in date order.

use jiff::civil::Date;

use crate::fhir::{Id, ResourceKey, ResourceType, start_of_day};
use crate::interactions::writing::derived::{AsOf, Derived, derived};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::pending::Pending;
use crate::interactions::writing::write_turns::Attempted;
use crate::interactions::{Context, Failure, Server};
use crate::storage::{ChangeSet, CommitError, Precondition};

/// The number of persons that share one commit.
pub(in crate::interactions) const PERSONS_PER_COMMIT: usize = 64;
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
    loop {
        let due = server.store.timers_due(today, TIMERS_PER_LOOK)?;
        let Some(first) = due.first() else {
            return Ok(done);
        };
        let day = first.day;
        let persons: Vec<Id> = due
            .into_iter()
            .take_while(|timer| timer.day == day)
            .map(|timer| timer.owner.id)
            .collect();
        for persons in persons.chunks(PERSONS_PER_COMMIT) {
            done.versions += server.turns.take(|| step(server, context, persons, day))?;
            done.persons += persons.len();
            progress(day, done);
        }
    }
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
    let mut made = false;
    for person in persons {
        let key = ResourceKey::new(ResourceType::Patient, person.clone());
        while let Some(day) = server.store.timer(&key)?.filter(|day| *day <= today) {
            made = true;
            let made_step = step(server, context, std::slice::from_ref(person), day)?;
            if matches!(made_step, Attempted::Overtaken) {
                return Ok(made);
            }
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
    let mut due = Vec::new();
    for person in persons {
        if server
            .store
            .timer(&ResourceKey::new(ResourceType::Patient, person.clone()))?
            == Some(day)
        {
            due.push(person.clone());
        }
    }
    Ok(due)
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
