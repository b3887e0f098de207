//! Everyone's rights derived anew, when what they are derived by is no longer what it was: other
//! rules, another code table, another table of general practices, another way of deriving
//! (deadline-rules, section 1).
//!
//! The store remembers by two guards what the last derivation was made by. `derived` moves when one
//! begins and when it ends, `derived-by/<what>` only when it ends, in the same commit: both stand
//! at one position exactly if it came to its end and none began since. So a derivation that was cut
//! short is made again, whatever the server is started with next.

use jiff::civil::Date;

use super::calendar::{PERSONS_PER_COMMIT, Progress, commit, one_by_one_if_damaged};
use crate::deadlines::{self, PracticeTable, Rules};
use crate::fhir::{Id, ResourceType};
use crate::interactions::writing::derived::{AsOf, Derived, derived};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::guards;
use crate::interactions::writing::pending::Pending;
use crate::interactions::writing::write_turns::Attempted;
use crate::interactions::{Context, Failure, Server};
use crate::search::SearchQuery;
use crate::storage::{Guard, Position};

/// Puts another table of general practices in the place of the one before, while the server serves,
/// and derives everyone's rights anew if it says something else of anyone.
///
/// # Errors
/// Of the store, or `Busy` if others never cease to write the same persons: the table is in force,
/// and what is not derived yet is derived at the next start.
pub fn replace_practices(
    server: &Server,
    context: &Context,
    table: PracticeTable,
) -> Result<Progress, Failure> {
    server.set_practices(table);
    bring_up_to_date(server, context)
}

/// Derives everyone's rights as of today, unless the stored ones were derived by the same rules,
/// tables and way of deriving.
///
/// # Errors
/// Of the store, or `Busy` if others never cease to write the same persons.
pub fn bring_up_to_date(server: &Server, context: &Context) -> Result<Progress, Failure> {
    bring_up_to_date_telling(server, context, &mut |_, _| {})
}

/// Does as [`bring_up_to_date`]; `progress` is told how many persons of how many are done.
///
/// # Errors
/// As [`bring_up_to_date`].
pub fn bring_up_to_date_telling(
    server: &Server,
    context: &Context,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Progress, Failure> {
    if is_up_to_date(server, &server.rules)? {
        return Ok(Progress::default());
    }
    let (derived, by_these) = (Guard("derived".into()), derived_by(server, &server.rules));
    // Who gathered by another table of practices, and has not committed yet, gathers again.
    touch(server, context, [derived.clone(), guards::practices()])?;
    let done = derive_all(server, context, progress)?;
    touch(server, context, [derived, by_these])?;
    Ok(done)
}

/// Tells whether the stored rights were derived by these rules, and by the tables and the way of
/// deriving of this server.
///
/// # Errors
/// Of the store.
pub(super) fn is_up_to_date(server: &Server, rules: &Rules) -> Result<bool, Failure> {
    let guards = [Guard("derived".into()), derived_by(server, rules)];
    let positions = server.store.guard_positions(&guards)?;
    Ok(positions[0] == positions[1] && positions[0] != Position::default())
}

/// Returns the guard whose name tells what rights are derived by.
fn derived_by(server: &Server, rules: &Rules) -> Guard {
    Guard(format!(
        "derived-by/{}",
        deadlines::fingerprint(rules, &server.groups, &server.practices())
    ))
}

fn touch<const N: usize>(
    server: &Server,
    context: &Context,
    guards: [Guard; N],
) -> Result<(), Failure> {
    commit(
        server,
        context,
        Vec::new(),
        Derived {
            touches: guards.into(),
            ..Derived::default()
        },
    )
    .map(drop)
}

fn derive_all(
    server: &Server,
    context: &Context,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Progress, Failure> {
    let today = server.today(context);
    let mut done = Progress::default();
    let patients = server
        .store
        .search_keys(&SearchQuery::all(ResourceType::Patient, Vec::new()))?;
    let all = patients.len();
    for patients in patients.chunks(PERSONS_PER_COMMIT) {
        let persons: Vec<Id> = patients.iter().map(|patient| patient.id.clone()).collect();
        done.versions += one_by_one_if_damaged(&persons, |persons| {
            server
                .turns
                .take(|| derive_anew(server, context, persons, today))
        })?;
        done.persons += persons.len();
        progress(done.persons, all);
    }
    Ok(done)
}

fn derive_anew(
    server: &Server,
    context: &Context,
    persons: &[Id],
    today: Date,
) -> Result<Attempted<usize>, Failure> {
    let mut gathering = Gathering::new(server);
    let gathered = gathering.rights(persons, &Pending::new())?;
    let as_of = AsOf {
        day: today,
        last_modified: context.now,
        recorded: context.now,
    };
    let derived = derived(&gathered, &server.rules, as_of);
    commit(server, context, gathering.into_preconditions(), derived)
}
