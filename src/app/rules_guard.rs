//! Guarding the rules: others than those by which the rights of a folder were derived are put in force
//! only by whoever was told what they change.

use super::exit_error::ExitError;
use super::log::say;
use super::offline::{OfflineServer, existing};
use super::packages;
use super::progress::counting_bar;
use super::reindex::open_store;
use crate::config::RulesDiffOptions;
use crate::fhir::counted;
use crate::interactions::upkeep::rules_change::{self, RulesEffect};
use crate::interactions::{Context, Failure, Server};
use crate::storage::embedded::StoreOptions;

/// A reason why a server does not become ready.
pub(super) enum NotReady {
    /// Something failed.
    Failed(Failure),
    /// It is not meant to, with these options.
    Refused(ExitError),
}

impl From<Failure> for NotReady {
    fn from(failure: Failure) -> Self {
        NotReady::Failed(failure)
    }
}

impl From<NotReady> for ExitError {
    fn from(not_ready: NotReady) -> Self {
        match not_ready {
            NotReady::Failed(failure) => failure.into(),
            NotReady::Refused(stop) => stop,
        }
    }
}

/// Refuses a start by other rules than those of the folder, unless that is meant.
pub(super) fn guard(server: &Server, context: &Context, is_accepted: bool) -> Result<(), NotReady> {
    let Some(effect) = look(server, context)? else {
        return Ok(());
    };
    for line in effect.changes.lines() {
        tracing::warn!("the rules differ from those of the data folder: {line}");
    }
    let told = sum(&effect);
    if is_accepted {
        tracing::warn!("{told}: accepted");
        return Ok(());
    }
    Err(NotReady::Refused(ExitError::failed(format!(
        "the rules differ from those by which the rights of the data folder were derived: {told}; start with --accept-rules to derive by them, or with the rules of before ({})",
        effect.changes.lines().join("; ")
    ))))
}

fn look(server: &Server, context: &Context) -> Result<Option<RulesEffect>, Failure> {
    let mut bar = None;
    let effect = rules_change::foresee(server, context, &mut |done, all| {
        let bar = bar.get_or_insert_with(|| counting_bar("Comparing rules", all as u64, "persons"));
        bar.set_position(done as u64);
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    effect
}

fn sum(effect: &RulesEffect) -> String {
    let rights = counted(effect.total(), "right");
    let persons = counted(effect.persons, "person");
    if effect.total() == 0 {
        format!("{rights} of {persons} would change")
    } else {
        format!("{rights} of {persons} would change ({})", effect.told())
    }
}

/// Tells which rights other rules would change; returns true if none.
pub(super) fn diff(options: &RulesDiffOptions) -> Result<bool, ExitError> {
    let (rules, _) = packages::rules_and_definitions(options.rules.as_deref())?;
    existing(&options.data)?;
    let store = open_store(
        &options.data,
        options.folder.engine,
        StoreOptions::default(),
    )?;
    let OfflineServer { server, context } =
        OfflineServer::over(store, rules, options.practices.as_deref())?;
    let Some(effect) = look(&server, &context)? else {
        say(format_args!("The rules are those of the data folder."));
        return Ok(true);
    };
    for line in effect.changes.lines() {
        say(format_args!("{line}"));
    }
    say(format_args!("{}.", sum(&effect)));
    Ok(effect.total() == 0)
}
