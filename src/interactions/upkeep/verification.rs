//! Checking that what is stored is what would be derived from it: Tasks against a recomputation. What the
//! store itself can tell, it checks by itself.

use super::calendar::PERSONS_PER_COMMIT;
use super::derivation;
use super::rules_change::rules_of_store;
use crate::deadlines::Rules;
use crate::fhir::{Id, ResourceKey, ResourceType};
use crate::interactions::writing::derived::{AsOf, derived};
use crate::interactions::writing::gathering::Gathering;
use crate::interactions::writing::pending::Pending;
use crate::interactions::{Context, Failure, Server};
use crate::search::SearchQuery;

/// The recomputation of all Tasks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recomputed {
    /// The findings, a line each.
    pub findings: Vec<String>,
    /// The number of persons whose rights were computed again.
    pub persons: usize,
    /// The number of persons whom the calendar owes a step: their Tasks are behind by right.
    pub owed: usize,
}

/// Computes the Tasks of all persons again, as of the day of the last commit. None if they were derived
/// by something else than this server derives by, so that they may differ.
///
/// # Errors
/// Of the store.
pub fn recompute(
    server: &Server,
    context: &Context,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<Recomputed>, Failure> {
    let rules = rules_of_store(server)?.unwrap_or_else(|| server.rules.clone());
    if !derivation::is_up_to_date(server, &rules)? {
        return Ok(None);
    }
    let patients = server
        .store
        .search_keys(&SearchQuery::all(ResourceType::Patient, Vec::new()))?;
    let mut done = Recomputed::default();
    for some in patients.chunks(PERSONS_PER_COMMIT) {
        match look(server, context, &rules, some, &mut done) {
            Ok(()) => {}
            // One of them cannot be read: the others can.
            Err(_) if some.len() > 1 => {
                for one in some {
                    if let Err(failure) = look(
                        server,
                        context,
                        &rules,
                        std::slice::from_ref(one),
                        &mut done,
                    ) {
                        done.findings.push(format!(
                            "the rights of {one} cannot be computed: {}",
                            reason(failure)
                        ));
                    }
                }
            }
            Err(failure) => done.findings.push(format!(
                "the rights of {} cannot be computed: {}",
                some[0],
                reason(failure)
            )),
        }
        progress(done.persons, patients.len());
    }
    Ok(Some(done))
}

fn reason(failure: Failure) -> String {
    match failure {
        Failure::Store(error) => error.to_string(),
        other => format!("{other:?}"),
    }
}

fn look(
    server: &Server,
    context: &Context,
    rules: &Rules,
    persons: &[ResourceKey],
    done: &mut Recomputed,
) -> Result<(), Failure> {
    let today = server.today(context);
    let mut ids: Vec<Id> = Vec::new();
    let mut owed = 0;
    for person in persons {
        match server.store.timer(person)? {
            Some(day) if day <= today => owed += 1,
            _ => ids.push(person.id.clone()),
        }
    }
    let gathered = Gathering::new(server).rights(&ids, &Pending::new())?;
    let as_of = AsOf {
        day: today,
        last_modified: context.now,
        recorded: context.now,
    };
    let derived = derived(&gathered, rules, as_of);
    for write in derived.writes {
        if write.key.resource_type == ResourceType::Task {
            done.findings.push(format!(
                "{}: it is not what follows from the stored facts on {today}",
                write.key
            ));
        }
    }
    for timer in derived.timers {
        if server.store.timer(&timer.owner)? != timer.day {
            let day = timer.day.map_or("none".to_owned(), |day| day.to_string());
            done.findings.push(format!(
                "the timer of {}: expected {day} from the stored facts",
                timer.owner
            ));
        }
    }
    done.persons += persons.len();
    done.owed += owed;
    Ok(())
}
