//! Everyone's rights derived anew, when what they are derived by is no longer what it was: other
//! rules, another code table, another table of general practices, another way of deriving
//! (deadline-rules, section 1).
//!
//! The store remembers by two guards what the last derivation was made by. `derived` moves when one
//! begins and when it ends, `derived-by/<what>` only when it ends, in the same commit: both stand
//! at one position exactly if it came to its end and none began since. So a derivation that was cut
//! short is made again, whatever the server is started with next.

use jiff::civil::Date;

use super::calendar::{PERSONS_PER_COMMIT, Progress, commit};
use crate::deadlines::{self, PracticeTable};
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
    let (derived, by_these) = (Guard("derived".into()), derived_by(server));
    if let [at, by_these_at] = server
        .store
        .guard_positions(&[derived.clone(), by_these.clone()])?[..]
        && at == by_these_at
        && at != Position::default()
    {
        return Ok(Progress::default());
    }
    // Who gathered by another table of practices, and has not committed yet, gathers again.
    touch(server, context, [derived.clone(), guards::practices()])?;
    let done = derive_all(server, context)?;
    touch(server, context, [derived, by_these])?;
    Ok(done)
}

/// Returns the guard whose name tells what rights are derived by.
fn derived_by(server: &Server) -> Guard {
    Guard(format!(
        "derived-by/{}",
        deadlines::fingerprint(&server.rules, &server.groups, &server.practices())
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

fn derive_all(server: &Server, context: &Context) -> Result<Progress, Failure> {
    let today = server.today(context);
    let mut done = Progress::default();
    let patients = server
        .store
        .search_keys(&SearchQuery::all(ResourceType::Patient, Vec::new()))?;
    for patients in patients.chunks(PERSONS_PER_COMMIT) {
        let persons: Vec<Id> = patients.iter().map(|patient| patient.id.clone()).collect();
        done.versions += server
            .turns
            .take(|| derive_anew(server, context, &persons, today))?;
        done.persons += persons.len();
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
