//! `frist verify`: everything in a data folder is checked, and nothing of it is changed.

use std::path::Path;

use jiff::Timestamp;

use super::exit_error::ExitError;
use super::log::say;
use super::offline::{OfflineServer, open_existing};
use super::progress::counting_bar;
use crate::config::VerifyOptions;
use crate::deadlines::Rules;
use crate::fhir::counted;
use crate::interactions::Failure;
use crate::interactions::upkeep::reindex::indexing;
use crate::interactions::upkeep::verification::{Recomputed, recompute};
use crate::storage::{Position, Verified};

/// Checks a data folder and tells what is wrong; returns true if nothing is.
pub(super) fn run(options: &VerifyOptions) -> Result<bool, ExitError> {
    let store = open_existing(&options.data, options.folder)?;
    let failed = |error: crate::storage::StoreError| ExitError::failed(error.to_string());
    let (position, instant) = store.last_commit().map_err(failed)?;
    let mut bar = None;
    let Verified {
        mut findings,
        records,
        unnamed,
        is_index_current,
    } = store.check(indexing(), &mut |done, about| {
        let bar = bar.get_or_insert_with(|| counting_bar("Checking", about, "records"));
        bar.set_position(done);
    });
    let mut notes = Vec::new();
    let OfflineServer { server, context } = OfflineServer::over(
        store,
        Rules::shipped().clone(),
        options.practices.as_deref(),
    )?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mut bar = None;
    // What is found by entries of other definitions is not all that there is.
    let done = if is_index_current {
        recompute(&server, &context, &mut |done, all| {
            let bar =
                bar.get_or_insert_with(|| counting_bar("Computing rights", all as u64, "persons"));
            bar.set_position(done as u64);
        })
    } else {
        Ok(None)
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    take(done, &mut findings, &mut notes);
    let until = commit(position, instant);
    Ok(tell(
        &options.data,
        &until,
        records,
        &findings,
        unnamed,
        &notes,
    ))
}

/// Adds what the recomputation found.
fn take(
    done: Result<Option<Recomputed>, Failure>,
    findings: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    match done {
        Ok(Some(Recomputed {
            findings: of_tasks,
            persons,
            owed,
        })) => {
            findings.extend(of_tasks);
            notes.push(format!("the rights of {} computed again", counted(persons, "person")));
            if owed > 0 {
                notes.push(format!("{} due for a calendar step", counted(owed, "person")));
            }
        }
        Ok(None) => notes.push(
            "rights not computed again, because they were derived by other tables (--practices), or by another program, or their search index is to be made anew"
                .to_owned(),
        ),
        Err(Failure::Store(error)) => findings.push(error.to_string()),
        Err(failure) => findings.push(format!("the rights cannot be computed: {failure:?}")),
    }
}

/// Tells what was found; returns true if nothing was.
fn tell(
    data: &Path,
    until: &str,
    records: u64,
    findings: &[String],
    unnamed: u64,
    notes: &[String],
) -> bool {
    for finding in findings {
        say(format_args!("{finding}"));
    }
    if unnamed > 0 {
        say(format_args!(
            "… and {}.",
            counted(unnamed, "further finding")
        ));
    }
    let (data, notes) = (data.display(), notes.join(", "));
    let count = counted(records, "record");
    let wrong = findings.len() as u64 + unnamed;
    if wrong == 0 {
        say(format_args!(
            "{data} is whole and complete to {until}: {count}, {notes}."
        ));
    } else {
        let wrong = counted(wrong, "finding");
        say(format_args!(
            "{data} is damaged: {wrong}; its last commit is {until}: {count}, {notes}."
        ));
    }
    wrong == 0
}

/// Names a commit.
fn commit(position: Position, instant: Option<Timestamp>) -> String {
    let instant = instant.map_or("never".to_owned(), |instant| instant.to_string());
    format!("commit {} of {instant}", position.0)
}
