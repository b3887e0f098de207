//! The servers that are read: their file and keys, and the pollers that run while the server does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::clock::ServerClock;
use super::exit_error::ExitError;
use crate::interactions::Server;
use crate::subscriptions::delivery::Pace;
use crate::upstream::{FhirClient, Poller, PollerParts, Upstream, read};

/// The longest pause after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Reads the file of `--upstream`, and the keys and certificates that it names.
///
/// # Errors
/// What is wrong with any of them.
pub(super) fn prepare(file: Option<&Path>) -> Result<Vec<(Upstream, FhirClient)>, ExitError> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let wrong = |why: String| ExitError::usage(format!("--upstream {}: {why}", file.display()));
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    // Names in the file are those beside it.
    let beside = |path: &PathBuf| {
        let path = file
            .parent()
            .map_or(path.clone(), |folder| folder.join(path));
        fs::read(&path).map_err(|error| wrong(format!("{}: {error}", path.display())))
    };
    let upstreams = read(&text).map_err(wrong)?;
    let prepared = upstreams.into_iter().map(|upstream| {
        let key = upstream
            .auth
            .as_ref()
            .map(|auth| beside(&auth.key))
            .transpose()?;
        let authorities = upstream.authorities.as_ref().map(beside).transpose()?;
        let client = FhirClient::new(&upstream, key.as_deref(), authorities.as_deref())
            .map_err(|why| wrong(format!("{}: {why}", upstream.name)))?;
        Ok((upstream, client))
    });
    prepared.collect()
}

/// Makes the pollers of what was prepared.
pub(super) fn pollers(
    prepared: Vec<(Upstream, FhirClient)>,
    server: &Arc<Server>,
    clock: ServerClock,
) -> Vec<Arc<Poller>> {
    let poller = |(upstream, client)| {
        Arc::new(Poller::new(PollerParts {
            upstream,
            client,
            server: Arc::clone(server),
            now: Arc::new(move || clock.context()),
            pace: Pace {
                longest_retry: LONGEST_RETRY,
                ..Pace::default()
            },
        }))
    };
    prepared.into_iter().map(poller).collect()
}
