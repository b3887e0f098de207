//! The invented population of `frist demo`.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::exit_error::ExitError;
use super::log::announce as say;
use super::ready::ReadyServer;
use crate::demo::Population;
use crate::fhir::{Resource, ResourceType, copenhagen_date, counted};
use crate::interactions::transaction;
use crate::search::SearchQuery;

/// Sends an invented population through the same door as any client's data.
pub(super) fn fill(ready: &ReadyServer, patients: usize, seed: u64) -> Result<(), ExitError> {
    let query = SearchQuery {
        count: 0,
        ..SearchQuery::all(ResourceType::Patient, Vec::new())
    };
    let found = ready
        .server
        .store
        .search(&query, None)
        .map_err(|error| ExitError::failed(error.to_string()))?
        .total;
    if found > 0 {
        say(format_args!(
            "The data folder holds {} already: nothing is added.",
            counted(found, "person")
        ));
        return Ok(());
    }
    let population = Population {
        size: patients,
        seed,
        today: copenhagen_date(ready.clock.now()),
    };
    let send = |bundle: Value| {
        let bundle = Resource::from_value(bundle).map_err(|issue| ExitError::failed(issue.text))?;
        transaction::process(&ready.server, &ready.clock.context(), &bundle)
            .map(drop)
            .map_err(ExitError::from)
    };
    send(Population::organizations())?;
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} persons, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(patients as u64)
        .with_style(style)
        .with_message("Inventing");
    for story in population.persons() {
        for bundle in story.bundles {
            send(bundle)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(format_args!("Invented {}.", counted(patients, "person")));
    Ok(())
}
